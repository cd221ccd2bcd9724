//! What is to be asked for whole, and own entries that were set aside because they are not what was entered.

use fieldsync_protocol::compare::Side;
use fieldsync_protocol::exchange::Fingerprint;
use fieldsync_protocol::kinds::{self, Reach};
use fieldsync_protocol::version::Dot;
use fieldsync_protocol::{Hash, RecordId, ReplicaId};
use rusqlite::{Connection, OptionalExtension, params};

use super::{meta, record};
use crate::error::Error;

/// Remembers to ask for a record whole.
pub(crate) fn want(connection: &Connection, id: RecordId) -> Result<(), Error> {
    connection.prepare_cached("insert or ignore into repair (record) values (?1)")?.execute([id.as_bytes()])?;
    Ok(())
}

/// Whether a record is to be asked for whole: what is here of it is not to be trusted.
pub(crate) fn is_wanted(connection: &Connection, id: RecordId) -> Result<bool, Error> {
    let mut statement = connection.prepare_cached("select exists (select 1 from repair where record = ?1)")?;
    Ok(statement.query_row([id.as_bytes()], |row| row.get(0))?)
}

/// Forgets to ask; whether it was to be asked for.
pub(crate) fn settled(connection: &Connection, id: RecordId) -> Result<bool, Error> {
    Ok(connection.prepare_cached("delete from repair where record = ?1")?.execute([id.as_bytes()])? > 0)
}

/// Records to ask for whole.
pub(crate) fn wanted(connection: &Connection, limit: usize) -> Result<Vec<RecordId>, Error> {
    let mut statement = connection.prepare_cached("select record from repair order by record limit ?1")?;
    let ids = statement.query_map([limit as i64], |row| record::id(row, 0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Number of records to ask for whole.
pub(crate) fn count(connection: &Connection) -> Result<u32, Error> {
    Ok(connection.prepare_cached("select count(*) from repair")?.query_row([], |row| row.get(0))?)
}

/// Which audience's sum a record of this kind is counted in.
pub(crate) fn side(kind: &str) -> Side {
    match kinds::kind(kind).map(|kind| kind.reach) {
        Some(Reach::Shared) => Side::Shared,
        _ => Side::Own,
    }
}

/// A row of *theirs* with its checksum.
pub(crate) struct Row {
    pub(crate) id: RecordId,
    pub(crate) kind: String,
    pub(crate) body: Vec<u8>,
    /// `None` for a row from before there were checksums.
    pub(crate) check: Option<Hash>,
}

impl Row {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: record::id(row, 0)?,
            kind: row.get(1)?,
            body: row.get(2)?,
            check: row.get::<_, Option<[u8; 32]>>(3)?.map(Hash),
        })
    }
}

/// At most `limit` rows of *theirs* after an id, in order of id.
pub(crate) fn rows(connection: &Connection, after: Option<RecordId>, limit: u64) -> Result<Vec<Row>, Error> {
    let mut statement = connection.prepare_cached(
        "select id, kind, theirs, check_hash from record where theirs is not null and id > ?1 order by id limit ?2",
    )?;
    let after: &[u8] = after.as_ref().map_or(&[], |id| id.as_bytes());
    let rows = statement.query_map(params![after, i64::try_from(limit).unwrap_or(i64::MAX)], Row::read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The row of *theirs* of one record.
pub(crate) fn row(connection: &Connection, id: RecordId) -> Result<Option<Row>, Error> {
    let sql = "select id, kind, theirs, check_hash from record where id = ?1 and theirs is not null";
    Ok(connection.prepare_cached(sql)?.query_row([id.as_bytes()], Row::read).optional()?)
}

/// The sums that are kept, and those of the copies, at one moment. Reads every row's checksum, hardly any row's content.
pub(crate) fn sums(connection: &Connection) -> Result<(Fingerprint, Fingerprint), Error> {
    let kept = meta::get(connection, meta::FINGERPRINT)?.unwrap_or_default();
    let mut counted = Fingerprint::default();
    let mut statement = connection.prepare_cached(
        "select kind, check_hash, iif(check_hash is null, theirs, null) from record
         where theirs is not null and leaving = 0",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let check = row.get::<_, Option<[u8; 32]>>(1)?.map(Hash);
        let check = match check {
            Some(check) => check,
            None => Hash::blake3(&row.get::<_, Option<Vec<u8>>>(2)?.unwrap_or_default()),
        };
        match side(&row.get::<_, String>(0)?) {
            Side::Own => counted.own.add(&check),
            Side::Shared => counted.shared.add(&check),
        }
    }
    Ok((kept, counted))
}

/// Gives a row from before its checksum.
pub(crate) fn mark(connection: &Connection, id: RecordId, check: &Hash) -> Result<(), Error> {
    connection
        .prepare_cached("update record set check_hash = ?2 where id = ?1")?
        .execute(params![id.as_bytes(), check.as_bytes()])?;
    Ok(())
}

/// The records counted in one audience's sum between two ids, with their checks, in order of id.
pub(crate) fn members(
    connection: &Connection,
    side: Side,
    from: RecordId,
    to: RecordId,
) -> Result<Vec<(RecordId, Hash)>, Error> {
    let mut statement = connection.prepare_cached(
        "select id, kind, check_hash, iif(check_hash is null, theirs, null) from record
         where theirs is not null and leaving = 0 and id between ?1 and ?2 order by id",
    )?;
    let rows = statement.query_map(params![from.as_bytes(), to.as_bytes()], |row| {
        let check = row.get::<_, Option<[u8; 32]>>(2)?.map(Hash);
        Ok((record::id(row, 0)?, row.get::<_, String>(1)?, check, row.get::<_, Option<Vec<u8>>>(3)?))
    })?;
    let mut members = Vec::new();
    for row in rows {
        let (id, kind, check, body) = row?;
        if self::side(&kind) == side {
            members.push((id, check.unwrap_or_else(|| Hash::blake3(&body.unwrap_or_default()))));
        }
    }
    Ok(members)
}

/// A pending edit with its checksum.
pub(crate) struct Entry {
    pub(crate) record: RecordId,
    pub(crate) dot: Dot,
    pub(crate) body: Vec<u8>,
    /// `None` for an edit from before there were checksums.
    pub(crate) check: Option<Hash>,
}

impl Entry {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let counter: i64 = row.get(2)?;
        Ok(Self {
            record: record::id(row, 0)?,
            dot: Dot { replica: ReplicaId(row.get(1)?), counter: u64::try_from(counter).unwrap_or(0) },
            body: row.get(3)?,
            check: row.get::<_, Option<[u8; 32]>>(4)?.map(Hash),
        })
    }
}

/// Every pending edit, unread.
pub(crate) fn entries(connection: &Connection) -> Result<Vec<Entry>, Error> {
    let sql = "select record, replica, counter, edit, check_hash from pending order by made";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], Entry::read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The pending edits of one record, unread.
pub(crate) fn entries_of(connection: &Connection, id: RecordId) -> Result<Vec<Entry>, Error> {
    let sql = "select record, replica, counter, edit, check_hash from pending where record = ?1 order by made";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([id.as_bytes()], Entry::read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Gives an edit from before its checksum.
pub(crate) fn mark_entry(connection: &Connection, entry: &Entry, check: &Hash) -> Result<(), Error> {
    connection
        .prepare_cached("update pending set check_hash = ?4 where record = ?1 and replica = ?2 and counter = ?3")?
        .execute(params![
            entry.record.as_bytes(),
            entry.dot.replica.as_bytes(),
            entry.dot.counter as i64,
            check.as_bytes()
        ])?;
    Ok(())
}

/// An own entry that was set aside, as found.
pub(crate) struct SetAside {
    pub(crate) key: i64,
    pub(crate) record: RecordId,
    pub(crate) kind: String,
    pub(crate) body: Vec<u8>,
    pub(crate) at_ms: i64,
}

/// Sets an own entry aside; the caller takes it out of the pending ones.
pub(crate) fn set_aside(connection: &Connection, entry: &Entry, kind: &str, at_ms: i64) -> Result<(), Error> {
    connection
        .prepare_cached("insert into damaged (record, kind, edit, at_ms) values (?1, ?2, ?3, ?4)")?
        .execute(params![entry.record.as_bytes(), kind, entry.body, at_ms])?;
    Ok(())
}

/// Everything set aside, oldest first.
pub(crate) fn damaged(connection: &Connection) -> Result<Vec<SetAside>, Error> {
    let mut statement = connection.prepare_cached("select id, record, kind, edit, at_ms from damaged order by id")?;
    let rows = statement.query_map([], |row| {
        let record = record::id(row, 1)?;
        Ok(SetAside { key: row.get(0)?, record, kind: row.get(2)?, body: row.get(3)?, at_ms: row.get(4)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Throws away what was set aside; whether it was there.
pub(crate) fn forget(connection: &Connection, key: i64) -> Result<bool, Error> {
    Ok(connection.prepare_cached("delete from damaged where id = ?1")?.execute([key])? > 0)
}

/// Number of own entries set aside.
pub(crate) fn damaged_count(connection: &Connection) -> Result<u32, Error> {
    Ok(connection.prepare_cached("select count(*) from damaged")?.query_row([], |row| row.get(0))?)
}
