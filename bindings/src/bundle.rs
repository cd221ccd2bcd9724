//! Work carried to the office in a file, where no network goes.

use std::path::Path;

use fieldsync::protocol::ReplicaId;

use crate::device::Device;
use crate::error::FieldsyncError;

/// What a bundle holds.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct BundleReceipt {
    /// The file.
    pub path: String,
    /// Names the bundle at the office.
    pub bundle: String,
    /// The how manieth bundle of this device: what people call it.
    pub number: i64,
    /// Records with entries in it.
    pub records: u32,
    /// Entries in it.
    pub edits: u32,
    /// Photos and files in it.
    pub photos: u32,
    /// Bytes of the file.
    pub size: i64,
    /// Entries that found no room. They are still pending, as everything is.
    pub edits_left_out: u32,
    /// Photos and files that found no room, or whose file cannot be read.
    pub photos_left_out: u32,
}

/// A bundle of another device that this one brings along.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct TakenBundle {
    /// Names it; whose it is only the office can read.
    pub bundle: String,
    /// Bytes of its file.
    pub size: i64,
    /// When it was taken, on this device's clock.
    pub taken_ms: i64,
    /// Why the office does not take it, a stable code; none while it is on its way.
    pub refused: Option<String>,
}

impl From<fieldsync::TakenBundle> for TakenBundle {
    fn from(taken: fieldsync::TakenBundle) -> Self {
        Self {
            bundle: taken.bundle.to_string(),
            size: i64::try_from(taken.size).unwrap_or(i64::MAX),
            taken_ms: taken.taken_ms,
            refused: taken.refused.map(|verdict| verdict.name().to_owned()),
        }
    }
}

#[uniffi::export]
impl Device {
    /// Writes everything that is still only here into one file at `path`, signed by this device and readable by the office
    /// alone: for a memory stick, a mail, a colleague's phone. A file that is there is replaced, as a whole or not at all.
    /// Nothing is taken out of the store: when the network comes back the same work is sent and counts once.
    ///
    /// # Errors
    /// `NotNow` with `nothing_to_carry`, or with `no_office_key` before the first sync; `SignIn`; `FreeSpace`; `Defect` with
    /// `file` when it cannot be written. No file is left then.
    pub async fn export_bundle(&self, path: String) -> Result<BundleReceipt, FieldsyncError> {
        let engine = self.engine.clone();
        self.runtime
            .blocking(move || {
                let made = engine.export_bundle(Path::new(&path))?;
                Ok(BundleReceipt {
                    path: made.path.to_string_lossy().into_owned(),
                    bundle: made.bundle.to_string(),
                    number: i64::try_from(made.number).unwrap_or(i64::MAX),
                    records: made.records,
                    edits: made.edits,
                    photos: made.blobs,
                    size: i64::try_from(made.size).unwrap_or(i64::MAX),
                    edits_left_out: made.edits_left_out,
                    photos_left_out: made.blobs_left_out,
                })
            })
            .await
    }

    /// Takes a bundle of another device along; the next sync brings it to the office. The file is copied. Taking the same
    /// file twice changes nothing.
    ///
    /// # Errors
    /// `FixEntry` when it is no whole bundle for this device's office; `NotNow` with `too_many_bundles` or, before the first
    /// sync, `no_office_key`; `SignIn`; `FreeSpace`. Nothing is kept then.
    pub async fn take_bundle(&self, path: String) -> Result<TakenBundle, FieldsyncError> {
        let engine = self.engine.clone();
        self.runtime.blocking(move || Ok(engine.take_bundle(Path::new(&path))?.into())).await
    }

    /// The bundles that this device brings along, oldest first. One that the office has taken is gone from here.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`, `Defect` when the store cannot be read.
    pub fn bundles(&self) -> Result<Vec<TakenBundle>, FieldsyncError> {
        self.call(|engine| Ok(engine.bundles()?.into_iter().map(TakenBundle::from).collect()))
    }

    /// Throws a bundle away that this device brings along; its author's phone still has the work.
    ///
    /// # Errors
    /// `NotNow` with `not_found` when there is no such bundle.
    pub fn discard_bundle(&self, bundle: String) -> Result<(), FieldsyncError> {
        self.call(|engine| {
            let bundle: ReplicaId = bundle.parse().map_err(|_| fieldsync::Error::NotFound)?;
            Ok(engine.discard_bundle(bundle)?)
        })
    }
}
