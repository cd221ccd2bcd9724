//! A job's page, and what was signed.

use std::fmt::Write;

use fieldsync::protocol::amount::{money, quantity};
use fieldsync::protocol::job::{Job, WorkReport};
use fieldsync::read::{JobPage, Waiting, WaitingState};
use fieldsync::signing::SignatureStatus;
use fieldsync::{Device, FieldsExt, RecordId};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::text::{Zone, code, ending, fields};
use crate::{Answer, lookup, read};

pub(crate) fn show(device: &Device, job: &str, zone: Zone) -> Result<Answer, Failure> {
    let page = device.job(lookup::job(device, job)?)?;
    Ok(Answer::new(page_json(&page), page_text(&page, zone)))
}

pub(crate) fn verify(device: &Device, job: &str, zone: Zone) -> Result<Answer, Failure> {
    let signatures = device.verify(lookup::job(device, job)?)?;
    let mut text = String::new();
    for signature in &signatures {
        signature_text(&mut text, signature, zone);
    }
    if signatures.is_empty() {
        text.push_str("nobody has signed or refused\n");
    }
    let mut answer = Answer::new(signatures.iter().map(signature_json).collect(), text);
    answer.status = if signatures.iter().all(|signature| signature.verified.is_ok()) { 0 } else { 4 };
    Ok(answer)
}

fn page_text(page: &JobPage, zone: Zone) -> String {
    let (job, mut text) = (&page.job, String::new());
    let plan = job.group("plan");
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{name:<14}{value}");
        }
    };
    line("number", job.number().unwrap_or("(none yet)"));
    line("status", page.status.label());
    line("customer", page.customer.as_ref().map_or("", |party| &party.name));
    line("site", page.site.as_ref().map_or("", |party| &party.name));
    line("machine", page.asset.as_ref().map_or("", |party| &party.name));
    line("contact", page.contact.as_ref().map_or("", |party| &party.name));
    line("problem", group_text(job, "problem", "text"));
    line("instructions", group_text(job, "instructions", "text"));
    line("priority", plan.and_then(|plan| plan.text("priority")).unwrap_or(""));
    line("due", &plan.and_then(|plan| plan.int("due_ms")).map(|due| zone.time(due)).unwrap_or_default());
    line("category", group_text(job, "category", "category"));
    for assignment in job.assignments.iter().filter(|assignment| assignment.is_live()) {
        let names: Vec<&str> = assignment.technicians.iter().map(|id| name(page, *id)).collect();
        line("assigned", &format!("{}, planned {}", names.join(", "), zone.some_time(assignment.planned_from_ms)));
    }
    work_text(&mut text, page, zone);
    for signature in &page.signatures {
        signature_text(&mut text, signature, zone);
    }
    for conflict in &page.conflicts {
        let _ = writeln!(
            text,
            "needs a person  {} of {} {}:",
            conflict.conflict.group,
            conflict.kind,
            ending(conflict.record)
        );
        for (at, value) in conflict.conflict.values.iter().enumerate() {
            let _ = writeln!(text, "  {}. {}", at + 1, fields(&value.sibling.fields));
        }
    }
    for waiting in &page.waiting {
        let _ = writeln!(text, "{}", waiting_text(waiting));
    }
    if !page.missing.is_empty() {
        let _ = writeln!(text, "still to do   {}", read::missing(&page.missing));
    }
    text
}

fn work_text(text: &mut String, page: &JobPage, zone: Zone) {
    let job = &page.job;
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<14}{value}");
    };
    for event in &job.events {
        let reason = event.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let at = zone.time(event.stamp.happened_ms());
        line("visit", format!("{at}  {} {}{reason}", name(page, event.technician), event.event));
    }
    for report in &job.reports {
        line("report", format!("{}  {}", ending(report.id), name(page, report.technician)));
        for (what, said) in report_lines(report) {
            line("", format!("{what}: {said}"));
        }
    }
    let voided =
        |void: &Option<String>| void.as_deref().map(|reason| format!("  (void: {reason})")).unwrap_or_default();
    for part in &job.parts {
        let price = part.total_minor().map(|total| money(total, part.currency.as_deref().unwrap_or("")));
        let amount = format!("{} {}", quantity(part.quantity_milli), part.unit);
        line(
            "part",
            format!(
                "{}  {amount} {} {} {}{}",
                ending(part.id),
                part.number,
                part.name,
                price.unwrap_or_default(),
                voided(&part.void)
            ),
        );
    }
    for time in &job.times {
        let minutes = (time.to_ms - time.from_ms) / 60_000;
        let from = zone.time(time.from_ms);
        line(
            "time",
            format!(
                "{}  {from}  {minutes} min {} {}{}",
                ending(time.id),
                time.activity,
                name(page, time.technician),
                voided(&time.void)
            ),
        );
    }
    for note in &job.notes {
        line("note", format!("{}  {}{}", ending(note.id), note.text, voided(&note.void)));
    }
    for photo in &job.attachments {
        let caption = photo.caption.as_deref().unwrap_or("");
        line(
            "photo",
            format!("{}  {} bytes {} {caption}{}", ending(photo.id), photo.size, photo.media_type, voided(&photo.void)),
        );
    }
    for proposal in &job.proposals {
        let decision = match proposal.accepted {
            Some(true) => "accepted",
            Some(false) => "declined",
            None => "not decided",
        };
        line(
            "proposal",
            format!("{} of {}: {} ({decision})", proposal.group, proposal.subject_kind, fields(&proposal.fields)),
        );
    }
}

fn report_lines(report: &WorkReport) -> Vec<(String, String)> {
    let mut lines: Vec<(String, String)> = [
        ("location", &report.fault_location),
        ("cause", &report.cause),
        ("attribution", &report.attribution),
        ("method", &report.method),
        ("program", &report.program_change),
        ("hazards", &report.hazards),
        ("outcome", &report.outcome),
        ("in words", &report.outcome_text),
    ]
    .into_iter()
    .filter_map(|(name, said)| Some((name.to_owned(), said.clone()?)))
    .collect();
    let changes = report.parameters.iter();
    lines.extend(changes.map(|change| (change.name.clone(), format!("{} → {}", change.old, change.new))));
    lines
}

fn waiting_text(waiting: &Waiting) -> String {
    let what = format!("{} of {} {}", waiting.group, waiting.kind, ending(waiting.record));
    match &waiting.state {
        WaitingState::Pending => format!("only here     {what}"),
        WaitingState::Refused { code: reason } => format!("refused       {what}: {}", code(reason)),
        WaitingState::Held { code: reason } => format!("held          {what}: {}", code(reason)),
    }
}

fn signature_text(text: &mut String, signature: &SignatureStatus, zone: Zone) {
    let _ = match &signature.verified {
        Ok(verified) => {
            let statement = &verified.statement;
            let how = match &statement.refused {
                Some(reason) => format!("refused to sign: {reason}"),
                None => "signed".to_owned(),
            };
            let at = zone.time(statement.signed_ms);
            writeln!(text, "signature     {at}  {} ({}) {how}; verified", statement.signer, statement.role)
        }
        Err(error) => writeln!(text, "signature     does not verify: failed to {error}"),
    };
    if !signature.is_latest {
        let _ = writeln!(text, "              a later document took its place");
    }
    for difference in &signature.differences {
        let gone = || "(nothing)".to_owned();
        let (signed, now) =
            (difference.signed.clone().unwrap_or_else(gone), difference.now.clone().unwrap_or_else(gone));
        let _ = writeln!(text, "  differs     {}: as signed {signed}, now {now}", difference.place);
    }
}

fn signature_json(signature: &SignatureStatus) -> Value {
    json!({
        "id": signature.signature,
        "document": signature.document,
        "verified": signature.verified.is_ok(),
        "problem": signature.verified.as_ref().err().map(ToString::to_string),
        "statement": signature.verified.as_ref().ok().map(|verified| &verified.statement),
        "countersigned_ms": signature.verified.as_ref().ok().and_then(|verified| verified.countersigned_ms),
        "signed": signature.signed,
        "is_latest": signature.is_latest,
        "differences": signature.differences,
    })
}

fn page_json(page: &JobPage) -> Value {
    let job = &page.job;
    let group = |name: &str| job.group(name);
    json!({
        "id": job.order.id,
        "number": job.number(),
        "status": page.status,
        "missing": page.missing,
        "customer": page.customer,
        "site": page.site,
        "asset": page.asset,
        "contact": page.contact,
        "technicians": page.technicians.iter().map(|(id, name)| (id.to_string(), name)).collect::<std::collections::BTreeMap<_, _>>(),
        "problem": group("problem"),
        "instructions": group("instructions"),
        "plan": group("plan"),
        "category": group("category"),
        "is_cancelled": job.is_cancelled,
        "assignments": job.assignments.iter().map(|assignment| json!({
            "id": assignment.id,
            "technicians": assignment.technicians,
            "planned_from_ms": assignment.planned_from_ms,
            "planned_to_ms": assignment.planned_to_ms,
            "is_live": assignment.is_live(),
        })).collect::<Value>(),
        "events": job.events.iter().map(|event| json!({
            "id": event.id,
            "technician": event.technician,
            "event": event.event,
            "reason": event.reason,
            "seen": event.seen,
            "happened_ms": event.stamp.happened_ms(),
        })).collect::<Value>(),
        "reports": job.reports.iter().map(|report| json!({
            "id": report.id,
            "technician": report.technician,
            "entries": report_lines(report).into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        })).collect::<Value>(),
        "parts": job.parts.iter().map(|part| json!({
            "id": part.id,
            "technician": part.technician,
            "number": part.number,
            "name": part.name,
            "quantity_milli": part.quantity_milli,
            "unit": part.unit,
            "charge": part.charge,
            "price_minor": part.price_minor,
            "currency": part.currency,
            "total_minor": part.total_minor(),
            "void": part.void,
        })).collect::<Value>(),
        "times": job.times.iter().map(|time| json!({
            "id": time.id,
            "technician": time.technician,
            "activity": time.activity,
            "from_ms": time.from_ms,
            "to_ms": time.to_ms,
            "void": time.void,
        })).collect::<Value>(),
        "notes": job.notes.iter().map(|note| json!({ "id": note.id, "text": note.text, "void": note.void })).collect::<Value>(),
        "photos": job.attachments.iter().map(|photo| json!({
            "id": photo.id,
            "hash": photo.hash,
            "media_type": photo.media_type,
            "size": photo.size,
            "caption": photo.caption,
            "void": photo.void,
        })).collect::<Value>(),
        "proposals": job.proposals.iter().map(|proposal| json!({
            "id": proposal.id,
            "subject": proposal.subject,
            "group": proposal.group,
            "fields": proposal.fields,
            "accepted": proposal.accepted,
        })).collect::<Value>(),
        "signatures": page.signatures.iter().map(signature_json).collect::<Value>(),
        "conflicts": page.conflicts.iter().map(crate::office::conflict_json).collect::<Value>(),
        "waiting": page.waiting,
    })
}

fn group_text<'j>(job: &'j Job, group: &str, field: &str) -> &'j str {
    job.group(group).and_then(|fields| fields.text(field)).unwrap_or("")
}

fn name(page: &JobPage, technician: RecordId) -> &str {
    page.technicians.get(&technician).map_or("somebody", String::as_str)
}
