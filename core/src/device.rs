//! The one object an app holds: a device with its store, its identity and what it still has to say.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use fieldsync_protocol::exchange::{Fingerprint, Holding};
use fieldsync_protocol::{DeviceId, Hash, PersonId, RecordId, ReplicaId};
use rusqlite::{Connection, Transaction};

use crate::anchor;
use crate::clock::Clock;
use crate::config::Config;
use crate::diagnostics::Errors;
use crate::drawer::DrawerState;
use crate::entropy::{self, Entropy};
use crate::error::Error;
use crate::files::Files;
use crate::http::Runtime;
use crate::pause::Halts;
use crate::store::record::Work;
use crate::store::{self, Store, meta};
use crate::summary::Unsent;
use crate::watch::Watchers;

/// A device: cheap to clone, safe to share between threads. All clones are the same device.
#[derive(Clone)]
pub struct Device {
    pub(crate) inner: Arc<Inner>,
}

/// What all clones of a device share.
pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) watchers: Watchers,
    /// The last nonce the office gave; kept in memory between the transactions that store it.
    pub(crate) nonce: Mutex<Option<String>>,
    pub(crate) runtime: OnceLock<Runtime>,
    pub(crate) halts: Halts,
    pub(crate) errors: Errors,
    /// What the file beside the store says.
    unsent: Mutex<Option<Unsent>>,
    pub(crate) store: Store,
    is_syncing: AtomicBool,
    /// Something stored could not be read: the next sync looks at everything.
    is_suspect: AtomicBool,
    /// Held while the whole store is looked at; never waited for inside a transaction.
    examination: Mutex<()>,
}

/// So large a part of a transaction's records is taken also when somebody waits: whoever never stops entering must not
/// make a page of five hundred records five hundred transactions.
const LEAST_PART: usize = 4;

impl Device {
    /// Opens the device in the folder of `config`, making it when there is none.
    ///
    /// # Errors
    /// [`Error::StorageDamaged`] when the store is damaged; it was set aside and opening goes on failing until
    /// [`Config::start_over`] is set. [`Error::StorageNewer`] when a newer app wrote it. [`Error::InUse`] while it is
    /// open elsewhere. [`Error::Anchor`] when it cannot be told whether the store is a copy. [`Error::StorageFull`],
    /// [`Error::File`] and [`Error::Storage`] when the disk does not do its part.
    pub fn open(config: Config) -> Result<Self, Error> {
        match Self::open_once(config.clone()) {
            // Met only now: the second opening examines the whole store, and mends it or sets it aside.
            Err(error) if error.is_damage() || error.is_misunderstood() => Self::open_once(config),
            opened => opened,
        }
    }

    fn open_once(config: Config) -> Result<Self, Error> {
        let held = config.anchor.as_ref().map(|anchor| anchor.load()).transpose()?;
        let store = Store::open(&config)?;
        config.medium.files.make_dir(&config.dir.join(BLOBS))?;
        let inner = Inner {
            config,
            watchers: Watchers::default(),
            nonce: Mutex::default(),
            runtime: OnceLock::new(),
            halts: Halts::default(),
            errors: Errors::default(),
            unsent: Mutex::default(),
            store,
            is_syncing: AtomicBool::new(false),
            is_suspect: AtomicBool::new(false),
            examination: Mutex::default(),
        };
        let device = Self { inner: Arc::new(inner) };
        let next = match device.begin(held.as_ref().map(Option::as_deref), anchor::Turn::Yes) {
            // On a full disk the store still opens, to be read; its anchor stays what it is.
            Err(Error::StorageFull) => device.begin(held.as_ref().map(Option::as_deref), anchor::Turn::No)?,
            next => next?,
        };
        if let (Some(anchor), Some(next)) = (device.inner.config.anchor.as_ref(), next) {
            anchor::moor(&device, anchor.as_ref(), next)?;
        }
        Ok(device)
    }

    /// What every opening does in one transaction; gives the anchor's next value. `held` is what the anchor says, when
    /// there is one.
    fn begin(&self, held: Option<Option<&[u8]>>, turn: anchor::Turn) -> Result<Option<Vec<u8>>, Error> {
        self.change(|work| {
            let is_new = meta::get::<ReplicaId>(work.tx, meta::REPLICA)?.is_none();
            if is_new {
                meta::set(work.tx, meta::REPLICA, &entropy::replica_id(self.entropy()))?;
            }
            crate::projection::ensure(work.tx)?;
            if let Some(nonce) = meta::get::<String>(work.tx, meta::NONCE)? {
                self.set_nonce(&nonce);
            }
            let Some(held) = held else { return Ok(None) };
            anchor::compare(work, self, held, is_new)?;
            match turn {
                anchor::Turn::Yes => anchor::cast_off(work, self, held).map(Some),
                anchor::Turn::No => Ok(None),
            }
        })
    }

    /// Waits for calls under way, closes the store and releases every lock. Later calls, on any clone, fail with [`Error::Closed`].
    pub fn close(&self) {
        self.inner.watchers.close();
        self.inner.halts.stop();
        self.inner.store.close();
    }

    /// The folder of this device.
    pub fn dir(&self) -> &Path {
        &self.inner.config.dir
    }

    /// A new record id, for drafts that refer to each other.
    pub fn new_id(&self) -> RecordId {
        entropy::record_id(self.entropy(), self.now_ms())
    }

    /// What the device's clock says, milliseconds since 1970 UTC.
    pub fn now_ms(&self) -> i64 {
        self.clock().now_ms()
    }

    /// How the device stands: whose it is, what it still holds, when it last met the office.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn status(&self) -> Result<DeviceStatus, Error> {
        self.read(|connection| {
            let identity = crate::enrol::identity(connection)?;
            Ok(DeviceStatus {
                device: identity.as_ref().map(|identity| identity.device),
                person: identity.as_ref().map(|identity| identity.person),
                person_name: identity.map(|identity| identity.person_name),
                server_url: meta::get(connection, meta::SERVER_URL)?,
                replica: meta::get(connection, meta::REPLICA)?.ok_or(Error::Defect("replica_missing"))?,
                epoch: meta::get(connection, meta::EPOCH)?.unwrap_or(0),
                records: connection.query_row("select count(*) from record", [], |row| row.get(0))?,
                pending: store::pending::count(connection)?,
                stuck: store::stuck::count(connection)?,
                refused: store::drawer::count(connection, DrawerState::Refused)?
                    + store::drawer::count(connection, DrawerState::Superseded)?,
                held: store::drawer::count(connection, DrawerState::Held)?,
                blobs: store::blob::waiting(connection)?,
                offers: store::offer::count(connection)?,
                damaged: store::repair::damaged_count(connection)?,
                conflicts: store::record::conflict_count(connection)?,
                last_contact_ms: meta::get(connection, meta::CONTACT_MS)?,
                clock_offset_ms: meta::get(connection, meta::OFFSET_MS)?,
                fingerprint: meta::get(connection, meta::FINGERPRINT)?.unwrap_or_default(),
                agrees: meta::get(connection, meta::AGREES)?,
                has_cursor: connection.query_row(
                    "select exists (select 1 from meta where name = ?1)",
                    [meta::CURSOR],
                    |row| row.get(0),
                )?,
            })
        })
    }

    /// Destroys the store, the photos and the keys for good; see [`crate::sync`].
    pub(crate) fn destroy(&self) -> Result<(), Error> {
        self.inner.store.destroy()?;
        self.inner.watchers.close();
        Ok(())
    }

    /// Reads one snapshot of the store: whatever commits meanwhile is not seen.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        let result = self.note_unreadable(self.inner.store.read(work));
        self.note_error(result)
    }

    fn note_unreadable<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if matches!(result, Err(Error::Content(_))) {
            self.inner.is_suspect.store(true, Ordering::Release);
        }
        result
    }

    /// Whether something stored could not be read since this was last asked.
    pub(crate) fn take_suspicion(&self) -> bool {
        self.inner.is_suspect.swap(false, Ordering::AcqRel)
    }

    /// Writes one transaction. Projections of what `work` put into its second argument are brought up to date before
    /// the commit, observers are told after it.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &mut BTreeSet<RecordId>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut touched = BTreeSet::new();
        let result = self.inner.store.write(|tx| {
            let value = work(tx, &mut touched)?;
            if !touched.is_empty() {
                let orders = crate::projection::refresh(tx, &touched)?;
                touched.extend(orders);
            }
            Ok((value, Unsent::of(tx)?))
        });
        let (value, unsent) = self.note_error(self.note_unreadable(result))?;
        self.note_unsent(unsent);
        self.inner.watchers.announce(&touched);
        Ok(value)
    }

    /// Remembers what went wrong, for [`Device::diagnostics`].
    fn note_error<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result
            && !matches!(error, Error::Paused | Error::Closed)
        {
            self.note(error.code());
        }
        result
    }

    /// Remembers that something happened, by its code.
    pub(crate) fn note(&self, code: &str) {
        self.inner.errors.note(code, self.now_ms());
    }

    /// Brings the file beside the store up to date.
    fn note_unsent(&self, unsent: Unsent) {
        let mut known = self.inner.unsent.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != Some(unsent) {
            *known = Some(unsent);
            unsent.write(self.files(), self.dir());
        }
    }

    /// Writes one transaction that changes records.
    pub(crate) fn change<T>(&self, work: impl FnOnce(&mut Work<'_>) -> Result<T, Error>) -> Result<T, Error> {
        self.write(|tx, touched| {
            let mut changes = Work::new(tx);
            let value = work(&mut changes)?;
            touched.extend(changes.finish()?);
            Ok(value)
        })
    }

    /// Wipes what deleted rows left in the store's files.
    pub(crate) fn scrub(&self) -> Result<(), Error> {
        self.inner.store.scrub()
    }

    /// Whether somebody waits for the transaction under way to end.
    pub(crate) fn is_awaited(&self) -> bool {
        self.inner.store.is_awaited()
    }

    /// Records that one transaction of a sync may change.
    pub(crate) fn step_records(&self) -> usize {
        self.inner.config.step_records.max(1)
    }

    /// Whether a transaction of a sync that changed so many records ends here.
    pub(crate) fn is_step_over(&self, records: usize) -> bool {
        let most = self.step_records();
        records >= most || records >= most.div_ceil(LEAST_PART) && self.is_awaited()
    }

    /// Waits until no other thread looks at the whole store: the same wrong sums must not be corrected twice.
    pub(crate) fn lock_examination(&self) -> MutexGuard<'_, ()> {
        self.inner.examination.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push_records(&self) -> usize {
        self.inner.config.push_records
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.inner.config.clock.as_ref()
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        self.inner.config.entropy.as_ref()
    }

    /// The files beside the store.
    pub(crate) fn files(&self) -> &dyn Files {
        self.inner.config.medium.files.as_ref()
    }

    /// Where a blob with this name lies.
    pub(crate) fn blob_file(&self, name: &str) -> PathBuf {
        self.inner.config.dir.join(BLOBS).join(name)
    }

    /// Removes the files of attachments that are gone.
    pub(crate) fn remove_blob_files(&self, hashes: &[Hash]) {
        for hash in hashes {
            for file in [self.blob_file(&hash.to_string()), crate::photo::thumbnail_file(self, *hash)] {
                // The record is gone either way; a file that stays is only disk space, found again by its hash.
                if self.files().exists(&file)
                    && let Err(error) = self.files().remove(&file)
                {
                    tracing::warn!(%error, "failed to remove a file of an attachment that is gone");
                }
            }
        }
    }

    pub(crate) fn nonce(&self) -> Option<String> {
        self.inner.nonce.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_nonce(&self, nonce: &str) {
        *self.inner.nonce.lock().unwrap_or_else(PoisonError::into_inner) = Some(nonce.to_owned());
    }

    /// Begins a sync; one at a time.
    pub(crate) fn begin_sync(&self) -> Result<Syncing, Error> {
        if self.inner.is_syncing.swap(true, Ordering::AcqRel) {
            return Err(Error::Busy);
        }
        Ok(Syncing(self.clone()))
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").field("dir", &self.inner.config.dir).finish_non_exhaustive()
    }
}

/// The folder of photos and files in the device's folder; made once there is a store.
pub(crate) const BLOBS: &str = "blobs";

/// The right to sync; given back when it is dropped.
pub(crate) struct Syncing(Device);

impl Drop for Syncing {
    fn drop(&mut self) {
        self.0.inner.is_syncing.store(false, Ordering::Release);
    }
}

/// How a device stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceStatus {
    /// The enrolled device; `None` before enrolment.
    pub device: Option<DeviceId>,
    /// Whose device it is.
    pub person: Option<PersonId>,
    /// That person's name.
    pub person_name: Option<String>,
    /// Where the office is.
    pub server_url: Option<String>,
    /// This incarnation of the store.
    pub replica: ReplicaId,
    /// The server epoch the replica id belongs to.
    pub epoch: u64,
    /// Records held.
    pub records: u32,
    /// Edits that are still only here.
    pub pending: u32,
    /// Records among these that do not get through; see [`Device::stuck`].
    pub stuck: u32,
    /// Refused edits in the drawer.
    pub refused: u32,
    /// Edits in the drawer that are at the office, not accepted.
    pub held: u32,
    /// Photos and files still only here.
    pub blobs: u32,
    /// Records being offered back to an office that forgot them.
    pub offers: u32,
    /// Own entries that are not what was entered, and were sent to nobody.
    pub damaged: u32,
    /// Groups in which a person must decide.
    pub conflicts: u32,
    /// When the office last answered, on this device's clock.
    pub last_contact_ms: Option<i64>,
    /// Office clock minus device clock at that time.
    pub clock_offset_ms: Option<i64>,
    /// Sums over everything the office delivered.
    pub fingerprint: Fingerprint,
    /// Whether the office's fingerprint was the same at the last complete sync.
    pub agrees: Option<bool>,
    /// Whether a pull has begun.
    pub has_cursor: bool,
}

impl DeviceStatus {
    /// Whether nothing is still only on this device.
    pub fn is_drained(&self) -> bool {
        self.pending == 0 && self.blobs == 0 && self.offers == 0
    }
}

/// What the device still holds, as it tells the office.
pub(crate) fn holding(connection: &Connection) -> Result<Holding, Error> {
    Ok(Holding {
        pending: store::pending::count(connection)?,
        refused: store::drawer::count(connection, DrawerState::Refused)?
            + store::drawer::count(connection, DrawerState::Superseded)?,
        blobs: store::blob::waiting(connection)?,
    })
}

#[cfg(test)]
mod tests {
    use fieldsync_protocol::fields;

    use crate::fixture::{Fixture, id};
    use crate::{Draft, Error};

    #[test]
    fn a_full_disk_refuses_the_edit_keeps_the_rest_and_ends_when_there_is_room() {
        let fixture = Fixture::with_job();
        let device = &fixture.device;
        let note = |text: &str| {
            Draft::new("note").set("text", fields! { "work_order" => id(50), "text" => text.repeat(7_000) })
        };
        device.edit(note("a")).unwrap();
        let limit = |pages: i64| {
            device.write(|tx, _| Ok(tx.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?)).unwrap();
        };
        limit(1);

        let full = (0..100).find_map(|_| device.edit(note("b")).err()).unwrap();

        assert!(matches!(full, Error::StorageFull), "{full:?}");
        let pending = device.pending().unwrap().len();
        assert!(pending >= 1, "what was stored is still there");
        limit(1_000_000);
        device.edit(note("c")).unwrap();
        assert_eq!(device.pending().unwrap().len(), pending + 1);
    }

    #[test]
    fn a_closed_device_says_so() {
        let fixture = Fixture::with_job();
        fixture.device.close();
        assert!(matches!(fixture.device.status(), Err(Error::Closed)));
        assert!(matches!(fixture.device.edit(Draft::new("note")), Err(Error::Closed)));
    }
}
