//! Bundles that were carried to the office, and the edits that came with them.

use fieldsync_protocol::{DeviceId, Dot, Hash, PersonId, RecordId, ReplicaId};

use super::StoreError;
use crate::sync::bundle::RecordFate;

/// A bundle that was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Names it; the dots of its edits carry it.
    pub replica: ReplicaId,
    /// The author's device.
    pub device: DeviceId,
    /// The author.
    pub person: PersonId,
    /// The how manieth bundle of that device.
    pub number: u64,
    /// When it was made, on the device's clock.
    pub made_ms: i64,
    /// When it was imported.
    pub arrived_ms: i64,
    /// Who imported it; `None` when a device brought it.
    pub by_person: Option<PersonId>,
    /// The device that brought it along; `None` when a person imported it.
    pub by_device: Option<DeviceId>,
    /// SHA-256 of its file.
    pub file_hash: Hash,
    /// Bytes of its file.
    pub size: u64,
    /// Photos and files that came with it.
    pub blobs: u64,
    /// What became of each edit.
    pub report: Vec<RecordFate>,
}

/// An edit that came with a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    /// Its dot there.
    pub dot: Dot,
    /// Whether it was kept aside.
    pub is_held: bool,
}

/// Bundles that were carried to the office. In a [`super::Store::read`] the writing verbs fail.
pub trait Bundles {
    /// One bundle.
    fn bundle(&mut self, replica: ReplicaId) -> Result<Option<Bundle>, StoreError>;
    /// The bundle that stood in this file.
    fn bundle_in_file(&mut self, file: &Hash) -> Result<Option<Bundle>, StoreError>;
    /// The latest bundles, newest first.
    fn bundles(&mut self, limit: u64) -> Result<Vec<Bundle>, StoreError>;
    /// Whether any bundle of a device was ever imported.
    fn has_bundle_of(&mut self, device: DeviceId) -> Result<bool, StoreError>;
    /// Stores a bundle; one that is there stays as it is.
    fn put_bundle(&mut self, bundle: &Bundle) -> Result<(), StoreError>;
    /// The edit that came with a bundle and said this; see [`fieldsync_protocol::Edit::said`].
    fn carried(&mut self, record: RecordId, said: &Hash) -> Result<Option<Carried>, StoreError>;
    /// Notes that an edit came with a bundle.
    fn put_carried(&mut self, record: RecordId, said: &Hash, carried: Carried) -> Result<(), StoreError>;
}
