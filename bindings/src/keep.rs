//! What the app keeps for the engine outside its folder.

use std::sync::Arc;

use fieldsync::anchor::{Anchor, AnchorError};
use fieldsync::key::{KEY_BYTES, KeyError, KeyProvider};

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

/// Keeps the key under which one store is encrypted: the Keychain of this device only, a key wrapped by the Android
/// Keystore. Photos beside the store are left to the phone's own file encryption.
///
/// Only for libraries built with encryption; in others a device with a key is not opened (`NotNow` with
/// `cannot_encrypt`). Called when the store is opened, also after a pause, on the thread that does so.
#[uniffi::export(with_foreign)]
pub trait KeyStore: Send + Sync {
    /// The key: 32 random bytes, made the first time and the same ever after.
    ///
    /// # Errors
    /// `Lost` when there was one and it is gone for good: opening fails with `StorageDamaged` and the code `key_lost`.
    /// `Unavailable` when it cannot be read now, because the phone was not unlocked since it started for example: opening
    /// fails with `TryLater`. Whatever else is thrown counts as that.
    fn key(&self) -> Result<Vec<u8>, KeyStoreError>;

    /// Destroys the key, because the office had the device wiped; `key` makes a new one afterwards. Called once more when
    /// that was cut short.
    ///
    /// # Errors
    /// When it may still be there.
    fn erase(&self) -> Result<(), KeyStoreError>;
}

/// Why a key could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum KeyStoreError {
    /// It is gone for good.
    #[error("find the key")]
    Lost,
    /// It cannot be read now; later it may.
    #[error("read the key now")]
    Unavailable {
        /// Why, for the app's own log.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for KeyStoreError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        // Taking the key for lost would give up what is in the store.
        Self::Unavailable { reason: "unexpected".to_owned() }
    }
}

impl From<KeyStoreError> for KeyError {
    fn from(error: KeyStoreError) -> Self {
        match error {
            KeyStoreError::Lost => Self::Lost,
            KeyStoreError::Unavailable { .. } => Self::Unavailable(error.into()),
        }
    }
}

/// The app's key as the engine knows it.
pub(crate) struct Locked(pub(crate) Arc<dyn KeyStore>);

impl KeyProvider for Locked {
    fn key(&self) -> Result<[u8; KEY_BYTES], KeyError> {
        let key = self.0.key()?;
        key.try_into().map_err(|_| KeyError::Unavailable("a key has 32 bytes".into()))
    }

    fn destroy(&self) -> Result<(), KeyError> {
        Ok(self.0.erase()?)
    }
}
