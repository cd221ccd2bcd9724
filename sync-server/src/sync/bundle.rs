//! The office's half of a carried bundle: its edits come through the one door, under the author's rights.
//!
//! A bundle changes neither what the office knows of the author's pushes nor anything but the records it has edits for.
//! What arrived another way before, or was replaced by somebody who had seen it, is not applied again; what meets newer
//! work stands beside it. The author's own later push of the same edit is answered as one that is here ([`arrived`]).

use std::collections::BTreeSet;

use fieldsync_protocol::bundle::{CarriedRecord, Manifest};
use fieldsync_protocol::exchange::{Offer, PushRecord, Refusal};
use fieldsync_protocol::rights::{Actor, Code, Role};
use fieldsync_protocol::{DeviceId, Edit, RecordId, Version, kinds, show};
use serde::{Deserialize, Serialize};

use super::accept::{Accepted, Author, Door};
use super::sealed::Cursor;
use super::{erase, held, push, refill};
use crate::office::Office;
use crate::store::{Action, Carried, Device, Placed, RefusedRow, StoreError, Txn};

/// What became of the edits of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordFate {
    /// The record's kind.
    pub kind: String,
    /// The record.
    pub record: RecordId,
    /// The work order it belongs to, when that can be told.
    pub work_order: Option<RecordId>,
    /// Each edit's group, and what became of it.
    pub edits: Vec<(String, Fate)>,
}

/// What became of one edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is in.
    Accepted,
    /// It is in, and stands beside something else that was written meanwhile: a person must decide.
    InConflict,
    /// It had arrived another way.
    Known,
    /// Somebody who had seen it wrote something newer, and that is here already.
    Superseded,
    /// The rules do not let its author make it. It is still on the author's device.
    Refused(Code),
    /// It is kept aside until a person decides.
    Held(Code),
}

/// A record of a bundle with what it stands on.
pub type Brought = (Option<Offer>, CarriedRecord);

/// Takes records of a verified bundle of `device`.
///
/// # Errors
/// [`StoreError`]; then nothing of these records is kept.
pub fn take(
    office: &Office,
    txn: &mut dyn Txn,
    device: &Device,
    manifest: &Manifest,
    records: &[Brought],
) -> Result<Vec<RecordFate>, StoreError> {
    let epoch = txn.tenant()?.epoch;
    let cursor = manifest.cursor.as_ref().and_then(|sealed| Cursor::open(office, sealed));
    let cursor = cursor.filter(|cursor| cursor.person == device.person && cursor.epoch == epoch);
    let author = Author {
        actor: Actor { person: device.person, role: Role::Technician },
        device: Some(device.id),
        position: cursor.map_or(0, |cursor| cursor.position).max(device.position),
    };
    let mut ordered: Vec<&Brought> = records.iter().collect();
    ordered.sort_by_key(|(_, record)| push::rank(&record.kind));
    let is_retired = device.retired_ms.is_some()
        || txn.replica(manifest.replica)?.is_some_and(|replica| replica.retired_ms.is_some());
    let kept_aside = match (device.revoked_ms, is_retired) {
        (Some(_), _) => Some(Code::Revoked),
        (None, true) => Some(Code::Retired),
        (None, false) => None,
    };
    let mut bringing = Bringing { office, door: Door::open(office), device, author, manifest, kept_aside };
    let mut fates = Vec::with_capacity(records.len());
    for (theirs, record) in ordered {
        fates.push(bringing.record(txn, theirs.as_ref(), record)?);
    }
    bringing.door.close(txn)?;
    Ok(fates)
}

struct Bringing<'a> {
    office: &'a Office,
    door: Door<'a>,
    device: &'a Device,
    author: Author,
    manifest: &'a Manifest,
    /// Why everything new is held, when the author's device was revoked or given up.
    kept_aside: Option<Code>,
}

impl Bringing<'_> {
    fn record(
        &mut self,
        txn: &mut dyn Txn,
        theirs: Option<&Offer>,
        carried: &CarriedRecord,
    ) -> Result<RecordFate, StoreError> {
        let id = carried.id;
        let order = work_order(txn, carried)?.or_else(|| theirs.and_then(|theirs| refill::order_of(&theirs.record)));
        if erase::is_gone(self.office, txn, id, &carried.kind, order)? {
            let gone = carried.edits.iter().map(|edit| (edit.group.clone(), Fate::Refused(Code::Erased)));
            let (kind, edits) = (carried.kind.clone(), gone.collect());
            return Ok(RecordFate { kind, record: id, work_order: order, edits });
        }
        if let Some(theirs) =
            theirs.filter(|theirs| theirs.record.id == id && theirs.seal.is_some() && self.device.revoked_ms.is_none())
        {
            refill::take(self.office, txn, &mut self.door, self.device, theirs)?;
        }
        let edits = self.honest(txn, theirs, carried)?;
        let push = PushRecord { kind: carried.kind.clone(), id, base: Version::new(), edits };
        let work_order = push::order_of(txn, &push)?;
        let history = txn.history_of(id)?;
        let mut fates: Vec<(&Edit, Option<Fate>)> = Vec::new();
        for edit in &push.edits {
            fates.push((edit, self.before(txn, id, edit, &history)?));
        }
        let new: Vec<Edit> = fates.iter().filter(|(_, fate)| fate.is_none()).map(|(edit, _)| (*edit).clone()).collect();
        let mut made = self.admit(txn, &push, work_order, new)?;
        let edits = fates.into_iter().map(|(edit, fate)| {
            let fate = fate.or_else(|| made.iter().position(|(dot, _)| *dot == edit.dot).map(|at| made.remove(at).1));
            (edit.group.clone(), fate.unwrap_or(Fate::Refused(Code::InvalidEntry)))
        });
        Ok(RecordFate { kind: carried.kind.clone(), record: id, work_order, edits: edits.collect() })
    }

    /// The edits, with contexts that keep of the author's own dots only what the office has: what a copy of that device
    /// wrote under the same id was never seen.
    fn honest(
        &self,
        txn: &mut dyn Txn,
        theirs: Option<&Offer>,
        carried: &CarriedRecord,
    ) -> Result<Vec<Edit>, StoreError> {
        let own = self.manifest.replica;
        let before = txn.record(carried.id)?.map(|stored| stored.record.version).unwrap_or_default();
        let top = theirs.map_or(0, |theirs| theirs.record.version.get(own)).min(before.get(own));
        let mut known = Vec::new();
        for sent in carried.sent.iter().filter(|sent| sent.record == carried.id && sent.dot.replica == own) {
            if txn.dot(carried.id, sent.dot)? == Some(sent.content) {
                known.push(sent.dot);
            }
        }
        let capped = carried.edits.iter().map(|edit| {
            let seen = known.iter().filter(|dot| edit.context.covers(**dot)).map(|dot| dot.counter).max().unwrap_or(0);
            let mut edit = edit.clone();
            let claimed = edit.context.get(own);
            edit.context.set(own, seen.max(top).min(claimed));
            edit
        });
        Ok(capped.collect())
    }

    /// What became of an edit that is here already, whichever way it came.
    fn before(
        &self,
        txn: &mut dyn Txn,
        id: RecordId,
        edit: &Edit,
        history: &[Placed],
    ) -> Result<Option<Fate>, StoreError> {
        if let Some(content) = txn.dot(id, edit.dot)? {
            let is_same = content == edit.content();
            return Ok(Some(if is_same { Fate::Accepted } else { Fate::Refused(Code::InvalidEntry) }));
        }
        let said = edit.said();
        let past = || history.iter().map(|placed| &placed.entry.edit).filter(|past| past.group == edit.group);
        if past().any(|past| past.said() == said && !edit.context.covers(past.dot)) {
            return Ok(Some(Fate::Known));
        }
        if past().any(|past| past.context.covers(edit.dot)) {
            return Ok(Some(Fate::Superseded));
        }
        let held = txn.held_of(id, self.device.id)?.into_iter().find(|held| held.edit.said() == said);
        Ok(held.map(|held| Fate::Held(held.code)))
    }

    /// Judges what is new: the refused edits stay out, the others go in.
    fn admit(
        &mut self,
        txn: &mut dyn Txn,
        push: &PushRecord,
        work_order: Option<RecordId>,
        mut edits: Vec<Edit>,
    ) -> Result<Vec<(fieldsync_protocol::Dot, Fate)>, StoreError> {
        let mut fates = Vec::new();
        while !edits.is_empty() {
            let accepted = match self.kept_aside {
                Some(code) => Accepted::Held(code),
                None => self.door.accept(txn, &self.author, &push.kind, push.id, &edits, Action::Accepted)?,
            };
            match accepted {
                Accepted::Done { stored, .. } => {
                    for edit in edits.drain(..) {
                        self.note(txn, push.id, &edit, false)?;
                        let is_contested = show::is_in_conflict(&stored.record, &edit.group);
                        fates.push((edit.dot, if is_contested { Fate::InConflict } else { Fate::Accepted }));
                    }
                }
                Accepted::Held(code) => {
                    held::hold(self.office, txn, self.device, &push.kind, push.id, work_order, &edits, code)?;
                    if let Some(order) = work_order {
                        self.door.touch(order);
                    }
                    for edit in edits.drain(..) {
                        self.note(txn, push.id, &edit, true)?;
                        fates.push((edit.dot, Fate::Held(code)));
                    }
                }
                Accepted::Refused(refusals) => {
                    let dots: BTreeSet<_> = refusals.iter().map(|refusal| refusal.dot).collect();
                    for refusal in &refusals {
                        self.note_refused(txn, push, refusal)?;
                        fates.push((refusal.dot, Fate::Refused(refusal.code)));
                    }
                    edits.retain(|edit| !dots.contains(&edit.dot));
                }
            }
        }
        Ok(fates)
    }

    fn note(&self, txn: &mut dyn Txn, id: RecordId, edit: &Edit, is_held: bool) -> Result<(), StoreError> {
        txn.put_carried(id, &edit.said(), Carried { dot: edit.dot, is_held })
    }

    fn note_refused(&self, txn: &mut dyn Txn, push: &PushRecord, refusal: &Refusal) -> Result<(), StoreError> {
        txn.note_refused(&RefusedRow {
            kind: push.kind.clone(),
            record: push.id,
            dot: refusal.dot,
            group: refusal.group.clone(),
            code: refusal.code,
            person: self.device.person,
            device: self.device.id,
            at_ms: self.office.now_ms(),
        })
    }
}

/// How a pushed edit stands that a bundle may have brought before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrived {
    /// No bundle brought it.
    No,
    /// It is in.
    Here,
    /// It is kept aside.
    Held(Code),
}

/// How each edit of a push stands that bundles of the same device may have brought before. What its author had seen of
/// the bundle's work is a new word, even if it says the same.
pub(super) fn arrived(txn: &mut dyn Txn, device: DeviceId, push: &PushRecord) -> Result<Vec<Arrived>, StoreError> {
    let mut all = Vec::with_capacity(push.edits.len());
    for edit in &push.edits {
        let carried = match txn.carried(push.id, &edit.said())? {
            Some(carried) if !edit.context.covers(carried.dot) && edit.stamp.device == Some(device) => carried,
            _ => {
                all.push(Arrived::No);
                continue;
            }
        };
        all.push(if carried.is_held { decided(txn, device, push.id, edit)? } else { Arrived::Here });
    }
    Ok(all)
}

fn decided(txn: &mut dyn Txn, device: DeviceId, id: RecordId, edit: &Edit) -> Result<Arrived, StoreError> {
    let held = txn.held_of(id, device)?.into_iter().find(|held| held.edit.said() == edit.said());
    Ok(match held {
        Some(held) if held.decision.as_deref() == Some("released") => Arrived::Here,
        Some(held) => Arrived::Held(held.code),
        None => Arrived::No,
    })
}

/// The work order that edits of a bundle belong to, as far as the bundle and the office's records tell.
///
/// # Errors
/// [`StoreError`] of the store.
pub fn work_order(txn: &mut dyn Txn, carried: &CarriedRecord) -> Result<Option<RecordId>, StoreError> {
    let before = txn.record(carried.id)?.map(|stored| stored.record);
    let table = kinds::kind(&carried.kind);
    Ok(table.and_then(|table| super::accept::order_of(before.as_ref(), table, carried.id, &carried.edits)))
}
