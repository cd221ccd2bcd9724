//! A backup is one file: a consistent copy of the database, taken while the office works on, with a table of its own that
//! says what it is, which blobs belong to it, and, when asked, the keys.
//!
//! A restore never writes a database's dots twice: it opens a new epoch *in the copy*, before the copy takes the place of
//! the database in one step, so that no crash leaves the old epoch over old data. Keys, blobs, anchor and the log of
//! revocations stand outside the database and stay; what was there is moved aside, never deleted.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fieldsync::{Clock, Entropy, SystemClock, SystemEntropy, SystemFiles};
use fieldsync_protocol::{Hash, PublicKey};
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use serde::{Deserialize, Serialize};

use crate::folder::{Folder, OpenError, Opened};
use crate::keys::{Keys, KeysError};
use crate::office::Office;
use crate::revocations;
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError};
use crate::sync::exchange::new_epoch;
use crate::sync::{collect, erase};
use crate::verify::{Report, arrived};

/// Version of the table that stands in a backup.
const FORMAT: u32 = 1;
const KEY_FILES: [&str; 2] = ["root.key", "seal.key"];

/// Why a backup could not be written or restored. The database in place was not touched.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file of that name is there already.
    #[error("write {}: there is a file of that name already. Choose another name", .0.display())]
    Exists(PathBuf),
    /// The file is no backup.
    #[error("read {}: it is not a backup made by `fieldsync-server backup`", .0.display())]
    NoBackup(PathBuf),
    /// A newer server made the backup.
    #[error("understand the backup's format {0}: use the server that made it, or a newer one")]
    TooNew(u32),
    /// The copy is damaged.
    #[error("use the backup: {0}")]
    Damaged(String),
    /// The folder holds an office.
    #[error(
        "restore into {}: it holds an office already. Add --force to move its database aside and put the backup in its \
         place",
        .0.display()
    )]
    Occupied(PathBuf),
    /// Neither folder nor backup has keys.
    #[error(
        "find the office's keys: the backup was made without --with-keys. Put the folder `keys` of the old server into {}",
        .0.display()
    )]
    NoKeys(PathBuf),
    /// The folder's keys are not those of the backup's office.
    #[error(
        "restore into {}: its keys belong to another office. Restore into an empty folder, or put the right folder `keys` \
         there",
        .0.display()
    )]
    OtherKeys(PathBuf),
    /// A file cannot be read or written.
    #[error("use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// SQLite cannot use a file.
    #[error("use the database {}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The folder or database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a backup says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Format of this table.
    pub format: u32,
    /// The tenant's name.
    pub tenant: String,
    /// When it was made, milliseconds since 1970 UTC.
    pub made_ms: i64,
    /// The epoch then.
    pub epoch: u64,
    /// The last place in history.
    pub sequence: u64,
    /// The office's public root.
    pub root: PublicKey,
    /// The blobs that had arrived; their content is not in the backup.
    pub blobs: BTreeSet<Hash>,
    /// Whether the keys are in it.
    pub has_keys: bool,
}

/// What a restore came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What the backup said.
    pub manifest: Manifest,
    /// The new epoch.
    pub epoch: u64,
    /// Where the database that was there lies now.
    pub set_aside: Option<PathBuf>,
    /// Devices the restored database knows and has not revoked.
    pub devices: usize,
    /// Devices revoked again from the log outside the database.
    pub revoked: usize,
    /// Blobs that belong to the backup and are not in the folder.
    pub blobs_missing: usize,
}

/// Writes a backup of an office to a new file that only its owner can read.
///
/// # Errors
/// [`BackupError`]; no file is left then.
pub fn write(folder: &Folder, opened: &Opened, target: &Path, with_keys: bool) -> Result<Manifest, BackupError> {
    if target.exists() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    let copy = beside(target, "partial");
    let written = write_copy(folder, opened, &copy, with_keys);
    if written.is_err() {
        let _ = std::fs::remove_file(&copy);
    }
    let manifest = written?;
    move_durably(&copy, target)?;
    Ok(manifest)
}

fn write_copy(folder: &Folder, opened: &Opened, copy: &Path, with_keys: bool) -> Result<Manifest, BackupError> {
    make_private(copy)?;
    opened.office.store.backup(copy)?;
    let office = &opened.office;
    let tenant = office.read(|txn| txn.tenant())?;
    let (tenant, blobs) = {
        let copied = SqliteStore::open(copy).map_err(OpenError::from)?;
        if let Some(line) = copied.check()?.into_iter().next() {
            return Err(BackupError::Damaged(line));
        }
        let id = copied.tenant(&tenant.name, tenant.epoch)?;
        crate::store::read(&copied, id, |txn| {
            let blobs = arrived(txn, &mut Report::default())?;
            Ok::<_, StoreError>((txn.tenant()?, blobs.into_keys().collect()))
        })?
    };
    let manifest = Manifest {
        format: FORMAT,
        tenant: tenant.name,
        made_ms: office.now_ms(),
        epoch: tenant.epoch,
        sequence: tenant.sequence,
        root: office.keys.public_root(),
        blobs,
        has_keys: with_keys,
    };
    let fail = |source| BackupError::Database { path: copy.to_owned(), source };
    let connection = plain(copy, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(fail)?;
    connection
        .execute_batch("create table backup (name text primary key, content blob not null) strict")
        .map_err(fail)?;
    let put = |name: &str, content: &[u8]| {
        connection.execute("insert into backup (name, content) values (?1, ?2)", (name, content)).map_err(fail)
    };
    put("manifest", &serde_json::to_vec(&manifest).expect("a manifest always has a form in JSON"))?;
    if with_keys {
        for name in KEY_FILES {
            put(name, &read(&folder.keys().join(name))?)?;
        }
    }
    close_whole(connection).map_err(fail)?;
    Ok(manifest)
}

/// Puts a backup in place of a folder's database and opens a new epoch. With `force` a database that is there is moved
/// aside.
///
/// # Errors
/// [`BackupError`], [`OpenError::Occupied`] while a server runs, [`OpenError::Busy`] while a command does.
pub fn restore(folder: &Folder, source: &Path, force: bool) -> Result<Restored, BackupError> {
    restore_with(folder, source, force, Arc::new(SystemClock), Arc::new(SystemEntropy))
}

/// Like [`restore`], on the clock and randomness given.
///
/// # Errors
/// Like [`restore`].
pub fn restore_with(
    folder: &Folder,
    source: &Path,
    force: bool,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Restored, BackupError> {
    let (manifest, keys) = open_backup(source)?;
    let _lock = folder.lock_alone()?;
    let is_used = folder.database().exists();
    if is_used && !force {
        return Err(BackupError::Occupied(folder.path().to_owned()));
    }
    place_keys(folder, &manifest, &keys)?;
    let copy = beside(&folder.database(), "restoring");
    for stale in with_journals(&copy) {
        remove(&stale)?;
    }
    let now_ms = clock.now_ms();
    let prepared = prepare(folder, source, &copy, &manifest, clock, entropy);
    if prepared.is_err() {
        for stale in with_journals(&copy) {
            let _ = std::fs::remove_file(stale);
        }
    }
    let (epoch, devices, revoked) = prepared?;
    let set_aside = if is_used { Some(set_aside(folder, now_ms)?) } else { None };
    move_durably(&copy, &folder.database())?;
    // Without the anchor the next start makes a new one; with the old one it would open one more epoch, which is harmless.
    remove(&folder.anchor())?;
    let is_missing = |hash: &&Hash| !folder.blobs().join("blob").join(hash.to_string()).exists();
    let blobs_missing = manifest.blobs.iter().filter(is_missing).count();
    Ok(Restored { manifest, epoch, set_aside, devices, revoked, blobs_missing })
}

type KeyFile = (&'static str, Vec<u8>);

fn open_backup(path: &Path) -> Result<(Manifest, Vec<KeyFile>), BackupError> {
    if !path.is_file() {
        let source = io::Error::from(io::ErrorKind::NotFound);
        return Err(BackupError::File { path: path.to_owned(), source });
    }
    let none = |_| BackupError::NoBackup(path.to_owned());
    let connection = plain(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(none)?;
    let get = |name: &str| -> Result<Option<Vec<u8>>, BackupError> {
        let sql = "select content from backup where name = ?1";
        connection.query_row(sql, [name], |row| row.get(0)).optional().map_err(none)
    };
    let content = get("manifest")?.ok_or_else(|| BackupError::NoBackup(path.to_owned()))?;
    let format = serde_json::from_slice(&content).ok().and_then(|value: serde_json::Value| value["format"].as_u64());
    match format {
        Some(format) if format > u64::from(FORMAT) => {
            return Err(BackupError::TooNew(u32::try_from(format).unwrap_or(u32::MAX)));
        }
        _ => {}
    }
    let manifest = serde_json::from_slice(&content).map_err(|_| BackupError::NoBackup(path.to_owned()))?;
    let mut keys = Vec::new();
    for name in KEY_FILES {
        keys.extend(get(name)?.map(|content| (name, content)));
    }
    Ok((manifest, keys))
}

/// Makes sure that the folder has the keys of the backup's office.
fn place_keys(folder: &Folder, manifest: &Manifest, keys: &[KeyFile]) -> Result<(), BackupError> {
    if !folder.has_keys() {
        if keys.len() != KEY_FILES.len() {
            return Err(BackupError::NoKeys(folder.path().to_owned()));
        }
        let target = folder.keys();
        std::fs::create_dir_all(&target).map_err(|source| BackupError::File { path: target.clone(), source })?;
        for (name, content) in keys {
            let path = target.join(name);
            make_private(&path)?;
            std::fs::write(&path, content).map_err(|source| BackupError::File { path: path.clone(), source })?;
        }
    }
    if load_keys(folder)?.public_root() == manifest.root {
        Ok(())
    } else {
        Err(BackupError::OtherKeys(folder.path().to_owned()))
    }
}

fn load_keys(folder: &Folder) -> Result<Keys, KeysError> {
    Keys::load_or_make(&folder.keys(), &SystemFiles, &SystemEntropy, false)
}

/// Copies the backup beside the database, checks it, and opens the new epoch in it.
fn prepare(
    folder: &Folder,
    source: &Path,
    copy: &Path,
    manifest: &Manifest,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<(u64, usize, usize), BackupError> {
    make_private(copy)?;
    std::fs::copy(source, copy).map_err(|error| BackupError::File { path: copy.to_owned(), source: error })?;
    let fail = |source| BackupError::Database { path: copy.to_owned(), source };
    let connection = plain(copy, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(fail)?;
    connection.execute_batch("drop table backup").map_err(fail)?;
    connection.close().map_err(|(_, source)| fail(source))?;
    let latest = current_epoch(folder, &manifest.tenant).max(manifest.epoch);
    let office = folder.office_in(copy, &manifest.tenant, load_keys(folder)?, clock, entropy)?;
    if let Some(line) = office.store.check()?.into_iter().next() {
        return Err(BackupError::Damaged(line));
    }
    if let Err(place) = office.read(|txn| txn.verify_chain())? {
        return Err(BackupError::Damaged(format!("the history's chain breaks at entry {place}")));
    }
    let epoch = begin_epoch(&office, latest)?;
    let revoked = revocations::replay(&office)?;
    erase::replay(&office)?;
    collect::replay(&office)?;
    let devices = office.read(|txn| txn.devices())?.iter().filter(|device| device.revoked_ms.is_none()).count();
    drop(office);
    plain(copy, OpenFlags::SQLITE_OPEN_READ_WRITE).and_then(close_whole).map_err(fail)?;
    Ok((epoch, devices, revoked))
}

fn begin_epoch(office: &Office, latest: u64) -> Result<u64, StoreError> {
    if fieldsync_protocol::planted!("restore-keeps-epoch") {
        return Ok(office.read(|txn| txn.tenant())?.epoch);
    }
    let (epoch, now_ms) = (new_epoch(office, latest), office.now_ms());
    office.write(move |txn| {
        txn.begin_epoch(epoch, now_ms)?;
        txn.set_anchors(&[])?;
        Ok(epoch)
    })
}

/// The epoch of the database that is there, when it can still be read.
fn current_epoch(folder: &Folder, tenant: &str) -> u64 {
    let read = || {
        let connection = plain(&folder.database(), OpenFlags::SQLITE_OPEN_READ_WRITE).ok()?;
        let epoch: i64 =
            connection.query_row("select epoch from tenant where name = ?1", [tenant], |row| row.get(0)).ok()?;
        u64::try_from(epoch).ok()
    };
    read().unwrap_or(0)
}

/// Keeps the database that is there in a folder of its own. It stays in place too until the copy replaces it.
fn set_aside(folder: &Folder, now_ms: i64) -> Result<PathBuf, BackupError> {
    let name = format!("before-restore-{now_ms}");
    let target = folder.path().join(name);
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |source| BackupError::File { path, source }
    };
    std::fs::create_dir(&target).map_err(fail(&target))?;
    // Opening and closing brings the journal's content into the file; what is too damaged for that keeps its journal.
    if let Ok(connection) = plain(&folder.database(), OpenFlags::SQLITE_OPEN_READ_WRITE) {
        let _ = connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()));
    }
    let [database, journals @ ..] = with_journals(&folder.database());
    let kept = target.join("office.sqlite");
    if std::fs::hard_link(&database, &kept).is_err() {
        std::fs::copy(&database, &kept).map_err(fail(&kept))?;
    }
    for journal in journals.into_iter().filter(|journal| journal.exists()) {
        if let Some(name) = journal.file_name() {
            std::fs::rename(&journal, target.join(name)).map_err(fail(&journal))?;
        }
    }
    if folder.anchor().exists() {
        std::fs::copy(folder.anchor(), target.join("anchor")).map_err(fail(&folder.anchor()))?;
    }
    Ok(target)
}

/// Closes a database so that everything is in its one file, which can then be moved, or read from a medium that cannot be
/// written.
fn close_whole(connection: Connection) -> Result<(), rusqlite::Error> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "delete", |row| row.get(0))?;
    if mode != "delete" {
        return Err(rusqlite::Error::QueryReturnedNoRows);
    }
    connection.close().map_err(|(_, source)| source)
}

/// A connection without any of the store's settings.
fn plain(path: &Path, flags: OpenFlags) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    Ok(connection)
}

fn with_journals(database: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|ending| {
        let mut name = database.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    })
}

fn beside(path: &Path, word: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{word}"));
    PathBuf::from(name)
}

fn read(path: &Path) -> Result<Vec<u8>, BackupError> {
    std::fs::read(path).map_err(|source| BackupError::File { path: path.to_owned(), source })
}

fn remove(path: &Path) -> Result<(), BackupError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(BackupError::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Makes an empty file that only its owner can read, replacing what an earlier attempt left.
fn make_private(path: &Path) -> Result<(), BackupError> {
    remove(path)?;
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ()).map_err(|source| BackupError::File { path: path.to_owned(), source })
}

/// Renames a file so that after a power cut either the old or the new one is there, whole.
fn move_durably(from: &Path, to: &Path) -> Result<(), BackupError> {
    let fail = |source| BackupError::File { path: to.to_owned(), source };
    File::options().read(true).write(true).open(from).and_then(|file| file.sync_all()).map_err(fail)?;
    std::fs::rename(from, to).map_err(fail)?;
    let folder = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(fail)
}

#[cfg(test)]
mod tests {
    use fieldsync_protocol::enrol::Enrol;

    use super::*;
    use crate::folder::open;
    use crate::people::add_technician;
    use crate::{enrol, verify};

    fn epoch(opened: &Opened) -> u64 {
        opened.office.read(|txn| txn.tenant()).unwrap().epoch
    }

    #[test]
    fn a_restored_backup_opens_a_new_epoch_and_the_lost_time_stays_revoked() {
        let place = tempfile::tempdir().unwrap();
        let (folder, file) = (Folder::new(place.path().join("data")), place.path().join("office.backup"));
        let opened = open(folder.path(), "acme").unwrap();
        let technician = add_technician(&opened.office, "Anna", "", "").unwrap();
        let code = enrol::new_code(&opened.office, technician).unwrap();
        let request = Enrol { code, public_key: PublicKey([9; 32]), device_name: "phone".into() };
        let device = enrol::enrol(&opened.office, &request).unwrap().certificate.device;
        let before = epoch(&opened);
        let manifest = write(&folder, &opened, &file, false).unwrap();
        assert!(!manifest.has_keys && matches!(write(&folder, &opened, &file, false), Err(BackupError::Exists(_))));
        let lost = add_technician(&opened.office, "Bert", "", "").unwrap();
        enrol::revoke(&opened.office, device).unwrap();
        assert!(matches!(restore(&folder, &file, true), Err(BackupError::Open(OpenError::Occupied(_)))));
        drop(opened);

        assert!(matches!(restore(&folder, &file, false), Err(BackupError::Occupied(_))));
        let restored = restore(&folder, &file, true).unwrap();

        assert_eq!((restored.devices, restored.revoked), (0, 1));
        let opened = open(folder.path(), "acme").unwrap();
        assert!(!opened.was_older, "one restore, one epoch");
        assert!(epoch(&opened) > before && epoch(&opened) == restored.epoch);
        assert_eq!(opened.office.read(|txn| txn.record(lost)).unwrap(), None);
        assert!(opened.office.read(|txn| txn.record(technician)).unwrap().is_some());
        assert!(opened.office.read(|txn| txn.device(device)).unwrap().unwrap().revoked_ms.is_some());
        let aside = SqliteStore::open(&restored.set_aside.unwrap().join("office.sqlite")).unwrap();
        let tenant = aside.tenant("acme", 1).unwrap();
        let kept = crate::store::read(&aside, tenant, |txn| txn.record(lost)).unwrap();
        assert!(kept.is_some(), "what was there is kept");
    }

    #[test]
    fn an_empty_folder_needs_the_keys_and_another_offices_keys_do_not_do() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path().join("data"));
        let opened = open(folder.path(), "acme").unwrap();
        let (bare, whole) = (place.path().join("bare"), place.path().join("whole"));
        write(&folder, &opened, &bare, false).unwrap();
        write(&folder, &opened, &whole, true).unwrap();
        let root = opened.office.keys.public_root();
        let (fresh, other) = (Folder::new(place.path().join("fresh")), Folder::new(place.path().join("other")));
        drop(open(other.path(), "acme").unwrap());

        assert!(matches!(restore(&fresh, &bare, false), Err(BackupError::NoKeys(_))));
        assert!(matches!(restore(&other, &whole, true), Err(BackupError::OtherKeys(_))));
        restore(&fresh, &whole, false).unwrap();

        assert_eq!(open(fresh.path(), "acme").unwrap().office.keys.public_root(), root);
        drop(open(other.path(), "acme").unwrap());
    }

    #[test]
    fn what_is_no_sound_backup_is_refused_and_nothing_is_touched() {
        let place = tempfile::tempdir().unwrap();
        let (folder, file) = (Folder::new(place.path().join("data")), place.path().join("file"));
        let opened = open(folder.path(), "acme").unwrap();
        let technician = add_technician(&opened.office, "Anna", "", "").unwrap();
        write(&folder, &opened, &file, true).unwrap();
        drop(opened);
        let sound = std::fs::read(&file).unwrap();

        std::fs::write(&file, b"PK\x03\x04 something else").unwrap();
        assert!(matches!(restore(&folder, &file, true), Err(BackupError::NoBackup(_))));
        std::fs::copy(folder.database(), &file).unwrap();
        assert!(matches!(restore(&folder, &file, true), Err(BackupError::NoBackup(_))));
        // The content of the one entry of history that names her is changed by a letter.
        let mut damaged = sound;
        let places: Vec<_> =
            damaged.windows(4).enumerate().filter(|(_, four)| four == b"Anna").map(|(at, _)| at).collect();
        places.iter().for_each(|at| damaged[*at] = b'E');
        assert!(!places.is_empty());
        std::fs::write(&file, damaged).unwrap();
        assert!(matches!(restore(&folder, &file, true), Err(BackupError::Damaged(_))));

        let opened = open(folder.path(), "acme").unwrap();
        assert!(!opened.was_older && opened.office.read(|txn| txn.record(technician)).unwrap().is_some());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(verify::verify(&opened.office, &opened.blobs)).unwrap().problems, [""; 0]);
    }
}
