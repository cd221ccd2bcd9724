//! A new replica id: what happens when the office finds that this store is a copy of another, or that its replica id
//! belongs to an earlier epoch.
//!
//! Pending edits get new dots, except those the office has. Contexts keep of the old id only what the office has, and
//! follow re-stamped dots; that goes for versions, too, that screens opened before and present later. The worst that
//! can come of it is one conflict too many, never one edit too few.

use std::collections::BTreeMap;

use fieldsync_protocol::exchange::SentDot;
use fieldsync_protocol::version::Dot;
use fieldsync_protocol::{Edit, Record, RecordId, ReplicaId, Version, encode};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::edit::Context;
use crate::error::Error;
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
        capped
    }
}

/// A context presented by a screen, brought over every change of the replica id since it was shown. A token whose
/// replica id is remembered no more keeps nothing of it.
pub(crate) fn bring_over(connection: &Connection, id: RecordId, context: &Context) -> Result<Version, Error> {
    let mut version = context.version.clone();
    let mut issuer = context.issuer;
    let me: ReplicaId = meta::get(connection, meta::REPLICA)?.ok_or(Error::Defect("replica_missing"))?;
    if issuer == me {
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
    let old: ReplicaId = meta::get(work.tx, meta::REPLICA)?.ok_or(Error::Defect("replica_missing"))?;
    let pending = store::pending::places(work.tx)?;
    let mut restamp = Restamp { old, new, tops: tops(work.tx, old)?, known: BTreeMap::new(), moved: BTreeMap::new() };
    for sent in known {
        restamp.known.entry(sent.record).or_default().push(sent.dot);
    }
    work.tx.prepare_cached("update record set counter = 0 where counter > 0")?.execute([])?;
    meta::set(work.tx, meta::FLOOR, &0_u64)?;
    let mut counters: BTreeMap<RecordId, u64> = BTreeMap::new();
    for (id, edit, _) in &pending {
        let is_known = restamp.known.get(id).is_some_and(|dots| dots.contains(&edit.dot));
        if !is_known {
            let counter = counters.entry(*id).or_insert(0);
            *counter += 1;
            restamp.moved.entry(*id).or_default().push((edit.dot, *counter));
        }
    }
    store::pending::clear(work.tx)?;
    for (id, edit, place) in pending {
        store::pending::add(work.tx, id, &stamped_again(&restamp, id, edit), Some(place))?;
    }
    for (id, counter) in counters {
        work.set_counter(id, counter)?;
    }
    cap_drawer(work.tx, &restamp)?;
    remember(work.tx, &restamp)?;
    meta::set(work.tx, meta::REPLICA, &new)?;
    meta::clear(work.tx, meta::TOKEN)?;
    store::pending::forget_sent(work.tx)?;
    for id in store::pending::records(work.tx, usize::MAX >> 1)? {
        work.recompute(id)?;
    }
    Ok(())
}

fn stamped_again(restamp: &Restamp, id: RecordId, edit: Edit) -> Edit {
    let moved = restamp.moved.get(&id).into_iter().flatten().find(|(dot, _)| *dot == edit.dot);
    let dot = moved.map_or(edit.dot, |(_, counter)| Dot { replica: restamp.new, counter: *counter });
    Edit { dot, context: restamp.cap(id, &edit.context), ..edit }
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
