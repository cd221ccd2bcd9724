//! What exported bundles carry: which own dot stands in which bundle under which dot.

use fieldsync_protocol::version::Dot;
use fieldsync_protocol::{RecordId, ReplicaId, Version};
use rusqlite::{Connection, params};

use crate::error::Error;

/// Bundles remembered: far more than are under way at once. What is forgotten costs a conflict too many, no edit.
const KEPT_MAX: i64 = 32;

/// Notes that an edit stands in a bundle under the dot with this counter.
pub(crate) fn note(
    connection: &Connection,
    id: RecordId,
    own: Dot,
    bundle: ReplicaId,
    place: u64,
    number: u64,
) -> Result<(), Error> {
    connection
        .prepare_cached(
            "insert into carried (record, bundle, place, replica, counter, number) values (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            id.as_bytes(),
            bundle.as_bytes(),
            place as i64,
            own.replica.as_bytes(),
            own.counter as i64,
            number as i64,
        ])?;
    Ok(())
}

/// Forgets what bundles carried that were exported long before this one.
pub(crate) fn forget_before(connection: &Connection, number: u64) -> Result<(), Error> {
    let oldest = i64::try_from(number).unwrap_or(i64::MAX).saturating_sub(KEPT_MAX);
    connection.prepare_cached("delete from carried where number <= ?1")?.execute([oldest])?;
    Ok(())
}

/// Lets a context that includes own edits include them as bundles carry them, too.
pub(crate) fn widen(connection: &Connection, id: RecordId, context: &mut Version) -> Result<(), Error> {
    let mut statement = connection.prepare_cached(
        "select bundle, place, replica, counter from carried where record = ?1 order by bundle, place",
    )?;
    let rows = statement.query_map([id.as_bytes()], |row| {
        let own = Dot { replica: ReplicaId(row.get(2)?), counter: row.get::<_, i64>(3)?.unsigned_abs() };
        Ok((Dot { replica: ReplicaId(row.get(0)?), counter: row.get::<_, i64>(1)?.unsigned_abs() }, own))
    })?;
    for row in rows {
        let (carried, own) = row?;
        // Including a counter includes all below it, so the first that was not seen ends it.
        let follows = context.get(carried.replica) + 1 == carried.counter;
        if follows && context.covers(own) {
            context.add(carried);
        }
    }
    Ok(())
}

/// Follows an own dot that got another one.
pub(crate) fn follow(connection: &Connection, id: RecordId, old: Dot, new: Dot) -> Result<(), Error> {
    connection
        .prepare_cached(
            "update carried set replica = ?4, counter = ?5 where record = ?1 and replica = ?2 and counter = ?3",
        )?
        .execute(params![
            id.as_bytes(),
            old.replica.as_bytes(),
            old.counter as i64,
            new.replica.as_bytes(),
            new.counter as i64,
        ])?;
    Ok(())
}
