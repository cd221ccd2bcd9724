//! Pieces of a record that is larger than a page, until all of them are here.

use fieldsync_protocol::exchange::{Delivery, Piece};
use fieldsync_protocol::limits::RANGES_MAX;
use fieldsync_protocol::{Hash, Record, RecordId, encode};
use rusqlite::{Connection, OptionalExtension, params};

use super::record;
use crate::error::Error;

/// A delivery with the pieces that came before it; `None` when there are none of the same state of the record.
pub(crate) fn joined(connection: &Connection, delivery: &Delivery) -> Result<Option<Delivery>, Error> {
    let body: Option<Vec<u8>> = connection
        .prepare_cached("select body from piece where record = ?1 and check_hash = ?2")?
        .query_row(params![delivery.record.id.as_bytes(), delivery.check.as_bytes()], |row| row.get(0))
        .optional()?;
    let before: Option<Record> = body.map(|body| encode::from_cbor(&body)).transpose()?;
    Ok(before.map(|before| delivery.clone().after(before)))
}

/// Keeps what is here of a record, in place of what was kept before.
pub(crate) fn keep(connection: &Connection, delivery: &Delivery) -> Result<(), Error> {
    connection
        .prepare_cached("insert or replace into piece (record, check_hash, body) values (?1, ?2, ?3)")?
        .execute(params![delivery.record.id.as_bytes(), delivery.check.as_bytes(), encode::cbor(&delivery.record)])?;
    Ok(())
}

/// Forgets the pieces of a record.
pub(crate) fn forget(connection: &Connection, id: RecordId) -> Result<(), Error> {
    connection.prepare_cached("delete from piece where record = ?1")?.execute([id.as_bytes()])?;
    Ok(())
}

/// What to tell the office about the pieces that are here.
pub(crate) fn all(connection: &Connection) -> Result<Vec<Piece>, Error> {
    let mut statement = connection.prepare_cached("select record, check_hash, body from piece limit ?1")?;
    let rows = statement.query_map([RANGES_MAX as i64], |row| {
        Ok((record::id(row, 0)?, Hash(row.get(1)?), row.get::<_, Vec<u8>>(2)?))
    })?;
    let mut pieces = Vec::new();
    for row in rows {
        let (record, check, body) = row?;
        let part: Record = encode::from_cbor(&body)?;
        let have = part.groups.values().map(|siblings| siblings.len() as u32).sum();
        pieces.push(Piece { record, check, have });
    }
    Ok(pieces)
}
