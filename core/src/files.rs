//! The disk as far as the engine sees it beside SQLite: markers, photos, what is set aside.
//!
//! Everything of a device or an office lies on one [`Medium`]: files through [`Files`], databases through a SQLite VFS.
//! The default is the operating system's disk. Tests put a whole device or office into memory, cut its power at any
//! call and go on from what a disk would have kept.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};

/// What a device or an office lies on. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Medium {
    /// The files beside the databases.
    pub files: Arc<dyn Files>,
    /// The SQLite VFS of the databases, by the name under which it is registered; SQLite's own when `None`.
    pub vfs: Option<String>,
}

impl Default for Medium {
    fn default() -> Self {
        Self { files: Arc::new(SystemFiles), vfs: None }
    }
}

impl Medium {
    /// Opens a database that lies here; nothing about the connection is set yet.
    ///
    /// # Errors
    /// SQLite's.
    pub fn connect(&self, path: &Path, flags: OpenFlags) -> Result<Connection, rusqlite::Error> {
        match &self.vfs {
            Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs.as_str()),
            None => Connection::open_with_flags(path, flags),
        }
    }
}

/// The few things that are done to files beside SQLite. Never used on a database that is open.
///
/// Files and folders it makes are readable by their owner only, where the system knows owners.
pub trait Files: fmt::Debug + Send + Sync {
    /// Makes a folder with those above it, durably. A folder that is there stays as it is.
    ///
    /// # Errors
    /// The system's.
    fn make_dir(&self, folder: &Path) -> io::Result<()>;

    /// Bytes of a file or, whatever it counts for one, of a folder; `None` when nothing is there.
    ///
    /// # Errors
    /// The system's, other than that nothing is there.
    fn len(&self, file: &Path) -> io::Result<Option<u64>>;

    /// What lies in a folder, in no order.
    ///
    /// # Errors
    /// The system's.
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;

    /// At most `limit` bytes from `offset` on; fewer only at the end of the file.
    ///
    /// # Errors
    /// The system's.
    fn read(&self, file: &Path, offset: u64, limit: usize) -> io::Result<Vec<u8>>;

    /// Gives a file this content, making it when it is not there. Its content is on the disk when this returns; a crash
    /// before that leaves any part of it.
    ///
    /// # Errors
    /// The system's.
    fn write(&self, file: &Path, content: &[u8]) -> io::Result<()>;

    /// Writes `bytes` at `offset` and cuts off whatever stood after them, making the file when it is not there. Durable
    /// after [`Files::sync`] only.
    ///
    /// # Errors
    /// The system's.
    fn append(&self, file: &Path, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Brings a file's content to the disk.
    ///
    /// # Errors
    /// The system's.
    fn sync(&self, file: &Path) -> io::Result<()>;

    /// Gives a file another name in the same folder, in place of what had it. Happens whole or not at all, and is durable
    /// when this returns.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file this content whole or not at all, in place of what it had, durably. Until all of it is on the disk it
    /// has the file's name with `.new` after it; what a crash left there is written over the next time.
    ///
    /// # Errors
    /// The system's; the file is as it was then.
    fn replace(&self, file: &Path, content: &[u8]) -> io::Result<()> {
        let mut fresh = file.as_os_str().to_owned();
        fresh.push(".new");
        let fresh = PathBuf::from(fresh);
        self.write(&fresh, content)?;
        self.rename(&fresh, file)
    }

    /// Removes a file. It may be back after a power cut.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::NotFound`] when nothing was there.
    fn remove(&self, file: &Path) -> io::Result<()>;

    /// Removes an empty folder. By default there is nothing to do: right where folders are only names.
    ///
    /// # Errors
    /// The system's.
    fn remove_dir(&self, folder: &Path) -> io::Result<()> {
        let _ = folder;
        Ok(())
    }

    /// Holds `file`, making it when it is not there, until the guard is dropped or the process ends; `None` while somebody
    /// else holds it, in this process or another. Nothing is held by default: right where nobody else can come.
    ///
    /// # Errors
    /// The system's.
    fn hold(&self, file: &Path) -> io::Result<Option<Hold>> {
        let _ = file;
        Ok(Some(Hold::new(())))
    }

    /// Whether a file or folder is there. What cannot be looked at counts as not there.
    fn exists(&self, file: &Path) -> bool {
        self.len(file).is_ok_and(|length| length.is_some())
    }
}

/// Holds a file until it is dropped.
pub struct Hold {
    _guard: Box<dyn Send + Sync>,
}

impl Hold {
    /// Held as long as `guard` lives.
    pub fn new(guard: impl Send + Sync + 'static) -> Self {
        Self { _guard: Box::new(guard) }
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hold")
    }
}

/// The files of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemFiles;

impl Files for SystemFiles {
    fn make_dir(&self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
        if let Some(above) = above {
            self.make_dir(above)?;
        }
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(folder) {
            // Somebody else may have made it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
            made => made?,
        }
        // A phone's app may not look into every folder above its own.
        if cfg!(unix)
            && let Some(above) = above
            && let Ok(above) = File::open(above)
        {
            above.sync_all()?;
        }
        Ok(())
    }

    fn len(&self, file: &Path) -> io::Result<Option<u64>> {
        match fs::metadata(file) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
    }

    fn read(&self, file: &Path, offset: u64, limit: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(file)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(limit as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write(&self, file: &Path, content: &[u8]) -> io::Result<()> {
        let mut file = private().create(true).truncate(true).open(file)?;
        file.write_all(content)?;
        file.sync_all()
    }

    fn append(&self, file: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = private().create(true).truncate(false).open(file)?;
        file.set_len(offset)?;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }

    fn sync(&self, file: &Path) -> io::Result<()> {
        OpenOptions::new().write(true).open(file)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        if cfg!(unix)
            && let Some(folder) = to.parent()
        {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        fs::remove_file(file)
    }

    fn remove_dir(&self, folder: &Path) -> io::Result<()> {
        fs::remove_dir(folder)
    }

    fn hold(&self, file: &Path) -> io::Result<Option<Hold>> {
        let held = private().create(true).truncate(false).open(file)?;
        match held.try_lock() {
            Ok(()) => Ok(Some(Hold::new(held))),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Opens for writing what only its owner may read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_files_do_what_the_contract_says() {
        let dir = tempfile::tempdir().unwrap();
        let (files, folder) = (SystemFiles, dir.path().join("a/b"));
        files.make_dir(&folder).unwrap();
        files.make_dir(&folder).unwrap();
        let (one, two) = (folder.join("one"), folder.join("two"));

        assert_eq!(files.len(&one).unwrap(), None);
        files.write(&one, b"first words").unwrap();
        files.write(&one, b"words").unwrap();
        files.append(&one, 4, b"y man").unwrap();
        files.sync(&one).unwrap();
        assert_eq!(files.read(&one, 0, 100).unwrap(), b"wordy man");
        assert_eq!(files.read(&one, 4, 3).unwrap(), b"y m");
        assert!(files.read(&one, 20, 3).unwrap().is_empty());
        files.append(&one, 2, b"").unwrap();
        assert_eq!(files.len(&one).unwrap(), Some(2));

        files.write(&two, b"").unwrap();
        files.rename(&one, &two).unwrap();
        assert_eq!(files.list(&folder).unwrap(), std::slice::from_ref(&two));
        assert!(files.exists(&two) && files.exists(&folder) && !files.exists(&one));
        files.remove(&two).unwrap();
        assert_eq!(files.remove(&two).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_what_it_makes() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("mine");
        SystemFiles.make_dir(&folder).unwrap();
        SystemFiles.write(&folder.join("written"), b"x").unwrap();
        SystemFiles.append(&folder.join("appended"), 0, b"x").unwrap();

        for path in [folder.clone(), folder.join("written"), folder.join("appended")] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o077, 0);
        }
    }
}
