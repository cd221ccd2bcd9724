//! The tenant's row in SQLite.

use fieldsync_protocol::Hash;

use super::{SqliteTxn, column};
use crate::store::{StoreError, Tenant, TenantId, Tenants};

impl Tenants for SqliteTxn<'_> {
    fn tenant_id(&self) -> TenantId {
        self.tenant
    }

    fn tenant(&mut self) -> Result<Tenant, StoreError> {
        let mut statement =
            self.connection.prepare_cached("select name, epoch, sequence, chain from tenant where tenant = ?1")?;
        let tenant = statement.query_row([self.tenant.0], |row| {
            Ok(Tenant {
                name: row.get(0)?,
                epoch: row.get::<_, i64>(1)? as u64,
                sequence: row.get::<_, i64>(2)? as u64,
                chain: column!(row, 3, Hash),
            })
        })?;
        Ok(tenant)
    }

    fn set_epoch(&mut self, epoch: u64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("update tenant set epoch = ?2 where tenant = ?1")?
            .execute((self.tenant.0, epoch as i64))?;
        Ok(())
    }

    fn anchors(&mut self) -> Result<Vec<String>, StoreError> {
        let text: String = self
            .connection
            .prepare_cached("select anchors from tenant where tenant = ?1")?
            .query_row([self.tenant.0], |row| row.get(0))?;
        Ok(text.split_whitespace().map(str::to_owned).collect())
    }

    fn set_anchors(&mut self, anchors: &[String]) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("update tenant set anchors = ?2 where tenant = ?1")?
            .execute((self.tenant.0, anchors.join(" ")))?;
        Ok(())
    }

    fn next_number(&mut self) -> Result<u64, StoreError> {
        let number: i64 = self
            .connection
            .prepare_cached(
                "update tenant set next_number = next_number + 1 where tenant = ?1 returning next_number - 1",
            )?
            .query_row([self.tenant.0], |row| row.get(0))?;
        Ok(number as u64)
    }
}
