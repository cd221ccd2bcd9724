//! One work order: its page, and every action on it.

mod book;
mod conflicts;
mod documents;
mod page;
pub(in crate::console) mod people;
mod resolve;
mod timeline;
mod work;

use axum::Form;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use fieldsync_protocol::status::Status;
use fieldsync_protocol::{Fields, RecordId, Value, Version, fields};
use serde::Deserialize;

use self::book::Book;
pub(super) use self::resolve::{propose, resolve, undo};
use crate::blobs::BlobError;
use crate::console::desk::Desk;
use crate::console::failure::Failure;
use crate::console::words::parse_version;
use crate::sync::edit::Draft;

/// Picture formats a browser shows by itself and that cannot carry script.
const PICTURES: [&str; 3] = ["image/jpeg", "image/png", "image/webp"];

pub(super) async fn show(desk: Desk, Path(order): Path<RecordId>) -> Result<Response, Failure> {
    let page = desk.read(move |desk, txn| page::page(desk, txn, order)).await?;
    Ok(desk.page(&page))
}

#[derive(Deserialize)]
pub(super) struct Plan {
    version: String,
    priority: String,
    was_priority: String,
    category: String,
    was_category: String,
    due: String,
    was_due: String,
    instructions: String,
    was_instructions: String,
}

/// Writes only what was changed in the form: what was left alone keeps its value and its author.
pub(super) async fn plan(desk: Desk, Path(order): Path<RecordId>, Form(form): Form<Plan>) -> Result<Response, Failure> {
    let context = seen(&form.version)?;
    let mut groups: Vec<(&'static str, Fields)> = Vec::new();
    let mut plan = Fields::new();
    if form.priority != form.was_priority {
        plan.insert("priority".to_owned(), form.priority.into());
    }
    if form.due != form.was_due {
        let due = match form.due.as_str() {
            "" => Value::Null,
            text => desk.zone.parse_time(text).ok_or_else(|| unreadable("the due date"))?.into(),
        };
        plan.insert("due_ms".to_owned(), due);
    }
    if !plan.is_empty() {
        groups.push(("plan", plan));
    }
    let instructions = as_written(&form.instructions);
    if instructions != as_written(&form.was_instructions) {
        groups.push(("instructions", fields! { "text" => instructions }));
    }
    if form.category != form.was_category {
        groups.push(("category", fields! { "category" => form.category }));
    }
    let is_changed = !groups.is_empty();
    let outcome = match is_changed {
        true => desk.edit(vec![Draft { kind: "work_order", id: order, groups, context: Some(context) }]).await,
        false => Ok(()),
    };
    let text = if is_changed { "The plan is saved." } else { "Nothing was different, so nothing was written." };
    desk.outcome(&href(order), outcome.map(|()| text))
}

#[derive(Deserialize)]
pub(super) struct Reasoned {
    version: String,
    #[serde(default)]
    reason: String,
}

pub(super) async fn cancel(
    desk: Desk,
    Path(order): Path<RecordId>,
    Form(form): Form<Reasoned>,
) -> Result<Response, Failure> {
    set_cancelled(desk, order, form, true).await
}

pub(super) async fn uncancel(
    desk: Desk,
    Path(order): Path<RecordId>,
    Form(form): Form<Reasoned>,
) -> Result<Response, Failure> {
    set_cancelled(desk, order, form, false).await
}

async fn set_cancelled(desk: Desk, order: RecordId, form: Reasoned, cancelled: bool) -> Result<Response, Failure> {
    let cancellation = fields! { "cancelled" => cancelled, "reason" => as_written(&form.reason) };
    let context = Some(seen(&form.version)?);
    let draft = Draft { kind: "work_order", id: order, groups: vec![("cancelled", cancellation)], context };
    let text = if cancelled { "The order is cancelled." } else { "The cancellation is taken back." };
    let outcome = desk.edit(vec![draft]).await;
    desk.outcome(&href(order), outcome.map(|()| text))
}

pub(super) async fn approve(
    desk: Desk,
    Path(order): Path<RecordId>,
    Form(_): Form<Reasoned>,
) -> Result<Response, Failure> {
    let outcome = review(&desk, order, "approved", String::new()).await;
    desk.outcome(&href(order), outcome.map(|()| "The work is approved."))
}

pub(super) async fn send_back(
    desk: Desk,
    Path(order): Path<RecordId>,
    Form(form): Form<Reasoned>,
) -> Result<Response, Failure> {
    let reason = as_written(&form.reason);
    let outcome = match reason.is_empty() {
        true => Err(Failure::Forbidden("Nothing was changed: a return needs a reason.".to_owned())),
        false => review(&desk, order, "returned", reason).await,
    };
    desk.outcome(&href(order), outcome.map(|()| "The work is returned to the technician."))
}

/// Reviews what stands now. The review names the document and the events it has seen, so work that arrives meanwhile
/// is never approved unseen.
async fn review(desk: &Desk, order: RecordId, decision: &'static str, reason: String) -> Result<(), Failure> {
    desk.write(move |desk, txn| {
        let book = Book::open(desk, txn, order)?;
        if !matches!(book.status, Status::Submitted | Status::CannotComplete) {
            return Err(Failure::Forbidden(
                "Nothing was changed: there is nothing to review at the moment.".to_owned(),
            ));
        }
        if decision == "approved"
            && let Some(blocked) = page::approval_blocked(&book)
        {
            return Err(Failure::Forbidden(format!("Not approved: {blocked}.")));
        }
        let seen: Vec<Value> = book.job().seen_by_review().into_iter().map(Value::from).collect();
        let fields = fields! {
            "work_order" => order,
            "decision" => decision,
            "document" => book.job().latest_document().map(|document| document.hash),
            "reason" => reason,
            "seen" => seen,
        };
        let draft = Draft::one("review", desk.state().office.new_id(), "decision", fields);
        crate::sync::edit::edit(&desk.state().office, txn, &desk.actor, &[draft])?;
        Ok(())
    })
    .await
}

#[derive(Deserialize)]
pub(super) struct NoteText {
    text: String,
}

pub(super) async fn note(
    desk: Desk,
    Path(order): Path<RecordId>,
    Form(form): Form<NoteText>,
) -> Result<Response, Failure> {
    let fields = fields! { "work_order" => order, "text" => as_written(&form.text) };
    let draft = Draft::one("note", desk.state().office.new_id(), "text", fields);
    let outcome = desk.edit(vec![draft]).await;
    desk.outcome(&href(order), outcome.map(|()| "The note is added; the crew sees it at the next sync."))
}

#[derive(Deserialize)]
pub(super) struct Withdrawn {
    assignment: String,
    version: String,
}

pub(super) async fn withdraw(
    desk: Desk,
    Path(order): Path<RecordId>,
    Form(form): Form<Withdrawn>,
) -> Result<Response, Failure> {
    let assignment: RecordId = form.assignment.parse().map_err(|_| Failure::NotFound)?;
    let context = Some(seen(&form.version)?);
    let groups = vec![("withdrawn", fields! { "withdrawn" => true })];
    let outcome = desk.edit(vec![Draft { kind: "assignment", id: assignment, groups, context }]).await;
    let text = "Withdrawn. The job leaves the phone after its pending work has reached the office.";
    desk.outcome(&href(order), outcome.map(|()| text))
}

/// A photo of this job, and of no other.
pub(super) async fn photo(
    desk: Desk,
    Path((order, attachment)): Path<(RecordId, RecordId)>,
) -> Result<Response, Failure> {
    let found = desk
        .read(move |_, txn| {
            let loaded = crate::sync::board::load(txn, order)?.ok_or(Failure::NotFound)?;
            let photo = loaded.job.attachments.into_iter().find(|photo| photo.id == attachment);
            let photo = photo.ok_or(Failure::NotFound)?;
            if txn.has_blob(&photo.hash)? { Ok(photo) } else { Err(Failure::NotFound) }
        })
        .await?;
    let content = desk.state().blobs.read(&found.hash).await.map_err(|error| {
        if !matches!(error, BlobError::Missing) {
            tracing::error!(error = &error as &dyn std::error::Error, "a photo could not be read");
        }
        Failure::NotFound
    })?;
    let picture = PICTURES.into_iter().find(|known| *known == found.media_type);
    let disposition = if picture.is_some() { "inline" } else { "attachment" };
    let headers = [
        (CONTENT_TYPE, picture.unwrap_or("application/octet-stream")),
        (CONTENT_DISPOSITION, disposition),
        // What a device sent is never a page of ours.
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (CACHE_CONTROL, "private, max-age=86400, immutable"),
    ];
    Ok((headers, content).into_response())
}

/// The exact bytes that were signed, for whoever wants to check them.
pub(super) async fn document(
    desk: Desk,
    Path((order, document)): Path<(RecordId, RecordId)>,
) -> Result<Response, Failure> {
    let found = desk
        .read(move |_, txn| {
            let loaded = crate::sync::board::load(txn, order)?.ok_or(Failure::NotFound)?;
            loaded.job.documents.into_iter().find(|known| known.id == document).ok_or(Failure::NotFound)
        })
        .await?;
    let name = format!("attachment; filename=\"document-{}.json\"", found.hash);
    Ok(([(CONTENT_TYPE, "application/json".to_owned()), (CONTENT_DISPOSITION, name)], found.content).into_response())
}

/// The address of a job's page.
fn href(order: RecordId) -> String {
    format!("/jobs/{order}")
}

/// The version a form says its author had seen.
fn seen(field: &str) -> Result<Version, Failure> {
    parse_version(field).ok_or_else(|| unreadable("the version of the page"))
}

fn unreadable(what: &str) -> Failure {
    Failure::BadRequest(format!("The form could not be read: {what} makes no sense. Open the page again."))
}

/// Text as its author wrote it: browsers send line ends as two characters.
fn as_written(text: &str) -> String {
    text.replace("\r\n", "\n").trim().to_owned()
}
