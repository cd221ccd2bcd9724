//! The tenant's own row: epoch, sequence, chain, human numbers, anchors.

use fieldsync_protocol::Hash;

use super::{StoreError, TenantId};

/// The tenant's own row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its name, as it stands in certificates.
    pub name: String,
    /// The server epoch.
    pub epoch: u64,
    /// The last place in history.
    pub sequence: u64,
    /// The chain hash there.
    pub chain: Hash,
    /// Cursors below this place have missed what cannot be told any more.
    pub floor: u64,
    /// When a server last began to serve this database: a device that was not heard of since may know that it is an older
    /// copy.
    pub started_ms: i64,
}

/// Where an epoch began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochStart {
    /// The epoch.
    pub epoch: u64,
    /// When it began, on the office's clock.
    pub began_ms: i64,
    /// The last place in history of what was restored.
    pub sequence: u64,
    /// The highest place in history that a device's cursor proves for the time before: what lies between was lost.
    pub claimed: u64,
}

/// The tenant's own row: epoch, sequence, chain, human numbers, anchors. In a [`super::Store::read`] the writing verbs fail.
pub trait Tenants {
    /// Which tenant this transaction serves.
    fn tenant_id(&self) -> TenantId;
    /// The tenant's row.
    fn tenant(&mut self) -> Result<Tenant, StoreError>;
    /// Begins a new epoch at the place history has reached.
    fn begin_epoch(&mut self, epoch: u64, at_ms: i64) -> Result<(), StoreError>;
    /// Where the latest epoch began; `None` when the office never was restored.
    fn epoch_start(&mut self) -> Result<Option<EpochStart>, StoreError>;
    /// Notes that before the latest epoch history had reached at least this place.
    fn claim_place(&mut self, sequence: u64) -> Result<(), StoreError>;
    /// The values of the anchor file that prove this database was not exchanged for an older one.
    fn anchors(&mut self) -> Result<Vec<String>, StoreError>;
    /// Replaces them.
    fn set_anchors(&mut self, anchors: &[String]) -> Result<(), StoreError>;
    /// Notes that a server begins to serve this database.
    fn note_start(&mut self, at_ms: i64) -> Result<(), StoreError>;
    /// The next human work-order number; never given twice.
    fn next_number(&mut self) -> Result<u64, StoreError>;
}
