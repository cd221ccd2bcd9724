//! Closed bundles of other devices that this one brings along, and how far each got.

use fieldsync_protocol::bundle::Verdict;
use fieldsync_protocol::{Hash, ReplicaId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::Error;
use crate::relay::TakenBundle;

/// An envelope on its way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Envelope {
    /// SHA-256 of the file.
    pub(crate) hash: Hash,
    /// Bytes of the file.
    pub(crate) size: u64,
    /// Bytes the office is known to have.
    pub(crate) offset: u64,
}

/// Stores an envelope whose file is in place; one that is there stays as it is.
pub(crate) fn add(connection: &Connection, hash: Hash, taken: &TakenBundle) -> Result<(), Error> {
    connection
        .prepare_cached(
            "insert into envelope (hash, bundle, size, taken_ms) values (?1, ?2, ?3, ?4) on conflict do nothing",
        )?
        .execute(params![hash.as_bytes(), taken.bundle.as_bytes(), taken.size as i64, taken.taken_ms])?;
    Ok(())
}

/// Every envelope, oldest first.
pub(crate) fn all(connection: &Connection) -> Result<Vec<TakenBundle>, Error> {
    let mut statement =
        connection.prepare_cached("select bundle, size, taken_ms, refused from envelope order by taken_ms, hash")?;
    let rows = statement.query_map([], |row| {
        let refused: Option<String> = row.get(3)?;
        Ok(TakenBundle {
            bundle: ReplicaId(row.get(0)?),
            size: row.get::<_, i64>(1)?.unsigned_abs(),
            taken_ms: row.get(2)?,
            // A verdict of a newer office still says that it was refused.
            refused: refused.map(|name| Verdict::from_name(&name).unwrap_or(Verdict::Damaged)),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The oldest envelope without a verdict, except those of `skip`.
pub(crate) fn next(connection: &Connection, skip: &[Hash]) -> Result<Option<Envelope>, Error> {
    let mut statement = connection
        .prepare_cached("select hash, size, offset from envelope where refused is null order by taken_ms, hash")?;
    for envelope in statement.query_map([], envelope)? {
        let envelope = envelope?;
        if !skip.contains(&envelope.hash) {
            return Ok(Some(envelope));
        }
    }
    Ok(None)
}

/// The files of a bundle.
pub(crate) fn of(connection: &Connection, bundle: ReplicaId) -> Result<Option<Hash>, Error> {
    let mut statement = connection.prepare_cached("select hash from envelope where bundle = ?1")?;
    Ok(statement.query_row([bundle.as_bytes()], |row| Ok(Hash(row.get(0)?))).optional()?)
}

/// Notes how much the office has.
pub(crate) fn set_offset(connection: &Connection, hash: Hash, offset: u64) -> Result<(), Error> {
    connection
        .prepare_cached("update envelope set offset = ?2 where hash = ?1")?
        .execute(params![hash.as_bytes(), offset as i64])?;
    Ok(())
}

/// Notes that the office does not take it: it stays for a person to see.
pub(crate) fn set_refused(connection: &Connection, hash: Hash, verdict: Verdict) -> Result<(), Error> {
    connection
        .prepare_cached("update envelope set refused = ?2 where hash = ?1")?
        .execute(params![hash.as_bytes(), verdict.name()])?;
    Ok(())
}

/// Forgets an envelope.
pub(crate) fn remove(connection: &Connection, hash: Hash) -> Result<(), Error> {
    connection.prepare_cached("delete from envelope where hash = ?1")?.execute([hash.as_bytes()])?;
    Ok(())
}

fn envelope(row: &Row<'_>) -> Result<Envelope, rusqlite::Error> {
    let number = |column: usize| row.get::<_, i64>(column).map(i64::unsigned_abs);
    Ok(Envelope { hash: Hash(row.get(0)?), size: number(1)?, offset: number(2)? })
}
