//! Records in SQLite.

use std::collections::BTreeMap;

use fieldsync_protocol::{Hash, Record, RecordId, encode};
use rusqlite::{OptionalExtension, Row};

use super::{SqliteTxn, column};
use crate::store::{Records, StoreError, Stored};

fn body(row: &Row<'_>) -> rusqlite::Result<Vec<u8>> {
    row.get(0)
}

fn decode(bytes: &[u8]) -> Result<Record, StoreError> {
    encode::from_cbor(bytes).map_err(|_| StoreError::Damaged("record"))
}

impl SqliteTxn<'_> {
    fn ids(&self, sql: &str, id: RecordId) -> Result<Vec<RecordId>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map((self.tenant.0, id.as_bytes()), |row| Ok(column!(row, 0, RecordId)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl Records for SqliteTxn<'_> {
    fn record(&mut self, id: RecordId) -> Result<Option<Stored>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("select body, check_hash, changed, sequence from record where tenant = ?1 and id = ?2")?;
        let row = statement
            .query_row((self.tenant.0, id.as_bytes()), |row| {
                Ok((body(row)?, column!(row, 1, Hash), row.get::<_, Vec<u8>>(2)?, row.get::<_, i64>(3)?))
            })
            .optional()?;
        let Some((body, check, changed, sequence)) = row else { return Ok(None) };
        let changed: BTreeMap<String, u64> =
            encode::from_cbor(&changed).map_err(|_| StoreError::Damaged("list of changes"))?;
        Ok(Some(Stored { record: decode(&body)?, check, changed, sequence: sequence as u64 }))
    }

    fn below(&mut self, work_order: RecordId) -> Result<Vec<Record>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("select body from record where tenant = ?1 and work_order = ?2 order by id")?;
        let bodies = statement.query_map((self.tenant.0, work_order.as_bytes()), body)?;
        bodies.map(|bytes| decode(&bytes?)).collect()
    }

    fn of_kind(&mut self, kind: &str) -> Result<Vec<Record>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("select body from record where tenant = ?1 and kind = ?2 order by id")?;
        let bodies = statement.query_map((self.tenant.0, kind), body)?;
        bodies.map(|bytes| decode(&bytes?)).collect()
    }

    fn absent(&mut self) -> Result<Vec<(RecordId, RecordId)>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "select target, work_order from reference r where tenant = ?1
                and not exists (select 1 from record where tenant = ?1 and id = r.target)
             union
             select work_order, id from record b where tenant = ?1 and work_order is not null
                and not exists (select 1 from record where tenant = ?1 and id = b.work_order)
             order by 1, 2",
        )?;
        let rows =
            statement.query_map([self.tenant.0], |row| Ok((column!(row, 0, RecordId), column!(row, 1, RecordId))))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn put_record(&mut self, stored: &Stored, work_order: Option<RecordId>) -> Result<(), StoreError> {
        let record = &stored.record;
        self.connection
            .prepare_cached(
                "insert into record (tenant, id, kind, work_order, body, check_hash, changed, sequence)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 on conflict (tenant, id) do update set work_order = excluded.work_order, body = excluded.body,
                    check_hash = excluded.check_hash, changed = excluded.changed, sequence = excluded.sequence",
            )?
            .execute((
                self.tenant.0,
                record.id.as_bytes(),
                &record.kind,
                work_order.map(|id| *id.as_bytes()),
                encode::cbor(record),
                stored.check.as_bytes(),
                encode::cbor(&stored.changed),
                stored.sequence as i64,
            ))?;
        self.touched.borrow_mut().0.insert(record.id);
        Ok(())
    }

    fn referring(&mut self, target: RecordId) -> Result<Vec<RecordId>, StoreError> {
        self.ids("select work_order from reference where tenant = ?1 and target = ?2 order by work_order", target)
    }

    fn references(&mut self, work_order: RecordId) -> Result<Vec<RecordId>, StoreError> {
        self.ids("select target from reference where tenant = ?1 and work_order = ?2 order by target", work_order)
    }

    fn set_references(&mut self, work_order: RecordId, targets: &[RecordId]) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("delete from reference where tenant = ?1 and work_order = ?2")?
            .execute((self.tenant.0, work_order.as_bytes()))?;
        let mut statement = self
            .connection
            .prepare_cached("insert or ignore into reference (tenant, target, work_order) values (?1, ?2, ?3)")?;
        for target in targets {
            statement.execute((self.tenant.0, target.as_bytes(), work_order.as_bytes()))?;
        }
        Ok(())
    }
}
