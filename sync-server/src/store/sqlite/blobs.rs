//! Which blobs have arrived, in SQLite.

use fieldsync_protocol::Hash;
use rusqlite::OptionalExtension;

use super::SqliteTxn;
use crate::store::{Blobs, StoreError};

impl Blobs for SqliteTxn<'_> {
    fn has_blob(&mut self, hash: &Hash) -> Result<bool, StoreError> {
        let mut statement = self.connection.prepare_cached("select 1 from blob where tenant = ?1 and hash = ?2")?;
        Ok(statement.query_row((self.tenant.0, hash.as_bytes()), |_| Ok(())).optional()?.is_some())
    }

    fn put_blob(&mut self, hash: &Hash, size: u64, stored_ms: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("insert or ignore into blob (tenant, hash, size, stored_ms) values (?1, ?2, ?3, ?4)")?
            .execute((self.tenant.0, hash.as_bytes(), size as i64, stored_ms))?;
        Ok(())
    }

    fn forget_blob(&mut self, hash: &Hash) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("delete from blob where tenant = ?1 and hash = ?2")?
            .execute((self.tenant.0, hash.as_bytes()))?;
        Ok(())
    }
}
