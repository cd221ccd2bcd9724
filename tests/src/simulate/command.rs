//! The command `simulate`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use fieldsync_protocol::plant::{self, PLANTS};

use super::report::Tally;
use super::{MARKS, Outcome, Profile, Script, plan, run, shrink};

/// One seed in so many is run twice.
const TWICE: u64 = 50;
/// Seconds between two words of a long run.
const TOLD_EVERY_S: u64 = 10;
/// Failing seeds that are told in full.
const TOLD_MAX: u64 = 5;

/// Plays random working days against the shipped engine and server, and looks at every promise of the design.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How bad the world is; all three of calm, harsh and cruel in turn when left out.
    #[arg(long, value_enum)]
    profile: Option<Profile>,
    /// Switches a planted bug on, or several with commas between; then finding it is success.
    #[arg(long)]
    plant: Option<String>,
    /// Plays this script instead of seeds, and tells what happens in it.
    #[arg(long)]
    script: Option<PathBuf>,
    /// Prints the script of the first seed and ends.
    #[arg(long)]
    print: bool,
    /// Lists the planted bugs and ends.
    #[arg(long)]
    list_plants: bool,
    /// Lists the rare states; after a run, with their counts.
    #[arg(long)]
    list_marks: bool,
    /// Worlds at once; as many as there are cores when left out.
    #[arg(long)]
    threads: Option<usize>,
    /// Ends at the first failing seed.
    #[arg(long)]
    first: bool,
    /// Does not make failing scripts small.
    #[arg(long)]
    no_shrink: bool,
    /// Where failing scripts are written.
    #[arg(long, default_value = "target/simulate")]
    keep: PathBuf,
}

impl ValueEnum for Profile {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.word()))
    }
}

/// Runs the command; the exit status says whether every promise was kept, or, with a plant, whether it was found.
pub fn main() -> ExitCode {
    // A panic is caught and told as a violation; its text would only stand twice.
    std::panic::set_hook(Box::new(|_| {}));
    match command(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("simulate: failed to {error:#}");
            ExitCode::from(2)
        }
    }
}

fn command(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.list_plants {
        for plant in PLANTS {
            println!("{:<24} {:<4} {}", plant.name, plant.breaks, plant.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.list_marks && arguments.seeds == 0 {
        MARKS.iter().for_each(|(name, about)| println!("{name:<28} {about}"));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(name) = &arguments.plant {
        let names: Vec<&str> = name.split(',').collect();
        anyhow::ensure!(plant::activate(&names), "find the plant {name}: --list-plants names them");
    }
    if arguments.print {
        print!("{}", plan(arguments.from, profile(arguments, arguments.from)));
        return Ok(ExitCode::SUCCESS);
    }
    let scratch = scratch()?;
    match &arguments.script {
        Some(file) => replay(file, scratch.path(), arguments),
        None => explore(arguments, scratch.path()),
    }
}

/// A folder in memory where there is one: what is simulated here is not the disk.
fn scratch() -> anyhow::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    let builder = || tempfile::Builder::new().prefix("fieldsync-simulate-").to_owned();
    if memory.is_dir()
        && let Ok(folder) = builder().tempdir_in(memory)
    {
        return Ok(folder);
    }
    Ok(builder().tempdir()?)
}

fn profile(arguments: &Arguments, seed: u64) -> Profile {
    arguments.profile.unwrap_or(Profile::ALL[seed as usize % 3])
}

fn replay(file: &Path, scratch: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let script: Script = text.parse()?;
    let outcome = run(&script, scratch, true);
    outcome.lines.iter().for_each(|line| println!("{line}"));
    println!("trace {:016x}", outcome.trace);
    tell(&outcome);
    if !outcome.violations.is_empty() && !arguments.no_shrink {
        let small = shrink(&script, scratch);
        if small.steps.len() < script.steps.len() {
            keep(arguments, &small, &file.file_stem().unwrap_or_default().to_string_lossy())?;
        }
    }
    Ok(verdict(arguments, !outcome.violations.is_empty()))
}

fn tell(outcome: &Outcome) {
    for found in outcome.violations.iter().take(8) {
        println!("  {}: {}", found.promise, found.text);
    }
}

fn verdict(arguments: &Arguments, has_failed: bool) -> ExitCode {
    if has_failed == arguments.plant.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn explore(arguments: &Arguments, scratch: &Path) -> anyhow::Result<ExitCode> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = arguments.threads.unwrap_or(cores).max(1);
    let next = AtomicU64::new(arguments.from);
    let end = arguments.from + arguments.seeds;
    let tally = Mutex::new(Tally::default());
    let failures = Mutex::new(Vec::new());
    let began = Instant::now();
    let progress = Progress::default();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let script = plan(seed, profile(arguments, seed));
                    let outcome = run(&script, scratch, false);
                    let again = seed.is_multiple_of(TWICE).then(|| run(&script, scratch, false).trace);
                    let mut tally = tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    tally.add(&outcome);
                    progress.tell(&tally, arguments.seeds, began);
                    if let Some(again) = again {
                        tally.twice += 1;
                        tally.differing += u64::from(again != outcome.trace);
                        if again != outcome.trace {
                            println!("seed {seed}: the same script took another course");
                        }
                    }
                    drop(tally);
                    if !outcome.violations.is_empty() {
                        eprintln!("seed {seed} breaks {}", outcome.violations[0].promise);
                        failures
                            .lock()
                            .unwrap_or_else(std::sync::PoisonError::into_inner)
                            .push((seed, script, outcome));
                        if arguments.first {
                            next.store(end, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let took = began.elapsed();
    let tally = tally.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut failures = failures.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    failures.sort_by_key(|failure| failure.0);
    print!("{}", tally.text(took, arguments.list_marks));
    for (seed, script, outcome) in failures.iter().take(TOLD_MAX as usize) {
        println!("seed {seed} ({}), trace {:016x}", profile(arguments, *seed).word(), outcome.trace);
        tell(outcome);
        let small = if arguments.no_shrink { script.clone() } else { shrink(script, scratch) };
        keep(arguments, &small, &format!("seed-{seed}"))?;
    }
    if failures.len() as u64 > TOLD_MAX {
        let more: Vec<String> = failures.iter().skip(TOLD_MAX as usize).map(|failure| failure.0.to_string()).collect();
        println!("and seeds {}", more.join(" "));
    }
    let has_failed = tally.failed > 0 || tally.differing > 0;
    Ok(verdict(arguments, has_failed))
}

/// Says every few seconds how far a long run is, on standard error.
#[derive(Debug, Default)]
struct Progress {
    told_s: AtomicU64,
}

impl Progress {
    fn tell(&self, tally: &Tally, seeds: u64, began: Instant) {
        let now_s = began.elapsed().as_secs();
        if now_s >= self.told_s.load(Ordering::Relaxed) + TOLD_EVERY_S {
            self.told_s.store(now_s, Ordering::Relaxed);
            let rate = tally.seeds * 60 / now_s.max(1);
            eprintln!("{} of {seeds} seeds, {} failed, {rate} a minute", tally.seeds, tally.failed);
        }
    }
}

fn keep(arguments: &Arguments, script: &Script, name: &str) -> anyhow::Result<()> {
    std::fs::create_dir_all(&arguments.keep)?;
    let file = arguments.keep.join(format!("{name}.script"));
    std::fs::write(&file, script.to_string())?;
    let plant = arguments.plant.as_ref().map(|plant| format!(" --plant {plant}")).unwrap_or_default();
    println!("  {} lines in {}; again with:", script.steps.len(), file.display());
    println!("  cargo run --release -p fieldsync-tests --bin simulate -- --script {}{plant}", file.display());
    Ok(())
}
