//! The office's folder: where everything of one server lies, and how it is opened.
//!
//! `office.sqlite` is the database; outside it, because a restored database must not bring old ones back, stand `keys/`,
//! `anchor`, `revocations.log`, `erasures.log` and `collected.log`; `blobs/` holds photos and files; `server.lock` is held by the one server that serves
//! the folder, `commands.lock` shared by the commands at work in it. Commands work beside that server: SQLite lets several processes write in turn.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fieldsync::{Clock, Entropy, Files, Medium, SystemClock, SystemEntropy};
use rusqlite::OpenFlags;

use crate::anchor::{self, AnchorError};
use crate::blobs::{BlobError, Blobs};
use crate::collections::Collections;
use crate::erasures::Erasures;
use crate::keys::{Keys, KeysError};
use crate::office::Office;
use crate::revocations::{self, Revocations};
use crate::store::sqlite::{self, SqliteStore};
use crate::store::{Store, StoreError};
use crate::sync::{collect, erase};

/// The epoch a new office begins with; a restore opens a later one.
const FIRST_EPOCH: u64 = 1;
/// How long to wait for somebody who writes.
const BUSY: Duration = Duration::from_secs(10);

/// Why a folder could not be opened. Nothing in it was changed, unless the database was brought to this version.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server serves this folder.
    #[error(
        "serve {}: another server holds it. Stop that server first, or give this one another folder with --data",
        .0.display()
    )]
    Occupied(PathBuf),
    /// A command is at work in this folder.
    #[error("have {} alone: a command is at work in it. Try again when it has ended", .0.display())]
    Busy(PathBuf),
    /// A file or folder cannot be made, read or locked.
    #[error("use {}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The database is there and its keys are not.
    #[error(
        "find the keys of this office in {}. Put the folder `keys` of the old server there: with new keys no device would \
         be recognised and no signature would verify",
        .0.display()
    )]
    KeysMissing(PathBuf),
    /// The database belongs to somebody else.
    #[error("find the tenant `{wanted}`: this office is called {}. Leave --tenant out, or name that one", found.join(", "))]
    OtherTenant {
        /// The tenant asked for.
        wanted: String,
        /// Those that are there.
        found: Vec<String>,
    },
    /// There was a database, and it is gone.
    #[error(
        "find the database {}: this folder had one. Put it back, or restore a backup; an empty office is never opened in \
         its place",
        .0.display()
    )]
    DatabaseMissing(PathBuf),
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The database cannot be opened.
    #[error(transparent)]
    Database(#[from] sqlite::OpenError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The anchor could not be moved.
    #[error(transparent)]
    Anchor(#[from] AnchorError),
    /// The blobs cannot be used.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

/// Where things lie in an office's folder.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    medium: Medium,
}

impl Folder {
    /// The folder at `path`, which need not be there yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::on(path, Medium::default())
    }

    /// The folder at `path` of a medium. On another than the system's nobody else is expected: it is never locked.
    pub fn on(path: impl Into<PathBuf>, medium: Medium) -> Self {
        Self { path: path.into(), medium }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.path.join("office.sqlite")
    }

    /// The folder of the keys.
    pub fn keys(&self) -> PathBuf {
        self.path.join("keys")
    }

    /// The anchor.
    pub fn anchor(&self) -> PathBuf {
        self.path.join("anchor")
    }

    /// The folder of the blobs.
    pub fn blobs(&self) -> PathBuf {
        self.path.join("blobs")
    }

    /// The log of privacy erasures.
    pub fn erasures(&self) -> PathBuf {
        self.path.join("erasures.log")
    }

    /// The log of collections.
    pub fn collections(&self) -> PathBuf {
        self.path.join("collected.log")
    }

    /// The log of revocations.
    pub fn revocations(&self) -> PathBuf {
        self.path.join("revocations.log")
    }

    /// The names of the tenants in the database; none when there is no database yet, or it cannot be read.
    pub fn tenants(&self) -> Vec<String> {
        let read = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = self.medium.connect(&self.database(), flags)?;
            connection.busy_timeout(BUSY)?;
            let mut statement = connection.prepare("select name from tenant order by tenant")?;
            let names = statement.query_map([], |row| row.get(0))?;
            names.collect::<Result<Vec<String>, rusqlite::Error>>()
        };
        read().unwrap_or_default()
    }

    /// Whether the office's keys are there.
    pub fn has_keys(&self) -> bool {
        self.files().exists(&self.keys().join("root.key")) || self.files().exists(&self.keys().join("seal.key"))
    }

    /// Makes the folder, readable for its owner only, and holds it for a server until the lock is dropped.
    ///
    /// # Errors
    /// [`OpenError::Occupied`] while another server holds it.
    pub fn lock(&self) -> Result<Lock, OpenError> {
        let file = self.lock_file("server.lock", File::try_lock)?;
        Ok(Lock { _files: vec![file.ok_or_else(|| OpenError::Occupied(self.path.clone()))?] })
    }

    /// Holds the folder alone: neither a server nor a command works in it until the lock is dropped.
    ///
    /// # Errors
    /// [`OpenError::Occupied`] while a server holds it, [`OpenError::Busy`] while a command does.
    pub fn lock_alone(&self) -> Result<Lock, OpenError> {
        let mut lock = self.lock()?;
        let file = self.lock_file("commands.lock", File::try_lock)?;
        lock._files.push(file.ok_or_else(|| OpenError::Busy(self.path.clone()))?);
        Ok(lock)
    }

    /// Holds the folder for a command, beside a server and other commands.
    fn lock_beside(&self) -> Result<Lock, OpenError> {
        let file = self.lock_file("commands.lock", File::try_lock_shared)?;
        Ok(Lock { _files: vec![file.ok_or_else(|| OpenError::Occupied(self.path.clone()))?] })
    }

    fn make_dir(&self, path: &Path) -> Result<(), OpenError> {
        self.files().make_dir(path).map_err(|source| OpenError::File { path: path.to_owned(), source })
    }

    fn files(&self) -> &dyn Files {
        self.medium.files.as_ref()
    }

    /// A locked file of the folder; `None` when somebody else has locked it.
    fn lock_file(
        &self,
        name: &str,
        lock: impl FnOnce(&File) -> Result<(), TryLockError>,
    ) -> Result<Option<File>, OpenError> {
        self.make_dir(&self.path)?;
        let path = self.path.join(name);
        let fail = |source| OpenError::File { path: path.clone(), source };
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(fail)?;
        match lock(&file) {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(fail(source)),
        }
    }

    fn office(&self, tenant: &str, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<Office, OpenError> {
        if self.files().exists(&self.database()) && !self.has_keys() {
            return Err(OpenError::KeysMissing(self.keys()));
        }
        if self.files().exists(&self.anchor()) && !self.files().exists(&self.database()) {
            return Err(OpenError::DatabaseMissing(self.database()));
        }
        let found = self.tenants();
        if !found.is_empty() && !found.iter().any(|name| name == tenant) {
            return Err(OpenError::OtherTenant { wanted: tenant.to_owned(), found });
        }
        self.make_dir(&self.path)?;
        let keys =
            Keys::load_or_make(&self.keys(), self.files(), entropy.as_ref(), !self.files().exists(&self.database()))?;
        if !self.files().exists(&self.database()) {
            // SQLite gives its journals the rights of the file it finds.
            let path = self.database();
            self.files().write(&path, b"").map_err(|source| OpenError::File { path, source })?;
        }
        self.office_in(&self.database(), tenant, keys, clock, entropy)
    }

    /// The office, its anchor moved and its revocations replayed, and whether its database was an older copy.
    fn start(
        &self,
        tenant: &str,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<(Office, bool), OpenError> {
        let office = self.office(tenant, clock, entropy)?;
        let was_older = anchor::moor(&office, &self.anchor(), self.files())?;
        revocations::replay(&office)?;
        erase::replay(&office)?;
        collect::replay(&office)?;
        Ok((office, was_older))
    }

    /// The office whose database is at `path`, with this folder's keys, revocations, erasures and collections.
    pub(crate) fn office_in(
        &self,
        path: &Path,
        tenant: &str,
        keys: Keys,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Office, OpenError> {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open_on(path, self.medium.clone())?);
        let tenant = store.tenant(tenant, FIRST_EPOCH)?;
        let mut office = Office::start_with(store, tenant, Arc::new(keys), clock, entropy);
        let path = self.revocations();
        let log =
            Revocations::open(&path, self.medium.files.clone()).map_err(|source| OpenError::File { path, source })?;
        office.revocations = Arc::new(log);
        let path = self.erasures();
        let log =
            Erasures::open(&path, self.medium.files.clone()).map_err(|source| OpenError::File { path, source })?;
        office.erasures = Arc::new(log);
        let path = self.collections();
        let log =
            Collections::open(&path, self.medium.files.clone()).map_err(|source| OpenError::File { path, source })?;
        office.collections = Arc::new(log);
        Ok(office)
    }
}

/// Holds a folder; the operating system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _files: Vec<File>,
}

/// An office with everything that belongs to it.
pub struct Opened {
    /// The office.
    pub office: Office,
    /// Its photos and files.
    pub blobs: Blobs,
    /// Whether the database turned out to be an older copy: a new epoch has begun, and the devices bring back what was
    /// forgotten.
    pub was_older: bool,
    _lock: Lock,
}

/// Opens a folder to serve it, making what is not there: holds it, moves the anchor, replays the revocations.
///
/// # Errors
/// [`OpenError`].
pub fn open(folder: &Path, tenant: &str) -> Result<Opened, OpenError> {
    open_with(folder, tenant, Arc::new(SystemClock), Arc::new(SystemEntropy))
}

/// Like [`open`], on the clock and randomness given.
///
/// # Errors
/// Like [`open`].
pub fn open_with(
    folder: &Path,
    tenant: &str,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Opened, OpenError> {
    let folder = Folder::new(folder);
    let lock = folder.lock()?;
    let (office, was_older) = folder.start(tenant, clock, entropy)?;
    Ok(Opened { office, blobs: blobs(&folder)?, was_older, _lock: lock })
}

/// Like [`open_with`], in a folder of any medium, with its blobs in a store of their own.
///
/// # Errors
/// Like [`open`].
pub fn open_on(
    folder: &Folder,
    blobs: Blobs,
    tenant: &str,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Opened, OpenError> {
    let lock = if folder.medium.vfs.is_none() { folder.lock()? } else { Lock { _files: Vec::new() } };
    let (office, was_older) = folder.start(tenant, clock, entropy)?;
    Ok(Opened { office, blobs, was_older, _lock: lock })
}

/// Opens a folder for one command, beside a server that may be serving it.
///
/// # Errors
/// [`OpenError`].
pub fn visit(folder: &Path, tenant: &str) -> Result<Opened, OpenError> {
    let folder = Folder::new(folder);
    let lock = folder.lock_beside()?;
    let office = folder.office(tenant, Arc::new(SystemClock), Arc::new(SystemEntropy))?;
    Ok(Opened { office, blobs: blobs(&folder)?, was_older: false, _lock: lock })
}

fn blobs(folder: &Folder) -> Result<Blobs, OpenError> {
    folder.make_dir(&folder.blobs())?;
    Ok(Blobs::in_folder(&folder.blobs())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_server_and_any_number_of_commands() {
        let folder = tempfile::tempdir().unwrap();
        let served = open(folder.path(), "acme").unwrap();

        assert!(matches!(open(folder.path(), "acme"), Err(OpenError::Occupied(_))));
        visit(folder.path(), "acme").unwrap();
        drop(served);

        assert!(!open(folder.path(), "acme").unwrap().was_older, "nothing was restored");
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_database_or_keys() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let opened = open(folder.path(), "acme").unwrap();
        opened.office.read(|txn| txn.tenant()).unwrap();

        for name in ["office.sqlite", "office.sqlite-wal", "keys/root.key", "keys/seal.key"] {
            let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{name}");
        }
    }

    #[test]
    fn an_older_database_put_in_place_by_hand_opens_a_new_epoch() {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy");
        let epoch = |opened: &Opened| opened.office.read(|txn| txn.tenant()).unwrap().epoch;
        let first = open(folder.path(), "acme").unwrap();
        let before = epoch(&first);
        first.office.store.backup(&copy).unwrap();
        drop(first);
        drop(open(folder.path(), "acme").unwrap());
        std::fs::copy(&copy, Folder::new(folder.path()).database()).unwrap();

        let restored = open(folder.path(), "acme").unwrap();

        assert!(restored.was_older && epoch(&restored) > before);
    }

    #[test]
    fn an_office_is_never_taken_for_another_one() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path(), "acme").unwrap());

        assert!(matches!(visit(folder.path(), "office"), Err(OpenError::OtherTenant { .. })));
        assert_eq!(Folder::new(folder.path()).tenants(), ["acme"]);
    }

    #[test]
    fn a_database_without_its_keys_is_not_given_new_ones() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path(), "acme").unwrap());
        std::fs::remove_dir_all(folder.path().join("keys")).unwrap();

        assert!(matches!(open(folder.path(), "acme"), Err(OpenError::KeysMissing(_))));
    }

    #[test]
    fn an_empty_office_is_never_opened_in_place_of_a_lost_database() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path(), "acme").unwrap());
        std::fs::remove_file(Folder::new(folder.path()).database()).unwrap();

        assert!(matches!(open(folder.path(), "acme"), Err(OpenError::DatabaseMissing(_))));
    }

    #[test]
    fn a_revoked_device_stays_revoked_in_an_older_database() {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy");
        let opened = open(folder.path(), "acme").unwrap();
        let technician = crate::people::add_technician(&opened.office, "Anna", "", "").unwrap();
        let code = crate::enrol::new_code(&opened.office, technician).unwrap();
        let public_key = fieldsync_protocol::PublicKey([9; 32]);
        let enrol = fieldsync_protocol::enrol::Enrol { code, public_key, device_name: "phone".into() };
        let device = crate::enrol::enrol(&opened.office, &enrol).unwrap().certificate.device;
        opened.office.store.backup(&copy).unwrap();
        crate::enrol::revoke(&opened.office, device).unwrap();
        drop(opened);
        std::fs::copy(&copy, Folder::new(folder.path()).database()).unwrap();

        let restored = open(folder.path(), "acme").unwrap();

        let device = restored.office.read(|txn| txn.device(device)).unwrap().unwrap();
        assert!(device.revoked_ms.is_some());
    }
}
