//! Records whose pending edits do not get through: what happens to them, and whose turn it is to be tried again.

use std::collections::BTreeSet;

use fieldsync_protocol::RecordId;
use rusqlite::{Connection, params};

use super::record;
use crate::error::Error;
use crate::stuck::{Stuck, StuckCode};

/// Notes that a record was tried and did not get through.
pub(crate) fn put(connection: &Connection, id: RecordId, code: StuckCode, now_ms: i64) -> Result<(), Error> {
    connection
        .prepare_cached(
            "insert into stuck (record, code, since_ms, tried)
             values (?1, ?2, ?3, (select coalesce(max(tried), 0) + 1 from stuck))
             on conflict (record) do update set code = excluded.code, tried = excluded.tried",
        )?
        .execute(params![id.as_bytes(), code.name(), now_ms])?;
    Ok(())
}

/// What is stuck and still pending, longest first.
pub(crate) fn all(connection: &Connection) -> Result<Vec<Stuck>, Error> {
    let mut statement = connection.prepare_cached(
        "select stuck.record, kind, code, since_ms, (select count(*) from pending where record = stuck.record)
         from stuck join record on record.id = stuck.record
         where exists (select 1 from pending where record = stuck.record) order by since_ms, stuck.record",
    )?;
    let rows = statement.query_map([], |row| {
        let code: String = row.get(2)?;
        Ok(Stuck {
            record: record::id(row, 0)?,
            kind: row.get(1)?,
            code: StuckCode::from_name(&code),
            since_ms: row.get(3)?,
            edits: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Number of records that are stuck.
pub(crate) fn count(connection: &Connection) -> Result<u32, Error> {
    let mut statement = connection.prepare_cached(
        "select count(*) from stuck where exists (select 1 from pending where pending.record = stuck.record)",
    )?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// The record that was tried longest ago and is none of `except`.
pub(crate) fn next(connection: &Connection, except: &BTreeSet<RecordId>) -> Result<Option<RecordId>, Error> {
    let mut statement = connection.prepare_cached(
        "select record from stuck where exists (select 1 from pending where pending.record = stuck.record)
         order by tried",
    )?;
    for id in statement.query_map([], |row| record::id(row, 0))? {
        let id = id?;
        if !except.contains(&id) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Notes that a record was answered. If it had been stuck, whatever was in the way may be gone, so everything is worth
/// sending as if nothing had been.
pub(crate) fn answered(connection: &Connection, id: RecordId) -> Result<(), Error> {
    if connection.prepare_cached("delete from stuck where record = ?1")?.execute([id.as_bytes()])? > 0 {
        connection.prepare_cached("delete from stuck")?.execute([])?;
    }
    Ok(())
}
