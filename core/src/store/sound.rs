//! Whether a store is what was written. SQLite itself sees only damage to its own structure, and only where it looks.
//!
//! What waits for the office can be fetched from nowhere, so every opening reads it. Everything else is read when damage
//! was met while working: then either all of it is sound, with its indexes and projections computed anew, or the store is
//! set aside.

use fieldsync_protocol::{Edit, Record, encode};
use rusqlite::Connection;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::record;
use crate::error::Error;

/// Damage that SQLite did not find.
pub(super) fn damage() -> Error {
    let damage = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Error::Storage(rusqlite::Error::SqliteFailure(damage, None))
}

/// Checks the structure of the whole file.
pub(super) fn structure(connection: &Connection) -> Result<(), Error> {
    let verdict: String = connection.query_row("pragma quick_check(1)", [], |row| row.get(0))?;
    match failed_call(&verdict) {
        // A page that could not be read says nothing about what is on it.
        Some(code) => Err(Error::Storage(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None))),
        None if verdict == "ok" => Ok(()),
        None => Err(damage()),
    }
}

/// The code of a call of the disk, or for memory, whose failure the check reports as if it were damage.
fn failed_call(verdict: &str) -> Option<i32> {
    let (_, rest) = verdict.split_once("error code")?;
    let digits = rest.trim_start_matches([' ', '=']);
    let digits = digits.split(|next: char| !next.is_ascii_digit()).next()?;
    let code: i32 = digits.parse().ok()?;
    matches!(code & 0xff, rusqlite::ffi::SQLITE_IOERR | rusqlite::ffi::SQLITE_NOMEM).then_some(code)
}

/// Reads every edit that waits: each must be what was entered, and belong to a record. An index that does not find them
/// all is computed anew.
pub(super) fn waiting(connection: &Connection) -> Result<(), Error> {
    let found = read_waiting(connection)?;
    let every = "made > -9223372036854775808";
    let known = format!("select count(*) from pending indexed by pending_by_made where {every}");
    let reached = format!(
        "select count(*) from pending indexed by pending_by_made join record on id = record
         where {every} and edit is not null and content is not null"
    );
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    // An index that cannot be read is not whole; a disk that fails says nothing about it.
    let is_whole = || match count(&known).and_then(|known| Ok((known, count(&reached)?))).map_err(Error::from) {
        Ok(counts) => Ok(counts == (found, found)),
        Err(error) if error.is_damage() || error.is_misunderstood() => Ok(false),
        Err(error) => Err(error),
    };
    if count(&known).is_ok_and(|known| known > found) {
        // The index knows of an edit that is gone.
        return Err(damage());
    }
    if !is_whole()? {
        connection.execute_batch("reindex pending")?;
    }
    if is_whole()? { Ok(()) } else { Err(damage()) }
}

fn read_waiting(connection: &Connection) -> Result<i64, Error> {
    let mut found = 0;
    let mut statement = connection.prepare(
        r#"select p.record, p.replica, p.counter, p."group", p.edit, p.content, r.id is not null
           from pending p not indexed left join record r on r.id = p.record"#,
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let body: Vec<u8> = row.get(4)?;
        let edit: Edit = encode::from_cbor(&body).map_err(|_| damage())?;
        let is_whole = record::id(row, 0).is_ok()
            && row.get::<_, Vec<u8>>(1)? == edit.dot.replica.as_bytes()
            && row.get::<_, i64>(2)? == edit.dot.counter as i64
            && row.get::<_, String>(3)? == edit.group
            && row.get::<_, Vec<u8>>(5)? == edit.content().as_bytes()
            && row.get::<_, bool>(6)?;
        if !is_whole {
            return Err(damage());
        }
        found += 1;
    }
    Ok(found)
}

/// Compares the schema with that of a new store, reads everything that is stored encoded, and has indexes and
/// projections computed anew.
pub(super) fn contents(connection: &Connection, new: &Connection) -> Result<(), Error> {
    if schema(connection)? != schema(new)? {
        return Err(damage());
    }
    read::<Record>(connection, "select theirs from record where theirs is not null")?;
    read::<Record>(connection, "select mixed from record where mixed is not null")?;
    read::<Record>(connection, "select body from offer")?;
    read::<Edit>(connection, "select edit from drawer")?;
    read::<IgnoredAny>(connection, "select value from meta")?;
    connection.execute_batch("reindex; delete from projection")?;
    Ok(())
}

fn schema(connection: &Connection) -> Result<Vec<(String, String, Option<String>)>, Error> {
    let mut statement = connection.prepare("select type, name, sql from sqlite_schema order by type, name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read<T: DeserializeOwned>(connection: &Connection, sql: &str) -> Result<(), Error> {
    let mut statement = connection.prepare(sql)?;
    for body in statement.query_map([], |row| row.get::<_, Vec<u8>>(0))? {
        encode::from_cbor::<T>(&body?).map_err(|_| damage())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_could_not_be_read_is_no_damage() {
        assert_eq!(failed_call("Tree 7 page 7: btreeInitPage() returns error code 266"), Some(266));
        assert_eq!(failed_call("Tree 7 page 9: unable to get the page. error code=10"), Some(10));
        assert_eq!(failed_call("Tree 7 page 9: btreeInitPage() returns error code 11"), None);
        assert_eq!(failed_call("ok"), None);
    }
}
