//! A new replica id: what happens when the office finds that this store is a copy of another, or that its replica id
//! belongs to an earlier epoch, or when the anchor says so ([`crate::anchor`]).
//!
//! Pending edits get new dots, except those the office has. Contexts keep of the old id only what the office has, and
//! follow re-stamped dots; that goes for versions, too, that screens opened before and present later. The worst that
//! can come of it is one conflict too many, never one edit too few.

use std::collections::{BTreeMap, BTreeSet};

use fieldsync_protocol::exchange::SentDot;
use fieldsync_protocol::version::Dot;
use fieldsync_protocol::{Edit, Record, RecordId, ReplicaId, Version, encode};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::edit::Context;
use crate::enrol;
use crate::error::Error;
use crate::salvage::Found;
use crate::store::record::Work;
use crate::store::{self, meta};

/// Changes of the replica id that are remembered for screens: far more than one that is still open has lived through.
const KEPT_MAX: i64 = 32;

/// One change of the replica id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Restamp {
    old: ReplicaId,
    new: ReplicaId,
    /// Of each record, how far *theirs* included the old id at that moment. Later is too late: a twin goes on writing
    /// under that id.
    tops: BTreeMap<RecordId, u64>,
    /// The dots the office had, by record.
    known: BTreeMap<RecordId, Vec<Dot>>,
    /// Counters of the old id that got one of the new id, by record.
    moved: BTreeMap<RecordId, Vec<(Dot, u64)>>,
    /// Dots of the old id that the office turned out to have under an earlier one, by record.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    back: BTreeMap<RecordId, Vec<(Dot, Dot)>>,
}

impl Restamp {
    /// A context as it is after the change.
    fn cap(&self, id: RecordId, context: &Version) -> Version {
        let mut capped = context.clone();
        let claimed = context.get(self.old);
        let known = self.known.get(&id).into_iter().flatten();
        let known = known.filter(|dot| dot.replica == self.old && context.covers(**dot)).map(|dot| dot.counter);
        let top = known.max().unwrap_or(0).max(self.tops.get(&id).copied().unwrap_or(0));
        if !fieldsync_protocol::planted!("keep-old-entry") {
            capped.set(self.old, top.min(claimed));
        }
        for (dot, counter) in self.moved.get(&id).into_iter().flatten() {
            if context.covers(*dot) {
                capped.add(Dot { replica: self.new, counter: *counter });
            }
        }
        for (dot, earlier) in self.back.get(&id).into_iter().flatten() {
            if context.covers(*dot) {
                capped.add(*earlier);
            }
        }
        capped
    }

    /// The dot of a pending edit after the change.
    fn dot(&self, id: RecordId, dot: Dot) -> Dot {
        let moved = self.moved.get(&id).into_iter().flatten().find(|(old, _)| *old == dot);
        let back = self.back.get(&id).into_iter().flatten().find(|(old, _)| *old == dot);
        match (moved, back) {
            (Some((_, counter)), _) => Dot { replica: self.new, counter: *counter },
            (None, Some((_, earlier))) => *earlier,
            (None, None) => dot,
        }
    }
}

/// A context presented by a screen, brought over every change of the replica id since it was shown. A token whose
/// replica id is remembered no more keeps nothing of it.
pub(crate) fn bring_over(connection: &Connection, id: RecordId, context: &Context) -> Result<Version, Error> {
    let mut version = context.version.clone();
    let mut issuer = context.issuer;
    let me: ReplicaId = meta::get(connection, meta::REPLICA)?.ok_or(Error::Defect("replica_missing"))?;
    if issuer == me || fieldsync_protocol::planted!("screen-not-brought-over") {
        return Ok(version);
    }
    let mut statement = connection.prepare_cached("select body from restamp order by seq")?;
    for body in statement.query_map([], |row| row.get::<_, Vec<u8>>(0))? {
        let restamp: Restamp = encode::from_cbor(&body?)?;
        if restamp.old == issuer {
            version = restamp.cap(id, &version);
            issuer = restamp.new;
        }
    }
    if issuer != me {
        version.set(issuer, 0);
    }
    Ok(version)
}

/// Takes a new replica id. `known` are the dots among those sent that the office has.
pub(super) fn again(work: &mut Work<'_>, new: ReplicaId, known: &[SentDot]) -> Result<(), Error> {
    let mut restamp = begin(work, new)?;
    for sent in known {
        restamp.known.entry(sent.record).or_default().push(sent.dot);
    }
    let mut counters: BTreeMap<RecordId, u64> = BTreeMap::new();
    for (id, edit, _) in store::pending::places(work.tx)? {
        let is_known = restamp.known.get(&id).is_some_and(|dots| dots.contains(&edit.dot));
        if !is_known && fieldsync_protocol::planted!("restamp-drops-pending") {
            store::pending::remove(work.tx, id, edit.dot)?;
        } else if !is_known {
            let counter = counters.entry(id).or_insert(0);
            *counter += 1;
            restamp.moved.entry(id).or_default().push((edit.dot, *counter));
        }
    }
    finish(work, &restamp)
}

/// Takes a new replica id because this store may be a copy. Which dots of the old one the office has is not known, so
/// all of them move, and the office is asked before anything is pushed. Counters stay: what covered an edit that was
/// sent, and replaced since, goes on covering it.
pub(crate) fn doubt(work: &mut Work<'_>, new: ReplicaId) -> Result<(), Error> {
    let mut restamp = begin(work, new)?;
    let old = restamp.old;
    let pending = store::pending::places(work.tx)?.into_iter();
    let pending = pending.map(|(id, edit, _)| SentDot { record: id, dot: edit.dot, content: edit.content() });
    let mut dots: Vec<SentDot> = store::pending::sent_dots(work.tx)?.into_iter().chain(pending).collect();
    dots.retain(|sent| sent.dot.replica == old);
    // While the office is still to be asked, nobody ever pushed under the old id: there is nothing new to ask.
    let is_asking = store::asked::is_any(work.tx)?;
    for sent in &dots {
        if !is_asking {
            store::asked::add(work.tx, sent)?;
        }
        restamp.moved.entry(sent.record).or_default().push((sent.dot, sent.dot.counter));
    }
    for (id, dots) in store::asked::all(work.tx)? {
        let moved = restamp.moved.entry(id).or_default();
        moved.extend(dots.into_iter().map(|dot| (Dot { replica: old, counter: dot.counter }, dot.counter)));
    }
    for moved in restamp.moved.values_mut() {
        moved.sort_unstable();
        moved.dedup();
    }
    if store::asked::is_any(work.tx)? {
        // The new id belongs to no epoch before the office has answered.
        meta::set(work.tx, meta::EPOCH, &0_u64)?;
    }
    finish(work, &restamp)
}

/// Ends the doubt: takes the replica id under which this store goes on. What the office has gets its dot back.
pub(super) fn conclude(work: &mut Work<'_>, new: ReplicaId) -> Result<(), Error> {
    let mut restamp = begin(work, new)?;
    let old = restamp.old;
    for (id, dots) in store::asked::known(work.tx)? {
        let back = dots.into_iter().map(|dot| (Dot { replica: old, counter: dot.counter }, dot));
        restamp.back.insert(id, back.collect());
    }
    let mut counters: BTreeMap<RecordId, u64> = BTreeMap::new();
    for (id, edit, _) in store::pending::places(work.tx)? {
        let is_back = restamp.back.get(&id).is_some_and(|dots| dots.iter().any(|(dot, _)| *dot == edit.dot));
        if edit.dot.replica == old && !is_back {
            let counter = counters.entry(id).or_insert(0);
            *counter += 1;
            restamp.moved.entry(id).or_default().push((edit.dot, *counter));
        }
    }
    store::asked::clear(work.tx)?;
    finish(work, &restamp)
}

/// Takes over what was found in a store that was set aside, as pending edits of a new replica id. Which of the old dots
/// the office has is asked before anything is pushed. Gives back what cannot be placed: edits of a record on which this
/// store has unsent work, of which the kind is not known, or whose counters stand for two dots.
pub(crate) fn adopt(
    work: &mut Work<'_>,
    new: ReplicaId,
    found: &Found,
) -> Result<Vec<(RecordId, Option<String>, Edit)>, Error> {
    if found.pending.is_empty() {
        return Ok(Vec::new());
    }
    doubt(work, new)?;
    let mut taken: BTreeSet<RecordId> = store::pending::records(work.tx, usize::MAX >> 1)?.into_iter().collect();
    taken.extend(store::asked::all(work.tx)?.into_keys());
    let mut dots: BTreeMap<(RecordId, u64), BTreeSet<Dot>> = BTreeMap::new();
    let pending = found.pending.iter().map(|(id, _, edit)| (*id, edit.dot));
    for (id, dot) in pending.chain(found.sent.iter().map(|sent| (sent.record, sent.dot))) {
        dots.entry((id, dot.counter)).or_default().insert(dot);
    }
    taken.extend(dots.iter().filter(|(_, dots)| dots.len() > 1).map(|((id, _), _)| *id));
    taken.extend(found.pending.iter().filter(|(_, kind, _)| kind.is_none()).map(|(id, ..)| *id));
    let old = found.replica.unwrap_or(new);
    let mut restamp = Restamp {
        old,
        new,
        tops: found.tops.clone(),
        known: BTreeMap::new(),
        moved: BTreeMap::new(),
        back: BTreeMap::new(),
    };
    for ((id, counter), dots) in &dots {
        restamp.moved.entry(*id).or_default().extend(dots.iter().map(|dot| (*dot, *counter)));
    }
    let mut unplaced = Vec::new();
    for (id, kind, edit) in &found.pending {
        let Some(kind) = kind.as_ref().filter(|_| !taken.contains(id)) else {
            unplaced.push((*id, kind.clone(), edit.clone()));
            continue;
        };
        work.ensure(kind, *id)?;
        store::asked::add(work.tx, &SentDot { record: *id, dot: edit.dot, content: edit.content() })?;
        let (dot, context) = (restamp.dot(*id, edit.dot), restamp.cap(*id, &edit.context));
        store::pending::add(work.tx, *id, &Edit { dot, context, ..edit.clone() }, None)?;
    }
    for sent in found.sent.iter().filter(|sent| !taken.contains(&sent.record)) {
        store::asked::add(work.tx, sent)?;
    }
    for (id, moved) in restamp.moved.iter().filter(|(id, _)| !taken.contains(id)) {
        work.set_counter(*id, moved.iter().map(|(_, counter)| *counter).max().unwrap_or(0))?;
        work.recompute(*id)?;
    }
    meta::set(work.tx, meta::EPOCH, &0_u64)?;
    Ok(unplaced)
}

fn begin(work: &Work<'_>, new: ReplicaId) -> Result<Restamp, Error> {
    let old: ReplicaId = meta::get(work.tx, meta::REPLICA)?.ok_or(Error::Defect("replica_missing"))?;
    let tops = tops(work.tx, old)?;
    Ok(Restamp { old, new, tops, known: BTreeMap::new(), moved: BTreeMap::new(), back: BTreeMap::new() })
}

fn finish(work: &mut Work<'_>, restamp: &Restamp) -> Result<(), Error> {
    work.tx.prepare_cached("update record set counter = 0 where counter > 0")?.execute([])?;
    // A record that was evicted has no row for its counter.
    let mut floor = 0_u64;
    for (id, moved) in &restamp.moved {
        if store::record::kind_of(work.tx, *id)?.is_none() {
            floor = moved.iter().map(|(_, counter)| *counter).fold(floor, u64::max);
        }
    }
    meta::set(work.tx, meta::FLOOR, &floor)?;
    let pending = store::pending::places(work.tx)?;
    store::pending::clear(work.tx)?;
    // Work that was brought over from another store was stamped by another device. As long as the office is asked about
    // it, it stays what it was; a new dot is this device's own.
    let device = match store::asked::is_any(work.tx)? {
        true => None,
        false => enrol::identity(work.tx)?.map(|identity| identity.device),
    };
    for (id, edit, place) in pending {
        let (dot, context) = (restamp.dot(id, edit.dot), restamp.cap(id, &edit.context));
        let mut stamp = edit.stamp.clone();
        if dot.replica == restamp.new && device.is_some() {
            stamp.device = device;
        }
        store::pending::add(work.tx, id, &Edit { dot, context, stamp, ..edit }, Some(place))?;
    }
    for (id, moved) in &restamp.moved {
        work.set_counter(*id, moved.iter().map(|(_, counter)| *counter).max().unwrap_or(0))?;
    }
    for (id, moved) in &restamp.moved {
        for (old, counter) in moved {
            store::bundle::follow(work.tx, *id, *old, Dot { replica: restamp.new, counter: *counter })?;
        }
    }
    for (id, back) in &restamp.back {
        for (old, dot) in back {
            store::bundle::follow(work.tx, *id, *old, *dot)?;
        }
    }
    cap_drawer(work.tx, restamp)?;
    remember(work.tx, restamp)?;
    meta::set(work.tx, meta::REPLICA, &restamp.new)?;
    meta::clear(work.tx, meta::TOKEN)?;
    store::pending::forget_sent(work.tx)?;
    for id in store::pending::records(work.tx, usize::MAX >> 1)? {
        work.recompute(id)?;
    }
    Ok(())
}

/// How far *theirs* includes `replica`, of every record that includes it at all.
fn tops(connection: &Connection, replica: ReplicaId) -> Result<BTreeMap<RecordId, u64>, Error> {
    let mut statement = connection.prepare("select theirs from record where theirs is not null")?;
    let mut tops = BTreeMap::new();
    for body in statement.query_map([], |row| row.get::<_, Vec<u8>>(0))? {
        let record: Record = encode::from_cbor(&body?)?;
        let top = record.version.get(replica);
        if top > 0 {
            tops.insert(record.id, top);
        }
    }
    Ok(tops)
}

fn cap_drawer(connection: &Connection, restamp: &Restamp) -> Result<(), Error> {
    for mut entry in store::drawer::all(connection)? {
        entry.edit.context = restamp.cap(entry.record, &entry.edit.context);
        store::drawer::update(connection, &entry)?;
    }
    Ok(())
}

fn remember(connection: &Connection, restamp: &Restamp) -> Result<(), Error> {
    connection.execute("insert into restamp (body) values (?1)", params![encode::cbor(restamp)])?;
    connection.execute("delete from restamp where seq <= (select max(seq) from restamp) - ?1", params![KEPT_MAX])?;
    Ok(())
}
