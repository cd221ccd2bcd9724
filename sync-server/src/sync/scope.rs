//! Who may see what: computed from assignments, kept as an index from audience to what changed.
//!
//! A technician sees the orders they are assigned to (the union of all concurrent plans), what hangs below them, and the
//! customers, sites, assets and contacts these orders refer to, themselves or through one another: an asset brings the
//! site where it stands and the customer it belongs to, and what moves is followed. Everybody sees catalogue and team; whoever opened
//! something on site sees it. Each reason is a row, so that a change costs what it moves.

use std::collections::BTreeSet;

use fieldsync_protocol::job::Job;
use fieldsync_protocol::kinds::{self, Reach, Type};
use fieldsync_protocol::{PersonId, Record, RecordId, show};

use crate::store::{Audience, StoreError, Stored, Txn};

/// Brings the index after a change of `stored`, which must be in the store already.
pub(super) fn refresh(
    txn: &mut dyn Txn,
    stored: &Stored,
    order: Option<RecordId>,
    is_new: bool,
) -> Result<(), StoreError> {
    let record = &stored.record;
    // A kind from a newer version is kept, and shown to nobody but the office.
    let Some(kind) = kinds::kind(&record.kind) else { return Ok(()) };
    match kind.reach {
        Reach::Shared => txn.enter(Audience::SHARED, record.id, record.id, stored.sequence)?,
        Reach::Referred => {
            if is_new {
                refer(txn, record, stored.sequence)?;
            }
            let names_others = kind.groups.iter().flat_map(|group| group.fields);
            if names_others.into_iter().any(|field| matches!(field.holds, Type::Reference(_))) {
                follow(txn, record.id, stored.sequence)?;
            }
        }
        Reach::Order => {
            reassign(txn, record.id, stored.sequence)?;
            rerefer(txn, record, stored.sequence)?;
        }
        Reach::BelowOrder => {
            let Some(order) = order else { return Ok(()) };
            if record.kind == "assignment" {
                reassign(txn, order, stored.sequence)?;
            }
            if is_new && fieldsync_protocol::planted!("reveal-foreign") {
                for device in txn.devices()? {
                    txn.enter(Audience::of(RecordId(device.person.0)), record.id, order, stored.sequence)?;
                }
            }
            if is_new {
                for audience in txn.audiences_via(order)? {
                    txn.enter(audience, record.id, order, stored.sequence)?;
                }
            }
        }
    }
    txn.touch(record.id, &stored.check, stored.sequence)
}

/// Whether a technician sees a record now. Nothing out of scope is ever told, not even in a refusal.
pub(super) fn is_visible(txn: &mut dyn Txn, technician: PersonId, id: RecordId) -> Result<bool, StoreError> {
    for audience in [Audience::of(RecordId(technician.0)), Audience::SHARED] {
        if txn.scope_row(audience, id)?.is_some_and(|row| !row.has_left) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A new customer, site, asset or contact: seen by whoever opened it on site, and through orders that already name it.
fn refer(txn: &mut dyn Txn, record: &Record, sequence: u64) -> Result<(), StoreError> {
    let opened_by = show::shown(record, kinds::kind(&record.kind).map_or("", |kind| kind.main().name))
        .filter(|(_, sibling)| sibling.stamp.device.is_some())
        .map(|(_, sibling)| RecordId(sibling.stamp.person.0));
    if let Some(technician) = opened_by {
        txn.enter(Audience::of(technician), record.id, record.id, sequence)?;
    }
    for order in txn.referring(record.id)? {
        for audience in txn.audiences_via(order)? {
            txn.enter(audience, record.id, order, sequence)?;
        }
    }
    Ok(())
}

/// Lets in and out what a customer, site, asset or contact brings along, wherever an order leads to it.
fn follow(txn: &mut dyn Txn, moved: RecordId, sequence: u64) -> Result<(), StoreError> {
    for order in txn.referring(moved)? {
        if let Some(stored) = txn.record(order)? {
            rerefer(txn, &stored.record, sequence)?;
        }
    }
    Ok(())
}

/// The technicians who see an order: those assigned, and until anybody is, whoever opened it on site.
fn readers(txn: &mut dyn Txn, order: &Record) -> Result<BTreeSet<Audience>, StoreError> {
    let below = txn.below(order.id)?;
    let job = Job::collect(order, below.iter().filter(|record| record.kind == "assignment"));
    let mut readers: BTreeSet<Audience> = job.technicians().into_iter().map(Audience::of).collect();
    if (job.assignments.is_empty() || fieldsync_protocol::planted!("opener-always-sees"))
        && let Some((_, sibling)) = show::shown(order, "origin")
        && sibling.stamp.device.is_some()
    {
        readers.insert(Audience::of(RecordId(sibling.stamp.person.0)));
    }
    Ok(readers)
}

/// Lets technicians in and out of an order after its assignments changed.
fn reassign(txn: &mut dyn Txn, order: RecordId, sequence: u64) -> Result<(), StoreError> {
    let Some(stored) = txn.record(order)? else { return Ok(()) };
    let wanted = readers(txn, &stored.record)?;
    let present: BTreeSet<Audience> = txn.audiences_via(order)?.into_iter().collect();
    let mut content = vec![order];
    if wanted.difference(&present).next().is_some() {
        content.extend(txn.below(order)?.iter().map(|record| record.id));
        content.extend(txn.references(order)?);
    }
    for audience in wanted.difference(&present) {
        for record in &content {
            txn.enter(*audience, *record, order, sequence)?;
        }
    }
    for audience in present.difference(&wanted).filter(|_| !fieldsync_protocol::planted!("withdrawn-stays")) {
        for record in txn.seen_via(*audience, order)? {
            txn.leave(*audience, record, order, sequence)?;
        }
    }
    Ok(())
}

/// Lets what an order refers to in and out after its parties, or what these refer to, changed.
fn rerefer(txn: &mut dyn Txn, order: &Record, sequence: u64) -> Result<(), StoreError> {
    let wanted = references(txn, order)?;
    let present: BTreeSet<RecordId> = txn.references(order.id)?.into_iter().collect();
    if wanted == present || fieldsync_protocol::planted!("parties-unfollowed") && !present.is_empty() {
        return Ok(());
    }
    txn.set_references(order.id, &wanted.iter().copied().collect::<Vec<_>>())?;
    for audience in txn.audiences_via(order.id)? {
        for target in wanted.difference(&present) {
            txn.enter(audience, *target, order.id, sequence)?;
        }
        for target in present.difference(&wanted) {
            txn.leave(audience, *target, order.id, sequence)?;
        }
    }
    Ok(())
}

/// What an order refers to, itself or through what it refers to. What has not arrived yet counts: it enters when it does.
fn references(txn: &mut dyn Txn, order: &Record) -> Result<BTreeSet<RecordId>, StoreError> {
    let mut found = BTreeSet::new();
    let mut front: Vec<RecordId> = ids(order);
    while let Some(id) = front.pop() {
        let stored = txn.record(id)?.map(|stored| stored.record);
        // Only what is seen by reference is: an id of anything else in such a field leads nowhere.
        let is_referred = |record: &Record| kinds::kind(&record.kind).is_some_and(|kind| kind.reach == Reach::Referred);
        if stored.as_ref().is_none_or(is_referred) && found.insert(id) {
            front.extend(stored.iter().flat_map(ids));
        }
    }
    Ok(found)
}

fn ids(record: &Record) -> Vec<RecordId> {
    show::references(record).into_iter().map(|(_, id)| id).collect()
}
