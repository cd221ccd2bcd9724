//! Signed documents: verified again for every page, and compared with what would be signed now.

use std::collections::BTreeMap;

use fieldsync_protocol::document::{Frame, Parties, Statement, Voucher, strokes, verify_in};
use fieldsync_protocol::job::Document as Frozen;
use fieldsync_protocol::job::Signature as Given;

use super::book::Book;
use crate::console::view::ink::{Point, signature as draw};
use crate::console::view::job::{Document, Fact, Signature, SignedRow};
use crate::console::view::show::{Chip, category, money, quantity, worked};
use crate::console::words::humanised;
use crate::sync::board::differences;

/// Hash digits shown: enough to compare by eye; the whole is in the downloaded document.
const DIGITS_SHOWN: usize = 16;

/// The documents, newest first.
pub(super) fn documents(book: &Book) -> Vec<Document> {
    book.job().documents.iter().rev().map(|document| view(book, document)).collect()
}

fn view(book: &Book, document: &Frozen) -> Document {
    let given = book.job().signatures.iter().find(|signature| signature.document == document.hash);
    let statement = given.and_then(|given| Statement::from_bytes(&given.statement));
    let is_latest = book.job().latest_document().is_some_and(|latest| latest.id == document.id);
    let is_superseded = document.document_kind == "work_done" && !is_latest;
    let (verdict, verdict_text) = verdict(book, given);
    let signed = Voucher::from_bytes(&document.content);
    let rows = signed.as_ref().map(|signed| rows(book, signed)).unwrap_or_default();
    Document {
        title: match document.document_kind.as_str() {
            "work_done" => "Work done, for signature".to_owned(),
            other => humanised(other),
        },
        state: match (is_superseded, given.is_some()) {
            (true, _) => Chip::new("faded", "Superseded"),
            (false, true) => Chip::new("teal", "Stands"),
            (false, false) => Chip::new("slate", "Waiting for a signature"),
        },
        verdict,
        verdict_text,
        signature: given.map(|given| signature(book, given, statement.as_ref())),
        facts: facts(book, document, given, signed.as_ref()),
        rows,
        difference_count: differences(&book.loaded, &document.content).len(),
        download_href: Some(book.href(&format!("/documents/{}", document.id))),
    }
}

fn verdict(book: &Book, given: Option<&Given>) -> (Chip, String) {
    let Some(given) = given else {
        return (
            Chip::new("slate", "Not signed."),
            "The document is frozen; the customer's answer has not arrived.".to_owned(),
        );
    };
    match verify_in(book.job(), given, &book.desk.state().office.keys.public_root()) {
        Ok(verified) if verified.statement.refused.is_some() => (
            Chip::new("amber", "Refused, and the refusal verifies."),
            "It belongs to exactly this text and was made on a device of this office.".to_owned(),
        ),
        Ok(_) => (
            Chip::new("green", "Verifies."),
            "The signature belongs to exactly this text and was made on a device of this office.".to_owned(),
        ),
        Err(reason) => (Chip::new("red", "Does not verify."), format!("The office failed to {reason}.")),
    }
}

fn signature(book: &Book, given: &Given, statement: Option<&Statement>) -> Signature {
    let points = strokes(&given.strokes).unwrap_or_default();
    let pad: Vec<Vec<Point>> =
        points.iter().map(|stroke| stroke.iter().map(|point| Point { x: point.0, y: point.1 }).collect()).collect();
    let signed_ms = statement.map_or(given.stamp.at_ms, |statement| statement.signed_ms);
    Signature {
        name: statement.map_or_else(|| "unreadable".to_owned(), |statement| statement.signer.clone()),
        role: statement.map(|statement| statement.role.clone()).unwrap_or_default(),
        when: book.desk.zone.full(signed_ms.saturating_add(given.stamp.offset_ms)),
        refused: statement.and_then(|statement| statement.refused.clone()),
        drawing: Some(draw(&pad)).filter(|drawing| !drawing.paths.is_empty()),
    }
}

fn facts(book: &Book, document: &Frozen, given: Option<&Given>, signed: Option<&Voucher>) -> Vec<Fact> {
    let digits = |hash: &dyn std::fmt::Display| hash.to_string().chars().take(DIGITS_SHOWN).collect::<String>();
    let mut facts = vec![Fact::new("Document", format!("sha-256 {}…", digits(&document.hash)))];
    if let Some(signed) = signed {
        let name = book.device(document.stamp.device);
        facts.push(Fact::new("Device", format!("{name}, key {}…", digits(&signed.device.public_key))));
        facts.push(Fact::new("Consent", signed.consent.clone()));
    }
    if let Some((at_ms, _)) = given.and_then(|given| given.countersignature) {
        facts.push(Fact::new("Counter-signed", format!("by the office, {}", book.desk.zone.full(at_ms).text)));
    }
    facts
}

/// Every line of the document, as signed beside as it would be signed now.
fn rows(book: &Book, signed: &Voucher) -> Vec<SignedRow> {
    let frame = Frame {
        kind: &signed.kind,
        language: &signed.language,
        consent: &signed.consent,
        parties: Parties::of(book.job(), &book.loaded.names),
        technicians: &book.loaded.names,
        device: &signed.device,
    };
    let now = Voucher::of(book.job(), frame);
    let (before, after) = (lines(signed), lines(&now));
    let now_by_label: BTreeMap<&str, &str> =
        after.iter().map(|(label, value)| (label.as_str(), value.as_str())).collect();
    let mut rows: Vec<SignedRow> = before
        .iter()
        .map(|(label, value)| row(label, value, now_by_label.get(label.as_str()).copied().unwrap_or_default()))
        .collect();
    let added = after.iter().filter(|(label, _)| before.iter().all(|(known, _)| known != label));
    rows.extend(added.map(|(label, value)| row(label, "", value)));
    rows
}

fn row(label: &str, signed: &str, now: &str) -> SignedRow {
    SignedRow { label: label.to_owned(), signed: signed.to_owned(), now: now.to_owned(), differs: signed != now }
}

/// A document's values as lines, in the order in which a person reads them; labels are unique.
fn lines(voucher: &Voucher) -> Vec<(String, String)> {
    let parties = &voucher.parties;
    let mut lines: Vec<(String, String)> = [
        ("Customer", parties.customer.clone()),
        ("Site", parties.site.clone()),
        ("Asset", parties.asset.clone()),
        ("Problem", parties.problem.clone()),
        ("Category", category(&parties.category)),
    ]
    .into_iter()
    .map(|(label, value)| (label.to_owned(), value))
    .filter(|(_, value)| !value.is_empty())
    .collect();
    let several = voucher.reports.len() > 1;
    for report in &voucher.reports {
        for (name, text) in &report.entries {
            let label = humanised(name);
            let label = if several { format!("{label} ({})", report.technician) } else { label };
            let text = if matches!(name.as_str(), "outcome" | "attribution") { humanised(text) } else { text.clone() };
            lines.push((label, text));
        }
    }
    for part in &voucher.parts {
        let mut label = format!("{} · {}", part.name, part.number);
        while lines.iter().any(|(known, _)| *known == label) {
            label.push('\u{2032}');
        }
        let price = part.price_minor.map(|minor| money(minor, part.currency.as_deref().unwrap_or("")));
        let price = price.map(|price| format!(" at {price}")).unwrap_or_default();
        lines.push((label, format!("{}{price}", quantity(part.quantity_milli, &part.unit))));
    }
    for (activity, minutes) in &voucher.minutes {
        lines.push((format!("Time, {}", humanised(activity).to_lowercase()), worked(minutes.saturating_mul(60_000))));
    }
    for (currency, minor) in &voucher.totals {
        lines.push((format!("Total, {currency}"), money(*minor, currency)));
    }
    for photo in &voucher.photos {
        let digits: String = photo.to_string().chars().take(DIGITS_SHOWN).collect();
        lines.push((format!("Photo {digits}…"), "attached".to_owned()));
    }
    lines
}
