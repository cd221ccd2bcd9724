//! The one writer: a thread with the only writing connection, combining whatever waits into one commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::broadcast;

use super::SqliteTxn;
use crate::store::{Changed, StoreError, TenantId, Work};

/// Pieces of work combined into one commit: enough to hide the disk, few enough to keep the first caller's wait short.
const COMBINED_MAX: usize = 64;

/// Work that needs the bare connection, for what stands above tenants.
pub(super) type RawWork = Box<dyn FnOnce(&Connection) -> Result<(), StoreError> + Send>;

enum Task {
    Tenant(TenantId, Work),
    Raw(RawWork),
}

struct Job {
    task: Task,
    done: SyncSender<Result<(), StoreError>>,
}

/// Handle to the writing thread.
pub(super) struct Writer {
    jobs: Mutex<Option<Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, changes: broadcast::Sender<Changed>) -> Self {
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("fieldsync-writer".into())
            .spawn(move || serve(&connection, &receiver, &changes))
            .expect("the operating system starts a thread");
        Self { jobs: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) }
    }

    pub(super) fn run(&self, tenant: TenantId, work: Work) -> Result<(), StoreError> {
        self.send(Task::Tenant(tenant, work))
    }

    pub(super) fn run_raw(&self, work: RawWork) -> Result<(), StoreError> {
        self.send(Task::Raw(work))
    }

    fn send(&self, task: Task) -> Result<(), StoreError> {
        let (done, answer) = sync_channel(1);
        let jobs = self.jobs.lock().expect("nobody panics while holding this lock");
        jobs.as_ref().ok_or(StoreError::Closed)?.send(Job { task, done }).map_err(|_| StoreError::Closed)?;
        drop(jobs);
        answer.recv().unwrap_or(Err(StoreError::Closed))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Closing the channel ends the thread after what waits; joining closes the database before the process goes on.
        drop(self.jobs.lock().map(|mut jobs| jobs.take()));
        if let Ok(mut thread) = self.thread.lock()
            && let Some(thread) = thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn serve(connection: &Connection, jobs: &Receiver<Job>, changes: &broadcast::Sender<Changed>) {
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        while batch.len() < COMBINED_MAX
            && let Ok(job) = jobs.try_recv()
        {
            batch.push(job);
        }
        if fieldsync_protocol::planted!("ack-before-commit") && !connection.is_autocommit() {
            let _ = connection.execute_batch("commit");
        }
        let began = connection.execute_batch("begin immediate");
        let mut answers = Vec::with_capacity(batch.len());
        for job in batch {
            let outcome = match &began {
                Ok(()) => in_savepoint(connection, job.task),
                Err(error) => Err(StoreError::Database(error.to_string().into())),
            };
            answers.push((job.done, outcome));
        }
        let commit = if fieldsync_protocol::planted!("ack-before-commit") { "" } else { "commit" };
        let committed = began.and_then(|()| connection.execute_batch(commit)).map_err(StoreError::from);
        if committed.is_err() && !connection.is_autocommit() {
            let _ = connection.execute_batch("rollback");
        }
        for (done, outcome) in answers {
            let outcome = match (outcome, &committed) {
                (Ok(changed), Ok(())) => {
                    if !changed.records.is_empty() || !changed.audiences.is_empty() {
                        let _ = changes.send(changed);
                    }
                    Ok(())
                }
                (Ok(_), Err(StoreError::Full)) => Err(StoreError::Full),
                (Ok(_), Err(error)) => Err(StoreError::Database(error.to_string().into())),
                (Err(error), _) => Err(error),
            };
            let _ = done.send(outcome);
        }
    }
}

/// Runs one piece of work so that its failure, or panic, undoes nothing but itself.
fn in_savepoint(connection: &Connection, task: Task) -> Result<Changed, StoreError> {
    connection.execute_batch("savepoint work")?;
    let outcome = catch_unwind(AssertUnwindSafe(|| match task {
        Task::Tenant(tenant, work) => {
            let mut txn = SqliteTxn::new(connection, tenant);
            work(&mut txn).map(|()| txn.into_changed())
        }
        Task::Raw(work) => work(connection).map(|()| SqliteTxn::new(connection, TenantId(0)).into_changed()),
    }))
    .unwrap_or(Err(StoreError::Aborted));
    if outcome.is_err() {
        // A full disk may already have rolled the whole transaction back; then there is no savepoint left.
        if !connection.is_autocommit() {
            connection.execute_batch("rollback to work; release work")?;
        }
    } else {
        connection.execute_batch("release work")?;
    }
    outcome
}
