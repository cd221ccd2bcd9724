//! The clock of the played day: it stands where the scene puts it, and becomes the system's when the day is over.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use fieldsync::{Clock, SystemClock};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// A clock that scenes set and that ticks a little with every look, as real ones do.
pub(super) struct DayClock {
    midnight_ms: i64,
    now_ms: AtomicI64,
    is_over: AtomicBool,
}

impl DayClock {
    /// A clock for the last full day before `now_ms`.
    pub(super) fn before(now_ms: i64) -> Self {
        let midnight_ms = now_ms - now_ms.rem_euclid(DAY_MS) - DAY_MS;
        // The story begins on the afternoon before.
        Self { midnight_ms, now_ms: AtomicI64::new(midnight_ms - DAY_MS / 2), is_over: AtomicBool::new(false) }
    }

    /// Another clock for the same day: a phone's own.
    pub(super) fn of_the_same_day(&self) -> Self {
        Self {
            midnight_ms: self.midnight_ms,
            now_ms: AtomicI64::new(self.now_ms.load(Ordering::Relaxed)),
            is_over: AtomicBool::new(false),
        }
    }

    /// When it is so late on the day; negative hours are the evening before.
    pub(super) fn at(&self, hour: i64, minute: i64) -> i64 {
        self.midnight_ms + (hour * 60 + minute) * MINUTE_MS
    }

    /// Makes it so late. Never earlier than it is.
    pub(super) fn set(&self, hour: i64, minute: i64) {
        self.now_ms.fetch_max(self.at(hour, minute), Ordering::Relaxed);
    }

    /// Lets minutes pass.
    pub(super) fn pass(&self, minutes: i64) {
        self.now_ms.fetch_add(minutes * MINUTE_MS, Ordering::Relaxed);
    }

    /// The day is over: from now on it is as late as it is.
    pub(super) fn release(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

impl Clock for DayClock {
    fn now_ms(&self) -> i64 {
        if self.is_over.load(Ordering::Relaxed) {
            return SystemClock.now_ms();
        }
        self.now_ms.fetch_add(7, Ordering::Relaxed)
    }
}

/// A clock that stands still: for the phone in a process of its own.
pub(super) struct Standing(pub(super) i64);

impl Clock for Standing {
    fn now_ms(&self) -> i64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_never_goes_back_and_ends_before_today() {
        let now_ms = SystemClock.now_ms();
        let clock = DayClock::before(now_ms);
        clock.set(12, 0);
        clock.set(9, 0);
        assert!(clock.now_ms() >= clock.at(12, 0));
        clock.set(23, 59);
        assert!(clock.now_ms() < now_ms);
        clock.release();
        assert!(clock.now_ms() >= now_ms);
    }
}
