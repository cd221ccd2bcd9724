//! Which photos and files wait to travel, and how far they got.

use fieldsync_protocol::{Hash, RecordId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::record;
use crate::error::Error;
use crate::photo::Upload;

/// A blob on its way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lane {
    /// The attachment record through which it is read and written.
    pub(crate) attachment: RecordId,
    /// SHA-256 of its content.
    pub(crate) hash: Hash,
    /// Bytes.
    pub(crate) size: u64,
    /// Bytes the other side is known to have, or that arrived here.
    pub(crate) offset: u64,
}

/// Begins to wait for an upload, in the transaction that stores the attachment.
pub(crate) fn add_upload(connection: &Connection, attachment: RecordId, hash: Hash, size: u64) -> Result<(), Error> {
    connection
        .prepare_cached(
            "insert into blob (attachment, hash, size, direction, state, made)
             values (?1, ?2, ?3, 'up', 'waiting', (select coalesce(max(made), 0) + 1 from blob))",
        )?
        .execute(params![attachment.as_bytes(), hash.as_bytes(), size as i64])?;
    connection.prepare_cached("update blob set here = 1 where hash = ?1")?.execute([hash.as_bytes()])?;
    touch(connection, hash)
}

/// Notes that a blob was or is being fetched, so that its file goes with its record.
pub(crate) fn add_download(connection: &Connection, attachment: RecordId, hash: Hash, size: u64) -> Result<(), Error> {
    connection
        .prepare_cached(
            "insert into blob (attachment, hash, size, direction, state, made)
             values (?1, ?2, ?3, 'down', 'done', (select coalesce(max(made), 0) + 1 from blob))
             on conflict (attachment) do nothing",
        )?
        .execute(params![attachment.as_bytes(), hash.as_bytes(), size as i64])?;
    connection.prepare_cached("update blob set here = 1 where hash = ?1")?.execute([hash.as_bytes()])?;
    touch(connection, hash)
}

/// Whether something was used since this content was.
pub(crate) fn is_stale(connection: &Connection, hash: Hash) -> Result<bool, Error> {
    let mut statement = connection
        .prepare_cached("select exists (select 1 from blob where hash = ?1 and used < (select max(used) from blob))")?;
    Ok(statement.query_row([hash.as_bytes()], |row| row.get(0))?)
}

/// Notes that a content was used just now.
pub(crate) fn touch(connection: &Connection, hash: Hash) -> Result<(), Error> {
    connection
        .prepare_cached("update blob set used = (select coalesce(max(used), 0) + 1 from blob) where hash = ?1")?
        .execute([hash.as_bytes()])?;
    Ok(())
}

/// Bytes that the contents here take, each counted once.
pub(crate) fn bytes_here(connection: &Connection) -> Result<u64, Error> {
    let mut statement = connection
        .prepare_cached("select coalesce(sum(size), 0) from (select distinct hash, size from blob where here = 1)")?;
    let bytes: i64 = statement.query_row([], |row| row.get(0))?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}

/// The content that was not used for longest of those that are here and that the office has, with its size. What any
/// attachment still has to send is not among them, nor is `except`.
pub(crate) fn least_used(connection: &Connection, except: Hash) -> Result<Option<(Hash, u64)>, Error> {
    let mut statement = connection.prepare_cached(
        "select hash, size from blob as one
         where here = 1 and state = 'done' and hash <> ?1
           and not exists (select 1 from blob where hash = one.hash and state <> 'done')
         order by used, made limit 1",
    )?;
    let mut rows = statement.query_map([except.as_bytes()], |row| {
        Ok((Hash(row.get(0)?), u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0)))
    })?;
    Ok(rows.next().transpose()?)
}

/// Notes that a content's file is here no more.
pub(crate) fn let_go(connection: &Connection, hash: Hash) -> Result<(), Error> {
    connection.prepare_cached("update blob set here = 0 where hash = ?1")?.execute([hash.as_bytes()])?;
    Ok(())
}

/// The waiting upload with the fewest bytes left, so that a huge one holds up no other, whose attachment the office has or
/// holds for a decision: it has no pending edit any more.
pub(crate) fn next_upload(connection: &Connection, skip: &[RecordId]) -> Result<Option<Lane>, Error> {
    let mut statement = connection.prepare_cached(
        "select attachment, hash, size, offset from blob
         where state = 'waiting' and direction = 'up'
           and not exists (select 1 from pending where record = attachment)
           and (exists (select 1 from record where id = attachment and theirs is not null)
                or not exists (select 1 from drawer where record = attachment and state <> 'held'))
         order by size - offset, made",
    )?;
    for lane in statement.query_map([], lane)? {
        let lane = lane?;
        let is_late = || record::theirs(connection, lane.attachment).map(|theirs| theirs.is_none());
        if fieldsync_protocol::planted!("late-photo-stays") && is_late()? {
            continue;
        }
        if !skip.contains(&lane.attachment) {
            return Ok(Some(lane));
        }
    }
    Ok(None)
}

/// Every upload that has not reached the office, oldest first.
pub(crate) fn uploads(connection: &Connection) -> Result<Vec<Lane>, Error> {
    let mut statement = connection.prepare_cached(
        "select attachment, hash, size, offset from blob where state = 'waiting' and direction = 'up' order by made",
    )?;
    let rows = statement.query_map([], lane)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Notes how far an upload got; at its size it is done.
pub(crate) fn set_offset(connection: &Connection, attachment: RecordId, offset: u64) -> Result<(), Error> {
    connection
        .prepare_cached("update blob set offset = ?2, state = iif(?2 >= size, 'done', state) where attachment = ?1")?
        .execute(params![attachment.as_bytes(), offset as i64])?;
    Ok(())
}

/// The office does not take this blob: it stays here and is counted.
pub(crate) fn set_refused(connection: &Connection, attachment: RecordId) -> Result<(), Error> {
    connection
        .prepare_cached("update blob set state = 'refused' where attachment = ?1")?
        .execute([attachment.as_bytes()])?;
    Ok(())
}

/// Number of uploads that have not reached the office.
pub(crate) fn waiting(connection: &Connection) -> Result<u32, Error> {
    let mut statement =
        connection.prepare_cached("select count(*) from blob where direction = 'up' and state <> 'done'")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// The next upload of a device that hands everything over, whatever became of its record.
pub(crate) fn next_handed_over(connection: &Connection, skip: &[RecordId]) -> Result<Option<Lane>, Error> {
    let mut statement = connection.prepare_cached(
        "select attachment, hash, size, offset from blob where direction = 'up' and state = 'waiting' order by made",
    )?;
    for lane in statement.query_map([], lane)? {
        let lane = lane?;
        if !skip.contains(&lane.attachment) {
            return Ok(Some(lane));
        }
    }
    Ok(None)
}

/// Whether the content of this attachment still has to reach the office.
pub(crate) fn is_upload(connection: &Connection, attachment: RecordId) -> Result<bool, Error> {
    let mut statement = connection.prepare_cached(
        "select exists (select 1 from blob where attachment = ?1 and direction = 'up' and state <> 'done')",
    )?;
    Ok(statement.query_row([attachment.as_bytes()], |row| row.get(0))?)
}

/// How far the content of an attachment is on its way to the office.
pub(crate) fn upload(connection: &Connection, attachment: RecordId) -> Result<Upload, Error> {
    let mut select =
        connection.prepare_cached("select state, offset from blob where attachment = ?1 and direction = 'up'")?;
    let found = select
        .query_row([attachment.as_bytes()], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))
        .optional()?;
    Ok(match found.as_ref().map(|(state, offset)| (state.as_str(), *offset)) {
        None => Upload::None,
        Some(("done", _)) => Upload::Done,
        Some(("refused", _)) => Upload::Refused,
        Some((_, offset)) => Upload::Waiting { sent: u64::try_from(offset).unwrap_or(0) },
    })
}

/// Forgets the blob of an evicted attachment; its hash when no other attachment needs the file.
pub(crate) fn remove(connection: &Connection, attachment: RecordId) -> Result<Option<Hash>, Error> {
    let mut statement = connection.prepare_cached("delete from blob where attachment = ?1 returning hash")?;
    let gone =
        statement.query_map([attachment.as_bytes()], |row| Ok(Hash(row.get(0)?)))?.collect::<Result<Vec<_>, _>>()?;
    match gone.first() {
        Some(hash) if !is_needed(connection, *hash)? => Ok(Some(*hash)),
        _ => Ok(None),
    }
}

/// Whether an attachment on this device has this content.
pub(crate) fn is_needed(connection: &Connection, hash: Hash) -> Result<bool, Error> {
    let mut statement = connection.prepare_cached("select exists (select 1 from blob where hash = ?1)")?;
    Ok(statement.query_row([hash.as_bytes()], |row| row.get(0))?)
}

fn lane(row: &Row<'_>) -> Result<Lane, rusqlite::Error> {
    let number = |column: usize| row.get::<_, i64>(column).map(|number| u64::try_from(number).unwrap_or(0));
    Ok(Lane { attachment: record::id(row, 0)?, hash: Hash(row.get(1)?), size: number(2)?, offset: number(3)? })
}
