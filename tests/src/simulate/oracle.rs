//! The ledger: what everybody entered and what they had seen then. It shares nothing with the engine: numbers stand for
//! contents, sets of numbers for versions.

use std::collections::{BTreeMap, BTreeSet};

use fieldsync_protocol::exchange::Exchange;
use fieldsync_protocol::version::Dot;
use fieldsync_protocol::{Hash, RecordId};

use super::state::number;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which one, by its name in the design.
    pub promise: &'static str,
    /// What happened.
    pub text: String,
}

/// Something somebody entered.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) record: RecordId,
    pub(crate) group: String,
    /// The numbers of the group that its author was shown.
    pub(crate) seen: BTreeSet<u64>,
    pub(crate) by: String,
}

/// What the oracle knows.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    pub(crate) entries: BTreeMap<u64, Entry>,
    /// What may be gone, and why: nobody held it when it was forgotten, or its author threw it away.
    pub(crate) excused: BTreeMap<u64, &'static str>,
    /// What was applied in another order than it was entered: released by a person, tried again by hand.
    pub(crate) out_of_order: BTreeSet<u64>,
    /// Copies and restored stores so far.
    pub(crate) copies: u32,
    /// Restored servers so far.
    pub(crate) restores: u32,
    /// Numbers that left their device in a push.
    pub(crate) sent: BTreeSet<u64>,
    /// What each dot said on the wire.
    dots: BTreeMap<(RecordId, Dot), Hash>,
    /// Dots of which their device was told that they were refused.
    dead: BTreeSet<(RecordId, Dot)>,
    pub(crate) violations: Vec<Violation>,
    /// Where the script stands, for who reads a violation.
    pub(crate) at: String,
}

impl Oracle {
    pub(crate) fn broken(&mut self, promise: &'static str, text: impl Into<String>) {
        // The first ones say enough.
        if self.violations.len() < 40 {
            let text = format!("{} ({})", text.into(), self.at);
            self.violations.push(Violation { promise, text });
        }
    }

    pub(crate) fn enter(&mut self, number: u64, entry: Entry) {
        self.entries.insert(number, entry);
    }

    pub(crate) fn excuse(&mut self, number: u64, why: &'static str) {
        self.excused.entry(number).or_insert(why);
    }

    /// Whether an entry replaces one of the same author that nobody else has seen.
    pub(crate) fn replaces_unsent(&self, entry: &Entry) -> bool {
        entry.seen.iter().any(|seen| {
            !self.sent.contains(seen) && self.entries.get(seen).is_some_and(|earlier| earlier.by == entry.by)
        })
    }

    /// Whether stores were copied or the server restored: then a new replica id is no false alarm, and one conflict too
    /// many is allowed.
    pub(crate) fn is_disturbed(&self) -> bool {
        self.copies > 0 || self.restores > 0
    }

    /// A push as it goes over the wire: without copies a dot never names two contents.
    pub(crate) fn saw_push(&mut self, by: &str, message: &Exchange) {
        for record in &message.push {
            for number in record.edits.iter().filter_map(|edit| number(&edit.fields)) {
                self.sent.insert(number);
                // What may only be proposed becomes a proposal when it is tried again.
                if record.kind == "proposal"
                    && let Some(entry) = self.entries.get_mut(&number).filter(|entry| entry.record != record.id)
                {
                    entry.record = record.id;
                    entry.group = "proposal".to_owned();
                }
            }
        }
        if self.copies > 0 {
            return;
        }
        for record in &message.push {
            for edit in &record.edits {
                let known = *self.dots.entry((record.id, edit.dot)).or_insert_with(|| edit.content());
                if known != edit.content() {
                    self.broken("V1", format!("{by} sends {:?} of {} with a second content", edit.dot, record.id));
                }
                if let Some(number) = number(&edit.fields)
                    && let Some(entry) = self.entries.get(&number)
                    && entry.record != record.id
                {
                    self.broken("C1", format!("number {number} is pushed for another record"));
                }
            }
        }
    }

    /// A device composed a message, whether it arrives or not.
    pub(crate) fn composed(&mut self, by: &str, message: &Exchange, is_damaged: bool) {
        let sent = message.push.iter().flat_map(|record| record.edits.iter().map(|edit| (record.id, edit.dot)));
        let dead: Vec<_> = sent.filter(|sent| self.copies == 0 && self.dead.contains(sent)).collect();
        for (record, dot) in dead {
            self.broken("D3", format!("{by} sends {dot:?} of {record} again, which was refused"));
        }
        if !message.ranges.is_empty() && !is_damaged && !self.is_disturbed() {
            self.broken("P5", format!("{by} and the office differ and must look for where"));
        }
    }

    /// A device has taken an answer that refuses these dots: none of them is ever sent again.
    pub(crate) fn was_told(&mut self, refused: Vec<(RecordId, Dot)>) {
        self.dead.extend(refused);
    }

    /// What each number's author had seen of the same group, and what the authors of that had seen.
    pub(crate) fn seen_before(&self) -> BTreeMap<u64, BTreeSet<u64>> {
        let mut all: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        for (number, entry) in &self.entries {
            let mut seen = entry.seen.clone();
            for earlier in &entry.seen {
                seen.extend(all.get(earlier).into_iter().flatten());
            }
            all.insert(*number, seen);
        }
        all
    }

    /// Everything that the authors of `numbers` had seen of the same groups, and what the authors of that had seen.
    pub(crate) fn dominated_by(&self, numbers: &BTreeSet<u64>) -> BTreeSet<u64> {
        let mut covered = numbers.clone();
        // A number is greater than those its author can have seen.
        for number in self.entries.keys().rev() {
            if covered.contains(number) {
                covered.extend(self.entries[number].seen.iter().copied());
            }
        }
        covered
    }
}
