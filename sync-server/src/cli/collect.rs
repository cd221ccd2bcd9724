//! `collect`: forgetting what was deleted, with proof.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use fieldsync_protocol::{DeviceId, RecordId, show};

use super::enter;
use super::table::table;
use super::time::moment;
use crate::config::Place;
use crate::office::Office;
use crate::people::OPERATOR;
use crate::store::{StoreError, Txn};
use crate::sync::collect::{Blocker, Candidate, Plan, collect, plan};

/// Forget deleted records of which every device is proven to know. Without `--yes` it only says what would go, what stays,
/// and who or what stands in the way. Nothing goes by age: a device that never returns is to be retired or revoked. What
/// history says of a record stays; an id that was collected is never used again.
#[derive(Debug, Clone, Args)]
pub struct CollectArgs {
    /// Do it. It cannot be undone.
    #[arg(long)]
    pub yes: bool,
    /// List what was collected, with the proof: which devices were waited for, and how far each had confirmed.
    #[arg(long, conflicts_with = "yes")]
    pub done: bool,
    /// Where the office lies.
    #[command(flatten)]
    pub place: Place,
}

/// Runs the command.
///
/// # Errors
/// When the folder cannot be opened or the database fails.
pub fn run(args: CollectArgs) -> anyhow::Result<ExitCode> {
    let opened = enter(&args.place)?;
    if args.done {
        return list(&opened.office);
    }
    let plan = if args.yes { collect(&opened.office, OPERATOR.person)? } else { opened.office.read(plan)? };
    show_plan(&opened.office, &plan, args.yes)?;
    let free = plan.records.iter().chain(&plan.marks).filter(|candidate| candidate.is_free()).count();
    match (args.yes, free) {
        (_, 0) => eprintln!("There is nothing that can be collected."),
        (true, _) => eprintln!("Collected. Devices are told at their next contact."),
        (false, _) => eprintln!("Nothing was collected. Add --yes to do so."),
    }
    Ok(ExitCode::SUCCESS)
}

fn show_plan(office: &Office, plan: &Plan, is_done: bool) -> anyhow::Result<()> {
    let names = office.read(|txn| names(txn, plan))?;
    let going = if is_done { "collected" } else { "can be collected" };
    let mut rows = Vec::new();
    for (candidates, what) in [(&plan.records, ""), (&plan.marks, ", the last marks of it")] {
        rows.extend(candidates.iter().map(|candidate| {
            let standing = match candidate.is_free() {
                true => format!("{going}{what}"),
                false => format!("waits for {}", blockers(candidate, &names)),
            };
            let name = candidate.name.clone().unwrap_or_else(|| "-".to_owned());
            [candidate.record.to_string(), candidate.kind.clone(), name, candidate.place.to_string(), standing]
        }));
    }
    say_text!("{}", table(["RECORD", "KIND", "NAME", "DELETED AT", "STANDING"], &rows));
    let all = || plan.records.iter().chain(&plan.marks);
    let rows: Vec<_> = plan
        .devices
        .iter()
        .map(|device| {
            let blocks = all().filter(|candidate| candidate.blockers.contains(&Blocker::Device(device.device))).count();
            let name = names.get(&Who::Device(device.device)).cloned().unwrap_or_default();
            [
                device.device.to_string(),
                name,
                moment(device.contact_ms),
                device.confirmed.to_string(),
                blocks.to_string(),
            ]
        })
        .collect();
    say_text!("\n{}", table(["DEVICE", "WHOSE", "LAST CONTACT", "CONFIRMED UP TO", "BLOCKS"], &rows));
    Ok(())
}

/// Something that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Device(DeviceId),
    Record(RecordId),
}

fn names(txn: &mut dyn Txn, plan: &Plan) -> Result<BTreeMap<Who, String>, StoreError> {
    let mut names = BTreeMap::new();
    for device in &plan.devices {
        let owner = txn.record(RecordId(device.person.0))?;
        let owner = owner.and_then(|stored| show::name(&stored.record).map(str::to_owned)).unwrap_or_default();
        names.insert(Who::Device(device.device), format!("{owner}, {}", device.name));
    }
    for blocker in plan.records.iter().flat_map(|candidate| &candidate.blockers) {
        let Blocker::Named(id) = blocker else { continue };
        let name = match txn.job(*id)? {
            Some(job) => Some(job.number),
            None => txn.record(*id)?.and_then(|stored| show::name(&stored.record).map(str::to_owned)),
        };
        names.insert(Who::Record(*id), name.unwrap_or_else(|| id.to_string()));
    }
    Ok(names)
}

fn blockers(candidate: &Candidate, names: &BTreeMap<Who, String>) -> String {
    let said = candidate.blockers.iter().map(|blocker| match blocker {
        Blocker::Device(id) => names.get(&Who::Device(*id)).cloned().unwrap_or_else(|| id.to_string()),
        Blocker::Named(id) => format!("{} to name another", names.get(&Who::Record(*id)).cloned().unwrap_or_default()),
        Blocker::Held => "a decision about a held edit".to_owned(),
    });
    said.collect::<Vec<_>>().join("; ")
}

fn list(office: &Office) -> anyhow::Result<ExitCode> {
    let rows = office.read(|txn| {
        let rows = txn.all_collected()?.into_iter().map(|collected| {
            let proof: Vec<String> =
                collected.proof.iter().map(|(device, place)| format!("{device} at {place}")).collect();
            let proof = if proof.is_empty() { "no device".to_owned() } else { proof.join(", ") };
            let deleted = collected.deleted.to_string();
            [collected.record.to_string(), collected.kind, moment(Some(collected.at_ms)), deleted, proof]
        });
        Ok::<_, StoreError>(rows.collect::<Vec<_>>())
    })?;
    say_text!("{}", table(["RECORD", "KIND", "COLLECTED", "DELETED AT", "CONFIRMED BY"], &rows));
    Ok(ExitCode::SUCCESS)
}
