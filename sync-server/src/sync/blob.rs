//! The server's half of blobs: who may send and read one, and what its arrival changes.
//!
//! A blob is reached only through the attachment record that names it; whatever keeps somebody from it looks the same
//! as if it did not exist.

use fieldsync_protocol::{DeviceId, FieldsExt, Hash, PersonId, RecordId, show};

use super::accept::Door;
use crate::office::Office;
use crate::store::{Audience, StoreError, Txn};

/// What an attachment says about its content, and how a technician stands to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attachment {
    /// The record.
    pub id: RecordId,
    /// The order it belongs to.
    pub work_order: RecordId,
    /// SHA-256 of the content.
    pub hash: Hash,
    /// Size of the content, bytes.
    pub size: u64,
    /// Whether it is in the technician's scope: the content may be read.
    pub is_visible: bool,
    /// Whether the technician made it: the content may be sent, also after the job was taken away.
    pub is_own: bool,
    /// Whether it was made in the office, which sends no chunks.
    pub is_offices: bool,
    /// Whether the content has arrived.
    pub has_arrived: bool,
}

/// The attachment that a device handed over and the office holds: its content may be sent before a person has decided.
///
/// # Errors
/// [`StoreError`] of the store.
pub fn held_attachment(txn: &mut dyn Txn, device: DeviceId, id: RecordId) -> Result<Option<Attachment>, StoreError> {
    let held = txn.held_of(id, device)?.into_iter().find(|held| held.decision.is_none());
    let Some(fields) = held.filter(|held| held.edit.group == "blob").map(|held| held.edit.fields) else {
        return Ok(None);
    };
    let size = fields.int("size").and_then(|size| u64::try_from(size).ok());
    let (Some(work_order), Some(hash), Some(size)) = (fields.id("work_order"), fields.hash("hash"), size) else {
        return Ok(None);
    };
    let has_arrived = txn.has_blob(&hash)?;
    Ok(Some(Attachment { id, work_order, hash, size, is_visible: false, is_own: true, is_offices: false, has_arrived }))
}

/// The attachment as a technician may know it; `None` when there is none for them.
///
/// # Errors
/// [`StoreError`] of the store.
pub fn attachment(txn: &mut dyn Txn, person: PersonId, id: RecordId) -> Result<Option<Attachment>, StoreError> {
    let Some(stored) = txn.record(id)?.filter(|stored| stored.record.kind == "attachment") else { return Ok(None) };
    let Some((_, blob)) = show::shown(&stored.record, "blob") else { return Ok(None) };
    let fields = &blob.fields;
    let size = fields.int("size").and_then(|size| u64::try_from(size).ok());
    let (Some(work_order), Some(hash), Some(size)) = (fields.id("work_order"), fields.hash("hash"), size) else {
        return Ok(None);
    };
    let row = txn.scope_row(Audience::of(RecordId(person.0)), id)?;
    let known = Attachment {
        id,
        work_order,
        hash,
        size,
        is_visible: row.is_some_and(|row| !row.has_left),
        is_own: show::author(&stored.record) == Some(person),
        is_offices: blob.stamp.device.is_none(),
        has_arrived: txn.has_blob(&hash)?,
    };
    Ok((known.is_visible || known.is_own).then_some(known))
}

/// Notes that an attachment's content has arrived and brings the board after it. Twice changes nothing.
///
/// # Errors
/// [`StoreError`] of the store.
pub fn arrived(office: &Office, txn: &mut dyn Txn, attachment: &Attachment) -> Result<(), StoreError> {
    txn.put_blob(&attachment.hash, attachment.size, office.now_ms())?;
    let mut door = Door::open(office);
    door.touch(attachment.work_order);
    door.close(txn)
}
