//! What is kept of a record here: one group, whose contents are numbers.
//!
//! A number stands for one edit for ever, so a doubled or swapped content is seen at once. `seen` is knowledge of the
//! properties, not of the rules: the numbers that an edit's author had seen, however indirectly.

use std::collections::BTreeMap;

/// One of the two records.
pub type RecordId = u8;
/// One incarnation of a store.
pub type Replica = u8;
/// One edit of a record, named by who wrote it and how many they had written there.
pub type Dot = (Replica, u8);
/// A set of edit numbers.
pub type Numbers = u16;

/// The set that holds this number alone.
pub fn only(number: u8) -> Numbers {
    1 << number
}

/// Per replica, the highest counter included.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(BTreeMap<Replica, u8>);

impl Version {
    /// Whether the dot is included.
    pub fn covers(&self, dot: Dot) -> bool {
        self.counter(dot.0) >= dot.1
    }

    /// Whether everything in here is in `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.iter().all(|(replica, counter)| other.covers((*replica, *counter)))
    }

    /// The highest counter of a replica; 0 when it wrote nothing.
    pub fn counter(&self, replica: Replica) -> u8 {
        self.0.get(&replica).copied().unwrap_or(0)
    }

    /// Whether nothing is included.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Includes a dot and all before it.
    pub fn add(&mut self, dot: Dot) {
        let counter = self.0.entry(dot.0).or_default();
        *counter = dot.1.max(*counter);
    }

    /// Leaves of a replica what is included up to `counter`.
    pub fn cap(&mut self, replica: Replica, counter: u8) {
        match self.counter(replica).min(counter) {
            0 => drop(self.0.remove(&replica)),
            counter => drop(self.0.insert(replica, counter)),
        }
    }

    fn join(&mut self, other: &Self) {
        other.0.iter().for_each(|(replica, counter)| self.add((*replica, *counter)));
    }
}

/// An edit on its way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edit {
    /// What names it.
    pub dot: Dot,
    /// What it says.
    pub number: u8,
    /// What its author was shown.
    pub context: Version,
    /// The numbers its author had seen.
    pub seen: Numbers,
}

/// A record as a store holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Record {
    /// What stands in its group: one number, or several written without seeing each other.
    pub siblings: BTreeMap<Dot, u8>,
    /// Everything that was ever included.
    pub version: Version,
    /// The numbers that stand here or that somebody replaced on purpose.
    pub seen: Numbers,
}

impl Record {
    /// Joins what another store holds: a sibling stays when both have it, or when the other side never had it.
    pub fn merge(&mut self, other: &Self) {
        let mine = |dot: &Dot| other.siblings.contains_key(dot) || !other.version.covers(*dot);
        self.siblings.retain(|dot, _| mine(dot));
        for (dot, number) in &other.siblings {
            if !self.version.covers(*dot) {
                self.siblings.insert(*dot, *number);
            }
        }
        self.version.join(&other.version);
        self.seen |= other.seen;
    }

    /// Applies an edit: it replaces what its context covers, and the version grows by its dot alone.
    pub fn put(&mut self, edit: &Edit) {
        self.siblings.retain(|dot, _| !edit.context.covers(*dot));
        self.siblings.insert(edit.dot, edit.number);
        self.version.add(edit.dot);
        self.seen |= edit.seen | only(edit.number);
    }

    /// What of a record all replicas must agree on.
    pub fn content(&self) -> (&BTreeMap<Dot, u8>, &Version) {
        (&self.siblings, &self.version)
    }
}
