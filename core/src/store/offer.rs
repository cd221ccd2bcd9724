//! Offers: what the office once said and seems to have forgotten, until it answers.

use fieldsync_protocol::{Record, RecordId, Seal, Version, encode};
use rusqlite::{Connection, Row, params};

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
pub(crate) fn of(connection: &Connection, id: RecordId) -> Result<Vec<Waiting>, Error> {
    let mut statement = connection.prepare_cached("select id, body, seal from offer where record = ?1 order by id")?;
    let rows = statement.query_map([id.as_bytes()], columns)?;
    rows.map(|row| waiting(row?)).collect()
}

impl Waiting {
    /// Shows the offer beside what is shown, which had the version `base` before any offer. A value that is offered alone
    /// says nothing of others, whatever its version includes.
    pub(crate) fn show(&self, base: &Version, shown: &mut Record) {
        let mut values =
            self.record.groups.iter().flat_map(|(group, siblings)| siblings.iter().map(move |one| (group, one)));
        match (values.next(), values.next()) {
            (Some((group, (dot, sibling))), None) if self.seal.is_none() => {
                if !base.covers(*dot) {
                    shown.groups.entry(group.clone()).or_default().insert(*dot, sibling.clone());
                    shown.version.add(*dot);
                }
            }
            _ => shown.merge(&self.record),
        }
    }
}

type Columns = (i64, Vec<u8>, Option<Seal>);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, record::seal(row, 2)?))
}

fn waiting((key, body, seal): Columns) -> Result<Waiting, Error> {
    Ok(Waiting { key, size: body.len(), record: encode::from_cbor(&body)?, seal })
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

/// Remembers to offer one value of a record that is too large to be offered whole; without a seal.
pub(crate) fn add_value(connection: &Connection, part: &Record, is_unnamed: bool) -> Result<(), Error> {
    connection.prepare_cached("insert into offer (record, body, unnamed) values (?1, ?2, ?3)")?.execute(params![
        part.id.as_bytes(),
        encode::cbor(part),
        is_unnamed
    ])?;
    Ok(())
}

/// The oldest offers.
pub(crate) fn oldest(connection: &Connection, limit: usize) -> Result<Vec<Waiting>, Error> {
    let mut statement = connection.prepare_cached("select id, body, seal from offer order by id limit ?1")?;
    let rows = statement.query_map([limit as i64], columns)?;
    rows.map(|row| waiting(row?)).collect()
}

/// Takes out an answered offer; whether it was made because a walk had not named the record.
pub(crate) fn remove(connection: &Connection, key: i64) -> Result<bool, Error> {
    let mut statement = connection.prepare_cached("delete from offer where id = ?1 returning unnamed")?;
    let unnamed = statement.query_map([key], |row| row.get::<_, bool>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(unnamed.contains(&true))
}

/// The office has named the record after all: whatever it answers to the offer, the record stays.
pub(crate) fn was_named(connection: &Connection, id: RecordId) -> Result<(), Error> {
    connection
        .prepare_cached("update offer set unnamed = 0 where record = ?1 and unnamed")?
        .execute([id.as_bytes()])?;
    Ok(())
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
