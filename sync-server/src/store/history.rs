//! The append-only, hash-chained log of every accepted edit.

use fieldsync_protocol::{Dot, Edit, Hash, RecordId};

use super::StoreError;

/// Why an entry stands in history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Accepted from a device or made in the office.
    Accepted,
    /// Offered back by a device after the office had forgotten it.
    Refilled,
    /// Held, then released by a person.
    Released,
}

/// One entry of history, before it gets its place.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Why it stands there.
    pub action: Action,
    /// The record's kind.
    pub kind: String,
    /// The record.
    pub record: RecordId,
    /// The edit.
    pub edit: Edit,
    /// When it arrived, on the office's clock.
    pub arrived_ms: i64,
    /// The dots it replaced.
    pub replaced: Vec<Dot>,
}

/// One entry of history in its place.
#[derive(Debug, Clone)]
pub struct Placed {
    /// Its place.
    pub sequence: u64,
    /// The entry.
    pub entry: Entry,
    /// The chain hash at this place.
    pub chain: Hash,
}

/// The append-only, hash-chained log of every accepted edit. In a [`super::Store::read`] the writing verbs fail.
pub trait History {
    /// Appends to history and returns the place. Grows the tenant's sequence and chain.
    fn append(&mut self, entry: &Entry) -> Result<u64, StoreError>;
    /// The hash of what a dot said, when the office knows it.
    fn dot(&mut self, record: RecordId, dot: Dot) -> Result<Option<Hash>, StoreError>;
    /// The chain hash at a place.
    fn chain_at(&mut self, sequence: u64) -> Result<Option<Hash>, StoreError>;
    /// The history of one record, oldest first, without what was erased.
    fn history_of(&mut self, record: RecordId) -> Result<Vec<Placed>, StoreError>;
    /// History after a place, oldest first, without what was erased.
    fn history_after(&mut self, sequence: u64, limit: u64) -> Result<Vec<Placed>, StoreError>;
    /// Whether history's chain holds, and how many entries it has; of erased ones it holds the places.
    fn verify_chain(&mut self) -> Result<Result<u64, u64>, StoreError>;
}
