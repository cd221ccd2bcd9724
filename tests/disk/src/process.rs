//! Somebody who works on a disk: a VFS for SQLite and the files beside it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fieldsync::files::Hold;
use fieldsync::{Files, Medium};

use crate::disk::Disk;
use crate::fault::Call;
use crate::state::{Failure, State};
use crate::vfs::Registered;

/// A process on a disk. Clones are the same process; it goes on until it is killed or the disk loses its power.
#[derive(Clone)]
pub struct Process {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) disk: Disk,
    pub(crate) number: u64,
    vfs: Registered,
}

impl Process {
    pub(crate) fn start(disk: Disk, number: u64) -> Self {
        Self { inner: Arc::new_cyclic(|process| Inner { disk, number, vfs: Registered::new(process.clone()) }) }
    }

    /// What a device or an office of this process lies on.
    pub fn medium(&self) -> Medium {
        Medium { files: Arc::new(self.clone()), vfs: Some(self.inner.vfs.name().to_owned()) }
    }

    /// The disk it works on.
    pub fn disk(&self) -> &Disk {
        &self.inner.disk
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> bool {
        self.inner.disk.state().processes.contains(&self.inner.number)
    }

    /// Kills it: its locks are free, what it wrote stays, and whatever still works for it fails. Twice is once.
    pub fn kill(&self) {
        self.inner.disk.state().kill(self.inner.number);
    }

    fn run<T>(&self, work: impl FnOnce(&mut State, u64) -> Result<T, Failure>) -> io::Result<T> {
        work(&mut self.inner.disk.state(), self.inner.number).map_err(|failure| match failure {
            Failure::Broken => io::Error::other("the disk failed"),
            Failure::Full => io::ErrorKind::StorageFull.into(),
            Failure::Missing => io::ErrorKind::NotFound.into(),
            Failure::Gone => io::Error::other("the process was killed"),
        })
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("number", &self.inner.number).finish_non_exhaustive()
    }
}

/// Lets go of a file when it is dropped, unless the process that held it is gone.
struct Guard {
    disk: Disk,
    file: String,
    number: u64,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.disk.state().held.retain(|file, (_, number)| *file != self.file || *number != self.number);
    }
}

fn name(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

impl Files for Process {
    fn make_dir(&self, folder: &Path) -> io::Result<()> {
        self.run(|state, me| {
            state.begin(me, Call::Look)?;
            for folder in folder.ancestors() {
                state.names.folders.insert(name(folder).into());
            }
            Ok(())
        })
    }

    fn len(&self, file: &Path) -> io::Result<Option<u64>> {
        let file = name(file);
        self.run(|state, me| {
            let length = state.len(me, &file)?;
            Ok(length.or_else(|| state.names.folders.contains(file.as_str()).then_some(0)))
        })
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.run(|state, me| {
            state.begin(me, Call::Look)?;
            let all = state.names.current.keys().chain(&state.names.folders);
            let here = all.map(|name| PathBuf::from(name.as_ref())).filter(|path| path.parent() == Some(folder));
            Ok(here.collect())
        })
    }

    fn read(&self, file: &Path, offset: u64, limit: usize) -> io::Result<Vec<u8>> {
        self.run(|state, me| {
            let node = state.names.get(&name(file)).ok_or(Failure::Missing)?;
            let offset = offset as usize;
            let mut bytes = vec![0; limit.min(state.file(node)?.current.len().saturating_sub(offset))];
            // A system's file is read until all of it is there: a short read is only a slower one.
            let length = state.read(me, node, offset, &mut bytes)?;
            let rest = state.file(node)?.current.read(offset + length, &mut bytes[length..]);
            bytes.truncate(length + rest);
            Ok(bytes)
        })
    }

    fn write(&self, file: &Path, content: &[u8]) -> io::Result<()> {
        self.run(|state, me| {
            let (node, handle) = state.open(me, Some(&name(file)), true)?;
            let written = state
                .set_len(me, node, 0)
                .and_then(|()| state.write(me, node, 0, content))
                .and_then(|()| state.sync(me, node));
            state.close(node, handle);
            written
        })
    }

    fn append(&self, file: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.run(|state, me| {
            let (node, handle) = state.open(me, Some(&name(file)), true)?;
            let written =
                state.set_len(me, node, offset as usize).and_then(|()| state.write(me, node, offset as usize, bytes));
            state.close(node, handle);
            written
        })
    }

    fn sync(&self, file: &Path) -> io::Result<()> {
        self.run(|state, me| {
            let node = state.names.get(&name(file)).ok_or(Failure::Missing)?;
            state.sync(me, node)
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.run(|state, me| {
            state.rename(me, &name(from), &name(to))?;
            state.sync_names(me)
        })
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        self.run(|state, me| state.delete(me, &name(file)))
    }

    fn hold(&self, file: &Path) -> io::Result<Option<Hold>> {
        let file = name(file);
        let number = self.run(|state, me| {
            let (node, handle) = state.open(me, Some(&file), true)?;
            state.close(node, handle);
            let number = state.number();
            let is_free = !state.held.contains_key(&file);
            if is_free {
                state.held.insert(file.clone(), (me, number));
            }
            Ok(is_free.then_some(number))
        })?;
        Ok(number.map(|number| Hold::new(Guard { disk: self.inner.disk.clone(), file, number })))
    }
}
