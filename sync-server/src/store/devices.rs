//! Devices, their replicas, and one-time enrolment codes.

use fieldsync_protocol::exchange::Holding;
use fieldsync_protocol::{DeviceId, Hash, PersonId, PublicKey, PushId, ReplicaId};

use super::StoreError;

/// An enrolled device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Whose it is.
    pub person: PersonId,
    /// What the dispatcher sees.
    pub name: String,
    /// Its key.
    pub public_key: PublicKey,
    /// When it was enrolled.
    pub enrolled_ms: i64,
    /// When it was last heard of.
    pub contact_ms: Option<i64>,
    /// The highest cursor position it presented.
    pub position: u64,
    /// Office clock minus device clock at last contact.
    pub offset_ms: Option<i64>,
    /// What it said it still holds.
    pub holding: Holding,
    /// Its version of the table of kinds.
    pub table_version: u32,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
    /// When the office asked that it be wiped. Such a device is revoked as well.
    pub wipe_ms: Option<i64>,
    /// When the device said that it has handed over what it could and destroys its store.
    pub wiped_ms: Option<i64>,
    /// Since when nobody waits for it: it was retired and has not been heard of since.
    pub retired_ms: Option<i64>,
}

/// What the clone detector keeps per replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replica {
    /// The device it belongs to.
    pub device: DeviceId,
    /// The epoch it was first seen in.
    pub epoch: u64,
    /// How many pushes were accepted.
    pub serial: u64,
    /// The last of them.
    pub push_id: Option<PushId>,
    /// Since when this id may say nothing new: its device was retired.
    pub retired_ms: Option<i64>,
}

/// Devices, their replicas, and one-time enrolment codes. In a [`super::Store::read`] the writing verbs fail.
pub trait Devices {
    /// One device.
    fn device(&mut self, id: DeviceId) -> Result<Option<Device>, StoreError>;
    /// All devices.
    fn devices(&mut self) -> Result<Vec<Device>, StoreError>;
    /// Stores a device.
    fn put_device(&mut self, device: &Device) -> Result<(), StoreError>;
    /// What the clone detector keeps.
    fn replica(&mut self, id: ReplicaId) -> Result<Option<Replica>, StoreError>;
    /// Stores it.
    fn put_replica(&mut self, id: ReplicaId, replica: &Replica) -> Result<(), StoreError>;
    /// The replica ids of a device.
    fn replicas_of(&mut self, device: DeviceId) -> Result<Vec<(ReplicaId, Replica)>, StoreError>;
    /// Stores the hash of a one-time code.
    fn put_code(&mut self, hash: &Hash, person: PersonId, expires_ms: i64) -> Result<(), StoreError>;
    /// Uses a code up for a device's key; `None` when it is unknown, expired, or used for another key. Using it again
    /// for the same key is the same use.
    fn use_code(&mut self, hash: &Hash, key: &PublicKey, now_ms: i64) -> Result<Option<PersonId>, StoreError>;
}
