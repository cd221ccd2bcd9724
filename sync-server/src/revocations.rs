//! The log of revocations that stands outside the database, so that a restored database cannot bring a revoked device
//! back: it is replayed at every start and asked whenever a device is taken back on its certificate.
//!
//! One line a revocation, `revoked DEVICE MILLISECONDS`, appended and on the disk before the database is told. Lines
//! that begin with another word belong to newer servers and are left alone.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use fieldsync::Files;
use fieldsync_protocol::DeviceId;

use crate::office::Office;
use crate::store::{Device, StoreError};

const WORD: &str = "revoked";

/// Which devices were ever revoked, and when.
#[derive(Debug, Default)]
pub struct Revocations {
    file: Option<(Arc<dyn Files>, PathBuf)>,
    known: Mutex<BTreeMap<DeviceId, i64>>,
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
        let text = match files.read(path, 0, usize::MAX) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let known = String::from_utf8_lossy(&text).lines().filter_map(read_line).collect();
        Ok(Self { file: Some((files, path.to_owned())), known: Mutex::new(known) })
    }

    /// Notes a revocation; durable when this returns. Noting the same device twice changes nothing.
    ///
    /// # Errors
    /// [`io::Error`] of the file; nothing is noted then.
    pub fn note(&self, device: DeviceId, at_ms: i64) -> io::Result<()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains_key(&device) {
            return Ok(());
        }
        if let Some((files, path)) = &self.file {
            append(files.as_ref(), path, &format!("{WORD} {device} {at_ms}\n"))?;
        }
        known.insert(device, at_ms);
        Ok(())
    }

    /// When a device was revoked; `None` when it never was.
    pub fn at_ms(&self, device: DeviceId) -> Option<i64> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&device).copied()
    }

    fn all(&self) -> Vec<(DeviceId, i64)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(device, at_ms)| (*device, *at_ms)).collect()
    }
}

/// Revokes in the database what the log says was revoked, and returns how many devices that concerned.
///
/// # Errors
/// [`StoreError`] of the store.
pub fn replay(office: &Office) -> Result<usize, StoreError> {
    let all = office.revocations.all();
    office.write(move |txn| {
        let mut count = 0;
        for (device, at_ms) in all {
            if let Some(device) = txn.device(device)?.filter(|device| device.revoked_ms.is_none()) {
                txn.put_device(&Device { revoked_ms: Some(at_ms), ..device })?;
                count += 1;
            }
        }
        Ok(count)
    })
}

fn read_line(line: &str) -> Option<(DeviceId, i64)> {
    let mut words = line.split_whitespace();
    if words.next() != Some(WORD) {
        return None;
    }
    let device = words.next()?.parse().ok()?;
    let at_ms = words.next()?.parse().ok()?;
    Some((device, at_ms))
}

fn append(files: &dyn Files, path: &Path, line: &str) -> io::Result<()> {
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

        let log = Revocations::open(&path, Arc::new(SystemFiles)).unwrap();
        assert_eq!((log.at_ms(one), log.at_ms(two)), (Some(5), Some(6)));
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 4);
    }
}
