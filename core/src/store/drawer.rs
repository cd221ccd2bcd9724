//! The drawer: edits the office answered without applying them, kept with their reason.

use fieldsync_protocol::{Edit, RecordId, encode};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::record;
use crate::drawer::{DrawerEntry, DrawerState};
use crate::error::Error;

const COLUMNS: &str = "select id, record, kind, work_order, edit, state, code, at_ms from drawer";

/// Puts an edit into the drawer.
pub(crate) fn add(connection: &Connection, entry: &DrawerEntry) -> Result<(), Error> {
    connection
        .prepare_cached(
            "insert into drawer (record, kind, work_order, edit, state, code, at_ms)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            entry.record.as_bytes(),
            entry.kind,
            entry.work_order.as_ref().map(RecordId::as_bytes),
            encode::cbor(&entry.edit),
            entry.state.name(),
            entry.code,
            entry.at_ms,
        ])?;
    Ok(())
}

/// Everything in the drawer, oldest first.
pub(crate) fn all(connection: &Connection) -> Result<Vec<DrawerEntry>, Error> {
    let mut statement = connection.prepare_cached(&format!("{COLUMNS} order by id"))?;
    let rows = statement.query_map([], columns)?;
    rows.map(|row| entry(row?)).collect()
}

/// What the drawer holds of a record, oldest first.
pub(crate) fn of(connection: &Connection, id: RecordId) -> Result<Vec<DrawerEntry>, Error> {
    let mut statement = connection.prepare_cached(&format!("{COLUMNS} where record = ?1 order by id"))?;
    let rows = statement.query_map([id.as_bytes()], columns)?;
    rows.map(|row| entry(row?)).collect()
}

/// One entry.
pub(crate) fn one(connection: &Connection, key: i64) -> Result<Option<DrawerEntry>, Error> {
    let mut statement = connection.prepare_cached(&format!("{COLUMNS} where id = ?1"))?;
    statement.query_row([key], columns).optional()?.map(entry).transpose()
}

/// Takes an entry out.
pub(crate) fn remove(connection: &Connection, key: i64) -> Result<(), Error> {
    connection.prepare_cached("delete from drawer where id = ?1")?.execute([key])?;
    Ok(())
}

/// Changes an entry's edit or state.
pub(crate) fn update(connection: &Connection, entry: &DrawerEntry) -> Result<(), Error> {
    connection.prepare_cached("update drawer set edit = ?2, state = ?3 where id = ?1")?.execute(params![
        entry.id,
        encode::cbor(&entry.edit),
        entry.state.name()
    ])?;
    Ok(())
}

/// Number of entries in a state.
pub(crate) fn count(connection: &Connection, state: DrawerState) -> Result<u32, Error> {
    let mut statement = connection.prepare_cached("select count(*) from drawer where state = ?1")?;
    Ok(statement.query_row([state.name()], |row| row.get(0))?)
}

type Columns = (i64, RecordId, String, Option<[u8; 16]>, Vec<u8>, String, String, i64);

fn columns(row: &Row<'_>) -> Result<Columns, rusqlite::Error> {
    Ok((row.get(0)?, record::id(row, 1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?))
}

fn entry(columns: Columns) -> Result<DrawerEntry, Error> {
    let (id, record, kind, work_order, edit, state, code, at_ms) = columns;
    let edit: Edit = encode::from_cbor(&edit)?;
    let state = DrawerState::from_name(&state).ok_or(Error::Defect("drawer_state"))?;
    let work_order = work_order.map(RecordId::from_bytes);
    Ok(DrawerEntry { id, record, kind, work_order, edit, state, code, words: None, at_ms })
}
