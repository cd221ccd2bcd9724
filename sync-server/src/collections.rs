//! The log of collections that stands outside the database ([`crate::log`]), so that a restored database does not bring
//! records back that were deleted and that nobody keeps any more: it is replayed at every start and by every restore.
//!
//! One line a record, `collected RECORD KIND PLACE CHAIN MILLISECONDS`; place and chain say how far history had gone.
//! `kept RECORD PLACE` takes a line back whose collection the database never heard of although its history goes that
//! far; a database whose history does not is an older copy.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use fieldsync::Files;
use fieldsync_protocol::{Hash, RecordId};

use crate::log::{Lines, Log};

const COLLECTED: &str = "collected";
const KEPT: &str = "kept";

/// A collection as it was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// The record's kind.
    pub kind: String,
    /// The last place in history before it was collected.
    pub place: u64,
    /// The chain hash there.
    pub chain: Hash,
    /// When.
    pub at_ms: i64,
}

/// Which records were ever collected.
#[derive(Debug, Default)]
pub struct Collections(Log<Known>);

#[derive(Debug, Default)]
struct Known(BTreeMap<RecordId, Noted>);

impl Lines for Known {
    fn read(&mut self, line: &str) {
        match read_line(line) {
            Some(Line::Collected(record, noted)) => drop(self.0.insert(record, noted)),
            Some(Line::Kept(record, place)) => self.0.retain(|id, noted| *id != record || noted.place != place),
            None => {}
        }
    }
}

impl Collections {
    /// A log that lives as long as the process, for offices without a folder.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// Reads the log at `path`; none there is an empty one. A line cut short by a crash is passed over: its collection had
    /// not been told to the database.
    ///
    /// # Errors
    /// [`io::Error`] when the file is there and cannot be read.
    pub fn open(path: &Path, files: Arc<dyn Files>) -> io::Result<Self> {
        Log::open(path, files).map(Self)
    }

    /// Notes collections; durable when this returns. Noting the same record twice changes nothing.
    ///
    /// # Errors
    /// [`io::Error`] of the file; what was not noted then must not be collected.
    pub fn note(&self, records: &[(RecordId, Noted)]) -> io::Result<()> {
        self.0.note(|known| {
            let new = records.iter().filter(|(record, _)| !known.0.contains_key(record));
            let line = |(record, Noted { kind, place, chain, at_ms }): &(RecordId, Noted)| {
                format!("{COLLECTED} {record} {kind} {place} {chain} {at_ms}\n")
            };
            new.map(line).collect()
        })
    }

    /// Takes notes back: the database never heard of these collections.
    ///
    /// # Errors
    /// [`io::Error`] of the file; the notes stand then.
    pub fn take_back(&self, records: &[RecordId]) -> io::Result<()> {
        self.0.note(|known| {
            let noted = records.iter().filter_map(|record| Some((record, known.0.get(record)?.place)));
            noted.map(|(record, place)| format!("{KEPT} {record} {place}\n")).collect()
        })
    }

    /// Everything noted.
    pub fn all(&self) -> Vec<(RecordId, Noted)> {
        self.0.known().0.iter().map(|(record, noted)| (*record, noted.clone())).collect()
    }
}

enum Line {
    Collected(RecordId, Noted),
    Kept(RecordId, u64),
}

fn read_line(line: &str) -> Option<Line> {
    let mut words = line.split_whitespace();
    let word = words.next()?;
    let record = words.next()?.parse().ok()?;
    match word {
        COLLECTED => {
            let kind = words.next()?.to_owned();
            let place = words.next()?.parse().ok()?;
            let chain = words.next()?.parse().ok()?;
            let at_ms = words.next()?.parse().ok()?;
            Some(Line::Collected(record, Noted { kind, place, chain, at_ms }))
        }
        KEPT => Some(Line::Kept(record, words.next()?.parse().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use fieldsync::SystemFiles;

    use super::*;

    #[test]
    fn a_collection_survives_the_process_and_a_line_cut_short_and_may_be_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("collected.log");
        let open = || Collections::open(&path, Arc::new(SystemFiles)).unwrap();
        let (one, two) = (RecordId::from_bytes([1; 16]), RecordId::from_bytes([2; 16]));
        let noted = |place| Noted { kind: "contact".into(), place, chain: Hash([7; 32]), at_ms: 5 };
        open().note(&[(one, noted(1))]).unwrap();
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + "collected 0202").unwrap();

        let log = open();
        log.note(&[(one, noted(2)), (two, noted(2))]).unwrap();
        assert_eq!(log.all(), [(one, noted(1)), (two, noted(2))], "noted twice is noted once");
        log.take_back(&[two]).unwrap();
        assert_eq!(open().all(), [(one, noted(1))]);
        log.note(&[(two, noted(3))]).unwrap();

        assert_eq!(open().all(), [(one, noted(1)), (two, noted(3))]);
    }
}
