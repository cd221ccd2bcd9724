//! The work itself on the job page: reports, parts, time, photos, notes.

use std::collections::BTreeMap;

use fieldsync_protocol::{RecordId, show};

use super::book::Book;
use crate::console::failure::Failure;
use crate::console::view::job::{Fact, Note, Parameter, PartLine, Parts, Photo, Report, TimeLine, Times};
use crate::console::view::show::{Chip, bytes, category, money, quantity, worked};
use crate::console::words::humanised;
use crate::store::Txn;

/// One report per technician.
pub(super) fn reports(book: &Book) -> Vec<Report> {
    let said = |text: &Option<String>| text.clone().unwrap_or_default();
    let view = |report: &fieldsync_protocol::job::WorkReport| {
        let mut fields = vec![
            Fact::new("Fault location", said(&report.fault_location)),
            Fact::new("Cause", said(&report.cause)),
            Fact::new("Put down to", report.attribution.as_deref().map(humanised).unwrap_or_default()),
            Fact::new("Method", said(&report.method)),
            Fact::new("Program change", said(&report.program_change)),
            Fact::new("In words", said(&report.outcome_text)),
        ];
        let always = ["Fault location", "Cause", "Method"];
        fields.retain(|fact| !fact.value.is_empty() || always.contains(&fact.label.as_str()));
        let parameters = report.parameters.iter().map(|change| Parameter {
            name: change.name.clone(),
            old: change.old.clone(),
            new: change.new.clone(),
        });
        Report {
            technician: book.name(report.technician),
            state: match report.outcome {
                Some(_) => Chip::new("teal", "Complete"),
                None => Chip::new("slate", "Draft"),
            },
            outcome: report.outcome.as_deref().map(humanised).unwrap_or_default(),
            written: book.desk.zone.brief(last_written(book, report.id), book.now_ms),
            fields,
            parameters: parameters.collect(),
            hazards: said(&report.hazards),
        }
    };
    book.job().reports.iter().map(view).collect()
}

fn last_written(book: &Book, record: RecordId) -> i64 {
    let siblings =
        book.record(record).into_iter().flat_map(|record| record.groups.values().flat_map(|group| group.values()));
    siblings.map(|sibling| sibling.stamp.happened_ms()).max().unwrap_or(book.row.changed_ms)
}

/// Parts used, with the total of what counts.
pub(super) fn parts(book: &Book) -> Parts {
    let mut totals: BTreeMap<&str, i64> = BTreeMap::new();
    for part in book.job().parts.iter().filter(|part| part.void.is_none()) {
        if let (Some(total), Some(currency)) = (part.total_minor(), &part.currency) {
            let sum = totals.entry(currency).or_insert(0);
            *sum = sum.saturating_add(total);
        }
    }
    let lines = book.job().parts.iter().map(|part| {
        let price = |minor: Option<i64>| {
            minor.map(|minor| money(minor, part.currency.as_deref().unwrap_or(""))).unwrap_or_default()
        };
        PartLine {
            number: part.number.clone(),
            name: part.name.clone(),
            quantity: quantity(part.quantity_milli, &part.unit),
            charge: part.charge.as_deref().map(category).unwrap_or_default(),
            price: price(part.price_minor),
            amount: price(part.total_minor()),
            technician: book.name(part.technician),
            voided: part.void.clone(),
        }
    });
    let total: Vec<String> = totals.iter().map(|(currency, minor)| money(*minor, currency)).collect();
    Parts { lines: lines.collect(), total: total.join(" + ") }
}

/// Time spent, with totals by activity.
pub(super) fn times(book: &Book) -> Times {
    let mut totals: BTreeMap<&str, i64> = BTreeMap::new();
    for entry in book.job().times.iter().filter(|entry| entry.void.is_none()) {
        let spent = entry.to_ms.saturating_sub(entry.from_ms).max(0);
        let sum = totals.entry(entry.activity.as_str()).or_insert(0);
        *sum = sum.saturating_add(spent);
    }
    let lines = book.job().times.iter().map(|entry| {
        let source = book.record(entry.id).and_then(show::main_fields).and_then(|fields| {
            use fieldsync_protocol::FieldsExt;
            fields.text("source").map(humanised)
        });
        TimeLine {
            person: book.name(entry.technician),
            kind: humanised(&entry.activity),
            from: book.desk.zone.brief(entry.from_ms, book.now_ms),
            to: book.desk.zone.clock(entry.to_ms),
            length: worked(entry.to_ms.saturating_sub(entry.from_ms)),
            source: source.unwrap_or_default(),
            voided: entry.void.clone(),
        }
    });
    let totals = totals.into_iter().map(|(activity, spent)| Fact::new(humanised(activity), worked(spent)));
    Times { lines: lines.collect(), totals: totals.collect() }
}

/// Photos, those that have not arrived included. Voided ones are left out.
pub(super) fn photos(book: &Book, txn: &mut dyn Txn) -> Result<Vec<Photo>, Failure> {
    let mut photos = Vec::new();
    for photo in book.job().attachments.iter().filter(|photo| photo.void.is_none()) {
        let has_arrived = txn.has_blob(&photo.hash)?;
        photos.push(Photo {
            caption: photo.caption.clone().unwrap_or_else(|| "Photo".to_owned()),
            taken: book.desk.zone.brief(photo.stamp.happened_ms(), book.now_ms),
            person: book.person(photo.stamp.person),
            href: has_arrived.then(|| book.href(&format!("/photos/{}", photo.id))),
            size: bytes(u64::try_from(photo.size).unwrap_or_default()),
        });
    }
    Ok(photos)
}

/// Notes, oldest first. Voided ones are left out; they stand in the timeline.
pub(super) fn notes(book: &Book) -> Vec<Note> {
    let notes = book.job().notes.iter().filter(|note| note.void.is_none());
    notes
        .map(|note| Note {
            person: book.person(note.stamp.person),
            is_office: note.stamp.device.is_none(),
            when: book.desk.zone.brief(note.stamp.happened_ms(), book.now_ms),
            text: note.text.clone(),
        })
        .collect()
}
