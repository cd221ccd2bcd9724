//! Everything a job's screen shows, in one value.

use std::collections::BTreeMap;

use fieldsync::protocol::{FieldsExt, job, show};
use fieldsync::{PhotoState, RecordId, Upload, read};
use uuid::Uuid;

use crate::conflict::Conflict;
use crate::device::Device;
use crate::document::{DocumentKind, SignatureState};
use crate::error::FieldsyncError;
use crate::jobs::JobStatus;
use crate::photo::UploadState;
use crate::values::{Activity, Attribution, Author, Charge, Field, Outcome, Priority, VisitStep, name, token};
use crate::work::ParameterChange;

/// A job as its screen shows it, read in one snapshot. Everything voided is still listed, with the reason.
#[derive(Debug, Clone, uniffi::Record)]
pub struct JobPage {
    /// The work order.
    pub id: Uuid,
    /// Its number; empty while it has none.
    pub number: String,
    /// Whether the number was made on a device and the office has not given one yet.
    pub is_provisional: bool,
    /// Where it stands, derived from what happened.
    pub status: JobStatus,
    /// Whether the office cancelled it.
    pub is_cancelled: bool,
    /// How urgent it is; none when nobody planned it.
    pub priority: Option<Priority>,
    /// When it is due.
    pub due_ms: Option<i64>,
    /// Whether the plan asks for a signature.
    pub needs_signature: bool,
    /// Whether the plan asks for a photo.
    pub needs_photo: bool,
    /// The problem in the customer's words.
    pub problem: String,
    /// What the office asks to be done.
    pub instructions: String,
    /// Who pays.
    pub charge: Option<Charge>,
    /// The customer, when the order names one.
    pub customer: Option<Party>,
    /// The site, with the way in and its hazards.
    pub site: Option<Party>,
    /// The machine.
    pub asset: Option<Party>,
    /// Whom to talk to.
    pub contact: Option<Party>,
    /// Who goes, oldest first.
    pub assignments: Vec<Assignment>,
    /// What happened on visits, oldest first.
    pub visits: Vec<VisitEvent>,
    /// One report per technician.
    pub reports: Vec<Report>,
    /// Parts used.
    pub parts: Vec<UsedPart>,
    /// Time spent.
    pub times: Vec<TimeSpent>,
    /// Notes.
    pub notes: Vec<Note>,
    /// Photos and files.
    pub photos: Vec<Photo>,
    /// Documents frozen for the customer, oldest first.
    pub documents: Vec<DocumentInfo>,
    /// Signatures and refusals, verified, with what differs now from what was signed; empty before enrolment.
    pub signatures: Vec<SignatureState>,
    /// Decisions of reviewers, oldest first.
    pub reviews: Vec<Review>,
    /// What technicians propose to change.
    pub proposals: Vec<Proposal>,
    /// What the job needs before it can go to the office, in the order in which to do it.
    pub missing: Vec<Missing>,
    /// What of it the office has not answered or not accepted.
    pub waiting: Vec<Waiting>,
    /// Groups in which people must decide, with every value.
    pub conflicts: Vec<Conflict>,
    /// What a later entry names as seen of the order itself. Opaque.
    pub seen: String,
}

/// A customer, site, asset or contact of an order.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Party {
    /// The record.
    pub id: Uuid,
    /// Its name; empty when it is not on this device.
    pub name: String,
    /// Everything said about it, group by group: address, phone, the way in, hazards, model, serial number, warranty.
    pub fields: Vec<Field>,
    /// What a proposal names as seen; empty when it is not on this device. Opaque.
    pub seen: String,
}

/// A technician's place on a job.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Assignment {
    /// The record.
    pub id: Uuid,
    /// Who; several when plans were made at once.
    pub technicians: Vec<Uuid>,
    /// Their names, in the same order; empty for somebody who is not on this device.
    pub names: Vec<String>,
    /// Planned start.
    pub planned_from_ms: Option<i64>,
    /// Planned end.
    pub planned_to_ms: Option<i64>,
    /// Whether it leads the work.
    pub is_lead: bool,
    /// Whether it still stands: neither withdrawn nor declined.
    pub is_live: bool,
}

/// One step of a visit.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct VisitEvent {
    /// The record.
    pub id: Uuid,
    /// Whose visit.
    pub technician: Uuid,
    /// What happened.
    pub step: VisitStep,
    /// Why, for follow-up and cannot complete.
    pub reason: Option<String>,
    /// Who entered it, when.
    pub author: Author,
}

/// What one technician found and did.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Report {
    /// The record.
    pub id: Uuid,
    /// Whose.
    pub technician: Uuid,
    /// That technician's name; empty when it is not on this device.
    pub technician_name: String,
    /// Where the fault is.
    pub fault_location: Option<String>,
    /// What caused it.
    pub cause: Option<String>,
    /// What it is put down to.
    pub attribution: Option<Attribution>,
    /// How it was solved.
    pub method: Option<String>,
    /// What was changed in the program.
    pub program_change: Option<String>,
    /// Parameters changed on the machine.
    pub parameters: Vec<ParameterChange>,
    /// Hazards that remain.
    pub hazards: Option<String>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// The outcome in words.
    pub outcome_text: Option<String>,
    /// What `write_report` names as seen when the form stood open. Opaque.
    pub seen: String,
}

/// Parts used.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct UsedPart {
    /// The record.
    pub id: Uuid,
    /// By whom.
    pub technician: Uuid,
    /// The catalogue's part, when it is one.
    pub part: Option<Uuid>,
    /// Part number.
    pub number: String,
    /// What it is.
    pub name: String,
    /// Thousandths of `unit`.
    pub quantity_milli: i64,
    /// Unit.
    pub unit: String,
    /// Who pays.
    pub charge: Option<Charge>,
    /// Price of one unit, minor units.
    pub price_minor: Option<i64>,
    /// Currency of the price.
    pub currency: Option<String>,
    /// Price times quantity, minor units.
    pub total_minor: Option<i64>,
    /// Serial number put in.
    pub serial_in: Option<String>,
    /// Serial number taken out.
    pub serial_out: Option<String>,
    /// Why it was voided, if it was.
    pub void_reason: Option<String>,
    /// Who entered it, when.
    pub author: Author,
}

/// Time spent.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct TimeSpent {
    /// The record.
    pub id: Uuid,
    /// By whom.
    pub technician: Uuid,
    /// On what.
    pub activity: Activity,
    /// From, on the device's clock.
    pub from_ms: i64,
    /// To.
    pub to_ms: i64,
    /// Why it was voided, if it was.
    pub void_reason: Option<String>,
}

/// A note.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Note {
    /// The record.
    pub id: Uuid,
    /// What it says.
    pub text: String,
    /// Why it was voided, if it was.
    pub void_reason: Option<String>,
    /// Who entered it, when.
    pub author: Author,
}

/// A photo or file.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Photo {
    /// The record.
    pub id: Uuid,
    /// SHA-256 of the content, hexadecimal.
    pub hash: String,
    /// Media type.
    pub media_type: String,
    /// Bytes.
    pub size: i64,
    /// What it shows.
    pub caption: Option<String>,
    /// Why it was voided, if it was.
    pub void_reason: Option<String>,
    /// Whether its content is on this device; fetch it otherwise.
    pub is_here: bool,
    /// How far its content is on its way to the office.
    pub upload: UploadState,
    /// Bytes of it the office is known to have.
    pub sent: i64,
    /// Who took it, when.
    pub author: Author,
}

/// A document frozen for the customer.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DocumentInfo {
    /// The record.
    pub id: Uuid,
    /// What is signed.
    pub kind: DocumentKind,
    /// SHA-256 of its content, hexadecimal.
    pub hash: String,
    /// Who froze it, when.
    pub author: Author,
}

/// A reviewer's decision.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Review {
    /// The record.
    pub id: Uuid,
    /// Whether it is an approval; given back otherwise.
    pub is_approval: bool,
    /// Why.
    pub reason: Option<String>,
    /// Who decided, when.
    pub author: Author,
}

/// What a technician proposes to change.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Proposal {
    /// The record.
    pub id: Uuid,
    /// Kind of the record to change.
    pub subject_kind: String,
    /// The record to change.
    pub subject: Uuid,
    /// What it should say.
    pub fields: Vec<Field>,
    /// Why.
    pub reason: Option<String>,
    /// The office's decision; none while it has not decided.
    pub accepted: Option<bool>,
    /// Who proposed it, when.
    pub author: Author,
}

/// Something a job still needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum Missing {
    /// A report that says how the work ended.
    Report,
    /// A photo that the plan asks for.
    Photo,
    /// A decision between concurrent values of the technician's own work.
    Decision,
    /// The end of the visit.
    Finish,
    /// The customer's signature, or the refusal.
    Signature,
}

impl From<read::Missing> for Missing {
    fn from(missing: read::Missing) -> Self {
        match missing {
            read::Missing::Report => Self::Report,
            read::Missing::Photo => Self::Photo,
            read::Missing::Decision => Self::Decision,
            read::Missing::Finish => Self::Finish,
            read::Missing::Signature => Self::Signature,
        }
    }
}

/// A part of a job that the office does not have, or does not accept.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Waiting {
    /// The record.
    pub record: Uuid,
    /// Its kind.
    pub kind: String,
    /// The group.
    pub group: String,
    /// How it stands.
    pub state: WaitingState,
    /// The office's code, when it refused or holds it.
    pub code: Option<String>,
    /// When it was entered, on the device's clock.
    pub at_ms: i64,
}

/// How an entry stands that is not simply at the office.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum WaitingState {
    /// Only on this device, until the office answers.
    Pending,
    /// The office refused it, or a newer own entry took its place; it is in the drawer.
    Refused,
    /// It is at the office, applied to nothing, until a person there decides.
    Held,
}

impl From<read::Waiting> for Waiting {
    fn from(waiting: read::Waiting) -> Self {
        let (state, code) = match waiting.state {
            read::WaitingState::Pending => (WaitingState::Pending, None),
            read::WaitingState::Refused { code } => (WaitingState::Refused, Some(code)),
            read::WaitingState::Held { code } => (WaitingState::Held, Some(code)),
        };
        Self { record: waiting.record.0, kind: waiting.kind, group: waiting.group, state, code, at_ms: waiting.at_ms }
    }
}

#[uniffi::export]
impl Device {
    /// Everything a job's screen shows, in one call and from one snapshot.
    ///
    /// # Errors
    /// `NotNow` with `not_found` when the order is not on this device.
    pub fn job(&self, order: Uuid) -> Result<JobPage, FieldsyncError> {
        self.call(|engine| {
            let page = engine.job(RecordId(order))?;
            let states = engine.photo_states(page.job.attachments.iter().map(|photo| photo.id))?;
            Ok(JobPage::of(page, &states))
        })
    }
}

impl JobPage {
    fn of(page: read::JobPage, states: &BTreeMap<RecordId, PhotoState>) -> Self {
        let read::JobPage { job, technicians: names, contexts, .. } = page;
        let seen = |id: RecordId| contexts.get(&id).map(token).unwrap_or_default();
        let plan = job.group("plan");
        let text = |group: &str, field: &str| {
            job.group(group).and_then(|fields| fields.text(field)).unwrap_or_default().to_owned()
        };
        let party = |party: Option<read::Party>| party.map(|party| party_of(party, &seen));
        let author = |stamp| Author::of(stamp, &names);
        Self {
            id: job.order.id.0,
            number: job.number().unwrap_or_default().to_owned(),
            is_provisional: job.group("number").is_none() && job.number().is_some(),
            status: page.status.into(),
            is_cancelled: job.is_cancelled,
            priority: plan.and_then(|plan| plan.text("priority")).map(Priority::of),
            due_ms: plan.and_then(|plan| plan.int("due_ms")),
            needs_signature: plan.is_some_and(|plan| plan.flag("signature_required")),
            needs_photo: plan.is_some_and(|plan| plan.flag("photo_required")),
            problem: text("problem", "text"),
            instructions: text("instructions", "text"),
            charge: job.group("category").and_then(|fields| fields.text("category")).map(Charge::of),
            customer: party(page.customer),
            site: party(page.site),
            asset: party(page.asset),
            contact: party(page.contact),
            assignments: job.assignments.iter().map(|assignment| assignment_of(assignment, &names)).collect(),
            visits: job
                .events
                .iter()
                .map(|event| VisitEvent {
                    id: event.id.0,
                    technician: event.technician.0,
                    step: VisitStep::of(&event.event),
                    reason: event.reason.clone(),
                    author: author(&event.stamp),
                })
                .collect(),
            reports: job.reports.iter().map(|report| report_of(report, &names, seen(report.id))).collect(),
            parts: job.parts.iter().map(|part| part_of(part, author(&part.stamp))).collect(),
            times: job
                .times
                .iter()
                .map(|time| TimeSpent {
                    id: time.id.0,
                    technician: time.technician.0,
                    activity: Activity::of(&time.activity),
                    from_ms: time.from_ms,
                    to_ms: time.to_ms,
                    void_reason: time.void.clone(),
                })
                .collect(),
            notes: job
                .notes
                .iter()
                .map(|note| Note {
                    id: note.id.0,
                    text: note.text.clone(),
                    void_reason: note.void.clone(),
                    author: author(&note.stamp),
                })
                .collect(),
            photos: job
                .attachments
                .iter()
                .map(|photo| photo_of(photo, states.get(&photo.id), author(&photo.stamp)))
                .collect(),
            documents: job
                .documents
                .iter()
                .map(|document| DocumentInfo {
                    id: document.id.0,
                    kind: DocumentKind::of(&document.document_kind),
                    hash: document.hash.to_string(),
                    author: author(&document.stamp),
                })
                .collect(),
            signatures: page.signatures.into_iter().map(SignatureState::from).collect(),
            reviews: job
                .reviews
                .iter()
                .map(|review| Review {
                    id: review.id.0,
                    is_approval: review.decision == "approved",
                    reason: review.reason.clone(),
                    author: author(&review.stamp),
                })
                .collect(),
            proposals: job
                .proposals
                .iter()
                .map(|proposal| Proposal {
                    id: proposal.id.0,
                    subject_kind: proposal.subject_kind.clone(),
                    subject: proposal.subject.0,
                    fields: Field::all(&proposal.group, &proposal.fields),
                    reason: proposal.reason.clone(),
                    accepted: proposal.accepted,
                    author: author(&proposal.stamp),
                })
                .collect(),
            missing: page.missing.into_iter().map(Missing::from).collect(),
            waiting: page.waiting.into_iter().map(Waiting::from).collect(),
            conflicts: page.conflicts.iter().map(|conflict| Conflict::of(conflict, &names)).collect(),
            seen: seen(job.order.id),
        }
    }
}

fn party_of(party: read::Party, seen: &impl Fn(RecordId) -> String) -> Party {
    let mut fields = Vec::new();
    if let Some(record) = &party.record {
        for group in record.groups.keys() {
            fields.extend(show::fields(record, group).into_iter().flat_map(|said| Field::all(group, said)));
        }
    }
    Party { id: party.id.0, name: party.name, fields, seen: seen(party.id) }
}

fn assignment_of(assignment: &job::Assignment, names: &BTreeMap<RecordId, String>) -> Assignment {
    Assignment {
        id: assignment.id.0,
        technicians: assignment.technicians.iter().map(|id| id.0).collect(),
        names: assignment.technicians.iter().map(|id| name(names, *id)).collect(),
        planned_from_ms: assignment.planned_from_ms,
        planned_to_ms: assignment.planned_to_ms,
        is_lead: assignment.is_lead,
        is_live: assignment.is_live(),
    }
}

fn report_of(report: &job::WorkReport, names: &BTreeMap<RecordId, String>, seen: String) -> Report {
    Report {
        id: report.id.0,
        technician: report.technician.0,
        technician_name: name(names, report.technician),
        fault_location: report.fault_location.clone(),
        cause: report.cause.clone(),
        attribution: report.attribution.as_deref().map(Attribution::of),
        method: report.method.clone(),
        program_change: report.program_change.clone(),
        parameters: report
            .parameters
            .iter()
            .map(|change| ParameterChange {
                name: change.name.clone(),
                old_value: change.old.clone(),
                new_value: change.new.clone(),
            })
            .collect(),
        hazards: report.hazards.clone(),
        outcome: report.outcome.as_deref().map(Outcome::of),
        outcome_text: report.outcome_text.clone(),
        seen,
    }
}

fn part_of(part: &job::PartLine, author: Author) -> UsedPart {
    UsedPart {
        id: part.id.0,
        technician: part.technician.0,
        part: part.part.map(|part| part.0),
        number: part.number.clone(),
        name: part.name.clone(),
        quantity_milli: part.quantity_milli,
        unit: part.unit.clone(),
        charge: part.charge.as_deref().map(Charge::of),
        price_minor: part.price_minor,
        currency: part.currency.clone(),
        total_minor: part.total_minor(),
        serial_in: part.serial_in.clone(),
        serial_out: part.serial_out.clone(),
        void_reason: part.void.clone(),
        author,
    }
}

fn photo_of(photo: &job::Attachment, state: Option<&PhotoState>, author: Author) -> Photo {
    let (upload, sent) = match state.map(|state| state.upload) {
        None | Some(Upload::None) => (UploadState::NotOurs, 0),
        Some(Upload::Waiting { sent }) => (UploadState::Waiting, i64::try_from(sent).unwrap_or(photo.size)),
        Some(Upload::Done) => (UploadState::Done, photo.size),
        Some(Upload::Refused) => (UploadState::Refused, 0),
    };
    Photo {
        id: photo.id.0,
        hash: photo.hash.to_string(),
        media_type: photo.media_type.clone(),
        size: photo.size,
        caption: photo.caption.clone(),
        void_reason: photo.void.clone(),
        is_here: state.is_some_and(|state| state.is_here),
        upload,
        sent,
        author,
    }
}
