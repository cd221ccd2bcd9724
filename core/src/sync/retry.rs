//! When to try again: bounded, spread by chance, and the office's own word wins.

use crate::entropy::{self, Entropy};

/// Attempts that reach no answer before a session ends: with the pauses below that is about half a minute, longer than
/// a tunnel's mouth and shorter than what an operating system lets a background task live.
const TRIES_MAX: u32 = 6;
/// The first pause: a lost packet is over by then.
const FIRST_MS: u64 = 500;
/// The longest pause inside a session.
const LONGEST_MS: u64 = 15_000;
/// A longer wish of the office ends the session: the app is told when to come again instead of being kept awake.
const PATIENCE_MS: u64 = 20_000;
/// When the app should sync again after a session that reached nothing and was told nothing.
pub(super) const AGAIN_MS: u64 = 60_000;

/// What to do after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Try again after so many milliseconds.
    Wait(u64),
    /// End the session; worth another after so many milliseconds.
    GiveUp(u64),
}

/// Failed attempts since the last answer.
#[derive(Debug, Default)]
pub(super) struct Tries(u32);

impl Tries {
    /// An answer arrived.
    pub(super) fn succeeded(&mut self) {
        self.0 = 0;
    }

    /// Whether an attempt failed before, and none arrived since.
    pub(super) fn is_repeated(&self) -> bool {
        self.0 > 0
    }

    /// An attempt failed. `retry_after_ms` is what the office asked for.
    pub(super) fn failed(&mut self, retry_after_ms: Option<u64>, entropy: &dyn Entropy) -> Next {
        self.0 += 1;
        let pause = retry_after_ms.unwrap_or_else(|| {
            let ceiling = (FIRST_MS << (self.0 - 1).min(16)).min(LONGEST_MS);
            ceiling / 2 + entropy::below(entropy, ceiling / 2 + 1)
        });
        if pause > PATIENCE_MS {
            Next::GiveUp(pause)
        } else if self.0 >= TRIES_MAX {
            Next::GiveUp(retry_after_ms.unwrap_or(AGAIN_MS))
        } else {
            Next::Wait(pause)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    #[test]
    fn pauses_grow_stay_bounded_and_end() {
        let entropy = SeededEntropy::new(1);
        let mut tries = Tries::default();
        let mut ceiling = FIRST_MS;
        for _ in 1..TRIES_MAX {
            let Next::Wait(pause) = tries.failed(None, &entropy) else { panic!("too early") };
            assert!((ceiling / 2..=ceiling).contains(&pause));
            ceiling = (ceiling * 2).min(LONGEST_MS);
        }
        assert_eq!(tries.failed(None, &entropy), Next::GiveUp(AGAIN_MS));
    }

    #[test]
    fn the_offices_own_word_wins() {
        let entropy = SeededEntropy::new(1);
        let mut tries = Tries::default();
        assert_eq!(tries.failed(Some(7_000), &entropy), Next::Wait(7_000));
        assert_eq!(tries.failed(Some(300_000), &entropy), Next::GiveUp(300_000));
    }
}
