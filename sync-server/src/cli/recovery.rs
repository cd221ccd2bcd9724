//! `recovery`: what the last restore came to.

use std::process::ExitCode;

use clap::Args;

use super::enter;
use super::table::table;
use super::time::moment;
use crate::config::Place;
use crate::recovery::{Recovery, recovery};

/// Rows printed of each list; all of them are in the JSON document.
const SHOWN: usize = 50;

/// Tell what the last restore came to: which devices have returned, what they brought back, what nobody holds. Ends with
/// 1 while devices are awaited or something is missing.
#[derive(Debug, Clone, Args)]
pub struct RecoveryArgs {
    /// Print one JSON document instead of text.
    #[arg(long)]
    pub json: bool,
    /// Where the office lies.
    #[command(flatten)]
    pub place: Place,
}

/// Runs the command.
///
/// # Errors
/// When the folder cannot be opened.
pub fn run(args: RecoveryArgs) -> anyhow::Result<ExitCode> {
    let opened = enter(&args.place)?;
    let found = opened.office.read(recovery)?;
    if args.json {
        say!("{}", serde_json::to_string_pretty(&found)?);
    }
    let Some(found) = found else {
        eprintln!("This office never was restored.");
        return Ok(ExitCode::SUCCESS);
    };
    if !args.json {
        tell(&found);
    }
    let is_whole = found.awaited() == 0 && found.missing.is_empty() && found.absent.is_empty();
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(found: &Recovery) {
    say!(
        "Epoch {} began on {} with {} entries of history. Devices prove that {} more had been there.",
        found.epoch,
        moment(Some(found.began_ms)),
        found.restored,
        found.lost
    );
    say!("They brought back {} values in {} records.", found.brought_back, found.records);
    say!("{} of {} devices have not returned yet:", found.awaited(), found.devices.len());
    let awaited = found.devices.iter().filter(|device| !device.has_returned);
    let rows: Vec<[String; 4]> = awaited
        .map(|device| {
            let (id, contact) = (device.device.to_string(), moment(device.contact_ms));
            [id, device.technician.clone(), device.name.clone(), contact]
        })
        .collect();
    list(["ID", "TECHNICIAN", "NAME", "LAST CONTACT"], &rows);
    say!("Edits that somebody had seen and nobody holds: {}", found.missing.len());
    let rows: Vec<[String; 4]> = (found.missing.iter())
        .map(|missing| {
            let which = format!("{}-{} of {}", missing.from, missing.to, missing.replica);
            [missing.kind.clone(), missing.name.clone().unwrap_or_default(), missing.record.to_string(), which]
        })
        .collect();
    list(["KIND", "NAME", "RECORD", "EDITS"], &rows);
    say!("Records that others speak of and that are not here: {}", found.absent.len());
    let rows: Vec<[String; 3]> = (found.absent.iter())
        .map(|absent| [absent.record.to_string(), absent.name.clone().unwrap_or_default(), absent.named_by.to_string()])
        .collect();
    list(["RECORD", "SPOKEN OF BY", "ITS RECORD"], &rows);
}

fn list<const N: usize>(heads: [&str; N], rows: &[[String; N]]) {
    if rows.is_empty() {
        return;
    }
    say_text!("{}", table(heads, &rows[..rows.len().min(SHOWN)]));
    if rows.len() > SHOWN {
        say!("and {} more; --json lists all.", rows.len() - SHOWN);
    }
}
