//! The simulator as a test: every kept script, a few seeds of each profile, and that a run can be repeated.
//!
//! Thousands of seeds run in `./check simulate`. A failure names the seed; `docs/TESTING.md` says how to read, replay and
//! shrink it.

mod plants;

use std::path::{Path, PathBuf};

use fieldsync_tests::simulate::{Outcome, Profile, Script, plan, run};

/// Seeds of each profile; debug builds are slow.
const SEEDS: u64 = 2;

fn play(script: &Script) -> Outcome {
    let scratch = tempfile::tempdir().expect("there is a folder for temporary files");
    run(script, scratch.path(), false)
}

fn told(name: &str, outcome: &Outcome) -> Vec<String> {
    outcome.violations.iter().map(|found| format!("{name}: {}: {}", found.promise, found.text)).collect()
}

fn explore(profile: Profile) {
    let only = std::env::var("FIELDSYNC_SEED").ok().and_then(|text| text.parse().ok());
    let seeds = only.map_or(0..SEEDS, |seed: u64| seed..seed + 1);
    let failures: Vec<String> =
        seeds.flat_map(|seed| told(&format!("seed {seed}"), &play(&plan(seed, profile)))).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn kept() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let entries = std::fs::read_dir(folder).expect("the kept scripts are here");
    let mut scripts: Vec<PathBuf> =
        entries.map(|entry| entry.expect("the kept scripts can be listed").path()).collect();
    scripts.retain(|path| path.extension().is_some_and(|extension| extension == "script"));
    scripts.sort();
    scripts
}

#[test]
fn every_kept_script_keeps_every_promise() {
    let mut failures = Vec::new();
    for path in kept() {
        let script: Script = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        failures.extend(told(&path.file_stem().unwrap().to_string_lossy(), &play(&script)));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn calm_days_keep_every_promise() {
    explore(Profile::Calm);
}

#[test]
fn harsh_days_keep_every_promise() {
    explore(Profile::Harsh);
}

#[test]
fn cruel_days_keep_every_promise() {
    explore(Profile::Cruel);
}

#[test]
fn a_network_that_comes_and_goes_keeps_every_promise() {
    explore(Profile::Partitions);
}

#[test]
fn the_same_script_takes_the_same_course() {
    for seed in [3, 11] {
        let script = plan(seed, Profile::Cruel);
        assert_eq!(play(&script).trace, play(&script).trace, "seed {seed}");
    }
}
