//! The drawer's half of a sync: what goes in, and what is tried again.
//!
//! A refused edit's dot is dead. A retry is a new dot with the original context, made when the record or the rights
//! changed; what its author has replaced meanwhile is kept, but not tried again.

use std::collections::BTreeSet;

use fieldsync_protocol::rights::Code;
use fieldsync_protocol::version::Dot;
use fieldsync_protocol::{Edit, Record, RecordId};
use rusqlite::{Connection, OptionalExtension};

use crate::device::Device;
use crate::drawer::{DrawerEntry, DrawerState};
use crate::edit::{Context, Draft};
use crate::error::Error;
use crate::store::record::Work;
use crate::store::{self, meta};

/// Moves a pending edit into the drawer; whether it was still pending. One that its author replaced meanwhile is not
/// kept: what replaced it is on its way.
pub(super) fn keep(
    work: &mut Work<'_>,
    id: RecordId,
    kind: &str,
    edit: &Edit,
    state: DrawerState,
    code: Code,
    now_ms: i64,
) -> Result<bool, Error> {
    let work_order = store::shown(work.tx, id)?.as_ref().and_then(store::record::work_order);
    if !store::pending::remove(work.tx, id, edit.dot)? {
        return Ok(false);
    }
    let is_replaced = store::pending::of(work.tx, id)?
        .iter()
        .any(|later| later.group == edit.group && later.context.covers(edit.dot));
    let state = if is_replaced && state == DrawerState::Refused { DrawerState::Superseded } else { state };
    let entry = DrawerEntry {
        id: 0,
        record: id,
        kind: kind.to_owned(),
        work_order,
        edit: edit.clone(),
        state,
        code: code.name().to_owned(),
        words: None,
        at_ms: now_ms,
    };
    if fieldsync_protocol::planted!("drop-refused") && state == DrawerState::Refused {
        return Ok(true);
    }
    store::drawer::add(work.tx, &entry)?;
    Ok(true)
}

/// Marks the refused edits that a new edit of the same group replaces: its author had still been shown what they said. An
/// edit made after the refusal does not cover them; if they are accepted later, both stand, and a person decides.
pub(crate) fn supersede(connection: &Connection, id: RecordId, edit: &Edit) -> Result<(), Error> {
    for mut entry in store::drawer::of(connection, id)? {
        let is_replaced = entry.edit.group == edit.group && edit.context.covers(entry.edit.dot);
        if is_replaced && entry.state == DrawerState::Refused {
            entry.state = DrawerState::Superseded;
            store::drawer::update(connection, &entry)?;
        }
    }
    Ok(())
}

/// Makes a pending edit of an entry of the drawer again.
pub(crate) fn retry(work: &mut Work<'_>, entry: &DrawerEntry) -> Result<(), Error> {
    let me = meta::get(work.tx, meta::REPLICA)?.ok_or(Error::Defect("replica_missing"))?;
    let shown = store::shown(work.tx, entry.record)?;
    let shown = shown.unwrap_or_else(|| Record::new(entry.kind.clone(), entry.record));
    let counter = work.highest_counter(&shown, me)? + 1;
    let mut edit = Edit { dot: Dot { replica: me, counter }, ..entry.edit.clone() };
    if fieldsync_protocol::planted!("retry-same-dot") {
        edit.dot = entry.edit.dot;
    }
    work.ensure(&entry.kind, entry.record)?;
    work.set_counter(entry.record, counter)?;
    store::pending::add(work.tx, entry.record, &edit, None)?;
    store::drawer::remove(work.tx, entry.id)?;
    work.recompute(entry.record)
}

/// Tries an entry of the drawer again. What the office said may only be proposed is put to the rules once more: if they
/// still say so, a proposal is made of it instead.
///
/// # Errors
/// [`Error::ProposalNeedsOrder`] when no order here is about the record, and what the rules refuse. The entry stays then.
pub(crate) fn try_again(device: &Device, work: &mut Work<'_>, entry: &DrawerEntry) -> Result<(), Error> {
    if entry.code != Code::ProposalNeeded.name() {
        return retry(work, entry);
    }
    let issuer = meta::get(work.tx, meta::REPLICA)?.ok_or(Error::Defect("replica_missing"))?;
    let seen = Context { version: entry.edit.context.clone(), issuer };
    let mut draft = Draft::of(&entry.kind, entry.record).set(&entry.edit.group, entry.edit.fields.clone()).seen(seen);
    if let Some(order) = entry.work_order.map_or_else(|| order_about(work.tx, entry.record), |order| Ok(Some(order)))? {
        draft = draft.on_order(order);
    }
    device.edit_in(work, vec![draft])?;
    store::drawer::remove(work.tx, entry.id)?;
    work.recompute(entry.record)
}

/// The order on which something was found out about a customer, site or asset: the latest that refers to it, an own one
/// first.
fn order_about(connection: &Connection, id: RecordId) -> Result<Option<RecordId>, Error> {
    let mut statement = connection.prepare_cached(
        "select id from job where customer = ?1 or site = ?1 or asset = ?1
         order by is_mine desc, updated_ms desc, id limit 1",
    )?;
    Ok(statement.query_row([id.as_bytes()], |row| store::record::id(row, 0)).optional()?)
}

/// Why refused edits are worth another try.
pub(super) enum Reason<'a> {
    /// Role or assignments changed.
    Rights,
    /// These records changed at the office.
    Changed(&'a BTreeSet<RecordId>),
    /// What they refer to may have arrived by now, and what may only be proposed can be by now.
    Begin,
}

/// Tries refused edits again, except those of `except`, which this very answer refused; how many.
pub(super) fn retry_refused(
    device: &Device,
    work: &mut Work<'_>,
    reason: &Reason<'_>,
    except: &BTreeSet<RecordId>,
) -> Result<u32, Error> {
    let mut count = 0;
    for entry in store::drawer::all(work.tx)? {
        let is_due = entry.state == DrawerState::Refused
            && entry.code != Code::Erased.name()
            && !except.contains(&entry.record)
            && match reason {
                Reason::Rights => true,
                Reason::Changed(records) => records.contains(&entry.record),
                Reason::Begin => {
                    [Code::MissingReference, Code::ProposalNeeded].iter().any(|code| entry.code == code.name())
                }
            };
        if is_due {
            match try_again(device, work, &entry) {
                Ok(()) => count += 1,
                // The rules say no here already, or nothing tells on which order: it waits for its author.
                Err(Error::Refused { .. } | Error::Invalid(_) | Error::ProposalNeedsOrder | Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(count)
}
