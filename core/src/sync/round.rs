//! One round: an exchange composed from the store, and its answer taken ([`super::steps`]).

use fieldsync_protocol::exchange::{Exchange, ExchangeAnswer, Piece, Sealed, SentDot};
use fieldsync_protocol::fault::FaultCode;
use fieldsync_protocol::kinds::TABLE_VERSION;
use fieldsync_protocol::limits::{PUSH_IDS_MAX, PUSH_RECORDS_MAX};
use fieldsync_protocol::request::EXCHANGE_PATH;
use fieldsync_protocol::rights::Code;
use fieldsync_protocol::{PushId, RecordId, wire};
use rusqlite::Connection;

use super::compare::{Question, REPAIRS_A_ROUND};
use super::message::{Challenges, Response, Unsigned};
use super::poison::is_failure;
use super::pull;
use super::push::{self, Load};
use super::receipt::{Ended, Phase, Receipt};
use super::steps::{Answered, Taken};
use super::verdict::{Said, Verdict, judge};
use super::wipe::Wipe;
use super::{Flight, Session, erase, identity};
use crate::device::holding;
use crate::drawer::DrawerState;
use crate::entropy;
use crate::error::Error;
use crate::store::{self, meta};
use crate::stuck::StuckCode;

/// Rounds that may pass without anything moving before the session gives up.
const IDLE_ROUNDS_MAX: u32 = 4;

/// Dots asked about in one exchange: some 50 kB.
const ASKED_MAX: usize = 500;

/// An exchange that was sent and not answered.
#[derive(Debug)]
pub(super) struct Sent {
    load: Load,
    /// Dots the office was asked about; nothing is pushed beside them.
    asked: Vec<SentDot>,
    /// Whether it says that the device wipes itself.
    wiping: bool,
    question: Question,
    /// Records asked for whole.
    whole: Vec<RecordId>,
}

impl Sent {
    pub(super) fn load(&self) -> &Load {
        &self.load
    }

    pub(super) fn asked(&self) -> &[SentDot] {
        &self.asked
    }

    pub(super) fn question(&self) -> &Question {
        &self.question
    }

    pub(super) fn whole(&self) -> &[RecordId] {
        &self.whole
    }

    pub(super) fn is_last(&self) -> bool {
        self.wiping
    }
}

/// How things stand after a round, to notice when nothing moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pending: u32,
    asked: u32,
    offers: u32,
    cursor: Option<Sealed>,
    tried: usize,
    wholes: u32,
    repairs: u32,
    rounds: u32,
    pieces: Vec<Piece>,
}

/// What a round left to do.
pub(super) enum After {
    /// The page was applied, or is asked for again with records whole.
    Applied { more: bool, whole: Vec<RecordId> },
    /// This store has a new replica id and nothing else happened.
    Again,
}

impl Session {
    /// Composes an exchange. A push's id and dots are stored before it is sent, so that a lost answer is never taken for
    /// a copied store.
    pub(super) fn compose(&mut self) -> Result<Unsigned, Error> {
        let portion = self.portion;
        let asked = self.device.read(|connection| store::asked::open(connection, ASKED_MAX))?;
        let load = match asked.is_empty() {
            true => self.device.read(|connection| push::load(connection, portion, &self.hunt))?,
            false => Load::default(),
        };
        let push_id = (!load.push.is_empty()).then(|| entropy::push_id(self.device.entropy()));
        let push_id = match push_id {
            Some(push_id) => Some(self.device.write(|tx, _| note_push(tx, push_id, &load))?),
            None => None,
        };
        let mut whole: Vec<RecordId> = self.whole.iter().copied().take(PUSH_RECORDS_MAX - REPAIRS_A_ROUND).collect();
        let repairs = self.device.read(|connection| store::repair::wanted(connection, REPAIRS_A_ROUND))?;
        whole.extend(repairs.iter().filter(|id| !self.whole.contains(id)));
        let question = Question { ranges: self.search.ranges(), repairs };
        let clock_ms = self.device.now_ms();
        let mut exchange =
            self.device.read(|connection| exchange(connection, &load, &asked, push_id, whole.clone(), clock_ms))?;
        exchange.wiping = self.wipe == Wipe::Last && load.push.is_empty();
        exchange.ranges.clone_from(&question.ranges);
        exchange.pieces = self.device.read(store::piece::all)?;
        for push in &load.push {
            for edit in &push.edits {
                if self.counted.insert((push.id, edit.dot)) {
                    self.receipt.sent += 1;
                }
            }
        }
        let body = wire::pack(&exchange);
        self.flight = Flight::Exchange(Box::new(Sent { load, asked, wiping: exchange.wiping, question, whole }));
        Ok(Unsigned { body, ..Unsigned::new("POST", EXCHANGE_PATH) })
    }

    pub(super) fn answer_exchange(&mut self, sent: Sent, response: &Response) -> Result<(), Error> {
        match judge(response, self.challenges) {
            Verdict::Good => {}
            Verdict::Introduce => {
                self.challenges.add();
                return Ok(());
            }
            Verdict::TooMuch { said, code } => return self.send_less(&sent, said, code),
            Verdict::End(ended) => {
                if ended == Ended::Revoked && !sent.asked.is_empty() {
                    self.stop_asking()?;
                }
                return self.end(ended);
            }
            Verdict::NotFound => return self.end(Ended::Fault(FaultCode::NotFound)),
            Verdict::Later if is_failure(response) => return self.fail_on(&sent, response),
            Verdict::Later | Verdict::WrongOffset(_) => return self.pause_after(response),
        }
        // A body that cannot be read was cut or changed on the way: as good as lost.
        let Ok(answer) = wire::unpack::<ExchangeAnswer>(&response.body) else { return self.pause(None) };
        self.tries.succeeded();
        self.challenges = Challenges::default();
        self.portion.grow();
        self.got_through(&sent)?;
        if answer.wipe {
            return self.take_wipe(&sent, &answer);
        }
        let after = self.take(&sent, &answer)?;
        self.receipt.left += pull::evict(&self.device)?;
        self.count_what_is_here()?;
        self.go_on(after)
    }

    /// Takes everything an answer says.
    fn take(&mut self, sent: &Sent, answer: &ExchangeAnswer) -> Result<After, Error> {
        let device = self.device.clone();
        let answered = Answered {
            device: &device,
            identity: &self.identity,
            sent,
            answer,
            examined: self.examined,
            waits_for: &self.whole,
        };
        let mut taken = Taken::new(self.receipt.clone(), self.asked.clone(), self.search.clone());
        let after = answered.take(&mut taken);
        (self.receipt, self.asked, self.search) = (taken.receipt, taken.asked, taken.search);
        let after = after?;
        self.wants_key &= answer.office_key.is_none();
        Ok(after)
    }

    /// Nobody will answer what this store asks, and what it holds must reach the office nevertheless: as what is new.
    fn stop_asking(&mut self) -> Result<(), Error> {
        let new = entropy::replica_id(self.device.entropy());
        self.device.change(|work| {
            store::asked::give_up(work.tx)?;
            identity::conclude(work, new)
        })?;
        self.receipt.restamps += 1;
        Ok(())
    }

    /// Decides between another round and the lane of blobs.
    fn go_on(&mut self, after: After) -> Result<(), Error> {
        let (more, whole) = match after {
            After::Applied { more, whole } => (more, whole),
            After::Again => (true, Vec::new()),
        };
        self.whole = whole;
        let (tried, wholes, rounds) = (self.hunt.tried().len(), self.receipt.wholes, self.search.rounds);
        let mark = self.device.read(|connection| {
            Ok(Mark {
                pending: store::pending::count(connection)?,
                asked: store::asked::count(connection)?,
                offers: store::offer::count(connection)?,
                cursor: meta::get(connection, meta::CURSOR)?,
                tried,
                wholes,
                repairs: store::repair::count(connection)?,
                rounds,
                pieces: store::piece::all(connection)?,
            })
        })?;
        let has_offers = mark.offers as usize > self.hunt.failed_offers() && !self.hunt.holds_back();
        let has_more = more || has_offers || mark.asked > 0;
        self.note_late(has_more, mark.pending);
        // What is stuck is tried when there is nothing else to say.
        self.hunt.set_nothing_else(!has_more);
        let has_more = has_more || self.device.read(|connection| self.has_work(connection))?;
        self.idle_rounds = if self.mark.as_ref() == Some(&mark) { self.idle_rounds + 1 } else { 0 };
        self.mark = Some(mark);
        if !has_more {
            self.phase = Phase::Blobs;
            return erase::scrub(&self.device);
        }
        if self.idle_rounds >= IDLE_ROUNDS_MAX { self.end(Ended::Stalled) } else { Ok(()) }
    }

    /// Counts the rounds in which nothing is left to say but what was entered since the sync began.
    fn note_late(&mut self, has_more: bool, pending: u32) {
        let Receipt { sent, retried, restamps, .. } = self.receipt;
        if self.owed.1 != restamps {
            self.owed = (sent + pending, restamps);
        }
        if !has_more && sent > self.owed.0 + retried {
            self.late_rounds += 1;
        }
    }

    /// Halves what is sent, down to the one edit that is the trouble, and puts that one aside.
    fn send_less(&mut self, sent: &Sent, said: Said, code: FaultCode) -> Result<(), Error> {
        self.receipt.repeats += 1;
        let load = &sent.load;
        if !sent.question.ranges.is_empty() {
            // An office from before ranges does not know the question.
            let search = &mut self.search;
            return self.device.write(|tx, _| search.give_up(tx));
        }
        if load.is_empty() {
            return self.end(Ended::Fault(code));
        }
        if !load.is_try && self.portion.shrink(load) {
            return Ok(());
        }
        let Some(push) = load.push.first() else {
            return self.drop_offer(load, said, code);
        };
        let Some(edit) = push.edits.first() else { return Ok(()) };
        if said == Said::Somebody {
            let is_large = code == FaultCode::TooLarge;
            let code = if is_large { StuckCode::TooLargeOnTheWay } else { StuckCode::RefusedOnTheWay };
            return self.refused_on_the_way(push.id, code);
        }
        let reason = if code == FaultCode::TooLarge { Code::TooLarge } else { Code::InvalidEntry };
        let now_ms = self.device.now_ms();
        let mut receipt = self.receipt.clone();
        self.device.change(|work| {
            push::put_aside(work, push, edit, DrawerState::Refused, reason, now_ms, &mut receipt)?;
            work.recompute(push.id)
        })?;
        // What stands beside it may be as bad: the portion stays small, and grows with what gets through.
        self.receipt = receipt;
        Ok(())
    }

    /// What something on the way does not let through is offered again at the next sync. An offer that the office finds too
    /// large goes value by value; one that it cannot read is given up: it is the office's own word, and stays *theirs* here.
    fn drop_offer(&mut self, load: &Load, said: Said, code: FaultCode) -> Result<(), Error> {
        let (Some(offer), Some(key)) = (load.offers.first(), load.offer_keys.first()) else {
            return self.end(Ended::Fault(code));
        };
        if said == Said::Somebody {
            self.hunt.leave_offer(*key);
            return Ok(());
        }
        let parts = if code == FaultCode::TooLarge { push::values(&offer.record) } else { Vec::new() };
        let id = offer.record.id;
        self.device.change(|work| {
            let is_unnamed = store::offer::remove(work.tx, *key)?;
            for part in parts.iter().filter(|_| parts.len() > 1) {
                store::offer::add_value(work.tx, part, is_unnamed)?;
            }
            work.recompute(id)
        })
    }
}

fn note_push(connection: &Connection, push_id: PushId, load: &Load) -> Result<PushId, Error> {
    let sent = store::pending::sent_ids(connection)?;
    // So many pushes without one answer can hardly be; naming the last one again keeps the list within its limit, and a
    // retry may differ from what it retries.
    let push_id = if sent.len() >= PUSH_IDS_MAX { sent.last().copied().unwrap_or(push_id) } else { push_id };
    store::pending::note_push(connection, push_id, &load.dots)?;
    Ok(push_id)
}

fn exchange(
    connection: &Connection,
    load: &Load,
    asked: &[SentDot],
    push_id: Option<PushId>,
    whole: Vec<RecordId>,
    clock_ms: i64,
) -> Result<Exchange, Error> {
    let mut sent_dots = store::pending::sent_dots(connection)?;
    sent_dots.retain(|sent| !load.dots.contains(sent));
    sent_dots.extend_from_slice(asked);
    Ok(Exchange {
        replica: meta::get(connection, meta::REPLICA)?.ok_or(Error::Defect("replica_missing"))?,
        epoch: meta::get(connection, meta::EPOCH)?.unwrap_or(0),
        table: TABLE_VERSION,
        token: meta::get(connection, meta::TOKEN)?,
        push_id,
        sent_ids: store::pending::sent_ids(connection)?,
        sent_dots,
        push: load.push.clone(),
        offers: load.offers.clone(),
        cursor: meta::get(connection, meta::CURSOR)?,
        whole,
        holding: holding(connection)?,
        clock_ms,
        wiping: false,
        ranges: Vec::new(),
        pieces: Vec::new(),
    })
}
