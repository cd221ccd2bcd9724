//! What a store that may be a copy has to ask the office: which dots of its earlier replica id it has.

use std::collections::BTreeMap;

use fieldsync_protocol::exchange::SentDot;
use fieldsync_protocol::version::Dot;
use fieldsync_protocol::{Hash, RecordId, ReplicaId};
use rusqlite::{Connection, Row, params};

use super::record;
use crate::error::Error;

/// Notes a dot to ask about.
pub(crate) fn add(connection: &Connection, sent: &SentDot) -> Result<(), Error> {
    connection
        .prepare_cached(
            "insert into asked (record, replica, counter, content) values (?1, ?2, ?3, ?4) on conflict do nothing",
        )?
        .execute(params![
            sent.record.as_bytes(),
            sent.dot.replica.as_bytes(),
            sent.dot.counter as i64,
            sent.content.as_bytes(),
        ])?;
    Ok(())
}

/// The first dots nobody has been asked about.
pub(crate) fn open(connection: &Connection, limit: usize) -> Result<Vec<SentDot>, Error> {
    let mut statement = connection.prepare_cached(
        "select record, replica, counter, content from asked where known is null
         order by record, replica, counter limit ?1",
    )?;
    let rows = statement.query_map([limit as i64], sent)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Number of dots nobody has been asked about.
pub(crate) fn count(connection: &Connection) -> Result<u32, Error> {
    let mut statement = connection.prepare_cached("select count(*) from asked where known is null")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Whether anything was, or is to be, asked.
pub(crate) fn is_any(connection: &Connection) -> Result<bool, Error> {
    let mut statement = connection.prepare_cached("select exists (select 1 from asked)")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Takes the answer about `asked`: the office has those in `known`.
pub(crate) fn answer(connection: &Connection, asked: &[SentDot], known: &[SentDot]) -> Result<(), Error> {
    let mut statement = connection.prepare_cached(
        "update asked set known = ?5 where record = ?1 and replica = ?2 and counter = ?3 and content = ?4",
    )?;
    for sent in asked {
        statement.execute(params![
            sent.record.as_bytes(),
            sent.dot.replica.as_bytes(),
            sent.dot.counter as i64,
            sent.content.as_bytes(),
            known.contains(sent),
        ])?;
    }
    Ok(())
}

/// What nobody was asked about counts as unknown to the office from now on.
pub(crate) fn give_up(connection: &Connection) -> Result<(), Error> {
    connection.prepare_cached("update asked set known = 0 where known is null")?.execute([])?;
    Ok(())
}

/// The dots the office has, by record.
pub(crate) fn known(connection: &Connection) -> Result<BTreeMap<RecordId, Vec<Dot>>, Error> {
    by_record(connection, "select record, replica, counter, content from asked where known = 1")
}

/// Every dot asked about or to be asked about, by record.
pub(crate) fn all(connection: &Connection) -> Result<BTreeMap<RecordId, Vec<Dot>>, Error> {
    by_record(connection, "select record, replica, counter, content from asked")
}

fn by_record(connection: &Connection, query: &str) -> Result<BTreeMap<RecordId, Vec<Dot>>, Error> {
    let mut statement = connection.prepare_cached(query)?;
    let mut dots: BTreeMap<RecordId, Vec<Dot>> = BTreeMap::new();
    for row in statement.query_map([], sent)? {
        let sent = row?;
        dots.entry(sent.record).or_default().push(sent.dot);
    }
    Ok(dots)
}

/// Forgets all of it.
pub(crate) fn clear(connection: &Connection) -> Result<(), Error> {
    connection.prepare_cached("delete from asked")?.execute([])?;
    Ok(())
}

fn sent(row: &Row<'_>) -> Result<SentDot, rusqlite::Error> {
    let counter: i64 = row.get(2)?;
    let dot = Dot { replica: ReplicaId(row.get(1)?), counter: u64::try_from(counter).unwrap_or(0) };
    Ok(SentDot { record: record::id(row, 0)?, dot, content: Hash(row.get(3)?) })
}
