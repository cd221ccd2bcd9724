//! The dispatcher's row of a work order, recomputed from records whenever something below it changes.

use std::collections::BTreeMap;

use fieldsync_protocol::document::{self, Frame, Parties, Voucher};
use fieldsync_protocol::job::Job;
use fieldsync_protocol::kinds::PRIORITIES;
use fieldsync_protocol::status::status;
use fieldsync_protocol::{FieldsExt, Record, RecordId, search, show};

use crate::office::Office;
use crate::store::{JobRow, StoreError, Txn};

/// A work order with everything below it and the names of what it refers to.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The job.
    pub job: Job,
    /// The records below the order.
    pub below: Vec<Record>,
    /// Names of customers, sites, assets, contacts and technicians that occur.
    pub names: BTreeMap<RecordId, String>,
}

/// Loads a job; `None` when there is no such work order.
///
/// # Errors
/// [`StoreError`] of the store.
pub fn load(txn: &mut dyn Txn, order: RecordId) -> Result<Option<Loaded>, StoreError> {
    let Some(stored) = txn.record(order)? else { return Ok(None) };
    if stored.record.kind != "work_order" {
        return Ok(None);
    }
    let below = txn.below(order)?;
    let job = Job::collect(&stored.record, &below);
    let mut names = BTreeMap::new();
    for id in job.parties().into_iter().chain(job.people()) {
        if let Some(stored) = txn.record(id)?
            && let Some(name) = show::name(&stored.record)
        {
            names.insert(id, name.to_owned());
        }
    }
    Ok(Some(Loaded { job, below, names }))
}

/// A signed document beside the voucher as it would be shown now.
///
/// Returns what differs, by content; empty when nothing does, or when the document cannot be read.
pub fn differences(loaded: &Loaded, document: &[u8]) -> Vec<document::Difference> {
    let Some(signed) = Voucher::from_bytes(document) else { return Vec::new() };
    let frame = Frame {
        kind: &signed.kind,
        language: &signed.language,
        consent: &signed.consent,
        parties: Parties::of(&loaded.job, &loaded.names),
        technicians: &loaded.names,
        device: &signed.device,
    };
    document::differences(&signed, &Voucher::of(&loaded.job, frame))
}

/// Recomputes an order's row.
pub(super) fn refresh(office: &Office, txn: &mut dyn Txn, order: RecordId) -> Result<(), StoreError> {
    let Some(loaded) = load(txn, order)? else { return Ok(()) };
    let job = &loaded.job;
    let parties = Parties::of(job, &loaded.names);
    let text = |group: &str, field: &str| {
        job.group(group).and_then(|fields| fields.text(field)).unwrap_or_default().to_owned()
    };
    let time = |group: &str, field: &str| job.group(group).and_then(|fields| fields.int(field));
    let technicians = job.technicians();
    let mut missing_blobs = 0;
    for attachment in job.attachments.iter().filter(|attachment| attachment.void.is_none()) {
        missing_blobs += u32::from(!txn.has_blob(&attachment.hash)?);
    }
    let records = std::iter::once(&job.order).chain(&loaded.below);
    let conflicts: usize = records.map(|record| show::conflicts(record).len()).sum();
    let signed = job
        .latest_document()
        .filter(|document| job.signatures.iter().any(|signature| signature.document == document.hash));
    let held = txn.held_below(order)?;
    let row = JobRow {
        id: order,
        number: parties.number.clone(),
        status: status(job),
        priority: PRIORITIES.iter().position(|word| *word == text("plan", "priority")).map_or(9, |place| place as u8),
        due_ms: time("plan", "due_ms"),
        planned_ms: job.assignments.iter().filter(|a| a.is_live()).filter_map(|a| a.planned_from_ms).min(),
        customer: parties.customer.clone(),
        site: parties.site.clone(),
        asset: parties.asset.clone(),
        problem: parties.problem.clone(),
        technicians: names(&loaded, &technicians).join(", "),
        requested_ms: time("origin", "requested_ms"),
        changed_ms: office.now_ms(),
        conflicts: conflicts as u32,
        proposals: job.proposals.iter().filter(|proposal| proposal.accepted.is_none()).count() as u32,
        differs: signed.is_some_and(|document| !differences(&loaded, &document.content).is_empty()),
        missing_blobs,
        held,
        is_late: is_late(job, &technicians),
    };
    let tokens = search::index_tokens(&searchable(&loaded, &row, &text("instructions", "text")));
    txn.put_job(&row, &technicians, &tokens)
}

fn names(loaded: &Loaded, technicians: &[RecordId]) -> Vec<String> {
    technicians.iter().filter_map(|id| loaded.names.get(id).cloned()).collect()
}

/// Whether work came from somebody who had lost the job by then, or after it was cancelled.
fn is_late(job: &Job, technicians: &[RecordId]) -> bool {
    let workers = (job.events.iter().map(|event| event.technician))
        .chain(job.reports.iter().map(|report| report.technician))
        .chain(job.parts.iter().map(|part| part.technician));
    let has_withdrawn = job.assignments.iter().any(|assignment| assignment.is_withdrawn);
    let mut any = false;
    let mut from_outside = false;
    for worker in workers {
        any = true;
        from_outside |= has_withdrawn && !technicians.contains(&worker);
    }
    from_outside || (any && job.is_cancelled)
}

/// Everything the board's search looks through.
fn searchable(loaded: &Loaded, row: &JobRow, instructions: &str) -> String {
    let mut text =
        vec![row.number.clone(), row.customer.clone(), row.site.clone(), row.asset.clone(), row.problem.clone()];
    text.extend([row.technicians.clone(), instructions.to_owned()]);
    for report in &loaded.job.reports {
        let said = [&report.fault_location, &report.cause, &report.method, &report.hazards, &report.outcome_text];
        text.extend(said.into_iter().flatten().cloned());
    }
    text.extend(loaded.job.parts.iter().map(|part| format!("{} {}", part.number, part.name)));
    text.extend(loaded.job.notes.iter().map(|note| note.text.clone()));
    text.join("\n")
}
