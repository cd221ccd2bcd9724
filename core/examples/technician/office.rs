//! Everything between this device and the office: enrolment, sync, what waits, what was not accepted, what needs a
//! person.

use std::fs;
use std::io::{IsTerminal, Write};

use fieldsync::protocol::kinds::{self, Owner};
use fieldsync::{Cancel, ConflictEntry, Device, Ended, Fields, Progress, RecordId, Resolution, Value as Field};
use serde_json::{Value, json};

use crate::args::{Drawer, Enrol, Resolve};
use crate::failure::Failure;
use crate::text::{Table, Zone, code, ending, fields, short};
use crate::{Answer, lookup};

/// Runs what needs the network.
fn wait<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(fieldsync::Error::from)?.block_on(work))
}

pub(crate) fn enrol(device: &Device, arguments: &Enrol) -> Result<Answer, Failure> {
    let identity = wait(device.enrol(&arguments.server, &arguments.code, &arguments.name))??;
    let json = json!({
        "device": identity.device, "person": identity.person, "person_name": identity.person_name,
        "tenant": identity.tenant,
    });
    let text = format!("this is now the device of {}; `sync` brings the jobs\n", identity.person_name);
    Ok(Answer::new(json, text))
}

pub(crate) fn status(device: &Device, zone: Zone) -> Result<Answer, Failure> {
    let status = device.status()?;
    let json = json!({
        "device": status.device,
        "person": status.person,
        "person_name": status.person_name,
        "server": status.server_url,
        "replica": status.replica,
        "epoch": status.epoch,
        "records": status.records,
        "pending": status.pending,
        "refused": status.refused,
        "damaged": status.damaged,
        "held": status.held,
        "photos": status.blobs,
        "offers": status.offers,
        "conflicts": status.conflicts,
        "last_contact_ms": status.last_contact_ms,
        "agrees": status.agrees,
        "is_drained": status.is_drained(),
    });
    let owner = status.person_name.as_deref().unwrap_or("nobody yet; enrol first");
    let agrees = match status.agrees {
        Some(true) => "the same as at the office",
        Some(false) => "NOT the same as at the office",
        None => "not compared yet",
    };
    let text = format!(
        "device of        {owner}\noffice           {}\nlast contact     {}\nrecords          {} ({agrees})\n\
         only here        {} entries, {} photos\nnot accepted     {} refused, {} held\nneeds a person   {}\n",
        status.server_url.as_deref().unwrap_or("-"),
        zone.some_time(status.last_contact_ms),
        status.records,
        status.pending,
        status.blobs,
        status.refused,
        status.held,
        status.conflicts,
    );
    Ok(Answer::new(json, text))
}

pub(crate) fn check(device: &Device, zone: Zone) -> Result<Answer, Failure> {
    let report = device.check()?;
    let damaged = device.damaged()?;
    let mut text = format!("looked at {} records and {} own entries\n", report.records, report.pending);
    if !report.damaged_records.is_empty() {
        text.push_str(&format!("{} records are damaged; the next sync brings them\n", report.damaged_records.len()));
    }
    if !damaged.is_empty() {
        let mut table = Table::new(&["FOUND", "KIND", "RECORD", "SAYS NOW"]);
        for entry in &damaged {
            let says = entry.said.as_ref().map(|(group, said)| format!("{group}: {}", fields(said)));
            let says = says.unwrap_or_else(|| "nothing that can be read".to_owned());
            table.row([zone.time(entry.at_ms), entry.kind.clone(), ending(entry.record), short(&says, 60)]);
        }
        text.push_str(&format!("entries that are not what was entered, and were sent to nobody:\n{}", table.text("")));
    } else if report.is_sound() {
        text.push_str("everything is as it was stored\n");
    }
    let mut answer = Answer::new(json!({ "report": report, "damaged": damaged }), text);
    answer.status = if report.is_sound() && damaged.is_empty() { 0 } else { 5 };
    Ok(answer)
}

pub(crate) fn sync(device: &Device, as_json: bool) -> Result<Answer, Failure> {
    let shows = !as_json && std::io::stderr().is_terminal();
    let receipt = wait(device.sync(Cancel::new(), move |progress| {
        if shows {
            progress_line(&progress);
        }
    }))??;
    if shows {
        eprint!("\r\x1b[K");
    }
    let mut answer = Answer::new(json!(receipt), format!("{receipt}\n"));
    answer.status = match receipt.ended {
        Ended::Complete => 0,
        Ended::Offline { .. } | Ended::Cancelled => 3,
        Ended::SignedOut | Ended::Revoked | Ended::Wiped | Ended::Outdated | Ended::Fault(_) => 4,
        Ended::Stalled => 1,
    };
    Ok(answer)
}

fn progress_line(progress: &Progress) {
    let text = format!(
        "\r\x1b[Ksent {}, received {}, still here {}; {} bytes up, {} down",
        progress.sent, progress.received, progress.still_here, progress.bytes_up, progress.bytes_down
    );
    // A terminal that went away does not end the sync.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

pub(crate) fn pending(device: &Device, zone: Zone) -> Result<Answer, Failure> {
    let pending = device.pending()?;
    let mut table = Table::new(&["ENTERED", "KIND", "GROUP", "RECORD", "SAYS"]);
    for edit in &pending {
        table.row([
            zone.time(edit.at_ms),
            edit.kind.clone(),
            edit.group.clone(),
            ending(edit.record),
            short(&fields(&edit.fields), 80),
        ]);
    }
    let entries = pending.iter().map(|edit| {
        json!({
            "record": edit.record, "kind": edit.kind, "group": edit.group, "fields": edit.fields, "at_ms": edit.at_ms,
        })
    });
    Ok(Answer::new(entries.collect(), table.text("nothing is only here")))
}

pub(crate) fn drawer(device: &Device, arguments: &Drawer, zone: Zone) -> Result<Answer, Failure> {
    if let Some(file) = &arguments.export {
        let content = device.export_drawer()?;
        fs::write(file, content).map_err(|error| Failure::File(file.display().to_string(), error))?;
    }
    if let Some(entry) = arguments.retry {
        device.retry(entry)?;
    }
    if let Some(entry) = arguments.discard {
        device.discard(entry)?;
    }
    let entries = device.drawer()?;
    let mut table = Table::new(&["ENTRY", "CAME", "STATE", "KIND", "GROUP", "RECORD", "WHY"]);
    for entry in &entries {
        table.row([
            entry.id.to_string(),
            zone.time(entry.at_ms),
            entry.state.name().to_owned(),
            entry.kind.clone(),
            entry.edit.group.clone(),
            ending(entry.record),
            code(&entry.code),
        ]);
    }
    Ok(Answer::new(json!(entries), table.text("the drawer is empty")))
}

pub(crate) fn conflicts(device: &Device, zone: Zone) -> Result<Answer, Failure> {
    let conflicts = device.conflicts()?;
    let mut text = String::new();
    for entry in &conflicts {
        let decides = if is_ours(entry) { "" } else { "; the office decides" };
        text.push_str(&format!("{}  {} of {}{decides}\n", ending(entry.record), entry.conflict.group, entry.kind));
        for (at, value) in entry.conflict.values.iter().enumerate() {
            let stamp = &value.sibling.stamp;
            let who = match stamp.device {
                Some(_) => author(device, RecordId(stamp.person.0)),
                None => "the office".to_owned(),
            };
            let said = fields(&value.sibling.fields);
            let shown = if at == 0 { ", shown now" } else { "" };
            text.push_str(&format!("  {}. {said}\n     {who}, {}{shown}\n", at + 1, zone.time(stamp.happened_ms())));
        }
    }
    if conflicts.is_empty() {
        text.push_str("nothing needs a person\n");
    } else {
        text.push_str("\ndecide with: resolve RECORD GROUP --keep NUMBER\n");
    }
    Ok(Answer::new(conflicts.iter().map(conflict_json).collect(), text))
}

/// Whether a technician owns what is contested.
fn is_ours(entry: &ConflictEntry) -> bool {
    let group = kinds::kind(&entry.kind).and_then(|kind| kind.group(&entry.conflict.group));
    group.is_some_and(|group| group.owner == Owner::Technician)
}

/// One conflict for programs; `keep` of `resolve` counts from 1.
pub(crate) fn conflict_json(entry: &ConflictEntry) -> Value {
    let values = entry.conflict.values.iter().map(|value| {
        json!({
            "fields": value.sibling.fields,
            "person": value.sibling.stamp.person,
            "is_office": value.sibling.stamp.device.is_none(),
            "happened_ms": value.sibling.stamp.happened_ms(),
        })
    });
    json!({
        "record": entry.record, "kind": entry.kind, "work_order": entry.work_order, "group": entry.conflict.group,
        "office_decides": !is_ours(entry), "values": values.collect::<Value>(),
    })
}

fn author(device: &Device, person: RecordId) -> String {
    let name = device.record(person).ok().and_then(|shown| {
        let profile = fieldsync::protocol::show::main_fields(&shown.record)?;
        Some(fieldsync::FieldsExt::text(profile, "name")?.to_owned())
    });
    name.unwrap_or_else(|| "a technician".to_owned())
}

pub(crate) fn resolve(device: &Device, arguments: &Resolve) -> Result<Answer, Failure> {
    let conflicts = device.conflicts()?;
    let record = lookup::ending(conflicts.iter().map(|entry| entry.record), &arguments.record)?;
    let entry = conflicts
        .into_iter()
        .find(|entry| entry.record == record && entry.conflict.group == arguments.group)
        .ok_or(fieldsync::Error::NoConflict)?;
    let resolution = match arguments.keep {
        Some(number) => {
            let value = number.checked_sub(1).and_then(|at| entry.conflict.values.get(at));
            let value = value.ok_or_else(|| Failure::Usage(format!("there is no value number {number}")))?;
            Resolution::Keep(value.dot)
        }
        None => {
            let mut written = Fields::new();
            for pair in &arguments.write {
                let (name, text) =
                    pair.split_once('=').ok_or_else(|| Failure::Usage(format!("{pair} is not FIELD=TEXT")))?;
                written.insert(name.to_owned(), Field::from(text));
            }
            Resolution::Change(written)
        }
    };
    let edited = device.resolve(record, &arguments.group, resolution, Some(entry.context))?;
    let groups: Vec<&String> = edited.groups.keys().collect();
    let landing = edited.groups.values().next().map(|landing| format!("{landing:?}")).unwrap_or_default();
    Ok(Answer::new(
        json!({ "record": edited.record, "groups": groups, "landing": landing }),
        "decided; `sync` sends it\n",
    ))
}
