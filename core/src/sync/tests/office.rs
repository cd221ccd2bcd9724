//! A small office in memory: the server's half of the exchange as the design states it, for one tenant and one scope.

use std::collections::{BTreeMap, BTreeSet};

use fieldsync_protocol::compare::{Range, Ranged, Side};
use fieldsync_protocol::exchange::{
    Delivery, Exchange, ExchangeAnswer, Fingerprint, Offered, Outcome, Refusal, Sealed, SentDot, SetHash, within_limits,
};
use fieldsync_protocol::kinds::{self, Reach};
use fieldsync_protocol::rights::Code;
use fieldsync_protocol::version::Dot;
use fieldsync_protocol::{
    DeviceId, Edit, Fields, Hash, PersonId, PushId, Record, RecordId, ReplicaId, Seal, Stamp, Trust, encode, fields,
    wire,
};

use super::{MORNING_MS, id};
use crate::sync::{Request, Response};

/// The technician whose records these are, on every phone.
pub(super) const ME: u8 = 1;
/// The order everything hangs below.
pub(super) const ORDER: u8 = 50;

#[derive(Clone)]
pub(super) struct Office {
    pub(super) records: BTreeMap<RecordId, Record>,
    pub(super) epoch: u64,
    /// Groups that are refused to devices.
    pub(super) locked: BTreeSet<String>,
    /// Records whose pushes are held.
    pub(super) withdrawn: BTreeSet<RecordId>,
    /// Records on one page.
    pub(super) page: usize,
    pub(super) rights: u64,
    pub(super) unsealed: u32,
    /// Verdicts of a copied store or another epoch.
    pub(super) alarms: u32,
    pub(super) received: Vec<Exchange>,
    /// Checks that are not those of their records: a difference nobody can repair.
    pub(super) lies: BTreeMap<RecordId, Hash>,
    /// Records that left and of which that is not said: to this office the phone never had them.
    pub(super) untold: BTreeSet<RecordId>,
    /// Whether what an outcome tells is left out of the page.
    pub(super) is_terse: bool,
    sequence: u64,
    changed: BTreeMap<(RecordId, String), u64>,
    left: BTreeMap<RecordId, u64>,
    history: BTreeMap<(RecordId, Dot), Hash>,
    checks: BTreeMap<u64, u64>,
    accepted: BTreeMap<ReplicaId, (u64, PushId)>,
    replica: ReplicaId,
    starts: u8,
}

type Cursor = (u64, u64, u64, Option<u64>);

impl Office {
    /// An office with one order, assigned to [`ME`], and an empty report of his.
    pub(super) fn new() -> Self {
        let mut office = Self {
            records: BTreeMap::new(),
            epoch: 1,
            locked: BTreeSet::new(),
            withdrawn: BTreeSet::new(),
            page: 100,
            rights: 1,
            unsealed: 0,
            alarms: 0,
            received: Vec::new(),
            lies: BTreeMap::new(),
            untold: BTreeSet::new(),
            is_terse: false,
            sequence: 0,
            changed: BTreeMap::new(),
            left: BTreeMap::new(),
            history: BTreeMap::new(),
            checks: BTreeMap::new(),
            accepted: BTreeMap::new(),
            replica: ReplicaId([0; 16]),
            starts: 100,
        };
        office.start();
        office.write("work_order", id(ORDER), "origin", fields! { "channel" => "phone" });
        let subject = fields! { "work_order" => id(ORDER), "technician" => id(ME) };
        office.write("work_report", id(70), "subject", subject.clone());
        office.write("work_report", id(71), "subject", subject);
        office
    }

    /// Each start writes under an id of its own.
    pub(super) fn start(&mut self) {
        self.starts += 1;
        self.replica = ReplicaId([self.starts; 16]);
    }

    /// An image of the office brought back: everything it did since is forgotten.
    pub(super) fn restored(&self, image: &Office) -> Self {
        let mut office = image.clone();
        office.starts = office.starts.max(self.starts);
        office.start();
        (office.unsealed, office.alarms) = (self.unsealed, self.alarms);
        office.locked = self.locked.clone();
        office.received.clear();
        office
    }

    /// The office edits a record, having seen everything.
    pub(super) fn write(&mut self, kind: &str, id: RecordId, group: &str, fields: Fields) {
        let record = self.records.entry(id).or_insert_with(|| Record::new(kind, id));
        let edit = Edit {
            dot: Dot { replica: self.replica, counter: record.version.get(self.replica) + 1 },
            group: group.to_owned(),
            fields,
            context: record.version.clone(),
            stamp: Stamp {
                person: PersonId::from_bytes([ME; 16]),
                device: None,
                at_ms: MORNING_MS,
                offset_ms: 0,
                trust: Trust::Office,
            },
        };
        record.put(&edit);
        self.history.insert((id, edit.dot), edit.content());
        self.commit(id, [group.to_owned()]);
    }

    /// Takes a record out of everybody's scope.
    pub(super) fn take_away(&mut self, id: RecordId) {
        self.sequence += 1;
        self.checks.insert(self.sequence, u64::from(self.starts) * 1_000 + self.sequence);
        self.left.insert(id, self.sequence);
        self.rights += 1;
    }

    /// Gives it back.
    pub(super) fn give_back(&mut self, id: RecordId) {
        self.left.remove(&id);
        let groups: Vec<String> = self.records[&id].groups.keys().cloned().collect();
        self.commit(id, groups);
        self.rights += 1;
    }

    pub(super) fn respond(&mut self, request: &Request) -> Response {
        assert_eq!(request.path, "/sync/v1/exchange");
        let exchange: Exchange = wire::unpack(&request.body).unwrap();
        assert!(within_limits(&exchange), "a device keeps the limits");
        let answer = self.exchange(&exchange);
        self.received.push(exchange);
        Response { status: 200, headers: Vec::new(), body: wire::pack(&answer) }
    }

    fn commit(&mut self, id: RecordId, groups: impl IntoIterator<Item = String>) {
        self.sequence += 1;
        self.checks.insert(self.sequence, u64::from(self.starts) * 1_000_000 + self.sequence * 7 + self.epoch);
        for group in groups {
            self.changed.insert((id, group), self.sequence);
        }
    }

    fn exchange(&mut self, exchange: &Exchange) -> ExchangeAnswer {
        let cursor: Option<Cursor> = exchange.cursor.as_ref().map(|cursor| encode::from_cbor(&cursor.0).unwrap());
        let token: Option<(u64, PushId)> = exchange.token.as_ref().map(|token| encode::from_cbor(&token.0).unwrap());
        let last = self.accepted.get(&exchange.replica).copied();
        if exchange.epoch == self.epoch {
            let is_ahead = token.is_some_and(|token| last.is_none_or(|last| token.0 > last.0));
            let differs = cursor.is_some_and(|at| at.0 == self.epoch && self.checks.get(&at.2).copied() != at.3);
            if is_ahead || differs {
                self.epoch += 1_000;
                self.start();
            }
        }
        let mut answer = ExchangeAnswer {
            epoch: self.epoch,
            again: None,
            token: None,
            outcomes: Vec::new(),
            offered: self.refill(exchange),
            delivered: Vec::new(),
            left: Vec::new(),
            erased: Vec::new(),
            cursor: None,
            anew: false,
            more: false,
            fingerprint: None,
            rights: self.rights,
            server_ms: MORNING_MS,
            wipe: false,
            ranged: Vec::new(),
            start_over: false,
            office_key: None,
            words: BTreeMap::new(),
        };
        if exchange.epoch != self.epoch {
            answer.again = Some(self.known(exchange));
        } else {
            let named = |id: PushId| exchange.sent_ids.contains(&id) || token.is_some_and(|token| token.1 == id);
            let mut edits = exchange.push.iter().flat_map(|push| push.edits.iter().map(|edit| (push.id, edit)));
            let is_other = edits
                .any(|(id, edit)| self.history.get(&(id, edit.dot)).is_some_and(|content| *content != edit.content()));
            if last.is_some_and(|last| !named(last.1)) || is_other {
                self.alarms += 1;
                answer.again = Some(self.known(exchange));
                answer.offered.clear();
                return answer;
            }
            self.accept(exchange, &mut answer);
            if let Some(push_id) = exchange.push_id {
                let accepted = (last.map_or(0, |last| last.0) + 1, push_id);
                self.accepted.insert(exchange.replica, accepted);
                answer.token = Some(Sealed(encode::cbor(&accepted)));
            }
        }
        self.deliver(exchange, cursor, &mut answer);
        answer
    }

    fn refill(&mut self, exchange: &Exchange) -> Vec<(RecordId, Offered)> {
        let mut answers = Vec::new();
        for offer in &exchange.offers {
            self.unsealed += u32::from(offer.seal != Some(seal(&offer.record)));
            let id = offer.record.id;
            let kind = offer.record.kind.clone();
            let before = self.records.get(&id).cloned().unwrap_or_else(|| Record::new(kind, id));
            let mut merged = before.clone();
            merged.merge(&offer.record);
            for (group, siblings) in &merged.groups {
                for (dot, sibling) in siblings {
                    let edit = Edit {
                        dot: *dot,
                        group: group.clone(),
                        fields: sibling.fields.clone(),
                        context: Default::default(),
                        stamp: sibling.stamp.clone(),
                    };
                    self.history.entry((id, *dot)).or_insert_with(|| edit.content());
                }
            }
            let is_news = merged != before;
            if is_news {
                let names = before.groups.keys().chain(merged.groups.keys());
                let mut groups: Vec<String> =
                    names.filter(|name| before.groups.get(*name) != merged.groups.get(*name)).cloned().collect();
                if groups.is_empty() {
                    groups.extend(merged.groups.keys().next().cloned());
                }
                self.records.insert(id, merged);
                self.commit(id, groups);
            }
            answers.push((id, if is_news { Offered::Merged } else { Offered::Known }));
        }
        answers
    }

    fn known(&self, exchange: &Exchange) -> Vec<SentDot> {
        let pushed = exchange.push.iter().flat_map(|push| {
            push.edits.iter().map(|edit| SentDot { record: push.id, dot: edit.dot, content: edit.content() })
        });
        let all = pushed.chain(exchange.sent_dots.iter().copied());
        all.filter(|sent| self.history.get(&(sent.record, sent.dot)) == Some(&sent.content)).collect()
    }

    fn accept(&mut self, exchange: &Exchange, answer: &mut ExchangeAnswer) {
        for push in &exchange.push {
            let mut record = self.records.get(&push.id).cloned().unwrap_or_else(|| Record::new(&*push.kind, push.id));
            let new: Vec<&Edit> =
                push.edits.iter().filter(|edit| !self.history.contains_key(&(push.id, edit.dot))).collect();
            if !push.base.within(&record.version) {
                answer.outcomes.push((push.id, Outcome::Wanted));
                continue;
            }
            if self.withdrawn.contains(&push.id) {
                answer.outcomes.push((push.id, Outcome::Held { code: Code::Withdrawn }));
                continue;
            }
            let refusals: Vec<Refusal> = new
                .iter()
                .filter(|edit| self.locked.contains(&edit.group))
                .map(|edit| Refusal { dot: edit.dot, group: edit.group.clone(), code: Code::OfficeOwned })
                .collect();
            if !refusals.is_empty() {
                let theirs = (!record.is_empty()).then(|| Box::new((record.clone(), seal(&record))));
                answer.outcomes.push((push.id, Outcome::Refused { refusals, theirs }));
                continue;
            }
            let is_simple = record.version == push.base && new.len() == push.edits.len();
            for edit in new {
                record.put(edit);
                self.history.insert((push.id, edit.dot), edit.content());
                self.commit(push.id, [edit.group.clone()]);
            }
            let result = (!is_simple).then(|| Box::new(record.clone()));
            answer.outcomes.push((push.id, Outcome::Accepted { seal: seal(&record), result, apart: false }));
            self.records.insert(push.id, record);
        }
    }

    fn deliver(&self, exchange: &Exchange, cursor: Option<Cursor>, answer: &mut ExchangeAnswer) {
        let fresh = cursor.filter(|at| at.0 == self.epoch && self.checks.get(&at.2).copied() == at.3);
        let since = fresh.map_or(0, |at| at.1);
        let place = |id: RecordId| self.changed.iter().filter(|((known, _), _)| *known == id).map(|(_, at)| *at).max();
        let mut todo: Vec<(u64, RecordId)> = self
            .records
            .keys()
            .filter(|id| !self.left.contains_key(id))
            .filter_map(|id| Some((place(*id)?, *id)))
            .filter(|(at, _)| *at > since)
            .collect();
        todo.sort();
        let page = &todo[..todo.len().min(self.page)];
        let is_here = |id: &&RecordId| self.records.contains_key(*id) && !self.left.contains_key(*id);
        let asked = exchange.whole.iter().filter(is_here).filter(|id| !page.iter().any(|(_, known)| known == *id));
        let is_told = |id: &RecordId| self.is_terse && answer.outcomes.iter().any(|(told, _)| told == id);
        let told: BTreeSet<RecordId> = page.iter().map(|(_, id)| *id).filter(is_told).collect();
        for id in asked.chain(page.iter().map(|(_, id)| id).filter(|id| !told.contains(*id))) {
            let record = &self.records[id];
            let is_whole = fresh.is_none() || exchange.whole.contains(id);
            let mut part = record.clone();
            let mut emptied = Vec::new();
            if !is_whole {
                let since_then = |group: &str| self.changed.get(&(*id, group.to_owned())).is_some_and(|at| *at > since);
                let is_own = |group: &str| record.siblings(group).all(|(dot, _)| dot.replica == exchange.replica);
                part.groups.retain(|group, _| since_then(group) && !is_own(group));
                let names = self.changed.keys().filter(|(known, _)| known == id).map(|(_, group)| group);
                emptied.extend(names.filter(|group| since_then(group) && !record.groups.contains_key(*group)).cloned());
            }
            answer.delivered.push(Delivery {
                record: part,
                emptied,
                is_whole,
                check: record.check(),
                seal: seal(record),
                rest: 0,
            });
        }
        let left = self.left.iter().filter(|(id, at)| **at > since && !self.untold.contains(*id));
        answer.left = left.map(|(id, _)| *id).collect();
        answer.more = page.len() < todo.len();
        let at = if answer.more { page.last().map_or(since, |last| last.0) } else { self.sequence };
        let next: Cursor = (self.epoch, at, self.sequence, self.checks.get(&self.sequence).copied());
        answer.cursor = Some(Sealed(encode::cbor(&next)));
        answer.anew = fresh.is_none();
        if !answer.more {
            answer.fingerprint = Some(self.fingerprint());
            answer.ranged = exchange.ranges.iter().map(|range| Ranged::of(*range, &self.members(*range))).collect();
        }
    }

    /// What the office counts in a range.
    fn members(&self, range: Range) -> Vec<(RecordId, Hash)> {
        let side = |record: &Record| match kinds::kind(&record.kind).map(|kind| kind.reach) {
            Some(Reach::Shared) => Side::Shared,
            _ => Side::Own,
        };
        let is_member =
            |(id, record): &(&RecordId, &Record)| side(record) == range.side && !self.left.contains_key(*id);
        let records = self.records.range(range.from..=range.to).filter(is_member);
        records.map(|(id, record)| (*id, self.lies.get(id).copied().unwrap_or_else(|| record.check()))).collect()
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        let (mut own, mut shared) = (SetHash::default(), SetHash::default());
        for (id, record) in &self.records {
            if self.left.contains_key(id) {
                continue;
            }
            let is_shared = kinds::kind(&record.kind).is_some_and(|kind| kind.reach == Reach::Shared);
            let check = self.lies.get(id).copied().unwrap_or_else(|| record.check());
            if is_shared { shared.add(&check) } else { own.add(&check) }
        }
        Fingerprint { own, shared }
    }

    /// Forgets a change of one group in the index, as a page cut between two of a record's changes does.
    pub(super) fn hide_change(&mut self, id: RecordId, group: &str) {
        self.changed.insert((id, group.to_owned()), 1);
    }

    /// An edit by another device that saw `context`.
    pub(super) fn write_concurrently(&mut self, id: RecordId, group: &str, fields: Fields) {
        let record = self.records.get_mut(&id).unwrap();
        let replica = ReplicaId([77; 16]);
        let edit = Edit {
            dot: Dot { replica, counter: record.version.get(replica) + 1 },
            group: group.to_owned(),
            fields,
            context: Default::default(),
            stamp: Stamp {
                person: PersonId::from_bytes([2; 16]),
                device: Some(DeviceId::from_bytes([77; 16])),
                at_ms: MORNING_MS,
                offset_ms: 0,
                trust: Trust::Compared,
            },
        };
        record.put(&edit);
        self.history.insert((id, edit.dot), edit.content());
        self.commit(id, [group.to_owned()]);
    }
}

/// The office's keyed hash over a record.
pub(super) fn seal(record: &Record) -> Seal {
    let hash = blake3::keyed_hash(&[42; 32], &encode::cbor(record));
    Seal::from_slice(&hash.as_bytes()[..16]).unwrap()
}
