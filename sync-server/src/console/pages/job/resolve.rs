//! Deciding conflicts and proposals, and taking a decision back.

use axum::Form;
use axum::extract::Path;
use axum::response::Response;
use fieldsync_protocol::rights::Code;
use fieldsync_protocol::{Dot, Edit, Fields, RecordId, Value, Version, fields, kinds, show};
use serde::Deserialize;

use super::book::Book;
use super::{conflicts, href, seen, unreadable};
use crate::console::desk::Desk;
use crate::console::failure::{Failure, refusal};
use crate::console::words::parse_dot;
use crate::store::{Action, Txn};
use crate::sync::accept::{Accepted, Author, Door};
use crate::sync::edit::{Draft, edit};

#[derive(Deserialize)]
pub(in crate::console::pages) struct Kept {
    record: String,
    group: String,
    version: String,
    keep: String,
}

/// Keeps one of the values of a conflict. It replaces exactly the values the page showed: one that arrived meanwhile
/// stays beside it.
pub(in crate::console::pages) async fn resolve(
    desk: Desk,
    Path(order): Path<RecordId>,
    Form(form): Form<Kept>,
) -> Result<Response, Failure> {
    let record: RecordId = form.record.parse().map_err(|_| Failure::NotFound)?;
    let keep = parse_dot(&form.keep).ok_or_else(|| unreadable("the value to keep"))?;
    let context = seen(&form.version)?;
    let outcome = desk
        .write(move |desk, txn| {
            let book = Book::open(desk, txn, order)?;
            let stored = book.record(record).ok_or(Failure::NotFound)?;
            let chosen = stored.siblings(&form.group).find(|(dot, _)| *dot == keep);
            let Some((_, chosen)) = chosen else {
                let text = "Nothing was changed: somebody has decided meanwhile. Look at what stands now.";
                return Err(Failure::Forbidden(text.to_owned()));
            };
            let table = kinds::kind(&stored.kind).ok_or(Failure::NotFound)?;
            let group = table.group(&form.group).ok_or(Failure::NotFound)?;
            let shown = show::fields(stored, group.name).cloned().unwrap_or_default();
            let draft = Draft {
                kind: table.name,
                id: record,
                groups: vec![(group.name, exactly(&chosen.fields, &shown))],
                context: Some(context),
            };
            edit(&desk.state().office, txn, &desk.actor, &[draft])?;
            Ok(book.person(chosen.stamp.person))
        })
        .await;
    desk.outcome(&href(order), outcome.map(|name| format!("Decided: what {name} wrote stands.")))
}

/// The chosen fields, with whatever else is shown cleared, so that nothing of the other value stays mixed in.
fn exactly(chosen: &Fields, shown: &Fields) -> Fields {
    let mut fields: Fields = shown.keys().map(|name| (name.clone(), Value::Null)).collect();
    fields.extend(chosen.clone());
    fields
}

#[derive(Deserialize)]
pub(in crate::console::pages) struct Undone {
    record: String,
    dot: String,
}

/// Takes a decision back: the values it replaced stand beside each other again, as their authors wrote them.
pub(in crate::console::pages) async fn undo(
    desk: Desk,
    Path(order): Path<RecordId>,
    Form(form): Form<Undone>,
) -> Result<Response, Failure> {
    let record: RecordId = form.record.parse().map_err(|_| Failure::NotFound)?;
    let dot = parse_dot(&form.dot).ok_or_else(|| unreadable("the decision"))?;
    let outcome = desk
        .write(move |desk, txn| {
            let book = Book::open(desk, txn, order)?;
            reopen(&book, txn, record, dot)
        })
        .await;
    desk.outcome(
        &href(order),
        outcome.map(|()| "The decision is taken back: the values stand beside each other again."),
    )
}

fn reopen(book: &Book, txn: &mut dyn Txn, record: RecordId, decision: Dot) -> Result<(), Failure> {
    let stored = book.record(record).ok_or(Failure::NotFound)?;
    let entry = &book.said(record, decision).ok_or(Failure::NotFound)?.entry;
    let group = entry.edit.group.as_str();
    let stands = stored.siblings(group).count() == 1 && stored.siblings(group).any(|(dot, _)| dot == decision);
    if !stands {
        let text = "Nothing was changed: something else was written over the decision meanwhile.";
        return Err(Failure::Forbidden(text.to_owned()));
    }
    if !conflicts::may_decide(book, stored, group) {
        return Err(Failure::Forbidden(refusal(Code::NotYourRole)));
    }
    let office = &book.desk.state().office;
    let counter = stored.version.get(office.replica);
    let replaced = entry.replaced.iter().filter_map(|dot| book.said(record, *dot)).map(|said| &said.entry.edit);
    // The first has seen the decision and replaces it; the others have seen nothing and stand beside.
    let edits: Vec<Edit> = (1..)
        .zip(replaced)
        .map(|(place, edit)| Edit {
            dot: Dot { replica: office.replica, counter: counter + place },
            context: if place == 1 { stored.version.clone() } else { Version::new() },
            ..edit.clone()
        })
        .collect();
    let mut door = Door::open(office);
    let author = Author::office(book.desk.actor);
    match door.accept(txn, &author, &entry.kind, record, &edits, Action::Released)? {
        Accepted::Done { .. } => Ok(door.close(txn)?),
        Accepted::Refused(refusals) => {
            Err(Failure::Forbidden(refusal(refusals.first().map_or(Code::InvalidEntry, |refused| refused.code))))
        }
        Accepted::Held(code) => Err(Failure::Forbidden(refusal(code))),
    }
}

/// Accepts or declines a proposal; accepting writes what is proposed in the same transaction.
pub(in crate::console::pages) async fn propose(
    desk: Desk,
    Path((order, proposal, decision)): Path<(RecordId, RecordId, String)>,
) -> Result<Response, Failure> {
    let accepted = match decision.as_str() {
        "accept" => true,
        "decline" => false,
        _ => return Err(Failure::NotFound),
    };
    let outcome = desk
        .write(move |desk, txn| {
            let loaded = crate::sync::board::load(txn, order)?.ok_or(Failure::NotFound)?;
            let known = loaded.job.proposals.iter().find(|known| known.id == proposal).ok_or(Failure::NotFound)?;
            if known.accepted.is_some() {
                return Err(Failure::Forbidden("Nothing was changed: it has been answered already.".to_owned()));
            }
            let mut drafts = vec![Draft::one("proposal", proposal, "decision", fields! { "accepted" => accepted })];
            if accepted {
                let table = kinds::kind(&known.subject_kind).ok_or(Failure::NotFound)?;
                let group = table.group(&known.group).ok_or(Failure::NotFound)?;
                drafts.push(Draft::one(table.name, known.subject, group.name, known.fields.clone()));
            }
            edit(&desk.state().office, txn, &desk.actor, &drafts)?;
            Ok(())
        })
        .await;
    let text = if accepted { "The proposal is accepted and written." } else { "The proposal is declined." };
    desk.outcome(&href(order), outcome.map(|()| text))
}
