//! The office's store as a contract: transactions with verbs.
//!
//! [`Store::write`] runs a piece of work in one transaction that is durable when the call returns, or has left no trace
//! when it fails; a store may combine the work of several callers into one commit. [`Store::read`] sees one consistent
//! snapshot. What is visible is ordered as sequences are: nobody sees place *n* of history without all places before it.
//!
//! Verbs know the tenant; no statement runs without it. SQLite is behind the trait; PostgreSQL comes second.

mod blobs;
mod board;
mod bundles;
mod collected;
mod devices;
mod erased;
mod held;
mod history;
mod records;
mod scope;
pub mod sqlite;
mod tenants;
mod users;

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use fieldsync_protocol::RecordId;

pub use blobs::Blobs;
pub use board::{Board, JobQuery, JobRow, Sort};
pub use bundles::{Bundle, Bundles, Carried};
pub use collected::{Collected, CollectedRecords};
pub use devices::{Device, Devices, Replica};
pub use erased::{Erased, ErasedRecords};
pub use held::{Held, HeldEdits, RefusedRow};
pub use history::{Action, Entry, History, Placed};
pub use records::{Records, Stored};
pub use scope::{AudienceSum, Scope, ScopeRow};
pub use tenants::{EpochStart, Tenant, Tenants};
pub use users::{User, Users};

/// Which tenant. One server may serve several; each is a world of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(pub i64);

/// Who sees a record: one technician, or everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Audience(pub [u8; 16]);

impl Audience {
    /// Catalogue and team.
    pub const SHARED: Audience = Audience([0; 16]);

    /// A technician's jobs and what they refer to.
    pub fn of(technician: RecordId) -> Self {
        Self(*technician.as_bytes())
    }

    /// Whose it is; `None` for what everybody sees.
    pub fn technician(self) -> Option<RecordId> {
        (self != Self::SHARED).then(|| RecordId::from_bytes(self.0))
    }
}

/// Why the store could not do its work. Nothing of the work is left behind.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or failed.
    #[error("use the database")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A stored value cannot be read: the database was damaged or written by something else.
    #[error("read a stored {0}")]
    Damaged(&'static str),
    /// The disk is full: nothing changed, try again when there is space.
    #[error("write to the disk: it is full")]
    Full,
    /// The work gave up by itself.
    #[error("finish the work")]
    Aborted,
    /// The store was closed.
    #[error("reach the store: it was closed")]
    Closed,
}

/// What changed in a commit; told after it, ids only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The tenant.
    pub tenant: TenantId,
    /// Records touched.
    pub records: BTreeSet<RecordId>,
    /// Audiences whose scope changed.
    pub audiences: BTreeSet<Audience>,
}

/// The verbs of a transaction, room by room.
pub trait Txn:
    Tenants
    + Records
    + History
    + Scope
    + Devices
    + HeldEdits
    + Blobs
    + Users
    + Board
    + ErasedRecords
    + CollectedRecords
    + Bundles
{
}

/// A piece of work for [`Store::write`].
pub type Work = Box<dyn FnOnce(&mut dyn Txn) -> Result<(), StoreError> + Send>;

/// A store. Calls block; they never run on an async worker.
pub trait Store: Send + Sync {
    /// Runs `work` in one transaction; durable when this returns.
    ///
    /// # Errors
    /// [`StoreError`]; nothing of the work is left behind.
    fn write(&self, tenant: TenantId, work: Work) -> Result<(), StoreError>;

    /// Runs `work` on one consistent snapshot.
    ///
    /// # Errors
    /// [`StoreError`] of the work or the database.
    fn read(
        &self,
        tenant: TenantId,
        work: &mut dyn FnMut(&mut dyn Txn) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;

    /// Makes the tenant when it is not there, and returns it.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    fn tenant(&self, name: &str, epoch: u64) -> Result<TenantId, StoreError>;

    /// Tells what changed, after each commit. Slow listeners miss changes, never block writers.
    fn changes(&self) -> tokio::sync::broadcast::Receiver<Changed>;

    /// Writes a complete, consistent copy of the database to a new file while others go on working.
    ///
    /// # Errors
    /// [`StoreError`] of the database or the disk.
    fn backup(&self, target: &std::path::Path) -> Result<(), StoreError>;

    /// Wipes what deleted rows left in the database's files, so that nothing erased can be found in them.
    ///
    /// # Errors
    /// [`StoreError`] of the database or the disk; what is stored is unharmed, and asking again is right.
    fn scrub(&self) -> Result<(), StoreError>;

    /// Checks the database's own structure; the list of what is wrong, empty when nothing is.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot even be checked.
    fn check(&self) -> Result<Vec<String>, StoreError>;
}

/// Runs `work` in one durable transaction of `store` and returns its result; an error leaves no trace.
///
/// # Errors
/// The work's own error, or the store's.
pub fn write<T, E>(
    store: &dyn Store,
    tenant: TenantId,
    work: impl FnOnce(&mut dyn Txn) -> Result<T, E> + Send + 'static,
) -> Result<T, E>
where
    T: Any + Send,
    E: From<StoreError> + Send + 'static,
{
    let slot = Arc::new(Mutex::new(None));
    let filled = Arc::clone(&slot);
    let outcome = store.write(
        tenant,
        Box::new(move |txn| {
            let result = work(txn);
            let verdict = if result.is_ok() { Ok(()) } else { Err(StoreError::Aborted) };
            *filled.lock().expect("nobody panics while holding this lock") = Some(result);
            verdict
        }),
    );
    let result = slot.lock().expect("nobody panics while holding this lock").take();
    match (outcome, result) {
        (Ok(()), Some(result)) => result,
        (Err(StoreError::Aborted), Some(Err(error))) => Err(error),
        (Err(error), _) => Err(error.into()),
        (Ok(()), None) => Err(StoreError::Closed.into()),
    }
}

/// Runs `work` on one consistent snapshot of `store` and returns its result.
///
/// # Errors
/// The work's own error, or the store's.
pub fn read<T, E>(store: &dyn Store, tenant: TenantId, work: impl FnOnce(&mut dyn Txn) -> Result<T, E>) -> Result<T, E>
where
    E: From<StoreError>,
{
    let mut work = Some(work);
    let mut result = None;
    store.read(tenant, &mut |txn| {
        if let Some(work) = work.take() {
            result = Some(work(txn));
        }
        Ok(())
    })?;
    result.unwrap_or_else(|| Err(StoreError::Closed.into()))
}
