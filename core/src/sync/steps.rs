//! Everything an answer says, taken in short transactions: who enters something never waits for a page.
//!
//! The steps come in an order in which each may be cut from the next: the answer's own word, with a new replica id if it
//! gives one; offers and outcomes, then the token that ends the push; what was erased; the page, record by record, and
//! what left; the cursor, never before what it covers; what a walk did not name; the comparison, and when both sides differ
//! a look at everything here, beside whoever writes. A transaction takes as
//! many records as [`Config::step_records`](crate::Config) says, fewer when somebody waits for the store.
//!
//! Killed between two transactions, the device asks again from the old cursor and token, and a step taken twice does
//! nothing the second time. What a page brought into the store before its cursor stood counts as not named until then:
//! should it leave the scope in that moment, no later page would ever say so, and the end of the pull lets go of it.

use std::collections::{BTreeMap, BTreeSet};

use fieldsync_protocol::exchange::{ExchangeAnswer, Outcome};
use fieldsync_protocol::{Hash, RecordId, show};
use rusqlite::Connection;

use super::compare::{self, Search};
use super::pull::{self, Came};
use super::receipt::{NeedsPerson, Receipt};
use super::round::{After, Sent};
use super::{drawer, erase, identity, push};
use crate::device::Device;
use crate::enrol::{self, Identity};
use crate::entropy;
use crate::error::Error;
use crate::store::record::{Leaving, Work};
use crate::store::{self, meta};

/// An answer to take.
pub(super) struct Answered<'a> {
    pub(super) device: &'a Device,
    pub(super) identity: &'a Identity,
    pub(super) sent: &'a Sent,
    pub(super) answer: &'a ExchangeAnswer,
    /// After which record the next look for damaged rows begins.
    pub(super) examined: Option<RecordId>,
    /// What an unfinished page waits for.
    pub(super) waits_for: &'a [RecordId],
}

/// What the steps taken so far came to; told only after each commit.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) receipt: Receipt,
    pub(super) asked: BTreeMap<RecordId, u8>,
    pub(super) search: Search,
    /// Groups in which a person had to decide before.
    conflicts: BTreeSet<(RecordId, String)>,
    /// Records of which the office's copy changed in this transaction.
    changed: BTreeSet<RecordId>,
    /// Records that this transaction brought ahead of the cursor.
    ahead: Vec<RecordId>,
    page: Page,
    /// Whether both sides still have something to say about where they differ.
    asks: bool,
    /// Files of what was erased.
    gone: Vec<Hash>,
}

/// What became of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Page {
    /// Its cursor does not stand yet. These records must be delivered whole first.
    Open(Vec<RecordId>),
    /// A record larger than a page came in part, and what came is kept.
    Partial,
    /// Applied, with its cursor.
    Applied,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Word,
    Offer(usize),
    Outcome(usize),
    Token,
    Erased(usize),
    Walk,
    Delivery(usize),
    Left(usize),
    Cursor,
    Unnamed,
    End,
}

/// Whether a step is done, or to be taken once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Did {
    All,
    Some,
}

impl Taken {
    pub(super) fn new(receipt: Receipt, asked: BTreeMap<RecordId, u8>, search: Search) -> Self {
        Self {
            receipt,
            asked,
            search,
            conflicts: BTreeSet::new(),
            changed: BTreeSet::new(),
            ahead: Vec::new(),
            page: Page::Open(Vec::new()),
            asks: false,
            gone: Vec::new(),
        }
    }
}

impl Answered<'_> {
    /// Takes everything, and says what is left to do. `taken` is what was committed, also after an error.
    pub(super) fn take(&self, taken: &mut Taken) -> Result<After, Error> {
        let steps = self.steps();
        let mut at = 0;
        while at < steps.len() {
            let (next, so_far) = self.device.change(|work| {
                let (mut at, mut records, mut so_far) = (at, 0, taken.clone());
                while let Some(step) = steps.get(at) {
                    let is_record = step.is_record();
                    if is_record && self.device.is_step_over(records) {
                        break;
                    }
                    records += usize::from(is_record);
                    at += usize::from(self.step(work, *step, &mut so_far)? == Did::All);
                }
                self.close(work, &mut so_far)?;
                Ok((at, so_far))
            })?;
            at = next;
            *taken = so_far;
            self.device.remove_blob_files(&std::mem::take(&mut taken.gone));
        }
        if let Some(office) = self.answer.fingerprint.filter(|_| taken.search.is_to_look()) {
            taken.asks = compare::look(self.device, office, &mut taken.search, &mut taken.receipt)?;
        }
        Ok(match std::mem::replace(&mut taken.page, Page::Applied) {
            _ if self.is_only_again() => After::Again,
            Page::Open(whole) => After::Applied { more: true, whole },
            Page::Partial => After::Applied { more: true, whole: self.waits_for.to_vec() },
            Page::Applied => After::Applied { more: self.answer.more || taken.asks, whole: Vec::new() },
        })
    }

    /// Whether the answer says nothing but that this store needs a new replica id.
    fn is_only_again(&self) -> bool {
        self.answer.again.is_some() && self.answer.cursor.is_none()
    }

    fn steps(&self) -> Vec<Step> {
        let answer = self.answer;
        let erased = (0..answer.erased.len()).map(Step::Erased);
        if self.is_only_again() {
            return std::iter::once(Step::Word).chain(erased).collect();
        }
        let mut steps = vec![Step::Word];
        if fieldsync_protocol::planted!("cursor-before-page") {
            steps.push(Step::Cursor);
        }
        steps.extend((0..answer.offered.len()).map(Step::Offer));
        steps.extend((0..answer.outcomes.len()).map(Step::Outcome));
        steps.push(Step::Token);
        steps.extend(erased);
        steps.push(Step::Walk);
        steps.extend((0..answer.delivered.len()).map(Step::Delivery));
        steps.extend((0..answer.left.len()).map(Step::Left));
        steps.extend([Step::Cursor, Step::Unnamed, Step::End]);
        steps
    }

    fn step(&self, work: &mut Work<'_>, step: Step, taken: &mut Taken) -> Result<Did, Error> {
        let Self { answer, sent, .. } = *self;
        let receipt = &mut taken.receipt;
        match step {
            Step::Word => self.word(work, taken)?,
            Step::Offer(at) => push::settle_offer(work, sent.load(), &answer.offered[at], receipt)?,
            Step::Outcome(at) => {
                let outcome = &answer.outcomes[at];
                let leaves = if answer.left.contains(&outcome.0) { Leaving::Yes } else { Leaving::No };
                let now_ms = self.device.now_ms();
                taken.changed.extend(push::settle(work, sent.load(), outcome, leaves, now_ms, receipt)?);
            }
            Step::Token => {
                if let Some(token) = &answer.token {
                    meta::set(work.tx, meta::TOKEN, token)?;
                    store::pending::forget_sent(work.tx)?;
                }
            }
            Step::Erased(at) => taken.gone.extend(erase::erase(work, answer.erased[at], receipt)?),
            Step::Walk if answer.anew => pull::begin_walk(work, answer.start_over)?,
            Step::Walk => {}
            Step::Delivery(at) => self.delivery(work, at, taken)?,
            Step::Left(at) => pull::leave(work, answer.left[at])?,
            Step::Cursor => self.cursor(work, taken)?,
            Step::Unnamed if taken.page == Page::Applied && !answer.more => {
                return Ok(if pull::part_with_unnamed(work)? { Did::Some } else { Did::All });
            }
            Step::Unnamed => {}
            Step::End => self.end(work, taken)?,
        }
        Ok(Did::All)
    }

    /// What the answer says about the office and this store.
    fn word(&self, work: &mut Work<'_>, taken: &mut Taken) -> Result<(), Error> {
        let Self { device, answer, sent, identity, .. } = *self;
        let now_ms = device.now_ms();
        if let Some(nonce) = device.nonce() {
            meta::set(work.tx, meta::NONCE, &nonce)?;
        }
        store::words::learn(work.tx, &answer.words)?;
        enrol::keep_office_key(work.tx, answer.office_key.as_ref(), &identity.root, &identity.tenant)?;
        meta::set(work.tx, meta::CONTACT_MS, &now_ms)?;
        // An office that was restored may have asked for a wipe in its lost time.
        meta::clear(work.tx, meta::WIPING)?;
        meta::set(work.tx, meta::EXAMINED, &self.examined)?;
        meta::set(work.tx, meta::OFFSET_MS, &answer.server_ms.saturating_sub(now_ms))?;
        if let Some(known) = &answer.again {
            let new = entropy::replica_id(device.entropy());
            store::asked::answer(work.tx, sent.asked(), known)?;
            if sent.asked().is_empty() {
                identity::again(work, new, known)?;
                taken.receipt.restamps += 1;
                taken.receipt.started_over |= answer.start_over;
            } else if store::asked::count(work.tx)? == 0 {
                identity::conclude(work, new)?;
                taken.receipt.restamps += 1;
            }
        }
        let has_no_epoch = meta::get::<u64>(work.tx, meta::EPOCH)?.unwrap_or(0) == 0;
        if (answer.again.is_some() || has_no_epoch) && !store::asked::is_any(work.tx)? {
            meta::set(work.tx, meta::EPOCH, &answer.epoch)?;
        }
        taken.conflicts = conflicts(work.tx)?;
        Ok(())
    }

    fn delivery(&self, work: &mut Work<'_>, at: usize, taken: &mut Taken) -> Result<(), Error> {
        let delivery = &self.answer.delivered[at];
        let id = delivery.record.id;
        if fieldsync_protocol::planted!("cursor-without-page") && at == 0 && self.answer.delivered.len() > 1 {
            return Ok(());
        }
        match pull::apply(work, delivery, &mut taken.asked, &mut taken.receipt)? {
            Came::Changed => {
                taken.receipt.received += 1;
                taken.changed.insert(id);
            }
            Came::Known | Came::LeftOut => {}
            Came::Missing => {
                if let Page::Open(missing) = &mut taken.page {
                    missing.push(id);
                }
                return Ok(());
            }
            Came::InPart => {
                taken.page = Page::Partial;
                return Ok(());
            }
        }
        // A record that was asked for whole may have been named long ago.
        if !self.sent.whole().contains(&id) {
            taken.ahead.push(id);
        }
        Ok(())
    }

    fn cursor(&self, work: &mut Work<'_>, taken: &mut Taken) -> Result<(), Error> {
        if taken.page != Page::Open(Vec::new()) {
            return Ok(());
        }
        let answer = self.answer;
        let delivered = answer.delivered.iter().map(|delivery| &delivery.record.id);
        // What an outcome told the page leaves out.
        let told = answer.outcomes.iter().filter(|(_, outcome)| outcome.is_told()).map(|(id, _)| id);
        pull::name(work, delivered.chain(&answer.left).chain(told))?;
        taken.ahead.clear();
        taken.page = Page::Applied;
        if let Some(cursor) = &answer.cursor
            && !(fieldsync_protocol::planted!("page-without-cursor") && answer.more)
        {
            meta::set(work.tx, meta::CURSOR, cursor)?;
        }
        Ok(())
    }

    fn end(&self, work: &mut Work<'_>, taken: &mut Taken) -> Result<(), Error> {
        let Self { answer, sent, .. } = *self;
        if taken.page == Page::Applied {
            taken.asks = compare::step(work, sent.question(), answer, &mut taken.search, &mut taken.receipt)?;
        }
        taken.receipt.needs_person.extend(new_conflicts(work.tx, &taken.conflicts)?);
        let has_new_rights = meta::get::<u64>(work.tx, meta::RIGHTS)?.is_some_and(|known| known != answer.rights);
        meta::set(work.tx, meta::RIGHTS, &answer.rights)?;
        if has_new_rights {
            taken.receipt.retried +=
                drawer::retry_refused(self.device, work, &drawer::Reason::Rights, &self.refused())?;
        }
        Ok(())
    }

    /// What ends each transaction: refused edits of what changed in it are tried again, and what it brought ahead of the
    /// cursor is remembered.
    fn close(&self, work: &mut Work<'_>, taken: &mut Taken) -> Result<(), Error> {
        let changed = std::mem::take(&mut taken.changed);
        if !changed.is_empty() {
            let reason = drawer::Reason::Changed(&changed);
            taken.receipt.retried += drawer::retry_refused(self.device, work, &reason, &self.refused())?;
        }
        pull::unname(work, &std::mem::take(&mut taken.ahead))
    }

    /// Records with a refusal in this very answer.
    fn refused(&self) -> BTreeSet<RecordId> {
        let is_refused = |outcome: &Outcome| matches!(outcome, Outcome::Refused { .. });
        self.answer.outcomes.iter().filter(|(_, outcome)| is_refused(outcome)).map(|(id, _)| *id).collect()
    }
}

impl Step {
    /// Whether the step changes a record, so that it counts for a transaction's length.
    fn is_record(self) -> bool {
        matches!(
            self,
            Self::Offer(_) | Self::Outcome(_) | Self::Erased(_) | Self::Delivery(_) | Self::Left(_) | Self::Unnamed
        )
    }
}

fn conflicts(connection: &Connection) -> Result<BTreeSet<(RecordId, String)>, Error> {
    let mut found = BTreeSet::new();
    for record in store::record::in_conflict(connection)? {
        found.extend(show::conflicts(&record).into_iter().map(|conflict| (record.id, conflict.group)));
    }
    Ok(found)
}

fn new_conflicts(connection: &Connection, before: &BTreeSet<(RecordId, String)>) -> Result<Vec<NeedsPerson>, Error> {
    let mut found = Vec::new();
    for record in store::record::in_conflict(connection)? {
        for conflict in show::conflicts(&record) {
            if !before.contains(&(record.id, conflict.group.clone())) {
                found.push(NeedsPerson { record: record.id, kind: record.kind.clone(), group: conflict.group });
            }
        }
    }
    Ok(found)
}
