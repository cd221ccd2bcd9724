//! A technician's device in a terminal, on the public API of the engine alone: to try the engine by hand and by script,
//! and to see its API from outside.
//!
//! Every command opens the device, does one thing and closes it again, like an app that is killed after each screen.
//! `--json` prints one JSON document instead of text. Exit status: 0 done, 1 defect, 2 wrong usage, 3 the office was not
//! reached, 4 refused, 5 the store is damaged.

mod args;
mod failure;
mod lookup;
mod office;
mod page;
mod read;
mod text;
mod work;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use fieldsync::{Config, Device, FileAnchor};
use serde_json::Value;

use args::{Arguments, Command};
use failure::Failure;
use text::Zone;

/// What a command has to say: the same for programs and for people.
struct Answer {
    json: Value,
    text: String,
    /// Exit status when the command did its part but the answer is not good news.
    status: u8,
}

impl Answer {
    fn new(json: Value, text: impl Into<String>) -> Self {
        Self { json, text: text.into(), status: 0 }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let as_json = arguments.json;
    match run(arguments) {
        Ok(answer) => {
            let text = if as_json { format!("{:#}\n", answer.json) } else { answer.text };
            // Whoever closed the pipe has seen enough.
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::from(answer.status)
        }
        Err(failure) => {
            if as_json {
                let _ = writeln!(std::io::stdout(), "{:#}", failure.json());
            } else {
                eprintln!("technician: {failure}");
            }
            ExitCode::from(failure.status())
        }
    }
}

fn run(arguments: Arguments) -> Result<Answer, Failure> {
    let mut config = Config::new(&arguments.dir);
    config.start_over = arguments.start_over;
    config.allow_insecure = arguments.insecure;
    // Beside the folder, so that a copy of the folder is found out.
    let mut anchor = arguments.dir.into_os_string();
    anchor.push(".anchor");
    config.anchor = Some(Arc::new(FileAnchor::new(anchor)));
    let device = Device::open(config)?;
    let zone = arguments.utc_offset;
    let answer = answer(&device, arguments.command, zone, arguments.json);
    device.close();
    answer
}

fn answer(device: &Device, command: Command, zone: Zone, as_json: bool) -> Result<Answer, Failure> {
    match command {
        Command::Enrol(arguments) => office::enrol(device, &arguments),
        Command::Status => office::status(device, zone),
        Command::Check => office::check(device, zone),
        Command::Sync => office::sync(device, as_json),
        Command::Pending => office::pending(device, zone),
        Command::Drawer(arguments) => office::drawer(device, &arguments, zone),
        Command::Conflicts => office::conflicts(device, zone),
        Command::Resolve(arguments) => office::resolve(device, &arguments),
        Command::Jobs(arguments) => read::jobs(device, &arguments, zone),
        Command::Day(arguments) => read::day(device, &arguments, zone),
        Command::Show(arguments) => page::show(device, &arguments.job, zone),
        Command::History(arguments) => read::history(device, &arguments, zone),
        Command::Why(arguments) => read::why(device, &arguments),
        Command::Search(arguments) => read::search(device, &arguments),
        Command::Catalogue(arguments) => read::catalogue(device, &arguments),
        Command::Customers(arguments) => read::customers(device, &arguments),
        Command::Verify(arguments) => page::verify(device, &arguments.job, zone),
        Command::SetOut(arguments) => work::visit(device, &arguments.job, Device::set_out),
        Command::Start(arguments) => work::visit(device, &arguments.job, Device::start_visit),
        Command::Pause(arguments) => work::visit(device, &arguments.job, Device::pause_visit),
        Command::Resume(arguments) => work::visit(device, &arguments.job, Device::resume_visit),
        Command::Finish(arguments) => work::visit(device, &arguments.job, Device::finish_visit),
        Command::FollowUp(arguments) => {
            work::visit(device, &arguments.job, |device, order| device.follow_up(order, &arguments.reason))
        }
        Command::CannotComplete(arguments) => {
            work::visit(device, &arguments.job, |device, order| device.cannot_complete(order, &arguments.reason))
        }
        Command::Report(arguments) => work::report(device, &arguments),
        Command::Part(arguments) => work::part(device, &arguments),
        Command::Photo(arguments) => work::photo(device, &arguments),
        Command::Time(arguments) => work::time(device, &arguments),
        Command::Note(arguments) => work::note(device, &arguments),
        Command::Void(arguments) => work::void(device, &arguments),
        Command::Sign(arguments) => work::sign(device, &arguments),
        Command::Refuse(arguments) => work::refuse(device, &arguments),
        Command::OpenOrder(arguments) => work::open_order(device, &arguments),
    }
}
