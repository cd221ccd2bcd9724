//! Records as the store keeps them: *theirs* exactly as the office delivered it, and what is shown, computed from it,
//! from offers without an answer and from pending edits.

use std::collections::BTreeSet;

use fieldsync_protocol::compare::Side;
use fieldsync_protocol::exchange::{Fingerprint, SetHash};
use fieldsync_protocol::{FieldsExt, Hash, Record, RecordId, ReplicaId, Seal, encode, show};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{meta, offer, pending, repair};
use crate::error::Error;

/// One transaction's changes to records: what was touched, and the fingerprint that goes with it.
pub(crate) struct Work<'t> {
    /// The transaction.
    pub(crate) tx: &'t Transaction<'t>,
    /// Records whose shown content may have changed.
    pub(crate) touched: BTreeSet<RecordId>,
    fingerprint: Option<Fingerprint>,
}

/// What the office said about a record.
#[derive(Debug, Clone)]
pub(crate) struct Theirs {
    /// The record as delivered.
    pub(crate) record: Record,
    /// The office's seal over it.
    pub(crate) seal: Option<Seal>,
    /// Whether it is what was delivered: a turned bit in a value can still be read.
    pub(crate) is_sound: bool,
}

impl<'t> Work<'t> {
    pub(crate) fn new(tx: &'t Transaction<'t>) -> Self {
        Self { tx, touched: BTreeSet::new(), fingerprint: None }
    }

    /// Saves the fingerprint and says what was touched.
    pub(crate) fn finish(self) -> Result<BTreeSet<RecordId>, Error> {
        if let Some(fingerprint) = self.fingerprint {
            meta::set(self.tx, meta::FINGERPRINT, &fingerprint)?;
        }
        Ok(self.touched)
    }

    /// The sums over *theirs* as they stand in this transaction.
    pub(crate) fn fingerprint(&mut self) -> Result<&mut Fingerprint, Error> {
        if self.fingerprint.is_none() {
            self.fingerprint = Some(meta::get(self.tx, meta::FINGERPRINT)?.unwrap_or_default());
        }
        self.fingerprint.as_mut().ok_or(Error::Defect("fingerprint_missing"))
    }

    /// The sum a record of this kind is counted in.
    fn sum(&mut self, kind: &str) -> Result<&mut SetHash, Error> {
        let sums = self.fingerprint()?;
        Ok(match repair::side(kind) {
            Side::Own => &mut sums.own,
            Side::Shared => &mut sums.shared,
        })
    }

    /// How *theirs* stands: its kind, the check it was delivered with, whether the record is leaving.
    fn counted(&mut self, id: RecordId) -> Result<Option<Counted>, Error> {
        let row = self
            .tx
            .prepare_cached("select kind, check_hash, theirs, leaving, counter from record where id = ?1")?
            .query_row([id.as_bytes()], |row| {
                let check = row.get::<_, Option<[u8; 32]>>(1)?.map(Hash);
                let body: Option<Vec<u8>> = row.get(2)?;
                let check = body.map(|body| check.unwrap_or_else(|| Hash::blake3(&body)));
                Ok(Counted { kind: row.get(0)?, check, is_leaving: row.get(3)?, counter: row.get(4)? })
            })
            .optional()?;
        Ok(row)
    }

    /// Makes `record` *theirs*. What is leaving is not counted into the fingerprint: the office counts it no more.
    pub(crate) fn set_theirs(&mut self, record: &Record, seal: Option<Seal>) -> Result<(), Error> {
        let old = self.counted(record.id)?;
        let body = encode::cbor(record);
        // The check both sides compare is the hash of exactly these bytes. Kept beside them, it also tells later whether
        // they are still the same.
        let check = Hash::blake3(&body);
        if old.as_ref().is_none_or(|old| !old.is_leaving) {
            let sum = self.sum(&record.kind)?;
            if let Some(old) = old.and_then(|old| old.check) {
                sum.remove(&old);
            }
            sum.add(&check);
        }
        self.tx
            .prepare_cached(
                "insert into record (id, kind, work_order, theirs, seal, conflicts, check_hash)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 on conflict (id) do update set work_order = excluded.work_order, theirs = excluded.theirs,
                     seal = excluded.seal, mixed = null, conflicts = excluded.conflicts, check_hash = excluded.check_hash",
            )?
            .execute(params![
                record.id.as_bytes(),
                record.kind,
                work_order(record).as_ref().map(RecordId::as_bytes),
                body,
                seal.as_ref().map(Seal::as_bytes),
                show::conflicts(record).len() as i64,
                check.as_bytes(),
            ])?;
        self.touched.insert(record.id);
        if has_more_than_theirs(self.tx, record.id)? { self.recompute(record.id) } else { Ok(()) }
    }

    /// Sets or clears the mark that a record left this device's scope.
    pub(crate) fn set_leaving(&mut self, id: RecordId, leaves: Leaving) -> Result<(), Error> {
        let becomes = leaves == Leaving::Yes;
        let Some(row) = self.counted(id)?.filter(|row| row.is_leaving != becomes) else { return Ok(()) };
        if let Some(check) = row.check {
            let sum = self.sum(&row.kind)?;
            match becomes {
                true if fieldsync_protocol::planted!("leaving-is-counted") => {}
                true => sum.remove(&check),
                false => sum.add(&check),
            }
        }
        self.tx
            .prepare_cached("update record set leaving = ?2 where id = ?1")?
            .execute(params![id.as_bytes(), becomes])?;
        self.touched.insert(id);
        Ok(())
    }

    /// Computes again what is shown. A record of which nothing is left goes, and the floor of counters remembers it.
    pub(crate) fn recompute(&mut self, id: RecordId) -> Result<(), Error> {
        self.touched.insert(id);
        let Some(kind) = kind_of(self.tx, id)? else { return Ok(()) };
        let theirs = theirs(self.tx, id)?;
        let offers = offer::of(self.tx, id)?;
        let edits = pending::of(self.tx, id)?;
        if theirs.is_none() && offers.is_empty() && edits.is_empty() {
            return self.remove(id);
        }
        let is_plain = offers.is_empty() && edits.is_empty();
        let mut shown = theirs.map_or_else(|| Record::new(kind, id), |theirs| theirs.record);
        let base = shown.version.clone();
        offers.iter().for_each(|offer| offer.show(&base, &mut shown));
        edits.iter().for_each(|edit| shown.put(edit));
        self.tx
            .prepare_cached("update record set mixed = ?2, work_order = ?3, conflicts = ?4 where id = ?1")?
            .execute(params![
                id.as_bytes(),
                (!is_plain).then(|| encode::cbor(&shown)),
                work_order(&shown).as_ref().map(RecordId::as_bytes),
                show::conflicts(&shown).len() as i64,
            ])?;
        Ok(())
    }

    /// Makes room for a record nobody wrote yet.
    pub(crate) fn ensure(&mut self, kind: &str, id: RecordId) -> Result<(), Error> {
        self.tx
            .prepare_cached("insert into record (id, kind, mixed) values (?1, ?2, ?3) on conflict (id) do nothing")?
            .execute(params![id.as_bytes(), kind, encode::cbor(&Record::new(kind, id))])?;
        Ok(())
    }

    /// The highest own counter that any edit of this record ever had, also one of an evicted copy or of an edit that was
    /// refused or replaced: the next edit takes the one after.
    pub(crate) fn highest_counter(&mut self, shown: &Record, me: ReplicaId) -> Result<u64, Error> {
        let counter: Option<i64> = self
            .tx
            .prepare_cached("select counter from record where id = ?1")?
            .query_row([shown.id.as_bytes()], |row| row.get(0))
            .optional()?;
        let counter = u64::try_from(counter.unwrap_or(0)).unwrap_or(0);
        if fieldsync_protocol::planted!("reuse-dot") {
            return Ok(shown.version.get(me));
        }
        let floor: u64 = meta::get(self.tx, meta::FLOOR)?.unwrap_or(0);
        Ok(counter.max(shown.version.get(me)).max(floor))
    }

    /// Remembers the highest own counter of a record.
    pub(crate) fn set_counter(&mut self, id: RecordId, counter: u64) -> Result<(), Error> {
        self.tx
            .prepare_cached("update record set counter = ?2 where id = ?1")?
            .execute(params![id.as_bytes(), counter as i64])?;
        Ok(())
    }

    /// Drops a copy of the office's that nobody can read any more. What else the device holds of the record stays.
    pub(crate) fn drop_theirs(&mut self, id: RecordId) -> Result<(), Error> {
        let Some(row) = self.counted(id)? else { return Ok(()) };
        if let (Some(check), false) = (row.check, row.is_leaving) {
            self.sum(&row.kind)?.remove(&check);
        }
        let nothing = encode::cbor(&Record::new(row.kind, id));
        self.tx
            .prepare_cached(
                "update record set theirs = null, seal = null, check_hash = null, mixed = ?2 where id = ?1",
            )?
            .execute(params![id.as_bytes(), nothing])?;
        self.recompute(id)
    }

    /// Takes a record off the device.
    pub(crate) fn remove(&mut self, id: RecordId) -> Result<(), Error> {
        let Some(row) = self.counted(id)? else { return Ok(()) };
        if let (Some(check), false) = (row.check, row.is_leaving) {
            self.sum(&row.kind)?.remove(&check);
        }
        let floor: u64 = meta::get(self.tx, meta::FLOOR)?.unwrap_or(0);
        let counter = u64::try_from(row.counter).unwrap_or(0);
        if counter > floor {
            meta::set(self.tx, meta::FLOOR, &counter)?;
        }
        self.tx.prepare_cached("delete from record where id = ?1")?.execute([id.as_bytes()])?;
        self.touched.insert(id);
        Ok(())
    }
}

/// What the sums and the floor of counters need to know of a row.
struct Counted {
    kind: String,
    check: Option<Hash>,
    is_leaving: bool,
    counter: i64,
}

/// Whether a record left the scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// It left: it goes as soon as nothing of it waits for an answer.
    Yes,
    /// It is in scope (again).
    No,
}

/// The record as shown; `None` when the device holds nothing of it.
pub(crate) fn shown(connection: &Connection, id: RecordId) -> Result<Option<Record>, Error> {
    let body: Option<Vec<u8>> = connection
        .prepare_cached("select shown from record where id = ?1")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(body.map(|body| encode::from_cbor(&body)).transpose()?)
}

/// The shown records that hang below a work order, in order of id.
pub(crate) fn below(connection: &Connection, work_order: RecordId) -> Result<Vec<Record>, Error> {
    let mut statement = connection.prepare_cached("select shown from record where work_order = ?1 order by id")?;
    let bodies = statement.query_map([work_order.as_bytes()], |row| row.get(0))?;
    records(bodies)
}

/// The shown records of a kind, in order of id.
pub(crate) fn all_of_kind(connection: &Connection, kind: &str) -> Result<Vec<Record>, Error> {
    let mut statement = connection.prepare_cached("select shown from record where kind = ?1 order by id")?;
    let bodies = statement.query_map([kind], |row| row.get(0))?;
    records(bodies)
}

fn records(bodies: impl Iterator<Item = Result<Vec<u8>, rusqlite::Error>>) -> Result<Vec<Record>, Error> {
    bodies.map(|body| Ok(encode::from_cbor(&body?)?)).collect()
}

/// The shown records in which a person must decide, in order of id.
pub(crate) fn in_conflict(connection: &Connection) -> Result<Vec<Record>, Error> {
    let mut statement = connection.prepare_cached("select shown from record where conflicts > 0 order by id")?;
    let bodies = statement.query_map([], |row| row.get(0))?;
    records(bodies)
}

/// How many groups a person must decide.
pub(crate) fn conflict_count(connection: &Connection) -> Result<u32, Error> {
    let mut statement =
        connection.prepare_cached("select coalesce(sum(conflicts), 0) from record where conflicts > 0")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// *Theirs*; `None` when the office never delivered the record.
pub(crate) fn theirs(connection: &Connection, id: RecordId) -> Result<Option<Theirs>, Error> {
    let row = connection
        .prepare_cached("select theirs, seal, check_hash from record where id = ?1 and theirs is not null")?
        .query_row([id.as_bytes()], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, seal(row, 1)?, row.get::<_, Option<[u8; 32]>>(2)?))
        })
        .optional()?;
    row.map(|(body, seal, check)| {
        let is_sound = check.is_none_or(|check| Hash::blake3(&body) == Hash(check));
        Ok(Theirs { record: encode::from_cbor(&body)?, seal, is_sound })
    })
    .transpose()
}

/// The kind of a record the device holds.
pub(crate) fn kind_of(connection: &Connection, id: RecordId) -> Result<Option<String>, Error> {
    let mut statement = connection.prepare_cached("select kind from record where id = ?1")?;
    Ok(statement.query_row([id.as_bytes()], |row| row.get(0)).optional()?)
}

/// Whether a record is held and has not left the scope.
pub(crate) fn standing(connection: &Connection, id: RecordId) -> Result<Option<Leaving>, Error> {
    let mut statement = connection.prepare_cached("select leaving from record where id = ?1")?;
    let leaving: Option<bool> = statement.query_row([id.as_bytes()], |row| row.get(0)).optional()?;
    Ok(leaving.map(|leaving| if leaving { Leaving::Yes } else { Leaving::No }))
}

/// The work order a record hangs below, as its main group shows it.
pub(crate) fn work_order(record: &Record) -> Option<RecordId> {
    show::main_fields(record)?.id("work_order")
}

/// Reads an id out of a column.
pub(crate) fn id(row: &Row<'_>, column: usize) -> Result<RecordId, rusqlite::Error> {
    Ok(RecordId::from_bytes(row.get(column)?))
}

pub(super) fn seal(row: &Row<'_>, column: usize) -> Result<Option<Seal>, rusqlite::Error> {
    Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(Seal))
}

fn has_more_than_theirs(connection: &Connection, id: RecordId) -> Result<bool, Error> {
    let mut statement = connection.prepare_cached(
        "select exists (select 1 from pending where record = ?1) or exists (select 1 from offer where record = ?1)",
    )?;
    Ok(statement.query_row([id.as_bytes()], |row| row.get(0))?)
}
