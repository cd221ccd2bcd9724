//! The server's half of a pull: everything in scope after the cursor, in sequence order, page by page.
//!
//! A page holds at least one record; one that is larger than a page comes alone and in pieces, value by value. A record that entered the scope after the cursor comes whole; of
//! others the groups that changed, less those that the asking replica alone wrote. Each carries the check of the whole
//! record, so that a delta which does not build on what the device holds is noticed there.

use std::collections::BTreeSet;

use fieldsync_protocol::exchange::{Delivery, Exchange, ExchangeAnswer, Outcome};
use fieldsync_protocol::limits::PAGE_BYTES;
use fieldsync_protocol::{Record, RecordId, encode};

use super::compare;
use super::exchange::fingerprint;
use super::scope::is_visible;
use super::sealed::Cursor;
use crate::office::Office;
use crate::store::{Audience, Device, ScopeRow, StoreError, Stored, Txn};

/// Fills the pull half of an answer.
pub(super) fn fill(
    office: &Office,
    txn: &mut dyn Txn,
    device: &Device,
    message: &Exchange,
    cursor: Option<Cursor>,
    answer: &mut ExchangeAnswer,
) -> Result<(), StoreError> {
    let tenant = txn.tenant()?;
    let usable = match cursor {
        Some(cursor) if cursor.epoch == tenant.epoch => {
            let is_ours = txn.chain_at(cursor.highest)? == Some(cursor.chain);
            (is_ours || fieldsync_protocol::planted!("cursor-unchecked")).then_some(cursor)
        }
        _ => None,
    };
    answer.anew = usable.is_none();
    let since = usable.map_or(0, |cursor| cursor.position);
    let within = usable.and_then(|cursor| cursor.within);
    let past = within.unwrap_or((since, RecordId::from_bytes([0xff; 16])));
    let own = Audience::of(RecordId(device.person.0));
    let limit = office.page_records as u64 + 1;
    let mut rows: Vec<ScopeRow> = Vec::new();
    // Where a list was cut off: what the other has beyond it waits, also when rows that need no delivery leave room.
    let mut horizon: Option<(u64, RecordId)> = None;
    for audience in [own, Audience::SHARED] {
        let list = txn.scope_past(audience, past, limit)?;
        if let Some(last) = list.last().filter(|_| list.len() as u64 == limit) {
            let last = (last.changed, last.record);
            horizon = Some(horizon.map_or(last, |horizon| horizon.min(last)));
        }
        rows.extend(list);
    }
    rows.retain(|row| horizon.is_none_or(|horizon| (row.changed, row.record) <= horizon));
    rows.sort_by_key(|row| (row.changed, row.record));

    let answered = answered(answer);
    let asked: BTreeSet<RecordId> = message.whole.iter().copied().collect();
    let mut page =
        Page { office, bytes: 0, delivered: Vec::new(), left: Vec::new(), erased: Vec::new(), is_full: false };
    let (mut end, mut cut) = (None, None);
    // What is asked for whole comes first: a page waits for it, or something here differs. What does not fit is asked again.
    for id in &asked {
        if is_visible(txn, device.person, *id)?
            && let Some(stored) = txn.record(*id)?
            && page.add(&stored, true, since, message) != Added::Whole
        {
            break;
        }
    }
    let wholes: BTreeSet<RecordId> = page.delivered.iter().map(|delivery| delivery.record.id).collect();
    metrics::counter!("fieldsync_whole_records_total").increment(wholes.len() as u64);
    for row in &rows {
        if page.is_full || page.delivered.len() + page.left.len() + page.erased.len() >= office.page_records {
            (page.is_full, cut) = (true, Some(row.changed));
            break;
        }
        // What left is told of to whoever does not start anew, above the entry too: a device may have it from its own push,
        // which was accepted before its cursor came there, or from an earlier stay. Whoever never had it passes over an id.
        if row.has_left && txn.erased(row.record)?.is_some() {
            // A walk from the start tells it too: the device may still hold what it saw before.
            page.erased.push(row.record);
        } else if row.has_left {
            if usable.is_some() && !fieldsync_protocol::planted!("leave-unsaid") {
                page.left.push(row.record);
            }
        } else if !answered.contains(&row.record) && !wholes.contains(&row.record) {
            let Some(stored) = txn.record(row.record)? else { return Err(StoreError::Damaged("scope row")) };
            let is_whole = row.entered > since || usable.is_none() || asked.contains(&row.record);
            if page.add(&stored, is_whole, since, message) != Added::Whole {
                (page.is_full, cut) = (true, Some(row.changed));
                break;
            }
        }
        end = Some((row.changed, row.record));
    }
    for id in late(txn, device, answer)? {
        if !page.left.contains(&id) {
            page.left.push(id);
        }
    }
    if !page.is_full && horizon.is_some() {
        (page.is_full, cut) = (true, end.map(|(place, _)| place));
    }
    answer.more = page.is_full;
    let is_skipping = fieldsync_protocol::planted!("server-cursor-skips");
    let (position, within) = match end {
        _ if !page.is_full || is_skipping => (tenant.sequence, None),
        None => (since, within),
        Some((place, _)) if cut.is_none_or(|cut| cut > place) => (place, None),
        // Cut between records that changed together: everything below them is delivered, and so are the first of them.
        Some((place, record)) => (since.max(place - 1), Some((place, record))),
    };
    let next = Cursor {
        person: device.person,
        epoch: tenant.epoch,
        position,
        within,
        highest: tenant.sequence,
        chain: tenant.chain,
        at_ms: Some(office.now_ms()),
    };
    answer.cursor = Some(next.close(office));
    answer.rights = rights(txn, device)?;
    if !answer.more {
        answer.ranged = compare::answer(txn, device, &message.ranges)?;
        answer.fingerprint = Some(fingerprint(txn, device)?);
    }
    answer.delivered = page.delivered;
    answer.left = page.left;
    answer.erased.extend(page.erased);
    Ok(())
}

/// Late work that was accepted and is yet out of scope: it leaves the device with the job it belongs to.
pub(super) fn late(txn: &mut dyn Txn, device: &Device, answer: &ExchangeAnswer) -> Result<Vec<RecordId>, StoreError> {
    let mut late = Vec::new();
    for (id, outcome) in &answer.outcomes {
        if matches!(outcome, Outcome::Accepted { .. }) && !is_visible(txn, device.person, *id)? {
            late.push(*id);
        }
    }
    Ok(late)
}

/// The stamp that changes whenever a device's access does.
pub(super) fn rights(txn: &mut dyn Txn, device: &Device) -> Result<u64, StoreError> {
    Ok(txn.audience(Audience::of(RecordId(device.person.0)))?.rights)
}

/// Records whose state the device learns from this very answer's outcomes; delivering them again would be an echo.
fn answered(answer: &ExchangeAnswer) -> BTreeSet<RecordId> {
    answer.outcomes.iter().filter(|(_, outcome)| outcome.is_told()).map(|(id, _)| *id).collect()
}

struct Page<'a> {
    office: &'a Office,
    bytes: usize,
    delivered: Vec<Delivery>,
    left: Vec<RecordId>,
    erased: Vec<RecordId>,
    is_full: bool,
}

impl Page<'_> {
    /// Adds a record unless the page has content and this would overfill it. One that is larger than a page is cut.
    fn add(&mut self, stored: &Stored, is_whole: bool, since: u64, message: &Exchange) -> Added {
        let mut record = Record::new(stored.record.kind.clone(), stored.record.id);
        record.version = stored.record.version.clone();
        let mut emptied = Vec::new();
        for (group, changed) in &stored.changed {
            match stored.record.groups.get(group) {
                Some(siblings) => {
                    let is_echo = siblings.keys().all(|dot| dot.replica == message.replica);
                    if is_whole || (*changed > since && !is_echo) {
                        record.groups.insert(group.clone(), siblings.clone());
                    }
                }
                None if *changed > since && !is_whole => emptied.push(group.clone()),
                None => {}
            }
        }
        let weight = encode::cbor(&record).len() + 64;
        if !self.delivered.is_empty() && self.bytes + weight > PAGE_BYTES {
            return Added::No;
        }
        self.bytes += weight;
        if weight > PAGE_BYTES {
            return self.add_piece(stored, message);
        }
        self.delivered.push(Delivery {
            record,
            emptied,
            is_whole,
            check: stored.check,
            seal: self.office.keys.seal_record(stored.record.id, &stored.check),
            rest: 0,
        });
        Added::Whole
    }

    /// Adds as much of a record as a page holds, from where the device's copy of exactly this state ends.
    fn add_piece(&mut self, stored: &Stored, message: &Exchange) -> Added {
        let known = message.pieces.iter().find(|piece| piece.record == stored.record.id && piece.check == stored.check);
        let seal = self.office.keys.seal_record(stored.record.id, &stored.check);
        let have = known.map_or(0, |piece| piece.have);
        let piece = Delivery::piece(&stored.record, stored.check, seal, have, PAGE_BYTES);
        let rest = piece.rest;
        self.delivered.push(piece);
        if rest == 0 {
            return Added::Whole;
        }
        self.is_full = true;
        Added::Piece
    }
}

/// What became of a record that was to be on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Added {
    /// It is there, to its end.
    Whole,
    /// A piece of it is there, and nothing comes after it.
    Piece,
    /// There is no room.
    No,
}
