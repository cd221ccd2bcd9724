//! The scope index in SQLite.

use fieldsync_protocol::exchange::SetHash;
use fieldsync_protocol::{Hash, RecordId};
use rusqlite::{OptionalExtension, Row};

use super::{SqliteTxn, column};
use crate::store::{Audience, AudienceSum, Scope, ScopeRow, StoreError};

fn scope_row(row: &Row<'_>) -> rusqlite::Result<ScopeRow> {
    Ok(ScopeRow {
        record: column!(row, 0, RecordId),
        entered: row.get::<_, i64>(1)? as u64,
        changed: row.get::<_, i64>(2)? as u64,
        has_left: row.get(3)?,
    })
}

fn audience(row: &Row<'_>) -> rusqlite::Result<Audience> {
    let bytes = row.get_ref(0)?.as_blob()?;
    bytes.try_into().map(Audience).map_err(|_| rusqlite::Error::InvalidQuery)
}

impl SqliteTxn<'_> {
    fn change_sum(
        &self,
        name: Audience,
        is_entering: bool,
        change: impl FnOnce(&mut SetHash),
    ) -> Result<(), StoreError> {
        let mut sum = self.sum(name)?;
        change(&mut sum.set);
        self.connection
            .prepare_cached(
                "insert into audience (tenant, audience, sum, members, rights) values (?1, ?2, ?3, ?4, ?5)
                 on conflict (tenant, audience) do update
                 set sum = excluded.sum, members = excluded.members, rights = excluded.rights",
            )?
            .execute((
                self.tenant.0,
                name.0,
                sum.set.sum.as_bytes(),
                sum.set.count as i64,
                (sum.rights + u64::from(is_entering)) as i64,
            ))?;
        self.touched.borrow_mut().1.insert(name);
        Ok(())
    }

    fn sum(&self, name: Audience) -> Result<AudienceSum, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("select sum, members, rights from audience where tenant = ?1 and audience = ?2")?;
        let sum = statement
            .query_row((self.tenant.0, name.0), |row| {
                let set = SetHash { sum: column!(row, 0, Hash), count: row.get::<_, i64>(1)? as u64 };
                Ok(AudienceSum { set, rights: row.get::<_, i64>(2)? as u64 })
            })
            .optional()?;
        Ok(sum.unwrap_or_default())
    }

    /// Takes a record out of an audience's sum, when it is counted there.
    pub(super) fn uncount(&self, name: Audience, record: RecordId) -> Result<(), StoreError> {
        match self.counted(name, record)? {
            Some(check) => self.change_sum(name, true, |set| set.remove(&check)),
            None => Ok(()),
        }
    }

    fn counted(&self, name: Audience, record: RecordId) -> Result<Option<Hash>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "select check_hash from scope where tenant = ?1 and audience = ?2 and record = ?3 and has_left = 0",
        )?;
        let key = (self.tenant.0, name.0, record.as_bytes());
        Ok(statement.query_row(key, |row| Ok(column!(row, 0, Hash))).optional()?)
    }
}

impl Scope for SqliteTxn<'_> {
    fn scope_row(&mut self, audience: Audience, record: RecordId) -> Result<Option<ScopeRow>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "select record, entered, changed, has_left from scope where tenant = ?1 and audience = ?2 and record = ?3",
        )?;
        Ok(statement.query_row((self.tenant.0, audience.0, record.as_bytes()), scope_row).optional()?)
    }

    fn scope_after(&mut self, audience: Audience, sequence: u64, limit: u64) -> Result<Vec<ScopeRow>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "select record, entered, changed, has_left from scope
             where tenant = ?1 and audience = ?2 and changed > ?3 order by changed, record limit ?4",
        )?;
        let rows = statement.query_map((self.tenant.0, audience.0, sequence as i64, limit as i64), scope_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn scope_rows_of(&mut self, record: RecordId) -> Result<Vec<(Audience, ScopeRow)>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "select record, entered, changed, has_left, audience from scope where tenant = ?1 and record = ?2
             order by audience",
        )?;
        let rows = statement.query_map((self.tenant.0, record.as_bytes()), |row| {
            let audience = row.get_ref(4)?.as_blob()?.try_into().map(Audience);
            Ok((audience.map_err(|_| rusqlite::Error::InvalidQuery)?, scope_row(row)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn reasons_of(&mut self, audience: Audience, record: RecordId) -> Result<Vec<RecordId>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "select via from scope_reason where tenant = ?1 and audience = ?2 and record = ?3 order by via",
        )?;
        let rows =
            statement.query_map((self.tenant.0, audience.0, record.as_bytes()), |row| Ok(column!(row, 0, RecordId)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn scope_past(
        &mut self,
        audience: Audience,
        place: (u64, RecordId),
        limit: u64,
    ) -> Result<Vec<ScopeRow>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "select record, entered, changed, has_left from scope
             where tenant = ?1 and audience = ?2 and changed >= ?3 and (changed, record) > (?3, ?4)
             order by changed, record limit ?5",
        )?;
        let key = (self.tenant.0, audience.0, place.0 as i64, place.1.as_bytes(), limit as i64);
        let rows = statement.query_map(key, scope_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn audiences_of(&mut self, record: RecordId) -> Result<Vec<Audience>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("select audience from scope where tenant = ?1 and record = ?2 and has_left = 0")?;
        let rows = statement.query_map((self.tenant.0, record.as_bytes()), audience)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn audiences_via(&mut self, via: RecordId) -> Result<Vec<Audience>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("select distinct audience from scope_reason where tenant = ?1 and via = ?2")?;
        let rows = statement.query_map((self.tenant.0, via.as_bytes()), audience)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn seen_via(&mut self, audience: Audience, via: RecordId) -> Result<Vec<RecordId>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("select record from scope_reason where tenant = ?1 and via = ?2 and audience = ?3")?;
        let rows =
            statement.query_map((self.tenant.0, via.as_bytes(), audience.0), |row| Ok(column!(row, 0, RecordId)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn enter(&mut self, audience: Audience, record: RecordId, via: RecordId, sequence: u64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "insert or ignore into scope_reason (tenant, audience, record, via) values (?1, ?2, ?3, ?4)",
            )?
            .execute((self.tenant.0, audience.0, record.as_bytes(), via.as_bytes()))?;
        if self.counted(audience, record)?.is_some() {
            return Ok(());
        }
        let check: Option<Hash> = self
            .connection
            .prepare_cached("select check_hash from record where tenant = ?1 and id = ?2")?
            .query_row((self.tenant.0, record.as_bytes()), |row| Ok(column!(row, 0, Hash)))
            .optional()?;
        // A reference to a record that has not arrived: it enters when it does (see `sync::scope`).
        let Some(check) = check else { return Ok(()) };
        self.connection
            .prepare_cached(
                "insert into scope (tenant, audience, record, entered, changed, has_left, check_hash)
                 values (?1, ?2, ?3, ?4, ?4, 0, ?5)
                 on conflict (tenant, audience, record) do update
                 set entered = excluded.entered, changed = excluded.changed, has_left = 0,
                     check_hash = excluded.check_hash",
            )?
            .execute((self.tenant.0, audience.0, record.as_bytes(), sequence as i64, check.as_bytes()))?;
        self.change_sum(audience, true, |set| set.add(&check))
    }

    fn leave(&mut self, audience: Audience, record: RecordId, via: RecordId, sequence: u64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "delete from scope_reason where tenant = ?1 and audience = ?2 and record = ?3 and via = ?4",
            )?
            .execute((self.tenant.0, audience.0, record.as_bytes(), via.as_bytes()))?;
        let reasons: i64 = self
            .connection
            .prepare_cached("select count(*) from scope_reason where tenant = ?1 and audience = ?2 and record = ?3")?
            .query_row((self.tenant.0, audience.0, record.as_bytes()), |row| row.get(0))?;
        let Some(check) = self.counted(audience, record)? else { return Ok(()) };
        if reasons > 0 {
            return Ok(());
        }
        self.connection
            .prepare_cached(
                "update scope set has_left = 1, changed = ?4 where tenant = ?1 and audience = ?2 and record = ?3",
            )?
            .execute((self.tenant.0, audience.0, record.as_bytes(), sequence as i64))?;
        self.change_sum(audience, true, |set| set.remove(&check))
    }

    fn touch(&mut self, record: RecordId, check: &Hash, sequence: u64) -> Result<(), StoreError> {
        for audience in self.audiences_of(record)? {
            let Some(counted) = self.counted(audience, record)? else { continue };
            self.connection
                .prepare_cached(
                    "update scope set changed = ?4, check_hash = ?5
                     where tenant = ?1 and audience = ?2 and record = ?3",
                )?
                .execute((self.tenant.0, audience.0, record.as_bytes(), sequence as i64, check.as_bytes()))?;
            self.change_sum(audience, false, |set| {
                set.remove(&counted);
                set.add(check);
            })?;
        }
        Ok(())
    }

    fn members(
        &mut self,
        audience: Audience,
        from: RecordId,
        to: RecordId,
    ) -> Result<Vec<(RecordId, Hash)>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "select record, check_hash from scope
             where tenant = ?1 and audience = ?2 and record between ?3 and ?4 and has_left = 0 order by record",
        )?;
        let rows = statement.query_map((self.tenant.0, audience.0, from.as_bytes(), to.as_bytes()), |row| {
            Ok((column!(row, 0, RecordId), column!(row, 1, Hash)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn recount(&mut self, audience: Audience) -> Result<bool, StoreError> {
        let stale = self
            .connection
            .prepare_cached(
                "update scope set check_hash = record.check_hash from record
                 where scope.tenant = ?1 and scope.audience = ?2 and scope.has_left = 0
                   and record.tenant = scope.tenant and record.id = scope.record
                   and record.check_hash <> scope.check_hash",
            )?
            .execute((self.tenant.0, audience.0))?;
        let mut set = SetHash::default();
        let (first, last) = (RecordId::from_bytes([0; 16]), RecordId::from_bytes([0xff; 16]));
        self.members(audience, first, last)?.iter().for_each(|(_, check)| set.add(check));
        if self.sum(audience)?.set == set {
            return Ok(stale > 0);
        }
        self.change_sum(audience, false, |sum| *sum = set)?;
        Ok(true)
    }

    fn audience(&mut self, audience: Audience) -> Result<AudienceSum, StoreError> {
        self.sum(audience)
    }
}
