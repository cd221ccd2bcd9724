//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use fieldsync::protocol::status::Status;
use fieldsync::read::JobSort;

use crate::text::Zone;

/// A technician's device in a terminal: work orders offline, synced when there is a network.
///
/// The device lives in one folder. Everything but `enrol` and `sync` works without a network. A JOB is a work order's
/// number or id; other records are named by their id or its last characters, as `show` prints them.
///
/// Exit status: 0 done, 1 defect, 2 wrong usage, 3 the office was not reached, 4 refused, 5 the store is damaged.
#[derive(Debug, Parser)]
#[command(name = "technician", version)]
pub(crate) struct Arguments {
    /// Folder of the device; made when it is not there
    #[arg(long, global = true, default_value = "device", env = "FIELDSYNC_DIR")]
    pub(crate) dir: PathBuf,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How far clocks here are ahead of UTC, as +02:00
    #[arg(long, global = true, default_value = "+00:00", env = "FIELDSYNC_UTC_OFFSET", allow_hyphen_values = true)]
    pub(crate) utc_offset: Zone,
    /// Begin a new store although a damaged one was set aside here
    #[arg(long, global = true)]
    pub(crate) start_over: bool,
    /// Allow plain http beyond this machine
    #[arg(long, global = true)]
    pub(crate) insecure: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Enrol this device at the office with a one-time code
    Enrol(Enrol),
    /// Show whose device this is and what is still only here
    Status,
    /// Look at everything stored here for damage; set aside what is damaged
    Check,
    /// Send what is pending and bring what changed
    Sync,
    /// List what is still only on this device
    Pending,
    /// List what the office did not accept; export it, try it again or throw it away
    Drawer(Drawer),
    /// List values that stand beside each other until a person decides
    Conflicts,
    /// Decide a conflict
    Resolve(Resolve),
    /// List jobs
    Jobs(Jobs),
    /// Show what is planned and due on a day
    Day(DayOf),
    /// Show a job with everything that belongs to it
    Show(JobOf),
    /// Show what was done before on a job's machine
    History(JobOf),
    /// Say why a job or any other record is on this device, or is not
    Why(Why),
    /// Find jobs, customers, machines and parts by any word
    Search(Search),
    /// Find parts of the catalogue
    Catalogue(Find),
    /// Find customers
    Customers(Find),
    /// Verify a job's signatures and compare "as signed" with "now"
    Verify(JobOf),
    /// Say that you are on the way
    SetOut(JobOf),
    /// Say that work on site begins
    Start(JobOf),
    /// Say that work pauses
    Pause(JobOf),
    /// Say that work goes on
    Resume(JobOf),
    /// Say that the work is done; needs a report that says how it ended
    Finish(JobOf),
    /// Say that another visit, parts or an approval is needed
    FollowUp(JobBecause),
    /// Say that the work cannot be completed
    CannotComplete(JobBecause),
    /// Write parts of your report
    Report(Report),
    /// Record a part used
    Part(Part),
    /// Add a photo
    Photo(Photo),
    /// Record time spent
    Time(Time),
    /// Add a note
    Note(Note),
    /// Take back something recorded on a job; it stays, marked as void
    Void(Void),
    /// Freeze what is shown and record the customer's signature under it
    Sign(Sign),
    /// Freeze what is shown and record that the customer refused to sign, and why
    Refuse(Refuse),
    /// Make an order on site
    OpenOrder(OpenOrder),
}

#[derive(Debug, Args)]
pub(crate) struct Enrol {
    /// Address of the office, as https://office.example
    pub(crate) server: String,
    /// The one-time code; dashes and case do not matter
    pub(crate) code: String,
    /// What the dispatcher sees in the list of devices
    #[arg(long, default_value = "terminal")]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Drawer {
    /// Write everything in the drawer to this file
    #[arg(long)]
    pub(crate) export: Option<PathBuf>,
    /// Try this entry again
    #[arg(long, value_name = "ENTRY")]
    pub(crate) retry: Option<i64>,
    /// Throw this entry away
    #[arg(long, value_name = "ENTRY", conflicts_with = "retry")]
    pub(crate) discard: Option<i64>,
}

#[derive(Debug, Args)]
pub(crate) struct Resolve {
    /// The record, as `conflicts` names it
    pub(crate) record: String,
    /// The group
    pub(crate) group: String,
    /// Keep the value with this number
    #[arg(long, value_name = "NUMBER", required_unless_present = "write")]
    pub(crate) keep: Option<usize>,
    /// Write these fields instead; text only
    #[arg(long, value_name = "FIELD=TEXT", conflicts_with = "keep")]
    pub(crate) write: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Jobs {
    /// Only this status; may be given several times
    #[arg(long, value_parser = status)]
    pub(crate) status: Vec<Status>,
    /// Only jobs planned for you on this day (YYYY-MM-DD or `today`)
    #[arg(long)]
    pub(crate) day: Option<String>,
    /// Only this priority
    #[arg(long, value_parser = ["emergency", "high", "normal", "low"])]
    pub(crate) priority: Option<String>,
    /// Only jobs that say this
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// Only your own
    #[arg(long)]
    pub(crate) mine: bool,
    /// Order of the list
    #[arg(long, value_enum, default_value_t = Sort::Plan)]
    pub(crate) sort: Sort,
    /// Most rows
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) limit: u32,
    /// Where the last page ended
    #[arg(long, value_name = "MARK")]
    pub(crate) after: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Sort {
    Plan,
    Priority,
    Due,
    Number,
    Updated,
}

impl From<Sort> for JobSort {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Plan => Self::Plan,
            Sort::Priority => Self::Priority,
            Sort::Due => Self::Due,
            Sort::Number => Self::Number,
            Sort::Updated => Self::Updated,
        }
    }
}

fn status(name: &str) -> Result<Status, String> {
    let names = || Status::ALL.map(Status::name).join(", ");
    Status::from_name(name).ok_or_else(|| format!("no status has this name; they are {}", names()))
}

#[derive(Debug, Args)]
pub(crate) struct DayOf {
    /// The day, YYYY-MM-DD or `today`
    #[arg(default_value = "today")]
    pub(crate) day: String,
}

#[derive(Debug, Args)]
pub(crate) struct Why {
    /// Number of a work order, name of a customer, site or machine, or any record's id
    pub(crate) record: String,
}

#[derive(Debug, Args)]
pub(crate) struct JobOf {
    /// Number or id of the work order
    pub(crate) job: String,
}

#[derive(Debug, Args)]
pub(crate) struct JobBecause {
    /// Number or id of the work order
    pub(crate) job: String,
    /// Why
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Words, in any order; Chinese, abbreviated or misspelt
    #[arg(required = true)]
    pub(crate) words: Vec<String>,
    /// Most jobs
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Find {
    /// Words; everything by name when none is given
    pub(crate) words: Vec<String>,
    /// Most rows
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Number or id of the work order
    pub(crate) job: String,
    /// Where the fault is
    #[arg(long)]
    pub(crate) location: Option<String>,
    /// What caused it
    #[arg(long)]
    pub(crate) cause: Option<String>,
    /// What it is put down to
    #[arg(long, value_parser = ["product", "wear", "user", "environment", "unknown"])]
    pub(crate) attribution: Option<String>,
    /// How it was solved
    #[arg(long)]
    pub(crate) method: Option<String>,
    /// What was changed in the program
    #[arg(long)]
    pub(crate) program: Option<String>,
    /// A parameter changed; may be given several times, replaces the list
    #[arg(long, value_name = "NAME=OLD>NEW")]
    pub(crate) parameter: Vec<String>,
    /// Hazards that remain
    #[arg(long)]
    pub(crate) hazards: Option<String>,
    /// How it ended
    #[arg(long, value_parser = ["solved", "temporary", "limitation_accepted", "not_solved"])]
    pub(crate) outcome: Option<String>,
    /// The outcome in words
    #[arg(long)]
    pub(crate) text: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Part {
    /// Number or id of the work order
    pub(crate) job: String,
    /// Part number
    pub(crate) number: String,
    /// How much, up to three decimals
    #[arg(long, default_value = "1")]
    pub(crate) quantity: String,
    /// What it is; needed when the number is not in the catalogue
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Unit, when the number is not in the catalogue
    #[arg(long, default_value = "pc")]
    pub(crate) unit: String,
    /// Who pays
    #[arg(long, value_parser = ["a_paid", "b_contract", "c_warranty", "d_internal"])]
    pub(crate) charge: Option<String>,
    /// Serial number put in
    #[arg(long)]
    pub(crate) serial_in: Option<String>,
    /// Serial number taken out
    #[arg(long)]
    pub(crate) serial_out: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Photo {
    /// Number or id of the work order
    pub(crate) job: String,
    /// The file
    pub(crate) file: PathBuf,
    /// What it shows
    #[arg(long)]
    pub(crate) caption: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Time {
    /// Number or id of the work order
    pub(crate) job: String,
    /// On what
    #[arg(value_parser = ["travel", "work", "wait", "break"])]
    pub(crate) activity: String,
    /// How many minutes, ending now
    #[arg(value_parser = clap::value_parser!(i64).range(1..=10_000))]
    pub(crate) minutes: i64,
    /// Minutes ago that it ended
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..=100_000))]
    pub(crate) ago: i64,
}

#[derive(Debug, Args)]
pub(crate) struct Note {
    /// Number or id of the work order
    pub(crate) job: String,
    /// What to note
    pub(crate) text: String,
}

#[derive(Debug, Args)]
pub(crate) struct Void {
    /// Number or id of the work order
    pub(crate) job: String,
    /// Id of the part line, time, note or photo, or its last characters
    pub(crate) record: String,
    /// Why
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Document {
    /// Number or id of the work order
    pub(crate) job: String,
    /// Name of who signs or refuses
    #[arg(long)]
    pub(crate) signer: String,
    /// In which role
    #[arg(long, default_value = "customer")]
    pub(crate) role: String,
    /// What is signed
    #[arg(long, default_value = "work_done", value_parser = ["work_done", "price_consent", "limitation_accepted"])]
    pub(crate) kind: String,
    /// Language the customer is shown it in
    #[arg(long, default_value = "en")]
    pub(crate) language: String,
    /// The sentence the customer agrees to
    #[arg(long, default_value = "I confirm the work and the parts listed here.")]
    pub(crate) consent: String,
}

#[derive(Debug, Args)]
pub(crate) struct Sign {
    #[command(flatten)]
    pub(crate) document: Document,
    /// Strokes as JSON, a list of strokes of points [x, y, ms, pressure]; without it a flourish is drawn for trying
    #[arg(long, value_name = "FILE")]
    pub(crate) strokes: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Refuse {
    #[command(flatten)]
    pub(crate) document: Document,
    /// Why the customer refused
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct OpenOrder {
    /// The problem in the customer's words
    #[arg(long)]
    pub(crate) problem: String,
    /// A known customer: id, number or exact name
    #[arg(long, required_unless_present = "new_customer")]
    pub(crate) customer: Option<String>,
    /// Name of a new customer
    #[arg(long, conflicts_with = "customer")]
    pub(crate) new_customer: Option<String>,
    /// The new customer's phone
    #[arg(long, requires = "new_customer")]
    pub(crate) phone: Option<String>,
    /// The new customer's street
    #[arg(long, requires = "new_customer")]
    pub(crate) street: Option<String>,
    /// The new customer's postcode
    #[arg(long, requires = "new_customer")]
    pub(crate) postcode: Option<String>,
    /// The new customer's city
    #[arg(long, requires = "new_customer")]
    pub(crate) city: Option<String>,
    /// Name of a new site
    #[arg(long)]
    pub(crate) new_site: Option<String>,
    /// A known machine: id, serial number or exact name
    #[arg(long)]
    pub(crate) asset: Option<String>,
    /// Name of a new machine
    #[arg(long, conflicts_with = "asset")]
    pub(crate) new_asset: Option<String>,
    /// The new machine's serial number
    #[arg(long, requires = "new_asset")]
    pub(crate) serial: Option<String>,
    /// How urgent
    #[arg(long, default_value = "normal", value_parser = ["emergency", "high", "normal", "low"])]
    pub(crate) priority: String,
}
