//! The device's half of a push: what is sent, and what the office's answer does to it.
//!
//! Only an answer to a push removes a pending edit, and only that edit. *Theirs* never gains a version without its
//! groups: it becomes what the office sent, or gains exactly the pushed edits.

use std::collections::BTreeSet;

use fieldsync_protocol::exchange::{Offer, Offered, Outcome, PushRecord, SentDot};
use fieldsync_protocol::limits::{OFFERS_MAX, PAGE_BYTES, PUSH_EDITS_MAX, PUSH_RECORDS_MAX};
use fieldsync_protocol::rights::Code;
use fieldsync_protocol::{Edit, Record, RecordId, Seal, Version};
use rusqlite::Connection;

use super::drawer;
use super::poison::Hunt;
use super::receipt::{Merged, NotAccepted, Receipt};
use crate::drawer::DrawerState;
use crate::error::Error;
use crate::store;
use crate::store::record::{Leaving, Work};

/// How much one exchange may carry. It shrinks when the office or a proxy finds a message too large or unreadable, down
/// to a single edit or offer, which is how a bad one is found; it grows again with every success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Portion {
    offers: usize,
    /// Whether offers travel without pushes, to find out which of both is the trouble.
    is_split: bool,
    records: usize,
    edits: usize,
    /// As many records or offers as one exchange ever carries.
    most: usize,
}

impl Portion {
    /// A portion of at most so many records.
    pub(super) fn of(most: usize) -> Self {
        let most = most.clamp(1, PUSH_RECORDS_MAX);
        Self { offers: OFFERS_MAX.min(most), is_split: false, records: most, edits: PUSH_EDITS_MAX, most }
    }

    /// Halves what was sent; `false` when it was a single edit or offer already.
    pub(super) fn shrink(&mut self, sent: &Load) -> bool {
        let edits = sent.push.iter().map(|push| push.edits.len()).max().unwrap_or(0);
        if !sent.offers.is_empty() && !sent.push.is_empty() {
            self.is_split = true;
        } else if sent.offers.len() > 1 {
            self.offers = sent.offers.len() / 2;
        } else if sent.push.len() > 1 {
            self.records = sent.push.len() / 2;
        } else if edits > 1 {
            self.edits = edits / 2;
        } else {
            return false;
        }
        true
    }

    pub(super) fn grow(&mut self) {
        self.offers = (self.offers * 2).min(OFFERS_MAX).min(self.most);
        self.is_split = false;
        self.records = (self.records * 2).min(self.most);
        self.edits = (self.edits * 2).min(PUSH_EDITS_MAX);
    }
}

/// What one exchange carries to the office.
#[derive(Debug, Default)]
pub(super) struct Load {
    /// Whether it is a record that was stuck, sent to see whether it gets through by now.
    pub(super) is_try: bool,
    pub(super) push: Vec<PushRecord>,
    pub(super) offers: Vec<Offer>,
    /// The keys of the offers, in the same order.
    pub(super) offer_keys: Vec<i64>,
    pub(super) dots: Vec<SentDot>,
}

impl Load {
    /// Whether it carries nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.push.is_empty() && self.offers.is_empty()
    }

    fn add(&mut self, connection: &Connection, id: RecordId, edits: Vec<Edit>) -> Result<(), Error> {
        let kind = store::record::kind_of(connection, id)?.ok_or(Error::Defect("pending_without_record"))?;
        let base = store::record::theirs(connection, id)?.map_or_else(Version::new, |theirs| theirs.record.version);
        let sent = |edit: &Edit| SentDot { record: id, dot: edit.dot, content: edit.content() };
        self.dots.extend(edits.iter().map(sent));
        self.push.push(PushRecord { kind, id, base, edits });
        Ok(())
    }
}

/// Whether something waits that could be sent now.
pub(super) fn has_work(connection: &Connection, hunt: &Hunt) -> Result<bool, Error> {
    let records = store::pending::sendable(connection, hunt.tried().len() + 1)?;
    Ok(records.iter().any(|id| !hunt.tried().contains(id)) || hunt.next_stuck(connection)?.is_some())
}

/// Chooses what to send next. Offers go before pushes: as long as some are left over, nothing is pushed. What is stuck goes
/// one by one when there is nothing else to say.
pub(super) fn load(connection: &Connection, portion: Portion, hunt: &Hunt) -> Result<Load, Error> {
    let mut load = Load::default();
    if hunt.holds_back() {
        return Ok(load);
    }
    let mut size = 0;
    let offers = store::offer::oldest(connection, portion.offers + 1 + hunt.failed_offers())?;
    for waiting in offers.into_iter().filter(|waiting| !hunt.has_failed(waiting.key)) {
        let is_full = load.offers.len() >= portion.offers || size + waiting.size > PAGE_BYTES;
        if is_full && !load.offers.is_empty() {
            return Ok(load);
        }
        size += waiting.size;
        load.offer_keys.push(waiting.key);
        load.offers.push(Offer { record: waiting.record, seal: waiting.seal });
    }
    if portion.is_split && !load.offers.is_empty() {
        return Ok(load);
    }
    for id in store::pending::sendable(connection, portion.records + hunt.tried().len())? {
        if load.push.len() >= portion.records || hunt.tried().contains(&id) {
            continue;
        }
        let (edits, weight) = first_edits(connection, id, portion.edits)?;
        if size + weight > PAGE_BYTES && !(load.push.is_empty() && load.offers.is_empty()) {
            break;
        }
        size += weight;
        load.add(connection, id, edits)?;
    }
    if load.is_empty()
        && hunt.is_nothing_else()
        && let Some(id) = hunt.next_stuck(connection)?
    {
        load.is_try = true;
        load.add(connection, id, first_edits(connection, id, 1)?.0)?;
    }
    Ok(load)
}

/// The first edits of a record in dot order, at least one: a later dot never goes before an earlier one.
fn first_edits(connection: &Connection, id: RecordId, limit: usize) -> Result<(Vec<Edit>, usize), Error> {
    let mut edits = Vec::new();
    let mut weight = 0;
    for (edit, size) in store::pending::first(connection, id, limit)? {
        if !edits.is_empty() && weight + size > PAGE_BYTES {
            break;
        }
        weight += size;
        edits.push(edit);
    }
    Ok((edits, weight))
}

/// Takes the outcome of one record of a push, of which the answer says whether it leaves. The record, if the office's copy
/// of it changed by somebody else's work.
pub(super) fn settle(
    work: &mut Work<'_>,
    load: &Load,
    (id, outcome): &(RecordId, Outcome),
    leaves: Leaving,
    now_ms: i64,
    receipt: &mut Receipt,
) -> Result<Option<RecordId>, Error> {
    let Some(push) = load.push.iter().find(|push| push.id == *id) else { return Ok(None) };
    store::stuck::answered(work.tx, *id)?;
    match outcome {
        Outcome::Accepted { seal, result, apart } => {
            receipt.accepted += push.edits.len() as u32;
            // What leaves with this answer may stand beside others' work that is not told: then the seal is of no use.
            let is_told = result.is_some() || leaves == Leaving::No;
            if leaves == Leaving::No && !fieldsync_protocol::planted!("given-back-leaves") {
                // It had left, waited here for this push, and was given back meanwhile.
                work.set_leaving(*id, Leaving::No)?;
            }
            let seal = (is_told && !apart).then_some(*seal);
            if accept(work, push, seal, result.as_deref(), receipt)? {
                return Ok(Some(*id));
            }
        }
        Outcome::Refused { refusals, theirs } => {
            for refusal in refusals {
                let Some(edit) = push.edits.iter().find(|edit| edit.dot == refusal.dot) else { continue };
                put_aside(work, push, edit, DrawerState::Refused, refusal.code, now_ms, receipt)?;
            }
            match theirs {
                // Told only of what is in scope.
                Some(theirs) => {
                    deliver(work, &theirs.0, theirs.1)?;
                    work.set_leaving(*id, leaves)?;
                }
                None => work.recompute(*id)?,
            }
        }
        Outcome::Held { code } => {
            for edit in &push.edits {
                put_aside(work, push, edit, DrawerState::Held, *code, now_ms, receipt)?;
            }
            work.recompute(*id)?;
        }
        Outcome::Wanted => {
            if let Some(theirs) = store::record::theirs(work.tx, *id)? {
                store::offer::add(work.tx, &theirs, false)?;
            }
        }
    }
    Ok(None)
}

/// Whether the office's copy changed by somebody else's work, too.
fn accept(
    work: &mut Work<'_>,
    push: &PushRecord,
    seal: Option<Seal>,
    result: Option<&Record>,
    receipt: &mut Receipt,
) -> Result<bool, Error> {
    for edit in &push.edits {
        store::pending::remove(work.tx, push.id, edit.dot)?;
    }
    if fieldsync_protocol::planted!("accept-clears-record") {
        for edit in store::pending::of(work.tx, push.id)? {
            store::pending::remove(work.tx, push.id, edit.dot)?;
        }
    }
    let before = store::record::theirs(work.tx, push.id)?;
    let is_sound = before.as_ref().is_none_or(|theirs| theirs.is_sound);
    let mut expected = before.map_or_else(|| Record::new(push.kind.clone(), push.id), |theirs| theirs.record);
    push.edits.iter().for_each(|edit| expected.put(edit));
    let (Some(result), Some(seal)) = (result, seal) else {
        work.set_theirs(&expected, seal)?;
        if !is_sound {
            // What it was built on is not what the office holds, and its new checksum would hide that.
            store::repair::want(work.tx, push.id)?;
        }
        return Ok(false);
    };
    deliver(work, result, seal)?;
    let names = expected.groups.keys().chain(result.groups.keys());
    let theirs: BTreeSet<String> =
        names.filter(|name| expected.groups.get(*name) != result.groups.get(*name)).cloned().collect();
    let has_changed = !theirs.is_empty();
    if has_changed {
        let ours = push.edits.iter().map(|edit| edit.group.clone()).collect();
        receipt.merged.push(Merged { record: push.id, kind: push.kind.clone(), ours, theirs });
    }
    Ok(has_changed)
}

pub(super) fn put_aside(
    work: &mut Work<'_>,
    push: &PushRecord,
    edit: &Edit,
    state: DrawerState,
    code: Code,
    now_ms: i64,
    receipt: &mut Receipt,
) -> Result<(), Error> {
    if drawer::keep(work, push.id, &push.kind, edit, state, code, now_ms)? {
        let group = edit.group.clone();
        let words = match code {
            Code::Later(_) => store::words::all(work.tx)?.remove(code.name()),
            _ => None,
        };
        let note = NotAccepted { record: push.id, kind: push.kind.clone(), group, code, words };
        if state == DrawerState::Held { receipt.held.push(note) } else { receipt.refused.push(note) }
    }
    Ok(())
}

/// Makes `record` *theirs*. What does not cover what is held proves that the office forgot: ours is offered back.
pub(super) fn deliver(work: &mut Work<'_>, record: &Record, seal: Seal) -> Result<(), Error> {
    // What is being repaired is nobody's word, so it proves nothing and is not offered.
    let is_damaged = store::repair::is_wanted(work.tx, record.id)?;
    let held = store::record::theirs(work.tx, record.id)?;
    if let Some(held) = held.filter(|_| !is_damaged) {
        if held.record == *record && held.seal == Some(seal) {
            return work.recompute(record.id);
        }
        if !held.record.version.within(&record.version) && !fieldsync_protocol::planted!("no-offer") {
            store::offer::add(work.tx, &held, false)?;
        }
    }
    work.set_theirs(record, Some(seal))
}

/// The values of a record one by one, each with nothing of the version but its own dot: none speaks for another, and the
/// office's seal, which is over the whole, is for none of them.
pub(super) fn values(record: &Record) -> Vec<Record> {
    let all = record.groups.iter().flat_map(|(group, siblings)| siblings.iter().map(move |value| (group, value)));
    all.map(|(group, (dot, sibling))| {
        let mut part = Record::new(record.kind.clone(), record.id);
        part.version.add(*dot);
        part.groups.entry(group.clone()).or_default().insert(*dot, sibling.clone());
        part
    })
    .collect()
}

/// Takes the answer to one offer.
pub(super) fn settle_offer(
    work: &mut Work<'_>,
    load: &Load,
    (id, offered): &(RecordId, Offered),
    receipt: &mut Receipt,
) -> Result<(), Error> {
    let mut was_unnamed = false;
    for (offer, key) in load.offers.iter().zip(&load.offer_keys) {
        if offer.record.id == *id {
            was_unnamed |= store::offer::remove(work.tx, *key)?;
        }
    }
    match offered {
        Offered::Merged => receipt.refilled += 1,
        // The office has it, or keeps it for a person, and did not name it among what is for this device.
        Offered::Known | Offered::Refused | Offered::Held if was_unnamed => {
            work.set_leaving(*id, Leaving::Yes)?;
        }
        Offered::Known | Offered::Refused | Offered::Held => {}
    }
    work.recompute(*id)
}
