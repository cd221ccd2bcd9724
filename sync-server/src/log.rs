//! A log that stands outside the database, so that a restored database cannot undo what it says: it is replayed at every
//! start and by every restore.
//!
//! One line an event, on the disk before the database is told. What is noted is read back by the same code that reads the
//! file, so a log says the same before and after a restart. A line cut short by a crash is passed over: its event had not
//! been answered. Lines that begin with another word belong to newer servers and are left alone.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fieldsync::Files;

/// What the lines of a log come to.
pub(crate) trait Lines: Default {
    /// Takes one line, in the order in which they were written; one that cannot be read changes nothing.
    fn read(&mut self, line: &str);
}

/// A log and what it says.
#[derive(Debug, Default)]
pub(crate) struct Log<K> {
    /// `None` for one that lives as long as the process.
    file: Option<(Arc<dyn Files>, PathBuf)>,
    known: Mutex<K>,
}

impl<K: Lines> Log<K> {
    /// Reads the log at `path`; none there is an empty one.
    ///
    /// # Errors
    /// [`io::Error`] when the file is there and cannot be read.
    pub(crate) fn open(path: &Path, files: Arc<dyn Files>) -> io::Result<Self> {
        let text = match files.read(path, 0, usize::MAX) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut known = K::default();
        String::from_utf8_lossy(&text).lines().for_each(|line| known.read(line));
        Ok(Self { file: Some((files, path.to_owned())), known: Mutex::new(known) })
    }

    /// What the log says.
    pub(crate) fn known(&self) -> MutexGuard<'_, K> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the lines that are made of what the log says so far, each with its end; durable when this returns. No lines
    /// change nothing.
    ///
    /// # Errors
    /// [`io::Error`] of the file; nothing is noted then.
    pub(crate) fn note(&self, lines: impl FnOnce(&K) -> String) -> io::Result<()> {
        let mut known = self.known();
        let lines = lines(&known);
        if lines.is_empty() {
            return Ok(());
        }
        if let Some((files, path)) = &self.file {
            append(files.as_ref(), path, &lines)?;
        }
        lines.lines().for_each(|line| known.read(line));
        Ok(())
    }
}

/// Appends lines, on the disk when this returns, also after a line that was cut short.
fn append(files: &dyn Files, path: &Path, lines: &str) -> io::Result<()> {
    let Some(length) = files.len(path)? else {
        // Not by `append`: a new file's name must be on the disk too.
        return files.replace(path, lines.as_bytes());
    };
    let is_cut = length > 0 && files.read(path, length - 1, 1)? != b"\n";
    let ending = if is_cut { "\n" } else { "" };
    files.append(path, length, format!("{ending}{lines}").as_bytes())?;
    files.sync(path)
}

#[cfg(test)]
mod tests {
    use fieldsync::SystemFiles;

    use super::*;

    #[derive(Debug, Default)]
    struct Words(Vec<String>);

    impl Lines for Words {
        fn read(&mut self, line: &str) {
            self.0.extend(line.strip_prefix("said ").map(str::to_owned));
        }
    }

    #[test]
    fn what_is_noted_survives_the_process_and_a_line_cut_short_or_from_elsewhere_harms_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words.log");
        let open = || Log::<Words>::open(&path, Arc::new(SystemFiles)).unwrap();
        open().note(|_| "said one\n".to_owned()).unwrap();
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + "sung 7\nsai").unwrap();

        let log = open();
        log.note(|known| format!("said {}\nsaid three\n", known.0.len() + 1)).unwrap();
        log.note(|_| String::new()).unwrap();

        for log in [&log, &open()] {
            assert_eq!(log.known().0, ["one", "2", "three"]);
        }
    }
}
