//! `verify`: checks everything the office holds.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::enter;
use crate::config::Place;
use crate::verify::{Report, verify};

/// Problems listed; more are counted.
const PROBLEMS_SHOWN: usize = 100;

/// Check the database, the history's chain, that every record is what its history says, every sum, every signature and
/// every blob. Changes nothing; ends with 1 when anything is wrong.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// Where the office lies.
    #[command(flatten)]
    pub place: Place,
}

/// Runs the command.
///
/// # Errors
/// When the folder cannot be opened or the database cannot be asked at all.
pub fn run(args: VerifyArgs) -> anyhow::Result<ExitCode> {
    let opened = enter(&args.place)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    let report = runtime.block_on(verify(&opened.office, &opened.blobs))?;
    say_text!("{}", text(&report));
    Ok(if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(report: &Report) -> String {
    let mut text: String =
        report.problems.iter().take(PROBLEMS_SHOWN).map(|problem| format!("WRONG: {problem}\n")).collect();
    if report.problems.len() > PROBLEMS_SHOWN {
        text.push_str(&format!("... and {} more.\n", report.problems.len() - PROBLEMS_SHOWN));
    }
    text.push_str(&format!(
        "Checked {} entries of history, {} records ({} rebuilt from their history), {} sums, {} signatures, {} blobs \
         ({} more have not arrived yet).\n",
        report.entries,
        report.records,
        report.rebuilt,
        report.sums,
        report.signatures,
        report.blobs,
        report.blobs_missing
    ));
    text.push_str(&match report.problems.len() {
        0 => "Nothing is wrong.\n".to_owned(),
        count => format!("{count} things are wrong. Keep this folder as it is, and restore a backup elsewhere.\n"),
    });
    text
}
