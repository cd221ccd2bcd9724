//! Tells the app that something it shows has changed.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use fieldsync::RecordId;
use fieldsync::watch::WatchFilter;
use uuid::Uuid;

use crate::device::Device;
use crate::error::{CallbackError, FieldsyncError};
use crate::runtime::guard;

/// Is told what changed.
#[uniffi::export(with_foreign)]
pub trait ChangeObserver: Send + Sync {
    /// These records changed; read again what shows them. A work order counts as changed with everything below it and
    /// with the customer, site, asset and contact it names.
    ///
    /// Called after the commit, outside every lock, on a thread of the engine's, one call at a time; many changes give one
    /// call. It may call the device. It should be quick: observers of one device are served one after another.
    ///
    /// # Errors
    /// Whatever it throws is logged without its text; it stays subscribed.
    fn changed(&self, records: Vec<Uuid>) -> Result<(), CallbackError>;
}

/// An observer's place. It ends with `end`, when this object is freed, and with the device.
#[derive(uniffi::Object)]
pub struct Subscription {
    place: Mutex<Option<fieldsync::watch::Subscription>>,
}

#[uniffi::export]
impl Subscription {
    /// Ends the subscription: a call under way finishes, none begins afterwards. Ending it again does nothing.
    ///
    /// # Errors
    /// None in practice.
    pub fn end(&self) -> Result<(), FieldsyncError> {
        guard(|| {
            let place = self.place.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop(place);
            Ok(())
        })
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

#[uniffi::export]
impl Device {
    /// Tells `observer` of changes of `records`, of every change when there are none, until the subscription ends. Own
    /// entries and what the office delivers are told alike.
    ///
    /// # Errors
    /// None in practice; after `shutdown` nothing is ever told.
    pub fn watch(
        &self,
        records: Vec<Uuid>,
        observer: Arc<dyn ChangeObserver>,
    ) -> Result<Arc<Subscription>, FieldsyncError> {
        self.call(|engine| {
            let filter = match records.is_empty() {
                true => WatchFilter::Everything,
                false => WatchFilter::Records(records.into_iter().map(RecordId).collect()),
            };
            let subscription = engine.watch(filter, move |ids: &BTreeSet<RecordId>| {
                if observer.changed(ids.iter().map(|id| id.0).collect()).is_err() {
                    tracing::warn!("an observer of the app failed; it stays subscribed");
                }
            });
            Ok(Arc::new(Subscription { place: Mutex::new(Some(subscription)) }))
        })
    }
}
