//! Bundles in SQLite.

use fieldsync_protocol::{DeviceId, Dot, Hash, PersonId, RecordId, ReplicaId, encode};
use rusqlite::{OptionalExtension, Row, params};

use super::{SqliteTxn, column};
use crate::store::{Bundle, Bundles, Carried, StoreError};

const COLUMNS: &str =
    "replica, device, person, number, made_ms, arrived_ms, by_person, by_device, file_hash, size, blobs, report";

fn bundle(row: &Row<'_>) -> rusqlite::Result<Bundle> {
    let number = |place: usize| row.get::<_, i64>(place).map(i64::unsigned_abs);
    let some = |place: usize| row.get::<_, Option<Vec<u8>>>(place);
    let report: Vec<u8> = row.get(11)?;
    Ok(Bundle {
        replica: column!(row, 0, ReplicaId),
        device: column!(row, 1, DeviceId),
        person: column!(row, 2, PersonId),
        number: number(3)?,
        made_ms: row.get(4)?,
        arrived_ms: row.get(5)?,
        by_person: some(6)?.and_then(|bytes| PersonId::from_slice(&bytes)),
        by_device: some(7)?.and_then(|bytes| DeviceId::from_slice(&bytes)),
        file_hash: column!(row, 8, Hash),
        size: number(9)?,
        blobs: number(10)?,
        report: encode::from_cbor(&report).map_err(|_| rusqlite::Error::InvalidQuery)?,
    })
}

impl Bundles for SqliteTxn<'_> {
    fn bundle(&mut self, replica: ReplicaId) -> Result<Option<Bundle>, StoreError> {
        let sql = format!("select {COLUMNS} from bundle where tenant = ?1 and replica = ?2");
        let mut statement = self.connection.prepare_cached(&sql)?;
        Ok(statement.query_row((self.tenant.0, replica.as_bytes()), bundle).optional()?)
    }

    fn bundle_in_file(&mut self, file: &Hash) -> Result<Option<Bundle>, StoreError> {
        let sql = format!("select {COLUMNS} from bundle where tenant = ?1 and file_hash = ?2");
        let mut statement = self.connection.prepare_cached(&sql)?;
        Ok(statement.query_row((self.tenant.0, file.as_bytes()), bundle).optional()?)
    }

    fn bundles(&mut self, limit: u64) -> Result<Vec<Bundle>, StoreError> {
        let sql = format!("select {COLUMNS} from bundle where tenant = ?1 order by arrived_ms desc, replica limit ?2");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map((self.tenant.0, limit as i64), bundle)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn has_bundle_of(&mut self, device: DeviceId) -> Result<bool, StoreError> {
        let mut statement =
            self.connection.prepare_cached("select exists (select 1 from bundle where tenant = ?1 and device = ?2)")?;
        Ok(statement.query_row((self.tenant.0, device.as_bytes()), |row| row.get(0))?)
    }

    fn put_bundle(&mut self, bundle: &Bundle) -> Result<(), StoreError> {
        let sql = format!(
            "insert into bundle (tenant, {COLUMNS})
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) on conflict do nothing"
        );
        self.connection.prepare_cached(&sql)?.execute(params![
            self.tenant.0,
            bundle.replica.as_bytes(),
            bundle.device.as_bytes(),
            bundle.person.as_bytes(),
            bundle.number as i64,
            bundle.made_ms,
            bundle.arrived_ms,
            bundle.by_person.map(|id| *id.as_bytes()),
            bundle.by_device.map(|id| *id.as_bytes()),
            bundle.file_hash.as_bytes(),
            bundle.size as i64,
            bundle.blobs as i64,
            encode::cbor(&bundle.report),
        ])?;
        Ok(())
    }

    fn carried(&mut self, record: RecordId, said: &Hash) -> Result<Option<Carried>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "select replica, counter, is_held from carried where tenant = ?1 and record = ?2 and said = ?3",
        )?;
        let carried = statement.query_row((self.tenant.0, record.as_bytes(), said.as_bytes()), |row| {
            let counter = row.get::<_, i64>(1)?.unsigned_abs();
            Ok(Carried { dot: Dot { replica: column!(row, 0, ReplicaId), counter }, is_held: row.get(2)? })
        });
        Ok(carried.optional()?)
    }

    fn put_carried(&mut self, record: RecordId, said: &Hash, carried: Carried) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "insert into carried (tenant, record, said, replica, counter, is_held) values (?1, ?2, ?3, ?4, ?5, ?6)
                 on conflict do nothing",
            )?
            .execute(params![
                self.tenant.0,
                record.as_bytes(),
                said.as_bytes(),
                carried.dot.replica.as_bytes(),
                carried.dot.counter as i64,
                carried.is_held,
            ])?;
        Ok(())
    }
}
