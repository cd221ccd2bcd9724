//! Privacy erasure: a record's content is taken away everywhere and for ever.
//!
//! *Erased* is an absorbing state of a record's id, outside versions: it has a place in history, so that devices learn of
//! it like of any change; it is written to a log outside the database first, so that no restore undoes it; and whatever
//! still arrives for the id, from a phone that was away for years or in a bundle, is dropped and counted. What history
//! says of the record keeps its place in the chain, which commits to hashes: it still verifies, and says nothing.

use std::collections::{BTreeMap, BTreeSet};

use fieldsync_protocol::exchange::PushRecord;
use fieldsync_protocol::{FieldsExt, Hash, PersonId, Record, RecordId, Version, fields, show};

use super::edit::stamped;
use crate::office::{Office, SYSTEM};
use crate::store::{Action, Entry, Erased, StoreError, Txn};

/// Name of the entry that an erasure leaves in history.
const GROUP: &str = "erased";

/// What an erasure would take away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The records, and their kinds.
    pub records: Vec<(RecordId, String)>,
    /// Photos and files that belong to none but these.
    pub blobs: Vec<Hash>,
}

impl Plan {
    /// How many records of each kind.
    pub fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for (_, kind) in &self.records {
            *counts.entry(kind.as_str()).or_default() += 1;
        }
        counts
    }
}

/// What belongs to a record: to a customer their contacts, sites and orders; to an order everything below it. Machines
/// stay: they are nobody's personal data. `None` when there is no such record.
///
/// # Errors
/// [`StoreError`] of the store.
pub fn plan(txn: &mut dyn Txn, id: RecordId) -> Result<Option<Plan>, StoreError> {
    let stored = txn.record(id)?;
    let collected = txn.collected(id)?;
    let kind = stored.as_ref().map(|stored| stored.record.kind.clone()).or(collected.map(|collected| collected.kind));
    let Some(kind) = kind else { return Ok(None) };
    let mut plan = Plan { records: vec![(id, kind.clone())], blobs: Vec::new() };
    // Of what was deleted and collected history still speaks.
    let past = txn.all_collected()?.into_iter().filter(|past| past.named.contains(&id) && past.kind != "asset");
    plan.records.extend(past.map(|past| (past.record, past.kind)));
    let mut blobs = BTreeSet::new();
    let mut orders = BTreeSet::new();
    match kind.as_str() {
        "customer" => {
            let known: BTreeSet<RecordId> = plan.records.iter().map(|(id, _)| *id).collect();
            for kind in ["contact", "site"] {
                let theirs = txn.of_kind(kind)?.into_iter().filter(|record| names(record, "customer", id));
                let theirs: Vec<_> = theirs.map(|record| (record.id, record.kind)).collect();
                plan.records.extend(theirs.into_iter().filter(|(id, _)| !known.contains(id)));
            }
            for order in txn.referring(id)? {
                if txn.record(order)?.is_some_and(|order| names(&order.record, "customer", id)) {
                    orders.insert(order);
                    plan.records.push((order, "work_order".to_owned()));
                }
            }
        }
        "work_order" => drop(orders.insert(id)),
        _ => blobs.extend(stored.and_then(|stored| blob(&stored.record))),
    }
    for order in &orders {
        for record in txn.below(*order)? {
            blobs.extend(blob(&record));
            plan.records.push((record.id, record.kind));
        }
    }
    let ids: BTreeSet<RecordId> = plan.records.iter().map(|(id, _)| *id).collect();
    if !blobs.is_empty() {
        for other in txn.of_kind("attachment")?.iter().filter(|other| !ids.contains(&other.id)) {
            blob(other).map(|hash| blobs.remove(&hash));
        }
    }
    plan.blobs = blobs.into_iter().collect();
    Ok(Some(plan))
}

/// Whether a field of this name, in any group, holds this reference.
fn names(record: &Record, field: &str, id: RecordId) -> bool {
    record.groups.keys().any(|group| show::fields(record, group).and_then(|fields| fields.id(field)) == Some(id))
}

fn blob(record: &Record) -> Option<Hash> {
    (record.kind == "attachment").then(|| show::main_fields(record)?.hash("hash")).flatten()
}

/// Erases what `plan` names. Twice changes nothing. The blobs' bytes are the caller's to delete, and the database's free
/// space to wipe ([`crate::store::Store::scrub`]).
///
/// # Errors
/// [`StoreError`] of the store, or of the log outside it, which is written first.
pub fn erase(office: &Office, by: PersonId, plan: &Plan) -> Result<(), StoreError> {
    let now_ms = office.now_ms();
    office.erasures.note(&plan.records, now_ms).map_err(|error| StoreError::Database(error.into()))?;
    let (inner, plan) = (office.clone(), plan.clone());
    office.write(move |txn| {
        for (record, kind) in &plan.records {
            take_away(&inner, txn, *record, kind, by, now_ms)?;
        }
        for hash in &plan.blobs {
            txn.forget_blob(hash)?;
        }
        Ok::<_, StoreError>(())
    })?;
    office.store.scrub()
}

/// Erases in the database what the log says was erased; how many records that concerned.
///
/// # Errors
/// [`StoreError`] of the store.
pub fn replay(office: &Office) -> Result<usize, StoreError> {
    let noted = office.erasures.all();
    if noted.is_empty() {
        return Ok(0);
    }
    let inner = office.clone();
    let count = office.write(move |txn| {
        let mut count = 0;
        for (record, kind, at_ms) in noted {
            count += usize::from(take_away(&inner, txn, record, &kind, SYSTEM, at_ms)?);
        }
        Ok::<_, StoreError>(count)
    })?;
    if count > 0 {
        office.store.scrub()?;
    }
    Ok(count)
}

fn take_away(
    office: &Office,
    txn: &mut dyn Txn,
    id: RecordId,
    kind: &str,
    by: PersonId,
    at_ms: i64,
) -> Result<bool, StoreError> {
    if txn.erased(id)?.is_some() {
        return Ok(false);
    }
    let record = match txn.record(id)? {
        Some(stored) => stored.record,
        None => remembered(txn, id, kind)?,
    };
    let edit = stamped(office, &record, GROUP, fields! {}, Version::new(), by);
    let entry = Entry {
        action: Action::Accepted,
        kind: kind.to_owned(),
        record: id,
        edit,
        arrived_ms: office.now_ms(),
        replaced: Vec::new(),
    };
    let sequence = txn.append(&entry)?;
    // What somebody saw because of it, and is not erased itself, leaves them in the ordinary way.
    for audience in txn.audiences_via(id)? {
        for seen in txn.seen_via(audience, id)?.into_iter().filter(|seen| *seen != id) {
            txn.leave(audience, seen, id, sequence)?;
        }
    }
    txn.erase(&Erased { record: id, kind: kind.to_owned(), sequence, at_ms, person: by, dropped: 0 })?;
    Ok(true)
}

/// A record that is not here, with the dots that history knows of it, so that none is given twice.
fn remembered(txn: &mut dyn Txn, id: RecordId, kind: &str) -> Result<Record, StoreError> {
    let mut record = Record::new(kind, id);
    txn.history_of(id)?.iter().for_each(|placed| record.version.add(placed.entry.edit.dot));
    Ok(record)
}

/// Whether what arrives for a record must be dropped: it was erased, or the order it hangs below was; then it becomes
/// erased too. Counts it.
pub(super) fn is_gone(
    office: &Office,
    txn: &mut dyn Txn,
    id: RecordId,
    kind: &str,
    order: Option<RecordId>,
) -> Result<bool, StoreError> {
    if txn.erased(id)?.is_none() {
        let Some(order) = order.filter(|order| *order != id) else { return Ok(false) };
        if txn.erased(order)?.is_none() {
            return Ok(false);
        }
        take_away(office, txn, id, kind, SYSTEM, office.now_ms())?;
    }
    txn.count_dropped(id)?;
    Ok(true)
}

/// Takes out of a push what must be dropped, and names it in `erased`.
pub(super) fn sift<'p>(
    office: &Office,
    txn: &mut dyn Txn,
    push: &'p [PushRecord],
    erased: &mut Vec<RecordId>,
) -> Result<Vec<&'p PushRecord>, StoreError> {
    let mut kept = Vec::with_capacity(push.len());
    for record in push {
        let order = super::push::order_of(txn, record)?;
        if is_gone(office, txn, record.id, &record.kind, order)? {
            erased.push(record.id);
        } else {
            kept.push(record);
        }
    }
    Ok(kept)
}
