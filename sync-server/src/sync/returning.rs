//! Devices that come back after nobody waited for them any more: retired ones, and those that were away for too long.
//!
//! Both hand over first what only they have, and then go on under a fresh replica id. What a *retired* id says that the
//! office does not know is held for a person; what it knows is acknowledged. A *stale* cursor has missed what cannot be
//! told any more, so its device walks its scope anew and drops what the walk does not name. Every answer follows from
//! what the device presents, so a lost one is given again.

use fieldsync_protocol::exchange::{Outcome, PushRecord};
use fieldsync_protocol::rights::Code;
use fieldsync_protocol::{RecordId, ReplicaId};

use super::accept::Door;
use super::sealed::Cursor;
use super::{erase, push};
use crate::office::Office;
use crate::store::{Device, Replica, StoreError, Tenant, Txn};

/// Whether a replica id may say nothing new. A retired device that is heard of counts again from now on; the id it comes
/// with, known or not, stays retired. That it returned is noted in the log outside the database as well.
pub(super) fn is_retired(
    office: &Office,
    txn: &mut dyn Txn,
    device: &mut Device,
    epoch: u64,
    id: ReplicaId,
) -> Result<bool, StoreError> {
    let known = txn.replica(id)?;
    if known.is_some_and(|replica| replica.device != device.id) {
        return Ok(false);
    }
    let since_ms = device.retired_ms.take();
    if since_ms.is_some() {
        // Noted first: the log alone must not give up a device that the database waits for.
        let noted = office.revocations.note_returned(device.id, office.now_ms());
        noted.map_err(|error| StoreError::Database(error.into()))?;
    }
    if known.is_some_and(|replica| replica.retired_ms.is_some()) {
        return Ok(true);
    }
    let Some(since_ms) = since_ms else { return Ok(false) };
    let new = Replica { device: device.id, epoch, serial: 0, push_id: None, retired_ms: None };
    txn.put_replica(id, &Replica { retired_ms: Some(since_ms), ..known.unwrap_or(new) })?;
    Ok(true)
}

/// Whether the office cannot tell any more what changed since a cursor of this epoch: it lies below the floor, or it was
/// given longer ago than the offline horizon. One that does not say when counts as given at the device's last contact.
pub(super) fn is_stale(
    office: &Office,
    tenant: &Tenant,
    cursor: &Cursor,
    last_contact_ms: Option<i64>,
    now_ms: i64,
) -> bool {
    let given_ms = cursor.at_ms.or(last_contact_ms);
    cursor.position < tenant.floor || given_ms.is_some_and(|at_ms| now_ms.saturating_sub(at_ms) > office.horizon_ms)
}

/// Takes what a retired replica id pushes: what is here is acknowledged, the rest is held.
pub(super) fn hold_back(
    office: &Office,
    txn: &mut dyn Txn,
    door: &mut Door<'_>,
    device: &Device,
    push: &[PushRecord],
    erased: &mut Vec<RecordId>,
) -> Result<Vec<(RecordId, Outcome)>, StoreError> {
    let (mut outcomes, mut bytes) = (Vec::with_capacity(push.len()), 0);
    for record in erase::sift(office, txn, push, erased)? {
        let outcome = push::set_aside(office, txn, door, device, record, Code::Retired)?;
        outcomes.push((record.id, push::bounded(outcome, &mut bytes)));
    }
    Ok(outcomes)
}
