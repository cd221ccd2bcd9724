//! From a seed to a script: which devices there are, what people do, what goes wrong. Each seed enables a random half of
//! what may happen, each with a rate of its own, so that rare things meet without drowning each other.

use std::collections::BTreeMap;

use super::chance::Chance;
use super::script::{Fault, Script, Step, Verb};

/// How bad the world is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// A good month: people work, now and then an answer is lost.
    Calm,
    /// A bad network, killed apps, jobs taken away.
    Harsh,
    /// Copies, restored backups, thirty-year jumps, hostile devices.
    Cruel,
    /// Nothing but a network that is away for a while, in one direction or both.
    Partitions,
}

impl Profile {
    /// All of them.
    pub const ALL: [Profile; 4] = [Self::Calm, Self::Harsh, Self::Cruel, Self::Partitions];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Harsh => "harsh",
            Self::Cruel => "cruel",
            Self::Partitions => "partitions",
        }
    }
}

/// What people do, and how often relative to each other.
const WORK: &[(Verb, u64)] = &[
    (Verb::Day, 16),
    (Verb::Note, 8),
    (Verb::Report, 12),
    (Verb::Part, 4),
    (Verb::Time, 3),
    (Verb::Void, 3),
    (Verb::Visit, 4),
    (Verb::Respond, 3),
    (Verb::OwnPlan, 6),
    (Verb::OpenOrder, 3),
    (Verb::Customer, 4),
    (Verb::Attach, 2),
    (Verb::Sign, 2),
    (Verb::Screen, 8),
    (Verb::Save, 8),
    (Verb::Resolve, 5),
    (Verb::Retry, 2),
    (Verb::Discard, 1),
    (Verb::OfficeDay, 10),
    (Verb::OfficeOrder, 2),
    (Verb::OfficeAssign, 3),
    (Verb::OfficeWithdraw, 6),
    (Verb::OfficeProblem, 4),
    (Verb::OfficePlan, 5),
    (Verb::OfficeParties, 3),
    (Verb::OfficeCustomer, 4),
    (Verb::OfficeDelete, 1),
    (Verb::OfficeCatalogue, 2),
    (Verb::OfficeDecide, 4),
    (Verb::OfficeReview, 2),
    (Verb::OfficeRelease, 3),
    (Verb::OfficeDiscard, 1),
    (Verb::Bulk, 1),
];

/// What goes wrong beside the network, the first profile in which it may, and how often relative to each other.
const TROUBLE: &[(Verb, Profile, u64)] = &[
    (Verb::Pass, Profile::Calm, 6),
    (Verb::Kill, Profile::Calm, 6),
    (Verb::Restart, Profile::Calm, 3),
    (Verb::Arrive, Profile::Harsh, 8),
    (Verb::JumpForward, Profile::Harsh, 4),
    (Verb::JumpBack, Profile::Harsh, 4),
    (Verb::OfficeJump, Profile::Harsh, 2),
    (Verb::Second, Profile::Harsh, 2),
    (Verb::Revoke, Profile::Harsh, 1),
    (Verb::Replay, Profile::Harsh, 2),
    (Verb::Power, Profile::Harsh, 3),
    (Verb::PowerEntering, Profile::Harsh, 3),
    (Verb::Full, Profile::Harsh, 2),
    (Verb::Broken, Profile::Harsh, 3),
    (Verb::Mend, Profile::Harsh, 5),
    (Verb::OfficePower, Profile::Harsh, 2),
    (Verb::Clear, Profile::Cruel, 1),
    (Verb::Clone, Profile::Cruel, 3),
    (Verb::Image, Profile::Cruel, 5),
    (Verb::Rollback, Profile::Cruel, 3),
    (Verb::Backup, Profile::Cruel, 5),
    (Verb::Restore, Profile::Cruel, 1),
    (Verb::RestoreUnsaid, Profile::Cruel, 1),
    (Verb::RestoreFolder, Profile::Cruel, 1),
    (Verb::Hostile, Profile::Cruel, 2),
];

/// What befalls requests, and the first profile in which it may.
const NETWORK: &[(Fault, Profile, u64)] = &[
    (Fault::Lost, Profile::Calm, 10),
    (Fault::Drop, Profile::Calm, 10),
    (Fault::Edit, Profile::Calm, 6),
    (Fault::Busy, Profile::Calm, 2),
    (Fault::Late, Profile::Harsh, 8),
    (Fault::Twice, Profile::Harsh, 4),
    (Fault::CutRequest, Profile::Harsh, 3),
    (Fault::Cut, Profile::Harsh, 5),
    (Fault::Garble, Profile::Harsh, 3),
    (Fault::Portal, Profile::Harsh, 2),
    (Fault::TooLarge, Profile::Harsh, 2),
    (Fault::Crash, Profile::Harsh, 2),
    (Fault::CrashAfter, Profile::Harsh, 3),
    (Fault::Kill, Profile::Harsh, 3),
    (Fault::KillAfter, Profile::Harsh, 5),
    (Fault::Stale, Profile::Harsh, 3),
    (Fault::Reassign, Profile::Harsh, 3),
    (Fault::Power, Profile::Harsh, 4),
    (Fault::OfficePower, Profile::Harsh, 3),
];

/// Expands a seed into a script.
pub fn plan(seed: u64, profile: Profile) -> Script {
    let mut chance = Chance::new(seed ^ (profile as u64) << 56);
    let devices = chance.between(5, 8);
    let mut knobs = BTreeMap::from([
        ("devices".to_owned(), devices),
        ("technicians".to_owned(), chance.between(2, 4)),
        ("orders".to_owned(), chance.between(2, 5)),
        ("gives-back".to_owned(), chance.below(2)),
    ]);
    match chance.below(8) {
        0 => drop(knobs.insert("page".to_owned(), 1)),
        1 | 2 => drop(knobs.insert("page".to_owned(), chance.between(2, 5))),
        _ => {}
    }
    if chance.percent(40) {
        knobs.insert("portion".to_owned(), chance.between(1, 3));
    }
    if chance.percent(50) {
        knobs.insert("steps".to_owned(), chance.between(1, 4));
    }
    let work = some_of(&mut chance, WORK.to_vec());
    let is_partitions = profile == Profile::Partitions;
    let trouble = TROUBLE.iter().filter(|row| row.1 <= profile && !is_partitions);
    let trouble = some_of(&mut chance, trouble.map(|row| (row.0, row.2)).collect());
    let network = NETWORK.iter().filter(|row| row.1 <= profile);
    let network = network.filter(|row| !is_partitions || matches!(row.0, Fault::Lost | Fault::Drop | Fault::Late));
    let network = some_of(&mut chance, network.map(|row| (row.0, row.2)).collect());
    let loss = match profile {
        Profile::Calm => chance.below(6),
        Profile::Harsh => chance.below(30),
        Profile::Cruel => chance.below(40),
        Profile::Partitions => 0,
    };
    let troubles = if profile == Profile::Calm { chance.between(2, 8) } else { chance.between(10, 30) };
    let length = chance.between(220, 340);
    let share_sync = chance.between(15, 35);
    let share_trouble = 100 * troubles / length + 1;
    let outages = Outages::new(&mut chance, devices, length, is_partitions);

    let mut steps = Vec::new();
    for at in 0..length {
        let device = chance.below(devices);
        if chance.percent(share_sync) {
            let mut step = Step::new(Verb::Sync, vec![device]);
            step.faults = faults(&mut chance, &network, loss);
            outages.strike(at, device, &mut step);
            steps.push(step);
        } else if !trouble.is_empty() && chance.percent(share_trouble) {
            let verb = weighted(&mut chance, &trouble);
            steps.push(Step::new(verb, numbers(&mut chance, verb, device)));
        } else {
            let verb = weighted(&mut chance, &work);
            steps.push(Step::new(verb, numbers(&mut chance, verb, device)));
        }
    }
    Script { seed, knobs, steps }
}

/// A random half of a list, at least one; its rates are shaken.
fn some_of<T: Copy>(chance: &mut Chance, all: Vec<(T, u64)>) -> Vec<(T, u64)> {
    let mut some: Vec<(T, u64)> = Vec::new();
    for (what, rate) in &all {
        if chance.percent(55) {
            some.push((*what, rate * chance.between(1, 6)));
        }
    }
    if some.is_empty() { all } else { some }
}

fn weighted<T: Copy>(chance: &mut Chance, of: &[(T, u64)]) -> T {
    let mut place = chance.below(of.iter().map(|(_, rate)| rate).sum());
    for (what, rate) in of {
        if place < *rate {
            return *what;
        }
        place -= rate;
    }
    of[0].0
}

fn numbers(chance: &mut Chance, verb: Verb, device: u64) -> Vec<u64> {
    const YEAR: u64 = 365 * 24 * 60;
    match verb {
        Verb::Pass | Verb::OfficeJump => vec![[5, 12, 90, 1_440, 10 * 1_440][chance.below(5) as usize]],
        Verb::JumpForward | Verb::JumpBack => {
            vec![device, [30, 120, 1_440, 400 * 1_440, 30 * YEAR, 56 * YEAR][chance.below(6) as usize]]
        }
        Verb::Bulk => vec![device, chance.below(100), chance.between(20, 60)],
        Verb::Restart | Verb::Backup | Verb::Restore | Verb::RestoreUnsaid | Verb::RestoreFolder => vec![],
        Verb::Kill | Verb::Image | Verb::Rollback | Verb::Clone | Verb::Clear | Verb::Revoke | Verb::Mend => {
            vec![device]
        }
        Verb::Power => vec![device, chance.below(1 << 16)],
        Verb::OfficePower => vec![chance.below(1 << 16)],
        Verb::PowerEntering => vec![device, chance.below(100), chance.below(1 << 16)],
        Verb::Full => vec![device, chance.below(200)],
        Verb::Broken => vec![device, chance.between(1, 120), chance.below(100)],
        Verb::Arrive => vec![chance.below(100)],
        _ => vec![device, chance.below(100), chance.below(100)],
    }
}

fn faults(chance: &mut Chance, network: &[(Fault, u64)], loss: u64) -> Vec<(u32, Fault, u64)> {
    let mut faults = Vec::new();
    for request in 0..8 {
        if !network.is_empty() && chance.percent(loss) {
            let fault = weighted(chance, network);
            let amount = match fault {
                Fault::Cut | Fault::CutRequest => chance.below(100),
                Fault::Garble | Fault::Edit | Fault::Power | Fault::OfficePower => chance.between(1, 100_000),
                _ => 0,
            };
            faults.push((request, fault, amount));
        }
    }
    faults
}

/// Requests of a session that an outage swallows: enough that it gives up.
const OUTAGE_REQUESTS: u32 = 40;

/// Times in which some devices do not reach the office, or do not hear it.
struct Outages(Vec<(u64, u64, u64, Fault)>);

impl Outages {
    fn new(chance: &mut Chance, devices: u64, length: u64, is_wanted: bool) -> Self {
        let mut all = Vec::new();
        if is_wanted {
            for _ in 0..chance.between(6, 20) {
                let from = chance.below(length);
                let until = from + chance.between(3, 60);
                let fault = [Fault::Drop, Fault::Lost, Fault::Late][chance.below(3) as usize];
                // A partition cuts one device off, or about half of them.
                if chance.percent(50) {
                    all.push((from, until, chance.below(devices), fault));
                } else {
                    all.extend((0..devices).filter(|_| chance.percent(50)).map(|device| (from, until, device, fault)));
                }
            }
        }
        Self(all)
    }

    fn strike(&self, at: u64, device: u64, step: &mut Step) {
        for (from, until, whom, fault) in &self.0 {
            if (*from..*until).contains(&at) && *whom == device {
                step.faults = (0..OUTAGE_REQUESTS).map(|request| (request, *fault, 0)).collect();
            }
        }
    }
}
