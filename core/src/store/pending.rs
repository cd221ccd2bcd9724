//! Pending edits: what was entered here and the office has not answered.

use fieldsync_protocol::exchange::SentDot;
use fieldsync_protocol::version::Dot;
use fieldsync_protocol::{Edit, Hash, PushId, RecordId, ReplicaId, Version, encode};
use rusqlite::{Connection, Row, params};

use super::record;
use crate::error::Error;

/// The pending edits of a record, in dot order.
pub(crate) fn of(connection: &Connection, id: RecordId) -> Result<Vec<Edit>, Error> {
    let mut statement =
        connection.prepare_cached("select edit from pending where record = ?1 order by replica, counter")?;
    let bodies = statement.query_map([id.as_bytes()], |row| row.get::<_, Vec<u8>>(0))?;
    bodies.map(|body| Ok(encode::from_cbor(&body?)?)).collect()
}

/// The first pending edits of a record in dot order, at most `limit`, with their size in bytes.
pub(crate) fn first(connection: &Connection, id: RecordId, limit: usize) -> Result<Vec<(Edit, usize)>, Error> {
    let mut statement =
        connection.prepare_cached("select edit from pending where record = ?1 order by replica, counter limit ?2")?;
    let bodies = statement.query_map(params![id.as_bytes(), limit as i64], |row| row.get::<_, Vec<u8>>(0))?;
    bodies
        .map(|body| {
            let body = body?;
            Ok((encode::from_cbor(&body)?, body.len()))
        })
        .collect()
}

/// Every pending edit with its record and kind, in the order in which they are pushed.
pub(crate) fn all(connection: &Connection) -> Result<Vec<(RecordId, String, Edit)>, Error> {
    let mut statement = connection.prepare_cached(
        // In this order, so that damage in the table of records cannot hide an edit: each is looked for by its index.
        "select p.record, r.kind, p.edit from pending p cross join record r on r.id = p.record
         order by p.made, p.record, p.replica, p.counter",
    )?;
    let rows = statement.query_map([], |row| Ok((record::id(row, 0)?, row.get(1)?, row.get::<_, Vec<u8>>(2)?)))?;
    rows.map(|row| {
        let (id, kind, body) = row?;
        Ok((id, kind, encode::from_cbor(&body)?))
    })
    .collect()
}

/// Number of pending edits.
pub(crate) fn count(connection: &Connection) -> Result<u32, Error> {
    Ok(connection.prepare_cached("select count(*) from pending")?.query_row([], |row| row.get(0))?)
}

/// Stores a pending edit. It takes the place in the order of pushing of the edits it replaces.
pub(crate) fn add(connection: &Connection, id: RecordId, edit: &Edit, place: Option<i64>) -> Result<(), Error> {
    let body = encode::cbor(edit);
    connection
        .prepare_cached(
            r#"insert into pending (record, replica, counter, "group", edit, content, made, check_hash)
               values (?1, ?2, ?3, ?4, ?5, ?6, coalesce(?7, (select coalesce(max(made), 0) + 1 from pending)), ?8)"#,
        )?
        .execute(params![
            id.as_bytes(),
            edit.dot.replica.as_bytes(),
            edit.dot.counter as i64,
            edit.group,
            body,
            edit.content().as_bytes(),
            place,
            Hash::blake3(&body).as_bytes(),
        ])?;
    Ok(())
}

/// Takes out the pending edits of a group that an edit with this context replaces; the earliest place they had.
pub(crate) fn replace(
    connection: &Connection,
    id: RecordId,
    group: &str,
    context: &Version,
) -> Result<Option<i64>, Error> {
    let mut statement = connection
        .prepare_cached(r#"select replica, counter, made from pending where record = ?1 and "group" = ?2"#)?;
    let rows = statement.query_map(params![id.as_bytes(), group], |row| Ok((dot(row, 0)?, row.get::<_, i64>(2)?)))?;
    let mut place: Option<i64> = None;
    for row in rows {
        let (dot, made) = row?;
        if context.covers(dot) {
            remove(connection, id, dot)?;
            place = Some(place.map_or(made, |place| place.min(made)));
        }
    }
    Ok(place)
}

/// Takes out one pending edit; whether it was there.
pub(crate) fn remove(connection: &Connection, id: RecordId, dot: Dot) -> Result<bool, Error> {
    let mut statement =
        connection.prepare_cached("delete from pending where record = ?1 and replica = ?2 and counter = ?3")?;
    Ok(statement.execute(params![id.as_bytes(), dot.replica.as_bytes(), dot.counter as i64])? > 0)
}

/// The records with pending edits, what is referred to first, with the place of their earliest edit.
pub(crate) fn records(connection: &Connection, limit: usize) -> Result<Vec<RecordId>, Error> {
    let mut statement = connection.prepare_cached(
        "select record, min(made) as place from pending group by record order by place, record limit ?1",
    )?;
    let rows = statement.query_map([limit as i64], |row| record::id(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The records with pending edits that are not stuck, in the order in which they are pushed.
pub(crate) fn sendable(connection: &Connection, limit: usize) -> Result<Vec<RecordId>, Error> {
    let mut statement = connection.prepare_cached(
        "select record, min(made) as place from pending
         where not exists (select 1 from stuck where stuck.record = pending.record)
         group by record order by place, record limit ?1",
    )?;
    let rows = statement.query_map([limit as i64], |row| record::id(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The pending edits that were sent and that the office has not answered: it may have them or not.
pub(crate) fn undecided(connection: &Connection) -> Result<Vec<(RecordId, String, String)>, Error> {
    let mut statement = connection.prepare_cached(
        r#"select p.record, r.kind, p."group" from pending p
           join sent_dot s on s.record = p.record and s.replica = p.replica and s.counter = p.counter
           join record r on r.id = p.record
           order by p.made, p.record, p.replica, p.counter"#,
    )?;
    let rows = statement.query_map([], |row| Ok((record::id(row, 0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Every pending edit's place, to keep it when dots change.
pub(crate) fn places(connection: &Connection) -> Result<Vec<(RecordId, Edit, i64)>, Error> {
    let mut statement =
        connection.prepare_cached("select record, edit, made from pending order by record, replica, counter")?;
    let rows =
        statement.query_map([], |row| Ok((record::id(row, 0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, i64>(2)?)))?;
    rows.map(|row| {
        let (id, body, made) = row?;
        Ok((id, encode::from_cbor(&body)?, made))
    })
    .collect()
}

/// Forgets all pending edits, to store them under other dots in the same transaction.
pub(crate) fn clear(connection: &Connection) -> Result<(), Error> {
    connection.prepare_cached("delete from pending")?.execute([])?;
    Ok(())
}

/// Remembers a push before it is sent.
pub(crate) fn note_push(connection: &Connection, push: PushId, dots: &[SentDot]) -> Result<(), Error> {
    connection
        .prepare_cached(
            "insert into push_id (id, made) values (?1, (select coalesce(max(made), 0) + 1 from push_id))
             on conflict (id) do nothing",
        )?
        .execute([push.as_bytes()])?;
    let mut statement = connection.prepare_cached(
        "insert into sent_dot (record, replica, counter, content) values (?1, ?2, ?3, ?4) on conflict do nothing",
    )?;
    for sent in dots {
        statement.execute(params![
            sent.record.as_bytes(),
            sent.dot.replica.as_bytes(),
            sent.dot.counter as i64,
            sent.content.as_bytes(),
        ])?;
    }
    Ok(())
}

/// The push ids sent since the last acknowledged one, oldest first.
pub(crate) fn sent_ids(connection: &Connection) -> Result<Vec<PushId>, Error> {
    let mut statement = connection.prepare_cached("select id from push_id order by made")?;
    let rows = statement.query_map([], |row| Ok(PushId(row.get(0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The dots sent since the last acknowledged push.
pub(crate) fn sent_dots(connection: &Connection) -> Result<Vec<SentDot>, Error> {
    let mut statement = connection
        .prepare_cached("select record, replica, counter, content from sent_dot order by record, replica, counter")?;
    let rows = statement.query_map([], |row| {
        Ok(SentDot { record: record::id(row, 0)?, dot: dot(row, 1)?, content: Hash(row.get(3)?) })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets what was sent: a push was acknowledged, or the replica id changed.
pub(crate) fn forget_sent(connection: &Connection) -> Result<(), Error> {
    connection.prepare_cached("delete from push_id")?.execute([])?;
    connection.prepare_cached("delete from sent_dot")?.execute([])?;
    Ok(())
}

fn dot(row: &Row<'_>, column: usize) -> Result<Dot, rusqlite::Error> {
    let counter: i64 = row.get(column + 1)?;
    Ok(Dot { replica: ReplicaId(row.get(column)?), counter: u64::try_from(counter).unwrap_or(0) })
}
