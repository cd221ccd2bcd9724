//! Photos and files, by the hash of their content, in an object store: a folder of files by default.
//!
//! Promises: a blob becomes visible under `blob/HASH` only after its SHA-256 and size were verified; a chunk that was
//! answered is on the disk; an upload is resumed where it stands, after any crash, and repeating a chunk changes
//! nothing. Chunks wait under `upload/DEVICE/HASH/OFFSET`. Knowing a hash gives nothing: who may read a blob is decided
//! by the records, and an attachment counts as arrived only once *its* author sent the content (`through/ATTACHMENT`).
//!
//! Records never wait for anything here, and nothing here knows the database.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fieldsync_protocol::limits::{BLOB_BYTES_MAX, CHUNK_BYTES};
use fieldsync_protocol::{DeviceId, Hash, RecordId};
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, WriteMultipart};
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, MutexGuard};

/// Part of a large object written at once: the least that S3-compatible stores accept.
const PART_BYTES: usize = 5_242_880;
/// Uploads of one hash take turns; different hashes rarely share one of these.
const TURNS: usize = 64;
/// How long chunks of an upload that nobody continues are kept. A technician may be away for weeks.
pub const UPLOAD_KEPT: Duration = Duration::from_secs(90 * 24 * 3_600);

/// Bytes that the unfinished uploads of one device may come to: months of photos, and no way to fill a disk.
pub const UNFINISHED_BYTES_MAX: u64 = 1 << 30;

/// Why a blob could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no such blob, or it has not arrived whole.
    #[error("find the blob")]
    Missing,
    /// What arrived is not what the hash or the size says. Nothing of it is kept.
    #[error("match the content with its hash and size")]
    WrongContent,
    /// Larger than a blob, or a chunk of one, may be.
    #[error("store a blob this large")]
    TooLarge,
    /// The device has left too many uploads unfinished. It may go on with those.
    #[error("begin another upload of a device with so many unfinished ones")]
    TooManyUnfinished,
    /// The disk is full: what was stored stays, try again when there is space.
    #[error("write to the disk: it is full")]
    Full,
    /// The object store failed.
    #[error("use the store of blobs")]
    Store(#[source] object_store::Error),
}

impl From<object_store::Error> for BlobError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Missing,
            other if is_full(&other) => Self::Full,
            other => Self::Store(other),
        }
    }
}

/// Whether a full disk is behind an error.
fn is_full(error: &object_store::Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return matches!(io.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded);
        }
        source = cause.source();
    }
    false
}

/// What became of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is in; the upload stands at this offset now.
    At(u64),
    /// It does not continue the upload, which stands at this offset.
    Elsewhere(u64),
}

/// The store of blobs. Cheap to clone.
#[derive(Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    turns: Arc<[Mutex<()>; TURNS]>,
    unfinished_max: u64,
}

impl Blobs {
    /// Blobs in an object store.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        let turns = Arc::new(std::array::from_fn(|_| Mutex::new(())));
        Self { store, turns, unfinished_max: UNFINISHED_BYTES_MAX }
    }

    /// The same store with another bound on what one device may leave unfinished.
    pub fn with_unfinished_max(self, bytes: u64) -> Self {
        Self { unfinished_max: bytes, ..self }
    }

    /// Blobs as files below `folder`, which must be there.
    ///
    /// # Errors
    /// [`BlobError::Store`] when the folder cannot be used.
    pub fn in_folder(folder: &FilePath) -> Result<Self, BlobError> {
        let files = LocalFileSystem::new_with_prefix(folder).map_err(BlobError::Store)?.with_fsync(true);
        Ok(Self::new(Arc::new(files)))
    }

    /// The store itself, for what lies beside the blobs.
    pub(crate) fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// How much of a blob this device has uploaded.
    ///
    /// # Errors
    /// [`BlobError::Store`].
    pub async fn offset(&self, device: DeviceId, hash: &Hash) -> Result<u64, BlobError> {
        Ok(self.chunks(device, hash).await?.last_key_value().map_or(0, |(start, size)| start + size))
    }

    /// Appends a chunk that starts at `offset` of a blob of `size` bytes. When the blob is complete, it must be
    /// [`Blobs::finish`]ed.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`] beyond the limits, [`BlobError::WrongContent`] beyond the size,
    /// [`BlobError::TooManyUnfinished`] for the first chunk of one upload too many, [`BlobError::Full`],
    /// [`BlobError::Store`].
    pub async fn append(
        &self,
        device: DeviceId,
        hash: &Hash,
        offset: u64,
        size: u64,
        chunk: Bytes,
    ) -> Result<Appended, BlobError> {
        if size > BLOB_BYTES_MAX || chunk.len() > CHUNK_BYTES {
            return Err(BlobError::TooLarge);
        }
        let _turn = self.turn(hash).await;
        let stands = self.offset(device, hash).await?;
        if offset != stands {
            return Ok(Appended::Elsewhere(stands));
        }
        let end = offset + chunk.len() as u64;
        if end > size || (chunk.is_empty() && size > 0) {
            return Err(BlobError::WrongContent);
        }
        if offset == 0 && self.unfinished(device).await? + size > self.unfinished_max {
            return Err(BlobError::TooManyUnfinished);
        }
        if !chunk.is_empty() {
            self.store.put(&chunk_path(device, hash, offset), chunk.into()).await?;
        }
        Ok(Appended::At(end))
    }

    /// Verifies what a device uploaded and makes it visible; the chunks are gone afterwards, whatever the verdict.
    /// Doing it twice, or after a crash in between, comes to the same.
    ///
    /// # Errors
    /// [`BlobError::WrongContent`] when hash or size do not fit: the upload starts over. [`BlobError::Store`].
    pub async fn finish(&self, device: DeviceId, hash: &Hash, size: u64) -> Result<(), BlobError> {
        let _turn = self.turn(hash).await;
        let chunks = self.chunks(device, hash).await?;
        let target = blob_path(hash);
        let mut writer = WriteMultipart::new_with_chunk_size(self.store.put_multipart(&target).await?, PART_BYTES);
        let mut hasher = Sha256::new();
        let mut length = 0;
        for start in chunks.keys() {
            let chunk = self.store.get(&chunk_path(device, hash, *start)).await?.bytes().await?;
            hasher.update(&chunk);
            length += chunk.len() as u64;
            writer.put(chunk);
        }
        let is_right = length == size && Hash(hasher.finalize().into()) == *hash;
        if is_right {
            writer.finish().await?;
        } else {
            writer.abort().await?;
        }
        for start in chunks.keys() {
            self.store.delete(&chunk_path(device, hash, *start)).await?;
        }
        if is_right { Ok(()) } else { Err(BlobError::WrongContent) }
    }

    /// Stores a blob of the office's own.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`], [`BlobError::Store`].
    pub async fn put(&self, content: Bytes) -> Result<Hash, BlobError> {
        if content.len() as u64 > BLOB_BYTES_MAX {
            return Err(BlobError::TooLarge);
        }
        let hash = Hash::sha256(&content);
        self.store.put(&blob_path(&hash), content.into()).await?;
        Ok(hash)
    }

    /// The size of a blob that is visible; `None` when there is none.
    ///
    /// # Errors
    /// [`BlobError::Store`].
    pub async fn size(&self, hash: &Hash) -> Result<Option<u64>, BlobError> {
        match self.store.head(&blob_path(hash)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The whole content of a blob.
    ///
    /// # Errors
    /// [`BlobError::Missing`], [`BlobError::Store`].
    pub async fn read(&self, hash: &Hash) -> Result<Bytes, BlobError> {
        Ok(self.store.get(&blob_path(hash)).await?.bytes().await?)
    }

    /// A part of a blob as a stream, so that a large one is never held in memory. The range must not be empty and not
    /// start beyond the end.
    ///
    /// # Errors
    /// [`BlobError::Missing`], [`BlobError::Store`].
    pub async fn stream(
        &self,
        hash: &Hash,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, object_store::Result<Bytes>>, BlobError> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        Ok(self.store.get_opts(&blob_path(hash), options).await?.into_stream())
    }

    /// Whether a visible blob still is what its hash says.
    ///
    /// # Errors
    /// [`BlobError::Missing`], [`BlobError::Store`].
    pub async fn is_intact(&self, hash: &Hash) -> Result<bool, BlobError> {
        let mut stream = self.store.get(&blob_path(hash)).await?.into_stream();
        let mut hasher = Sha256::new();
        while let Some(part) = stream.try_next().await? {
            hasher.update(&part);
        }
        Ok(Hash(hasher.finalize().into()) == *hash)
    }

    /// Notes that the author of an attachment proved to have its content.
    ///
    /// # Errors
    /// [`BlobError::Store`].
    pub async fn prove(&self, attachment: RecordId, hash: &Hash) -> Result<(), BlobError> {
        self.store.put(&proof_path(attachment), hash.to_string().into()).await?;
        Ok(())
    }

    /// Whether the author of an attachment proved to have the content with this hash.
    ///
    /// # Errors
    /// [`BlobError::Store`].
    pub async fn is_proved(&self, attachment: RecordId, hash: &Hash) -> Result<bool, BlobError> {
        match self.store.get(&proof_path(attachment)).await {
            Ok(found) => Ok(found.bytes().await? == hash.to_string().as_bytes()),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a blob; one that is not there is deleted already.
    ///
    /// # Errors
    /// [`BlobError::Store`].
    pub async fn delete(&self, hash: &Hash) -> Result<(), BlobError> {
        let _turn = self.turn(hash).await;
        match self.store.delete(&blob_path(hash)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(BlobError::Store(error)),
        }
    }

    /// Removes the chunks of uploads that nobody continued for `kept`, and returns how many there were.
    ///
    /// # Errors
    /// [`BlobError::Store`].
    #[expect(clippy::disallowed_methods, reason = "the store's own times are the system's")]
    pub async fn sweep(&self, kept: Duration) -> Result<u64, BlobError> {
        let oldest = chrono::Utc::now() - kept;
        let chunks: Vec<_> = self.store.list(Some(&Path::from("upload"))).try_collect().await?;
        let mut count = 0;
        for chunk in chunks.into_iter().filter(|chunk| chunk.last_modified < oldest) {
            self.store.delete(&chunk.location).await?;
            count += 1;
        }
        Ok(count)
    }

    /// Bytes of the chunks of all uploads that a device has begun and not finished.
    async fn unfinished(&self, device: DeviceId) -> Result<u64, BlobError> {
        let chunks = self.store.list(Some(&Path::from(format!("upload/{device}"))));
        Ok(chunks.try_fold(0, |sum, chunk| async move { Ok(sum + chunk.size) }).await?)
    }

    /// The chunks that follow one another from the beginning: start and size.
    async fn chunks(&self, device: DeviceId, hash: &Hash) -> Result<BTreeMap<u64, u64>, BlobError> {
        let found: Vec<_> = self.store.list(Some(&upload_path(device, hash))).try_collect().await?;
        let mut all: BTreeMap<u64, u64> = BTreeMap::new();
        for chunk in found {
            if let Some(start) = chunk.location.filename().and_then(|name| name.parse().ok()) {
                all.insert(start, chunk.size);
            }
        }
        let mut end = 0;
        all.retain(|start, size| {
            let follows = *start == end;
            end += if follows { *size } else { 0 };
            follows
        });
        Ok(all)
    }

    async fn turn(&self, hash: &Hash) -> MutexGuard<'_, ()> {
        self.turns[usize::from(hash.0[0]) % TURNS].lock().await
    }
}

fn upload_path(device: DeviceId, hash: &Hash) -> Path {
    Path::from(format!("upload/{device}/{hash}"))
}

fn chunk_path(device: DeviceId, hash: &Hash, offset: u64) -> Path {
    Path::from(format!("upload/{device}/{hash}/{offset:012}"))
}

fn blob_path(hash: &Hash) -> Path {
    Path::from(format!("blob/{hash}"))
}

fn proof_path(attachment: RecordId) -> Path {
    Path::from(format!("through/{attachment}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: DeviceId = DeviceId(uuid::Uuid::from_u128(7));

    fn blobs() -> (tempfile::TempDir, Blobs) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::in_folder(folder.path()).unwrap();
        (folder, blobs)
    }

    #[tokio::test]
    async fn an_upload_goes_on_where_it_stands_and_a_repeated_chunk_changes_nothing() {
        let (folder, blobs) = blobs();
        let hash = Hash::sha256(b"one two three");
        let append = |offset, part: &'static [u8]| {
            let blobs = blobs.clone();
            async move { blobs.append(DEVICE, &hash, offset, 13, Bytes::from_static(part)).await.unwrap() }
        };

        assert_eq!(append(0, b"one ").await, Appended::At(4));
        assert_eq!(append(0, b"one ").await, Appended::Elsewhere(4));
        assert_eq!(append(8, b"three").await, Appended::Elsewhere(4));
        let reopened = Blobs::in_folder(folder.path()).unwrap();
        assert_eq!(reopened.offset(DEVICE, &hash).await.unwrap(), 4);
        assert_eq!(reopened.size(&hash).await.unwrap(), None, "nothing is visible before it is verified");
        assert_eq!(append(4, b"two three").await, Appended::At(13));
        blobs.finish(DEVICE, &hash, 13).await.unwrap();

        assert_eq!(blobs.read(&hash).await.unwrap(), b"one two three".as_slice());
        let part: Vec<Bytes> = blobs.stream(&hash, 4..7).await.unwrap().try_collect().await.unwrap();
        assert_eq!(part.concat(), b"two");
        assert!(blobs.is_intact(&hash).await.unwrap());
        assert_eq!(blobs.offset(DEVICE, &hash).await.unwrap(), 0, "the chunks are gone");
    }

    #[tokio::test]
    async fn content_that_is_not_its_hash_is_never_visible() {
        let (_folder, blobs) = blobs();
        let hash = Hash::sha256(b"as promised");
        blobs.append(DEVICE, &hash, 0, 11, Bytes::from_static(b"not so much")).await.unwrap();

        assert!(matches!(blobs.finish(DEVICE, &hash, 11).await, Err(BlobError::WrongContent)));

        assert!(matches!(blobs.read(&hash).await, Err(BlobError::Missing)));
        assert_eq!(blobs.offset(DEVICE, &hash).await.unwrap(), 0, "it starts over");
        let beyond = blobs.append(DEVICE, &hash, 0, 3, Bytes::from_static(b"four")).await;
        assert!(matches!(beyond, Err(BlobError::WrongContent)));
    }

    #[tokio::test]
    async fn a_device_that_finishes_nothing_cannot_fill_the_disk_and_may_go_on_with_what_it_began() {
        let (_folder, blobs) = blobs();
        let blobs = blobs.with_unfinished_max(20);
        let (first, second) = (Hash::sha256(b"one two three"), Hash::sha256(b"four five six"));
        let append = |hash, offset, part: &'static [u8]| {
            let blobs = blobs.clone();
            async move { blobs.append(DEVICE, &hash, offset, 13, Bytes::from_static(part)).await }
        };
        append(first, 0, b"one two ").await.unwrap();

        assert!(matches!(append(second, 0, b"four ").await, Err(BlobError::TooManyUnfinished)));
        assert_eq!(append(first, 8, b"three").await.unwrap(), Appended::At(13));
        blobs.finish(DEVICE, &first, 13).await.unwrap();

        assert_eq!(append(second, 0, b"four ").await.unwrap(), Appended::At(5), "what is finished counts no more");
        let large = blobs.append(DEVICE, &second, 5, BLOB_BYTES_MAX + 1, Bytes::from_static(b"x")).await;
        assert!(matches!(large, Err(BlobError::TooLarge)));
    }

    #[tokio::test]
    async fn an_attachment_counts_as_arrived_only_through_its_own_author() {
        let (_folder, blobs) = blobs();
        let hash = blobs.put(Bytes::from_static(b"a photo")).await.unwrap();
        let (mine, others) = (RecordId(uuid::Uuid::from_u128(1)), RecordId(uuid::Uuid::from_u128(2)));
        blobs.prove(mine, &hash).await.unwrap();

        assert!(blobs.is_proved(mine, &hash).await.unwrap());
        assert!(!blobs.is_proved(mine, &Hash([0; 32])).await.unwrap());
        assert!(!blobs.is_proved(others, &hash).await.unwrap());
    }
}
