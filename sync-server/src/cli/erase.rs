//! `erase`: privacy erasure.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use fieldsync_protocol::RecordId;

use super::enter;
use super::table::table;
use super::time::moment;
use crate::config::Place;
use crate::folder::Opened;
use crate::people::OPERATOR;
use crate::store::StoreError;
use crate::sync::erase::{Plan, erase, plan};
use crate::sync::explain::find;

/// Take away for ever what was stored about somebody: of a customer also contacts, sites, work orders and everything below
/// them, documents and signatures included. Without `--yes` it only says what would go. Devices drop it at their next
/// contact, also what they had not sent yet; no backup brings it back. Backups made before still hold it: delete those.
#[derive(Debug, Clone, Args)]
pub struct EraseArgs {
    /// A record's id, or a work order's number. Without it: list what was erased, and which devices have not confirmed it.
    pub record: Option<String>,
    /// Do it. It cannot be undone.
    #[arg(long, requires = "record")]
    pub yes: bool,
    /// Where the office lies.
    #[command(flatten)]
    pub place: Place,
}

/// Runs the command.
///
/// # Errors
/// When there is no such record, the folder cannot be opened, or a file cannot be deleted.
pub fn run(args: EraseArgs) -> anyhow::Result<ExitCode> {
    let opened = enter(&args.place)?;
    let Some(wanted) = &args.record else { return list(&opened) };
    let found = opened.office.read(|txn| match find(txn, wanted)? {
        Some(id) => plan(txn, id),
        None => Ok::<_, StoreError>(None),
    })?;
    let Some(plan) = found else {
        bail!("find the record `{wanted}`: name a work order by its number, any other record by its id");
    };
    for (kind, count) in plan.counts() {
        say!("{count:>7}  {kind}");
    }
    say!("{:>7}  photos and files", plan.blobs.len());
    if !args.yes {
        eprintln!("Nothing was erased. Add --yes to take all of this away for ever.");
        return Ok(ExitCode::SUCCESS);
    }
    carry_out(&opened, &plan)?;
    eprintln!(
        "Erased. Devices drop it at their next contact: `fieldsync-server erase` lists who has not confirmed. Backups made \
         before still hold it: delete them."
    );
    Ok(ExitCode::SUCCESS)
}

fn carry_out(opened: &Opened, plan: &Plan) -> anyhow::Result<()> {
    erase(&opened.office, OPERATOR.person, plan)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        for hash in &plan.blobs {
            opened.blobs.delete(hash).await?;
        }
        Ok(())
    })
}

fn list(opened: &Opened) -> anyhow::Result<ExitCode> {
    let rows = opened.office.read(|txn| {
        let devices: Vec<_> = txn.devices()?.into_iter().filter(|device| device.revoked_ms.is_none()).collect();
        let mut rows = Vec::new();
        for erased in txn.all_erased()? {
            let mut waiting = 0;
            for device in &devices {
                let row = txn.scope_row(crate::store::Audience::of(RecordId(device.person.0)), erased.record)?;
                waiting += usize::from(row.is_some() && device.position < erased.sequence);
            }
            rows.push([
                erased.record.to_string(),
                erased.kind,
                moment(Some(erased.at_ms)),
                erased.dropped.to_string(),
                waiting.to_string(),
            ]);
        }
        Ok::<_, StoreError>(rows)
    })?;
    say_text!("{}", table(["RECORD", "KIND", "ERASED", "DROPPED SINCE", "DEVICES NOT YET TOLD"], &rows));
    Ok(ExitCode::SUCCESS)
}
