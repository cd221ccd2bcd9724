//! Collection: a deleted record is kept no more once it is proven that everybody knows of the delete.
//!
//! Nothing is ever forgotten by age. A record is collected when a delete has seen everything alive in it, nothing that
//! lives names it, no held edit waits for it, and *every* device that is neither revoked nor retired has confirmed a place
//! past its last change; who and how far is kept as the proof. The collection has a place in history, so devices learn of
//! it like of any leaving. When all of them have confirmed that place as well, the marks that say so go too, and the floor
//! rises: a cursor below it starts over ([`super::returning`]).
//!
//! The id is used up for good, and the log outside the database remembers it over every restore: what a phone from a
//! backup, a late bundle or a restored office brings of it is held for a person or refused, and never becomes a record.

use std::collections::{BTreeMap, BTreeSet};

use fieldsync_protocol::kinds::{KINDS, Reach, Type, kind};
use fieldsync_protocol::record::{DELETED, delete_fields};
use fieldsync_protocol::rights::{Actor, Role};
use fieldsync_protocol::{DeviceId, FieldsExt, PersonId, Record, RecordId, Version, fields, show};

use super::accept::{Author, Door};
use super::edit::stamped;
use crate::collections::Noted;
use crate::office::{Office, SYSTEM};
use crate::store::{Action, Collected, Device, Entry, StoreError, Txn};

/// Name of the entry that a collection leaves in history.
const GROUP: &str = "collected";

/// What can be collected now, what cannot, and because of whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Deleted records.
    pub records: Vec<Candidate>,
    /// Records collected before, of which only the marks are left.
    pub marks: Vec<Candidate>,
    /// Everybody who is waited for.
    pub devices: Vec<Awaited>,
}

/// Something deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: String,
    /// What people called it.
    pub name: Option<String>,
    /// The place that everybody must have confirmed.
    pub place: u64,
    /// What stands in the way; nothing, and it can go.
    pub blockers: Vec<Blocker>,
}

impl Candidate {
    /// Whether nothing stands in the way.
    pub fn is_free(&self) -> bool {
        self.blockers.is_empty()
    }
}

/// What keeps something from being collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blocker {
    /// A device has not confirmed the place.
    Device(DeviceId),
    /// This record names it, and lives.
    Named(RecordId),
    /// An edit of it waits for a person's decision.
    Held,
}

/// A device that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    /// The device.
    pub device: DeviceId,
    /// What the dispatcher calls it.
    pub name: String,
    /// Whose it is.
    pub person: PersonId,
    /// When it was last heard of.
    pub contact_ms: Option<i64>,
    /// The place up to which it has confirmed everything.
    pub confirmed: u64,
}

/// Tells what can be collected and what stands in the way of the rest. Changes nothing.
///
/// # Errors
/// [`StoreError`] of the store.
pub fn plan(txn: &mut dyn Txn) -> Result<Plan, StoreError> {
    let devices = awaited(txn)?;
    let held: BTreeSet<RecordId> = txn.all_held(true)?.into_iter().map(|held| held.record).collect();
    let (mut deleted, mut named) = (Vec::new(), BTreeMap::new());
    for kind in KINDS.iter().filter(|kind| kind.reach == Reach::Referred) {
        for record in txn.of_kind(kind.name)? {
            if record.is_deleted() {
                deleted.push(record);
            } else {
                named.extend(names(&record).into_iter().map(|target| (target, record.id)));
            }
        }
    }
    let mut plan = Plan::default();
    for record in deleted {
        let Some(stored) = txn.record(record.id)? else { continue };
        let mut blockers = behind(&devices, stored.sequence);
        blockers.extend(named.get(&record.id).copied().map(Blocker::Named));
        blockers.extend(txn.referring(record.id)?.into_iter().map(Blocker::Named));
        blockers.extend(held.contains(&record.id).then_some(Blocker::Held));
        let name = show::name(&record).map(str::to_owned);
        let (record, kind) = (record.id, record.kind);
        plan.records.push(Candidate { record, kind, name, place: stored.sequence, blockers });
    }
    for collected in txn.all_collected()?.into_iter().filter(|collected| collected.has_marks) {
        // What was erased since is told by the same marks.
        if txn.record(collected.record)?.is_none() && txn.erased(collected.record)?.is_none() {
            let Collected { record, kind, sequence: place, .. } = collected;
            plan.marks.push(Candidate { record, kind, name: None, place, blockers: behind(&devices, place) });
        }
    }
    plan.devices = devices;
    Ok(plan)
}

/// Everybody whose word is needed: enrolled, heard of, neither revoked nor retired. A device that was not heard of since the
/// server started may know that this is an older copy, and one that has not walked its scope since a restore may bring
/// something back: they have confirmed nothing.
fn awaited(txn: &mut dyn Txn) -> Result<Vec<Awaited>, StoreError> {
    let (start, tenant) = (txn.epoch_start()?, txn.tenant()?);
    let is_live =
        |device: &Device| device.revoked_ms.is_none() && device.retired_ms.is_none() && device.contact_ms.is_some();
    let live = txn.devices()?.into_iter().filter(is_live);
    let devices = live.map(|device| {
        let has_walked = start.is_none_or(|start| device.position >= start.sequence);
        let since_ms = start.map_or(tenant.started_ms, |start| start.began_ms.max(tenant.started_ms));
        let has_returned = has_walked && device.contact_ms.is_some_and(|at_ms| at_ms >= since_ms);
        Awaited {
            device: device.id,
            name: device.name,
            person: device.person,
            contact_ms: device.contact_ms,
            confirmed: if has_returned { device.position } else { 0 },
        }
    });
    Ok(devices.collect())
}

fn behind(devices: &[Awaited], place: u64) -> Vec<Blocker> {
    devices.iter().filter(|device| device.confirmed < place).map(|device| Blocker::Device(device.device)).collect()
}

/// Everything that any value of a record refers to.
fn names(record: &Record) -> BTreeSet<RecordId> {
    let mut named = BTreeSet::new();
    for group in kind(&record.kind).into_iter().flat_map(|kind| kind.groups) {
        for field in group.fields.iter().filter(|field| matches!(field.holds, Type::Reference(_))) {
            named.extend(record.siblings(group.name).filter_map(|(_, sibling)| sibling.fields.id(field.name)));
        }
    }
    named
}

/// Collects whatever nothing stands in the way of, and returns the plan that was carried out: what is free in it is gone.
///
/// # Errors
/// [`StoreError`] of the store, or of the log outside it, which is written first; nothing was taken away then.
pub fn collect(office: &Office, by: PersonId) -> Result<Plan, StoreError> {
    let inner = office.clone();
    let collected = office.write(move |txn| carry_out(&inner, txn, by));
    if collected.is_err() {
        // Nothing may be written to these records before the database knows, or the note is gone.
        replay(office)?;
    }
    collected
}

fn carry_out(office: &Office, txn: &mut dyn Txn, by: PersonId) -> Result<Plan, StoreError> {
    // Made anew under the writer's lock: what a page showed before may have changed.
    let plan = plan(txn)?;
    let (tenant, at_ms) = (txn.tenant()?, office.now_ms());
    let free = plan.records.iter().filter(|candidate| candidate.is_free());
    let note = |candidate: &Candidate| {
        let kind = candidate.kind.clone();
        (candidate.record, Noted { kind, place: tenant.sequence, chain: tenant.chain, at_ms })
    };
    let noted: Vec<_> = free.clone().map(note).collect();
    office.collections.note(&noted).map_err(|error| StoreError::Database(error.into()))?;
    for mark in plan.marks.iter().filter(|mark| mark.is_free()) {
        txn.forget_marks(mark.record)?;
    }
    let proof: Vec<_> = plan.devices.iter().map(|device| (device.device, device.confirmed)).collect();
    for candidate in free {
        let Some(stored) = txn.record(candidate.record)? else { continue };
        let entry = Entry {
            action: Action::Accepted,
            kind: candidate.kind.clone(),
            record: candidate.record,
            edit: stamped(office, &stored.record, GROUP, fields! {}, Version::new(), by),
            arrived_ms: at_ms,
            replaced: Vec::new(),
        };
        let sequence = txn.append(&entry)?;
        for audience in txn.audiences_via(candidate.record)? {
            for seen in txn.seen_via(audience, candidate.record)? {
                txn.leave(audience, seen, candidate.record, sequence)?;
            }
        }
        txn.take_collected(candidate.record, sequence)?;
        txn.note_collected(&Collected {
            record: candidate.record,
            kind: candidate.kind.clone(),
            sequence,
            deleted: candidate.place,
            at_ms,
            person: by,
            proof: proof.clone(),
            named: names(&stored.record).into_iter().collect(),
            has_marks: true,
        })?;
    }
    Ok(plan)
}

/// Brings a database to what the log outside it says: what an older copy has alive is deleted again and stays so; what
/// the log noted and this database never heard of is taken back. How many records were deleted again.
///
/// # Errors
/// [`StoreError`] of the store, or of the log.
pub fn replay(office: &Office) -> Result<usize, StoreError> {
    let lost = unheard_of(office)?;
    if lost.is_empty() {
        return Ok(0);
    }
    let inner = office.clone();
    office.write(move |txn| {
        let mut count = 0;
        for (record, noted) in &lost {
            count += usize::from(delete_again(&inner, txn, *record, noted)?);
        }
        Ok(count)
    })
}

/// What the log noted and the database does not know. When its history goes as far as the note and the record lives, the
/// collection never came about and somebody wrote the record since: the note is taken back. Otherwise this is an older
/// copy, which must be told: those are returned.
fn unheard_of(office: &Office) -> Result<Vec<(RecordId, Noted)>, StoreError> {
    let noted = office.collections.all();
    let (mut older, mut never) = (Vec::new(), Vec::new());
    office.read(|txn| {
        for (record, note) in noted {
            if txn.collected(record)?.is_some() {
                continue;
            }
            // A copy from just before the collection cannot be told from one that never came about, nor needs to be.
            let is_alive = txn.record(record)?.is_some_and(|stored| !stored.record.is_deleted());
            match is_alive && txn.chain_at(note.place)? == Some(note.chain) {
                true => never.push(record),
                false => older.push((record, note)),
            }
        }
        Ok::<_, StoreError>(())
    })?;
    office.collections.take_back(&never).map_err(|error| StoreError::Database(error.into()))?;
    Ok(older)
}

fn delete_again(office: &Office, txn: &mut dyn Txn, id: RecordId, noted: &Noted) -> Result<bool, StoreError> {
    if txn.erased(id)?.is_some() {
        return Ok(false);
    }
    let found = txn.record(id)?;
    let is_alive = found.as_ref().is_some_and(|stored| !stored.record.is_deleted());
    let named = found.as_ref().map(|stored| names(&stored.record)).unwrap_or_default();
    if let Some(stored) = found.filter(|_| is_alive) {
        let version = stored.record.version.clone();
        let edit = stamped(office, &stored.record, DELETED, delete_fields(&version), version, SYSTEM);
        let mut door = Door::open(office);
        let author = Author::office(Actor { person: SYSTEM, role: Role::Dispatcher });
        door.accept(txn, &author, &noted.kind, id, &[edit], Action::Accepted)?;
        door.close(txn)?;
    }
    let sequence = txn.tenant()?.sequence;
    txn.note_collected(&Collected {
        record: id,
        kind: noted.kind.clone(),
        sequence,
        deleted: sequence,
        at_ms: noted.at_ms,
        person: SYSTEM,
        proof: Vec::new(),
        named: named.into_iter().collect(),
        has_marks: true,
    })?;
    Ok(is_alive)
}

/// Whether whatever arrives for a record must not become one, because it was collected.
pub(super) fn is_used_up(txn: &mut dyn Txn, name: &str, id: RecordId) -> Result<bool, StoreError> {
    // Nothing else can be deleted.
    let may_be = kind(name).is_none_or(|kind| kind.reach == Reach::Referred);
    Ok(may_be && txn.collected(id)?.is_some())
}
