//! Offers: what the office once said and seems to have forgotten, until it answers.

use fieldsync_protocol::{Record, RecordId, Seal, encode};
use rusqlite::{Connection, params};

use super::record::{self, Theirs};
use super::repair;
use crate::error::Error;

/// An offer as it waits.
pub(crate) struct Waiting {
    /// Its key.
    pub(crate) key: i64,
    /// The record offered.
    pub(crate) record: Record,
    /// The office's own seal over it.
    pub(crate) seal: Option<Seal>,
    /// Bytes of the record.
    pub(crate) size: usize,
}

/// The offered forms of a record, oldest first.
pub(crate) fn of(connection: &Connection, id: RecordId) -> Result<Vec<Record>, Error> {
    let mut statement = connection.prepare_cached("select body from offer where record = ?1 order by id")?;
    let bodies = statement.query_map([id.as_bytes()], |row| row.get::<_, Vec<u8>>(0))?;
    bodies.map(|body| Ok(encode::from_cbor(&body?)?)).collect()
}

/// Remembers to offer `theirs` back. The same content is offered once. What was damaged is nobody's word: it is asked for
/// whole instead.
pub(crate) fn add(connection: &Connection, theirs: &Theirs, is_unnamed: bool) -> Result<(), Error> {
    if !theirs.is_sound {
        return repair::want(connection, theirs.record.id);
    }
    let body = encode::cbor(&theirs.record);
    connection
        .prepare_cached(
            "insert into offer (record, body, seal, unnamed) select ?1, ?2, ?3, ?4
             where not exists (select 1 from offer where record = ?1 and body = ?2)",
        )?
        .execute(params![theirs.record.id.as_bytes(), body, theirs.seal.as_ref().map(Seal::as_bytes), is_unnamed])?;
    Ok(())
}

/// The oldest offers.
pub(crate) fn oldest(connection: &Connection, limit: usize) -> Result<Vec<Waiting>, Error> {
    let mut statement = connection.prepare_cached("select id, body, seal from offer order by id limit ?1")?;
    let rows = statement
        .query_map([limit as i64], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?, record::seal(row, 2)?)))?;
    rows.map(|row| {
        let (key, body, seal) = row?;
        Ok(Waiting { key, size: body.len(), record: encode::from_cbor(&body)?, seal })
    })
    .collect()
}

/// Takes out an answered offer; whether it was made because a walk had not named the record.
pub(crate) fn remove(connection: &Connection, key: i64) -> Result<bool, Error> {
    let mut statement = connection.prepare_cached("delete from offer where id = ?1 returning unnamed")?;
    let unnamed = statement.query_map([key], |row| row.get::<_, bool>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(unnamed.contains(&true))
}

/// Number of offers without an answer.
pub(crate) fn count(connection: &Connection) -> Result<u32, Error> {
    Ok(connection.prepare_cached("select count(*) from offer")?.query_row([], |row| row.get(0))?)
}

/// Forgets every offer.
pub(crate) fn clear(connection: &Connection) -> Result<(), Error> {
    connection.prepare_cached("delete from offer")?.execute([])?;
    Ok(())
}
