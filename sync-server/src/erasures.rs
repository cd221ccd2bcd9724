//! The log of privacy erasures that stands outside the database ([`crate::log`]), so that a restored database does not bring
//! erased people back: it is replayed at every start and by every restore.
//!
//! One line a record, `erased RECORD KIND MILLISECONDS`.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use fieldsync::Files;
use fieldsync_protocol::RecordId;

use crate::log::{Lines, Log};

const WORD: &str = "erased";

/// Which records were ever erased: kind and moment.
#[derive(Debug, Default)]
pub struct Erasures(Log<Known>);

#[derive(Debug, Default)]
struct Known(BTreeMap<RecordId, (String, i64)>);

impl Lines for Known {
    fn read(&mut self, line: &str) {
        self.0.extend(read_line(line));
    }
}

impl Erasures {
    /// A log that lives as long as the process, for offices without a folder.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// Reads the log at `path`; none there is an empty one. A line cut short by a crash is passed over: its erasure had
    /// not been answered.
    ///
    /// # Errors
    /// [`io::Error`] when the file is there and cannot be read.
    pub fn open(path: &Path, files: Arc<dyn Files>) -> io::Result<Self> {
        Log::open(path, files).map(Self)
    }

    /// Notes erasures; durable when this returns. Noting the same record twice changes nothing.
    ///
    /// # Errors
    /// [`io::Error`] of the file; what was not noted then must not be erased.
    pub fn note(&self, records: &[(RecordId, String)], at_ms: i64) -> io::Result<()> {
        self.0.note(|known| {
            let new = records.iter().filter(|(record, _)| !known.0.contains_key(record));
            new.map(|(record, kind)| format!("{WORD} {record} {kind} {at_ms}\n")).collect()
        })
    }

    /// Everything noted: record, kind, moment.
    pub fn all(&self) -> Vec<(RecordId, String, i64)> {
        self.0.known().0.iter().map(|(record, (kind, at_ms))| (*record, kind.clone(), *at_ms)).collect()
    }
}

fn read_line(line: &str) -> Option<(RecordId, (String, i64))> {
    let mut words = line.split_whitespace();
    if words.next() != Some(WORD) {
        return None;
    }
    let record = words.next()?.parse().ok()?;
    let kind = words.next()?.to_owned();
    let at_ms = words.next()?.parse().ok()?;
    Some((record, (kind, at_ms)))
}

#[cfg(test)]
mod tests {
    use fieldsync::SystemFiles;

    use super::*;

    #[test]
    fn an_erasure_survives_the_process_and_a_line_cut_short_harms_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("erasures.log");
        let open = || Erasures::open(&path, Arc::new(SystemFiles)).unwrap();
        let (one, two) = (RecordId::from_bytes([1; 16]), RecordId::from_bytes([2; 16]));
        open().note(&[(one, "customer".into())], 5).unwrap();
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + "erased 0202").unwrap();

        open().note(&[(one, "customer".into()), (two, "contact".into())], 6).unwrap();

        assert_eq!(open().all(), [(one, "customer".to_owned(), 5), (two, "contact".to_owned(), 6)]);
    }
}
