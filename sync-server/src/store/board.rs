//! The board: one row per work order, recomputed from records, filtered, sorted, searched and counted.

use std::collections::BTreeMap;

use fieldsync_protocol::RecordId;
use fieldsync_protocol::status::Status;

use super::StoreError;

/// One work order on the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// The order.
    pub id: RecordId,
    /// Its number.
    pub number: String,
    /// Derived status.
    pub status: Status,
    /// Place in [`fieldsync_protocol::kinds::PRIORITIES`]; 9 without one.
    pub priority: u8,
    /// Due.
    pub due_ms: Option<i64>,
    /// Earliest planned start of a live assignment.
    pub planned_ms: Option<i64>,
    /// Customer's name.
    pub customer: String,
    /// Site's name.
    pub site: String,
    /// Asset's name.
    pub asset: String,
    /// The problem.
    pub problem: String,
    /// Names of the technicians.
    pub technicians: String,
    /// When it was asked for.
    pub requested_ms: Option<i64>,
    /// When it last changed at the office.
    pub changed_ms: i64,
    /// Groups in which a person must decide.
    pub conflicts: u32,
    /// Undecided proposals.
    pub proposals: u32,
    /// Whether what was signed differs from now.
    pub differs: bool,
    /// Photos and files that have not arrived.
    pub missing_blobs: u32,
    /// Held edits.
    pub held: u32,
    /// Whether work arrived late: after withdrawing or cancelling.
    pub is_late: bool,
}

/// How the board is filtered, sorted and paged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobQuery {
    /// Only these statuses; empty for all.
    pub statuses: Vec<Status>,
    /// Only those a person must look at: conflicts, proposals, held, differing from what was signed.
    pub needs_person: bool,
    /// Only those with late work.
    pub late: bool,
    /// Only this technician's.
    pub technician: Option<RecordId>,
    /// Only those planned, due or requested from here on.
    pub from_ms: Option<i64>,
    /// And before this.
    pub to_ms: Option<i64>,
    /// An FTS5 expression made by [`fieldsync_protocol::search`].
    pub text: Option<String>,
    /// Order of the rows.
    pub sort: Sort,
    /// Rows to pass over.
    pub offset: u64,
    /// Rows to return.
    pub limit: u64,
}

/// Order of the board's rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// Latest change first.
    #[default]
    Changed,
    /// Latest change last.
    ChangedOldest,
    /// By number.
    Number,
    /// Most urgent first, then earliest due.
    Priority,
    /// Earliest due first.
    Due,
    /// By customer's name.
    Customer,
    /// By status.
    Status,
}

/// The board: one row per work order, recomputed from records, filtered, sorted, searched and counted. In a [`super::Store::read`] the writing verbs fail.
pub trait Board {
    /// Stores a work order's row on the board, its technicians and its search tokens.
    fn put_job(&mut self, row: &JobRow, technicians: &[RecordId], tokens: &str) -> Result<(), StoreError>;
    /// One row.
    fn job(&mut self, id: RecordId) -> Result<Option<JobRow>, StoreError>;
    /// Rows of the board.
    fn jobs(&mut self, query: &JobQuery) -> Result<Vec<JobRow>, StoreError>;
    /// How many rows the query has without paging.
    fn count_jobs(&mut self, query: &JobQuery) -> Result<u64, StoreError>;
    /// How many work orders there are by status; the query's status is ignored.
    fn count_by_status(&mut self, query: &JobQuery) -> Result<BTreeMap<Status, u64>, StoreError>;
    /// How many records there are by kind.
    fn count_records(&mut self) -> Result<BTreeMap<String, u64>, StoreError>;
    /// Live work orders per technician.
    fn load(&mut self) -> Result<BTreeMap<RecordId, u64>, StoreError>;
}
