//! Tells the app that something it shows has changed.
//!
//! Promises: an observer is called only after the commit, outside every lock, with nothing but ids; many commits before
//! an observer is served give one call; a panic inside an observer is contained and does not end its subscription; when
//! the [`Subscription`] is dropped no further call begins. Observers of one device are served one after another on one
//! thread, which starts with the first observer and ends with the device.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use fieldsync_protocol::RecordId;

use crate::device::Device;

/// Which changes an observer wants to hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchFilter {
    /// Every change.
    Everything,
    /// Changes of these records. A work order counts as changed with everything that hangs below it and with the
    /// customer, site, asset and contact it names, so a job page watches its order alone.
    Records(BTreeSet<RecordId>),
}

impl WatchFilter {
    /// Changes of one record, or of everything a work order shows.
    pub fn record(id: RecordId) -> Self {
        Self::Records(BTreeSet::from([id]))
    }

    fn wanted(&self, changed: &BTreeSet<RecordId>) -> BTreeSet<RecordId> {
        match self {
            Self::Everything => changed.clone(),
            Self::Records(ids) => changed.intersection(ids).copied().collect(),
        }
    }
}

impl Device {
    /// Calls `observer` with the ids of what `filter` names and changed, until the returned handle is dropped.
    ///
    /// Offline and online alike: own edits and what the office delivers are told the same way. An observer may call the
    /// device; it should hand long work on, because observers of one device are served one after another.
    pub fn watch(
        &self,
        filter: WatchFilter,
        observer: impl FnMut(&BTreeSet<RecordId>) + Send + 'static,
    ) -> Subscription {
        self.inner.watchers.watch(filter, observer)
    }
}

/// What is called with the ids that changed since the last call.
type Callback = Box<dyn FnMut(&BTreeSet<RecordId>) + Send>;

/// The observers of one device.
#[derive(Default)]
pub struct Watchers {
    shared: Arc<Shared>,
    has_thread: Mutex<bool>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    observers: BTreeMap<u64, Observer>,
    last_key: u64,
    /// Whom the thread served last: the next turn goes to the one after, so a busy observer starves nobody.
    last_served: u64,
    is_closed: bool,
}

struct Observer {
    filter: WatchFilter,
    waiting: BTreeSet<RecordId>,
    /// Away while it is being called.
    callback: Option<Callback>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code of an observer runs under the lock, so a poisoned state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls observers that have something waiting until the device closes.
    fn serve(&self) {
        loop {
            let Some((key, ids, mut callback)) = self.next() else { return };
            if catch_unwind(AssertUnwindSafe(|| callback(&ids))).is_err() {
                tracing::error!(ids.count = ids.len(), "an observer panicked; it stays subscribed");
            }
            if let Some(observer) = self.lock().observers.get_mut(&key) {
                observer.callback = Some(callback);
                continue;
            }
            // The subscription ended during the call. What the app put into the callback may do anything when it is
            // dropped, so it goes outside the lock and contained as well.
            let _ = catch_unwind(AssertUnwindSafe(move || drop(callback)));
        }
    }

    /// Waits for the next observer to serve; `None` once the device closes.
    fn next(&self) -> Option<(u64, BTreeSet<RecordId>, Callback)> {
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return None;
            }
            let last = state.last_served;
            let ready = |(_, observer): &(&u64, &Observer)| !observer.waiting.is_empty();
            let after = state.observers.range(last + 1..).find(ready).or_else(|| state.observers.iter().find(ready));
            if let Some(key) = after.map(|(key, _)| *key)
                && let Some(observer) = state.observers.get_mut(&key)
                && let Some(callback) = observer.callback.take()
            {
                let ids = std::mem::take(&mut observer.waiting);
                state.last_served = key;
                return Some((key, ids, callback));
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Watchers {
    /// No observers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Subscribes `callback` to the changes that `filter` names, from now on.
    pub fn watch(
        &self,
        filter: WatchFilter,
        callback: impl FnMut(&BTreeSet<RecordId>) + Send + 'static,
    ) -> Subscription {
        let key = {
            let mut state = self.shared.lock();
            if state.is_closed {
                return Subscription { shared: Weak::new(), key: 0 };
            }
            state.last_key += 1;
            let key = state.last_key;
            let observer = Observer { filter, waiting: BTreeSet::new(), callback: Some(Box::new(callback)) };
            state.observers.insert(key, observer);
            key
        };
        self.start();
        Subscription { shared: Arc::downgrade(&self.shared), key }
    }

    /// Remembers for every observer what changed. Returns at once; to be called after the commit.
    pub fn announce(&self, changed: &BTreeSet<RecordId>) {
        if changed.is_empty() {
            return;
        }
        for observer in self.shared.lock().observers.values_mut() {
            observer.waiting.extend(observer.filter.wanted(changed));
        }
        self.shared.wake.notify_one();
    }

    /// Ends every subscription and the thread. A call under way finishes; nobody waits for it, because it may be waiting
    /// for whoever closes.
    pub fn close(&self) {
        let observers = {
            let mut state = self.shared.lock();
            state.is_closed = true;
            std::mem::take(&mut state.observers)
        };
        self.shared.wake.notify_all();
        drop(observers);
    }

    fn start(&self) {
        let mut has_thread = self.has_thread.lock().unwrap_or_else(PoisonError::into_inner);
        if !*has_thread {
            let shared = Arc::clone(&self.shared);
            match thread::Builder::new().name("fieldsync-watch".into()).spawn(move || shared.serve()) {
                Ok(_) => *has_thread = true,
                // The next subscription tries again; until then changes wait for their observers.
                Err(error) => tracing::error!(%error, "failed to start the thread that serves observers"),
            }
        }
    }
}

impl Drop for Watchers {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Watchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watchers").field("observers", &self.shared.lock().observers.len()).finish()
    }
}

/// An observer's place. Dropping it ends the subscription: a call under way finishes, none begins afterwards.
#[must_use = "dropping the subscription ends it"]
pub struct Subscription {
    shared: Weak<Shared>,
    key: u64,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            let observer = shared.lock().observers.remove(&self.key);
            drop(observer);
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("key", &self.key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    fn ids(numbers: impl IntoIterator<Item = u8>) -> BTreeSet<RecordId> {
        numbers.into_iter().map(|number| RecordId::from_bytes([number; 16])).collect()
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn many_commits_before_an_observer_is_served_give_one_call() {
        let watchers = Watchers::new();
        let (called, calls) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let _subscription = watchers.watch(WatchFilter::Everything, move |ids| {
            called.send(ids.clone()).unwrap();
            released.recv_timeout(LONG).unwrap();
        });

        watchers.announce(&ids([1]));
        assert_eq!(calls.recv_timeout(LONG).unwrap(), ids([1]));
        for number in 2..=100 {
            watchers.announce(&ids([number]));
        }
        release.send(()).unwrap();

        assert_eq!(calls.recv_timeout(LONG).unwrap(), ids(2..=100));
        release.send(()).unwrap();
        drop(watchers);
        assert!(calls.recv_timeout(LONG).is_err());
    }

    #[test]
    fn an_observer_hears_only_what_it_asked_for() {
        let watchers = Watchers::new();
        let (called, calls) = mpsc::channel();
        let _subscription = watchers.watch(WatchFilter::record(RecordId::from_bytes([2; 16])), move |ids| {
            called.send(ids.clone()).unwrap();
        });

        watchers.announce(&ids([1, 3]));
        watchers.announce(&ids([1, 2, 3]));

        assert_eq!(calls.recv_timeout(LONG).unwrap(), ids([2]));
    }

    #[test]
    fn no_call_begins_after_the_subscription_was_dropped() {
        let watchers = Watchers::new();
        let (called, calls) = mpsc::channel();
        let (dropped_called, dropped_calls) = mpsc::channel();
        let dropped = watchers.watch(WatchFilter::Everything, move |_| dropped_called.send(()).unwrap());
        let _kept = watchers.watch(WatchFilter::Everything, move |_| called.send(()).unwrap());

        drop(dropped);
        watchers.announce(&ids([1]));

        calls.recv_timeout(LONG).unwrap();
        assert!(dropped_calls.recv_timeout(LONG).is_err());
    }

    #[test]
    fn a_panic_in_one_observer_reaches_nobody() {
        let watchers = Watchers::new();
        let (called, calls) = mpsc::channel();
        let panicked = called.clone();
        let _broken = watchers.watch(WatchFilter::Everything, move |_| {
            panicked.send("broken").unwrap();
            std::panic::resume_unwind(Box::new("an observer's own defect"));
        });
        let _sound = watchers.watch(WatchFilter::Everything, move |_| called.send("sound").unwrap());

        for round in 1..=2 {
            watchers.announce(&ids([round]));
            let mut heard = [calls.recv_timeout(LONG).unwrap(), calls.recv_timeout(LONG).unwrap()];
            heard.sort();
            assert_eq!(heard, ["broken", "sound"]);
        }
    }

    #[test]
    fn nobody_is_called_after_the_device_closed() {
        let watchers = Watchers::new();
        let (called, calls) = mpsc::channel();
        let also_called = called.clone();
        let _before = watchers.watch(WatchFilter::Everything, move |_| called.send(()).unwrap());

        watchers.close();
        let _after = watchers.watch(WatchFilter::Everything, move |_| also_called.send(()).unwrap());
        watchers.announce(&ids([1]));

        assert!(calls.recv_timeout(LONG).is_err());
    }

    #[test]
    fn an_observer_may_end_its_own_subscription_and_the_device() {
        let watchers = Arc::new(Mutex::new(Some(Watchers::new())));
        let (called, calls) = mpsc::channel();
        let inner = Arc::clone(&watchers);
        let own = Arc::new(Mutex::new(None::<Subscription>));
        let mine = Arc::clone(&own);
        let subscription = watchers.lock().unwrap().as_ref().unwrap().watch(WatchFilter::Everything, move |_| {
            drop(mine.lock().unwrap().take());
            drop(inner.lock().unwrap().take());
            called.send(()).unwrap();
        });
        *own.lock().unwrap() = Some(subscription);

        watchers.lock().unwrap().as_ref().unwrap().announce(&ids([1]));

        calls.recv_timeout(LONG).unwrap();
    }
}
