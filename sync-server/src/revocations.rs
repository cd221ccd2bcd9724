//! The log of revocations that stands outside the database, so that a restored database cannot bring a revoked device
//! back: it is replayed at every start and asked whenever a device is taken back on its certificate.
//!
//! One line an event, `revoked DEVICE MILLISECONDS`, appended and on the disk before the database is told; `wipe DEVICE
//! MILLISECONDS PERSON` when somebody at the office asks that a device be wiped, `wiped` when the device said that it does so. Lines that begin with another word
//! belong to newer servers and are left alone.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use fieldsync::Files;
use fieldsync_protocol::{DeviceId, PersonId};

use crate::office::Office;
use crate::store::{Device, StoreError};

/// What can happen to a device, by the word that begins its line.
const WORDS: [&str; 3] = ["revoked", "wipe", "wiped"];

/// When each of [`WORDS`] happened to a device.
type Times = [Option<i64>; WORDS.len()];

/// Which devices were ever revoked, and when.
#[derive(Debug, Default)]
pub struct Revocations {
    file: Option<(Arc<dyn Files>, PathBuf)>,
    known: Mutex<BTreeMap<DeviceId, Known>>,
}

/// What is known of one device.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    times: Times,
    /// Who asked that it be wiped.
    wiped_by: Option<PersonId>,
}

impl Revocations {
    /// A log that lives as long as the process, for offices without a folder.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// Reads the log at `path`; none there is an empty one. A line cut short by a crash is passed over: its revocation
    /// had not been answered.
    ///
    /// # Errors
    /// [`io::Error`] when the file is there and cannot be read.
    pub fn open(path: &Path, files: Arc<dyn Files>) -> io::Result<Self> {
        let text = read_log(path, files.as_ref())?;
        let mut known: BTreeMap<DeviceId, Known> = BTreeMap::new();
        for (word, device, at_ms, by) in text.lines().filter_map(read_line) {
            let entry = known.entry(device).or_default();
            entry.times[word].get_or_insert(at_ms);
            entry.wiped_by = entry.wiped_by.or(by);
        }
        let known = Mutex::new(known);
        Ok(Self { file: Some((files, path.to_owned())), known })
    }

    /// Notes a revocation; durable when this returns. Noting the same device twice changes nothing.
    ///
    /// # Errors
    /// [`io::Error`] of the file; nothing is noted then.
    pub fn note(&self, device: DeviceId, at_ms: i64) -> io::Result<()> {
        self.add(0, device, at_ms, None)
    }

    /// Notes that a device is to be wiped, and who asked, like [`Revocations::note`].
    ///
    /// # Errors
    /// [`io::Error`] of the file; nothing is noted then.
    pub fn note_wipe(&self, device: DeviceId, at_ms: i64, by: PersonId) -> io::Result<()> {
        self.add(1, device, at_ms, Some(by))
    }

    /// Notes that a device wipes itself, like [`Revocations::note`].
    ///
    /// # Errors
    /// [`io::Error`] of the file; nothing is noted then.
    pub fn note_wiped(&self, device: DeviceId, at_ms: i64) -> io::Result<()> {
        self.add(2, device, at_ms, None)
    }

    fn add(&self, word: usize, device: DeviceId, at_ms: i64, by: Option<PersonId>) -> io::Result<()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(&device).is_some_and(|known| known.times[word].is_some()) {
            return Ok(());
        }
        if let Some((files, path)) = &self.file {
            let by = by.map(|by| format!(" {by}")).unwrap_or_default();
            append(files.as_ref(), path, &format!("{} {device} {at_ms}{by}\n", WORDS[word]))?;
        }
        let entry = known.entry(device).or_default();
        entry.times[word] = Some(at_ms);
        entry.wiped_by = entry.wiped_by.or(by);
        Ok(())
    }

    /// When a device was revoked; `None` when it never was. One that is to be wiped is revoked.
    pub fn at_ms(&self, device: DeviceId) -> Option<i64> {
        let [revoked, wipe, _] = self.times(device);
        revoked.or(wipe)
    }

    /// When the office asked that a device be wiped.
    pub fn wipe_ms(&self, device: DeviceId) -> Option<i64> {
        self.times(device)[1]
    }

    /// Who asked that a device be wiped; `None` when nobody did, or before that was noted.
    pub fn wiped_by(&self, device: DeviceId) -> Option<PersonId> {
        self.known(device).wiped_by
    }

    /// When a device said that it wipes itself.
    pub fn wiped_ms(&self, device: DeviceId) -> Option<i64> {
        self.times(device)[2]
    }

    fn times(&self, device: DeviceId) -> Times {
        self.known(device).times
    }

    fn known(&self, device: DeviceId) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&device).copied().unwrap_or_default()
    }

    fn all(&self) -> Vec<DeviceId> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }
}

/// Revokes in the database what the log says was revoked, asks again for what is to be wiped, and returns how many
/// devices the database had as not revoked.
///
/// # Errors
/// [`StoreError`] of the store.
pub fn replay(office: &Office) -> Result<usize, StoreError> {
    if fieldsync_protocol::planted!("revocations-forgotten") {
        return Ok(0);
    }
    let log = Arc::clone(&office.revocations);
    office.write(move |txn| {
        let mut count = 0;
        for id in log.all() {
            let Some(device) = txn.device(id)? else { continue };
            let replayed = Device {
                revoked_ms: device.revoked_ms.or(log.at_ms(id)),
                wipe_ms: device.wipe_ms.or(log.wipe_ms(id)),
                wiped_ms: device.wiped_ms.or(log.wiped_ms(id)),
                ..device.clone()
            };
            count += usize::from(device.revoked_ms.is_none());
            if replayed != device {
                txn.put_device(&replayed)?;
            }
        }
        Ok(count)
    })
}

fn read_line(line: &str) -> Option<(usize, DeviceId, i64, Option<PersonId>)> {
    let mut words = line.split_whitespace();
    let first = words.next()?;
    let word = WORDS.iter().position(|word| *word == first)?;
    let device = words.next()?.parse().ok()?;
    let at_ms = words.next()?.parse().ok()?;
    let by = words.next().and_then(|by| by.parse().ok());
    Some((word, device, at_ms, by))
}

/// The text of a log; none there is an empty one.
pub(crate) fn read_log(path: &Path, files: &dyn Files) -> io::Result<String> {
    match files.read(path, 0, usize::MAX) {
        Ok(text) => Ok(String::from_utf8_lossy(&text).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}

/// Appends lines to a log, on the disk when this returns, also after a line that was cut short.
pub(crate) fn append(files: &dyn Files, path: &Path, line: &str) -> io::Result<()> {
    let Some(length) = files.len(path)? else {
        // A new file is made under another name, so that its name is on the disk too.
        let fresh = path.with_extension("new");
        files.write(&fresh, line.as_bytes())?;
        return files.rename(&fresh, path);
    };
    let is_cut = length > 0 && files.read(path, length - 1, 1)? != b"\n";
    let ending = if is_cut { "\n" } else { "" };
    files.append(path, length, format!("{ending}{line}").as_bytes())?;
    files.sync(path)
}

#[cfg(test)]
mod tests {
    use fieldsync::SystemFiles;

    use super::*;

    #[test]
    fn a_revocation_survives_the_process_and_a_line_cut_short_harms_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revocations.log");
        let (one, two) = (DeviceId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
        Revocations::open(&path, Arc::new(SystemFiles)).unwrap().note(one, 5).unwrap();
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + "erased 7\nrevoked 0202").unwrap();

        let log = Revocations::open(&path, Arc::new(SystemFiles)).unwrap();
        log.note(two, 6).unwrap();
        log.note(two, 7).unwrap();
        let ruth = PersonId::from_bytes([7; 16]);
        log.note_wipe(two, 8, ruth).unwrap();
        log.note_wipe(two, 9, PersonId::from_bytes([8; 16])).unwrap();

        let log = Revocations::open(&path, Arc::new(SystemFiles)).unwrap();
        assert_eq!((log.at_ms(one), log.at_ms(two)), (Some(5), Some(6)));
        assert_eq!((log.wipe_ms(one), log.wipe_ms(two), log.wiped_ms(two)), (None, Some(8), None));
        assert_eq!((log.wiped_by(one), log.wiped_by(two)), (None, Some(ruth)), "who asked first");
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 5);
    }
}
