//! Rescue: what was only here is brought over from a store that was damaged and set aside.

use std::path::Path;

use crate::device::Device;
use crate::error::FieldsyncError;
use crate::profiles::Unsent;

/// A store that was set aside and of which nothing was brought over yet.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SetAside {
    /// Its file, to hand to `salvage`.
    pub path: String,
    /// What was only in it, as last written; none when that is not known.
    pub unsent: Option<Unsent>,
}

impl From<fieldsync::salvage::SetAside> for SetAside {
    fn from(kept: fieldsync::salvage::SetAside) -> Self {
        Self { path: kept.path.to_string_lossy().into_owned(), unsent: kept.unsent.map(Unsent::from) }
    }
}

/// What was brought over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct Salvaged {
    /// Entries that are pending again.
    pub pending: u32,
    /// Entries that are in the drawer now: those of the old drawer, and such as need a person to place them.
    pub drawer: u32,
    /// Photos and files that will be sent.
    pub photos: u32,
    /// What was only there and could not be read, as far as its numbers are known.
    pub missing: Unsent,
    /// Whether everything that mattered could be read to its end.
    pub is_whole: bool,
}

#[uniffi::export]
impl Device {
    /// The stores that were set aside in this device's folder and of which nothing was brought over, oldest first. After
    /// `StorageDamaged` an app opens with `start_over`, enrols again, and offers to salvage each of them.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`, `Defect` when the store or the folder cannot be read.
    pub fn set_aside(&self) -> Result<Vec<SetAside>, FieldsyncError> {
        self.call(|engine| Ok(engine.set_aside()?.into_iter().map(SetAside::from).collect()))
    }

    /// Brings over what can be read of a store that was set aside: the next sync sends it, and nothing of it arrives twice.
    /// The file itself is not changed. That little or nothing can be read is no error: it is in the answer. Takes as long as
    /// reading the whole file.
    ///
    /// # Errors
    /// `NotNow` with `not_found` when it is none of `set_aside`, or with `other_owner` when the store was somebody else's;
    /// `SignIn` before enrolment; `FreeSpace`. Nothing is brought over then.
    pub async fn salvage(&self, path: String) -> Result<Salvaged, FieldsyncError> {
        let engine = self.engine.clone();
        self.runtime
            .blocking(move || {
                let found = engine.salvage(Path::new(&path))?;
                Ok(Salvaged {
                    pending: found.pending,
                    drawer: found.drawer,
                    photos: found.blobs,
                    missing: found.missing.into(),
                    is_whole: found.is_whole,
                })
            })
            .await
    }
}
