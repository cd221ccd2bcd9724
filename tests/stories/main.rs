//! Stories: what happens between phones and the office, as a dispatcher would tell it.
//!
//! Every story runs the shipped server on a real socket and real device stores in folders. The helpers below only say
//! what a technician does in one breath.

mod carried;
mod collected;
mod copied;
mod damaged;
mod elsewhere;
mod erased;
mod large;
mod many;
mod network;
mod old_stores;
mod on_site;
mod photo;
mod refused;
mod restored;
mod returning;
mod salvaged;
mod scope;
mod signed;
mod taken_away;
mod together;
mod wiped;

use fieldsync::RecordId;
use fieldsync::work::{PartEntry, ReportEntry};
use fieldsync_protocol::document::{Point, Strokes};
use fieldsync_tests::fleet::Phone;

/// A report that says what was found and how it ended.
fn report(cause: &str) -> ReportEntry {
    ReportEntry {
        fault_location: Some("boom cylinder".into()),
        cause: Some(cause.into()),
        method: Some("seal kit replaced".into()),
        outcome: Some("solved".into()),
        ..ReportEntry::default()
    }
}

/// One seal kit.
fn seal_kit() -> PartEntry {
    PartEntry {
        number: "SK-40".into(),
        name: "Seal kit 40 mm".into(),
        quantity_milli: 1_000,
        unit: "pc".into(),
        price_minor: Some(4_900),
        currency: Some("EUR".into()),
        ..PartEntry::default()
    }
}

/// What a finger draws.
fn strokes() -> Strokes {
    vec![vec![Point(100, 200, 0, 500), Point(180, 90, 16, 620), Point(260, 210, 33, 480)]]
}

/// A whole visit: arrive, use a part, report, finish.
fn work(phone: &Phone, order: RecordId, cause: &str) {
    let device = phone.device();
    device.start_visit(order).expect("the visit starts");
    device.use_part(order, &seal_kit()).expect("a part is recorded");
    device.write_report(order, &report(cause)).expect("the report is written");
    device.finish_visit(order).expect("the visit ends");
}

/// The customer signs what is shown now; returns the document.
fn sign(phone: &Phone, order: RecordId) -> RecordId {
    let document = phone.device().freeze_document(order, "work_done", "en", "I confirm the work above.");
    let document = document.expect("the document is frozen").id;
    phone.device().sign(document, &strokes(), "Li Wei", "site manager").expect("the customer signs");
    document
}
