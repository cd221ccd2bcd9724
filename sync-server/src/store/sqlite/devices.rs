//! Devices, replicas and enrolment codes in SQLite.

use fieldsync_protocol::exchange::Holding;
use fieldsync_protocol::{DeviceId, Hash, PersonId, PublicKey, PushId, ReplicaId};
use rusqlite::{OptionalExtension, Row};

use super::{SqliteTxn, column};
use crate::store::{Device, Devices, Replica, StoreError};

const COLUMNS: &str = "id, person, name, public_key, enrolled_ms, contact_ms, position, offset_ms, pending, refused,
    blobs, table_version, revoked_ms, wipe_ms, wiped_ms, retired_ms";

const REPLICA: &str = "id, device, epoch, serial, push_id, retired_ms";

fn replica(row: &Row<'_>) -> rusqlite::Result<(ReplicaId, Replica)> {
    let push_id: Option<Vec<u8>> = row.get(4)?;
    let replica = Replica {
        device: column!(row, 1, DeviceId),
        epoch: row.get::<_, i64>(2)? as u64,
        serial: row.get::<_, i64>(3)? as u64,
        push_id: push_id.and_then(|bytes| PushId::from_slice(&bytes)),
        retired_ms: row.get(5)?,
    };
    Ok((column!(row, 0, ReplicaId), replica))
}

fn device(row: &Row<'_>) -> rusqlite::Result<Device> {
    Ok(Device {
        id: column!(row, 0, DeviceId),
        person: column!(row, 1, PersonId),
        name: row.get(2)?,
        public_key: column!(row, 3, PublicKey),
        enrolled_ms: row.get(4)?,
        contact_ms: row.get(5)?,
        position: row.get::<_, i64>(6)? as u64,
        offset_ms: row.get(7)?,
        holding: Holding { pending: row.get(8)?, refused: row.get(9)?, blobs: row.get(10)? },
        table_version: row.get(11)?,
        revoked_ms: row.get(12)?,
        wipe_ms: row.get(13)?,
        wiped_ms: row.get(14)?,
        retired_ms: row.get(15)?,
    })
}

impl Devices for SqliteTxn<'_> {
    fn device(&mut self, id: DeviceId) -> Result<Option<Device>, StoreError> {
        let sql = format!("select {COLUMNS} from device where tenant = ?1 and id = ?2");
        let mut statement = self.connection.prepare_cached(&sql)?;
        Ok(statement.query_row((self.tenant.0, id.as_bytes()), device).optional()?)
    }

    fn devices(&mut self) -> Result<Vec<Device>, StoreError> {
        let sql = format!("select {COLUMNS} from device where tenant = ?1 order by enrolled_ms, id");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map([self.tenant.0], device)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn put_device(&mut self, device: &Device) -> Result<(), StoreError> {
        let sql = format!(
            "insert or replace into device (tenant, {COLUMNS})
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
        );
        self.connection.prepare_cached(&sql)?.execute(rusqlite::params![
            self.tenant.0,
            device.id.as_bytes(),
            device.person.as_bytes(),
            device.name,
            device.public_key.as_bytes(),
            device.enrolled_ms,
            device.contact_ms,
            device.position as i64,
            device.offset_ms,
            device.holding.pending,
            device.holding.refused,
            device.holding.blobs,
            device.table_version,
            device.revoked_ms,
            device.wipe_ms,
            device.wiped_ms,
            device.retired_ms,
        ])?;
        Ok(())
    }

    fn replica(&mut self, id: ReplicaId) -> Result<Option<Replica>, StoreError> {
        let sql = format!("select {REPLICA} from replica where tenant = ?1 and id = ?2");
        let mut statement = self.connection.prepare_cached(&sql)?;
        Ok(statement.query_row((self.tenant.0, id.as_bytes()), |row| Ok(replica(row)?.1)).optional()?)
    }

    fn put_replica(&mut self, id: ReplicaId, replica: &Replica) -> Result<(), StoreError> {
        let sql = format!("insert or replace into replica (tenant, {REPLICA}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
        self.connection.prepare_cached(&sql)?.execute((
            self.tenant.0,
            id.as_bytes(),
            replica.device.as_bytes(),
            replica.epoch as i64,
            replica.serial as i64,
            replica.push_id.map(|id| *id.as_bytes()),
            replica.retired_ms,
        ))?;
        Ok(())
    }

    fn replicas_of(&mut self, device: DeviceId) -> Result<Vec<(ReplicaId, Replica)>, StoreError> {
        let sql = format!("select {REPLICA} from replica where tenant = ?1 and device = ?2 order by id");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map((self.tenant.0, device.as_bytes()), replica)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn put_code(&mut self, hash: &Hash, person: PersonId, expires_ms: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("insert into enrol_code (tenant, code_hash, person, expires_ms) values (?1, ?2, ?3, ?4)")?
            .execute((self.tenant.0, hash.as_bytes(), person.as_bytes(), expires_ms))?;
        Ok(())
    }

    fn use_code(&mut self, hash: &Hash, key: &PublicKey, now_ms: i64) -> Result<Option<PersonId>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "update enrol_code set used_ms = coalesce(used_ms, ?3), used_by = ?4
             where tenant = ?1 and code_hash = ?2 and expires_ms > ?3 and (used_by is null or used_by = ?4)
             returning person",
        )?;
        let key = (self.tenant.0, hash.as_bytes(), now_ms, key.as_bytes());
        Ok(statement.query_row(key, |row| Ok(column!(row, 0, PersonId))).optional()?)
    }
}
