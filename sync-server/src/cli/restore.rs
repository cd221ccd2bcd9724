//! `restore`: a backup takes the place of the database, and a new epoch begins.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::time::moment;
use crate::backup::restore;
use crate::config::Place;
use crate::folder::Folder;

/// Put a backup in place of the database and open a new epoch, so that the devices bring back what they still hold. The
/// server must not run. Photos, keys and the log of revocations in the folder stay.
#[derive(Debug, Clone, Args)]
pub struct RestoreArgs {
    /// The file that `backup` wrote.
    pub file: PathBuf,
    /// Move a database that is there aside.
    #[arg(long)]
    pub force: bool,
    /// Where the office lies.
    #[command(flatten)]
    pub place: Place,
}

/// Runs the command.
///
/// # Errors
/// When the file is no sound backup, its keys are missing, the folder is in use, or holds an office and `--force` was not
/// given.
pub fn run(args: RestoreArgs) -> anyhow::Result<ExitCode> {
    let restored = restore(&Folder::new(&args.place.data), &args.file, args.force)?;
    let manifest = &restored.manifest;
    say!(
        "Restored the office as it was on {}: {} entries of history, checked.",
        moment(Some(manifest.made_ms)),
        manifest.sequence
    );
    if let Some(path) = &restored.set_aside {
        say!("The database that was there lies in {}.", path.display());
    }
    say!(
        "Epoch {} begins. At its next sync each of the {} devices takes a new replica id, walks its jobs from the start, \
         offers back what the office had said and has forgotten, and sends its own unsent work as always.",
        restored.epoch,
        restored.devices
    );
    say!(
        "What nobody holds any more is lost: entries made in the office after the backup, and work of phones that never \
         return. `fieldsync-server recovery` tells who has returned, what came back and what did not."
    );
    if restored.revoked > 0 {
        say!("{} devices that were revoked after the backup are revoked again.", restored.revoked);
    }
    if restored.blobs_missing > 0 {
        say!(
            "{} of {} photos and files are not in {}: copy them there from the backup of that folder.",
            restored.blobs_missing,
            manifest.blobs.len(),
            Folder::new(&args.place.data).blobs().display()
        );
    }
    Ok(ExitCode::SUCCESS)
}
