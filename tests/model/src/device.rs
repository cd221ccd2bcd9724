//! A device: *theirs*, pending edits, and what it has sent.

use std::collections::{BTreeMap, BTreeSet};

use crate::message::{Again, Answer, Cursor, Exchange, Outcome, Page, PushId, Token};
use crate::record::{Dot, Edit, Record, RecordId, Replica, Version};
use crate::rules::Rule;

/// Everything a device's store holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Device {
    /// Which device, and how many incarnations its store had.
    number: u8,
    incarnation: u8,
    /// The office's time in which its replica id lives.
    pub epoch: u8,
    /// The office's records as they were delivered.
    pub theirs: [Record; 2],
    /// Edits without an answer.
    pub pending: [Vec<Edit>; 2],
    /// What the office has forgotten.
    pub offers: BTreeMap<RecordId, Vec<Record>>,
    /// How far it has read.
    pub cursor: Cursor,
    counter: [u8; 2],
    token: Option<Token>,
    pushes: u8,
    sent: BTreeSet<PushId>,
    sent_dots: BTreeSet<(RecordId, Dot)>,
    unnamed: BTreeSet<RecordId>,
}

impl Device {
    /// A device that was enrolled in the office's first time.
    pub fn new(number: u8) -> Self {
        Self {
            number,
            incarnation: 0,
            epoch: 1,
            theirs: Default::default(),
            pending: Default::default(),
            offers: BTreeMap::new(),
            cursor: Cursor { epoch: 1, ..Cursor::default() },
            counter: [0; 2],
            token: None,
            pushes: 0,
            sent: BTreeSet::new(),
            sent_dots: BTreeSet::new(),
            unnamed: BTreeSet::new(),
        }
    }

    /// The id of this incarnation.
    pub fn replica(&self) -> Replica {
        self.number * 0x10 + self.incarnation
    }

    /// What a person is shown.
    pub fn shown(&self, id: RecordId) -> Record {
        let mut shown = self.theirs[usize::from(id)].clone();
        for offer in self.offers.get(&id).into_iter().flatten() {
            shown.merge(offer);
        }
        for edit in &self.pending[usize::from(id)] {
            shown.put(edit);
        }
        shown
    }

    /// A person edits what is shown.
    pub fn edit(&mut self, id: RecordId, number: u8, without: &[Rule]) {
        let shown = self.shown(id);
        self.counter[usize::from(id)] += 1;
        let dot = (self.replica(), self.counter[usize::from(id)]);
        let mut context = shown.version;
        if without.contains(&Rule::ContextIsWhatWasShown) {
            (0..0x20).for_each(|replica| context.add((replica, 1)));
        }
        self.pending[usize::from(id)].retain(|edit| !context.covers(edit.dot));
        self.pending[usize::from(id)].push(Edit { dot, number, context, seen: shown.seen });
    }

    /// Whether there is nothing that only this device holds.
    pub fn is_drained(&self) -> bool {
        self.pending.iter().all(Vec::is_empty) && self.offers.is_empty()
    }

    /// Every dot in this store with its number, for the properties.
    pub fn dots(&self) -> impl Iterator<Item = (RecordId, Dot, u8)> {
        let theirs = (0..2).flat_map(|id| self.theirs[usize::from(id)].siblings.iter().map(move |(d, n)| (id, *d, *n)));
        let pending = (0..2).flat_map(|id| self.pending[usize::from(id)].iter().map(move |e| (id, e.dot, e.number)));
        let offers = self.offers.iter().flat_map(|(id, offers)| {
            offers.iter().flat_map(move |offer| offer.siblings.iter().map(move |(dot, number)| (*id, *dot, *number)))
        });
        theirs.chain(pending).chain(offers)
    }

    /// What it says next; the push is remembered before it is sent.
    pub fn speak(&mut self) -> Exchange {
        self.pushes += 1;
        let id = (self.replica(), self.pushes);
        let push: BTreeMap<_, _> = (0..2)
            .filter(|id| !self.pending[usize::from(*id)].is_empty())
            .map(|id| (id, (self.theirs[usize::from(id)].version.clone(), self.pending[usize::from(id)].clone())))
            .collect();
        if push.is_empty() {
            self.pushes -= 1;
        } else {
            self.sent.insert(id);
            self.sent_dots.extend(push.iter().flat_map(|(id, (_, edits))| edits.iter().map(move |e| (*id, e.dot))));
        }
        Exchange {
            replica: self.replica(),
            epoch: self.epoch,
            token: self.token.clone(),
            id,
            sent: self.sent.clone(),
            sent_dots: self.sent_dots.clone(),
            push,
            offers: self.offers.clone(),
            cursor: self.cursor.clone(),
        }
    }

    /// Takes the answer to what it said.
    pub fn hear(&mut self, said: &Exchange, answer: &Answer, without: &[Rule]) {
        if let Some(again) = &answer.again {
            self.restamp(again);
        }
        if let Some(token) = &answer.token {
            self.token = Some(token.clone());
            self.sent.clear();
            self.sent_dots.clear();
        }
        for (id, taken) in &answer.taken {
            if let Some(offers) = self.offers.get_mut(id) {
                offers.drain(..(*taken).min(offers.len()));
            }
        }
        self.offers.retain(|_, offers| !offers.is_empty());
        for id in &answer.refused {
            self.theirs[usize::from(*id)] = Record::default();
        }
        for (id, outcome) in &answer.outcomes {
            let Some((_, edits)) = said.push.get(id) else { continue };
            if *outcome == Outcome::Wanted {
                self.offer(*id);
                continue;
            }
            self.pending[usize::from(*id)].retain(|edit| edits.iter().all(|done| done.dot != edit.dot));
            match outcome {
                Outcome::Merged(record) => self.deliver(*id, record, without),
                Outcome::Held => {}
                _ => edits.iter().for_each(|edit| self.theirs[usize::from(*id)].put(edit)),
            }
        }
        if let Some(page) = &answer.page {
            self.apply(page, without);
        }
    }

    fn apply(&mut self, page: &Page, without: &[Rule]) {
        self.cursor = page.cursor.clone();
        if page.is_anew {
            self.unnamed = (0..2).filter(|id| !self.theirs[usize::from(*id)].version.is_empty()).collect();
        }
        for (id, record) in &page.records {
            self.unnamed.remove(id);
            self.deliver(*id, record, without);
        }
        for id in &page.left {
            self.unnamed.remove(id);
            self.theirs[usize::from(*id)] = Record::default();
        }
        if !page.more {
            for id in std::mem::take(&mut self.unnamed) {
                if !without.contains(&Rule::OffersWhatIsUnnamed) {
                    self.offer(id);
                }
            }
        }
    }

    fn deliver(&mut self, id: RecordId, record: &Record, without: &[Rule]) {
        let is_forgotten = !self.theirs[usize::from(id)].version.is_within(&record.version);
        if is_forgotten && !without.contains(&Rule::OffersWhatWasForgotten) {
            self.offer(id);
        }
        self.theirs[usize::from(id)] = record.clone();
    }

    fn offer(&mut self, id: RecordId) {
        let theirs = self.theirs[usize::from(id)].clone();
        let offers = self.offers.entry(id).or_default();
        if !offers.contains(&theirs) {
            offers.push(theirs);
        }
    }

    /// A new replica id: pending edits that the office does not have get new dots, contexts follow.
    fn restamp(&mut self, again: &Again) {
        let old = self.replica();
        self.incarnation += 1;
        self.epoch = again.epoch;
        self.counter = [0; 2];
        for id in 0..2 {
            let mut new: BTreeMap<Dot, Dot> = BTreeMap::new();
            let mut edits = std::mem::take(&mut self.pending[usize::from(id)]);
            edits.sort();
            for edit in edits.iter().filter(|edit| !again.known.contains(&(id, edit.dot))) {
                self.counter[usize::from(id)] += 1;
                new.insert(edit.dot, (self.replica(), self.counter[usize::from(id)]));
            }
            for edit in &mut edits {
                edit.context = self.capped(id, old, again, &new, &edit.context);
                edit.dot = new.get(&edit.dot).copied().unwrap_or(edit.dot);
            }
            self.pending[usize::from(id)] = edits;
        }
        (self.token, self.pushes) = (None, 0);
        self.sent.clear();
        self.sent_dots.clear();
    }

    /// Of the old id a context keeps what the office has, and follows the dots that are new.
    fn capped(
        &self,
        id: RecordId,
        old: Replica,
        again: &Again,
        new: &BTreeMap<Dot, Dot>,
        context: &Version,
    ) -> Version {
        let known = again.known.iter().filter(|(record, dot)| *record == id && dot.0 == old && context.covers(*dot));
        let top = known.map(|(_, dot)| dot.1).max().unwrap_or(0);
        let mut capped = context.clone();
        capped.cap(old, top.max(self.theirs[usize::from(id)].version.counter(old)));
        for (before, after) in new {
            if context.covers(*before) {
                capped.add(*after);
            }
        }
        capped
    }
}
