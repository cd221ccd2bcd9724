//! The job page, put together from an open [`Book`].

use fieldsync_protocol::job::Assignment;
use fieldsync_protocol::status::{Status, heads};
use fieldsync_protocol::{FieldsExt, RecordId, show};

use super::book::Book;
use super::{conflicts, documents, timeline, work};
use crate::console::desk::Desk;
use crate::console::failure::Failure;
use crate::console::pages::board::LONG_AGO_MS;
use crate::console::view::frame::{Choice, Place};
use crate::console::view::job::{Actions, Head, Job, Member, PlanForm, Warning, Withdraw};
use crate::console::view::show::{CATEGORIES, Chip, PRIORITIES, category, counted, priority, status};
use crate::console::words::{brief, version_field};
use crate::store::Txn;

/// Reads the whole page of a job.
pub(super) fn page(desk: &Desk, txn: &mut dyn Txn, order: RecordId) -> Result<Job, Failure> {
    let book = Book::open(desk, txn, order)?;
    let mut subjects = Vec::new();
    for proposal in &book.job().proposals {
        subjects.extend(txn.record(proposal.subject)?.map(|stored| (proposal.subject, stored.record)));
    }
    let origin = book.job().group("origin").cloned().unwrap_or_default();
    Ok(Job {
        frame: desk.frame(txn, format!("{} {}", book.row.number, brief(&book.row.problem)), Place::Board)?,
        head: head(&book, txn)?,
        actions: actions(&book),
        warnings: warnings(&book),
        conflicts: conflicts::open(&book),
        decided: conflicts::decided(&book),
        proposals: conflicts::proposals(&book, &subjects),
        problem: book.text("problem", "text"),
        reporter: origin.text("channel").map(|channel| format!("by {}", channel.replace('_', " "))).unwrap_or_default(),
        instructions: book.text("instructions", "text"),
        reports: work::reports(&book),
        used: work::parts(&book),
        times: work::times(&book),
        photos: work::photos(&book, txn)?,
        documents: documents::documents(&book),
        notes: work::notes(&book),
        days: timeline::days(&book),
    })
}

fn head(book: &Book, txn: &mut dyn Txn) -> Result<Head, Failure> {
    let referred = |kind: &str| book.referred.iter().find(|record| record.kind == kind);
    let text = |kind: &str, group: &str, field: &str| {
        let fields = referred(kind).and_then(|record| show::fields(record, group));
        fields.and_then(|fields| fields.text(field)).unwrap_or_default().to_owned()
    };
    let joined =
        |parts: &[String]| parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(", ");
    let first = book.history.iter().find(|placed| placed.entry.record == book.order());
    let registered_ms = first.map_or(book.row.changed_ms, |placed| placed.entry.edit.stamp.happened_ms());
    let serial = text("asset", "identity", "serial");
    let phone = [text("contact", "person", "phone"), text("customer", "reach", "phone")];
    Ok(Head {
        number: book.row.number.clone(),
        title: if book.row.problem.is_empty() { "No problem text".to_owned() } else { brief(&book.row.problem) },
        status: status(book.status),
        priority: priority(&book.text("plan", "priority")),
        category: category(&book.text("category", "category")),
        customer: or(&book.row.customer, "not named"),
        contact: text("contact", "person", "name"),
        phone: phone.into_iter().find(|phone| !phone.is_empty()).unwrap_or_default(),
        site: or(&book.row.site, "not named"),
        address: joined(&["street", "postcode", "city", "country"].map(|field| text("site", "address", field))),
        asset: or(&book.row.asset, "not named"),
        asset_detail: joined(&[
            text("asset", "identity", "model"),
            if serial.is_empty() { serial } else { format!("serial {serial}") },
        ]),
        due: book.row.due_ms.map(|ms| book.desk.zone.due(ms, book.now_ms, book.is_open())),
        registered: book.desk.zone.full(registered_ms),
        registered_by: book.job().author().map(|author| book.person(author)).unwrap_or_default(),
        crew: crew(book, txn)?,
        explain_href: format!("/explain/{}", book.job().order.id),
        version: version_field(&book.job().order.version),
    })
}

fn or(text: &str, otherwise: &str) -> String {
    if text.is_empty() { otherwise } else { text }.to_owned()
}

fn crew(book: &Book, txn: &mut dyn Txn) -> Result<Vec<Member>, Failure> {
    let mut crew = Vec::new();
    for assignment in &book.job().assignments {
        let version = book.record(assignment.id).map(|record| version_field(&record.version)).unwrap_or_default();
        for technician in &assignment.technicians {
            let withdraw = Withdraw {
                action: book.href("/withdraw"),
                assignment: assignment.id.to_string(),
                version: version.clone(),
            };
            let contact = Book::contact_ms(txn, *technician)?;
            crew.push(Member {
                name: book.name(*technician),
                state: member_state(book, assignment, *technician),
                heard: contact.map(|ms| book.desk.zone.ago(ms, book.now_ms)),
                withdraw: (assignment.is_live() && book.is_open()).then_some(withdraw),
            });
        }
    }
    Ok(crew)
}

fn member_state(book: &Book, assignment: &Assignment, technician: RecordId) -> Chip {
    if assignment.is_withdrawn {
        return Chip::new("faded", "Withdrawn");
    }
    let response = assignment.response.as_ref().map(|(response, _)| response.as_str());
    if response == Some("declined") {
        return Chip::new("red", "Declined");
    }
    let own: Vec<_> = book.job().events.iter().filter(|event| event.technician == technician).cloned().collect();
    match heads(&own).first().map(|event| event.event.as_str()) {
        Some("en_route") => Chip::new("violet", "On the way"),
        Some("on_site" | "resumed") => Chip::new("violet", "On site"),
        Some("paused") => Chip::new("amber", "Paused"),
        Some("finished") => Chip::new("teal", "Finished"),
        Some("follow_up") => Chip::new("amber", "Follow-up"),
        Some("cannot_complete") => Chip::new("red", "Cannot complete"),
        _ if response == Some("accepted") => Chip::new("blue", "Accepted"),
        _ => Chip::new("slate", "Assigned"),
    }
}

fn actions(book: &Book) -> Actions {
    let is_reviewed_now = matches!(book.status, Status::Submitted | Status::CannotComplete) && book.desk.may_review();
    let blocked = approval_blocked(book);
    let is_cancelled = book.job().is_cancelled;
    let is_changeable = book.status != Status::Approved;
    let may_plan = is_changeable && !is_cancelled && book.desk.may_review();
    Actions {
        dispatch_href: may_plan.then(|| book.href("/dispatch")),
        is_dispatched: !book.job().technicians().is_empty(),
        plan: may_plan.then(|| plan_form(book)),
        cancel: may_plan.then(|| book.href("/cancel")),
        uncancel: (is_changeable && is_cancelled && book.desk.may_review()).then(|| book.href("/uncancel")),
        approve: (is_reviewed_now && blocked.is_none()).then(|| book.href("/approve")),
        approve_blocked: blocked.filter(|_| is_reviewed_now),
        send_back: is_reviewed_now.then(|| book.href("/return")),
        note: is_changeable.then(|| book.href("/notes")),
    }
}

/// Why the work cannot be approved yet, in words; `None` when nothing is in the way.
pub(super) fn approval_blocked(book: &Book) -> Option<String> {
    let row = &book.row;
    let reasons = [
        (row.conflicts, counted(row.conflicts.into(), "conflict is open", "conflicts are open")),
        (row.held, counted(row.held.into(), "edit is held", "edits are held")),
        (row.proposals, counted(row.proposals.into(), "proposal waits", "proposals wait")),
        (row.missing_blobs, counted(row.missing_blobs.into(), "photo has not arrived", "photos have not arrived")),
    ];
    let reasons: Vec<String> = reasons.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text).collect();
    (!reasons.is_empty()).then(|| reasons.join(", "))
}

fn plan_form(book: &Book) -> PlanForm {
    let (priority, category) = (book.text("plan", "priority"), book.text("category", "category"));
    PlanForm {
        action: book.href("/plan"),
        priorities: Choice::of(&PRIORITIES, &priority),
        categories: Choice::of(&CATEGORIES, &category),
        due: book.row.due_ms.map(|ms| book.desk.zone.time_field(ms)).unwrap_or_default(),
        instructions: book.text("instructions", "text"),
        priority,
        category,
    }
}

fn warnings(book: &Book) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |tone, title: &str, text: String, link: Option<(&str, &str)>| {
        warnings.push(Warning {
            tone,
            title: title.to_owned(),
            text,
            href: link.map(|(href, _)| href.to_owned()),
            link: link.map(|(_, link)| link.to_owned()).unwrap_or_default(),
        });
    };
    let row = &book.row;
    if book.job().is_cancelled && book.status != Status::Cancelled {
        let text = "The office cancelled it, but work had already been done. Approve the work, or return it.";
        warn("red", "Was cancelled.", text.to_owned(), None);
    } else if row.is_late {
        let text = "Somebody who had lost the job recorded work on it. Nothing of it is lost: look at the timeline.";
        warn("amber", "Late work.", text.to_owned(), None);
    }
    if row.held > 0 {
        let text =
            format!("{} for a decision.", counted(row.held.into(), "edit of this job waits", "edits of this job wait"));
        warn("amber", "Held work.", text, Some(("/held", "Decide")));
    }
    if row.differs {
        warn(
            "amber",
            "Differs from what was signed.",
            "Something changed after the customer signed.".to_owned(),
            Some(("#documents", "Compare")),
        );
    }
    if row.missing_blobs > 0 {
        let text = format!(
            "{} not arrived yet: still on a device.",
            counted(row.missing_blobs.into(), "photo has", "photos have")
        );
        warn("slate", "On the way.", text, None);
    }
    if let Some(review) = book.job().reviews.last().filter(|_| book.status == Status::Returned) {
        let reason = review.reason.clone().unwrap_or_default();
        warn("slate", "Returned to the technician.", format!("“{reason}”"), None);
    }
    if book.is_open() && book.status == Status::InProgress && now_silent(book) {
        warn("slate", "Quiet.", "No device of the crew was heard for two days.".to_owned(), None);
    }
    warnings
}

/// Whether the last thing that arrived is long ago.
fn now_silent(book: &Book) -> bool {
    let last = book.history.iter().map(|placed| placed.entry.arrived_ms).max();
    last.is_some_and(|ms| book.now_ms - ms > LONG_AGO_MS)
}
