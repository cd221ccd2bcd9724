//! Who may see what, as an index from audience to what changed after a place in history.

use fieldsync_protocol::exchange::SetHash;
use fieldsync_protocol::{Hash, RecordId};

use super::{Audience, StoreError};

/// A row of the scope index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopeRow {
    /// The record.
    pub record: RecordId,
    /// When it entered.
    pub entered: u64,
    /// When it last changed, or left.
    pub changed: u64,
    /// Whether it left.
    pub has_left: bool,
}

/// An audience's sum over the check hashes of its members, and its rights stamp.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AudienceSum {
    /// Sum and count.
    pub set: SetHash,
    /// Grows with every entering and leaving.
    pub rights: u64,
}

/// Who may see what, as an index from audience to what changed after a place in history. In a [`super::Store::read`] the writing verbs fail.
pub trait Scope {
    /// A record's row in an audience, whether it left or not.
    fn scope_row(&mut self, audience: Audience, record: RecordId) -> Result<Option<ScopeRow>, StoreError>;
    /// Rows of an audience that changed after a place, in order, at most `limit`.
    fn scope_after(&mut self, audience: Audience, sequence: u64, limit: u64) -> Result<Vec<ScopeRow>, StoreError>;
    /// A record's rows in all audiences, also in those it left.
    fn scope_rows_of(&mut self, record: RecordId) -> Result<Vec<(Audience, ScopeRow)>, StoreError>;
    /// Because of what an audience sees a record: orders, or the record itself.
    fn reasons_of(&mut self, audience: Audience, record: RecordId) -> Result<Vec<RecordId>, StoreError>;
    /// Rows of an audience after one, in order of change and id, at most `limit`.
    fn scope_past(
        &mut self,
        audience: Audience,
        place: (u64, RecordId),
        limit: u64,
    ) -> Result<Vec<ScopeRow>, StoreError>;
    /// The audiences that see a record now.
    fn audiences_of(&mut self, record: RecordId) -> Result<Vec<Audience>, StoreError>;
    /// The audiences that see something because of `via`.
    fn audiences_via(&mut self, via: RecordId) -> Result<Vec<Audience>, StoreError>;
    /// What an audience sees because of `via`.
    fn seen_via(&mut self, audience: Audience, via: RecordId) -> Result<Vec<RecordId>, StoreError>;
    /// Adds a reason; the record enters when it is the first.
    fn enter(&mut self, audience: Audience, record: RecordId, via: RecordId, sequence: u64) -> Result<(), StoreError>;
    /// Takes a reason away; the record leaves when it was the last.
    fn leave(&mut self, audience: Audience, record: RecordId, via: RecordId, sequence: u64) -> Result<(), StoreError>;
    /// Tells every audience that sees the record of its new check.
    fn touch(&mut self, record: RecordId, check: &Hash, sequence: u64) -> Result<(), StoreError>;
    /// What an audience sees between two ids, both included, with the checks counted in its sum, in order of id.
    fn members(
        &mut self,
        audience: Audience,
        from: RecordId,
        to: RecordId,
    ) -> Result<Vec<(RecordId, Hash)>, StoreError>;
    /// Counts an audience again: its rows take the checks of their records, its sum becomes that of its rows. Whether
    /// anything was wrong.
    fn recount(&mut self, audience: Audience) -> Result<bool, StoreError>;
    /// An audience's sum and rights stamp.
    fn audience(&mut self, audience: Audience) -> Result<AudienceSum, StoreError>;
}
