//! Random days against the shipped code: real device stores, a real office store, a wire that loses, delays and repeats,
//! phones that are killed, copied and whose jobs are taken away, an office that is restored from a backup.
//!
//! A run is a seed; a failure prints it, and `FIELDSYNC_SEED=N cargo test -p fieldsync-tests --test simulation` replays
//! it alone. The oracle shares nothing with the engine: numbers stand for contents, and for each it knows which others
//! its author had seen. After everything healed: nothing is pending, every phone holds what the office says it should,
//! no alarm was false, and every number is current, was replaced by one that had seen it, or waits where people see it.
//! What is not simulated here: the HTTP skin and authentication, photos, disk faults, clocks that jump.

mod plants;
mod world;

use std::collections::BTreeSet;

use fieldsync::FieldsExt;
use fieldsync::RecordId;

use world::{World, numbers};

/// Seeds of each profile that every check runs.
const SEEDS: u64 = 40;
/// Rounds of syncs after the wire healed.
const ROUNDS: usize = 14;

/// What may happen in a run.
#[derive(Clone, Copy)]
struct Profile {
    clones: bool,
    restores: bool,
    reassigns: bool,
}

fn run(seed: u64, profile: Profile) -> anyhow::Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let mut world = World::new(folder.path(), seed)?;
    for _ in 0..8 + world.chance.below(40) {
        let phone = world.chance.below(world.phones.len());
        match world.chance.below(100) {
            0..24 => world.edit(phone)?,
            24..29 => world.open_screen(phone),
            29..34 => world.save_screen(phone)?,
            34..46 => world.office_edit()?,
            46..78 => drop(world.sync(phone)?),
            78..80 => world.arrive_late()?,
            80..83 => world.kill(phone)?,
            83..88 if profile.clones && world.phones.len() < 4 => world.clone_phone(phone)?,
            88..91 if profile.restores => world.back_up()?,
            91..94 if profile.restores => world.restore()?,
            94..98 if profile.reassigns => world.reassign()?,
            _ => {}
        }
    }
    world.calm = true;
    world.give_everything_back()?;
    for _ in 0..ROUNDS {
        for phone in 0..world.phones.len() {
            world.sync(phone)?;
        }
    }
    judge(&world)
}

fn judge(world: &World) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    if world.alarms > 0 {
        wrong.push(format!("{} false alarms without a copy or a restore", world.alarms));
    }
    let mut drawers: BTreeSet<i64> = BTreeSet::new();
    let mut on_phones: BTreeSet<(RecordId, i64)> = BTreeSet::new();
    for phone in &world.phones {
        let status = phone.device.status()?;
        if !status.is_drained() {
            wrong.push(format!("{} still holds {} edits, {} offers", phone.name, status.pending, status.offers));
        }
        if status.agrees != Some(true) {
            wrong.push(format!("{} and the office do not hold the same", phone.name));
        }
        for entry in phone.device.drawer()? {
            let fields = &entry.edit.fields;
            drawers.extend(fields.int("place_in_day").or_else(|| fields.int("number")));
        }
        for entry in world.entries.values() {
            if let Ok(record) = phone.device.record(entry.record) {
                on_phones.extend(numbers(&record.record, entry.group).into_iter().map(|number| (entry.record, number)));
            }
        }
    }
    let current = |record: RecordId, group: &str| {
        let stored = world.office.read(|txn| txn.record(record))?;
        anyhow::Ok(stored.map(|stored| numbers(&stored.record, group)).unwrap_or_default())
    };
    // Seen is transitive: who saw a number had seen what that number's author saw.
    let mut alive: BTreeSet<i64> = drawers.clone();
    for entry in world.entries.values() {
        alive.extend(current(entry.record, entry.group)?);
    }
    let mut covered = alive.clone();
    for number in world.entries.keys().rev() {
        if covered.contains(number) {
            covered.extend(world.entries[number].seen.iter().copied());
        }
    }
    for (number, entry) in &world.entries {
        // What nobody held when the office forgot it cannot come back; phones that held it must have brought it.
        if !covered.contains(number) && (world.restores == 0 || on_phones.contains(&(entry.record, *number))) {
            wrong.push(format!("what {} entered into {} as number {number} is lost", entry.by, entry.group));
        }
    }
    if let Err(place) = world.office.read(|txn| txn.verify_chain())? {
        wrong.push(format!("the history's chain breaks at {place}"));
    }
    Ok(wrong)
}

fn explore(profile: Profile) {
    let only = std::env::var("FIELDSYNC_SEED").ok().and_then(|text| text.parse().ok());
    let count = std::env::var("FIELDSYNC_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS);
    let seeds = only.map_or(0..count, |seed: u64| seed..seed + 1);
    let mut failures = Vec::new();
    for seed in seeds {
        match run(seed, profile) {
            Ok(wrong) if wrong.is_empty() => {}
            Ok(wrong) => failures.push(format!("seed {seed}: {}", wrong.join("; "))),
            Err(error) => failures.push(format!("seed {seed}: failed to {error:#}")),
        }
    }
    assert!(failures.is_empty(), "{} runs failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn nothing_is_lost_on_a_bad_wire_with_killed_phones() {
    explore(Profile { clones: false, restores: false, reassigns: false });
}

#[test]
fn nothing_is_lost_when_jobs_are_taken_away_and_given_back() {
    explore(Profile { clones: false, restores: false, reassigns: true });
}

#[test]
fn nothing_is_lost_when_phones_are_copied() {
    explore(Profile { clones: true, restores: false, reassigns: false });
}

#[test]
fn what_any_phone_holds_comes_back_after_the_office_was_restored() {
    explore(Profile { clones: false, restores: true, reassigns: false });
}

#[test]
fn everything_at_once_still_converges() {
    explore(Profile { clones: true, restores: true, reassigns: true });
}
