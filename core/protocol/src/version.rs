//! Dots and per-record version vectors: which edits a copy of a record includes.
//!
//! A [`Dot`] names one edit of one record for ever; a [`Version`] says, per replica, up to which counter a copy
//! includes that replica's edits. Causality comes from these alone; no clock takes part.
//!
//! Source: version vectors (Parker et al., 1983) with dotted siblings (Preguiça et al., *Dotted Version Vectors*, 2012).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::ReplicaId;

/// Names one edit of one record: the replica that made it, and that replica's counter *for this record*.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dot {
    /// The incarnation of the store that made the edit.
    pub replica: ReplicaId,
    /// 1 for the first edit of this record by this replica.
    pub counter: u64,
}

impl fmt::Debug for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", &self.replica.to_string()[..8], self.counter)
    }
}

/// A version vector: replica → highest counter included. A replica of which nothing is included has no entry, so equal
/// versions are equal values; entries of 0 that a peer sends are dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Version(BTreeMap<ReplicaId, u64>);

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(BTreeMap::<ReplicaId, u64>::deserialize(deserializer)?.into_iter().collect())
    }
}

impl Version {
    /// The version that includes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The counter included of `replica`; 0 for none.
    pub fn get(&self, replica: ReplicaId) -> u64 {
        self.0.get(&replica).copied().unwrap_or(0)
    }

    /// Whether `dot` is included.
    pub fn covers(&self, dot: Dot) -> bool {
        self.get(dot.replica) >= dot.counter
    }

    /// Includes `dot` (and, by density of counters, everything the same replica did before it).
    pub fn add(&mut self, dot: Dot) {
        if dot.counter > 0 {
            let counter = self.0.entry(dot.replica).or_insert(0);
            *counter = (*counter).max(dot.counter);
        }
    }

    /// Sets the entry of `replica` to exactly `counter`; 0 removes it. For re-stamping only.
    pub fn set(&mut self, replica: ReplicaId, counter: u64) {
        if counter == 0 {
            self.0.remove(&replica);
        } else {
            self.0.insert(replica, counter);
        }
    }

    /// Joins by maximum.
    pub fn join(&mut self, other: &Version) {
        for (&replica, &counter) in &other.0 {
            self.add(Dot { replica, counter });
        }
    }

    /// Whether everything included here is included in `other`.
    pub fn within(&self, other: &Version) -> bool {
        self.0.iter().all(|(&replica, &counter)| other.get(replica) >= counter)
    }

    /// Whether nothing is included.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of replicas named.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The entries in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = (ReplicaId, u64)> + '_ {
        self.0.iter().map(|(&replica, &counter)| (replica, counter))
    }
}

impl FromIterator<(ReplicaId, u64)> for Version {
    fn from_iter<I: IntoIterator<Item = (ReplicaId, u64)>>(entries: I) -> Self {
        let mut version = Version::new();
        for (replica, counter) in entries {
            version.add(Dot { replica, counter });
        }
        version
    }
}
