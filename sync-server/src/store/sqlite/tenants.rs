//! The tenant's row in SQLite.

use fieldsync_protocol::Hash;
use rusqlite::OptionalExtension;

use super::{SqliteTxn, column};
use crate::store::{EpochStart, StoreError, Tenant, TenantId, Tenants};

impl Tenants for SqliteTxn<'_> {
    fn tenant_id(&self) -> TenantId {
        self.tenant
    }

    fn tenant(&mut self) -> Result<Tenant, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("select name, epoch, sequence, chain, floor, started_ms from tenant where tenant = ?1")?;
        let tenant = statement.query_row([self.tenant.0], |row| {
            Ok(Tenant {
                name: row.get(0)?,
                epoch: row.get::<_, i64>(1)? as u64,
                sequence: row.get::<_, i64>(2)? as u64,
                chain: column!(row, 3, Hash),
                floor: row.get::<_, i64>(4)? as u64,
                started_ms: row.get(5)?,
            })
        })?;
        Ok(tenant)
    }

    fn begin_epoch(&mut self, epoch: u64, at_ms: i64) -> Result<(), StoreError> {
        let key = (self.tenant.0, epoch as i64);
        self.connection.prepare_cached("update tenant set epoch = ?2 where tenant = ?1")?.execute(key)?;
        self.connection
            .prepare_cached(
                "insert or replace into epoch (tenant, epoch, began_ms, sequence, claimed)
                 select tenant, epoch, ?2, sequence, sequence from tenant where tenant = ?1",
            )?
            .execute((self.tenant.0, at_ms))?;
        Ok(())
    }

    fn epoch_start(&mut self) -> Result<Option<EpochStart>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "select epoch, began_ms, sequence, claimed from epoch where tenant = ?1 order by epoch desc limit 1",
        )?;
        let start = statement.query_row([self.tenant.0], |row| {
            Ok(EpochStart {
                epoch: row.get::<_, i64>(0)? as u64,
                began_ms: row.get(1)?,
                sequence: row.get::<_, i64>(2)? as u64,
                claimed: row.get::<_, i64>(3)? as u64,
            })
        });
        Ok(start.optional()?)
    }

    fn claim_place(&mut self, sequence: u64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "update epoch set claimed = max(claimed, ?2)
                 where tenant = ?1 and epoch = (select max(epoch) from epoch where tenant = ?1)",
            )?
            .execute((self.tenant.0, sequence as i64))?;
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

    fn note_start(&mut self, at_ms: i64) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached("update tenant set started_ms = ?2 where tenant = ?1")?;
        statement.execute((self.tenant.0, at_ms))?;
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
