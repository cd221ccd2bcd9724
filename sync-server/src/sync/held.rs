//! Edits kept aside: holding them, and a person's decision to release or discard them.

use fieldsync_protocol::rights::{Actor, Code};
use fieldsync_protocol::{Dot, Edit, PersonId, RecordId};

use super::accept::{Accepted, Author, Door};
use super::edit::EditError;
use crate::office::Office;
use crate::store::{Action, Device, Held, StoreError, Txn};

/// Keeps edits of one record aside, durably, with their original contexts. Twice the same changes nothing, also when it
/// comes under another dot: by a bundle and by the device itself.
#[expect(clippy::too_many_arguments, reason = "the parts of what is held, named at three calls")]
pub(super) fn hold(
    office: &Office,
    txn: &mut dyn Txn,
    device: &Device,
    kind: &str,
    record: RecordId,
    work_order: Option<RecordId>,
    edits: &[Edit],
    code: Code,
) -> Result<(), StoreError> {
    if fieldsync_protocol::planted!("held-dropped") {
        return Ok(());
    }
    for edit in edits {
        let said = edit.said();
        let waits =
            txn.held_of(record, device.id)?.iter().any(|held| held.decision.is_none() && held.edit.said() == said);
        if waits {
            continue;
        }
        txn.hold(&Held {
            id: office.new_id(),
            kind: kind.to_owned(),
            record,
            work_order,
            edit: edit.clone(),
            person: device.person,
            device: device.id,
            code,
            arrived_ms: office.now_ms(),
            decision: None,
        })?;
    }
    Ok(())
}

/// Applies a held edit under a new office dot, with its original context and author. Twice changes nothing.
///
/// # Errors
/// [`EditError`]; the edit stays held then.
pub fn release(office: &Office, txn: &mut dyn Txn, by: &Actor, id: RecordId) -> Result<(), EditError> {
    let Some(held) = undecided(txn, id)? else { return Ok(()) };
    let counter = txn.record(held.record)?.map_or(0, |stored| stored.record.version.get(office.replica)) + 1;
    let edit = Edit { dot: Dot { replica: office.replica, counter }, ..held.edit };
    let mut door = Door::open(office);
    let author = Author::office(*by);
    match door.accept(txn, &author, &held.kind, held.record, &[edit], Action::Released)? {
        Accepted::Done { .. } => {}
        Accepted::Refused(refusals) => {
            return Err(EditError::Refused(refusals.first().map_or(Code::InvalidEntry, |refusal| refusal.code)));
        }
        Accepted::Held(code) => return Err(EditError::Refused(code)),
    }
    decide(office, txn, door, held.work_order, id, "released", by.person)
}

/// Puts a held edit away for good; it stays readable. Twice changes nothing.
///
/// # Errors
/// [`EditError::Store`] of the store.
pub fn discard(office: &Office, txn: &mut dyn Txn, by: &Actor, id: RecordId) -> Result<(), EditError> {
    let Some(held) = undecided(txn, id)? else { return Ok(()) };
    decide(office, txn, Door::open(office), held.work_order, id, "discarded", by.person)
}

fn undecided(txn: &mut dyn Txn, id: RecordId) -> Result<Option<Held>, StoreError> {
    Ok(txn.held(id)?.filter(|held| held.decision.is_none()))
}

fn decide(
    office: &Office,
    txn: &mut dyn Txn,
    mut door: Door<'_>,
    work_order: Option<RecordId>,
    id: RecordId,
    decision: &str,
    by: PersonId,
) -> Result<(), EditError> {
    txn.decide_held(id, decision, by, office.now_ms())?;
    if let Some(order) = work_order {
        door.touch(order);
    }
    Ok(door.close(txn)?)
}
