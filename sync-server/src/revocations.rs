//! The log of what became of devices: revoked, to be wiped, wiped, given up. It stands outside the database
//! ([`crate::log`]), so that a restored database cannot bring a revoked device back or wait for one that was given up; it is
//! asked, too, whenever a device is taken back on its certificate.
//!
//! One line an event: `revoked DEVICE MILLISECONDS`; `wipe DEVICE MILLISECONDS PERSON` when somebody at the office asks that
//! a device be wiped, `wiped` when the device said that it does so; `retired` when it was given up, and `returned` when it
//! was heard of again.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use fieldsync::Files;
use fieldsync_protocol::{DeviceId, PersonId};

use crate::log::{Lines, Log};
use crate::office::Office;
use crate::store::{Device, Replica, StoreError, Txn};

/// What became of devices, and when.
#[derive(Debug, Default)]
pub struct Revocations(Log<Known>);

#[derive(Debug, Default)]
struct Known(BTreeMap<DeviceId, Fate>);

/// What is known of one device.
#[derive(Debug, Clone, Copy, Default)]
struct Fate {
    revoked_ms: Option<i64>,
    wipe_ms: Option<i64>,
    /// Who asked that it be wiped.
    wiped_by: Option<PersonId>,
    wiped_ms: Option<i64>,
    /// Since when nobody waits for it.
    retired_ms: Option<i64>,
}

impl Lines for Known {
    fn read(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let (Some(word), Some(device), Some(at_ms)) = (words.next(), words.next(), words.next()) else { return };
        let (Ok(device), Ok(at_ms)) = (device.parse(), at_ms.parse()) else { return };
        let known = self.0.get(&device).copied().unwrap_or_default();
        let fate = match word {
            "revoked" => Fate { revoked_ms: known.revoked_ms.or(Some(at_ms)), ..known },
            "wipe" => Fate {
                wipe_ms: known.wipe_ms.or(Some(at_ms)),
                wiped_by: known.wiped_by.or_else(|| words.next()?.parse().ok()),
                ..known
            },
            "wiped" => Fate { wiped_ms: known.wiped_ms.or(Some(at_ms)), ..known },
            "retired" => Fate { retired_ms: known.retired_ms.or(Some(at_ms)), ..known },
            "returned" => Fate { retired_ms: None, ..known },
            _ => return,
        };
        self.0.insert(device, fate);
    }
}

impl Revocations {
    /// A log that lives as long as the process, for offices without a folder.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// Reads the log at `path`; none there is an empty one. A line cut short by a crash is passed over: its event had not
    /// been answered.
    ///
    /// # Errors
    /// [`io::Error`] when the file is there and cannot be read.
    pub fn open(path: &Path, files: Arc<dyn Files>) -> io::Result<Self> {
        Log::open(path, files).map(Self)
    }

    /// Notes a revocation; durable when this returns. Noting the same device twice changes nothing.
    ///
    /// # Errors
    /// [`io::Error`] of the file; nothing is noted then.
    pub fn note(&self, device: DeviceId, at_ms: i64) -> io::Result<()> {
        self.add(device, |known| known.revoked_ms.is_none().then(|| format!("revoked {device} {at_ms}\n")))
    }

    /// Notes that a device is to be wiped, and who asked, like [`Revocations::note`].
    ///
    /// # Errors
    /// [`io::Error`] of the file; nothing is noted then.
    pub fn note_wipe(&self, device: DeviceId, at_ms: i64, by: PersonId) -> io::Result<()> {
        self.add(device, |known| known.wipe_ms.is_none().then(|| format!("wipe {device} {at_ms} {by}\n")))
    }

    /// Notes that a device wipes itself, like [`Revocations::note`].
    ///
    /// # Errors
    /// [`io::Error`] of the file; nothing is noted then.
    pub fn note_wiped(&self, device: DeviceId, at_ms: i64) -> io::Result<()> {
        self.add(device, |known| known.wiped_ms.is_none().then(|| format!("wiped {device} {at_ms}\n")))
    }

    /// Notes that a device was given up, like [`Revocations::note`].
    ///
    /// # Errors
    /// [`io::Error`] of the file; nothing is noted then.
    pub fn note_retired(&self, device: DeviceId, at_ms: i64) -> io::Result<()> {
        self.add(device, |known| known.retired_ms.is_none().then(|| format!("retired {device} {at_ms}\n")))
    }

    /// Notes that a device that was given up was heard of again, and is waited for from now on. One that was not changes
    /// nothing.
    ///
    /// # Errors
    /// [`io::Error`] of the file; nothing is noted then.
    pub fn note_returned(&self, device: DeviceId, at_ms: i64) -> io::Result<()> {
        self.add(device, |known| known.retired_ms.is_some().then(|| format!("returned {device} {at_ms}\n")))
    }

    fn add(&self, device: DeviceId, line: impl FnOnce(Fate) -> Option<String>) -> io::Result<()> {
        self.0.note(|known| line(known.0.get(&device).copied().unwrap_or_default()).unwrap_or_default())
    }

    /// When a device was revoked; `None` when it never was. One that is to be wiped is revoked.
    pub fn at_ms(&self, device: DeviceId) -> Option<i64> {
        let known = self.known(device);
        known.revoked_ms.or(known.wipe_ms)
    }

    /// When the office asked that a device be wiped.
    pub fn wipe_ms(&self, device: DeviceId) -> Option<i64> {
        self.known(device).wipe_ms
    }

    /// Who asked that a device be wiped; `None` when nobody did, or before that was noted.
    pub fn wiped_by(&self, device: DeviceId) -> Option<PersonId> {
        self.known(device).wiped_by
    }

    /// When a device said that it wipes itself.
    pub fn wiped_ms(&self, device: DeviceId) -> Option<i64> {
        self.known(device).wiped_ms
    }

    /// When a device was given up that was not heard of since.
    pub fn retired_ms(&self, device: DeviceId) -> Option<i64> {
        self.known(device).retired_ms
    }

    fn known(&self, device: DeviceId) -> Fate {
        self.0.known().0.get(&device).copied().unwrap_or_default()
    }

    fn all(&self) -> Vec<DeviceId> {
        self.0.known().0.keys().copied().collect()
    }
}

/// Revokes in the database what the log says was revoked, asks again for what is to be wiped, gives up what was given up,
/// and returns how many devices the database had as not revoked.
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
            count += usize::from(device.revoked_ms.is_none() && replayed.revoked_ms.is_some());
            if replayed != device {
                txn.put_device(&replayed)?;
            }
            if let Some(at_ms) = log.retired_ms(id) {
                retire(txn, replayed, at_ms)?;
            }
        }
        Ok(count)
    })
}

/// Gives a device up, with every replica id it had. One that is revoked or was given up is left as it is.
pub(crate) fn retire(txn: &mut dyn Txn, device: Device, at_ms: i64) -> Result<(), StoreError> {
    if device.revoked_ms.is_some() || device.retired_ms.is_some() {
        return Ok(());
    }
    for (id, replica) in txn.replicas_of(device.id)? {
        if replica.retired_ms.is_none() {
            txn.put_replica(id, &Replica { retired_ms: Some(at_ms), ..replica })?;
        }
    }
    txn.put_device(&Device { retired_ms: Some(at_ms), ..device })
}

#[cfg(test)]
mod tests {
    use fieldsync::SystemFiles;

    use super::*;

    #[test]
    fn what_became_of_a_device_survives_the_process() {
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

    #[test]
    fn a_device_is_given_up_as_often_as_somebody_gives_it_up_after_it_returned() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revocations.log");
        let (open, one) = (|| Revocations::open(&path, Arc::new(SystemFiles)).unwrap(), DeviceId::from_bytes([1; 16]));
        open().note_returned(one, 1).unwrap();
        assert!(!path.exists(), "nobody had given it up");
        open().note_retired(one, 2).unwrap();
        open().note_retired(one, 3).unwrap();
        assert_eq!(open().retired_ms(one), Some(2));
        open().note_returned(one, 4).unwrap();
        assert_eq!(open().retired_ms(one), None);
        open().note_retired(one, 5).unwrap();
        assert_eq!((open().retired_ms(one), open().at_ms(one)), (Some(5), None));
    }
}
