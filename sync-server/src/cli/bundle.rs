//! `bundle show`, `bundle import` and `bundle list`: work that was carried to the office as a file.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use fieldsync_protocol::{DeviceId, PersonId, RecordId, ReplicaId, show};
use serde_json::{Value, json};

use super::enter;
use super::table::table;
use super::time::moment;
use crate::bundle::{Carrier, Imported, Look, Source, import, look};
use crate::config::Place;
use crate::office::Office;
use crate::people::OPERATOR;
use crate::store::{Bundle, StoreError};
use crate::sync::bundle::Fate;

/// Bundles listed.
const LISTED: u64 = 100;

/// What to do with carried bundles.
#[derive(Debug, Subcommand)]
pub enum BundleCommand {
    /// Read a bundle, verify whose it is, and say what it holds. Changes nothing.
    Show(FileArgs),
    /// Import a bundle: every edit is judged as if its author's phone had sent it. Importing it again changes nothing.
    Import(FileArgs),
    /// List the bundles that were imported or brought by other devices.
    List(ListArgs),
}

/// A bundle's file.
#[derive(Debug, Clone, Args)]
pub struct FileArgs {
    /// The file, as the phone exported it.
    pub file: PathBuf,
    /// Print one JSON document instead of text.
    #[arg(long)]
    pub json: bool,
    /// Where the office lies.
    #[command(flatten)]
    pub place: Place,
}

/// How to list bundles.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
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
/// When the file is no bundle for this office, was changed on the way, or the folder cannot be opened.
pub fn run(command: BundleCommand) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    match command {
        BundleCommand::Show(args) => {
            let opened = enter(&args.place)?;
            let found = runtime.block_on(look(&opened.office, &Source::File(args.file)))?;
            if args.json {
                say!("{:#}", look_json(&found));
            } else {
                say_text!("{}", look_text(&found));
            }
        }
        BundleCommand::Import(args) => {
            let opened = enter(&args.place)?;
            let carrier = Carrier::Person(OPERATOR.person);
            let source = Source::File(args.file);
            let imported = runtime.block_on(import(&opened.office, &opened.blobs, &source, carrier))?;
            if args.json {
                let mut json = bundle_json(&imported.bundle);
                json["was_before"] = json!(imported.was_before);
                say!("{json:#}");
            } else {
                say_text!("{}", imported_text(&opened.office, &imported)?);
            }
        }
        BundleCommand::List(args) => {
            let opened = enter(&args.place)?;
            let bundles = opened.office.read(|txn| txn.bundles(LISTED))?;
            if args.json {
                say!("{:#}", bundles.iter().map(bundle_json).collect::<Value>());
            } else {
                say_text!("{}", list_text(&opened.office, &bundles)?);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn short(bundle: ReplicaId) -> String {
    bundle.to_string()[..8].to_owned()
}

fn look_text(look: &Look) -> String {
    let manifest = &look.manifest;
    let unknown = |name: &str, otherwise: &str| if name.is_empty() { otherwise.to_owned() } else { name.to_owned() };
    let rows: Vec<_> = look
        .jobs
        .iter()
        .map(|job| {
            let number = match job.order {
                None => "no order".to_owned(),
                Some(order) => unknown(&job.number, &format!("new, {order}")),
            };
            let kinds: Vec<_> = job.edits.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            [number, job.count().to_string(), kinds.join(", "), job.problem.chars().take(40).collect()]
        })
        .collect();
    let mut text = format!(
        "Bundle {} of {}, {}{}, made {}, {} bytes, verified.\n",
        manifest.number,
        unknown(&look.author, "somebody the office does not know"),
        unknown(&look.device, "a device the office forgot"),
        if look.is_revoked { " (REVOKED: all of it would be held)" } else { "" },
        moment(Some(manifest.made_ms.saturating_add(manifest.offset_ms))),
        look.size,
    );
    text.push_str(&format!(
        "{} edits of {} records, {} photos and files.\n\n",
        manifest.edits,
        manifest.records,
        manifest.blobs.len()
    ));
    text.push_str(&table(["ORDER", "EDITS", "OF", "PROBLEM"], &rows));
    text.push('\n');
    text.push_str(&match &look.imported {
        Some(bundle) => {
            format!("It was imported {}: importing it again changes nothing.\n", moment(Some(bundle.arrived_ms)))
        }
        None => "Nothing was changed: `bundle import` imports it.\n".to_owned(),
    });
    text
}

fn look_json(look: &Look) -> Value {
    let manifest = &look.manifest;
    json!({
        "bundle": look.bundle,
        "number": manifest.number,
        "person": manifest.certificate.person,
        "author": look.author,
        "device": manifest.certificate.device,
        "device_name": look.device,
        "is_revoked": look.is_revoked,
        "made_ms": manifest.made_ms,
        "records": manifest.records,
        "edits": manifest.edits,
        "blobs": manifest.blobs,
        "jobs": look.jobs.iter().map(|job| json!({
            "order": job.order, "number": job.number, "edits": job.edits,
        })).collect::<Value>(),
        "file_hash": look.file_hash,
        "size": look.size,
        "imported": look.imported.as_ref().map(bundle_json),
    })
}

fn bundle_json(bundle: &Bundle) -> Value {
    json!({
        "bundle": bundle.replica,
        "number": bundle.number,
        "person": bundle.person,
        "device": bundle.device,
        "made_ms": bundle.made_ms,
        "arrived_ms": bundle.arrived_ms,
        "by_person": bundle.by_person,
        "by_device": bundle.by_device,
        "size": bundle.size,
        "blobs": bundle.blobs,
        "accepted": bundle.count(|fate| matches!(fate, Fate::Accepted | Fate::InConflict)),
        "in_conflict": bundle.count(|fate| *fate == Fate::InConflict),
        "known": bundle.count(|fate| *fate == Fate::Known),
        "superseded": bundle.count(|fate| *fate == Fate::Superseded),
        "refused": bundle.count(|fate| matches!(fate, Fate::Refused(_))),
        "held": bundle.count(|fate| matches!(fate, Fate::Held(_))),
        "report": bundle.report,
    })
}

fn imported_text(office: &Office, imported: &Imported) -> anyhow::Result<String> {
    let bundle = &imported.bundle;
    let mut text = if imported.was_before {
        format!("Imported before, {}: nothing was changed. It came to this then:\n", moment(Some(bundle.arrived_ms)))
    } else {
        String::new()
    };
    let accepted = imported.count(|fate| matches!(fate, Fate::Accepted | Fate::InConflict));
    text.push_str(&format!("{accepted} edits taken, {} photos and files.\n", bundle.blobs));
    let counted = [
        (imported.count(|fate| *fate == Fate::InConflict), "of them stand beside newer work: decide in the console"),
        (imported.count(|fate| *fate == Fate::Known), "had arrived another way"),
        (imported.count(|fate| *fate == Fate::Superseded), "were replaced by their author since"),
        (imported.count(|fate| matches!(fate, Fate::Held(_))), "are held: decide in the console under \"held\""),
        (imported.count(|fate| matches!(fate, Fate::Refused(_))), "were refused; they are still on the phone:"),
    ];
    for (count, what) in counted.iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!("{count} {what}\n"));
    }
    for record in &bundle.report {
        for (group, fate) in &record.edits {
            if let Fate::Refused(code) = fate {
                let order = record.work_order.map(|order| office.read(|txn| txn.job(order))).transpose()?.flatten();
                let order = order.map(|row| format!(" of {}", row.number)).unwrap_or_default();
                let (why, remedy) = (code.text(), code.remedy());
                text.push_str(&format!("  {group} of {}{order}: {why}; {remedy}\n", record.kind));
            }
        }
    }
    Ok(text)
}

fn list_text(office: &Office, bundles: &[Bundle]) -> Result<String, StoreError> {
    let rows = office.read(|txn| {
        let mut rows = Vec::with_capacity(bundles.len());
        for bundle in bundles {
            let mut name = |person: PersonId| -> Result<String, StoreError> {
                let record = txn.record(RecordId(person.0))?;
                Ok(record.and_then(|record| show::name(&record.record).map(str::to_owned)).unwrap_or_default())
            };
            let author = name(bundle.person)?;
            let by = match bundle.by_device {
                Some(device) => device_name(txn.device(device)?.map(|device| device.name), device),
                None => "imported".to_owned(),
            };
            let edits: usize = bundle.report.iter().map(|record| record.edits.len()).sum();
            rows.push([
                short(bundle.replica),
                format!("{author}, {}", bundle.number),
                moment(Some(bundle.arrived_ms)),
                by,
                edits.to_string(),
                bundle.blobs.to_string(),
            ]);
        }
        Ok::<_, StoreError>(rows)
    })?;
    Ok(table(["BUNDLE", "OF", "ARRIVED", "HOW", "EDITS", "PHOTOS"], &rows))
}

fn device_name(name: Option<String>, device: DeviceId) -> String {
    format!("brought by {}", name.unwrap_or_else(|| device.to_string()))
}
