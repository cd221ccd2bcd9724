//! The timeline: every accepted edit of the job in words, newest first, by day.

use std::collections::BTreeSet;

use fieldsync_protocol::document::Statement;
use fieldsync_protocol::{Fields, FieldsExt, RecordId, Trust, kinds};

use super::book::Book;
use crate::console::view::job::{Day, Entry};
use crate::console::view::show::Chip;
use crate::console::words::{brief, choice, group_label, kind_label};
use crate::store::{Action, Placed};

/// Edits of one record that one person made within this time are one thing that happened.
const TOGETHER_MS: i64 = 2_000;
/// What is told once when it happened several times in the same minute.
const SEVERAL: [(&str, &str); 3] =
    [("used a part", "used parts"), ("added a photo", "added photos"), ("recorded time", "recorded times")];
/// Groups that say something of their own, however soon they follow.
const HAPPENS_BY_ITSELF: [&str; 5] = ["withdrawn", "cancelled", "void", "response", "decision"];
/// A difference between happening and arriving that is worth showing.
const LATE_MS: i64 = 60_000;

/// Returns the days of the job, newest first.
pub(super) fn days(book: &Book) -> Vec<Day> {
    let referred: BTreeSet<RecordId> = book.referred.iter().map(|record| record.id).collect();
    let own = book.history.iter().filter(|placed| !referred.contains(&placed.entry.record));
    let mut happenings: Vec<Vec<&Placed>> = Vec::new();
    for placed in own {
        match happenings.iter_mut().rev().take(8).find(|group| belongs(group, placed)) {
            Some(group) => group.push(placed),
            None => happenings.push(vec![placed]),
        }
    }
    happenings.sort_by_key(|group| std::cmp::Reverse((group[0].entry.edit.stamp.happened_ms(), group[0].sequence)));
    let mut days: Vec<Day> = Vec::new();
    for group in happenings {
        let Some(entry) = entry(book, &group) else { continue };
        let heading = book.desk.zone.heading(group[0].entry.edit.stamp.happened_ms(), book.now_ms);
        match days.last_mut().filter(|day| day.heading == heading) {
            Some(day) => append(day, entry),
            None => days.push(Day { heading, entries: vec![entry] }),
        }
    }
    days
}

/// Adds an entry to a day; the same kind of thing several times in a row is told once.
fn append(day: &mut Day, entry: Entry) {
    let plural = SEVERAL.iter().find(|(one, _)| *one == entry.text).map(|(_, many)| *many);
    if let (Some(many), Some(last)) = (plural, day.entries.last_mut())
        && (last.text == entry.text || last.text == many)
        && (&last.person, &last.device) == (&entry.person, &entry.device)
        && last.happened.text == entry.happened.text
        && last.arrived.as_ref().map(|when| &when.text) == entry.arrived.as_ref().map(|when| &when.text)
        && last.marks == entry.marks
    {
        last.text = many.to_owned();
        last.changes.extend(entry.changes);
        return;
    }
    day.entries.push(entry);
}

fn belongs(group: &[&Placed], placed: &Placed) -> bool {
    let (one, other) = (&group[0].entry, &placed.entry);
    let (first, second) = (&one.edit.stamp, &other.edit.stamp);
    one.record == other.record
        && !HAPPENS_BY_ITSELF.contains(&other.edit.group.as_str())
        && one.action == other.action
        && (first.person, first.device) == (second.person, second.device)
        && (first.happened_ms() - second.happened_ms()).abs() <= TOGETHER_MS
}

fn entry(book: &Book, group: &[&Placed]) -> Option<Entry> {
    let first = &group[0].entry;
    let stamp = &first.edit.stamp;
    let mut changes = Vec::new();
    let mut text = String::new();
    for placed in group {
        let said = words(book, placed);
        if text.is_empty() {
            text = said.text;
        }
        changes.extend(said.changes);
    }
    if text.is_empty() {
        return None;
    }
    let (happened, arrived) = (stamp.happened_ms(), first.arrived_ms);
    let mut marks = Vec::new();
    match first.action {
        Action::Accepted => {}
        Action::Refilled => marks.push(Chip::new("slate", "brought back by a device after a restore")),
        Action::Released => marks.push(Chip::new("orange", "let in by the office")),
    }
    if let Some(carried) = book.carried_by(first.edit.dot.replica) {
        marks.push(Chip::new("slate", carried));
    }
    if stamp.trust == Trust::Unknown {
        marks.push(Chip::new("amber", "clock never compared"));
    }
    Some(Entry {
        text,
        person: book.person(stamp.person),
        device: book.device(stamp.device),
        is_office: stamp.device.is_none(),
        happened: book.desk.zone.clock(happened),
        arrived: (stamp.device.is_some() && (arrived - happened).abs() > LATE_MS)
            .then(|| book.desk.zone.brief(arrived, book.now_ms)),
        changes,
        marks,
    })
}

/// An edit in words; empty words for what needs none.
#[derive(Default)]
struct Said {
    text: String,
    changes: Vec<String>,
}

fn words(book: &Book, placed: &Placed) -> Said {
    let entry = &placed.entry;
    let (kind, group, fields) = (entry.kind.as_str(), entry.edit.group.as_str(), &entry.edit.fields);
    let before =
        entry.replaced.last().and_then(|dot| book.said(entry.record, *dot)).map(|said| &said.entry.edit.fields);
    let is_decision = entry.replaced.len() > 1;
    let text = |text: &str| Said { text: text.to_owned(), changes: Vec::new() };
    let with = |text: String, change: Option<String>| Said { text, changes: change.into_iter().collect() };
    let reason =
        || fields.text("reason").filter(|reason| !reason.is_empty()).map(|reason| format!("“{}”", brief(reason)));
    match (kind, group) {
        ("work_order", "number") | ("signature", "countersignature") | ("assignment", "day") => Said::default(),
        ("work_order", "origin") => with("registered the order".to_owned(), fields.text("source").map(str::to_owned)),
        ("work_order", "imported") => {
            with("imported the order".to_owned(), fields.int("line").map(|line| format!("Line {line} of the file")))
        }
        ("work_order", "cancelled") if fields.flag("cancelled") => with("cancelled the order".to_owned(), reason()),
        ("work_order", "cancelled") => text("took the cancellation back"),
        ("assignment", "plan") => {
            let name = fields.id("technician").map(|id| book.name(id)).unwrap_or_default();
            let planned = fields.int("planned_from_ms").map(|ms| format!("Planned {}", book.desk.zone.full(ms).text));
            with(format!("dispatched it to {name}"), planned)
        }
        ("assignment", "withdrawn") if fields.flag("withdrawn") => {
            with(format!("withdrew {}", assigned(book, entry.record)), reason())
        }
        ("assignment", "withdrawn") => text("gave the job back"),
        ("assignment", "response") => {
            with(format!("{} the job", fields.text("response").unwrap_or("answered")), reason())
        }
        ("visit_event", _) => with(event_words(fields).to_owned(), reason()),
        ("work_report", "subject") => text("wrote the report"),
        ("part_line", "use") => with("used a part".to_owned(), Some(part_words(book, fields))),
        ("time_entry", "time") => with("recorded time".to_owned(), Some(time_words(book, fields))),
        (_, "void") => with(format!("voided a {}", kind_label(kind).to_lowercase()), reason()),
        ("note", "text") => with("wrote a note".to_owned(), fields.text("text").map(brief)),
        ("attachment", "blob") => with("added a photo".to_owned(), fields.text("caption").map(brief)),
        ("document", _) => text("froze the document for the customer"),
        ("signature", "signature") => signed(fields),
        ("review", _) if fields.text("decision") == Some("approved") => text("approved it"),
        ("review", _) => with("returned it".to_owned(), reason()),
        ("proposal", "proposal") => with(format!("proposed another {}", proposed(fields)), reason()),
        ("proposal", "decision") if fields.flag("accepted") => text("accepted the proposal"),
        ("proposal", "decision") => with("declined the proposal".to_owned(), reason()),
        _ => {
            let what = match kind {
                "work_order" => group_label(group).to_lowercase(),
                "work_report" => format!("{} in the report", group_label(group).to_lowercase()),
                _ => format!("{} of {}", group_label(group).to_lowercase(), kind_label(kind).to_lowercase()),
            };
            let verb = if is_decision {
                "decided on the"
            } else if before.is_none() {
                "wrote the"
            } else {
                "changed the"
            };
            Said { text: format!("{verb} {what}"), changes: book.speaker().changes(kind, group, before, fields) }
        }
    }
}

fn signed(fields: &Fields) -> Said {
    let statement = fields.get("statement").and_then(|value| value.as_bytes()).and_then(Statement::from_bytes);
    let (text, change) = match statement {
        Some(Statement { signer, refused: Some(reason), .. }) => {
            (format!("noted that {signer} refused to sign"), Some(format!("“{}”", brief(&reason))))
        }
        Some(Statement { signer, role, .. }) => (format!("had it signed by {signer}"), Some(role)),
        None => ("sent a signature that cannot be read".to_owned(), None),
    };
    Said { text, changes: change.filter(|change| !change.is_empty()).into_iter().collect() }
}

fn event_words(fields: &Fields) -> &'static str {
    match fields.text("event").unwrap_or_default() {
        "en_route" => "set out",
        "on_site" => "arrived on site",
        "paused" => "paused the work",
        "resumed" => "went on with the work",
        "finished" => "finished the work",
        "follow_up" => "asked for a follow-up",
        "cannot_complete" => "could not complete it",
        _ => "recorded a step of the visit",
    }
}

fn part_words(book: &Book, fields: &Fields) -> String {
    let quantity = book.speaker().value("part_line", "use", fields, "quantity_milli");
    format!("{}: {quantity}", fields.text("name").unwrap_or("a part"))
}

fn time_words(book: &Book, fields: &Fields) -> String {
    let (from, to) = (fields.int("from_ms").unwrap_or(0), fields.int("to_ms").unwrap_or(0));
    let activity = choice(fields.text("activity").unwrap_or("time"));
    format!(
        "{activity}: {} from {}",
        crate::console::view::show::worked(to.saturating_sub(from)),
        book.desk.zone.clock(from).text
    )
}

fn assigned(book: &Book, assignment: RecordId) -> String {
    let found = book.job().assignments.iter().find(|known| known.id == assignment);
    let names: Vec<String> = found.iter().flat_map(|known| &known.technicians).map(|id| book.name(*id)).collect();
    names.join(", ")
}

fn proposed(fields: &Fields) -> String {
    let group = fields.text("group").unwrap_or("value");
    let kind = fields.text("subject_kind").and_then(kinds::kind).map_or("", |kind| kind.name);
    match kind {
        "work_order" | "" => group_label(group).to_lowercase(),
        kind => format!("{} of the {}", group_label(group).to_lowercase(), kind_label(kind).to_lowercase()),
    }
}
