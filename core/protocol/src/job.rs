//! A job: a work order with everything that hangs below it, read out of records as typed facts.
//!
//! Device screens, the console, the derived status and signed documents all read the same [`Job`], so they cannot
//! disagree about what a record says.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{Hash, PersonId, RecordId, SignatureBytes};
use crate::record::Record;
use crate::show;
use crate::stamp::Stamp;
use crate::value::{Fields, FieldsExt, Value};

/// A work order and what hangs below it.
#[derive(Debug, Clone)]
pub struct Job {
    /// The work order itself.
    pub order: Record,
    /// Whether the office cancelled it.
    pub is_cancelled: bool,
    /// Who goes, oldest first.
    pub assignments: Vec<Assignment>,
    /// What happened on visits, oldest first.
    pub events: Vec<VisitEvent>,
    /// One report per technician.
    pub reports: Vec<WorkReport>,
    /// Parts used.
    pub parts: Vec<PartLine>,
    /// Time spent.
    pub times: Vec<TimeEntry>,
    /// Notes.
    pub notes: Vec<Note>,
    /// Photos and files.
    pub attachments: Vec<Attachment>,
    /// Documents frozen for the customer, oldest first.
    pub documents: Vec<Document>,
    /// Signatures under them.
    pub signatures: Vec<Signature>,
    /// Decisions of reviewers, oldest first.
    pub reviews: Vec<Review>,
    /// What technicians propose.
    pub proposals: Vec<Proposal>,
}

/// A technician's place on a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The record.
    pub id: RecordId,
    /// Who: the union of all concurrent plans, so that nobody who was promised a job loses it to a merge.
    pub technicians: Vec<RecordId>,
    /// Planned start.
    pub planned_from_ms: Option<i64>,
    /// Planned end.
    pub planned_to_ms: Option<i64>,
    /// Leads the work.
    pub is_lead: bool,
    /// Taken away by the office.
    pub is_withdrawn: bool,
    /// `accepted` or `declined`, with the reason.
    pub response: Option<(String, Option<String>)>,
}

impl Assignment {
    /// Whether it still stands.
    pub fn is_live(&self) -> bool {
        !self.is_withdrawn && self.response.as_ref().is_none_or(|(response, _)| response != "declined")
    }
}

/// One step of a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitEvent {
    /// The record.
    pub id: RecordId,
    /// Whose visit.
    pub technician: RecordId,
    /// One of [`crate::kinds::VISIT_EVENTS`].
    pub event: String,
    /// The events its author had seen.
    pub seen: Vec<RecordId>,
    /// Why, for follow-up and cannot complete.
    pub reason: Option<String>,
    /// Who, when.
    pub stamp: Stamp,
}

/// What one technician found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkReport {
    /// The record.
    pub id: RecordId,
    /// Whose.
    pub technician: RecordId,
    /// Where the fault is.
    pub fault_location: Option<String>,
    /// What caused it.
    pub cause: Option<String>,
    /// What it is put down to.
    pub attribution: Option<String>,
    /// How it was solved.
    pub method: Option<String>,
    /// What was changed in the program.
    pub program_change: Option<String>,
    /// Parameters changed.
    pub parameters: Vec<ParameterChange>,
    /// Hazards that remain.
    pub hazards: Option<String>,
    /// One of [`crate::kinds::OUTCOMES`].
    pub outcome: Option<String>,
    /// The outcome in words.
    pub outcome_text: Option<String>,
}

/// One parameter changed on the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterChange {
    /// Its name.
    pub name: String,
    /// Before.
    pub old: String,
    /// After.
    pub new: String,
}

/// Parts used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartLine {
    /// The record.
    pub id: RecordId,
    /// Whose work.
    pub technician: RecordId,
    /// The catalogue's part, when it is one.
    pub part: Option<RecordId>,
    /// Part number.
    pub number: String,
    /// What it is.
    pub name: String,
    /// Thousandths of `unit`.
    pub quantity_milli: i64,
    /// Unit.
    pub unit: String,
    /// One of [`crate::kinds::CATEGORIES`].
    pub charge: Option<String>,
    /// Price of one unit, minor units.
    pub price_minor: Option<i64>,
    /// Currency of the price.
    pub currency: Option<String>,
    /// Serial number put in.
    pub serial_in: Option<String>,
    /// Serial number taken out.
    pub serial_out: Option<String>,
    /// Why it was voided, if it was.
    pub void: Option<String>,
    /// Who, when.
    pub stamp: Stamp,
}

impl PartLine {
    /// Price times quantity, minor units; `None` without a price or when it does not fit a number.
    pub fn total_minor(&self) -> Option<i64> {
        let product = i128::from(self.price_minor?) * i128::from(self.quantity_milli);
        let rounded = (product + 500 * product.signum()) / 1_000;
        i64::try_from(rounded).ok()
    }
}

/// Time spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeEntry {
    /// The record.
    pub id: RecordId,
    /// Whose.
    pub technician: RecordId,
    /// `travel`, `work`, `wait` or `break`.
    pub activity: String,
    /// From, on the device's clock.
    pub from_ms: i64,
    /// To.
    pub to_ms: i64,
    /// Why it was voided, if it was.
    pub void: Option<String>,
}

/// A note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The record.
    pub id: RecordId,
    /// What it says.
    pub text: String,
    /// Why it was voided, if it was.
    pub void: Option<String>,
    /// Who, when.
    pub stamp: Stamp,
}

/// A photo or file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The record.
    pub id: RecordId,
    /// SHA-256 of the content.
    pub hash: Hash,
    /// Media type.
    pub media_type: String,
    /// Bytes.
    pub size: i64,
    /// What it shows.
    pub caption: Option<String>,
    /// Why it was voided, if it was.
    pub void: Option<String>,
    /// Who, when.
    pub stamp: Stamp,
}

/// A document frozen for the customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The record.
    pub id: RecordId,
    /// `work_done`, `price_consent` or `limitation_accepted`.
    pub document_kind: String,
    /// Canonical JSON, exactly as hashed.
    pub content: Vec<u8>,
    /// SHA-256 of the content, as claimed; verifying compares it.
    pub hash: Hash,
    /// The documents its author had seen.
    pub seen: Vec<RecordId>,
    /// Who, when.
    pub stamp: Stamp,
}

/// A customer's signature, or their refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The record.
    pub id: RecordId,
    /// The document it stands under.
    pub document: Hash,
    /// Canonical JSON: who signed or refused, in which role, when, the hash of the strokes.
    pub statement: Vec<u8>,
    /// The strokes, CBOR.
    pub strokes: Vec<u8>,
    /// The device's signature over the statement.
    pub device_signature: SignatureBytes,
    /// The server's counter-signature and its time, once arrived.
    pub countersignature: Option<(i64, SignatureBytes)>,
    /// Who collected it, when.
    pub stamp: Stamp,
}

/// A reviewer's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// The record.
    pub id: RecordId,
    /// `approved` or `returned`.
    pub decision: String,
    /// The latest document when it was made.
    pub document: Option<Hash>,
    /// Why.
    pub reason: Option<String>,
    /// The last visit events and the earlier reviews its author had seen.
    pub seen: Vec<RecordId>,
    /// Who, when.
    pub stamp: Stamp,
}

/// What a technician proposes to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The record.
    pub id: RecordId,
    /// Kind of the record to change.
    pub subject_kind: String,
    /// The record to change.
    pub subject: RecordId,
    /// Its group.
    pub group: String,
    /// The fields proposed.
    pub fields: Fields,
    /// Why.
    pub reason: Option<String>,
    /// The office's decision: accepted or not.
    pub accepted: Option<bool>,
    /// Who, when.
    pub stamp: Stamp,
}

impl Job {
    /// Reads a job out of its order and the records below it, in any order. Records of other kinds, and records whose
    /// main group is missing, are passed over: they are kept, only not understood.
    pub fn collect<'a>(order: &Record, below: impl IntoIterator<Item = &'a Record>) -> Job {
        let mut job = Job {
            order: order.clone(),
            is_cancelled: show::fields(order, "cancelled").is_some_and(|fields| fields.flag("cancelled")),
            assignments: Vec::new(),
            events: Vec::new(),
            reports: Vec::new(),
            parts: Vec::new(),
            times: Vec::new(),
            notes: Vec::new(),
            attachments: Vec::new(),
            documents: Vec::new(),
            signatures: Vec::new(),
            reviews: Vec::new(),
            proposals: Vec::new(),
        };
        let mut records: Vec<&Record> = below.into_iter().collect();
        records.sort_by_key(|record| record.id);
        for record in records {
            job.take(record);
        }
        job
    }

    fn take(&mut self, record: &Record) -> Option<()> {
        let kind = crate::kinds::kind(&record.kind)?;
        let (_, main) = show::shown(record, kind.main().name)?;
        let (fields, stamp, id) = (&main.fields, main.stamp.clone(), record.id);
        let void = || show::fields(record, "void").and_then(|fields| text(fields, "reason"));
        match record.kind.as_str() {
            "assignment" => self.assignments.push(assignment(record, fields)),
            "visit_event" => self.events.push(VisitEvent {
                id,
                technician: fields.id("technician")?,
                event: text(fields, "event")?,
                seen: ids(fields.get("seen")),
                reason: text(fields, "reason"),
                stamp,
            }),
            "work_report" => self.reports.push(report(record, fields)?),
            "part_line" => self.parts.push(PartLine {
                id,
                technician: fields.id("technician")?,
                part: fields.id("part"),
                number: text(fields, "number")?,
                name: text(fields, "name")?,
                quantity_milli: fields.int("quantity_milli")?,
                unit: text(fields, "unit")?,
                charge: text(fields, "charge"),
                price_minor: fields.int("price_minor"),
                currency: text(fields, "currency"),
                serial_in: text(fields, "serial_in"),
                serial_out: text(fields, "serial_out"),
                void: void(),
                stamp,
            }),
            "time_entry" => self.times.push(TimeEntry {
                id,
                technician: fields.id("technician")?,
                activity: text(fields, "activity")?,
                from_ms: fields.int("from_ms")?,
                to_ms: fields.int("to_ms")?,
                void: void(),
            }),
            "note" => self.notes.push(Note { id, text: text(fields, "text")?, void: void(), stamp }),
            "attachment" => self.attachments.push(Attachment {
                id,
                hash: fields.hash("hash")?,
                media_type: text(fields, "media_type")?,
                size: fields.int("size")?,
                caption: text(fields, "caption"),
                void: void(),
                stamp,
            }),
            "document" => self.documents.push(Document {
                id,
                document_kind: text(fields, "document_kind")?,
                content: fields.get("content")?.as_bytes()?.to_vec(),
                hash: fields.hash("hash")?,
                seen: ids(fields.get("seen")),
                stamp,
            }),
            "signature" => self.signatures.push(signature(record, fields, stamp)?),
            "review" => self.reviews.push(Review {
                id,
                decision: text(fields, "decision")?,
                document: fields.hash("document"),
                reason: text(fields, "reason"),
                seen: ids(fields.get("seen")),
                stamp,
            }),
            "proposal" => self.proposals.push(Proposal {
                id,
                subject_kind: text(fields, "subject_kind")?,
                subject: fields.id("subject")?,
                group: text(fields, "group")?,
                fields: fields.get("fields")?.as_map()?.clone(),
                reason: text(fields, "reason"),
                accepted: show::fields(record, "decision").map(|fields| fields.flag("accepted")),
                stamp,
            }),
            _ => {}
        }
        Some(())
    }

    /// The fields shown for a group of the order; none when nobody wrote it.
    pub fn group(&self, group: &str) -> Option<&Fields> {
        show::fields(&self.order, group)
    }

    /// The order's number: the office's, or the provisional one made on site.
    pub fn number(&self) -> Option<&str> {
        self.group("number")
            .and_then(|fields| fields.text("number"))
            .or_else(|| self.group("origin").and_then(|fields| fields.text("provisional_number")))
    }

    /// The customer, site, asset or contact the order names.
    pub fn party(&self, role: &str) -> Option<RecordId> {
        self.group("parties").and_then(|fields| fields.id(role))
    }

    /// Customer, site, asset and contact of the order.
    pub fn parties(&self) -> BTreeSet<RecordId> {
        ["customer", "site", "asset", "contact"].into_iter().filter_map(|role| self.party(role)).collect()
    }

    /// Every technician named on the job: planned, or having recorded something.
    pub fn people(&self) -> BTreeSet<RecordId> {
        let planned = self.assignments.iter().flat_map(|assignment| assignment.technicians.iter().copied());
        planned
            .chain(self.events.iter().map(|event| event.technician))
            .chain(self.reports.iter().map(|report| report.technician))
            .chain(self.parts.iter().map(|part| part.technician))
            .chain(self.times.iter().map(|entry| entry.technician))
            .collect()
    }

    /// Who made the order.
    pub fn author(&self) -> Option<PersonId> {
        show::author(&self.order)
    }

    /// The technicians of every assignment that still stands, without repetition.
    pub fn technicians(&self) -> Vec<RecordId> {
        let mut technicians: Vec<RecordId> =
            self.assignments.iter().filter(|a| a.is_live()).flat_map(|a| a.technicians.iter().copied()).collect();
        technicians.sort();
        technicians.dedup();
        technicians
    }

    /// The document that stands for the work now: the one no other has seen; of several concurrent ones, that with the
    /// highest id.
    pub fn latest_document(&self) -> Option<&Document> {
        let seen: Vec<RecordId> = self.documents.iter().flat_map(|document| document.seen.iter().copied()).collect();
        self.documents
            .iter()
            .filter(|document| document.document_kind == "work_done" && !seen.contains(&document.id))
            .max_by_key(|document| document.id)
    }

    /// The last visit events, which a new event names as seen.
    pub fn event_heads(&self) -> Vec<RecordId> {
        crate::status::heads(&self.events).into_iter().map(|event| event.id).collect()
    }

    /// What a new review names as seen: the last visit events and the earlier reviews.
    pub fn seen_by_review(&self) -> Vec<RecordId> {
        self.event_heads().into_iter().chain(self.reviews.iter().map(|review| review.id)).collect()
    }
}

fn text(fields: &Fields, name: &str) -> Option<String> {
    fields.text(name).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn ids(value: Option<&Value>) -> Vec<RecordId> {
    value.and_then(Value::as_list).unwrap_or_default().iter().filter_map(|id| id.as_uuid().map(RecordId)).collect()
}

fn assignment(record: &Record, fields: &Fields) -> Assignment {
    let mut technicians: Vec<RecordId> =
        record.siblings("plan").filter_map(|(_, sibling)| sibling.fields.id("technician")).collect();
    technicians.sort();
    technicians.dedup();
    Assignment {
        id: record.id,
        technicians,
        planned_from_ms: fields.int("planned_from_ms"),
        planned_to_ms: fields.int("planned_to_ms"),
        is_lead: fields.flag("lead"),
        is_withdrawn: show::fields(record, "withdrawn").is_some_and(|fields| fields.flag("withdrawn")),
        response: show::fields(record, "response")
            .and_then(|fields| Some((text(fields, "response")?, text(fields, "reason")))),
    }
}

fn report(record: &Record, subject: &Fields) -> Option<WorkReport> {
    let group = |group: &str, name: &str| show::fields(record, group).and_then(|fields| text(fields, name));
    let changed = show::fields(record, "parameters").and_then(|fields| fields.get("changed")).and_then(Value::as_list);
    let parameter = |value: &Value| {
        let map: &BTreeMap<String, Value> = value.as_map()?;
        Some(ParameterChange {
            name: text(map, "name")?,
            old: map.text("old").unwrap_or_default().to_owned(),
            new: map.text("new").unwrap_or_default().to_owned(),
        })
    };
    Some(WorkReport {
        id: record.id,
        technician: subject.id("technician")?,
        fault_location: group("finding", "fault_location"),
        cause: group("finding", "cause"),
        attribution: group("finding", "attribution"),
        method: group("action", "method"),
        program_change: group("action", "program_change"),
        parameters: changed.unwrap_or_default().iter().filter_map(parameter).collect(),
        hazards: group("hazards", "remaining"),
        outcome: group("outcome", "outcome"),
        outcome_text: group("outcome", "text"),
    })
}

fn signature(record: &Record, fields: &Fields, stamp: Stamp) -> Option<Signature> {
    let bytes = |fields: &Fields, name: &str| Some(fields.get(name)?.as_bytes()?.to_vec());
    let countersignature = show::fields(record, "countersignature")
        .and_then(|fields| Some((fields.int("at_ms")?, SignatureBytes::from_slice(&bytes(fields, "signature")?)?)));
    Some(Signature {
        id: record.id,
        document: fields.hash("document")?,
        statement: bytes(fields, "statement")?,
        strokes: bytes(fields, "strokes")?,
        device_signature: SignatureBytes::from_slice(&bytes(fields, "device_signature")?)?,
        countersignature,
        stamp,
    })
}
