//! What many runs together say.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{MARKS, Marks, Outcome};

/// The sum over runs.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) seeds: u64,
    pub(crate) failed: u64,
    steps: u64,
    exchanges: u64,
    faults: BTreeMap<&'static str, u64>,
    pub(crate) marks: Marks,
    /// Broken promises and in how many runs.
    promises: BTreeMap<&'static str, u64>,
    pub(crate) twice: u64,
    pub(crate) differing: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        self.failed += u64::from(!outcome.violations.is_empty());
        self.steps += outcome.steps;
        self.exchanges += outcome.exchanges;
        for (name, count) in &outcome.faults {
            *self.faults.entry(name).or_insert(0) += count;
        }
        self.marks.add(&outcome.marks);
        let broken: std::collections::BTreeSet<&str> = outcome.violations.iter().map(|found| found.promise).collect();
        for found in &outcome.violations {
            if broken.contains(found.promise) {
                *self.promises.entry(found.promise).or_insert(0) += 1;
            }
        }
    }

    /// The report, for people.
    pub(crate) fn text(&self, took: Duration, list_marks: bool) -> String {
        let minutes = took.as_secs_f64() / 60.0;
        let mut text = format!(
            "{} seeds in {:.1} s, {:.0} a minute; {} operations, {} requests, {} faults\n",
            self.seeds,
            took.as_secs_f64(),
            self.seeds as f64 / minutes.max(f64::EPSILON),
            self.steps,
            self.exchanges,
            self.faults.values().sum::<u64>(),
        );
        let faults: Vec<String> = self.faults.iter().map(|(name, count)| format!("{name} {count}")).collect();
        text.push_str(&format!("faults: {}\n", faults.join(", ")));
        let missing = self.marks.missing();
        text.push_str(&format!("marks: {} of {} reached", MARKS.len() - missing.len(), MARKS.len()));
        if missing.is_empty() {
            text.push('\n');
        } else {
            text.push_str(&format!("; never: {}\n", missing.join(", ")));
        }
        if list_marks {
            for (name, about) in MARKS {
                text.push_str(&format!("  {:>8}  {name}: {about}\n", self.marks.0.get(name).copied().unwrap_or(0)));
            }
        }
        text.push_str(&format!("run twice: {}, with another trace: {}\n", self.twice, self.differing));
        let promises: Vec<String> = self.promises.iter().map(|(name, count)| format!("{name} {count}")).collect();
        let promises = if promises.is_empty() { "none".to_owned() } else { promises.join(", ") };
        text.push_str(&format!("violations: {promises}; failed seeds: {}\n", self.failed));
        text
    }
}
