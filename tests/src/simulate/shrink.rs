//! Makes a failing script small: takes out lines, then faults, as long as what is left still fails in the same way.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Script, run};

/// Runs a shrinking may cost.
const RUNS_MAX: u32 = 600;

/// The smallest script found that still breaks one of the promises that `script` breaks.
pub fn shrink(script: &Script, scratch: &Path) -> Script {
    let promises: BTreeSet<&str> = run(script, scratch, false).violations.iter().map(|found| found.promise).collect();
    let mut runs = 0;
    let mut fails = |candidate: &Script| {
        runs += 1;
        runs <= RUNS_MAX
            && run(candidate, scratch, false).violations.iter().any(|found| promises.contains(found.promise))
    };
    let mut best = script.clone();
    let mut portion = best.steps.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        let mut has_shrunk = false;
        while at < best.steps.len() {
            let mut candidate = best.clone();
            candidate.steps.drain(at..(at + portion).min(best.steps.len()));
            if fails(&candidate) {
                best = candidate;
                has_shrunk = true;
            } else {
                at += portion;
            }
        }
        if portion > 1 {
            portion = portion.div_ceil(2);
        } else if !has_shrunk {
            break;
        }
    }
    for at in 0..best.steps.len() {
        for place in (0..best.steps[at].faults.len()).rev() {
            let mut candidate = best.clone();
            candidate.steps[at].faults.remove(place);
            if fails(&candidate) {
                best = candidate;
            }
        }
    }
    for knob in best.knobs.keys().cloned().collect::<Vec<_>>() {
        let mut candidate = best.clone();
        candidate.knobs.remove(&knob);
        if fails(&candidate) {
            best = candidate;
        }
    }
    best
}
