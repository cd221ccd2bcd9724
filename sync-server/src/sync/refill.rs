//! Offers: what the office once said, brought back by a device after the office had forgotten it.
//!
//! Only what carries the office's own valid seal is merged; anything else waits for a person. An offer never judges
//! rights: the office had accepted it once.

use fieldsync_protocol::exchange::{Offer, Offered};
use fieldsync_protocol::rights::Code;
use fieldsync_protocol::{Edit, Record, RecordId, Version, kinds};

use super::accept::Door;
use super::{collect, held};
use crate::office::Office;
use crate::store::{Action, Device, Entry, StoreError, Stored, Txn};

/// Takes one offer.
pub(super) fn take(
    office: &Office,
    txn: &mut dyn Txn,
    door: &mut Door<'_>,
    device: &Device,
    offer: &Offer,
) -> Result<Offered, StoreError> {
    let record = &offer.record;
    if collect::is_used_up(txn, &record.kind, record.id)? {
        return Ok(Offered::Refused);
    }
    let before = txn.record(record.id)?;
    if fieldsync_protocol::planted!("refuse-offers") {
        return Ok(Offered::Refused);
    }
    if before.as_ref().is_some_and(|stored| stored.record.kind != record.kind) {
        return Ok(Offered::Refused);
    }
    if before.as_ref().is_some_and(|stored| record.version.within(&stored.record.version)) {
        return Ok(Offered::Known);
    }
    let seal = office.keys.seal_record(record.id, &record.check());
    if offer.seal != Some(seal) {
        let edits: Vec<Edit> = siblings(record).collect();
        let order = order_of(record);
        held::hold(office, txn, device, &record.kind, record.id, order, &edits, Code::OutOfScope)?;
        return Ok(Offered::Held);
    }
    let is_new = before.is_none();
    let mut stored = before.unwrap_or_else(|| {
        let empty = Record::new(record.kind.clone(), record.id);
        Stored { check: empty.check(), record: empty, changed: Default::default(), sequence: 0 }
    });
    let old = stored.record.clone();
    stored.record.merge(record);
    for edit in siblings(record) {
        if txn.dot(record.id, edit.dot)?.is_none() {
            stored.sequence = txn.append(&entry(office, record, edit))?;
        }
    }
    let mut moved: Vec<String> = (stored.record.groups.keys().chain(old.groups.keys()))
        .filter(|group| stored.record.groups.get(*group) != old.groups.get(*group))
        .cloned()
        .collect();
    if moved.is_empty() {
        // Growth of the version alone is a change too: whoever pulls must learn of it.
        moved.extend(stored.record.groups.keys().next().cloned());
    }
    if stored.sequence <= stored.changed.values().copied().max().unwrap_or(0) {
        // Nothing new stands in history, yet the version grew: what was dominated had never been here. A place is
        // needed for it, so that no cursor can be past it.
        if let Some(edit) = siblings(&stored.record).last() {
            stored.sequence = txn.append(&entry(office, record, edit))?;
        }
    }
    for group in moved {
        stored.changed.insert(group, stored.sequence);
    }
    let order = order_of(&stored.record);
    door.settle(txn, &mut stored, order, is_new)?;
    Ok(Offered::Merged)
}

pub(super) fn order_of(record: &Record) -> Option<RecordId> {
    let table = kinds::kind(&record.kind)?;
    super::accept::order_of(Some(record), table, record.id, &[])
}

fn entry(office: &Office, record: &Record, edit: Edit) -> Entry {
    Entry {
        action: Action::Refilled,
        kind: record.kind.clone(),
        record: record.id,
        edit,
        arrived_ms: office.now_ms(),
        replaced: Vec::new(),
    }
}

/// A record's living values as the edits that wrote them. What they replaced is gone, so their context is empty.
fn siblings(record: &Record) -> impl Iterator<Item = Edit> + '_ {
    record.groups.iter().flat_map(|(group, siblings)| {
        siblings.iter().map(|(dot, sibling)| Edit {
            dot: *dot,
            group: group.clone(),
            fields: sibling.fields.clone(),
            context: Version::new(),
            stamp: sibling.stamp.clone(),
        })
    })
}
