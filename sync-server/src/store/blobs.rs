//! Which blobs have arrived whole. Their bytes are elsewhere.

use fieldsync_protocol::Hash;

use super::StoreError;

/// Which blobs have arrived whole. Their bytes are elsewhere. In a [`super::Store::read`] the writing verbs fail.
pub trait Blobs {
    /// Whether a blob has arrived whole.
    fn has_blob(&mut self, hash: &Hash) -> Result<bool, StoreError>;
    /// Notes that a blob has arrived whole.
    fn put_blob(&mut self, hash: &Hash, size: u64, stored_ms: i64) -> Result<(), StoreError>;
    /// Forgets that a blob has arrived.
    fn forget_blob(&mut self, hash: &Hash) -> Result<(), StoreError>;
}
