//! Edits kept aside until a person decides, and a log of what was refused.

use fieldsync_protocol::rights::Code;
use fieldsync_protocol::{DeviceId, Dot, Edit, PersonId, RecordId};

use super::StoreError;

/// An edit kept aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Names it.
    pub id: RecordId,
    /// The record's kind.
    pub kind: String,
    /// The record.
    pub record: RecordId,
    /// The work order it belongs to, when that is known.
    pub work_order: Option<RecordId>,
    /// The edit with its original context.
    pub edit: Edit,
    /// Whose.
    pub person: PersonId,
    /// From which device.
    pub device: DeviceId,
    /// Why.
    pub code: Code,
    /// When it arrived.
    pub arrived_ms: i64,
    /// `released` or `discarded`, once decided.
    pub decision: Option<String>,
}

/// A refusal, as the dispatcher sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRow {
    /// The record's kind.
    pub kind: String,
    /// The record.
    pub record: RecordId,
    /// The dot, now dead.
    pub dot: Dot,
    /// The group.
    pub group: String,
    /// Why.
    pub code: Code,
    /// Whose.
    pub person: PersonId,
    /// From which device.
    pub device: DeviceId,
    /// When.
    pub at_ms: i64,
}

/// Edits kept aside until a person decides, and a log of what was refused. In a [`super::Store::read`] the writing verbs fail.
pub trait HeldEdits {
    /// Keeps an edit aside; keeping the same one twice changes nothing.
    fn hold(&mut self, held: &Held) -> Result<(), StoreError>;
    /// One held edit.
    fn held(&mut self, id: RecordId) -> Result<Option<Held>, StoreError>;
    /// All held edits; undecided ones only, when asked.
    fn all_held(&mut self, undecided_only: bool) -> Result<Vec<Held>, StoreError>;
    /// The held edits of one record from one device, decided ones too.
    fn held_of(&mut self, record: RecordId, device: DeviceId) -> Result<Vec<Held>, StoreError>;
    /// How many undecided edits belong to a work order.
    fn held_below(&mut self, work_order: RecordId) -> Result<u32, StoreError>;
    /// Records what a person decided about a held edit.
    fn decide_held(&mut self, id: RecordId, decision: &str, by: PersonId, at_ms: i64) -> Result<(), StoreError>;
    /// Notes a refusal.
    fn note_refused(&mut self, refused: &RefusedRow) -> Result<(), StoreError>;
    /// The latest refusals, newest first.
    fn refused(&mut self, limit: u64) -> Result<Vec<RefusedRow>, StoreError>;
}
