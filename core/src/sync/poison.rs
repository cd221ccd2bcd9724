//! One record that does not get through delays nothing else.
//!
//! When the office, or something before it, fails on what is sent, less and less is sent, down to one record. Whether it is
//! that record or the office itself is then seen by an exchange that pushes nothing: if that one is answered, the record is
//! stuck ([`crate::stuck`]) and everything else goes on; if not, nobody is blamed and the sync ends as with any office that
//! is out of order. What is too large for something on the way is found the same way.

use std::collections::BTreeSet;

use fieldsync_protocol::RecordId;
use rusqlite::Connection;

use super::message::{Response, retry_after_ms};
use super::push::Load;
use super::receipt::Phase;
use super::round::Sent;
use super::wipe::Wipe;
use super::{Session, push};
use crate::entropy;
use crate::error::Error;
use crate::store;
use crate::stuck::StuckCode;

/// Failures on the same before less is sent: one may be a restart.
const FAILURES_MIN: u32 = 2;
/// Records found in one session on which the office fails. Beyond it this session pushes nothing more: an office that fails
/// on whatever is pushed must not be asked about thousands of records one by one.
const FOUND_MAX: u32 = 16;
/// Records that were known to be stuck and are tried in one session.
const TRIED_MAX: usize = 16;
/// So many records refused on the way one after the other, and it is seen whether anything gets through at all.
const BLAMED_MAX: u32 = 16;
/// Rounds of one session that only send what was entered since it began. Somebody who never stops entering must not keep
/// it from the photos and from its end; the rest waits for the next sync.
const LATE_ROUNDS_MAX: u32 = 8;
/// Longest pause before less is sent.
const PAUSE_MS: u64 = 1_000;

/// What is known in this session about what does not get through.
#[derive(Debug, Default)]
pub(super) struct Hunt {
    /// Answers in a row that say that something failed.
    failures: u32,
    /// The next exchange pushes nothing, to see whether that is answered.
    is_probing: bool,
    /// What failed alone before the probe.
    suspect: Option<Suspect>,
    /// Records that did not get through in this session.
    tried: BTreeSet<RecordId>,
    /// Offers that did not.
    offers: BTreeSet<i64>,
    /// Records on which the office failed.
    found: u32,
    /// Records blamed since something got through.
    in_a_row: u32,
    /// Whether both sides have nothing else to say.
    is_nothing_else: bool,
}

#[derive(Debug, Clone, Copy)]
enum Suspect {
    Record(RecordId),
    Offer(i64),
}

impl Hunt {
    /// Whether nothing is pushed and offered now.
    pub(super) fn holds_back(&self) -> bool {
        self.is_probing || self.found >= FOUND_MAX
    }

    /// Whether it is the turn of what is stuck: both sides have nothing else to say.
    pub(super) fn is_nothing_else(&self) -> bool {
        self.is_nothing_else
    }

    pub(super) fn set_nothing_else(&mut self, is_nothing_else: bool) {
        self.is_nothing_else = is_nothing_else;
    }

    /// Whether this offer did not get through in this session.
    pub(super) fn has_failed(&self, offer: i64) -> bool {
        self.offers.contains(&offer)
    }

    /// This offer does not get through in this session.
    pub(super) fn leave_offer(&mut self, offer: i64) {
        self.offers.insert(offer);
    }

    /// How many offers did not get through in this session.
    pub(super) fn failed_offers(&self) -> usize {
        self.offers.len()
    }

    /// Records that did not get through in this session.
    pub(super) fn tried(&self) -> &BTreeSet<RecordId> {
        &self.tried
    }

    /// Of what was stuck before, the record to try next.
    pub(super) fn next_stuck(&self, connection: &Connection) -> Result<Option<RecordId>, Error> {
        if self.tried.len() >= TRIED_MAX {
            return Ok(None);
        }
        store::stuck::next(connection, &self.tried)
    }
}

/// Whether an answer says that something failed, and not when to come again.
pub(super) fn is_failure(response: &Response) -> bool {
    matches!(response.status, 500 | 502 | 504) && retry_after_ms(response).is_none()
}

impl Session {
    /// Takes an answer that says that something failed: the office may be out of order, or something of what was sent is
    /// the trouble.
    pub(super) fn fail_on(&mut self, sent: &Sent, response: &Response) -> Result<(), Error> {
        let load = sent.load();
        self.hunt.failures += 1;
        if std::mem::take(&mut self.hunt.is_probing) {
            // It is not the record.
            self.hunt.suspect = None;
            return self.pause_after(response);
        }
        if let (true, Some(push)) = (load.is_try, load.push.first()) {
            return self.blame(push.id, StuckCode::OfficeFails);
        }
        if load.is_empty() || (self.hunt.failures < FAILURES_MIN && self.hunt.found == 0) {
            return self.pause_after(response);
        }
        self.receipt.repeats += 1;
        self.pause_ms = Some(entropy::below(self.device.entropy(), PAUSE_MS));
        if self.portion.shrink(load) {
            return Ok(());
        }
        self.hunt.suspect = suspect(load);
        self.hunt.is_probing = true;
        Ok(())
    }

    /// Takes note of a good answer: what was sent got through, or, if nothing was sent, what failed before it is to blame.
    pub(super) fn got_through(&mut self, sent: &Sent) -> Result<(), Error> {
        (self.hunt.failures, self.hunt.in_a_row) = (0, 0);
        if !std::mem::take(&mut self.hunt.is_probing) {
            return Ok(());
        }
        debug_assert!(sent.load().is_empty(), "a probe pushes nothing");
        match self.hunt.suspect.take() {
            Some(Suspect::Record(id)) => {
                self.hunt.found += 1;
                self.blame(id, StuckCode::OfficeFails)
            }
            Some(Suspect::Offer(key)) => {
                self.hunt.found += 1;
                self.hunt.offers.insert(key);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A single record was refused on the way.
    pub(super) fn refused_on_the_way(&mut self, id: RecordId, code: StuckCode) -> Result<(), Error> {
        self.hunt.in_a_row += 1;
        if self.hunt.in_a_row.is_multiple_of(BLAMED_MAX) {
            self.hunt.is_probing = true;
        }
        self.blame(id, code)
    }

    fn blame(&mut self, id: RecordId, code: StuckCode) -> Result<(), Error> {
        self.hunt.tried.insert(id);
        let now_ms = self.device.now_ms();
        let has_work = self.device.write(|tx, _| {
            store::stuck::put(tx, id, code, now_ms)?;
            self.has_work(tx)
        })?;
        // Everything else was said before it was tried.
        if self.hunt.is_nothing_else && !has_work && self.wipe == Wipe::No {
            self.phase = Phase::Blobs;
        }
        Ok(())
    }

    /// Whether something waits that could be sent now.
    pub(super) fn has_work(&self, connection: &Connection) -> Result<bool, Error> {
        if self.hunt.found >= FOUND_MAX || self.late_rounds >= LATE_ROUNDS_MAX {
            return Ok(false);
        }
        Ok(self.hunt.is_probing || push::has_work(connection, &self.hunt)?)
    }
}

fn suspect(load: &Load) -> Option<Suspect> {
    let offer = load.offer_keys.first().map(|key| Suspect::Offer(*key));
    offer.or_else(|| load.push.first().map(|push| Suspect::Record(push.id)))
}
