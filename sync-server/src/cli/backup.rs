//! `backup`: a consistent copy of the database in one file.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::enter;
use crate::backup::write;
use crate::config::Place;
use crate::folder::Folder;

/// Write a consistent copy of the database to a new file, while the server runs or not. Photos and files are not in it,
/// only the list of them: copy the folder `blobs` beside it, whose files never change. Keys are not in it either, unless
/// asked for: without them a restored office recognises no device.
#[derive(Debug, Clone, Args)]
pub struct BackupArgs {
    /// The file to write.
    pub file: PathBuf,
    /// Put the office's secret keys into the file. Whoever has it can then act as this office.
    #[arg(long)]
    pub with_keys: bool,
    /// Where the office lies.
    #[command(flatten)]
    pub place: Place,
}

/// Runs the command.
///
/// # Errors
/// When the file is there already or cannot be written, or the copy turns out to be damaged.
pub fn run(args: BackupArgs) -> anyhow::Result<ExitCode> {
    let opened = enter(&args.place)?;
    let folder = Folder::new(&args.place.data);
    let manifest = write(&folder, &opened, &args.file, args.with_keys)?;
    say!("Wrote {}: {} entries of history, epoch {}, checked.", args.file.display(), manifest.sequence, manifest.epoch);
    let blobs = folder.blobs();
    say!("Not in it: the content of {} photos and files; copy {}.", manifest.blobs.len(), blobs.display());
    if manifest.has_keys {
        say!("In it: the office's secret keys. Keep the file as you keep a master key.");
    } else {
        let keys = folder.keys();
        say!("Not in it: the office's keys; keep a copy of {} in a safe place, or use --with-keys.", keys.display());
    }
    Ok(ExitCode::SUCCESS)
}
