//! `explain`: why a technician's devices have a record, or do not.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use fieldsync_protocol::{DeviceId, RecordId};

use super::time::moment;
use super::{enter, technician};
use crate::config::Place;
use crate::store::StoreError;
use crate::sync::explain;

/// Say why technicians' devices have a record, or do not: which order leads to it, who assigned it, since when, and how
/// far each device has confirmed to be.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// A work order's number, or the id of any record.
    pub record: String,
    /// Only this device; its id, as `device list` shows it.
    #[arg(long, value_name = "ID")]
    pub device: Option<String>,
    /// Only this technician's devices: name or id. Without either: everybody who sees the record or once did.
    #[arg(long, value_name = "NAME", conflicts_with = "device")]
    pub technician: Option<String>,
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
/// When there is no such order, device or technician, or the folder cannot be opened.
pub fn run(args: ExplainArgs) -> anyhow::Result<ExitCode> {
    let opened = enter(&args.place)?;
    let office = &opened.office;
    let mut who = match &args.technician {
        Some(name) => Some(technician::find(office, name)?.0),
        None => None,
    };
    let mut device = None;
    if let Some(wanted) = &args.device {
        let known = match wanted.parse::<DeviceId>() {
            Ok(id) => office.read(|txn| txn.device(id))?,
            Err(_) => None,
        };
        let Some(known) = known else {
            bail!("find the device `{wanted}`. `fieldsync-server device list` shows the ids");
        };
        device = Some(known.id);
        who = Some(RecordId(known.person.0));
    }
    let explained = office.read(|txn| {
        let Some(record) = explain::find(txn, &args.record)? else { return Ok(None) };
        explain::explain(txn, record, who, device).map(Some)
    });
    let Some(explained) = explained.map_err(|error: StoreError| error)? else {
        bail!("find a work order with the number `{}`; any other record is named by its id", args.record);
    };
    if args.json {
        say!("{}", serde_json::to_string_pretty(&explained)?);
    } else {
        say_text!("{}", explained.text(&|at_ms| moment(Some(at_ms))));
    }
    Ok(ExitCode::SUCCESS)
}
