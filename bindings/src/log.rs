//! Hands the engine's log lines to the app: bounded, in order, from a thread of their own.
//!
//! The engine's lines hold nothing personal, no content and no address; those of the libraries below it may, so they are
//! never forwarded. A line costs its caller a queue's push: an app that is slow loses lines, not time.

use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::span;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::error::{CallbackError, FieldsyncError};
use crate::runtime::guard;

/// How much the engine says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, uniffi::Enum)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What should not have happened.
    Error,
    /// What somebody may want to look at.
    Warn,
    /// What happened.
    Info,
    /// How it happened; for development.
    Debug,
}

/// One line of the engine's log. It holds nothing personal, no content and no address.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct LogLine {
    /// How grave it is.
    pub level: LogLevel,
    /// When, on the device's clock.
    pub at_ms: i64,
    /// Which part of the engine says it, as `fieldsync::sync`.
    pub source: String,
    /// What it says.
    pub text: String,
    /// Lines lost before this one, because the sink was slower than the log.
    pub lost: u32,
}

/// Takes log lines, into the system's log for example.
#[uniffi::export(with_foreign)]
pub trait LogSink: Send + Sync {
    /// One line. Called on a thread of the engine's, one call at a time, in order.
    ///
    /// # Errors
    /// Whatever it throws is dropped with the line.
    fn log(&self, line: LogLine) -> Result<(), CallbackError>;
}

/// Hands the engine's log lines of this process from `level` upwards to `sink`, in the place of an earlier one; none ends
/// it. At most 1,000 lines wait for it. Works before any device is opened.
///
/// # Errors
/// `NotNow` with `log_taken` when the process already has a log of Rust's `tracing`; `Defect` without a thread.
#[uniffi::export]
pub fn set_log_sink(sink: Option<Arc<dyn LogSink>>, level: LogLevel) -> Result<(), FieldsyncError> {
    guard(|| {
        let Some(sink) = sink.filter(|_| level != LogLevel::Off) else {
            SINK.level.store(rank(LogLevel::Off), Ordering::Release);
            SINK.take();
            tracing::callsite::rebuild_interest_cache();
            return Ok(());
        };
        if !is_installed() {
            return Err(FieldsyncError::NotNow {
                code: "log_taken".to_owned(),
                reason: "Failed to forward the log: this process has another one.".to_owned(),
                remedy: None,
            });
        }
        let (lines, waiting) = sync_channel(LINES_MAX);
        let thread = std::thread::Builder::new().name("fieldsync-log".into());
        thread.spawn(move || deliver(&waiting, sink)).map_err(|_| FieldsyncError::defect("thread"))?;
        *SINK.lines.lock().unwrap_or_else(PoisonError::into_inner) = Some(lines);
        SINK.level.store(rank(level), Ordering::Release);
        tracing::callsite::rebuild_interest_cache();
        Ok(())
    })
}

/// Lines that wait for a slow sink.
const LINES_MAX: usize = 1_000;
/// Longest text of a line, bytes.
const TEXT_BYTES_MAX: usize = 1_000;

/// Where lines of this process go.
struct Sink {
    level: AtomicU8,
    lost: AtomicU32,
    lines: Mutex<Option<SyncSender<LogLine>>>,
}

static SINK: Sink = Sink { level: AtomicU8::new(0), lost: AtomicU32::new(0), lines: Mutex::new(None) };

impl Sink {
    fn take(&self) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn push(&self, mut line: LogLine) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lines) = lines.as_ref() else { return };
        line.lost = self.lost.swap(0, Ordering::AcqRel);
        let lost = line.lost;
        if lines.try_send(line).is_err() {
            self.lost.fetch_add(lost.saturating_add(1), Ordering::AcqRel);
        }
    }
}

/// Hands lines to the app until another sink takes this one's place.
fn deliver(waiting: &Receiver<LogLine>, sink: Arc<dyn LogSink>) {
    while let Ok(line) = waiting.recv() {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| sink.log(line))) {
            std::mem::forget(panic);
        }
    }
}

/// Whether our subscriber is the process's.
fn is_installed() -> bool {
    static ONCE: Once = Once::new();
    static OURS: AtomicU8 = AtomicU8::new(0);
    ONCE.call_once(|| {
        let ours = tracing::subscriber::set_global_default(Forward).is_ok();
        OURS.store(u8::from(ours), Ordering::Release);
    });
    OURS.load(Ordering::Acquire) == 1
}

/// The subscriber that forwards the engine's own events. Spans say nothing here.
struct Forward;

impl Subscriber for Forward {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && is_ours(metadata.target())
            && rank_of(metadata.level()) <= SINK.level.load(Ordering::Acquire)
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    #[expect(clippy::disallowed_methods, reason = "a line of the log, not an outcome")]
    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        SINK.push(LogLine {
            level: level_of(event.metadata().level()),
            at_ms: i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            source: event.metadata().target().to_owned(),
            text: text.0,
            lost: 0,
        });
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

fn is_ours(target: &str) -> bool {
    target.split("::").next().is_some_and(|root| root.starts_with("fieldsync"))
}

fn rank(level: LogLevel) -> u8 {
    level as u8
}

fn rank_of(level: &Level) -> u8 {
    match *level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

fn level_of(level: &Level) -> LogLevel {
    match *level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        _ => LogLevel::Debug,
    }
}

/// The text of an event: what it says, then its fields.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a text cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
        if self.0.len() > TEXT_BYTES_MAX {
            let end = (0..=TEXT_BYTES_MAX).rev().find(|at| self.0.is_char_boundary(*at)).unwrap_or(0);
            self.0.truncate(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    struct Channel(Mutex<mpsc::Sender<LogLine>>);

    impl LogSink for Channel {
        fn log(&self, line: LogLine) -> Result<(), CallbackError> {
            self.0.lock().unwrap().send(line).unwrap();
            Err(CallbackError::Failed { reason: "the log is full".to_owned() })
        }
    }

    #[test]
    fn the_engines_lines_reach_the_app_and_those_of_libraries_do_not() {
        let (sent, lines) = mpsc::channel();
        set_log_sink(Some(Arc::new(Channel(Mutex::new(sent)))), LogLevel::Info).unwrap();

        tracing::info!(target: "reqwest::connect", "https://office.example");
        tracing::debug!(target: "fieldsync::sync", "too quiet");
        tracing::warn!(target: "fieldsync::sync", count = 3, "a line");

        let next = || lines.recv_timeout(Duration::from_secs(20)).unwrap();
        let line = std::iter::repeat_with(next).find(|line| line.text.contains("a line")).unwrap();
        assert_eq!(
            (line.level, line.source.as_str(), line.text.as_str()),
            (LogLevel::Warn, "fieldsync::sync", "a line count=3")
        );
        tracing::warn!(target: "fieldsync::sync", "after a sink that failed");
        assert!(std::iter::repeat_with(next).any(|line| line.text == "after a sink that failed"));

        set_log_sink(None, LogLevel::Info).unwrap();
        assert!(lines.recv_timeout(Duration::from_secs(20)).is_err(), "the sink is freed");
    }
}
