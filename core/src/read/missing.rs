//! What is missing before a job can be handed to the office: one list, shown on the phone and asked by every verb that
//! would go on without it.

use fieldsync_protocol::document::Statement;
use fieldsync_protocol::job::Job;
use fieldsync_protocol::kinds::{self, Owner};
use fieldsync_protocol::status::heads;
use fieldsync_protocol::{FieldsExt, Record, show};
use serde::Serialize;

/// Something a job still needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// No technician has written a report that says how the work ended.
    Report,
    /// The plan asks for a photo and none is there.
    Photo,
    /// The technician has to decide between concurrent values of his own work. What the office decides is not his to do.
    Decision,
    /// No visit has ended, or work goes on.
    Finish,
    /// The customer has neither signed the latest document nor refused to.
    Signature,
}

impl Missing {
    /// Stable name for apps.
    pub fn name(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Photo => "photo",
            Self::Decision => "decision",
            Self::Finish => "finish",
            Self::Signature => "signature",
        }
    }

    /// Stable code of the error that says so.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Report => "missing_report",
            Self::Photo => "missing_photo",
            Self::Decision => "missing_decision",
            Self::Finish => "missing_finish",
            Self::Signature => "missing_signature",
        }
    }

    /// What to do, in plain words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Report => "write the report and say how the work ended",
            Self::Photo => "take the photo that the plan asks for",
            Self::Decision => "decide between the values that stand beside each other",
            Self::Finish => "finish the visit",
            Self::Signature => "have the customer sign, or record the refusal",
        }
    }
}

/// What `job` still needs, in the order in which a technician would do it.
pub(crate) fn missing(job: &Job, has_to_decide: bool) -> Vec<Missing> {
    let mut missing = Vec::new();
    if !job.reports.iter().any(|report| report.outcome.is_some()) {
        missing.push(Missing::Report);
    }
    let asks_for_photo = job.group("plan").is_some_and(|plan| plan.flag("photo_required"));
    if asks_for_photo && !job.attachments.iter().any(|photo| photo.void.is_none()) {
        missing.push(Missing::Photo);
    }
    if has_to_decide {
        missing.push(Missing::Decision);
    }
    let heads = heads(&job.events);
    let has_ended = |event: &str| matches!(event, "finished" | "cannot_complete");
    if heads.is_empty() || !heads.iter().all(|event| has_ended(&event.event)) {
        missing.push(Missing::Finish);
    }
    if !is_signed(job) {
        missing.push(Missing::Signature);
    }
    missing
}

/// Whether the latest document carries a signature or a refusal with its reason.
fn is_signed(job: &Job) -> bool {
    let Some(document) = job.latest_document() else { return false };
    job.signatures
        .iter()
        .any(|signature| signature.document == document.hash && Statement::from_bytes(&signature.statement).is_some())
}

/// Whether concurrent values of what a technician owns wait for a decision in `records`.
pub(crate) fn has_to_decide<'a>(records: impl IntoIterator<Item = &'a Record>) -> bool {
    records.into_iter().any(|record| {
        let is_work = |group: &str| {
            let group = kinds::kind(&record.kind).and_then(|kind| kind.group(group));
            group.is_some_and(|group| group.owner == Owner::Technician)
        };
        show::conflicts(record).iter().any(|conflict| is_work(&conflict.group))
    })
}
