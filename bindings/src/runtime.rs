//! Where work runs, how it ends, and the wall no panic gets through.
//!
//! A device has a small runtime of its own. Foreign executors poll our futures on the app's threads, so an exported
//! future does nothing but wait for a task there, and takes the task with it when it is dropped.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::error::FieldsyncError;

/// Stops long calls, from any thread. Hand the same handle to a call and to whatever may stop it; one handle may serve
/// several calls, and once used it stops every later call at once.
#[derive(Debug, Default, uniffi::Object)]
pub struct CancelHandle {
    pub(crate) cancel: fieldsync::Cancel,
}

#[uniffi::export]
impl CancelHandle {
    /// A handle that has not been used yet.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Stops the calls this handle was given to: the request under way is dropped and no further one is sent. What the
    /// office had answered is kept. Doing it again, or after the call ended, does nothing.
    ///
    /// # Errors
    /// None in practice.
    pub fn cancel(&self) -> Result<(), FieldsyncError> {
        guard(|| {
            self.cancel.cancel();
            Ok(())
        })
    }

    /// Whether it was used.
    ///
    /// # Errors
    /// None in practice.
    pub fn is_cancelled(&self) -> Result<bool, FieldsyncError> {
        Ok(self.cancel.is_cancelled())
    }
}

/// The handle's cancel, or one that nobody has.
pub(crate) fn cancel_of(handle: Option<Arc<CancelHandle>>) -> fieldsync::Cancel {
    handle.map(|handle| handle.cancel.clone()).unwrap_or_default()
}

/// Runs `work`; a panic in it is a defect the app can read.
pub(crate) fn guard<T>(work: impl FnOnce() -> Result<T, FieldsyncError>) -> Result<T, FieldsyncError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        // Dropping it could panic again, and there is no wall behind this one.
        std::mem::forget(panic);
        tracing::error!("a call panicked");
        Err(FieldsyncError::defect("panic"))
    })
}

/// The runtime of one device.
pub(crate) struct Runtime {
    handle: Handle,
    own: Mutex<Option<tokio::runtime::Runtime>>,
}

/// Threads for SQL and files; a phone has one store, and its writer is alone.
const BLOCKING_THREADS: usize = 4;

impl Runtime {
    pub(crate) fn new(workers: u8) -> Result<Self, FieldsyncError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(usize::from(workers.clamp(1, 8)))
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("fieldsync")
            .enable_all()
            .build()
            .map_err(|error| FieldsyncError::from(fieldsync::Error::from(error)))?;
        Ok(Self { handle: runtime.handle().clone(), own: Mutex::new(Some(runtime)) })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Ends all work without waiting for it.
    pub(crate) fn end(&self) {
        let runtime = self.own.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = runtime {
            runtime.shutdown_background();
        }
    }

    /// Runs `work` here while the caller waits; when the caller stops waiting, the work stops too.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, FieldsyncError>> + Send + 'static,
    ) -> Result<T, FieldsyncError> {
        let mut task = Task(self.handle.spawn(work));
        match (&mut task.0).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => {
                std::mem::forget(error);
                Err(FieldsyncError::defect("panic"))
            }
            Err(_) => Err(FieldsyncError::closed()),
        }
    }
}

impl Runtime {
    /// Runs `work`, which may block, where that harms nobody. A caller that stops waiting does not stop it.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, FieldsyncError> + Send + 'static,
    ) -> Result<T, FieldsyncError> {
        let work = async move { tokio::task::spawn_blocking(move || guard(work)).await };
        self.run(async move { work.await.unwrap_or_else(|_| Err(FieldsyncError::closed())) }).await
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.end();
    }
}

/// A task that ends with whoever waits for it.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits for `work` unless `cancel` comes first.
pub(crate) async fn unless_cancelled<T>(
    cancel: fieldsync::Cancel,
    work: impl Future<Output = Result<T, fieldsync::Error>>,
) -> Result<T, FieldsyncError> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(fieldsync::Error::Cancelled.into()),
        result = work => Ok(result?),
    }
}
