//! Bringing somebody else's bundle along: a closed envelope that this device stores and hands to the office.
//!
//! This device cannot read it and nothing of it becomes part of its own records. It checks from outside that the file is
//! a whole bundle for its own office; the rest is between the author and the office. The next sync carries it after
//! records and photos, in pieces; when the office has durably answered, the file is deleted.

use std::path::{Path, PathBuf};

use fieldsync_protocol::bundle::{BundleError, Header, OfficeKey, Outline, Verdict};
use fieldsync_protocol::limits::{BUNDLE_BYTES_MAX, CHUNK_BYTES};
use fieldsync_protocol::{Hash, ReplicaId};
use sha2::Digest;

use crate::device::Device;
use crate::entropy;
use crate::error::Error;
use crate::files::Files;
use crate::store::{self, meta};

/// Bundles a device brings along at once: a crew's, without a phone full of other people's photos.
const ENVELOPES_MAX: usize = 16;

/// A bundle that this device brings along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenBundle {
    /// Names it; whose it is only the office can read.
    pub bundle: ReplicaId,
    /// Bytes of its file.
    pub size: u64,
    /// When it was taken, on this device's clock.
    pub taken_ms: i64,
    /// Why the office does not take it; `None` while it is on its way.
    pub refused: Option<Verdict>,
}

impl Device {
    /// Takes a bundle of another device along; the next sync brings it to the office. The file is copied. Taking the same
    /// file twice changes nothing.
    ///
    /// # Errors
    /// [`Error::Bundle`] when it is no whole bundle for this device's office, [`Error::TooManyBundles`],
    /// [`Error::SignedOut`], [`Error::NoOfficeKey`] before the first sync, [`Error::StorageFull`], [`Error::File`].
    /// Nothing is kept then.
    pub fn take_bundle(&self, from: &Path) -> Result<TakenBundle, Error> {
        let identity = self.identity()?.ok_or(Error::SignedOut)?;
        let office: Option<OfficeKey> = self.read(|connection| meta::get(connection, meta::OFFICE_KEY))?;
        let office = office.filter(|key| key.is_valid(&identity.root, &identity.tenant)).ok_or(Error::NoOfficeKey)?;
        if self.bundles()?.len() >= ENVELOPES_MAX {
            return Err(Error::TooManyBundles);
        }
        self.files().make_dir(&self.bundle_folder())?;
        let draft = self.bundle_folder().join(format!("{}.new", entropy::uuid(self.entropy()).simple()));
        let copied = copy(self.files(), from, &draft).and_then(|(header, hash, size)| {
            if header.office != office.key {
                return Err(BundleError::OtherOffice.into());
            }
            self.files().rename(&draft, &self.envelope_file(hash))?;
            Ok((header, hash, size))
        });
        if copied.is_err() {
            // What is left of it is of no use to anybody.
            let _ = self.files().remove(&draft);
        }
        let (header, hash, size) = copied?;
        let taken = TakenBundle { bundle: header.bundle, size, taken_ms: self.now_ms(), refused: None };
        self.write(|tx, _| store::envelope::add(tx, hash, &taken))?;
        Ok(taken)
    }

    /// The bundles that this device brings along, oldest first. One that the office has taken is gone from here.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn bundles(&self) -> Result<Vec<TakenBundle>, Error> {
        self.read(store::envelope::all)
    }

    /// Throws a bundle away that this device brings along; its author's phone still has the work.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such bundle.
    pub fn discard_bundle(&self, bundle: ReplicaId) -> Result<(), Error> {
        let hash = self.read(|connection| store::envelope::of(connection, bundle))?.ok_or(Error::NotFound)?;
        self.forget_envelope(hash)
    }

    /// Forgets an envelope, then its file: a file without a row is swept by nobody, a row without a file fails for ever.
    pub(crate) fn forget_envelope(&self, hash: Hash) -> Result<(), Error> {
        self.write(|tx, _| store::envelope::remove(tx, hash))?;
        if let Err(error) = self.files().remove(&self.envelope_file(hash)) {
            tracing::warn!(%error, "failed to remove the file of a bundle that was handed over");
        }
        Ok(())
    }

    pub(crate) fn envelope_file(&self, hash: Hash) -> PathBuf {
        self.bundle_folder().join(hash.to_string())
    }

    fn bundle_folder(&self) -> PathBuf {
        self.dir().join("bundles")
    }
}

/// Copies a bundle while looking at it from outside.
fn copy(files: &dyn Files, from: &Path, to: &Path) -> Result<(Header, Hash, u64), Error> {
    let (mut outline, mut hasher, mut size) = (Outline::default(), sha2::Sha256::new(), 0);
    loop {
        let piece = files.read(from, size, CHUNK_BYTES)?;
        if piece.is_empty() {
            break;
        }
        outline.feed(&piece)?;
        hasher.update(&piece);
        files.append(to, size, &piece)?;
        size += piece.len() as u64;
        if size > BUNDLE_BYTES_MAX {
            return Err(BundleError::TooLarge.into());
        }
    }
    let header = outline.finish()?;
    files.sync(to)?;
    Ok((header, Hash(hasher.finalize().into()), size))
}
