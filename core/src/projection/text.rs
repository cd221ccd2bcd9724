//! The words a job is found by: as people wrote them, and as the tokens that the search index stores.

use fieldsync_protocol::FieldsExt;
use fieldsync_protocol::job::Job;

use super::names::Names;

/// The columns of `job_said` and `job_text`, in order.
pub(crate) const SAID_COLUMNS: [&str; 9] =
    ["number", "customer", "site", "asset", "problem", "instructions", "report", "parts", "notes"];

/// What is said in a job, one text for each of [`SAID_COLUMNS`].
pub(super) fn said(job: &Job, names: &Names) -> [String; 9] {
    let name = |role: &str| job.party(role).and_then(|id| names.name(id)).unwrap_or_default().to_owned();
    let text = |group: &str, field: &str| {
        job.group(group).and_then(|fields| fields.text(field)).unwrap_or_default().to_owned()
    };
    [
        joined([text("number", "number").as_str(), text("origin", "provisional_number").as_str()]),
        name("customer"),
        name("site"),
        name("asset"),
        text("problem", "text"),
        text("instructions", "text"),
        reports(job),
        parts(job),
        notes(job),
    ]
}

/// The parts that say something, joined for people.
pub(super) fn joined<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

fn reports(job: &Job) -> String {
    joined(job.reports.iter().flat_map(|report| {
        let fields = [
            &report.fault_location,
            &report.cause,
            &report.method,
            &report.program_change,
            &report.hazards,
            &report.outcome_text,
        ];
        let parameters = report.parameters.iter().map(|change| change.name.as_str());
        fields.into_iter().filter_map(|field| field.as_deref()).chain(parameters)
    }))
}

fn parts(job: &Job) -> String {
    let used = job.parts.iter().filter(|part| part.void.is_none());
    joined(used.flat_map(|part| {
        let serials = [part.serial_in.as_deref(), part.serial_out.as_deref()].into_iter().flatten();
        [part.number.as_str(), part.name.as_str()].into_iter().chain(serials)
    }))
}

fn notes(job: &Job) -> String {
    let notes = job.notes.iter().filter(|note| note.void.is_none()).map(|note| note.text.as_str());
    let photos = job.attachments.iter().filter(|photo| photo.void.is_none());
    joined(notes.chain(photos.filter_map(|photo| photo.caption.as_deref())))
}
