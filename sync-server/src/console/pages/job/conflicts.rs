//! Open conflicts with both values, decisions that can be taken back, and proposals.

use fieldsync_protocol::kinds::{self, Concurrent, Owner};
use fieldsync_protocol::rights::{Right, right};
use fieldsync_protocol::show::{Conflict as Open, ConflictValue};
use fieldsync_protocol::{Dot, Record, RecordId, show};

use super::book::Book;
use crate::console::view::job::{Conflict, Decided, Fact, Proposal, Undo, Version};
use crate::console::words::{dot_field, group_label, kind_label, version_field};
use crate::store::Placed;

/// The conflicts that wait for a person.
pub(super) fn open(book: &Book) -> Vec<Conflict> {
    let mut found = Vec::new();
    for record in book.records() {
        for conflict in show::conflicts(record) {
            found.push(view(book, record, &conflict));
        }
    }
    found
}

fn view(book: &Book, record: &Record, conflict: &Open) -> Conflict {
    let may_decide = may_decide(book, record, &conflict.group);
    let shown = show::shown(record, &conflict.group).map(|(dot, _)| dot);
    let count = conflict.values.len();
    let subject = subject(book, record);
    let label = group_label(&conflict.group);
    let title = if subject.is_empty() { label } else { format!("{subject}: {}", label.to_lowercase()) };
    let versions = conflict.values.iter().map(|value| version(book, record, &conflict.group, value, shown));
    Conflict {
        anchor: format!("conflict-{}-{}", record.id, conflict.group),
        title: format!("{title}: {} written without knowing of each other", values_in_words(count)),
        base: base(book, record, conflict),
        versions: versions.collect(),
        rule: rule(book, record, &conflict.group, may_decide),
        effect: effect(book, record),
        action: may_decide.then(|| book.href("/resolve")),
        record: record.id.to_string(),
        group: conflict.group.clone(),
        seen: version_field(&record.version),
    }
}

/// How many values, as a person says it.
fn values_in_words(count: usize) -> String {
    match count {
        1 => "one value".to_owned(),
        2 => "two values".to_owned(),
        3 => "three values".to_owned(),
        more => format!("{more} values"),
    }
}

fn version(book: &Book, record: &Record, group: &str, value: &ConflictValue, shown: Option<Dot>) -> Version {
    let stamp = &value.sibling.stamp;
    let said = book.said(record.id, value.dot);
    let facts = book.speaker().facts(&record.kind, group, &value.sibling.fields);
    let arrived = said.map_or(stamp.happened_ms(), |said| said.entry.arrived_ms);
    Version {
        dot: dot_field(value.dot),
        values: facts.into_iter().map(|(label, value)| Fact::new(label, value)).collect(),
        person: book.person(stamp.person),
        device: book.device(stamp.device),
        is_office: stamp.device.is_none(),
        happened: book.desk.zone.brief(stamp.happened_ms(), book.now_ms),
        arrived: book.desk.zone.brief(arrived, book.now_ms),
        is_shown: Some(value.dot) == shown,
    }
}

/// What all values started from: the last edit of the group that every author had seen.
fn base(book: &Book, record: &Record, conflict: &Open) -> String {
    let contexts: Vec<_> = conflict
        .values
        .iter()
        .filter_map(|value| book.said(record.id, value.dot))
        .map(|said| &said.entry.edit.context)
        .collect();
    if contexts.len() < conflict.values.len() {
        return String::new();
    }
    let seen_by_all = book.history.iter().rev().find(|placed| {
        let entry = &placed.entry;
        entry.record == record.id
            && entry.edit.group == conflict.group
            && contexts.iter().all(|context| context.covers(entry.edit.dot))
    });
    let Some(base) = seen_by_all else { return String::new() };
    let facts = book.speaker().facts(&record.kind, &conflict.group, &base.entry.edit.fields);
    facts.into_iter().map(|(label, value)| format!("{label}: {value}")).collect::<Vec<_>>().join(" · ")
}

/// Whether the person at the console may write this group.
pub(super) fn may_decide(book: &Book, record: &Record, group: &str) -> bool {
    let actor = &book.desk.actor;
    match right(&record.kind, group, actor.role) {
        Right::Write | Right::Decide => true,
        Right::Own => show::author(record) == Some(actor.person),
        _ => false,
    }
}

fn rule(book: &Book, record: &Record, group: &str, may_decide: bool) -> String {
    let owner = kinds::kind(&record.kind).and_then(|kind| kind.group(group)).map_or(Owner::Office, |group| group.owner);
    let shown = match owner {
        Owner::Office => "The office's value is shown until somebody decides, because this is the office's to plan.",
        Owner::Technician => "The technician's value is shown until somebody decides, because this is his work.",
    };
    if may_decide {
        return format!("{shown} The other value stays in the history, and the decision can be taken back.");
    }
    let author = show::author(record).map(|author| book.person(author)).unwrap_or_default();
    format!("{shown} Only {author} may decide: both values are shown on the device. Return the job to ask for it.")
}

/// What deciding touches beyond the record.
fn effect(book: &Book, record: &Record) -> String {
    let job = book.job();
    let is_signed = job
        .latest_document()
        .is_some_and(|document| job.signatures.iter().any(|signature| signature.document == document.hash));
    match is_signed && matches!(record.kind.as_str(), "work_order" | "work_report" | "customer" | "site" | "asset") {
        true => "The customer has signed: another value than the signed one is shown as a difference.".to_owned(),
        false => String::new(),
    }
}

/// Whose record it is, in words; empty for the order itself.
fn subject(book: &Book, record: &Record) -> String {
    match record.kind.as_str() {
        "work_order" => String::new(),
        "work_report" => {
            let author = show::author(record).map(|author| book.person(author));
            author.map(|author| format!("{author}'s report")).unwrap_or_else(|| "Report".to_owned())
        }
        kind => match show::name(record) {
            Some(name) => format!("{} {name}", kind_label(kind)),
            None => kind_label(kind),
        },
    }
}

/// Decisions made at the office, newest first; the ones that still stand can be taken back.
pub(super) fn decided(book: &Book) -> Vec<Decided> {
    let decisions = book.history.iter().rev().filter(|placed| is_decision(book, placed));
    decisions.filter_map(|placed| decision(book, placed)).collect()
}

/// Whether an edit replaced several values that a person had to choose between.
fn is_decision(book: &Book, placed: &Placed) -> bool {
    let entry = &placed.entry;
    let table = kinds::kind(&entry.kind).and_then(|kind| kind.group(&entry.edit.group));
    let mut contents =
        entry.replaced.iter().filter_map(|dot| book.said(entry.record, *dot)).map(|said| &said.entry.edit.fields);
    let first = contents.next();
    table.is_some_and(|group| group.concurrent == Concurrent::NeedsPerson)
        && first.is_some_and(|first| contents.any(|other| other != first))
}

fn decision(book: &Book, placed: &Placed) -> Option<Decided> {
    let entry = &placed.entry;
    let record = book.record(entry.record)?;
    let group = &entry.edit.group;
    let replaced = entry.replaced.iter().filter_map(|dot| book.said(entry.record, *dot));
    let kept = replaced.map(|said| &said.entry.edit).find(|edit| says_the_same(&edit.fields, &entry.edit.fields));
    let subject = subject(book, record);
    let label = if subject.is_empty() {
        group_label(group)
    } else {
        format!("{subject}, {}", group_label(group).to_lowercase())
    };
    let what = match kept {
        Some(edit) => format!("kept what {} wrote", book.person(edit.stamp.person)),
        None => "wrote a value over both".to_owned(),
    };
    let still_stands = record.siblings(group).count() == 1 && record.siblings(group).next()?.0 == entry.edit.dot;
    let undo = (still_stands && may_decide(book, record, group)).then(|| Undo {
        action: book.href("/undo"),
        record: record.id.to_string(),
        dot: dot_field(entry.edit.dot),
    });
    Some(Decided {
        text: format!("{label}: {what}."),
        person: book.person(entry.edit.stamp.person),
        when: book.desk.zone.brief(entry.edit.stamp.happened_ms(), book.now_ms),
        undo,
    })
}

/// Whether two contents say the same: a cleared field and an absent one do.
fn says_the_same(one: &fieldsync_protocol::Fields, other: &fieldsync_protocol::Fields) -> bool {
    use fieldsync_protocol::Value;
    let said = |fields: &fieldsync_protocol::Fields| {
        fields
            .iter()
            .filter(|(_, value)| **value != Value::Null)
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect::<Vec<_>>()
    };
    said(one) == said(other)
}

/// What technicians propose and nobody has answered.
pub(super) fn proposals(book: &Book, subjects: &[(RecordId, Record)]) -> Vec<Proposal> {
    let open = book.job().proposals.iter().filter(|proposal| proposal.accepted.is_none());
    open.map(|proposal| {
        let subject = subjects.iter().find(|(id, _)| *id == proposal.subject).map(|(_, record)| record);
        let speaker = book.speaker();
        let facts = |fields| {
            let facts = speaker.facts(&proposal.subject_kind, &proposal.group, fields);
            if let [(_, value)] = facts.as_slice() {
                return value.clone();
            }
            facts.into_iter().map(|(label, value)| format!("{label}: {value}")).collect::<Vec<_>>().join(" · ")
        };
        let what = subject.and_then(show::name).map(|name| format!(" of {name}")).unwrap_or_default();
        let href = |decision: &str| book.href(&format!("/proposals/{}/{decision}", proposal.id));
        Proposal {
            title: format!("{}{what}", group_label(&proposal.group)),
            now: subject.and_then(|record| show::fields(record, &proposal.group)).map(facts).unwrap_or_default(),
            proposed: facts(&proposal.fields),
            reason: proposal.reason.clone().unwrap_or_default(),
            person: book.person(proposal.stamp.person),
            when: book.desk.zone.brief(proposal.stamp.happened_ms(), book.now_ms),
            accept_action: href("accept"),
            decline_action: href("decline"),
        }
    })
    .collect()
}
