//! What the app keeps for the engine outside its folder.

use std::sync::Arc;

use fieldsync::anchor::{Anchor, AnchorError};

use crate::error::CallbackError;

/// Keeps the anchor of one store: a few bytes that lie where no backup of the phone reaches, so that a restored or copied
/// store knows itself as it is opened. On iOS the keychain with `ThisDeviceOnly`; on Android a file in `noBackupFilesDir`,
/// for which `OpenOptions.anchor_file` is enough.
///
/// One anchor belongs to one folder. Both calls happen while the device is opened, on the thread that opens it.
#[uniffi::export(with_foreign)]
pub trait AnchorStore: Send + Sync {
    /// What was saved last; none when nothing ever was.
    ///
    /// # Errors
    /// When that cannot be told, because the phone was not unlocked since it started for example. The device is not opened
    /// then (`TryLater`): it might be a copy.
    fn load(&self) -> Result<Option<Vec<u8>>, CallbackError>;

    /// Saves `value`, at most 64 bytes, in place of what was there; durable when this returns.
    ///
    /// # Errors
    /// When it may not have been saved. The device opens nevertheless, and accepts the old value the next time.
    fn save(&self, value: Vec<u8>) -> Result<(), CallbackError>;
}

/// The app's anchor as the engine knows it.
pub(crate) struct Kept(pub(crate) Arc<dyn AnchorStore>);

impl Anchor for Kept {
    fn load(&self) -> Result<Option<Vec<u8>>, AnchorError> {
        self.0.load().map_err(AnchorError::new)
    }

    fn save(&self, value: &[u8]) -> Result<(), AnchorError> {
        self.0.save(value.to_vec()).map_err(AnchorError::new)
    }
}
