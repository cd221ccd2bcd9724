//! Records as merged, what hangs below an order, and what an order refers to.

use std::collections::BTreeMap;

use fieldsync_protocol::{Hash, Record, RecordId};

use super::StoreError;

/// A record as the office holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The merged record.
    pub record: Record,
    /// Its check hash.
    pub check: Hash,
    /// At which place in history each group last changed.
    pub changed: BTreeMap<String, u64>,
    /// The last of them.
    pub sequence: u64,
}

/// Records as merged, what hangs below an order, and what an order refers to. In a [`super::Store::read`] the writing verbs fail.
pub trait Records {
    /// One record.
    fn record(&mut self, id: RecordId) -> Result<Option<Stored>, StoreError>;
    /// Everything whose shown main group names this work order.
    fn below(&mut self, work_order: RecordId) -> Result<Vec<Record>, StoreError>;
    /// All records of a kind.
    fn of_kind(&mut self, kind: &str) -> Result<Vec<Record>, StoreError>;
    /// Records that others speak of and that are not here: named, with whoever names them.
    fn absent(&mut self) -> Result<Vec<(RecordId, RecordId)>, StoreError>;
    /// Stores a record as it stands after a change.
    fn put_record(&mut self, stored: &Stored, work_order: Option<RecordId>) -> Result<(), StoreError>;
    /// The orders that refer to a record.
    fn referring(&mut self, target: RecordId) -> Result<Vec<RecordId>, StoreError>;
    /// What an order refers to.
    fn references(&mut self, work_order: RecordId) -> Result<Vec<RecordId>, StoreError>;
    /// Replaces what an order refers to.
    fn set_references(&mut self, work_order: RecordId, targets: &[RecordId]) -> Result<(), StoreError>;
}
