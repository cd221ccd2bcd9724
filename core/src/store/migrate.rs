//! The steps that bring a store's schema up to date, and the store's own notes of which it took.
//!
//! Steps go forward only, and what was released is never edited. All that are missing are taken in one transaction with
//! the notes about them: a store migrated and not noted could never be opened again. The table of notes, its name and how
//! a step is recognised are those of the library that wrote the first stores (refinery): an older app still understands
//! them, and refuses what it does not know.

use std::hash::{Hash, Hasher};

use chrono::{DateTime, SecondsFormat};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use siphasher::sip::SipHasher13;

use super::sound;
use crate::error::Error;

/// One file of `store/migrations`.
pub(super) struct Step {
    version: u32,
    name: &'static str,
    sql: &'static str,
}

/// All steps there are, in the order in which they are taken.
const STEPS: &[Step] = include!(concat!(env!("OUT_DIR"), "/steps.rs"));

impl Step {
    /// Tells whether a store took this very step: a step that says something else has another one.
    fn check(&self) -> u64 {
        let mut hasher = SipHasher13::new();
        self.name.hash(&mut hasher);
        i32::try_from(self.version).unwrap_or(i32::MAX).hash(&mut hasher);
        self.sql.hash(&mut hasher);
        hasher.finish()
    }
}

/// Brings the schema up to date.
///
/// # Errors
/// As [`missing`], and what SQLite says; then nothing was changed.
pub(super) fn migrate(connection: &mut Connection, now_ms: i64) -> Result<(), Error> {
    if missing(connection)?.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in missing(&transaction)? {
        transaction.execute_batch(step.sql)?;
        note(&transaction, step, now_ms)?;
    }
    Ok(transaction.commit()?)
}

/// The steps that a store has not taken yet; all of them for an empty file.
///
/// # Errors
/// [`Error::StorageNewer`] when it took one that this engine does not know; damage when what it took are not the first of
/// those that were ever released.
pub(super) fn missing(connection: &Connection) -> Result<&'static [Step], Error> {
    let exists = |condition: &str| {
        let sql = format!("select exists (select 1 from sqlite_schema where {condition})");
        connection.query_row(&sql, [], |row| row.get::<_, bool>(0))
    };
    // A store that has tables and does not know where they come from lost its notes.
    let is_begun = exists("type = 'table' and name not like 'sqlite_%' and name <> 'refinery_schema_history'")?;
    if !exists("name = 'refinery_schema_history'")? {
        return if is_begun { Err(sound::damage()) } else { Ok(STEPS) };
    }
    let known = STEPS.last().map_or(0, |step| i64::from(step.version));
    let found: i64 =
        connection.query_row("select coalesce(max(version), 0) from refinery_schema_history", [], |row| row.get(0))?;
    if found > known {
        return Err(Error::StorageNewer { found, known });
    }
    let mut notes =
        connection.prepare("select version, name, checksum from refinery_schema_history order by version")?;
    let mut notes = notes.query([])?;
    let mut taken = 0;
    while let Some(note) = notes.next()? {
        let note: (i64, String, String) = (note.get(0)?, note.get(1)?, note.get(2)?);
        let is_this = |step: &Step| note == (i64::from(step.version), step.name.to_owned(), step.check().to_string());
        if !STEPS.get(taken).is_some_and(is_this) {
            return Err(sound::damage());
        }
        taken += 1;
    }
    if taken == 0 && is_begun { Err(sound::damage()) } else { Ok(&STEPS[taken..]) }
}

fn note(transaction: &Transaction<'_>, step: &Step, now_ms: i64) -> Result<(), Error> {
    transaction.execute_batch(
        "create table if not exists refinery_schema_history (
             version    int4 primary key,
             name       varchar(255),
             applied_on varchar(255),
             checksum   varchar(255)
         )",
    )?;
    let now = DateTime::from_timestamp_millis(now_ms).unwrap_or_default();
    transaction.execute(
        "insert into refinery_schema_history (version, name, applied_on, checksum) values (?1, ?2, ?3, ?4)",
        (step.version, step.name, now.to_rfc3339_opts(SecondsFormat::Millis, true), step.check().to_string()),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migrated() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, 1_772_439_300_000).unwrap();
        connection
    }

    #[test]
    fn the_notes_are_those_that_the_first_releases_wrote() {
        let notes: Vec<(i64, String, String, String)> = migrated()
            .prepare("select version, name, applied_on, checksum from refinery_schema_history order by version limit 2")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();

        // As they stand in tests/golden/stores/device-v2.sqlite.
        let at = "2026-03-02T08:15:00.000Z".to_owned();
        assert_eq!(
            notes,
            [
                (1, "records".to_owned(), at.clone(), "3797915874916841916".to_owned()),
                (2, "projections".to_owned(), at, "3145570377986816035".to_owned()),
            ]
        );
    }

    #[test]
    fn a_store_is_brought_up_to_date_once_and_only_by_what_is_missing() {
        let mut connection = Connection::open_in_memory().unwrap();
        let transaction = connection.transaction().unwrap();
        for step in &STEPS[..2] {
            transaction.execute_batch(step.sql).unwrap();
            note(&transaction, step, 0).unwrap();
        }
        transaction.commit().unwrap();
        assert_eq!(missing(&connection).unwrap().first().unwrap().version, STEPS[2].version);

        migrate(&mut connection, 0).unwrap();
        let changed = connection.total_changes();
        migrate(&mut connection, 0).unwrap();

        assert!(missing(&connection).unwrap().is_empty());
        assert_eq!(connection.total_changes(), changed);
    }

    #[test]
    fn a_store_that_took_other_steps_is_damaged() {
        for spoil in [
            "update refinery_schema_history set checksum = '7' where version = 2",
            "update refinery_schema_history set name = 'others' where version = 1",
            "delete from refinery_schema_history where version = 1",
            "update refinery_schema_history set version = 0 where version = 1",
            "delete from refinery_schema_history",
            "drop table refinery_schema_history",
        ] {
            let mut connection = migrated();
            connection.execute_batch(spoil).unwrap();
            assert!(migrate(&mut connection, 0).unwrap_err().is_damage(), "{spoil}");
        }
    }

    #[test]
    fn a_step_that_fails_leaves_nothing_behind() {
        let mut connection = Connection::open_in_memory().unwrap();
        // The second step makes a table of this name.
        connection.execute_batch("create view job as select 1").unwrap();

        migrate(&mut connection, 0).unwrap_err();

        let tables: i64 = connection.query_row("select count(*) from sqlite_schema", [], |row| row.get(0)).unwrap();
        assert_eq!(tables, 1);
    }
}
