//! Opening: pragmas, migrations, and what happens to a file that is not what it should be.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{migrate, sound};
use crate::config::Config;
use crate::device::BLOBS;
use crate::error::Error;
use crate::files::{Files, Hold, Medium};
use crate::key::{Key, KeyError, KeyProvider};
use crate::summary::Unsent;

/// The database's file.
pub(crate) const FILE: &str = "fieldsync.db";
/// Files that belong to the database; they are set aside together.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];
/// Begins the names of what was set aside.
pub(crate) const KEPT: &str = "damaged-";
/// Left behind when damage is found while working, so that the next opening examines the file.
const SUSPECT: &str = "suspect";
/// Left in the folder of a device that was wiped.
pub(crate) const WIPED: &str = "wiped";
/// Recognises the key of an encrypted store.
const KEY_CHECK: &str = "key-check";
/// How a database in plain text begins.
const PLAIN: &[u8] = b"SQLite format 3\0";
/// Locked by whoever has the store open.
const HOLD: &str = "lock";
/// The first SQLite without the WAL reset defect.
const SQLITE_MINIMUM: i32 = 3_051_003;
/// Statements kept prepared: about as many as the engine has.
const STATEMENTS_KEPT: usize = 128;

/// What is thought of a store before it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// It was closed in order.
    None,
    /// It was not: its log is there.
    Log,
    /// Damage was met while working.
    Damage,
}

/// Where a store lies.
pub(super) struct Place {
    dir: PathBuf,
    medium: Medium,
    key: Option<Arc<dyn KeyProvider>>,
    /// While the store is open: a key store takes its time.
    known: Mutex<Option<Key>>,
}

impl Place {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            dir: config.dir.clone(),
            medium: config.medium.clone(),
            key: config.key.clone(),
            known: Mutex::default(),
        }
    }

    /// Holds the folder for this opening, until the guard is dropped or the process ends.
    pub(super) fn hold(&self) -> Result<Hold, Error> {
        self.files().make_dir(&self.dir)?;
        self.files().hold(&self.dir.join(HOLD))?.ok_or(Error::InUse)
    }

    /// Opens the writer of a store that was open before. One that is gone meanwhile is not begun anew.
    pub(super) fn open_again(&self, now_ms: i64) -> Result<Connection, Error> {
        if self.files().exists(&self.file("")) {
            self.open(now_ms, false)
        } else {
            Err(Error::Defect("store_vanished"))
        }
    }

    /// Opens the writer. See the promises of [`super`].
    pub(super) fn open(&self, now_ms: i64, start_over: bool) -> Result<Connection, Error> {
        if rusqlite::version_number() < SQLITE_MINIMUM {
            return Err(Error::StorageEngine(rusqlite::version()));
        }
        self.files().make_dir(&self.dir)?;
        // What the disk does not tell is an error, never taken for a file that is not there.
        if self.files().len(&self.dir.join(WIPED))?.is_some() {
            // Cut short it may have left something.
            self.destroy_files()?;
            if !start_over {
                return Err(Error::Wiped);
            }
            self.files().remove(&self.dir.join(WIPED))?;
        }
        self.find_key(now_ms, start_over)?;
        let has_log = self.has_log()?;
        if self.files().len(&self.file(""))?.unwrap_or(0) == 0 {
            if has_log {
                // SQLite would throw this log away, and with it work that was acknowledged.
                return Err(self.set_aside(now_ms)?);
            }
            if let (Some(kept_at), false) = (self.kept()?, start_over) {
                return Err(Error::StorageDamaged { kept_at });
            }
            if self.files().len(&self.dir.join(BLOBS))?.is_some() && !start_over {
                // The folder of blobs is made once there is a store: this one is gone.
                return Err(self.set_aside(now_ms)?);
            }
        }
        let doubt = match self.files().len(&self.dir.join(SUSPECT))? {
            Some(_) => Doubt::Damage,
            None if has_log => Doubt::Log,
            None => Doubt::None,
        };
        match self.prepare(doubt, now_ms) {
            Ok(connection) => {
                let _ = self.files().remove(&self.dir.join(SUSPECT));
                Ok(connection)
            }
            Err(error) if error.is_damage() => Err(self.set_aside(now_ms)?),
            Err(error) => Err(error),
        }
    }

    /// Finds the key and compares it with the one the store was made with.
    fn find_key(&self, now_ms: i64, start_over: bool) -> Result<(), Error> {
        let check = self.dir.join(KEY_CHECK);
        let made_with = match self.files().exists(&check) {
            true => Some(self.files().read(&check, 0, 64)?),
            false => None,
        };
        let unsent = || Unsent::read(self.files(), &self.dir);
        let key = match &self.key {
            Some(provider) => match Key::of(provider.as_ref()) {
                Ok(_) if !cfg!(feature = "encryption") => return Err(Error::CannotEncrypt),
                Ok(key) => Some(key),
                Err(KeyError::Lost) => return Err(Error::KeyLost { unsent: unsent() }),
                Err(error) => return Err(Error::KeyUnavailable(error)),
            },
            None => None,
        };
        let wanted = key.as_ref().map(Key::check);
        let is_same = wanted.as_deref().map(str::as_bytes) == made_with.as_deref();
        if !is_same {
            let is_begun = self.files().exists(&self.file(""));
            if is_begun && !start_over {
                let is_plain = self.files().read(&self.file(""), 0, PLAIN.len())? == PLAIN;
                return Err(if is_plain { Error::NotEncrypted } else { Error::WrongKey { unsent: unsent() } });
            }
            if is_begun {
                self.set_aside(now_ms)?;
            }
            match &wanted {
                Some(wanted) => self.files().replace(&check, wanted.as_bytes())?,
                None => self.files().remove(&check)?,
            }
        }
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = key;
        Ok(())
    }

    /// Opens a database of this store.
    pub(super) fn connect(&self, path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
        let connection = self.medium.connect(path, flags)?;
        if let Some(key) = self.known.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            key.unlock(&connection)?;
        }
        Ok(connection)
    }

    /// Forgets the key until the store is opened again.
    pub(super) fn forget_key(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Opens a reader of an open store.
    pub(super) fn reader(&self) -> Result<Connection, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = self.connect(&self.file(""), flags)?;
        configure(&connection)?;
        Ok(connection)
    }

    /// Makes the next opening examine the file.
    pub(super) fn mark_suspect(&self) {
        if let Err(error) = self.files().write(&self.dir.join(SUSPECT), b"") {
            tracing::error!(%error, "failed to note that the store may be damaged");
        }
    }

    fn prepare(&self, doubt: Doubt, now_ms: i64) -> Result<Connection, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = self.connect(&self.file(""), flags)?;
        // Statements that cannot be wrong: a file of which SQLite does not understand them is not what was written.
        let damage = |error: Error| if error.is_misunderstood() { sound::damage() } else { error };
        configure(&connection)
            .and_then(|()| Ok(connection.pragma_update(None, "journal_mode", "wal")?))
            .and_then(|()| if doubt == Doubt::None { Ok(()) } else { sound::structure(&connection) })
            .and_then(|()| migrate::missing(&connection).map(drop))
            .map_err(damage)?;
        migrate::migrate(&mut connection, now_ms)?;
        sound::waiting(&connection).map_err(damage)?;
        if doubt == Doubt::Damage {
            let mut new = Connection::open_in_memory()?;
            migrate::migrate(&mut new, now_ms)?;
            sound::contents(&connection, &new)?;
        }
        Ok(connection)
    }

    /// Renames the database's files, so that they can be examined and what is readable in them rescued.
    fn set_aside(&self, now_ms: i64) -> Result<Error, Error> {
        let mut stem = format!("{KEPT}{now_ms}");
        let mut tries = 0;
        while self.files().exists(&self.dir.join(format!("{stem}-{FILE}"))) {
            tries += 1;
            stem = format!("{KEPT}{now_ms}-{tries}");
        }
        // The database goes last: cut in between, the next opening still finds a damaged one.
        for suffix in SUFFIXES.iter().rev() {
            let file = self.file(suffix);
            if self.files().exists(&file) {
                self.files().rename(&file, &self.dir.join(format!("{stem}-{FILE}{suffix}")))?;
            }
        }
        // What was unsent is known from these when nothing else can be read.
        let counts = self.dir.join(crate::summary::FILE);
        if self.files().exists(&counts) {
            self.files().rename(&counts, &self.dir.join(format!("{stem}-{}", crate::summary::FILE)))?;
        }
        let _ = self.files().remove(&self.dir.join(SUSPECT));
        let kept_at = self.kept()?.unwrap_or_else(|| self.dir.clone());
        tracing::error!("the store is damaged and was set aside");
        Ok(Error::StorageDamaged { kept_at })
    }

    /// The newest file that was set aside here.
    fn kept(&self) -> Result<Option<PathBuf>, Error> {
        let is_kept = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with(KEPT) && name.contains(FILE) && !name.ends_with("-shm")
        };
        Ok(self.files().list(&self.dir)?.into_iter().filter(is_kept).max())
    }

    /// Destroys the store and everything beside it, and leaves a marker. Cut off after the marker, the next opening goes
    /// on.
    pub(super) fn destroy(&self, now_ms: i64) -> Result<(), Error> {
        let said = format!("The office had this device wiped, {now_ms} ms after 1970 UTC by the device's clock.\n");
        self.files().replace(&self.dir.join(WIPED), said.as_bytes())?;
        self.destroy_files()
    }

    fn destroy_files(&self) -> Result<(), Error> {
        if let Some(provider) = &self.key
            && let Err(error) = provider.destroy()
        {
            tracing::error!(%error, "failed to destroy the key of a wiped store");
        }
        let blobs = self.dir.join(crate::device::BLOBS);
        let in_blobs = if self.files().exists(&blobs) { self.files().list(&blobs)? } else { Vec::new() };
        let beside = self.files().list(&self.dir)?.into_iter().filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with(FILE)
                || name.starts_with(KEPT)
                || [SUSPECT, KEY_CHECK, crate::summary::FILE].contains(&name)
        });
        for file in in_blobs.into_iter().chain(beside) {
            self.files().remove(&file)?;
        }
        Ok(())
    }

    /// How many stores were set aside here.
    pub(super) fn set_aside_count(&self) -> Result<usize, Error> {
        let is_store = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with(KEPT) && name.ends_with(FILE)
        };
        Ok(self.files().list(&self.dir)?.iter().filter(|path| is_store(path)).count())
    }

    /// Whether a write-ahead log waits beside the database.
    fn has_log(&self) -> Result<bool, Error> {
        Ok(self.files().len(&self.file("-wal"))?.is_some_and(|length| length > 0))
    }

    fn file(&self, suffix: &str) -> PathBuf {
        self.dir.join(format!("{FILE}{suffix}"))
    }

    fn files(&self) -> &dyn Files {
        self.medium.files.as_ref()
    }
}

fn configure(connection: &Connection) -> Result<(), Error> {
    connection.busy_timeout(std::time::Duration::from_secs(10))?; // a tool that looks into the file may hold the lock
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?; // nothing corrupts the file through SQL
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?; // a misspelt column is an error, not a text
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    connection.pragma_update(None, "trusted_schema", false)?; // a planted schema runs nothing
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cell_size_check", true)?; // finds damage before it spreads
    // A call that returned survives a power cut. Of a log, `extra` asks no more than `full` does; but the journal of the
    // very first transaction, before there is a log, must not come back and undo it when its removal was not synced.
    connection.pragma_update(None, "synchronous", synchronous())?;
    if cfg!(target_vendor = "apple") {
        connection.pragma_update(None, "fullfsync", true)?; // fsync alone does not reach the disk there
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(())
}

fn synchronous() -> &'static str {
    if fieldsync_protocol::planted!("synchronous-normal") { "normal" } else { "extra" }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn place(dir: &Path) -> Place {
        Place { dir: dir.to_owned(), medium: Medium::default(), key: None, known: Mutex::default() }
    }

    fn open(dir: &Path, now_ms: i64, start_over: bool) -> Result<Connection, Error> {
        place(dir).open(now_ms, start_over)
    }

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
        place(dir.path()).mark_suspect();

        assert!(matches!(open(dir.path(), 2, false), Err(Error::StorageDamaged { .. })));
    }

    #[test]
    fn a_wipe_that_was_cut_short_is_finished_at_the_next_opening() {
        let dir = tempfile::tempdir().unwrap();
        drop(open(dir.path(), 1, false).unwrap());
        fs::create_dir(dir.path().join("blobs")).unwrap();
        fs::write(dir.path().join("blobs/photo"), b"x").unwrap();
        fs::write(dir.path().join("damaged-7-fieldsync.db"), b"x").unwrap();
        fs::write(dir.path().join(WIPED), b"").unwrap();

        assert!(matches!(open(dir.path(), 2, false), Err(Error::Wiped)));
        assert_eq!(fs::read_dir(dir.path().join("blobs")).unwrap().count(), 0);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "the marker and the empty folder");
        assert!(matches!(open(dir.path(), 3, false), Err(Error::Wiped)));
        open(dir.path(), 4, true).unwrap();
        open(dir.path(), 5, false).unwrap();
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
