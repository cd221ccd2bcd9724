//! The device's half of a pull: a page is applied record by record, and its cursor stands when all of it is there.

use std::collections::BTreeMap;

use fieldsync_protocol::RecordId;
use fieldsync_protocol::exchange::Delivery;
use rusqlite::OptionalExtension;

use super::push::deliver;
use super::receipt::Receipt;
use crate::device::Device;
use crate::error::Error;
use crate::store::record::{Leaving, Work};
use crate::store::{self, meta};

/// Times a record is asked for whole before the page goes on without it: a second whole answer that does not match its
/// own check will not be the last.
const WHOLES_MAX: u8 = 2;

/// What became of a record that was delivered.
pub(super) enum Came {
    /// It is *theirs* now, and it was not before.
    Changed,
    /// It was *theirs* already.
    Known,
    /// It does not build on what is here: it must be delivered whole before the page's cursor may stand.
    Missing,
    /// It is larger than a page; what came of it is kept.
    InPart,
    /// It does not match its own check, however often it is delivered. The page goes on without it.
    LeftOut,
}

/// Makes a delivered record *theirs*. Twice changes nothing the second time.
pub(super) fn apply(
    work: &mut Work<'_>,
    delivery: &Delivery,
    asked: &mut BTreeMap<RecordId, u8>,
    receipt: &mut Receipt,
) -> Result<Came, Error> {
    let joined = store::piece::joined(work.tx, delivery)?;
    let delivery = joined.as_ref().unwrap_or(delivery);
    if delivery.rest > 0 {
        store::piece::keep(work.tx, delivery)?;
        return Ok(Came::InPart);
    }
    let id = delivery.record.id;
    let held = store::record::theirs(work.tx, id)?.map(|held| held.record);
    let Some(record) = delivery.onto(held.as_ref().filter(|_| !delivery.is_whole)) else {
        let times = asked.entry(id).or_insert(0);
        if *times < WHOLES_MAX {
            *times += 1;
            receipt.wholes += 1;
            return Ok(Came::Missing);
        }
        store::repair::settled(work.tx, id)?;
        tracing::error!(record.id = %id, "a record does not match its own check, left out");
        return Ok(Came::LeftOut);
    };
    let is_new = held.as_ref() != Some(&record);
    let is_repaired = store::repair::is_wanted(work.tx, id)?;
    deliver(work, &record, delivery.seal)?;
    store::piece::forget(work.tx, id)?;
    if is_repaired && store::repair::settled(work.tx, id)? {
        receipt.repairs += 1;
    }
    if fieldsync_protocol::planted!("pull-removes-pending") {
        for edit in store::pending::of(work.tx, id)? {
            if record.version.covers(edit.dot) {
                store::pending::remove(work.tx, id, edit.dot)?;
            }
        }
        work.recompute(id)?;
    }
    work.set_leaving(id, Leaving::No)?;
    Ok(if is_new { Came::Changed } else { Came::Known })
}

/// At the start of a walk everything held counts as not named yet; each page names some of it. What is left over at the end
/// was forgotten by the office and is offered back, or, when the device starts over, is gone and leaves.
pub(super) fn begin_walk(work: &mut Work<'_>, starts_over: bool) -> Result<(), Error> {
    work.tx.prepare_cached("delete from unnamed")?.execute([])?;
    work.tx
        .prepare_cached("insert into unnamed (record) select id from record where theirs is not null")?
        .execute([])?;
    match starts_over {
        true => meta::set(work.tx, meta::STARTS_OVER, &true),
        false => meta::clear(work.tx, meta::STARTS_OVER),
    }
}

/// What a page brought before its cursor stands: if the page is cut off there and the record leaves the scope before the
/// next one, nobody would ever name it.
pub(super) fn unname(work: &mut Work<'_>, ids: &[RecordId]) -> Result<(), Error> {
    let mut statement = work.tx.prepare_cached("insert or ignore into unnamed (record) values (?1)")?;
    for id in ids {
        statement.execute([id.as_bytes()])?;
    }
    Ok(())
}

/// A record leaves. In a walk from the start its copy may hold what a restored office forgot, and nobody else may have it:
/// it is offered back before it goes.
pub(super) fn leave(work: &mut Work<'_>, id: RecordId) -> Result<(), Error> {
    let mut statement = work.tx.prepare_cached("select exists (select 1 from unnamed where record = ?1)")?;
    let is_unnamed: bool = statement.query_row([id.as_bytes()], |row| row.get(0))?;
    drop(statement);
    if is_unnamed && !meta::has(work.tx, meta::STARTS_OVER)? && !fieldsync_protocol::planted!("leaves-unoffered") {
        offer_back(work, id, false)?;
    }
    work.set_leaving(id, Leaving::Yes)
}

/// Offers back what is here of a record, if the office ever said anything of it.
fn offer_back(work: &Work<'_>, id: RecordId, is_unnamed: bool) -> Result<(), Error> {
    match store::record::theirs(work.tx, id)? {
        Some(theirs) if !theirs.record.version.is_empty() => store::offer::add(work.tx, &theirs, is_unnamed),
        _ => Ok(()),
    }
}

/// The office has named these. An offer that was made because it had not changes nothing about their place here any more:
/// an earlier offer may have brought them back into the scope.
pub(super) fn name<'i>(work: &mut Work<'_>, ids: impl Iterator<Item = &'i RecordId>) -> Result<(), Error> {
    let mut statement = work.tx.prepare_cached("delete from unnamed where record = ?1")?;
    for id in ids {
        statement.execute([id.as_bytes()])?;
        store::offer::was_named(work.tx, *id)?;
    }
    Ok(())
}

/// Once everything the office knows has been named, parts with the next record that was not; whether there was one.
pub(super) fn part_with_unnamed(work: &mut Work<'_>) -> Result<bool, Error> {
    let next = work
        .tx
        .prepare_cached("delete from unnamed where record = (select record from unnamed limit 1) returning record")?
        .query_row([], |row| store::record::id(row, 0))
        .optional()?;
    let Some(id) = next else {
        meta::clear(work.tx, meta::STARTS_OVER)?;
        return Ok(false);
    };
    if meta::has(work.tx, meta::STARTS_OVER)? {
        work.set_leaving(id, Leaving::Yes)?;
    } else if !fieldsync_protocol::planted!("no-offer") {
        offer_back(work, id, true)?;
    }
    work.recompute(id)?;
    Ok(true)
}

/// Takes off the device what left its scope and has nothing waiting. Reads mark and pending work again: an edit may have
/// come, or the record may have returned, since the page said that it left. How many went.
pub(super) fn evict(device: &Device) -> Result<u32, Error> {
    let is_any_leaving = device.read(|connection| {
        let mut statement = connection.prepare_cached("select exists (select 1 from record where leaving = 1)")?;
        Ok(statement.query_row([], |row| row.get::<_, bool>(0))?)
    })?;
    if !is_any_leaving || fieldsync_protocol::planted!("never-evict") {
        return Ok(0);
    }
    let most = device.step_records();
    let mut gone = 0;
    loop {
        let (count, files) = device.change(|work| {
            let ids: Vec<RecordId> = {
                if fieldsync_protocol::planted!("evict-before-escrow") {
                    work.tx
                        .execute("delete from pending where record in (select id from record where leaving = 1)", [])?;
                }
                let mut statement = work.tx.prepare_cached(
                    "select id from record where leaving = 1
                       and not exists (select 1 from pending where pending.record = record.id)
                       and not exists (select 1 from offer where offer.record = record.id)
                       and not exists (select 1 from blob
                                       where attachment = record.id and direction = 'up' and state <> 'done')
                     limit ?1",
                )?;
                let ids = statement.query_map([most as i64], |row| store::record::id(row, 0))?;
                ids.collect::<Result<_, _>>()?
            };
            let mut files = Vec::new();
            for id in &ids {
                work.remove(*id)?;
                files.extend(store::blob::remove(work.tx, *id)?);
            }
            Ok((ids.len(), files))
        })?;
        device.remove_blob_files(&files);
        gone += count as u32;
        if count < most {
            return Ok(gone);
        }
    }
}
