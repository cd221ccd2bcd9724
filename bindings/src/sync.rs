//! Carries what is pending to the office and brings what changed, and says what it did.

use std::sync::Arc;
use std::time::Duration;

use fieldsync::{Progress, Receipt};
use tokio::sync::watch;
use uuid::Uuid;

use crate::device::Device;
use crate::error::{CallbackError, FieldsyncError};
use crate::runtime::{CancelHandle, cancel_of};
use crate::stuck::StuckRecord;

/// Is told how far a sync has got.
#[uniffi::export(with_foreign)]
pub trait SyncObserver: Send + Sync {
    /// How far it has got. Called after answers of the office, on a thread of the engine's, one call at a time; when the
    /// app is slower than the sync, only the latest is told. The sync does not wait for it.
    ///
    /// # Errors
    /// Whatever it throws is logged without its text; the sync goes on.
    fn progress(&self, progress: SyncProgress) -> Result<(), CallbackError>;
}

/// What a sync is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum SyncPhase {
    /// Sending and receiving records.
    Records,
    /// Sending photos and files.
    Photos,
    /// Nothing more.
    Done,
}

/// How far a sync has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct SyncProgress {
    /// What it is doing.
    pub phase: SyncPhase,
    /// Entries the office has answered.
    pub sent: u32,
    /// Records received.
    pub received: u32,
    /// Entries that are still only here.
    pub still_here: u32,
    /// Bytes sent, before encryption.
    pub bytes_up: i64,
    /// Bytes received, before encryption.
    pub bytes_down: i64,
}

impl From<Progress> for SyncProgress {
    fn from(progress: Progress) -> Self {
        Self {
            phase: match progress.phase {
                fieldsync::Phase::Records => SyncPhase::Records,
                fieldsync::Phase::Blobs => SyncPhase::Photos,
                fieldsync::Phase::Done => SyncPhase::Done,
            },
            sent: progress.sent,
            received: progress.received,
            still_here: progress.still_here,
            bytes_up: signed(progress.bytes_up),
            bytes_down: signed(progress.bytes_down),
        }
    }
}

/// How a sync ended.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Ended {
    /// Everything was sent and received.
    Complete,
    /// The office was not reached, or not to the end. What was answered is kept.
    Offline {
        /// When to sync again, milliseconds from now.
        retry_after_ms: i64,
    },
    /// The caller cancelled. What was answered is kept.
    Cancelled,
    /// The office does not know this device: show the enrolment.
    SignedOut,
    /// The device was revoked: show that, and whom to call.
    Revoked,
    /// The office had the device wiped: what only it had was handed over, the rest is destroyed. Show the enrolment.
    Wiped,
    /// The app must be updated.
    Outdated,
    /// The office answered that it cannot do this; support knows more.
    Fault {
        /// Stable code.
        code: String,
    },
    /// The office answers, but nothing moves: a defect of either side.
    Stalled,
}

impl From<fieldsync::Ended> for Ended {
    fn from(ended: fieldsync::Ended) -> Self {
        match ended {
            fieldsync::Ended::Complete => Self::Complete,
            fieldsync::Ended::Offline { retry_after_ms } => Self::Offline { retry_after_ms: signed(retry_after_ms) },
            fieldsync::Ended::Cancelled => Self::Cancelled,
            fieldsync::Ended::SignedOut => Self::SignedOut,
            fieldsync::Ended::Revoked => Self::Revoked,
            fieldsync::Ended::Wiped => Self::Wiped,
            fieldsync::Ended::Outdated => Self::Outdated,
            fieldsync::Ended::Fault(code) => Self::Fault { code: code.name().to_owned() },
            fieldsync::Ended::Stalled => Self::Stalled,
        }
    }
}

/// What one sync did.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SyncReceipt {
    /// How it ended.
    pub ended: Ended,
    /// Entries sent, each counted once.
    pub sent: u32,
    /// Entries the office took.
    pub accepted: u32,
    /// Records received.
    pub received: u32,
    /// Records that left this device.
    pub left: u32,
    /// Records in which both sides had changed something, merged by themselves.
    pub merged: Vec<Merged>,
    /// Groups in which a person must decide since this sync.
    pub needs_person: Vec<NeedsPerson>,
    /// Entries the office refused; they are in the drawer.
    pub refused: Vec<NotAccepted>,
    /// Entries the office keeps aside until a person decides.
    pub held: Vec<NotAccepted>,
    /// Refused entries that were tried again.
    pub retried: u32,
    /// Records offered back that the office had lost.
    pub refilled: u32,
    /// Photos and files that arrived at the office.
    pub photos_sent: u32,
    /// Photos and files that could not be sent this time.
    pub photos_failed: u32,
    /// Bundles of other devices that the office has taken.
    pub bundles_sent: u32,
    /// Bundles of other devices that it did not take, or not this time.
    pub bundles_failed: u32,
    /// Entries that are still only here.
    pub still_here: u32,
    /// Of these, the ones that were sent and not answered: the office may have them or not, and the next sync will tell.
    pub undecided: Vec<Undecided>,
    /// Records of these that do not get through, with what happens to them and what helps.
    pub stuck: Vec<StuckRecord>,
    /// Photos and files that are still only here.
    pub photos_here: u32,
    /// Bytes sent, before encryption.
    pub bytes_up: i64,
    /// Bytes received, before encryption.
    pub bytes_down: i64,
    /// Answers received.
    pub round_trips: u32,
    /// Requests that had to be sent again.
    pub repeats: u32,
    /// Own entries found not to be what was entered, set aside and sent to nobody; see `damaged`.
    pub damaged: u32,
    /// Records of this device that were erased for privacy.
    pub erased: u32,
    /// Whether this device had been away for too long and started over: what only it had was handed over first, then
    /// everything was fetched anew.
    pub started_over: bool,
    /// Whether both sides hold the same, by fingerprint; none when the sync did not get that far.
    pub agrees: Option<bool>,
    /// The receipt in words, for a screen or for support: a line each, no ids, no content.
    pub text: String,
}

/// A record merged by itself.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Merged {
    /// The record.
    pub record: Uuid,
    /// Its kind.
    pub kind: String,
    /// Groups changed here.
    pub ours: Vec<String>,
    /// Groups changed elsewhere meanwhile.
    pub theirs: Vec<String>,
}

/// A group in which a person must decide.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NeedsPerson {
    /// The record.
    pub record: Uuid,
    /// Its kind.
    pub kind: String,
    /// The group.
    pub group: String,
}

/// An entry that was sent and not answered.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Undecided {
    /// The record.
    pub record: Uuid,
    /// Its kind.
    pub kind: String,
    /// The group.
    pub group: String,
}

/// An entry that went into the drawer.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NotAccepted {
    /// The record.
    pub record: Uuid,
    /// Its kind.
    pub kind: String,
    /// The group.
    pub group: String,
    /// The office's code, stable.
    pub code: String,
    /// What happened, in words.
    pub reason: String,
}

impl From<fieldsync::sync::NotAccepted> for NotAccepted {
    fn from(entry: fieldsync::sync::NotAccepted) -> Self {
        Self {
            record: entry.record.0,
            code: entry.code.name().to_owned(),
            reason: entry.reason().to_owned(),
            kind: entry.kind,
            group: entry.group,
        }
    }
}

impl From<Receipt> for SyncReceipt {
    fn from(receipt: Receipt) -> Self {
        let text = receipt.to_string();
        let merged = |merged: fieldsync::sync::Merged| Merged {
            record: merged.record.0,
            kind: merged.kind,
            ours: merged.ours.into_iter().collect(),
            theirs: merged.theirs.into_iter().collect(),
        };
        let needs = |needs: fieldsync::sync::NeedsPerson| NeedsPerson {
            record: needs.record.0,
            kind: needs.kind,
            group: needs.group,
        };
        let undecided = |entry: fieldsync::sync::Undecided| Undecided {
            record: entry.record.0,
            kind: entry.kind,
            group: entry.group,
        };
        Self {
            ended: receipt.ended.into(),
            sent: receipt.sent,
            accepted: receipt.accepted,
            received: receipt.received,
            left: receipt.left,
            merged: receipt.merged.into_iter().map(merged).collect(),
            needs_person: receipt.needs_person.into_iter().map(needs).collect(),
            refused: receipt.refused.into_iter().map(NotAccepted::from).collect(),
            held: receipt.held.into_iter().map(NotAccepted::from).collect(),
            retried: receipt.retried,
            refilled: receipt.refilled,
            photos_sent: receipt.blobs_sent,
            photos_failed: receipt.blobs_failed,
            bundles_sent: receipt.bundles_sent,
            bundles_failed: receipt.bundles_failed,
            still_here: receipt.still_here,
            undecided: receipt.undecided.into_iter().map(undecided).collect(),
            stuck: receipt.stuck.into_iter().map(StuckRecord::from).collect(),
            photos_here: receipt.blobs_here,
            bytes_up: signed(receipt.bytes_up),
            bytes_down: signed(receipt.bytes_down),
            round_trips: receipt.round_trips,
            repeats: receipt.repeats,
            damaged: receipt.damaged,
            erased: receipt.erased,
            started_over: receipt.started_over,
            agrees: receipt.agrees,
            text,
        }
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[uniffi::export]
impl Device {
    /// Sends what is pending, brings what changed, then sends photos. Whatever ends it early is in the receipt, with what
    /// was achieved until then; the next one goes on from there, also after the app was killed. Reading and entering go
    /// on meanwhile.
    ///
    /// `cancel` stops it within 100 ms and sends no further request. Freeing the future (cancelling the coroutine) does
    /// the same, without a receipt.
    ///
    /// # Errors
    /// `SignIn` before enrolment; `TryLater` with `busy` while another sync of this device runs; `Reopen` after
    /// `shutdown`; `FreeSpace`, `Defect` when the store fails.
    #[uniffi::method(default(cancel = None, observer = None))]
    pub async fn sync(
        &self,
        cancel: Option<Arc<CancelHandle>>,
        observer: Option<Arc<dyn SyncObserver>>,
    ) -> Result<SyncReceipt, FieldsyncError> {
        let (engine, cancel) = (self.engine.clone(), cancel_of(cancel));
        self.runtime
            .run(async move {
                let Some(observer) = observer else { return Ok(engine.sync(cancel, |_| {}).await?.into()) };
                let (latest, told) = watch::channel(None);
                let telling = Telling(tokio::spawn(tell(told, observer)));
                let report = move |progress: Progress| {
                    latest.send_replace(Some(progress));
                };
                let receipt = engine.sync(cancel.clone(), report).await?;
                if !cancel.is_cancelled() {
                    telling.finish().await;
                }
                Ok(receipt.into())
            })
            .await
    }
}

/// Longest wait for an app to take the last progress of a sync that has ended.
const LAST_WORD: Duration = Duration::from_millis(500);

/// The task that tells an observer; it ends with the sync.
struct Telling(tokio::task::JoinHandle<()>);

impl Telling {
    /// Lets it tell the last progress.
    async fn finish(mut self) {
        let _ = tokio::time::timeout(LAST_WORD, &mut self.0).await;
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Tells `observer` the latest progress, again and again, until the sync has ended.
async fn tell(mut told: watch::Receiver<Option<Progress>>, observer: Arc<dyn SyncObserver>) {
    while told.changed().await.is_ok() {
        let Some(progress) = *told.borrow_and_update() else { continue };
        let observer = Arc::clone(&observer);
        // The app's code may block, so it has a thread of its own; it may panic, and that ends there.
        let call = tokio::task::spawn_blocking(move || observer.progress(progress.into()));
        match call.await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::warn!("an observer of a sync failed; the sync goes on"),
            Err(error) => {
                std::mem::forget(error);
                tracing::error!("an observer of a sync panicked; the sync goes on");
            }
        }
    }
}
