//! Opening: pragmas, migrations, and what happens to a file that is not what it should be.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::Error;

mod embedded {
    refinery::embed_migrations!("src/store/migrations");
}

const FILE: &str = "fieldsync.db";
/// Files that belong to the database; they are set aside together.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];
/// Begins the names of what was set aside.
const KEPT: &str = "damaged-";
/// Left behind when damage is found while working, so that the next opening examines the file.
const SUSPECT: &str = "suspect";
/// The first SQLite without the WAL reset defect.
const SQLITE_MINIMUM: i32 = 3_051_003;
/// Statements kept prepared: about as many as the engine has.
const STATEMENTS_KEPT: usize = 128;

/// Opens the writer. See the promises of [`super`].
pub(super) fn open(dir: &Path, now_ms: i64, start_over: bool) -> Result<Connection, Error> {
    if rusqlite::version_number() < SQLITE_MINIMUM {
        return Err(Error::StorageEngine(rusqlite::version()));
    }
    fs::create_dir_all(dir)?;
    let file = dir.join(FILE);
    if !file.exists() {
        if has_content(&dir.join(format!("{FILE}-wal"))) {
            // SQLite would throw this log away, and with it work that was acknowledged.
            return Err(set_aside(dir, now_ms)?);
        }
        if let (Some(kept_at), false) = (kept(dir)?, start_over) {
            return Err(Error::StorageDamaged { kept_at });
        }
    }
    let is_suspect = dir.join(SUSPECT).exists() || has_content(&dir.join(format!("{FILE}-wal")));
    match prepare(&file, is_suspect) {
        Ok(connection) => {
            let _ = fs::remove_file(dir.join(SUSPECT));
            Ok(connection)
        }
        Err(error) if error.is_damage() => Err(set_aside(dir, now_ms)?),
        Err(error) => Err(error),
    }
}

/// Opens a reader of an open store.
pub(super) fn reader(dir: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(dir.join(FILE), flags)?;
    configure(&connection)?;
    Ok(connection)
}

/// Makes the next opening examine the file.
pub(super) fn mark_suspect(dir: &Path) {
    if let Err(error) = fs::write(dir.join(SUSPECT), b"") {
        tracing::error!(%error, "failed to note that the store may be damaged");
    }
}

fn prepare(file: &Path, is_suspect: bool) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(file, flags)?;
    configure(&connection)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    if is_suspect {
        examine(&connection)?;
    }
    refuse_newer(&connection)?;
    embedded::migrations::runner().run(&mut connection).map_err(|error| Error::Migration(Box::new(error)))?;
    Ok(connection)
}

fn configure(connection: &Connection) -> Result<(), Error> {
    connection.busy_timeout(std::time::Duration::from_secs(10))?; // another process of the app may hold the lock
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?; // nothing corrupts the file through SQL
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?; // a misspelt column is an error, not a text
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    connection.pragma_update(None, "trusted_schema", false)?; // a planted schema runs nothing
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cell_size_check", true)?; // finds damage before it spreads
    connection.pragma_update(None, "synchronous", "full")?; // a call that returned survives a power cut
    if cfg!(target_vendor = "apple") {
        connection.pragma_update(None, "fullfsync", true)?; // fsync alone does not reach the disk there
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(())
}

/// Checks the structure of the whole file; a failed check reads as damage.
fn examine(connection: &Connection) -> Result<(), Error> {
    let verdict: String = connection.query_row("pragma quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" {
        return Ok(());
    }
    let damage = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(Error::Storage(rusqlite::Error::SqliteFailure(damage, None)))
}

fn refuse_newer(connection: &Connection) -> Result<(), Error> {
    let known = embedded::migrations::runner().get_migrations().iter().map(|step| i64::from(step.version())).max();
    let known = known.unwrap_or(0);
    let has_history: bool = connection.query_row(
        "select exists (select 1 from sqlite_schema where name = 'refinery_schema_history')",
        [],
        |row| row.get(0),
    )?;
    if !has_history {
        return Ok(());
    }
    let found: i64 =
        connection.query_row("select coalesce(max(version), 0) from refinery_schema_history", [], |row| row.get(0))?;
    if found > known { Err(Error::StorageNewer { found, known }) } else { Ok(()) }
}

/// Renames the database's files, so that they can be examined and what is readable in them rescued.
fn set_aside(dir: &Path, now_ms: i64) -> Result<Error, Error> {
    let mut stem = format!("{KEPT}{now_ms}");
    let mut tries = 0;
    while dir.join(format!("{stem}-{FILE}")).exists() {
        tries += 1;
        stem = format!("{KEPT}{now_ms}-{tries}");
    }
    // The database goes last: cut in between, the next opening still finds a damaged one.
    for suffix in SUFFIXES.iter().rev() {
        let file = dir.join(format!("{FILE}{suffix}"));
        if file.exists() {
            fs::rename(&file, dir.join(format!("{stem}-{FILE}{suffix}")))?;
        }
    }
    let _ = fs::remove_file(dir.join(SUSPECT));
    let kept_at = kept(dir)?.unwrap_or_else(|| dir.to_owned());
    tracing::error!("the store is damaged and was set aside");
    Ok(Error::StorageDamaged { kept_at })
}

/// The newest file that was set aside here.
fn kept(dir: &Path) -> Result<Option<PathBuf>, Error> {
    let mut newest: Option<PathBuf> = None;
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let is_kept = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(KEPT));
        if is_kept && !path.to_string_lossy().ends_with("-shm") && newest.as_ref().is_none_or(|newest| *newest < path) {
            newest = Some(path);
        }
    }
    Ok(newest)
}

fn has_content(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|metadata| metadata.len() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_is_set_aside_and_no_empty_store_passes_for_it() {
        let dir = tempfile::tempdir().unwrap();
        drop(open(dir.path(), 1, false).unwrap());
        let mut bytes = fs::read(dir.path().join(FILE)).unwrap();
        bytes[..64].fill(7);
        fs::write(dir.path().join(FILE), &bytes).unwrap();

        let Err(Error::StorageDamaged { kept_at }) = open(dir.path(), 2, false) else { panic!("it must be set aside") };
        assert_eq!(fs::read(kept_at).unwrap(), bytes);

        assert!(matches!(open(dir.path(), 3, false), Err(Error::StorageDamaged { .. })));
        open(dir.path(), 4, true).unwrap();
        open(dir.path(), 5, false).unwrap();
    }

    #[test]
    fn a_log_without_its_database_is_not_thrown_away() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(format!("{FILE}-wal")), b"acknowledged work").unwrap();

        let Err(Error::StorageDamaged { kept_at }) = open(dir.path(), 2, false) else { panic!("it must be set aside") };

        assert_eq!(fs::read(kept_at).unwrap(), b"acknowledged work");
    }

    #[test]
    fn damage_inside_is_found_after_an_unclean_end() {
        let dir = tempfile::tempdir().unwrap();
        let connection = open(dir.path(), 1, false).unwrap();
        let mut statement = connection.prepare("insert into meta (name, value) values (?1, zeroblob(3000))").unwrap();
        for name in 0..200 {
            statement.execute([name.to_string()]).unwrap();
        }
        drop(statement);
        drop(connection);
        let mut bytes = fs::read(dir.path().join(FILE)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 8_192].fill(0xA5);
        fs::write(dir.path().join(FILE), &bytes).unwrap();
        mark_suspect(dir.path());

        assert!(matches!(open(dir.path(), 2, false), Err(Error::StorageDamaged { .. })));
    }

    #[test]
    fn a_newer_store_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let connection = open(dir.path(), 1, false).unwrap();
        connection
            .execute("insert into refinery_schema_history values (999, 'later', '2040-01-01T00:00:00Z', '1')", [])
            .unwrap();
        drop(connection);

        assert!(matches!(open(dir.path(), 2, false), Err(Error::StorageNewer { found: 999, .. })));
    }
}
