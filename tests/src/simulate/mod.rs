//! The simulator: the shipped engine, the shipped server and its real router in one process, in a world whose network,
//! clocks and luck a script decides.
//!
//! A seed expands into a [`Script`] ([`plan`]); [`run`] plays it: chaos, then everything heals, everybody syncs, and an
//! oracle that shares no code with the engine looks at every promise. The same script gives the same trace. How a
//! failure is read, replayed and shrunk stands in `docs/TESTING.md`.

mod access;
mod chance;
pub mod command;
mod desk;
mod disaster;
mod hostile;
mod judge;
mod marks;
mod network;
mod oracle;
mod phone;
mod plan;
mod power;
mod report;
mod script;
mod shrink;
mod site;
mod state;
mod trace;
mod work;
mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

pub use marks::{MARKS, Marks};
pub use oracle::Violation;
pub use plan::{Profile, plan};
pub use script::{Fault, Script, ScriptError, Step, Verb};
pub use shrink::shrink;

use world::World;

/// What came of a run.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The promises broken.
    pub violations: Vec<Violation>,
    /// A hash over everything that happened; the same script gives the same one.
    pub trace: u64,
    /// What happened, line by line, if asked for.
    pub lines: Vec<String>,
    /// Steps done.
    pub steps: u64,
    /// Requests sent.
    pub exchanges: u64,
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Rare states reached.
    pub marks: Marks,
}

/// Plays a script in a folder of its own below `scratch`. An error or panic of the engine is a violation too.
pub fn run(script: &Script, scratch: &Path, with_lines: bool) -> Outcome {
    let played = catch_unwind(AssertUnwindSafe(|| {
        let folder = tempfile::Builder::new().prefix("world-").tempdir_in(scratch)?;
        let mut world = World::new(script, folder.path().to_owned(), with_lines)?;
        let result = play(&mut world);
        let mut outcome = Outcome {
            steps: script.steps.len() as u64,
            exchanges: world.exchanges,
            faults: std::mem::take(&mut world.faults),
            marks: std::mem::take(&mut world.marks),
            ..Outcome::default()
        };
        if let Err(error) = result {
            world.oracle.broken("L1", format!("failed to {error:#}"));
        }
        outcome.violations = std::mem::take(&mut world.oracle.violations);
        (outcome.trace, outcome.lines) = std::mem::take(&mut world.trace).finish();
        anyhow::Ok(outcome)
    }));
    let broken = |promise, text| Outcome { violations: vec![Violation { promise, text }], ..Outcome::default() };
    match played {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => broken("K1", format!("failed to {error:#}")),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            broken("F1", format!("panicked: {text}"))
        }
    }
}

fn play(world: &mut World<'_>) -> anyhow::Result<()> {
    for (place, step) in world.script.steps.iter().enumerate() {
        world.oracle.at = format!("step {place}: {step}");
        world.step(step)?;
    }
    world.oracle.at = "healing".to_owned();
    world.heal()?;
    world.quiesce()?;
    world.oracle.at = "at the end".to_owned();
    world.judge()
}
