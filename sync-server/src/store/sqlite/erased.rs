//! What was erased for privacy, in SQLite.

use fieldsync_protocol::{Hash, PersonId, RecordId};
use rusqlite::{OptionalExtension, Row};

use super::{SqliteTxn, column};
use crate::store::{Audience, Erased, ErasedRecords, Scope, StoreError};

const COLUMNS: &str = "record, kind, sequence, at_ms, person, dropped";

fn row(row: &Row<'_>) -> rusqlite::Result<Erased> {
    Ok(Erased {
        record: column!(row, 0, RecordId),
        kind: row.get(1)?,
        sequence: row.get::<_, i64>(2)? as u64,
        at_ms: row.get(3)?,
        person: column!(row, 4, PersonId),
        dropped: row.get::<_, i64>(5)? as u64,
    })
}

impl ErasedRecords for SqliteTxn<'_> {
    fn erased(&mut self, record: RecordId) -> Result<Option<Erased>, StoreError> {
        let sql = format!("select {COLUMNS} from erased where tenant = ?1 and record = ?2");
        let mut statement = self.connection.prepare_cached(&sql)?;
        Ok(statement.query_row((self.tenant.0, record.as_bytes()), row).optional()?)
    }

    fn all_erased(&mut self) -> Result<Vec<Erased>, StoreError> {
        let sql = format!("select {COLUMNS} from erased where tenant = ?1 order by sequence, record");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map([self.tenant.0], row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn erase(&mut self, erased: &Erased) -> Result<(), StoreError> {
        let seen: Vec<Audience> = self.audiences_of(erased.record)?;
        for audience in seen {
            self.uncount(audience, erased.record)?;
        }
        let key = (self.tenant.0, erased.record.as_bytes());
        let at = (self.tenant.0, erased.record.as_bytes(), erased.sequence as i64);
        let nothing = Hash([0; 32]);
        self.connection
            .prepare_cached(
                "update scope set has_left = 1, changed = ?3, check_hash = ?4 where tenant = ?1 and record = ?2",
            )?
            .execute((at.0, at.1, at.2, nothing.as_bytes()))?;
        self.connection
            .prepare_cached("update history set content = null where tenant = ?1 and record = ?2 and sequence < ?3")?
            .execute(at)?;
        let text_row: Option<i64> = self
            .connection
            .prepare_cached("select row from job where tenant = ?1 and id = ?2")?
            .query_row(key, |row| row.get(0))
            .optional()?;
        if let Some(text_row) = text_row {
            self.connection.prepare_cached("delete from job_text where rowid = ?1")?.execute([text_row])?;
        }
        for sql in [
            "delete from scope_reason where tenant = ?1 and (record = ?2 or via = ?2)",
            "delete from record where tenant = ?1 and id = ?2",
            "delete from reference where tenant = ?1 and (target = ?2 or work_order = ?2)",
            "delete from held where tenant = ?1 and (record = ?2 or work_order = ?2)",
            "delete from refused where tenant = ?1 and record = ?2",
            "delete from job where tenant = ?1 and id = ?2",
            "delete from job_technician where tenant = ?1 and work_order = ?2",
        ] {
            self.connection.prepare_cached(sql)?.execute(key)?;
        }
        self.connection
            .prepare_cached(
                "insert or ignore into erased (tenant, record, kind, sequence, at_ms, person)
                 values (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((at.0, at.1, &erased.kind, at.2, erased.at_ms, erased.person.as_bytes()))?;
        self.touched.borrow_mut().0.insert(erased.record);
        Ok(())
    }

    fn count_dropped(&mut self, record: RecordId) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("update erased set dropped = dropped + 1 where tenant = ?1 and record = ?2")?
            .execute((self.tenant.0, record.as_bytes()))?;
        Ok(())
    }
}
