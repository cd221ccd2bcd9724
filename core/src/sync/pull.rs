//! The device's half of a pull: a page is applied as a whole with its cursor, or not at all.

use std::collections::{BTreeMap, BTreeSet};

use fieldsync_protocol::exchange::ExchangeAnswer;
use fieldsync_protocol::{Record, RecordId, Seal};

use super::push::{deliver, offer_unnamed};
use super::receipt::Receipt;
use crate::device::Device;
use crate::error::Error;
use crate::store::record::{Leaving, Work};
use crate::store::{self, meta};

/// Times a record is asked for whole before the page goes on without it: a second whole answer that does not match its
/// own check will not be the last.
const WHOLES_MAX: u8 = 2;

/// What became of a page.
pub(super) enum Page {
    /// Applied, with its cursor.
    Applied {
        /// Records whose copy changed.
        changed: BTreeSet<RecordId>,
    },
    /// Not applied: these records must be delivered whole first.
    Incomplete(Vec<RecordId>),
    /// Not applied: a record larger than a page came in part, and what came is kept.
    Partial,
}

/// Applies a page.
pub(super) fn apply(
    work: &mut Work<'_>,
    answer: &ExchangeAnswer,
    asked: &mut BTreeMap<RecordId, u8>,
    receipt: &mut Receipt,
) -> Result<Page, Error> {
    let mut results: Vec<(Record, Seal)> = Vec::with_capacity(answer.delivered.len());
    let mut missing = Vec::new();
    for delivery in &answer.delivered {
        let joined = store::piece::joined(work.tx, delivery)?;
        let delivery = joined.as_ref().unwrap_or(delivery);
        if delivery.rest > 0 {
            store::piece::keep(work.tx, delivery)?;
            return Ok(Page::Partial);
        }
        let held = if delivery.is_whole { None } else { store::record::theirs(work.tx, delivery.record.id)? };
        match delivery.onto(held.as_ref().map(|held| &held.record)) {
            Some(record) => results.push((record, delivery.seal)),
            None if asked.get(&delivery.record.id).copied().unwrap_or(0) < WHOLES_MAX => {
                missing.push(delivery.record.id);
            }
            None => {
                store::repair::settled(work.tx, delivery.record.id)?;
                tracing::error!(record.id = %delivery.record.id, "a record does not match its own check, left out");
            }
        }
    }
    if !missing.is_empty() {
        for id in &missing {
            *asked.entry(*id).or_insert(0) += 1;
            receipt.wholes += 1;
        }
        return Ok(Page::Incomplete(missing));
    }
    begin_walk(work, answer)?;
    let mut changed = BTreeSet::new();
    for (record, seal) in &results {
        let is_new = store::record::theirs(work.tx, record.id)?.is_none_or(|held| held.record != *record);
        if is_new {
            changed.insert(record.id);
        }
        let is_repaired = store::repair::is_wanted(work.tx, record.id)?;
        if fieldsync_protocol::planted!("cursor-without-page") && results.len() > 1 && *record == results[0].0 {
            continue;
        }
        deliver(work, record, *seal)?;
        store::piece::forget(work.tx, record.id)?;
        if is_repaired && store::repair::settled(work.tx, record.id)? {
            receipt.repairs += 1;
        }
        if fieldsync_protocol::planted!("pull-removes-pending") {
            for edit in store::pending::of(work.tx, record.id)? {
                if record.version.covers(edit.dot) {
                    store::pending::remove(work.tx, record.id, edit.dot)?;
                }
            }
            work.recompute(record.id)?;
        }
        work.set_leaving(record.id, Leaving::No)?;
    }
    for id in &answer.left {
        work.set_leaving(*id, Leaving::Yes)?;
    }
    receipt.received += changed.len() as u32;
    if !answer.more {
        // Everything the office knows has been named by now.
        let ids: Vec<RecordId> = unnamed(work)?;
        if meta::has(work.tx, meta::STARTS_OVER)? {
            for id in &ids {
                work.set_leaving(*id, Leaving::Yes)?;
            }
            work.tx.prepare_cached("delete from unnamed")?.execute([])?;
            meta::clear(work.tx, meta::STARTS_OVER)?;
        }
        offer_unnamed(work)?;
        for id in ids {
            work.recompute(id)?;
        }
    }
    if let Some(cursor) = &answer.cursor
        && !(fieldsync_protocol::planted!("page-without-cursor") && answer.more)
    {
        meta::set(work.tx, meta::CURSOR, cursor)?;
    }
    Ok(Page::Applied { changed })
}

/// At the start of a walk everything held counts as not named yet; each page names some of it. What is left over at the end
/// was forgotten by the office and is offered back, or, when the device starts over, is gone and leaves.
fn begin_walk(work: &mut Work<'_>, answer: &ExchangeAnswer) -> Result<(), Error> {
    if answer.anew {
        work.tx.prepare_cached("delete from unnamed")?.execute([])?;
        work.tx
            .prepare_cached("insert into unnamed (record) select id from record where theirs is not null")?
            .execute([])?;
        match answer.start_over {
            true => meta::set(work.tx, meta::STARTS_OVER, &true)?,
            false => meta::clear(work.tx, meta::STARTS_OVER)?,
        }
    }
    let mut statement = work.tx.prepare_cached("delete from unnamed where record = ?1")?;
    for id in answer.delivered.iter().map(|delivery| &delivery.record.id).chain(&answer.left) {
        statement.execute([id.as_bytes()])?;
    }
    Ok(())
}

fn unnamed(work: &Work<'_>) -> Result<Vec<RecordId>, Error> {
    let mut statement = work.tx.prepare_cached("select record from unnamed")?;
    let ids = statement.query_map([], |row| store::record::id(row, 0))?;
    Ok(ids.collect::<Result<_, _>>()?)
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
    let (count, files) = device.change(|work| {
        let ids: Vec<RecordId> = {
            if fieldsync_protocol::planted!("evict-before-escrow") {
                work.tx.execute("delete from pending where record in (select id from record where leaving = 1)", [])?;
            }
            let mut statement = work.tx.prepare_cached(
                "select id from record where leaving = 1
                   and not exists (select 1 from pending where pending.record = record.id)
                   and not exists (select 1 from offer where offer.record = record.id)
                   and not exists (select 1 from blob
                                   where attachment = record.id and direction = 'up' and state <> 'done')",
            )?;
            let ids = statement.query_map([], |row| store::record::id(row, 0))?;
            ids.collect::<Result<_, _>>()?
        };
        let mut files = Vec::new();
        for id in &ids {
            work.remove(*id)?;
            files.extend(store::blob::remove(work.tx, *id)?);
        }
        Ok((ids.len() as u32, files))
    })?;
    device.remove_blob_files(&files);
    Ok(count)
}
