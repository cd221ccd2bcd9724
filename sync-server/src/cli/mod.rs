//! The commands, one file each: read arguments, open the folder, call one function, say what happened.
//!
//! What a command was asked for goes to standard output, everything else to standard error. A command ends with 0 when it
//! did what it was asked, 1 when it could not or found something wrong, 2 when it was not understood.

pub mod backup;
pub mod bundle;
pub mod collect;
pub mod device;
pub mod enrol;
pub mod erase;
pub mod explain;
pub mod import;
pub mod recovery;
pub mod restore;
pub mod serve;
mod table;
pub mod technician;
mod time;
pub mod user;
pub mod verify;

use std::process::ExitCode;

use anyhow::bail;
use clap::Parser;

use crate::config::{Arguments, Command, Place};
use crate::folder::{Folder, OpenError, Opened, visit};
use crate::logging;

/// Runs the program with the arguments of the process.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    match dispatch(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: failed to {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let is_serving = matches!(arguments.command, Command::Serve(_));
    logging::start(&arguments.logging, if is_serving { "info" } else { "warn" })?;
    match arguments.command {
        Command::Demo(args) => crate::demo::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Import(args) => import::run(args),
        Command::Technician(command) => technician::run(command),
        Command::User(command) => user::run(command),
        Command::Enrol(args) => enrol::run(args),
        Command::Device(command) => device::run(command),
        Command::Erase(args) => erase::run(args),
        Command::Collect(args) => collect::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Bundle(command) => bundle::run(command),
        Command::Backup(args) => backup::run(args),
        Command::Restore(args) => restore::run(args),
        Command::Recovery(args) => recovery::run(args),
        Command::Verify(args) => verify::run(args),
    }
}

/// Opens an office that is there, beside a server that may be running: a mistyped folder is not a new office.
fn enter(place: &Place) -> anyhow::Result<Opened> {
    let folder = Folder::new(&place.data);
    if !folder.database().exists() && !folder.anchor().exists() {
        bail!(
            "find an office in {}: there is none. --data names its folder; `serve`, `import`, `technician add` and \
             `user add` make a new one",
            place.data.display()
        );
    }
    Ok(found(place)?)
}

/// Opens an office beside a server that may be running, or makes a new one.
fn found(place: &Place) -> Result<Opened, OpenError> {
    visit(&place.data, &place.tenant())
}
