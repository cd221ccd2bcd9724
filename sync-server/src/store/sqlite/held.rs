//! Held edits and refusals in SQLite.

use fieldsync_protocol::rights::Code;
use fieldsync_protocol::{DeviceId, Dot, Edit, PersonId, RecordId, ReplicaId, encode};
use rusqlite::{OptionalExtension, Row};

use super::{SqliteTxn, column};
use crate::store::{Held, HeldEdits, RefusedRow, StoreError};

const COLUMNS: &str = "id, kind, record, edit, person, device, code, arrived_ms, decision, work_order";

fn code(row: &Row<'_>, place: usize) -> rusqlite::Result<Code> {
    let name: String = row.get(place)?;
    serde_json::from_value(serde_json::Value::String(name)).map_err(|_| rusqlite::Error::InvalidQuery)
}

fn held(row: &Row<'_>) -> rusqlite::Result<Held> {
    let edit: Vec<u8> = row.get(3)?;
    let edit: Edit = encode::from_cbor(&edit).map_err(|_| rusqlite::Error::InvalidQuery)?;
    Ok(Held {
        id: column!(row, 0, RecordId),
        kind: row.get(1)?,
        record: column!(row, 2, RecordId),
        work_order: row.get::<_, Option<Vec<u8>>>(9)?.and_then(|bytes| RecordId::from_slice(&bytes)),
        edit,
        person: column!(row, 4, PersonId),
        device: column!(row, 5, DeviceId),
        code: code(row, 6)?,
        arrived_ms: row.get(7)?,
        decision: row.get(8)?,
    })
}

impl HeldEdits for SqliteTxn<'_> {
    fn hold(&mut self, held: &Held) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "insert into held (tenant, id, kind, record, edit, person, device, code, arrived_ms, work_order)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) on conflict do nothing",
            )?
            .execute((
                self.tenant.0,
                held.id.as_bytes(),
                &held.kind,
                held.record.as_bytes(),
                encode::cbor(&held.edit),
                held.person.as_bytes(),
                held.device.as_bytes(),
                held.code.name(),
                held.arrived_ms,
                held.work_order.map(|id| *id.as_bytes()),
            ))?;
        self.touched.borrow_mut().0.insert(held.record);
        Ok(())
    }

    fn held(&mut self, id: RecordId) -> Result<Option<Held>, StoreError> {
        let sql = format!("select {COLUMNS} from held where tenant = ?1 and id = ?2");
        let mut statement = self.connection.prepare_cached(&sql)?;
        Ok(statement.query_row((self.tenant.0, id.as_bytes()), held).optional()?)
    }

    fn all_held(&mut self, undecided_only: bool) -> Result<Vec<Held>, StoreError> {
        let sql = format!(
            "select {COLUMNS} from held where tenant = ?1 and (decision is null or not ?2) order by arrived_ms, id"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map((self.tenant.0, undecided_only), held)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn held_of(&mut self, record: RecordId, device: DeviceId) -> Result<Vec<Held>, StoreError> {
        let sql = format!(
            "select {COLUMNS} from held where tenant = ?1 and record = ?2 and device = ?3 order by arrived_ms, id"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map((self.tenant.0, record.as_bytes(), device.as_bytes()), held)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn held_below(&mut self, work_order: RecordId) -> Result<u32, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("select count(*) from held where tenant = ?1 and work_order = ?2 and decision is null")?;
        Ok(statement.query_row((self.tenant.0, work_order.as_bytes()), |row| row.get(0))?)
    }

    fn decide_held(&mut self, id: RecordId, decision: &str, by: PersonId, at_ms: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "update held set decision = ?3, decided_by = ?4, decided_ms = ?5
                 where tenant = ?1 and id = ?2 and decision is null",
            )?
            .execute((self.tenant.0, id.as_bytes(), decision, by.as_bytes(), at_ms))?;
        Ok(())
    }

    fn note_refused(&mut self, refused: &RefusedRow) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "insert or ignore into refused
                    (tenant, record, replica, counter, kind, group_name, code, person, device, at_ms)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute((
                self.tenant.0,
                refused.record.as_bytes(),
                refused.dot.replica.as_bytes(),
                refused.dot.counter as i64,
                &refused.kind,
                &refused.group,
                refused.code.name(),
                refused.person.as_bytes(),
                refused.device.as_bytes(),
                refused.at_ms,
            ))?;
        Ok(())
    }

    fn refused(&mut self, limit: u64) -> Result<Vec<RefusedRow>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "select kind, record, replica, counter, group_name, code, person, device, at_ms from refused
             where tenant = ?1 order by at_ms desc, record, counter limit ?2",
        )?;
        let rows = statement.query_map((self.tenant.0, limit as i64), |row| {
            Ok(RefusedRow {
                kind: row.get(0)?,
                record: column!(row, 1, RecordId),
                dot: Dot { replica: column!(row, 2, ReplicaId), counter: row.get::<_, i64>(3)? as u64 },
                group: row.get(4)?,
                code: code(row, 5)?,
                person: column!(row, 6, PersonId),
                device: column!(row, 7, DeviceId),
                at_ms: row.get(8)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
