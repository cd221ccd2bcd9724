//! What was deleted and is kept no more.

use fieldsync_protocol::{DeviceId, PersonId, RecordId};

use super::StoreError;

/// A record that was collected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collected {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: String,
    /// Its place in history: a device whose cursor is past it has been told.
    pub sequence: u64,
    /// The place of its last change, which everybody had confirmed.
    pub deleted: u64,
    /// When, on the office's clock.
    pub at_ms: i64,
    /// By whom.
    pub person: PersonId,
    /// The devices that were waited for, and how far each had confirmed. Empty when a restore was told of it.
    pub proof: Vec<(DeviceId, u64)>,
    /// The records it named.
    pub named: Vec<RecordId>,
    /// Whether audiences still say that it left them.
    pub has_marks: bool,
}

/// What was deleted and is kept no more. In a [`super::Store::read`] the writing verbs fail.
pub trait CollectedRecords {
    /// How a record was collected; `None` when it was not.
    fn collected(&mut self, record: RecordId) -> Result<Option<Collected>, StoreError>;
    /// Everything that was collected, oldest first.
    fn all_collected(&mut self) -> Result<Vec<Collected>, StoreError>;
    /// Notes that a record is collected, or replaces that note. The record itself stays as it is.
    fn note_collected(&mut self, collected: &Collected) -> Result<(), StoreError>;
    /// Takes away a record that is noted as collected. Those who see it will be told that it left; history stays.
    fn take_collected(&mut self, record: RecordId, sequence: u64) -> Result<(), StoreError>;
    /// Forgets that a collected record left anybody, and raises the floor to its place: a cursor below has missed it.
    fn forget_marks(&mut self, record: RecordId) -> Result<(), StoreError>;
}
