//! The office: one tenant's store, keys, clock and randomness, and the replica id its own edits carry.
//!
//! The replica id is minted at every start, so that a database restored from a copy never writes a dot twice. The keys
//! and the anchor stand outside the database, so that a restore cannot bring old ones back.

use std::sync::Arc;

use fieldsync::entropy::{self, Entropy};
use fieldsync::{Clock, SystemClock, SystemEntropy};
use fieldsync_protocol::limits::{OFFLINE_HORIZON_DAYS, PAGE_RECORDS_MAX};
use fieldsync_protocol::{PersonId, RecordId, ReplicaId, Stamp, Trust};

use crate::collections::Collections;
use crate::erasures::Erasures;
use crate::keys::Keys;
use crate::revocations::Revocations;
use crate::store::{self, Store, StoreError, TenantId, Txn};

/// One tenant's office, as every request and command sees it. Cheap to clone.
#[derive(Clone)]
pub struct Office {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Which tenant.
    pub tenant: TenantId,
    /// The keys outside the database.
    pub keys: Arc<Keys>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The id the office's own edits carry, minted at this start.
    pub replica: ReplicaId,
    /// The log of revocations outside the database.
    pub revocations: Arc<Revocations>,
    /// The log of privacy erasures outside the database.
    pub erasures: Arc<Erasures>,
    /// The log of collections outside the database.
    pub collections: Arc<Collections>,
    /// Records on one page of a pull at most. Smaller is slower and changes nothing else: a simulation makes rare cuts
    /// frequent with it.
    pub page_records: usize,
    /// After so long without a contact a device starts over, milliseconds.
    pub horizon_ms: i64,
}

impl Office {
    /// An office that starts now, on the system's clock and randomness.
    pub fn start(store: Arc<dyn Store>, tenant: TenantId, keys: Arc<Keys>) -> Self {
        Self::start_with(store, tenant, keys, Arc::new(SystemClock), Arc::new(SystemEntropy))
    }

    /// An office that starts now, on the clock and randomness given.
    pub fn start_with(
        store: Arc<dyn Store>,
        tenant: TenantId,
        keys: Arc<Keys>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let replica = match fieldsync_protocol::planted!("office-keeps-replica") {
            true => fieldsync_protocol::ReplicaId([7; 16]),
            false => entropy::replica_id(entropy.as_ref()),
        };
        let revocations = Arc::new(Revocations::in_memory());
        let erasures = Arc::new(Erasures::in_memory());
        Self {
            store,
            tenant,
            keys,
            clock,
            entropy,
            replica,
            revocations,
            erasures,
            collections: Arc::new(Collections::in_memory()),
            page_records: PAGE_RECORDS_MAX,
            horizon_ms: OFFLINE_HORIZON_DAYS * 24 * 60 * 60_000,
        }
    }

    /// Runs `work` in one durable transaction.
    ///
    /// # Errors
    /// The work's own error, or the store's; then nothing of it is left behind.
    pub fn write<T, E>(&self, work: impl FnOnce(&mut dyn Txn) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        store::write(self.store.as_ref(), self.tenant, work)
    }

    /// Runs `work` on one consistent snapshot.
    ///
    /// # Errors
    /// The work's own error, or the store's.
    pub fn read<T, E>(&self, work: impl FnOnce(&mut dyn Txn) -> Result<T, E>) -> Result<T, E>
    where
        E: From<StoreError>,
    {
        store::read(self.store.as_ref(), self.tenant, work)
    }

    /// What the office's clock says.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// A new record id.
    pub fn new_id(&self) -> RecordId {
        entropy::record_id(self.entropy.as_ref(), self.now_ms())
    }

    /// Random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// The stamp of an edit somebody makes in the office now.
    pub fn stamp(&self, person: PersonId) -> Stamp {
        Stamp { person, device: None, at_ms: self.now_ms(), offset_ms: 0, trust: Trust::Office }
    }
}

/// The person behind what the office does by itself: numbers, counter-signatures.
pub const SYSTEM: PersonId = PersonId(uuid::Uuid::from_u128(1));
