//! What was deleted and is kept no more, in SQLite.

use fieldsync_protocol::{Hash, PersonId, RecordId, encode};
use rusqlite::{OptionalExtension, Row};

use super::{SqliteTxn, column};
use crate::store::{Audience, Collected, CollectedRecords, Scope, StoreError};

const COLUMNS: &str = "record, kind, sequence, deleted, at_ms, person, proof, named, has_marks";

fn row(row: &Row<'_>) -> rusqlite::Result<(Collected, Vec<u8>, Vec<u8>)> {
    let collected = Collected {
        record: column!(row, 0, RecordId),
        kind: row.get(1)?,
        sequence: row.get::<_, i64>(2)? as u64,
        deleted: row.get::<_, i64>(3)? as u64,
        at_ms: row.get(4)?,
        person: column!(row, 5, PersonId),
        proof: Vec::new(),
        named: Vec::new(),
        has_marks: row.get(8)?,
    };
    Ok((collected, row.get(6)?, row.get(7)?))
}

fn read((collected, proof, named): (Collected, Vec<u8>, Vec<u8>)) -> Result<Collected, StoreError> {
    let damaged = |_| StoreError::Damaged("proof of a collection");
    let proof = encode::from_cbor(&proof).map_err(damaged)?;
    Ok(Collected { proof, named: encode::from_cbor(&named).map_err(damaged)?, ..collected })
}

impl CollectedRecords for SqliteTxn<'_> {
    fn collected(&mut self, record: RecordId) -> Result<Option<Collected>, StoreError> {
        let sql = format!("select {COLUMNS} from collected where tenant = ?1 and record = ?2");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let found = statement.query_row((self.tenant.0, record.as_bytes()), row).optional()?;
        found.map(read).transpose()
    }

    fn all_collected(&mut self) -> Result<Vec<Collected>, StoreError> {
        let sql = format!("select {COLUMNS} from collected where tenant = ?1 order by sequence, record");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map([self.tenant.0], row)?;
        rows.map(|row| read(row?)).collect()
    }

    fn note_collected(&mut self, collected: &Collected) -> Result<(), StoreError> {
        let sql = format!(
            "insert or replace into collected (tenant, {COLUMNS}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
        );
        self.connection.prepare_cached(&sql)?.execute(rusqlite::params![
            self.tenant.0,
            collected.record.as_bytes(),
            collected.kind,
            collected.sequence as i64,
            collected.deleted as i64,
            collected.at_ms,
            collected.person.as_bytes(),
            encode::cbor(&collected.proof),
            encode::cbor(&collected.named),
            collected.has_marks,
        ])?;
        Ok(())
    }

    fn take_collected(&mut self, record: RecordId, sequence: u64) -> Result<(), StoreError> {
        let seen: Vec<Audience> = self.audiences_of(record)?;
        for audience in seen {
            self.uncount(audience, record)?;
        }
        let nothing = Hash([0; 32]);
        self.connection
            .prepare_cached(
                "update scope set has_left = 1, changed = ?3, check_hash = ?4
                 where tenant = ?1 and record = ?2 and has_left = 0",
            )?
            .execute((self.tenant.0, record.as_bytes(), sequence as i64, nothing.as_bytes()))?;
        for sql in [
            "delete from scope_reason where tenant = ?1 and (record = ?2 or via = ?2)",
            "delete from record where tenant = ?1 and id = ?2",
            "delete from reference where tenant = ?1 and target = ?2",
            "delete from refused where tenant = ?1 and record = ?2",
        ] {
            self.connection.prepare_cached(sql)?.execute((self.tenant.0, record.as_bytes()))?;
        }
        self.touched.borrow_mut().0.insert(record);
        Ok(())
    }

    fn forget_marks(&mut self, record: RecordId) -> Result<(), StoreError> {
        let key = (self.tenant.0, record.as_bytes());
        for sql in [
            "delete from scope where tenant = ?1 and record = ?2",
            "update tenant set floor = max(floor, (select sequence from collected where tenant = ?1 and record = ?2))
             where tenant = ?1",
            "update collected set has_marks = 0 where tenant = ?1 and record = ?2",
        ] {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.execute(key)?;
        }
        Ok(())
    }
}
