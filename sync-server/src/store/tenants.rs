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
}

/// The tenant's own row: epoch, sequence, chain, human numbers, anchors. In a [`super::Store::read`] the writing verbs fail.
pub trait Tenants {
    /// Which tenant this transaction serves.
    fn tenant_id(&self) -> TenantId;
    /// The tenant's row.
    fn tenant(&mut self) -> Result<Tenant, StoreError>;
    /// Starts a new epoch.
    fn set_epoch(&mut self, epoch: u64) -> Result<(), StoreError>;
    /// The values of the anchor file that prove this database was not exchanged for an older one.
    fn anchors(&mut self) -> Result<Vec<String>, StoreError>;
    /// Replaces them.
    fn set_anchors(&mut self, anchors: &[String]) -> Result<(), StoreError>;
    /// The next human work-order number; never given twice.
    fn next_number(&mut self) -> Result<u64, StoreError>;
}
