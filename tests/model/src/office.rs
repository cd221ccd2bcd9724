//! The office: records, their order of change, and who pushed last.

use std::collections::{BTreeMap, BTreeSet};

use crate::message::{Again, Answer, Cursor, Exchange, Outcome, Page, PushId, Token};
use crate::record::{Dot, Edit, Numbers, Record, RecordId, Replica, only};
use crate::rules::Rule;
use crate::world::Counters;

/// Everything a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Office {
    /// Its time: a new one after every restore that was noticed.
    pub epoch: u8,
    /// The id its own edits carry since its last start.
    pub replica: Replica,
    /// The records.
    pub records: [Record; 2],
    /// At which commit each changed last.
    pub changed: [u8; 2],
    /// Every accepted edit's number.
    pub history: BTreeMap<(RecordId, Dot), u8>,
    /// The check value of every commit; the first stands for nothing committed.
    pub chain: Vec<u64>,
    accepted: BTreeMap<Replica, Token>,
    /// Records whose id is used up.
    pub collected: BTreeSet<RecordId>,
    /// What arrived for them and waits for a person.
    pub held: Numbers,
    /// How far each device has confirmed since the office started.
    confirmed: [u8; 2],
}

impl Office {
    /// An office that opens for the first time.
    pub fn new(counters: &mut Counters) -> Self {
        Self {
            epoch: 1,
            replica: counters.office_replica(),
            records: Default::default(),
            changed: [0; 2],
            history: BTreeMap::new(),
            chain: vec![0],
            accepted: BTreeMap::new(),
            collected: BTreeSet::new(),
            held: 0,
            confirmed: [0; 2],
        }
    }

    /// Starts, as after a restore.
    pub fn start(&mut self, rules: &[Rule], counters: &mut Counters) {
        self.confirmed = [0; 2];
        if !rules.contains(&Rule::OfficeIdPerStart) {
            self.replica = counters.office_replica();
        }
    }

    /// Opens a new time.
    pub fn begin_epoch(&mut self, counters: &mut Counters) {
        self.epoch = counters.epoch();
    }

    /// Somebody in the office edits.
    pub fn edit(&mut self, id: RecordId, number: u8) {
        let record = &mut self.records[usize::from(id)];
        let dot = (self.replica, record.version.counter(self.replica) + 1);
        let edit = Edit { dot, number, context: record.version.clone(), seen: record.seen };
        record.put(&edit);
        self.history.insert((id, dot), number);
        self.commit(id, u64::from(number));
    }

    /// Whether nothing but a delete stands in a record.
    pub fn is_deleted(&self, id: RecordId, deletes: Numbers) -> bool {
        let siblings = &self.records[usize::from(id)].siblings;
        !siblings.is_empty() && siblings.values().all(|number| deletes & only(*number) != 0)
    }

    /// Whether everybody is proven to know what a record says.
    pub fn is_proven(&self, id: RecordId, without: &[Rule]) -> bool {
        let place = self.changed[usize::from(id)];
        without.contains(&Rule::CollectsWithProof) || self.confirmed.iter().all(|confirmed| *confirmed >= place)
    }

    /// Forgets a deleted record, and remembers that its id is used up.
    pub fn collect(&mut self, id: RecordId) {
        self.records[usize::from(id)] = Record::default();
        self.collected.insert(id);
        self.commit(id, 0xc0);
    }

    fn is_used_up(&self, id: RecordId, without: &[Rule]) -> bool {
        self.collected.contains(&id) && !without.contains(&Rule::CollectedIsUsedUp)
    }

    fn commit(&mut self, id: RecordId, what: u64) {
        let last = self.chain.last().copied().unwrap_or(0);
        // Two commits have the same value only when everything before them was the same.
        self.chain.push((last ^ ((what << 8) | (u64::from(id) + 1))).wrapping_mul(0x0100_0000_01b3).rotate_left(17));
        self.changed[usize::from(id)] = self.sequence();
    }

    fn sequence(&self) -> u8 {
        self.chain.len() as u8 - 1
    }

    fn check(&self, position: u8) -> Option<u64> {
        self.chain.get(usize::from(position)).copied()
    }

    /// Whether the device has read on from what this office said.
    fn knows(&self, cursor: &Cursor, without: &[Rule]) -> bool {
        let (highest, check) = cursor.highest;
        cursor.epoch == self.epoch
            && self.check(cursor.position) == Some(cursor.check)
            && (without.contains(&Rule::CursorKnowsTheHighest) || self.check(highest) == Some(check))
    }

    fn has_forgotten(&self, exchange: &Exchange, without: &[Rule]) -> bool {
        let last = self.accepted.get(&exchange.replica).map_or(0, |token| token.serial);
        exchange.token.as_ref().is_some_and(|token| token.serial > last)
            || (exchange.cursor.epoch == self.epoch && !self.knows(&exchange.cursor, without))
    }

    /// Answers a device.
    pub fn answer(&mut self, exchange: &Exchange, without: &[Rule], counters: &mut Counters) -> Answer {
        let mut answer = Answer::default();
        if exchange.epoch == self.epoch && self.has_forgotten(exchange, without) {
            self.begin_epoch(counters);
            self.start(without, counters);
        }
        if exchange.epoch == self.epoch && self.knows(&exchange.cursor, without) {
            let confirmed = &mut self.confirmed[usize::from(exchange.replica / 0x10)];
            *confirmed = exchange.cursor.position.max(*confirmed);
        }
        self.take(exchange, without, &mut answer);
        if exchange.epoch != self.epoch {
            answer.again = Some(Again { epoch: self.epoch, known: self.known(exchange) });
        } else if self.is_copy(exchange, without) {
            let again = Some(Again { epoch: self.epoch, known: self.known(exchange) });
            return Answer { again, ..Answer::default() };
        } else {
            self.accept(exchange, without, &mut answer);
        }
        answer.page = Some(self.page(&exchange.cursor, without));
        answer
    }

    /// Takes back what devices offer.
    fn take(&mut self, exchange: &Exchange, without: &[Rule], answer: &mut Answer) {
        for (id, offers) in &exchange.offers {
            answer.taken.insert(*id, offers.len());
            if self.is_used_up(*id, without) {
                if self.records[usize::from(*id)].version.is_empty() {
                    answer.refused.insert(*id);
                }
                continue;
            }
            for offer in offers {
                let record = &mut self.records[usize::from(*id)];
                let before = record.clone();
                record.merge(offer);
                if before.content() == record.content() {
                    continue;
                }
                let what = record.siblings.values().fold(0xff, |sum, number| (sum << 4) | u64::from(*number));
                for (dot, number) in record.siblings.clone() {
                    self.history.entry((*id, dot)).or_insert(number);
                }
                self.commit(*id, what);
            }
        }
    }

    fn known(&self, exchange: &Exchange) -> BTreeSet<(RecordId, Dot)> {
        exchange.sent_dots.iter().filter(|dot| self.history.contains_key(dot)).copied().collect()
    }

    fn is_copy(&self, exchange: &Exchange, without: &[Rule]) -> bool {
        let named = |push: &PushId| {
            if without.contains(&Rule::NamesItsPushes) { *push == exchange.id } else { exchange.sent.contains(push) }
        };
        let last = self.accepted.get(&exchange.replica);
        last.is_some_and(|last| {
            !named(&last.push) && exchange.token.as_ref().is_none_or(|token| token.push != last.push)
        })
    }

    fn accept(&mut self, exchange: &Exchange, without: &[Rule], answer: &mut Answer) {
        for (id, (base, edits)) in &exchange.push {
            if self.is_used_up(*id, without) {
                let new = edits.iter().filter(|edit| !self.history.contains_key(&(*id, edit.dot)));
                self.held |= new.fold(0, |held, edit| held | only(edit.number));
                answer.outcomes.insert(*id, Outcome::Held);
                continue;
            }
            let record = &self.records[usize::from(*id)];
            if !base.is_within(&record.version) {
                answer.outcomes.insert(*id, Outcome::Wanted);
                continue;
            }
            let is_new =
                |edit: &&Edit| without.contains(&Rule::KnowsItsEdits) || !self.history.contains_key(&(*id, edit.dot));
            let new: Vec<Edit> = edits.iter().filter(is_new).cloned().collect();
            let is_simple = record.version == *base && new.len() == edits.len();
            for edit in &new {
                self.records[usize::from(*id)].put(edit);
                self.history.insert((*id, edit.dot), edit.number);
                self.commit(*id, u64::from(edit.number));
            }
            let outcome = if is_simple || without.contains(&Rule::AnswersWithTheResult) {
                Outcome::Accepted
            } else {
                Outcome::Merged(self.records[usize::from(*id)].clone())
            };
            answer.outcomes.insert(*id, outcome);
        }
        if !exchange.push.is_empty() {
            let serial = self.accepted.get(&exchange.replica).map_or(0, |token| token.serial) + 1;
            let token = Token { serial, push: exchange.id };
            self.accepted.insert(exchange.replica, token.clone());
            answer.token = Some(token);
        }
    }

    /// The first record that changed after the cursor.
    fn page(&self, cursor: &Cursor, without: &[Rule]) -> Page {
        let is_fresh = self.knows(cursor, without);
        let since = if is_fresh { cursor.position } else { 0 };
        let mut todo: Vec<(u8, RecordId)> =
            (0..2).map(|id| (self.changed[usize::from(id)], id)).filter(|(at, _)| *at > since).collect();
        todo.sort_unstable();
        let more = todo.len() > 1;
        let position = match todo.first() {
            Some((at, _)) if more => *at,
            _ => self.sequence(),
        };
        let first = || todo.iter().take(1).map(|(_, id)| (*id, self.records[usize::from(*id)].clone()));
        let is_gone = |(_, record): &(RecordId, Record)| record.version.is_empty();
        // A device that begins anew hears of it when it offers what it has.
        let left = first().filter(|record| is_fresh && is_gone(record)).map(|(id, _)| id).collect();
        let records = first().filter(|record| !is_gone(record)).collect();
        let highest = (self.sequence(), self.chain.last().copied().unwrap_or(0));
        let check = self.check(position).unwrap_or(0);
        Page { records, left, cursor: Cursor { epoch: self.epoch, position, highest, check }, is_anew: !is_fresh, more }
    }

    /// Whether a device that has read so far has everything but what changed since.
    pub fn has_read(&self, cursor: &Cursor, id: RecordId) -> bool {
        self.knows(cursor, &[]) && self.changed[usize::from(id)] <= cursor.position
    }
}
