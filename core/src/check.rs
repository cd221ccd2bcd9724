//! Damage: bits that changed in a row after it was stored. SQLite notices a broken page, not a flipped bit in a value.
//!
//! Beside every copy of the office's and every own entry stands a checksum. Each sync looks at all own entries and at
//! [`ROWS_A_SYNC`] of the copies, going round; [`Device::check`] looks at everything, and so does a sync after something
//! stored could not be read, or when both sides do not agree. A damaged copy is asked for whole and replaced; what nobody
//! can read goes at once, so that it stands in nothing's way. A damaged own entry is not sent: it is set aside and shown,
//! for its author to enter it again.

use std::collections::BTreeSet;

use fieldsync_protocol::{Edit, Fields, Hash, Record, RecordId, encode};
use serde::Serialize;

use crate::device::Device;
use crate::error::Error;
use crate::store;
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
    /// for whole. Reads all of it once; no network. Whoever enters something meanwhile does not wait for it.
    ///
    /// # Errors
    /// When the store cannot be used. Damage in a row is no error; it is in the report.
    pub fn check(&self) -> Result<CheckReport, Error> {
        examine(self)
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

/// Looks at all own entries, and at some of the copies after `after`. Mends what it can.
pub(crate) fn look_round(device: &Device, after: Option<RecordId>) -> Result<Looked, Error> {
    let mut looked = Looked::default();
    let mut found = look_at_entries(device, &mut looked.report)?;
    looked.next = look(device, after, &mut looked.report, &mut found)?;
    mend(device, &found, &mut looked.report)?;
    tell(&looked.report);
    Ok(looked)
}

/// Looks at everything, mends, and makes the sums those of the copies. It reads beside whoever writes, one slice after the
/// other, and mends in short transactions: who enters something meanwhile never waits for it.
pub(crate) fn examine(device: &Device) -> Result<CheckReport, Error> {
    let _one = device.lock_examination();
    let mut report = CheckReport::default();
    let mut found = look_at_entries(device, &mut report)?;
    let mut after = look(device, None, &mut report, &mut found)?;
    while after.is_some() {
        after = look(device, after, &mut report, &mut found)?;
    }
    mend(device, &found, &mut report)?;
    report.sums_were_wrong = recount(device)?;
    tell(&report);
    Ok(report)
}

fn tell(report: &CheckReport) {
    if !report.is_sound() {
        let (records, edits) = (report.damaged_records.len(), report.damaged_edits);
        tracing::error!(records, edits, sums = report.sums_were_wrong, "stored rows were damaged");
    }
}

/// How stored bytes stand to the checksum beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Sound,
    /// From before there were checksums, and readable: this is to be its checksum.
    Unmarked(Hash),
    Damaged,
}

fn state(body: &[u8], check: Option<Hash>, is_readable: impl FnOnce() -> bool) -> State {
    let found = Hash::blake3(body);
    match check {
        Some(check) if check == found => State::Sound,
        None if is_readable() => State::Unmarked(found),
        _ => State::Damaged,
    }
}

impl Row {
    fn state(&self) -> State {
        state(&self.body, self.check, || self.is_readable())
    }

    fn is_readable(&self) -> bool {
        encode::from_cbor::<Record>(&self.body).is_ok_and(|record| record.id == self.id && record.kind == self.kind)
    }
}

impl Entry {
    fn state(&self) -> State {
        state(&self.body, self.check, || encode::from_cbor::<Edit>(&self.body).is_ok())
    }
}

/// Looks at every own entry; the records of those that are not as they should be.
fn look_at_entries(device: &Device, report: &mut CheckReport) -> Result<BTreeSet<RecordId>, Error> {
    let entries = device.read(repair::entries)?;
    report.pending += entries.len() as u64;
    Ok(entries.iter().filter(|entry| entry.state() != State::Sound).map(|entry| entry.record).collect())
}

/// Looks at one slice of the copies; the last of them, when there may be more.
fn look(
    device: &Device,
    after: Option<RecordId>,
    report: &mut CheckReport,
    found: &mut BTreeSet<RecordId>,
) -> Result<Option<RecordId>, Error> {
    let rows = device.read(|connection| repair::rows(connection, after, ROWS_A_SYNC))?;
    report.records += rows.len() as u64;
    found.extend(rows.iter().filter(|row| row.state() != State::Sound).map(|row| row.id));
    Ok(rows.last().filter(|_| rows.len() as u64 == ROWS_A_SYNC).map(|row| row.id))
}

/// Mends these records in short transactions.
fn mend(device: &Device, found: &BTreeSet<RecordId>, report: &mut CheckReport) -> Result<(), Error> {
    let now_ms = device.now_ms();
    let mut left = found.iter().copied().peekable();
    while left.peek().is_some() {
        device.change(|work| {
            let mut mended = 0;
            while let Some(id) = left.next_if(|_| !device.is_step_over(mended)) {
                mend_record(work, id, now_ms, report)?;
                mended += 1;
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Mends one record. What was seen of it may have been replaced since: it is looked at again.
fn mend_record(work: &mut Work<'_>, id: RecordId, now_ms: i64, report: &mut CheckReport) -> Result<(), Error> {
    // Own entries first: what is shown is computed from them, and none that cannot be read may be left by then.
    let mut is_any_entry = false;
    for entry in repair::entries_of(work.tx, id)? {
        match entry.state() {
            State::Sound => {}
            State::Unmarked(check) => repair::mark_entry(work.tx, &entry, &check)?,
            State::Damaged => {
                let kind = store::record::kind_of(work.tx, id)?.unwrap_or_default();
                repair::set_aside(work.tx, &entry, &kind, now_ms)?;
                store::pending::remove(work.tx, id, entry.dot)?;
                report.damaged_edits += 1;
                is_any_entry = true;
            }
        }
    }
    if let Some(row) = repair::row(work.tx, id)? {
        match row.state() {
            State::Sound => {}
            State::Unmarked(check) => repair::mark(work.tx, id, &check)?,
            State::Damaged => {
                report.damaged_records.push(id);
                repair::want(work.tx, id)?;
                if !row.is_readable() {
                    work.drop_theirs(id)?;
                }
            }
        }
    }
    if is_any_entry { work.recompute(id) } else { Ok(()) }
}

/// Makes the sums those of the copies; whether they were not. They are counted beside whoever writes: every change since
/// moved the sums as it moved the copies, so that what is wrong with them is still exactly what was seen.
fn recount(device: &Device) -> Result<bool, Error> {
    let (kept, counted) = device.read(repair::sums)?;
    if kept == counted {
        return Ok(false);
    }
    device.change(|work| {
        let sums = work.fingerprint()?;
        sums.own.correct(&kept.own, &counted.own);
        sums.shared.correct(&kept.shared, &counted.shared);
        Ok(())
    })?;
    Ok(true)
}
