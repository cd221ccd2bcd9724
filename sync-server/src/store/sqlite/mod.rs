//! The embedded store: one SQLite database, one writer with group commit, readers on WAL snapshots.
//!
//! The writer takes whatever work is waiting, runs each piece in a savepoint of its own, commits once with
//! `synchronous = extra`, and only then tells each caller. A piece that fails is rolled back alone.

mod blobs;
mod board;
mod bundles;
mod collected;
mod devices;
mod erased;
mod held;
mod history;
mod records;
mod scope;
mod tenants;
mod users;
mod writer;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use fieldsync::Medium;
use fieldsync_protocol::{Hash, RecordId};
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use tokio::sync::broadcast;

use super::{Audience, Changed, Store, StoreError, TenantId, Txn, Work};
use writer::Writer;

mod migrations {
    refinery::embed_migrations!("src/store/migrations");
}

/// Oldest SQLite without the write-ahead-log reset bug, as `SQLITE_VERSION_NUMBER`.
const SQLITE_MIN: i32 = 3_051_003;
/// Readers kept open.
const READERS_MAX: usize = 8;
/// Announcements a slow listener may fall behind.
const CHANGES_KEPT: usize = 256;
/// Statements kept prepared per connection.
const STATEMENTS_KEPT: usize = 128;

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The linked SQLite is too old to be safe.
    #[error("use SQLite {0}: it may lose committed data, 3.51.3 or newer is needed")]
    TooOld(String),
    /// The file is not a database, or is damaged. It was left as it is.
    #[error("open the database {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// A newer server wrote this database, or a migration failed. It was left as it is.
    #[error("bring the database {} to this version", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// What the migration says.
        #[source]
        source: Box<refinery::Error>,
    },
}

/// The embedded store.
pub struct SqliteStore {
    path: PathBuf,
    medium: Medium,
    // Before the writer, so that the writer closes last: only a connection that may write leaves one file behind.
    readers: Mutex<Vec<Connection>>,
    writer: Writer,
    changes: broadcast::Sender<Changed>,
}

impl SqliteStore {
    /// Opens the database at `path`, making and migrating it as needed.
    ///
    /// # Errors
    /// [`OpenError`]; the file is never deleted or replaced.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::open_on(path, Medium::default())
    }

    /// Like [`SqliteStore::open`], for a database that lies on `medium`.
    ///
    /// # Errors
    /// Like [`SqliteStore::open`].
    pub fn open_on(path: &Path, medium: Medium) -> Result<Self, OpenError> {
        if rusqlite::version_number() < SQLITE_MIN {
            return Err(OpenError::TooOld(rusqlite::version().to_owned()));
        }
        let unreadable = |source| OpenError::Unreadable { path: path.to_owned(), source };
        let mut connection = connect(&medium, path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
            .map_err(unreadable)?;
        // One transaction with the notes about it: a database migrated and not noted could never be opened again.
        let runner = migrations::migrations::runner().set_abort_missing(true).set_grouped(true);
        // The library panics on notes that it did not write.
        let ran = catch_unwind(AssertUnwindSafe(|| runner.run(&mut connection)));
        let damage = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        ran.map_err(|_| unreadable(rusqlite::Error::SqliteFailure(damage, None)))?
            .map_err(|source| OpenError::Schema { path: path.to_owned(), source: Box::new(source) })?;
        let (changes, _) = broadcast::channel(CHANGES_KEPT);
        let writer = Writer::start(connection, changes.clone());
        Ok(Self { path: path.to_owned(), medium, writer, readers: Mutex::new(Vec::new()), changes })
    }

    fn reader(&self) -> Result<Connection, StoreError> {
        let kept = self.readers.lock().expect("nobody panics while holding this lock").pop();
        match kept {
            Some(connection) => Ok(connection),
            None => Ok(connect(&self.medium, &self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?),
        }
    }
}

fn connect(medium: &Medium, path: &Path, flags: OpenFlags) -> Result<Connection, rusqlite::Error> {
    let connection = medium.connect(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    if !flags.contains(OpenFlags::SQLITE_OPEN_READ_ONLY) {
        // A commit that was answered survives a power cut. Of a log, `extra` asks no more than `full` does; but the journal
        // of the very first transaction, before there is a log, must not come back when its removal was not synced.
        let is_planted = fieldsync_protocol::planted!("office-synchronous-normal");
        connection.pragma_update(None, "synchronous", if is_planted { "normal" } else { "extra" })?;
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
    }
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cache_size", -32_768)?;
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    Ok(connection)
}

impl Store for SqliteStore {
    fn write(&self, tenant: TenantId, work: Work) -> Result<(), StoreError> {
        self.writer.run(tenant, work)
    }

    fn read(
        &self,
        tenant: TenantId,
        work: &mut dyn FnMut(&mut dyn Txn) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let connection = self.reader()?;
        let snapshot = connection.unchecked_transaction()?;
        let result = work(&mut SqliteTxn::new(&snapshot, tenant));
        drop(snapshot);
        let mut readers = self.readers.lock().expect("nobody panics while holding this lock");
        if readers.len() < READERS_MAX {
            readers.push(connection);
        }
        result
    }

    fn tenant(&self, name: &str, epoch: u64) -> Result<TenantId, StoreError> {
        let name = name.to_owned();
        let slot = std::sync::Arc::new(Mutex::new(None));
        let filled = std::sync::Arc::clone(&slot);
        self.writer.run_raw(Box::new(move |connection| {
            let known = connection
                .query_row("select tenant from tenant where name = ?1", [&name], |row| row.get(0))
                .optional()?;
            let id: i64 = match known {
                Some(id) => id,
                None => connection.query_row(
                    "insert into tenant (tenant, name, epoch, chain)
                     values ((select coalesce(max(tenant), 0) + 1 from tenant), ?1, ?2, ?3)
                     returning tenant",
                    (&name, epoch as i64, Hash([0; 32]).as_bytes()),
                    |row| row.get(0),
                )?,
            };
            *filled.lock().expect("nobody panics while holding this lock") = Some(TenantId(id));
            Ok(())
        }))?;
        slot.lock().expect("nobody panics while holding this lock").take().ok_or(StoreError::Closed)
    }

    fn changes(&self) -> broadcast::Receiver<Changed> {
        self.changes.subscribe()
    }

    fn backup(&self, target: &Path) -> Result<(), StoreError> {
        let source = connect(&self.medium, &self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut target = Connection::open(target)?;
        let backup = rusqlite::backup::Backup::new(&source, &mut target)?;
        backup.run_to_completion(4_096, std::time::Duration::ZERO, None)?;
        Ok(())
    }

    fn scrub(&self) -> Result<(), StoreError> {
        self.readers.lock().expect("nobody panics while holding this lock").clear();
        let connection = connect(&self.medium, &self.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.execute("insert into job_text (job_text) values ('optimize')", [])?;
        connection.execute_batch("vacuum")?;
        // Readers that are under way keep the journal; its content is overwritten when they have ended.
        connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))?;
        Ok(())
    }

    fn check(&self) -> Result<Vec<String>, StoreError> {
        let connection = self.reader()?;
        let mut statement = connection.prepare("pragma integrity_check")?;
        let lines = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }
}

/// A transaction of the embedded store.
pub(super) struct SqliteTxn<'c> {
    connection: &'c Connection,
    tenant: TenantId,
    touched: RefCell<(BTreeSet<RecordId>, BTreeSet<Audience>)>,
}

impl<'c> SqliteTxn<'c> {
    fn new(connection: &'c Connection, tenant: TenantId) -> Self {
        Self { connection, tenant, touched: RefCell::default() }
    }

    /// What this transaction touched, to be announced after the commit.
    fn into_changed(self) -> Changed {
        let (records, audiences) = self.touched.into_inner();
        Changed { tenant: self.tenant, records, audiences }
    }
}

impl Txn for SqliteTxn<'_> {}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            _ => Self::Database(Box::new(error)),
        }
    }
}

/// Reads a fixed-size id or hash out of a blob column.
macro_rules! column {
    ($row:expr, $place:expr, $type:ty) => {{
        let bytes = $row.get_ref($place)?.as_blob().map_err(rusqlite::Error::from)?;
        <$type>::from_slice(bytes).ok_or(rusqlite::Error::InvalidQuery)?
    }};
}
pub(super) use column;
