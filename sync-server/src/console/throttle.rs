//! Slows down guessing of passwords: after a few failures a name must wait before it may try again.
//!
//! The wait is short and for one name only, so nobody can be locked out for long by somebody else, and the memory is
//! bounded. Besides that only a few passwords are checked at a time, because each check is costly by design.

use std::collections::HashMap;
use std::sync::Mutex;

use tokio::sync::Semaphore;

/// Failures that cost nothing: people mistype.
const FREE_FAILURES: u32 = 5;
/// How long a name waits after each further failure.
const WAIT_MS: i64 = 30_000;
/// Names remembered; the oldest are forgotten first.
const NAMES_MAX: usize = 1_000;
/// Passwords checked at the same time: each takes about 20 MiB.
const CHECKS_MAX: usize = 4;

/// Failed attempts by name.
pub(super) struct Attempts {
    failures: Mutex<HashMap<String, (u32, i64)>>,
    /// Taken while a password is checked.
    pub(super) checks: Semaphore,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { failures: Mutex::default(), checks: Semaphore::new(CHECKS_MAX) }
    }
}

impl Attempts {
    /// Whether the name may try now.
    pub(super) fn may_try(&self, name: &str, now_ms: i64) -> bool {
        let failures = self.failures.lock().expect("nobody panics while holding this lock");
        failures.get(name).is_none_or(|(count, last_ms)| *count < FREE_FAILURES || now_ms - last_ms >= WAIT_MS)
    }

    /// Notes a failure.
    pub(super) fn failed(&self, name: &str, now_ms: i64) {
        let mut failures = self.failures.lock().expect("nobody panics while holding this lock");
        if failures.len() >= NAMES_MAX
            && !failures.contains_key(name)
            && let Some(oldest) = failures.iter().min_by_key(|(_, (_, last_ms))| *last_ms).map(|(name, _)| name.clone())
        {
            failures.remove(&oldest);
        }
        let entry = failures.entry(name.to_owned()).or_insert((0, now_ms));
        *entry = (entry.0.saturating_add(1), now_ms);
    }

    /// Forgets the failures of a name.
    pub(super) fn succeeded(&self, name: &str) {
        self.failures.lock().expect("nobody panics while holding this lock").remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_five_failures_a_name_waits_half_a_minute_between_attempts() {
        let attempts = Attempts::default();
        (0..FREE_FAILURES).for_each(|_| attempts.failed("ruth", 0));

        assert!(!attempts.may_try("ruth", WAIT_MS - 1));
        assert!(attempts.may_try("ruth", WAIT_MS));
        assert!(attempts.may_try("anna", 0));

        attempts.succeeded("ruth");
        assert!(attempts.may_try("ruth", 0));
    }

    #[test]
    fn many_names_are_not_remembered_for_ever() {
        let attempts = Attempts::default();
        (0..3_000).for_each(|number| attempts.failed(&number.to_string(), number));

        assert_eq!(attempts.failures.lock().unwrap().len(), NAMES_MAX);
    }
}
