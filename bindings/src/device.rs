//! The one object an app holds, and how it stands.

use std::sync::Arc;

use fieldsync::FileAnchor;
use uuid::Uuid;

use crate::error::FieldsyncError;
use crate::keep::{AnchorStore, Kept, KeyStore, Locked};
use crate::runtime::{Runtime, guard};

/// How a device is opened. Everything but the folder has a default that is right on a phone.
#[derive(Debug, Clone, uniffi::Record)]
pub struct OpenOptions {
    /// The folder that belongs to this device alone; made when it is not there. On Android a folder outside backups
    /// (`noBackupFilesDir`), on iOS one excluded from them.
    pub dir: String,
    /// Certificates, DER, one of which the office's TLS certificate must lead to; with any, nothing else is trusted. Empty:
    /// what the platform trusts; on Android, whose store is out of reach from here, the public certificates that browsers
    /// trust, built in. There an office under a company's own authority needs that authority's certificate here.
    #[uniffi(default)]
    pub roots: Vec<Vec<u8>>,
    /// Whether plain `http://` is allowed beyond loopback. For a closed network that somebody else encrypts.
    #[uniffi(default)]
    pub allow_insecure: bool,
    /// Whether a new store may be begun although a damaged one was set aside here. Set it only after a person was told;
    /// until then opening keeps failing, so that an empty store never passes for a sound one.
    #[uniffi(default)]
    pub start_over: bool,
    /// A file that keeps the anchor of this store, outside its folder and where no backup reaches: see `AnchorStore`, which
    /// an app may hand in instead. Without either, a copied store is noticed by the office alone, at its next sync.
    #[uniffi(default)]
    pub anchor_file: Option<String>,
    /// Bytes that photos and files may take; 0 stands for 1 GiB. Beyond it, what the office has and was not used for longest
    /// is let go and fetched again when it is asked for. What is not yet at the office always stays.
    #[uniffi(default)]
    pub photo_quota_bytes: i64,
    /// Threads that do network work, 1 to 8. A notification extension with little memory takes 1.
    #[uniffi(default = 2)]
    pub worker_threads: u8,
}

/// A technician's device: everything is read from and entered into its own store, at once and without a network; `sync`
/// carries it to the office and brings back what changed.
///
/// Safe to use from any thread. When the object is freed, or after `shutdown`, all its work has ended.
#[derive(uniffi::Object)]
pub struct Device {
    pub(crate) engine: fieldsync::Device,
    pub(crate) runtime: Runtime,
}

#[uniffi::export]
impl Device {
    /// Opens the device in its folder, making it when there is none. Takes milliseconds; after an update of the app that
    /// changes the store, longer.
    ///
    /// Works offline. One folder is open once: close the first object before opening a second one.
    ///
    /// # Errors
    /// `StorageDamaged` when the store is damaged: it was set aside, and opening goes on failing until `start_over` is set.
    /// `UpdateApp` when a newer app wrote the store, `FreeSpace` when the disk is full, `TryLater` with `in_use` while another
    /// process has it open, or with `anchor` when the anchor cannot be read; `Defect` when the disk does not work.
    /// With a `key` the store is encrypted: `StorageDamaged` with `key_lost` or `wrong_key` when the key does not open it,
    /// `NotNow` with `not_encrypted` for a store made without one, or `cannot_encrypt` in a library that cannot.
    #[uniffi::constructor(default(anchor = None, key = None))]
    pub fn open(
        options: OpenOptions,
        anchor: Option<Arc<dyn AnchorStore>>,
        key: Option<Arc<dyn KeyStore>>,
    ) -> Result<Arc<Self>, FieldsyncError> {
        guard(|| {
            let runtime = Runtime::new(options.worker_threads)?;
            let mut config = fieldsync::Config::new(options.dir);
            config.roots = options.roots;
            config.allow_insecure = options.allow_insecure;
            config.start_over = options.start_over;
            config.anchor = match (anchor, options.anchor_file) {
                (Some(anchor), _) => Some(Arc::new(Kept(anchor))),
                (None, Some(file)) => Some(Arc::new(FileAnchor::new(file))),
                (None, None) => None,
            };
            if let Ok(quota @ 1..) = u64::try_from(options.photo_quota_bytes) {
                config.blob_quota = quota;
            }
            config.key = key.map(|key| Arc::new(Locked(key)) as _);
            config.runtime = Some(runtime.handle().clone());
            let engine = fieldsync::Device::open(config)?;
            Ok(Arc::new(Self { engine, runtime }))
        })
    }

    /// Ends everything at once: syncs and downloads stop, subscriptions end, the store is closed and every lock released.
    /// What was entered is safe. Later calls fail with `Reopen`; shutting down again does nothing.
    ///
    /// # Errors
    /// None in practice.
    pub fn shutdown(&self) -> Result<(), FieldsyncError> {
        guard(|| {
            self.end();
            Ok(())
        })
    }

    /// Lets go of everything, before the app is suspended: waits for reads and writes under way, ends a sync as cancelled,
    /// closes the database and releases every lock, within milliseconds as a rule. iOS kills a suspended app that holds a
    /// lock. Until `resume` every call fails with `Reopen`; observers stay subscribed and hear nothing. Pausing twice
    /// changes nothing.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`.
    pub fn pause(&self) -> Result<(), FieldsyncError> {
        self.call(|engine| Ok(engine.pause()?))
    }

    /// Takes calls again. Read again what is on the screen: what another process wrote meanwhile is not announced. Resuming
    /// what is not paused changes nothing.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`. The first call afterwards opens the store and may fail as `open` does.
    pub fn resume(&self) -> Result<(), FieldsyncError> {
        self.call(|engine| Ok(engine.resume()?))
    }

    /// How the device stands: whose it is, what is still only here, when it last met the office.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`, `Defect` when the store cannot be read.
    pub fn status(&self) -> Result<DeviceStatus, FieldsyncError> {
        self.call(|engine| Ok(engine.status()?.into()))
    }
}

impl Device {
    /// Runs a call of the engine behind the wall.
    pub(crate) fn call<T>(
        &self,
        work: impl FnOnce(&fieldsync::Device) -> Result<T, FieldsyncError>,
    ) -> Result<T, FieldsyncError> {
        guard(|| work(&self.engine))
    }

    fn end(&self) {
        self.runtime.end();
        self.engine.close();
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = guard(|| {
            self.end();
            Ok(())
        });
    }
}

#[cfg(feature = "test-hooks")]
#[uniffi::export]
impl Device {
    /// Panics inside, for the packages' tests. Not in a shipped library.
    ///
    /// # Errors
    /// Always `Defect` with the code `panic`.
    pub fn panic_for_test(&self) -> Result<(), FieldsyncError> {
        self.call(|_| panic!("a planted defect"))
    }

    /// Panics inside on the device's runtime, for the packages' tests. Not in a shipped library.
    ///
    /// # Errors
    /// Always `Defect` with the code `panic`.
    pub async fn panic_for_test_async(&self) -> Result<(), FieldsyncError> {
        self.runtime.run(async { panic!("a planted defect") }).await
    }
}

/// How a device stands.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DeviceStatus {
    /// The enrolled device; none before enrolment.
    pub device: Option<Uuid>,
    /// Whose device it is: the technician's record.
    pub person: Option<Uuid>,
    /// That person's name.
    pub person_name: Option<String>,
    /// Where the office is.
    pub server_url: Option<String>,
    /// Records held.
    pub records: u32,
    /// Entries that are still only here.
    pub pending: u32,
    /// Refused entries in the drawer.
    pub refused: u32,
    /// Entries in the drawer that are at the office, not accepted.
    pub held: u32,
    /// Records that do not get through to the office; see `stuck`.
    pub stuck: u32,
    /// Photos and files still only here.
    pub photos: u32,
    /// Records being offered back to an office that lost them.
    pub offers: u32,
    /// Groups in which a person must decide.
    pub conflicts: u32,
    /// When the office last answered, on this device's clock.
    pub last_contact_ms: Option<i64>,
    /// Office clock minus device clock at that time.
    pub clock_offset_ms: Option<i64>,
    /// Whether device and office held the same at the last complete sync, by fingerprint.
    pub agrees: Option<bool>,
    /// Whether nothing is still only on this device: it may be given back.
    pub is_drained: bool,
}

impl From<fieldsync::DeviceStatus> for DeviceStatus {
    fn from(status: fieldsync::DeviceStatus) -> Self {
        Self {
            is_drained: status.is_drained(),
            device: status.device.map(|device| device.0),
            person: status.person.map(|person| person.0),
            person_name: status.person_name,
            server_url: status.server_url,
            records: status.records,
            pending: status.pending,
            refused: status.refused,
            held: status.held,
            stuck: status.stuck,
            photos: status.blobs,
            offers: status.offers,
            conflicts: status.conflicts,
            last_contact_ms: status.last_contact_ms,
            clock_offset_ms: status.clock_offset_ms,
            agrees: status.agrees,
        }
    }
}
