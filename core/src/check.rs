//! Damage: bits that changed in a row after it was stored. SQLite notices a broken page, not a flipped bit in a value.
//!
//! Beside every copy of the office's and every own entry stands a checksum. Each sync looks at all own entries and at
//! [`ROWS_A_SYNC`] of the copies, going round; [`Device::check`] looks at everything, and so does a sync after something
//! stored could not be read, or when both sides do not agree. A damaged copy is asked for whole and replaced; what nobody
//! can read goes at once, so that it stands in nothing's way. A damaged own entry is not sent: it is set aside and shown,
//! for its author to enter it again.

use fieldsync_protocol::compare::Side;
use fieldsync_protocol::exchange::Fingerprint;
use fieldsync_protocol::{Edit, Fields, Hash, Record, RecordId, encode};
use rusqlite::Connection;
use serde::Serialize;

use crate::device::Device;
use crate::error::Error;
use crate::store::record::Work;
use crate::store::repair::{self, Entry, Row};

/// Copies of the office's that one sync looks at: about half a megabyte, a few milliseconds. Ten thousand records are gone
/// round in twenty syncs.
pub const ROWS_A_SYNC: u64 = 500;

/// What a check found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Copies of the office's looked at.
    pub records: u64,
    /// Own entries looked at.
    pub pending: u64,
    /// Copies that are not what the office delivered. They are asked for whole at the next sync.
    pub damaged_records: Vec<RecordId>,
    /// Own entries that are not what was entered; set aside, see [`Device::damaged`].
    pub damaged_edits: u32,
    /// Whether the sums that are compared with the office's were not those of the copies. They are now.
    pub sums_were_wrong: bool,
}

impl CheckReport {
    /// Whether nothing was wrong.
    pub fn is_sound(&self) -> bool {
        self.damaged_records.is_empty() && self.damaged_edits == 0 && !self.sums_were_wrong
    }
}

/// An own entry that is not what was entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damaged {
    /// Names it on this device.
    pub id: i64,
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: String,
    /// The group and what it says now, as far as it can be read at all. One bit or more of it is not what was entered.
    pub said: Option<(String, Fields)>,
    /// When the damage was found, on the device's clock.
    pub at_ms: i64,
}

impl Device {
    /// Looks at every copy, every own entry and the sums over them; sets aside what is damaged and remembers what to ask
    /// for whole. Reads all of it once; no network.
    ///
    /// # Errors
    /// When the store cannot be used. Damage in a row is no error; it is in the report.
    pub fn check(&self) -> Result<CheckReport, Error> {
        Ok(look_round(self, None, true)?.report)
    }

    /// Own entries that were set aside because they are not what was entered, oldest first. They were sent to nobody.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn damaged(&self) -> Result<Vec<Damaged>, Error> {
        let all = self.read(repair::damaged)?;
        let read = |body: &[u8]| encode::from_cbor::<Edit>(body).ok().map(|edit| (edit.group, edit.fields));
        Ok(all
            .into_iter()
            .map(|found| Damaged {
                id: found.key,
                record: found.record,
                kind: found.kind,
                said: read(&found.body),
                at_ms: found.at_ms,
            })
            .collect())
    }

    /// Throws a damaged entry away, because its author has entered it again or does not need it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of that name.
    pub fn forget_damaged(&self, id: i64) -> Result<(), Error> {
        self.write(|tx, _| if repair::forget(tx, id)? { Ok(()) } else { Err(Error::NotFound) })
    }
}

/// What a look at part of the store came to.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    pub(crate) report: CheckReport,
    /// Where the next look begins; `None` for the start.
    pub(crate) next: Option<RecordId>,
}

/// Looks at all own entries, and at the copies after `after`: all of them when `is_full`, otherwise some. Mends what it
/// can.
pub(crate) fn look_round(device: &Device, after: Option<RecordId>, is_full: bool) -> Result<Looked, Error> {
    let limit = if is_full { u64::MAX } else { ROWS_A_SYNC };
    let seen = device.read(|connection| look(connection, after, limit))?;
    if seen.is_sound() && !is_full {
        return Ok(seen.result());
    }
    let now_ms = device.now_ms();
    device.change(|work| {
        // Looked at again under the lock: what was found may have been replaced meanwhile.
        let seen = look(work.tx, after, limit)?;
        let mut result = seen.result();
        mend(work, &seen, now_ms)?;
        if is_full {
            result.report.sums_were_wrong = recount(work)?;
        }
        if !result.report.is_sound() {
            let (records, edits) = (result.report.damaged_records.len(), result.report.damaged_edits);
            tracing::error!(records, edits, sums = result.report.sums_were_wrong, "stored rows were damaged");
        }
        Ok(result)
    })
}

/// What was seen.
#[derive(Default)]
struct Seen {
    records: u64,
    pending: u64,
    next: Option<RecordId>,
    damaged: Vec<Row>,
    /// Edits with what the record's kind is.
    edits: Vec<(Entry, String)>,
    unmarked: Vec<(RecordId, Hash)>,
    unmarked_edits: Vec<(Entry, Hash)>,
}

impl Seen {
    fn is_sound(&self) -> bool {
        self.damaged.is_empty() && self.edits.is_empty() && self.unmarked.is_empty() && self.unmarked_edits.is_empty()
    }

    fn result(&self) -> Looked {
        let report = CheckReport {
            records: self.records,
            pending: self.pending,
            damaged_records: self.damaged.iter().map(|row| row.id).collect(),
            damaged_edits: u32::try_from(self.edits.len()).unwrap_or(u32::MAX),
            sums_were_wrong: false,
        };
        Looked { report, next: self.next }
    }
}

fn look(connection: &Connection, after: Option<RecordId>, limit: u64) -> Result<Seen, Error> {
    let mut seen = Seen::default();
    let rows = repair::rows(connection, after, limit)?;
    seen.next = rows.last().filter(|_| rows.len() as u64 == limit).map(|row| row.id);
    for row in rows {
        seen.records += 1;
        let found = Hash::blake3(&row.body);
        match row.check {
            Some(check) if check == found => {}
            None if is_readable(&row) => seen.unmarked.push((row.id, found)),
            _ => seen.damaged.push(row),
        }
    }
    for entry in repair::entries(connection)? {
        seen.pending += 1;
        let found = Hash::blake3(&entry.body);
        match entry.check {
            Some(check) if check == found => {}
            None if encode::from_cbor::<Edit>(&entry.body).is_ok() => seen.unmarked_edits.push((entry, found)),
            _ => {
                let kind = crate::store::record::kind_of(connection, entry.record)?;
                seen.edits.push((entry, kind.unwrap_or_default()));
            }
        }
    }
    Ok(seen)
}

fn is_readable(row: &Row) -> bool {
    encode::from_cbor::<Record>(&row.body).is_ok_and(|record| record.id == row.id && record.kind == row.kind)
}

fn mend(work: &mut Work<'_>, seen: &Seen, now_ms: i64) -> Result<(), Error> {
    for (id, check) in &seen.unmarked {
        repair::mark(work.tx, *id, check)?;
    }
    for (entry, check) in &seen.unmarked_edits {
        repair::mark_entry(work.tx, entry, check)?;
    }
    // Own entries first: what is shown is computed from them, and none that cannot be read may be left by then.
    for (entry, kind) in &seen.edits {
        repair::set_aside(work.tx, entry, kind, now_ms)?;
        crate::store::pending::remove(work.tx, entry.record, entry.dot)?;
    }
    for row in &seen.damaged {
        repair::want(work.tx, row.id)?;
        if !is_readable(row) {
            work.drop_theirs(row.id)?;
        }
    }
    for (entry, _) in &seen.edits {
        work.recompute(entry.record)?;
    }
    Ok(())
}

/// Makes the sums those of the copies; whether they were not.
pub(crate) fn recount(work: &mut Work<'_>) -> Result<bool, Error> {
    let mut sums = Fingerprint::default();
    for row in repair::rows(work.tx, None, u64::MAX)? {
        if !row.is_leaving {
            let check = row.check.unwrap_or_else(|| Hash::blake3(&row.body));
            match repair::side(&row.kind) {
                Side::Own => sums.own.add(&check),
                Side::Shared => sums.shared.add(&check),
            }
        }
    }
    let kept = work.fingerprint()?;
    let was_wrong = *kept != sums;
    *kept = sums;
    Ok(was_wrong)
}

/// Looks at everything within a transaction that is under way, mends, and counts again.
pub(crate) fn examine(work: &mut Work<'_>, now_ms: i64) -> Result<CheckReport, Error> {
    let seen = look(work.tx, None, u64::MAX)?;
    let mut report = seen.result().report;
    mend(work, &seen, now_ms)?;
    report.sums_were_wrong = recount(work)?;
    Ok(report)
}
