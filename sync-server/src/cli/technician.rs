//! `technician add` and `technician list`.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use fieldsync_protocol::{Record, RecordId, show};

use super::table::table;
use super::{enter, found};
use crate::config::Place;
use crate::office::Office;
use crate::people;
use crate::store::StoreError;

/// What to do about technicians.
#[derive(Debug, Subcommand)]
pub enum TechnicianCommand {
    /// Add a technician. Every device sees them in the team at its next sync.
    Add(AddArgs),
    /// List the technicians.
    List(Place),
}

/// A new technician.
#[derive(Debug, Clone, Args)]
pub struct AddArgs {
    /// Their name.
    pub name: String,
    /// Their phone number.
    #[arg(long, default_value = "")]
    pub phone: String,
    /// What they are good at.
    #[arg(long, default_value = "")]
    pub skills: String,
    /// Where the office lies.
    #[command(flatten)]
    pub place: Place,
}

/// Runs the command.
///
/// # Errors
/// When the folder cannot be opened or the store fails.
pub fn run(command: TechnicianCommand) -> anyhow::Result<ExitCode> {
    match command {
        TechnicianCommand::Add(args) => {
            let opened = found(&args.place)?;
            if args.name.trim().is_empty() {
                bail!("add the technician: the name is empty");
            }
            if !named(&all(&opened.office)?, args.name.trim()).is_empty() {
                eprintln!("There is already a technician of that name; both are kept.");
            }
            let id = people::add_technician(&opened.office, args.name.trim(), &args.phone, &args.skills)?;
            say!("{id}");
            eprintln!("Added. `fieldsync-server enrol '{}'` makes the code for their phone.", args.name.trim());
        }
        TechnicianCommand::List(place) => {
            let opened = enter(&place)?;
            let load = opened.office.read(|txn| txn.load())?;
            let rows: Vec<_> = all(&opened.office)?
                .iter()
                .map(|record| {
                    let jobs = load.get(&record.id).copied().unwrap_or(0);
                    [record.id.to_string(), jobs.to_string(), show::name(record).unwrap_or("-").to_owned()]
                })
                .collect();
            say_text!("{}", table(["ID", "OPEN JOBS", "NAME"], &rows));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The technician somebody means by an id or a name.
pub(super) fn find(office: &Office, wanted: &str) -> anyhow::Result<(RecordId, String)> {
    let all = all(office)?;
    let by_id = wanted.parse::<RecordId>().ok().and_then(|id| all.iter().find(|record| record.id == id));
    let found = match by_id {
        Some(record) => record,
        None => match named(&all, wanted)[..] {
            [one] => one,
            [] => bail!("find a technician `{wanted}`. `fieldsync-server technician list` shows who there is"),
            _ => bail!("tell which `{wanted}` is meant: there are several. Give the id from `technician list`"),
        },
    };
    Ok((found.id, show::name(found).unwrap_or_default().to_owned()))
}

fn all(office: &Office) -> Result<Vec<Record>, StoreError> {
    office.read(|txn| txn.of_kind("technician"))
}

fn named<'a>(all: &'a [Record], name: &str) -> Vec<&'a Record> {
    let name = name.to_lowercase();
    all.iter().filter(|record| show::name(record).is_some_and(|known| known.to_lowercase() == name)).collect()
}
