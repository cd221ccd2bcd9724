//! What a restore came to: which devices have returned since, what they brought back, and what nobody holds.
//!
//! A restored office knows of its lost time only what devices prove: their sealed cursors say how far history had gone,
//! and the versions of the records they offer back name edits whose values they do not hold. An edit named here was
//! replaced by a later one that did come back, or by its own author before it was ever sent; what the values were is
//! known to nobody. Nothing is changed by asking, and names are those of records and people, never contents.

use std::collections::{BTreeMap, BTreeSet};

use fieldsync_protocol::{DeviceId, RecordId, ReplicaId, show};
use serde::Serialize;

use crate::store::{Action, Device, EpochStart, Placed, StoreError, Txn};

/// Rows of history read at once.
const PAGE: u64 = 1_000;

/// What came back since the last restore, and what did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recovery {
    /// The epoch that the restore began.
    pub epoch: u64,
    /// When it began, milliseconds since 1970 UTC.
    pub began_ms: i64,
    /// Entries of history that were restored.
    pub restored: u64,
    /// Entries that were lost, as far as devices that have returned can prove.
    pub lost: u64,
    /// Values that devices brought back.
    pub brought_back: u64,
    /// Records in which they stand.
    pub records: u64,
    /// Every device that is neither revoked nor retired, and whether it has returned.
    pub devices: Vec<Returning>,
    /// Edits that are known to have been made and whose values nobody has brought back.
    pub missing: Vec<Missing>,
    /// Records that others speak of and nobody has brought back.
    pub absent: Vec<Absent>,
}

impl Recovery {
    /// Devices that may still bring something back.
    pub fn awaited(&self) -> usize {
        self.devices.iter().filter(|device| !device.has_returned).count()
    }
}

/// A device, and whether it has synced since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Returning {
    /// The device.
    pub device: DeviceId,
    /// What the dispatcher calls it.
    pub name: String,
    /// Whose it is.
    pub technician: String,
    /// When it was last heard of.
    pub contact_ms: Option<i64>,
    /// Whether that was after the restore.
    pub has_returned: bool,
}

/// Edits of one replica to one record that somebody had seen and nobody holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: String,
    /// What people call it, or the order it hangs below.
    pub name: Option<String>,
    /// Who wrote them.
    pub replica: ReplicaId,
    /// The first of them, counted per record and replica.
    pub from: u64,
    /// The last of them.
    pub to: u64,
}

/// A record that is spoken of and not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Absent {
    /// The record.
    pub record: RecordId,
    /// Who speaks of it.
    pub named_by: RecordId,
    /// What people call that.
    pub name: Option<String>,
}

/// Tells what the last restore came to; `None` when this office never was restored.
///
/// # Errors
/// [`StoreError`] of the store.
pub fn recovery(txn: &mut dyn Txn) -> Result<Option<Recovery>, StoreError> {
    let Some(start) = txn.epoch_start()? else { return Ok(None) };
    let (mut brought_back, mut refilled, mut place) = (0, BTreeSet::new(), start.sequence);
    loop {
        let page = txn.history_after(place, PAGE)?;
        let Some(last) = page.last() else { break };
        place = last.sequence;
        for placed in page.iter().filter(|placed| placed.entry.action == Action::Refilled) {
            brought_back += 1;
            refilled.insert(placed.entry.record);
        }
    }
    let mut missing = Vec::new();
    for id in &refilled {
        missing.extend(missing_of(txn, &start, *id)?);
    }
    let mut absent = Vec::new();
    for (record, named_by) in txn.absent()? {
        if txn.collected(record)?.is_some() {
            continue;
        }
        absent.push(Absent { record, named_by, name: name(txn, named_by)? });
    }
    Ok(Some(Recovery {
        epoch: start.epoch,
        began_ms: start.began_ms,
        restored: start.sequence,
        lost: start.claimed - start.sequence,
        brought_back,
        records: refilled.len() as u64,
        devices: devices(txn, &start)?,
        missing,
        absent,
    }))
}

fn devices(txn: &mut dyn Txn, start: &EpochStart) -> Result<Vec<Returning>, StoreError> {
    let mut returning = Vec::new();
    let is_awaited = |device: &Device| device.revoked_ms.is_none() && device.retired_ms.is_none();
    for device in txn.devices()?.into_iter().filter(is_awaited) {
        returning.push(Returning {
            device: device.id,
            technician: name(txn, RecordId(device.person.0))?.unwrap_or_default(),
            has_returned: device.contact_ms.is_some_and(|at_ms| at_ms >= start.began_ms),
            name: device.name,
            contact_ms: device.contact_ms,
        });
    }
    returning.sort_by_key(|device| device.has_returned);
    Ok(returning)
}

/// The edits that a record's version includes beyond what was restored, and that stand nowhere in history.
fn missing_of(txn: &mut dyn Txn, start: &EpochStart, id: RecordId) -> Result<Vec<Missing>, StoreError> {
    let Some(stored) = txn.record(id)? else { return Ok(Vec::new()) };
    let (mut restored, mut known) = (BTreeMap::<ReplicaId, u64>::new(), BTreeMap::<ReplicaId, BTreeSet<u64>>::new());
    for Placed { sequence, entry, .. } in txn.history_of(id)? {
        let dot = entry.edit.dot;
        if sequence <= start.sequence {
            let highest = restored.entry(dot.replica).or_default();
            *highest = dot.counter.max(*highest);
        }
        known.entry(dot.replica).or_default().insert(dot.counter);
    }
    let name = name(txn, id)?;
    let mut missing = Vec::new();
    for (replica, highest) in stored.record.version.iter() {
        let mut next = restored.get(&replica).copied().unwrap_or(0) + 1;
        let present = known.remove(&replica).unwrap_or_default();
        // A gap ends before each counter that is known, and at the highest that is included.
        for counter in present.range(next..=highest).copied().chain([highest + 1]) {
            if next < counter {
                let (kind, name) = (stored.record.kind.clone(), name.clone());
                missing.push(Missing { record: id, kind, name, replica, from: next, to: counter - 1 });
            }
            next = counter + 1;
        }
    }
    Ok(missing)
}

/// What people call a record: its number or name, or the number of the order it hangs below.
fn name(txn: &mut dyn Txn, id: RecordId) -> Result<Option<String>, StoreError> {
    let Some(stored) = txn.record(id)? else { return Ok(None) };
    if let Some(name) = show::name(&stored.record) {
        return Ok(Some(name.to_owned()));
    }
    let order =
        show::main_fields(&stored.record).and_then(|fields| fieldsync_protocol::FieldsExt::id(fields, "work_order"));
    Ok(txn.job(order.unwrap_or(id))?.map(|job| job.number))
}
