//! The typed tables that screens read, computed from the shown records.
//!
//! [`refresh`] runs inside every transaction that changes what is shown, so a screen never sees a record without its
//! row. It recomputes only what a change can reach: the work orders touched, those above a touched record, and those
//! that name a touched customer, site, asset, contact or technician. Every row can be computed again at any time:
//! [`rebuild`] gives the same tables from the records alone.

mod directory;
mod job;
mod names;
mod text;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use fieldsync_protocol::enrol::Certificate;
use fieldsync_protocol::kinds::{self, Reach};
use fieldsync_protocol::{FieldsExt, Record, RecordId, show};
use rusqlite::{Connection, Transaction, params};

use crate::error::Error;
use crate::store::{self, meta};

pub(crate) use job::priority_rank;
pub(crate) use names::Names;
pub(crate) use text::SAID_COLUMNS;

/// Brings every row up to date that `touched` records can change, records that are gone included.
///
/// Returns the work orders whose rows were computed: they changed, as far as a screen is concerned.
pub(crate) fn refresh(tx: &Transaction<'_>, touched: &BTreeSet<RecordId>) -> Result<BTreeSet<RecordId>, Error> {
    let mut orders = BTreeSet::new();
    for id in touched {
        orders.extend(job::computed_from(tx, *id)?);
        match shown(tx, *id)? {
            Some(record) => {
                directory::put(tx, &record)?;
                orders.extend(order_above(&record));
                if record.kind == "work_order" {
                    orders.insert(*id);
                }
            }
            None => {
                directory::remove(tx, *id)?;
                if job::exists(tx, *id)? {
                    orders.insert(*id);
                }
            }
        }
    }
    let me = me(tx)?;
    for order in &orders {
        job::refresh(tx, *order, me)?;
    }
    Ok(orders)
}

/// Computes everything again from the records.
pub(crate) fn rebuild(tx: &Transaction<'_>) -> Result<(), Error> {
    tx.execute_batch(
        "delete from job_said;
         delete from job;
         delete from job_source;
         delete from part_used;
         delete from directory;
         insert into job_text (job_text) values ('delete-all');
         insert into directory_text (directory_text) values ('delete-all');",
    )?;
    let mut orders = Vec::new();
    for kind in kinds::KINDS {
        for record in store::all_of_kind(tx, kind.name)?.into_iter().filter(|record| !record.is_deleted()) {
            directory::put(tx, &record)?;
            if record.kind == "work_order" {
                orders.push(record.id);
            }
        }
    }
    let me = me(tx)?;
    for order in orders {
        job::refresh(tx, order, me)?;
    }
    Ok(())
}

/// Version of the tables and of what is computed into them. It grows with every change to either.
const VERSION: u32 = 1;

/// Computes everything again when other code computed it: after an update of the app, or on a new store.
pub(crate) fn ensure(tx: &Transaction<'_>) -> Result<(), Error> {
    let wanted = i64::from(VERSION) << 32 | i64::from(fieldsync_protocol::search::TOKENS_VERSION);
    let found: Option<i64> = tx.query_row("select max(version) from projection", [], |row| row.get(0))?;
    if found == Some(wanted) {
        return Ok(());
    }
    rebuild(tx)?;
    tx.execute("delete from projection", [])?;
    tx.execute("insert into projection (version) values (?1)", params![wanted])?;
    Ok(())
}

/// The technician whose device this is; none before enrolment.
fn me(conn: &Connection) -> Result<Option<RecordId>, Error> {
    let certificate: Option<Certificate> = meta::get(conn, meta::CERTIFICATE)?;
    Ok(certificate.map(|certificate| RecordId(certificate.person.0)))
}

/// The shown record; none when it is not here or deleted.
fn shown(conn: &Connection, id: RecordId) -> Result<Option<Record>, Error> {
    Ok(store::shown(conn, id)?.filter(|record| !record.is_deleted()))
}

/// The work order that a record belongs to: itself, or the one its main group names.
pub(crate) fn order_above(record: &Record) -> Option<RecordId> {
    match kinds::kind(&record.kind)?.reach {
        Reach::Order => Some(record.id),
        Reach::BelowOrder => show::main_fields(record)?.id("work_order"),
        Reach::Shared | Reach::Referred => None,
    }
}

/// Reads a 16-byte id column; a damaged one is an error of the database, never a panic.
pub(crate) fn id_column(row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<RecordId> {
    let bytes: [u8; 16] = row.get(column)?;
    Ok(RecordId::from_bytes(bytes))
}

/// Reads a column that may hold an id.
pub(crate) fn optional_id_column(row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<Option<RecordId>> {
    let bytes: Option<[u8; 16]> = row.get(column)?;
    Ok(bytes.map(RecordId::from_bytes))
}

/// The place of a record in a table that numbers its rows.
fn place(conn: &Connection, sql: &'static str, id: RecordId) -> rusqlite::Result<Option<i64>> {
    use rusqlite::OptionalExtension;
    conn.prepare_cached(sql)?.query_row(params![id.as_bytes()], |row| row.get(0)).optional()
}
