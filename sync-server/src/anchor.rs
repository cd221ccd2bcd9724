//! The anchor: a file outside the database that proves the database was not exchanged for an older copy.
//!
//! At every start the database writes {old, new}, the file becomes new, the database writes {new}; either value is
//! accepted. Another value, or none beside a database that has one, means that the operator restored the database
//! without saying so: a new epoch begins, and the devices bring back what was forgotten.

use std::path::Path;

use fieldsync::Files;

use crate::office::Office;
use crate::store::StoreError;
use crate::sync::exchange::new_epoch;

/// An anchor is 32 digits.
const ANCHOR_MAX: usize = 256;

/// Why the anchor could not be moved.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// The file cannot be read or written.
    #[error("move the anchor file")]
    File(#[from] std::io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Moves the anchor at start. Returns whether the database turned out to be an older copy.
///
/// # Errors
/// [`AnchorError`]; the next start tries again and accepts what is there.
pub fn moor(office: &Office, path: &Path, files: &dyn Files) -> Result<bool, AnchorError> {
    let old = match files.read(path, 0, ANCHOR_MAX) {
        Ok(text) => Some(String::from_utf8_lossy(text.trim_ascii()).into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let new = hex::encode(office.random::<16>());
    let (inner, known, next) = (office.clone(), old.clone(), new.clone());
    let is_older = office.write(move |txn| {
        let accepted = txn.anchors()?;
        let tenant = txn.tenant()?;
        let is_fresh = accepted.is_empty() && known.is_none();
        let is_older = !is_fresh && !known.as_ref().is_some_and(|value| accepted.contains(value));
        if is_older && !fieldsync_protocol::planted!("start-keeps-epoch") {
            txn.begin_epoch(new_epoch(&inner, tenant.epoch), inner.now_ms())?;
        }
        txn.note_start(inner.now_ms())?;
        txn.set_anchors(&known.into_iter().chain([next]).collect::<Vec<_>>())?;
        Ok::<_, StoreError>(is_older)
    })?;
    files.replace(path, new.as_bytes())?;
    office.write(move |txn| txn.set_anchors(&[new]))?;
    Ok(is_older)
}
