//! The server's half of a push: one outcome per record, and none fails the batch.

use fieldsync_protocol::exchange::{Outcome, PushRecord, Refusal};
use fieldsync_protocol::kinds::{self, Reach};
use fieldsync_protocol::limits::PAGE_BYTES;
use fieldsync_protocol::rights::Code;
use fieldsync_protocol::{Edit, Record, RecordId, encode};

use super::accept::{self, Accepted, Author, Door};
use super::bundle::{self, Arrived};
use super::{collect, erase, held, scope};
use crate::office::Office;
use crate::store::{Action, Device, RefusedRow, StoreError, Stored, Txn};

/// Takes what a device pushes: what others hang below first. What was erased is dropped, and named in `erased`.
pub(super) fn take(
    office: &Office,
    txn: &mut dyn Txn,
    door: &mut Door<'_>,
    device: &Device,
    author: &Author,
    push: &[PushRecord],
    erased: &mut Vec<RecordId>,
) -> Result<Vec<(RecordId, Outcome)>, StoreError> {
    let mut ordered = erase::sift(office, txn, push, erased)?;
    ordered.sort_by_key(|record| rank(&record.kind));
    let may_be_here = txn.has_bundle_of(device.id)?;
    let mut outcomes = Vec::with_capacity(push.len());
    let mut bytes = 0;
    for record in ordered {
        let outcome = if may_be_here {
            take_perhaps_carried(office, txn, door, device, author, record)?
        } else {
            take_record(office, txn, door, device, author, record)?
        };
        outcomes.push((record.id, bounded(outcome, &mut bytes)));
    }
    Ok(outcomes)
}

/// Whole records travel with their outcomes as long as they fit a page; what does not comes with the page itself.
pub(super) fn bounded(outcome: Outcome, bytes: &mut usize) -> Outcome {
    let whole = match &outcome {
        Outcome::Accepted { result: Some(record), .. } => record.as_ref(),
        Outcome::Refused { theirs: Some(theirs), .. } => &theirs.0,
        _ => return outcome,
    };
    let size = encode::cbor(whole).len();
    if *bytes + size <= PAGE_BYTES {
        *bytes += size;
        return outcome;
    }
    match outcome {
        Outcome::Accepted { seal, .. } => Outcome::Accepted { seal, result: None, apart: true },
        Outcome::Refused { refusals, .. } => Outcome::Refused { refusals, theirs: None },
        other => other,
    }
}

/// Like [`take_record`], of a device whose work may have come with a bundle: that is answered as what is here already.
fn take_perhaps_carried(
    office: &Office,
    txn: &mut dyn Txn,
    door: &mut Door<'_>,
    device: &Device,
    author: &Author,
    push: &PushRecord,
) -> Result<Outcome, StoreError> {
    let arrived = bundle::arrived(txn, device.id, push)?;
    let new = push.edits.iter().zip(&arrived).filter(|(_, arrived)| **arrived == Arrived::No);
    let rest = PushRecord { edits: new.map(|(edit, _)| edit.clone()).collect(), ..push.clone() };
    if rest.edits.len() == push.edits.len() {
        return take_record(office, txn, door, device, author, push);
    }
    if rest.edits.is_empty() {
        if let Some(Arrived::Held(code)) = arrived.iter().find(|arrived| **arrived != Arrived::Here) {
            return Ok(Outcome::Held { code: *code });
        }
    } else {
        match take_record(office, txn, door, device, author, &rest)? {
            Outcome::Accepted { .. } => {}
            otherwise => return Ok(otherwise),
        }
    }
    // The dots pushed are not those that are in: the device gets the record as it is.
    match txn.record(push.id)? {
        Some(stored) => acknowledge(office, txn, device, push.id, Some(stored)),
        None => take_record(office, txn, door, device, author, push),
    }
}

/// Takes what may say nothing new: what is here is acknowledged, the rest is held.
pub(super) fn set_aside(
    office: &Office,
    txn: &mut dyn Txn,
    door: &mut Door<'_>,
    device: &Device,
    push: &PushRecord,
    code: Code,
) -> Result<Outcome, StoreError> {
    let arrived = bundle::arrived(txn, device.id, push)?;
    let mut new = Vec::new();
    for (edit, arrived) in push.edits.iter().zip(arrived) {
        if arrived == Arrived::No && txn.dot(push.id, edit.dot)? != Some(edit.content()) {
            new.push(edit.clone());
        }
    }
    if new.is_empty() {
        let stored = txn.record(push.id)?;
        return acknowledge(office, txn, device, push.id, stored);
    }
    hold(office, txn, door, device, push, &new, code)
}

/// Holds edits of a push for a person.
fn hold(
    office: &Office,
    txn: &mut dyn Txn,
    door: &mut Door<'_>,
    device: &Device,
    push: &PushRecord,
    edits: &[Edit],
    code: Code,
) -> Result<Outcome, StoreError> {
    let order = order_of(txn, push)?;
    held::hold(office, txn, device, &push.kind, push.id, order, edits, code)?;
    order.into_iter().for_each(|order| door.touch(order));
    Ok(Outcome::Held { code })
}

/// Acknowledges edits that are here already, as far as its technician may see with the record as it is.
fn acknowledge(
    office: &Office,
    txn: &mut dyn Txn,
    device: &Device,
    id: RecordId,
    stored: Option<Stored>,
) -> Result<Outcome, StoreError> {
    let check = stored.as_ref().map_or_else(|| Record::new("", id).check(), |stored| stored.check);
    let is_told = scope::is_visible(txn, device.person, id)?;
    let result = stored.filter(|_| is_told).map(|stored| Box::new(stored.record));
    Ok(Outcome::Accepted { seal: office.keys.seal_record(id, &check), result, apart: false })
}

/// Masters, then orders, then assignments, then the rest: what is referred to arrives before what refers to it.
pub(super) fn rank(kind: &str) -> u8 {
    match kinds::kind(kind).map(|kind| kind.reach) {
        Some(Reach::Shared | Reach::Referred) => 0,
        Some(Reach::Order) => 1,
        Some(Reach::BelowOrder) if kind == "assignment" => 2,
        _ => 3,
    }
}

fn take_record(
    office: &Office,
    txn: &mut dyn Txn,
    door: &mut Door<'_>,
    device: &Device,
    author: &Author,
    push: &PushRecord,
) -> Result<Outcome, StoreError> {
    if collect::is_used_up(txn, &push.kind, push.id)? {
        return set_aside(office, txn, door, device, push, Code::Collected);
    }
    let before = txn.record(push.id)?;
    let version = before.as_ref().map(|stored| stored.record.version.clone()).unwrap_or_default();
    if !push.base.within(&version) {
        return Ok(Outcome::Wanted);
    }
    match door.accept(txn, author, &push.kind, push.id, &push.edits, Action::Accepted)? {
        Accepted::Done { stored, is_simply } => {
            let seal = office.keys.seal_record(push.id, &stored.check);
            // Late work is accepted and yet out of scope: what others wrote beside it is not told any more.
            let is_visible =
                scope::is_visible(txn, author.actor.person, push.id)? || fieldsync_protocol::planted!("late-work-told");
            let is_told = (!is_simply || version != push.base) && is_visible;
            Ok(Outcome::Accepted { seal, result: is_told.then(|| Box::new(stored.record)), apart: false })
        }
        Accepted::Refused(refusals) => {
            for refusal in &refusals {
                note(office, txn, device, push, refusal)?;
            }
            let theirs = match before {
                Some(stored) if scope::is_visible(txn, author.actor.person, push.id)? => {
                    let seal = office.keys.seal_record(push.id, &stored.check);
                    Some(Box::new((stored.record, seal)))
                }
                _ => None,
            };
            Ok(Outcome::Refused { refusals, theirs })
        }
        Accepted::Held(code) => hold(office, txn, door, device, push, &push.edits, code),
    }
}

/// The work order that pushed edits belong to, when that can be told.
pub(super) fn order_of(txn: &mut dyn Txn, push: &PushRecord) -> Result<Option<RecordId>, StoreError> {
    let before: Option<Record> = txn.record(push.id)?.map(|stored: Stored| stored.record);
    let table = kinds::kind(&push.kind);
    Ok(table.and_then(|table| accept::order_of(before.as_ref(), table, push.id, &push.edits)))
}

fn note(
    office: &Office,
    txn: &mut dyn Txn,
    device: &Device,
    push: &PushRecord,
    refusal: &Refusal,
) -> Result<(), StoreError> {
    txn.note_refused(&RefusedRow {
        kind: push.kind.clone(),
        record: push.id,
        dot: refusal.dot,
        group: refusal.group.clone(),
        code: refusal.code,
        person: device.person,
        device: device.id,
        at_ms: office.now_ms(),
    })
}
