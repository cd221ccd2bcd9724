//! What was erased for privacy, for ever.

use fieldsync_protocol::{PersonId, RecordId};

use super::StoreError;

/// A record that was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: String,
    /// Its place in history: a device whose cursor is past it has been told.
    pub sequence: u64,
    /// When, on the office's clock.
    pub at_ms: i64,
    /// By whom.
    pub person: PersonId,
    /// How much arrived for it since, and was dropped.
    pub dropped: u64,
}

/// What was erased for privacy, for ever. In a [`super::Store::read`] the writing verbs fail.
pub trait ErasedRecords {
    /// How a record was erased; `None` when it was not.
    fn erased(&mut self, record: RecordId) -> Result<Option<Erased>, StoreError>;
    /// Everything that was erased, oldest first.
    fn all_erased(&mut self) -> Result<Vec<Erased>, StoreError>;
    /// Takes away all content of a record: the record, what history says of it before `erased.sequence`, held and
    /// refused edits, its row on the board, the reasons for which somebody sees it. Those who saw it will be told.
    fn erase(&mut self, erased: &Erased) -> Result<(), StoreError>;
    /// Counts something that arrived for an erased record.
    fn count_dropped(&mut self, record: RecordId) -> Result<(), StoreError>;
}
