//! Where both sides differ, found by ranges of record ids, and repaired record by record.
//!
//! When fingerprints differ, the device first looks at itself: rows that changed after they were stored, sums that are not
//! those of the rows. What differs still is searched with the office ([`fieldsync_protocol::compare`]), a few kilobytes
//! for one record among thousands; then exactly the differing records are asked for whole, and what is here too many is
//! offered back and leaves. Nothing is ever fetched again as a whole. A repair that does not make both sides agree is
//! tried again after more and more syncs, not at once: a difference that nobody can repair must not cost a battery.

use fieldsync_protocol::compare::{Content, Range, Side, sum};
use fieldsync_protocol::exchange::{ExchangeAnswer, Fingerprint};
use fieldsync_protocol::limits::RANGES_MAX;
use fieldsync_protocol::{Hash, RecordId};
use rusqlite::Connection;

use super::receipt::Receipt;
use crate::check;
use crate::device::Device;
use crate::error::Error;
use crate::store::record::{Leaving, Work};
use crate::store::{self, meta, repair};

/// Records asked for whole at once for repair: they share a page with what changed.
pub(super) const REPAIRS_A_ROUND: usize = 50;
/// Exchanges one search may take.
const ROUNDS_MAX: u32 = 400;
/// Syncs between two attempts at what could not be repaired double up to this power of two.
const PATIENCE_MAX: u32 = 6;

/// A search under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Search {
    /// Ranges known to differ, to be asked about.
    queue: Vec<Range>,
    stage: Stage,
    /// Exchanges that asked about ranges.
    pub(super) rounds: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    /// Nothing was found to differ in this session.
    #[default]
    Quiet,
    /// Both sides differ, and what is here is still to be looked at.
    Look,
    /// Ranges are being compared, or what was found is being asked for.
    Busy,
    /// This session repairs no more.
    Over,
}

impl Search {
    /// Whether what is here is to be looked at, see [`look`].
    pub(super) fn is_to_look(&self) -> bool {
        self.stage == Stage::Look
    }

    /// What to ask about next.
    pub(super) fn ranges(&self) -> Vec<Range> {
        self.queue.iter().take(RANGES_MAX).copied().collect()
    }

    /// The office or something on the way does not take the question: no more of it in this session.
    pub(super) fn give_up(&mut self, connection: &Connection) -> Result<(), Error> {
        self.queue.clear();
        self.stage = Stage::Over;
        let (failures, _) = patience(connection)?;
        let failures = (failures + 1).min(PATIENCE_MAX);
        meta::set(connection, meta::REPAIR, &(failures, (1_u32 << failures) - 1))
    }
}

/// Failures in a row, and syncs to go before the next attempt.
fn patience(connection: &Connection) -> Result<(u32, u32), Error> {
    Ok(meta::get(connection, meta::REPAIR)?.unwrap_or((0, 0)))
}

/// What an exchange asked.
#[derive(Debug, Default)]
pub(super) struct Question {
    pub(super) ranges: Vec<Range>,
    pub(super) repairs: Vec<RecordId>,
}

/// Takes what a page that was applied says about the difference; whether there is more to ask.
pub(super) fn step(
    work: &mut Work<'_>,
    asked: &Question,
    answer: &ExchangeAnswer,
    search: &mut Search,
    receipt: &mut Receipt,
) -> Result<bool, Error> {
    missing_at_the_office(work, asked, answer)?;
    if answer.more {
        return Ok(true);
    }
    if !asked.ranges.is_empty() {
        search.rounds += 1;
        narrow(work, asked, answer, search)?;
    }
    let wanted = repair::count(work.tx)? > 0;
    let Some(office) = answer.fingerprint else { return Ok(wanted) };
    // An office that is being refilled does not agree yet.
    if *work.fingerprint()? != office
        && search.stage == Stage::Quiet
        && !wanted
        && store::offer::count(work.tx)? == 0
        && is_due(work, search)?
    {
        search.stage = Stage::Look;
    }
    conclude(work, office, search, receipt)
}

/// Tells whether both sides agree; whether there is more to ask.
fn conclude(
    work: &mut Work<'_>,
    office: Fingerprint,
    search: &mut Search,
    receipt: &mut Receipt,
) -> Result<bool, Error> {
    let agrees = *work.fingerprint()? == office;
    meta::set(work.tx, meta::AGREES, &agrees)?;
    receipt.agrees = Some(agrees);
    if agrees {
        search.queue.clear();
        meta::clear(work.tx, meta::REPAIR)?;
        return Ok(repair::count(work.tx)? > 0);
    }
    let is_searching = !search.queue.is_empty() || repair::count(work.tx)? > 0;
    let is_over = !is_searching || search.rounds > ROUNDS_MAX;
    if is_over && search.stage == Stage::Busy && store::offer::count(work.tx)? == 0 {
        tracing::error!("both sides differ and the difference could not be repaired");
        search.give_up(work.tx)?;
        return Ok(false);
    }
    Ok(is_searching && search.stage == Stage::Busy || repair::count(work.tx)? > 0)
}

/// Whether a difference is to be looked for in this session, or has been looked for in vain too lately.
fn is_due(work: &Work<'_>, search: &mut Search) -> Result<bool, Error> {
    let (failures, to_go) = patience(work.tx)?;
    if to_go > 0 {
        meta::set(work.tx, meta::REPAIR, &(failures, to_go - 1))?;
        search.stage = Stage::Over;
    }
    Ok(to_go == 0)
}

/// Both sides differ: looks at what is here, outside any transaction, and when that was not it, begins to search; whether
/// there is something to ask.
pub(super) fn look(
    device: &Device,
    office: Fingerprint,
    search: &mut Search,
    receipt: &mut Receipt,
) -> Result<bool, Error> {
    let found = check::examine(device)?;
    receipt.damaged += found.damaged_edits;
    search.stage = Stage::Busy;
    device.change(|work| {
        let own = *work.fingerprint()?;
        tracing::warn!(
            own.count = own.own.count,
            office.count = office.own.count,
            damaged = found.damaged_records.len(),
            "fingerprints differ"
        );
        for (side, ours, theirs) in [(Side::Own, own.own, office.own), (Side::Shared, own.shared, office.shared)] {
            if ours != theirs {
                search.queue.push(Range::whole(side));
            }
        }
        conclude(work, office, search, receipt)
    })
}

/// Goes on with the parts that differ; at the end of a way, remembers the records.
fn narrow(work: &mut Work<'_>, asked: &Question, answer: &ExchangeAnswer, search: &mut Search) -> Result<(), Error> {
    search.queue.retain(|range| !asked.ranges.contains(range));
    for ranged in answer.ranged.iter().filter(|ranged| asked.ranges.contains(&ranged.range)) {
        let Some(parts) = ranged.parts() else { continue };
        for (part, set) in parts {
            if sum(&members(work, part)?) != set {
                search.queue.push(part);
            }
        }
        if let Content::Checks(checks) = &ranged.content {
            compare(work, &members(work, ranged.range)?, checks)?;
        }
    }
    Ok(())
}

fn members(work: &Work<'_>, range: Range) -> Result<Vec<(RecordId, Hash)>, Error> {
    repair::members(work.tx, range.side, range.from, range.to)
}

fn compare(work: &mut Work<'_>, ours: &[(RecordId, Hash)], theirs: &[(RecordId, Hash)]) -> Result<(), Error> {
    for theirs in theirs.iter().filter(|theirs| !ours.contains(theirs)) {
        repair::want(work.tx, theirs.0)?;
    }
    for (id, _) in ours {
        if !theirs.iter().any(|(known, _)| known == id) {
            part_with(work, *id)?;
        }
    }
    Ok(())
}

/// A record is here that the office does not count for this device. Once its word, it is offered back, in case the
/// office forgot it; then it leaves. What was damaged is nobody's word and just leaves.
fn part_with(work: &mut Work<'_>, id: RecordId) -> Result<(), Error> {
    let is_damaged = repair::settled(work.tx, id)?;
    match store::record::theirs(work.tx, id)? {
        Some(theirs) if !is_damaged && !theirs.record.version.is_empty() => store::offer::add(work.tx, &theirs, true),
        Some(_) => work.set_leaving(id, Leaving::Yes),
        None => Ok(()),
    }
}

/// When none of the records asked for came, the office has none of them for this device.
fn missing_at_the_office(work: &mut Work<'_>, asked: &Question, answer: &ExchangeAnswer) -> Result<(), Error> {
    let has_come = |id: &RecordId| answer.delivered.iter().any(|delivery| delivery.record.id == *id);
    if asked.repairs.iter().any(has_come) {
        return Ok(());
    }
    for id in &asked.repairs {
        if repair::is_wanted(work.tx, *id)? {
            part_with(work, *id)?;
        }
    }
    Ok(())
}
