//! A phone's operating system suspends apps, and kills one that it finds holding a file lock while suspended. So a device
//! can be paused: whatever is being written is finished, a sync under way ends with what was answered so far, and nothing
//! of the device's files stays open or locked until it is resumed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::device::Device;
use crate::error::Error;
use crate::http::Cancel;

impl Device {
    /// Lets go of everything: waits for reads and writes under way, ends a sync with [`crate::Ended::Cancelled`], closes
    /// the database and releases every lock. To be called before the app is suspended. Until [`Device::resume`] every
    /// call fails with [`Error::Paused`]; observers stay subscribed and hear nothing.
    ///
    /// Safe from any thread, for all clones at once; pausing twice changes nothing. It takes as long as the longest
    /// transaction under way, some milliseconds as a rule. Another process may open the store while this one is paused.
    ///
    /// # Errors
    /// [`Error::Closed`] after [`Device::close`].
    pub fn pause(&self) -> Result<(), Error> {
        self.inner.halts.stop();
        self.inner.store.pause()
    }

    /// Takes calls again. The store is opened by the first of them, which may fail as [`Device::open`] does, with
    /// [`Error::InUse`] for example as long as another process has it open; the next call tries again then. What another
    /// process wrote meanwhile is not announced to observers: read again what is on the screen.
    ///
    /// Safe from any thread; resuming what is not paused changes nothing.
    ///
    /// # Errors
    /// [`Error::Closed`] after [`Device::close`].
    pub fn resume(&self) -> Result<(), Error> {
        self.inner.store.resume()
    }

    /// Whether the device is paused.
    pub fn is_paused(&self) -> bool {
        self.inner.store.is_paused()
    }
}

/// Stops the network work of a device.
#[derive(Debug, Default)]
pub(crate) struct Halts(Mutex<Both>);

#[derive(Debug, Default)]
struct Both {
    present: Arc<Halt>,
    /// The one that was stopped last.
    last: Option<Arc<Halt>>,
}

/// Stops everything that was begun before it.
#[derive(Debug, Default)]
pub(crate) struct Halt {
    pub(crate) cancel: Cancel,
    running: AtomicUsize,
    ended: Notify,
}

/// Network work under way.
pub(crate) struct Running(pub(crate) Arc<Halt>);

impl Halts {
    /// Begins network work that a pause will stop.
    pub(crate) fn begin(&self) -> Running {
        let halts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halts.present.running.fetch_add(1, Ordering::AcqRel);
        Running(Arc::clone(&halts.present))
    }

    /// Stops what is under way.
    pub(crate) fn stop(&self) {
        let mut halts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if halts.present.running.load(Ordering::Acquire) > 0 {
            let stopped = std::mem::take(&mut halts.present);
            stopped.cancel.cancel();
            halts.last = Some(stopped);
        }
    }

    /// What was stopped last, while it is still ending.
    pub(crate) fn ending(&self) -> Option<Arc<Halt>> {
        let mut halts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halts.last.take_if(|last| last.running.load(Ordering::Acquire) == 0);
        halts.last.clone()
    }
}

impl Halt {
    /// Waits until everything that was begun before it has ended.
    pub(crate) async fn ended(&self) {
        let ended = self.ended.notified();
        tokio::pin!(ended);
        // Registered before the number is read, so an end in between is not missed.
        ended.as_mut().enable();
        if self.running.load(Ordering::Acquire) > 0 {
            ended.await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.ended.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::mpsc;
    use std::thread;

    use fieldsync_protocol::fields;
    use rusqlite::Connection;

    use crate::fixture::{Fixture, id};
    use crate::http::{Sending, Transport};
    use crate::sync::Request;
    use crate::{Cancel, Config, Device, Draft, Ended, Error};

    fn note(text: &str) -> Draft {
        Draft::new("note").set("text", fields! { "work_order" => id(50), "text" => text })
    }

    /// The files of a folder that this process has open.
    fn open_files(dir: &Path) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return Vec::new() };
        let targets = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        targets.filter(|target| target.starts_with(dir)).collect()
    }

    #[test]
    fn a_paused_device_holds_no_file_and_no_lock_and_goes_on_where_it_was() {
        let fixture = Fixture::with_job();
        let device = &fixture.device;
        device.edit(note("before")).unwrap();
        if cfg!(target_os = "linux") {
            assert!(!open_files(device.dir()).is_empty());
        }

        device.pause().unwrap();
        device.pause().unwrap();

        assert_eq!(open_files(device.dir()), Vec::<PathBuf>::new());
        assert!(device.is_paused());
        let refused = device.edit(note("while paused")).unwrap_err();
        assert_eq!(refused.code(), "paused");
        assert!(matches!(device.status(), Err(Error::Paused)));
        let other = Connection::open(device.dir().join("fieldsync.db")).unwrap();
        other.pragma_update(None, "locking_mode", "exclusive").unwrap();
        other.execute_batch("begin exclusive; update meta set value = value; commit").unwrap();
        drop(other);
        Device::open(Config::new(device.dir())).unwrap().edit(note("by a background process")).unwrap();

        device.resume().unwrap();
        device.resume().unwrap();
        device.edit(note("after")).unwrap();
        assert_eq!(device.pending().unwrap().len(), 3);
    }

    #[test]
    fn a_store_that_is_open_elsewhere_when_the_app_comes_back_is_used_as_soon_as_it_is_free() {
        let fixture = Fixture::with_job();
        let device = &fixture.device;
        device.pause().unwrap();
        let other = Device::open(Config::new(device.dir())).unwrap();
        device.resume().unwrap();

        assert!(matches!(device.status(), Err(Error::InUse)));
        assert!(matches!(device.edit(note("too early")), Err(Error::InUse)));
        other.close();
        device.edit(note("now")).unwrap();
    }

    #[test]
    fn a_pause_waits_for_what_is_being_written() {
        let fixture = Fixture::with_job();
        let (entered, has_entered) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let device = fixture.device.clone();
        let writer = thread::spawn(move || {
            device.write(|tx, _| {
                entered.send(()).unwrap();
                may_go_on.recv().unwrap();
                crate::store::meta::set(tx, "kept", &1_u8)
            })
        });
        has_entered.recv().unwrap();
        let device = fixture.device.clone();
        let pause = thread::spawn(move || device.pause());
        while !fixture.device.is_paused() {
            thread::yield_now();
        }
        assert!(!pause.is_finished());
        go_on.send(()).unwrap();

        writer.join().unwrap().unwrap();
        pause.join().unwrap().unwrap();
        fixture.device.resume().unwrap();
        let kept = fixture.device.read(|connection| crate::store::meta::get::<u8>(connection, "kept"));
        assert_eq!(kept.unwrap(), Some(1));
    }

    #[test]
    fn whoever_pauses_and_resumes_no_call_that_returned_is_lost() {
        let fixture = Fixture::with_job();
        let writers = [0, 1, 2].map(|writer| {
            let device = fixture.device.clone();
            thread::spawn(move || {
                let mut stored = 0;
                for number in 0..60 {
                    match device.edit(note(&format!("{writer} {number}"))) {
                        Ok(_) => stored += 1,
                        Err(error) => assert_eq!(error.code(), "paused"),
                    }
                    match device.pending() {
                        Ok(pending) => assert!(pending.len() >= stored),
                        Err(error) => assert_eq!(error.code(), "paused"),
                    }
                }
                stored
            })
        });
        while !writers.iter().all(thread::JoinHandle::is_finished) {
            fixture.device.pause().unwrap();
            assert_eq!(open_files(fixture.device.dir()), Vec::<PathBuf>::new());
            fixture.device.resume().unwrap();
            thread::yield_now();
        }
        let stored: usize = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        assert_eq!(fixture.device.pending().unwrap().len(), stored);
    }

    /// An office that says when it was asked, and never answers.
    struct Silent(mpsc::Sender<()>);

    impl Transport for Silent {
        fn send(&self, _: Request) -> Sending<'_> {
            let _ = self.0.send(());
            Box::pin(std::future::pending())
        }
    }

    #[test]
    fn a_pause_ends_a_sync_and_the_next_one_is_not_told_that_one_is_under_way() {
        let fixture = Fixture::with_job();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (asked, is_asked) = mpsc::channel();
        let silent = std::sync::Arc::new(Silent(asked));
        for _ in 0..50 {
            let (device, transport) = (fixture.device.clone(), silent.clone());
            let sync = runtime.spawn(async move { device.sync_over(transport, Cancel::new(), |_| {}).await });
            is_asked.recv().unwrap();
            fixture.device.pause().unwrap();
            fixture.device.resume().unwrap();

            let (device, transport, cancel) = (fixture.device.clone(), silent.clone(), Cancel::new());
            let stop = cancel.clone();
            let next = runtime.spawn(async move { device.sync_over(transport, cancel, |_| {}).await });
            is_asked.recv().unwrap();
            stop.cancel();

            assert_eq!(runtime.block_on(sync).unwrap().unwrap().ended, Ended::Cancelled);
            assert_eq!(runtime.block_on(next).unwrap().unwrap().ended, Ended::Cancelled);
        }
        fixture.device.close();
        assert!(matches!(fixture.device.pause(), Err(Error::Closed)));
        assert!(matches!(fixture.device.resume(), Err(Error::Closed)));
    }
}
