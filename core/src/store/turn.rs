//! Whose turn it is to write: one after the other, in the order in which they came.
//!
//! Whoever writes often would otherwise get the store back again and again before somebody who waits for it wakes up. With
//! turns, who enters something waits for at most the one transaction under way, and a sync is not held up by somebody who
//! never stops entering.

use std::sync::{Condvar, Mutex};

use super::lock;

/// The line before the writer.
#[derive(Debug, Default)]
pub(super) struct Turns {
    line: Mutex<Line>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Line {
    /// Turns given so far.
    given: u64,
    /// Turns that are over.
    over: u64,
}

/// A turn; over when it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'t>(&'t Turns);

impl Turns {
    /// Waits for everybody who came before.
    pub(super) fn take(&self) -> Turn<'_> {
        let mut line = lock(&self.line);
        let mine = line.given;
        line.given += 1;
        while line.over != mine {
            line = self.moved.wait(line).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        Turn(self)
    }

    /// Whether somebody waits for the turn under way to end.
    pub(super) fn is_awaited(&self) -> bool {
        let line = lock(&self.line);
        line.given - line.over > 1
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        lock(&self.0.line).over += 1;
        self.0.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    #[test]
    fn who_waits_goes_before_whoever_comes_back_for_another_turn() {
        let turns = Turns::default();
        let (said, heard) = channel();
        thread::scope(|scope| {
            let first = turns.take();
            assert!(!turns.is_awaited());
            let other = said.clone();
            let turns = &turns;
            scope.spawn(move || {
                let _turn = turns.take();
                other.send("the one who waited").unwrap();
            });
            while !turns.is_awaited() {
                thread::yield_now();
            }
            drop(first);
            let _turn = turns.take();
            said.send("the one who came back").unwrap();
        });
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["the one who waited", "the one who came back"]);
    }
}
