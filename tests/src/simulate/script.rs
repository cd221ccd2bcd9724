//! A run as text: knobs, then one step a line. What is written here decides everything that happens; a seed is only how
//! a script is made ([`super::plan`]). Lines may be taken out and the rest means the same, so that a failure shrinks.
//!
//! ```text
//! seed 17                     # ids, keys and contents are drawn from it
//! knob devices 6
//! note 2 1                    # verb and its numbers; each is taken modulo what there is
//! sync 2 @0:drop @3:cut=40    # the session's requests and what befalls them
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A word list: an enum, its names in scripts, and all of it.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The word in a script.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }

            fn read(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.word() == word)
            }
        }
    };
}

words! {
    /// What a step does. The first number is the device, where one takes part.
    Verb {
        /// The contended group of an assignment.
        Day = "day",
        /// A note on an order.
        Note = "note",
        /// A group of the own report.
        Report = "report",
        /// A part used.
        Part = "part",
        /// Time spent.
        Time = "time",
        /// Something recorded is voided.
        Void = "void",
        /// A visit event.
        Visit = "visit",
        /// An assignment is accepted or declined.
        Respond = "respond",
        /// Own plan of an order opened on site: refused when the office wrote it meanwhile.
        OwnPlan = "own-plan",
        /// An order with a new customer is opened on site.
        OpenOrder = "open-order",
        /// A customer's address is changed: a proposal, unless opened here.
        Customer = "customer",
        /// A photo.
        Attach = "attach",
        /// A document is frozen and signed.
        Sign = "sign",
        /// Many notes at once.
        Bulk = "bulk",
        /// A screen is opened and stays open.
        Screen = "screen",
        /// An open screen is saved.
        Save = "save",
        /// A conflict is decided on the device.
        Resolve = "resolve",
        /// An entry of the drawer is tried again.
        Retry = "retry",
        /// An entry of the drawer is thrown away.
        Discard = "discard",
        /// A sync.
        Sync = "sync",
        /// The contended group, written in the office.
        OfficeDay = "office-day",
        /// A new order with an assignment.
        OfficeOrder = "office-order",
        /// One more technician on an order.
        OfficeAssign = "office-assign",
        /// An assignment is taken away or given back.
        OfficeWithdraw = "office-withdraw",
        /// An order's problem is reworded.
        OfficeProblem = "office-problem",
        /// An order's plan is changed.
        OfficePlan = "office-plan",
        /// An order is given another customer.
        OfficeParties = "office-parties",
        /// A customer's address is changed.
        OfficeCustomer = "office-customer",
        /// A customer is deleted.
        OfficeDelete = "office-delete",
        /// A part of the catalogue is changed.
        OfficeCatalogue = "office-catalogue",
        /// A conflict is decided in the office.
        OfficeDecide = "office-decide",
        /// An order is approved or returned.
        OfficeReview = "office-review",
        /// A held edit is released.
        OfficeRelease = "office-release",
        /// A held edit is discarded.
        OfficeDiscard = "office-discard",
        /// Time passes, minutes.
        Pass = "pass",
        /// A request that was thought lost arrives after all.
        Arrive = "arrive",
        /// The app's process ends and starts again.
        Kill = "kill",
        /// The device's clock jumps, minutes forward.
        JumpForward = "jump-forward",
        /// The device's clock jumps, minutes back.
        JumpBack = "jump-back",
        /// The device's store is copied and the copy begins to live.
        Clone = "clone",
        /// The device's store is copied away.
        Image = "image",
        /// The device's store is replaced by the copy.
        Rollback = "rollback",
        /// The app's data are cleared and the device enrolled again.
        Clear = "clear",
        /// A second process opens the device's store and enters something.
        Second = "second",
        /// The office revokes the device.
        Revoke = "revoke",
        /// The server ends and starts again.
        Restart = "restart",
        /// The server's clock jumps, minutes forward.
        OfficeJump = "office-jump",
        /// The server is backed up.
        Backup = "backup",
        /// The server is restored from its backup, by the command.
        Restore = "restore",
        /// The server's database is replaced by the backup, and nobody says so.
        RestoreUnsaid = "restore-unsaid",
        /// The server's database and anchor are replaced by older ones, and nobody says so.
        RestoreFolder = "restore-folder",
        /// Somebody with a device of his own sends well-formed nonsense.
        Hostile = "hostile",
        /// The recorded requests of the device are sent again.
        Replay = "replay",
        /// The device loses its power between two calls; the number says what of the unsynced is lost.
        Power = "power",
        /// The device loses its power while something is entered: at which call of the disk, and what is lost.
        PowerEntering = "power-entering",
        /// The device's disk has room for so many KiB more.
        Full = "full",
        /// A call of the device's disk goes wrong: which one from now on, and how.
        Broken = "broken",
        /// The device's disk has room again and works.
        Mend = "mend",
        /// The server loses its power between two requests.
        OfficePower = "office-power",
    }
}

words! {
    /// What befalls one request of a session, or its answer.
    Fault {
        /// The request is lost.
        Drop = "drop",
        /// The request is lost for now and may arrive later.
        Late = "late",
        /// The request arrives, the answer is lost.
        Lost = "lost",
        /// The request arrives twice.
        Twice = "twice",
        /// The request is cut, per cent of its body arrive.
        CutRequest = "cut-request",
        /// The answer is cut, per cent of its body arrive.
        Cut = "cut",
        /// A bit of the answer is turned.
        Garble = "garble",
        /// Something on the way says that it is busy.
        Busy = "busy",
        /// A captive portal answers.
        Portal = "portal",
        /// A proxy finds the body too large.
        TooLarge = "too-large",
        /// The server ends and starts again before the request arrives.
        Crash = "crash",
        /// The request is worked off, the server ends and starts again, the answer is lost.
        CrashAfter = "crash-after",
        /// The app's process ends before the request leaves.
        Kill = "kill",
        /// The answer arrives and the app's process ends before it is taken.
        KillAfter = "kill-after",
        /// The user enters something while the request is under way.
        Edit = "edit",
        /// So much time passes that the nonce is stale.
        Stale = "stale",
        /// The office gives or takes the first assignment of the device's technician while the request is under way.
        Reassign = "reassign",
        /// The answer arrives and the device loses its power while it takes it.
        Power = "power",
        /// The server loses its power while it works off the request.
        OfficePower = "office-power",
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What to do.
    pub verb: Verb,
    /// Its numbers.
    pub numbers: Vec<u64>,
    /// For a sync: the request's place in the session, what befalls it, and how much.
    pub faults: Vec<(u32, Fault, u64)>,
}

impl Step {
    /// A step with these numbers.
    pub fn new(verb: Verb, numbers: Vec<u64>) -> Self {
        Self { verb, numbers, faults: Vec::new() }
    }

    /// One of its numbers; 0 when it is not there.
    pub fn number(&self, place: usize) -> u64 {
        self.numbers.get(place).copied().unwrap_or(0)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.verb.word())?;
        for number in &self.numbers {
            write!(f, " {number}")?;
        }
        for (request, fault, amount) in &self.faults {
            write!(f, " @{request}:{}", fault.word())?;
            if *amount > 0 {
                write!(f, "={amount}")?;
            }
        }
        Ok(())
    }
}

/// Everything that decides a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Ids, keys and contents are drawn from it.
    pub seed: u64,
    /// Sizes and limits, by name.
    pub knobs: BTreeMap<String, u64>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

impl Script {
    /// A knob's value, or what it is without the script saying so.
    pub fn knob(&self, name: &str, otherwise: u64) -> u64 {
        self.knobs.get(name).copied().unwrap_or(otherwise)
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        for (name, value) in &self.knobs {
            writeln!(f, "knob {name} {value}")?;
        }
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

/// Why a text is no script.
#[derive(Debug, thiserror::Error)]
#[error("read line {line} of the script: `{text}`")]
pub struct ScriptError {
    /// The line, from 1.
    pub line: usize,
    /// What stands there.
    pub text: String,
}

impl FromStr for Script {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, ScriptError> {
        let mut script = Script { seed: 0, knobs: BTreeMap::new(), steps: Vec::new() };
        for (place, line) in text.lines().enumerate() {
            let content = line.split('#').next().unwrap_or("").trim();
            if content.is_empty() {
                continue;
            }
            read_line(&mut script, content).ok_or_else(|| ScriptError { line: place + 1, text: line.to_owned() })?;
        }
        Ok(script)
    }
}

fn read_line(script: &mut Script, line: &str) -> Option<()> {
    let mut words = line.split_whitespace();
    match words.next()? {
        "seed" => script.seed = words.next()?.parse().ok()?,
        "knob" => {
            let name = words.next()?.to_owned();
            script.knobs.insert(name, words.next()?.parse().ok()?);
        }
        verb => {
            let mut step = Step::new(Verb::read(verb)?, Vec::new());
            for word in words {
                match word.strip_prefix('@') {
                    Some(fault) => step.faults.push(read_fault(fault)?),
                    None => step.numbers.push(word.parse().ok()?),
                }
            }
            script.steps.push(step);
        }
    }
    Some(())
}

fn read_fault(word: &str) -> Option<(u32, Fault, u64)> {
    let (request, fault) = word.split_once(':')?;
    let (fault, amount) = fault.split_once('=').unwrap_or((fault, "0"));
    Some((request.parse().ok()?, Fault::read(fault)?, amount.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Profile, plan};
    use super::*;

    #[test]
    fn what_is_printed_is_read_again() {
        for seed in 0..20 {
            let script = plan(seed, Profile::Cruel);
            assert_eq!(script.to_string().parse::<Script>().unwrap(), script);
        }
    }

    #[test]
    fn a_line_that_means_nothing_is_named() {
        assert_eq!("seed 1\nfly 3".parse::<Script>().unwrap_err().line, 2);
    }
}
