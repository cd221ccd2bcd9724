//! Files on their way to the office that are no blobs: carried bundles, while they are uploaded and looked at.
//!
//! A parcel has a name that whoever sends it chose, and lies in pieces beside the blobs, under `parcel/NAME/OFFSET`, so
//! that any instance of the office goes on where another stopped. A piece that was answered is on the disk; repeating one
//! changes nothing. What nobody fetches is swept away.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use crate::blobs::{Appended, BlobError, Blobs};

/// How long a parcel is kept that nobody continues or opens.
pub const PARCEL_KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);

/// One parcel. Cheap to clone.
#[derive(Clone)]
pub struct Parcel {
    blobs: Blobs,
    name: String,
}

impl Parcel {
    /// The parcel with this name, which holds nothing until something was appended. Only letters, digits and `-` of the
    /// name count, so that no name leaves the place of parcels.
    pub fn new(blobs: &Blobs, name: &str) -> Self {
        let name = name.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-').collect();
        Self { blobs: blobs.clone(), name }
    }

    /// How much of it is here.
    ///
    /// # Errors
    /// [`BlobError::Store`].
    pub async fn size(&self) -> Result<u64, BlobError> {
        Ok(self.pieces().await?.last_key_value().map_or(0, |(start, size)| start + size))
    }

    /// Appends a piece that begins at `offset`.
    ///
    /// # Errors
    /// [`BlobError::Store`].
    pub async fn append(&self, offset: u64, piece: Bytes) -> Result<Appended, BlobError> {
        let stands = self.size().await?;
        if offset != stands {
            return Ok(Appended::Elsewhere(stands));
        }
        let end = offset + piece.len() as u64;
        if !piece.is_empty() {
            self.blobs.objects().put(&self.path(offset), piece.into()).await?;
        }
        Ok(Appended::At(end))
    }

    /// The pieces in order: where each begins, and its size.
    ///
    /// # Errors
    /// [`BlobError::Store`].
    pub async fn pieces(&self) -> Result<BTreeMap<u64, u64>, BlobError> {
        let folder = Path::from(format!("parcel/{}", self.name));
        let found: Vec<_> = self.blobs.objects().list(Some(&folder)).try_collect().await?;
        let mut pieces: BTreeMap<u64, u64> = BTreeMap::new();
        for piece in found {
            if let Some(start) = piece.location.filename().and_then(|name| name.parse().ok()) {
                pieces.insert(start, piece.size);
            }
        }
        let mut end = 0;
        pieces.retain(|start, size| {
            let follows = *start == end;
            end += if follows { *size } else { 0 };
            follows
        });
        Ok(pieces)
    }

    /// One piece.
    ///
    /// # Errors
    /// [`BlobError::Missing`], [`BlobError::Store`].
    pub async fn piece(&self, start: u64) -> Result<Bytes, BlobError> {
        Ok(self.blobs.objects().get(&self.path(start)).await?.bytes().await?)
    }

    /// Throws it away.
    ///
    /// # Errors
    /// [`BlobError::Store`].
    pub async fn remove(&self) -> Result<(), BlobError> {
        // From the end, so that what is left of an interrupted removal is a beginning that can be continued.
        for start in self.pieces().await?.into_keys().rev() {
            self.blobs.objects().delete(&self.path(start)).await?;
        }
        Ok(())
    }

    fn path(&self, start: u64) -> Path {
        Path::from(format!("parcel/{}/{start:012}", self.name))
    }
}

/// Removes the pieces of parcels that nobody continued or opened for `kept`, and returns how many there were.
///
/// # Errors
/// [`BlobError::Store`].
#[expect(clippy::disallowed_methods, reason = "the store's own times are the system's")]
pub async fn sweep(blobs: &Blobs, kept: Duration) -> Result<u64, BlobError> {
    let oldest = chrono::Utc::now() - kept;
    let pieces: Vec<_> = blobs.objects().list(Some(&Path::from("parcel"))).try_collect().await?;
    let mut count = 0;
    for piece in pieces.into_iter().filter(|piece| piece.last_modified < oldest) {
        blobs.objects().delete(&piece.location).await?;
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_parcel_goes_on_where_it_stands_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::in_folder(folder.path()).unwrap();
        let parcel = Parcel::new(&blobs, "../../a-1");

        assert_eq!(parcel.append(0, Bytes::from_static(b"one ")).await.unwrap(), Appended::At(4));
        assert_eq!(parcel.append(0, Bytes::from_static(b"one ")).await.unwrap(), Appended::Elsewhere(4));
        assert_eq!(parcel.append(4, Bytes::from_static(b"two")).await.unwrap(), Appended::At(7));
        assert_eq!(parcel.piece(4).await.unwrap(), b"two".as_slice());
        assert!(folder.path().join("parcel/a-1").exists(), "no name leaves its place");

        assert_eq!(sweep(&blobs, PARCEL_KEPT).await.unwrap(), 0);
        parcel.remove().await.unwrap();
        assert_eq!(parcel.size().await.unwrap(), 0);
    }
}
