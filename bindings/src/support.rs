//! What support asks for: how the engine stands, without anything personal.

use fieldsync::protocol::encode;

use crate::device::Device;
use crate::error::FieldsyncError;

/// How the engine stands, for a person to read and send. It holds no content, no name, no address and no key.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Diagnostics {
    /// One line a value, to be shown before it is sent.
    pub text: String,
    /// The same as a JSON document, for support.
    pub json: String,
    /// Whether the structure of the database is whole.
    pub is_whole: bool,
    /// Whether device and office held the same at the last complete sync.
    pub agrees: Option<bool>,
    /// When the oldest entry that is still only here was made, on the device's clock.
    pub oldest_pending_ms: Option<i64>,
    /// Bytes of the database with its log.
    pub database_bytes: i64,
    /// Bytes of photos and files on the device.
    pub photo_bytes: i64,
    /// Stores set aside here because they were damaged.
    pub set_aside: u32,
}

#[uniffi::export]
impl Device {
    /// How the engine stands. Checks the whole database, which takes about a second for each 100 megabytes; entering and
    /// reading go on meanwhile. Works offline.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`, `Defect` when the store cannot be read. A damaged store is no error: `is_whole` says so.
    pub async fn diagnostics(&self) -> Result<Diagnostics, FieldsyncError> {
        let engine = self.engine.clone();
        self.runtime
            .blocking(move || {
                let found = engine.diagnostics()?;
                let bytes = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
                Ok(Diagnostics {
                    text: found.to_string(),
                    json: String::from_utf8_lossy(&encode::json(&found)).into_owned(),
                    is_whole: found.is_whole,
                    agrees: found.agrees,
                    oldest_pending_ms: found.oldest_pending_ms,
                    database_bytes: bytes(found.database_bytes.saturating_add(found.log_bytes)),
                    photo_bytes: bytes(found.blob_bytes),
                    set_aside: found.set_aside,
                })
            })
            .await
    }
}
