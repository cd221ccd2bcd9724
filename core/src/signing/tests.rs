use fieldsync_protocol::document::{Point, Strokes, Unverified, Voucher};
use fieldsync_protocol::job::ParameterChange;
use fieldsync_protocol::kinds::Invalid;
use fieldsync_protocol::status::Status;
use fieldsync_protocol::{RecordId, fields, show};

use super::FrozenDocument;
use crate::fixture::{Fixture, id, office_edit};
use crate::read::Missing;
use crate::work::{PartEntry, ReportEntry};
use crate::{Error, FieldsExt};

const CONSENT: &str = "I confirm the work and the parts listed.";

fn drawn() -> Strokes {
    vec![(0..20).map(|step| Point(step * 30, 200 - step * 5, step * 16, 500)).collect()]
}

/// A job whose work is done and reported, and its frozen document.
fn reported() -> (Fixture, FrozenDocument) {
    let fixture = Fixture::with_job();
    let device = &fixture.device;
    device.start_visit(id(50)).unwrap();
    let part = device.catalogue("filter", 1).unwrap().remove(0);
    device.use_part(id(50), &PartEntry::of(&part, 2_000)).unwrap();
    device
        .write_report(
            id(50),
            &ReportEntry {
                cause: Some("seal worn".into()),
                method: Some("seal replaced".into()),
                parameters: Some(vec![ParameterChange { name: "relief".into(), old: "280".into(), new: "300".into() }]),
                outcome: Some("solved".into()),
                ..Default::default()
            },
        )
        .unwrap();
    let document = device.freeze_document(id(50), "work_done", "en", CONSENT).unwrap();
    (fixture, document)
}

#[test]
fn a_signature_verifies_and_an_edit_afterwards_is_shown_as_a_difference() {
    let (fixture, document) = reported();
    let device = &fixture.device;
    device.sign(document.id, &drawn(), "Kim Lund", "site manager").unwrap();
    device.finish_visit(id(50)).unwrap();

    let signed = device.verify(id(50)).unwrap().remove(0);
    let verified = signed.verified.unwrap();
    assert_eq!((verified.statement.signer.as_str(), verified.statement.refused), ("Kim Lund", None));
    assert_eq!(signed.strokes, drawn());
    assert!(signed.is_latest && signed.differences.is_empty());
    assert_eq!(signed.signed.unwrap().totals["EUR"], 25_100);
    let page = device.job(id(50)).unwrap();
    assert_eq!((page.status, page.missing), (Status::Submitted, Vec::new()));
    assert!(!device.jobs(&Default::default()).unwrap().items[0].differs_from_signed);

    let used = device.parts_used(&Default::default()).unwrap().items[0].id;
    device.void(used, "not fitted after all").unwrap();

    let signed = device.verify(id(50)).unwrap().remove(0);
    assert!(signed.verified.is_ok());
    let places: Vec<&str> = signed.differences.iter().map(|difference| difference.place.as_str()).collect();
    assert_eq!(places, ["part / F-100 Return filter", "total / EUR"]);
    assert!(device.jobs(&Default::default()).unwrap().items[0].differs_from_signed);
}

#[test]
fn a_colleagues_or_the_offices_new_name_counts_as_a_difference_too() {
    let (fixture, document) = reported();
    fixture.device.sign(document.id, &drawn(), "Kim Lund", "customer").unwrap();
    let mut customer = fixture.device.record(id(20)).unwrap().record;
    office_edit(&mut customer, "identity", fields! { "name" => "Steinbruch Süd" });

    fixture.deliver(&[customer]);

    assert!(fixture.device.jobs(&Default::default()).unwrap().items[0].differs_from_signed);
    let differences = fixture.device.verify(id(50)).unwrap().remove(0).differences;
    assert_eq!(differences[0].place, "customer");
}

#[test]
fn a_document_that_no_longer_says_what_is_shown_cannot_be_signed() {
    let (fixture, document) = reported();
    let device = &fixture.device;
    device.write_report(id(50), &ReportEntry { hazards: Some("guard missing".into()), ..Default::default() }).unwrap();
    assert!(matches!(device.sign(document.id, &drawn(), "Kim", "customer"), Err(Error::DocumentOutdated)));

    let second = device.freeze_document(id(50), "work_done", "en", CONSENT).unwrap();
    let third = device.freeze_document(id(50), "work_done", "en", CONSENT).unwrap();
    assert!(matches!(device.sign(second.id, &drawn(), "Kim", "customer"), Err(Error::DocumentOutdated)));
    device.sign(third.id, &drawn(), "Kim", "customer").unwrap();
}

#[test]
fn nothing_is_frozen_without_a_report_but_a_price_consent() {
    let fixture = Fixture::with_job();
    let frozen = fixture.device.freeze_document(id(50), "work_done", "en", CONSENT);
    assert!(matches!(frozen, Err(Error::NotReady { missing: Missing::Report })));
    fixture.device.freeze_document(id(50), "price_consent", "en", CONSENT).unwrap();
    assert!(matches!(fixture.device.freeze_document(id(9), "work_done", "en", ""), Err(Error::NotFound)));
}

#[test]
fn a_refusal_with_its_reason_stands_in_the_place_of_a_signature() {
    let (fixture, document) = reported();
    let device = &fixture.device;
    let unexplained = device.refuse_signature(document.id, "Kim Lund", "customer", " ");
    assert!(matches!(unexplained, Err(Error::Invalid(Invalid::Missing("reason")))));
    device.refuse_signature(document.id, "Kim Lund", "customer", "wants a second opinion").unwrap();
    device.finish_visit(id(50)).unwrap();

    let status = device.verify(id(50)).unwrap().remove(0);
    assert_eq!(status.verified.unwrap().statement.refused.as_deref(), Some("wants a second opinion"));
    assert!(status.strokes.is_empty());
    assert_eq!(device.job(id(50)).unwrap().status, Status::Submitted);
}

#[test]
fn one_changed_byte_is_found_and_named() {
    let (fixture, document) = reported();
    let signature = fixture.device.sign(document.id, &drawn(), "Kim", "customer").unwrap();
    let broken = |record: RecordId, group: &str, field: &str| {
        let mut record = fixture.device.record(record).unwrap().record;
        let mut fields = show::fields(&record, group).unwrap().clone();
        let mut bytes = fields.get(field).unwrap().as_bytes().unwrap().to_vec();
        bytes[3] ^= 1;
        fields.insert(field.into(), bytes.into());
        record.groups.get_mut(group).unwrap().values_mut().for_each(|sibling| sibling.fields = fields.clone());
        let whole = fixture.device.record(record.id).unwrap().record;
        fixture
            .device
            .change(|work| crate::store::pending::clear(work.tx).and_then(|()| work.set_theirs(&record, None)))
            .unwrap();
        let found = fixture.device.verify(id(50)).unwrap().remove(0).verified.unwrap_err();
        fixture.deliver(&[whole]);
        found
    };
    fixture.deliver(&[fixture.device.record(id(50)).unwrap().record]);

    // The pending edits become what the office said, so that they can be tampered with below.
    let below: Vec<_> = fixture.device.read(|conn| crate::store::below(conn, id(50))).unwrap();
    fixture.deliver(&below);
    assert_eq!(broken(document.id, "document", "content"), Unverified::DocumentChanged);
    assert_eq!(broken(signature, "signature", "strokes"), Unverified::StrokesChanged);
    assert_eq!(broken(signature, "signature", "device_signature"), Unverified::DeviceSignature);
    let content = show::fields(&fixture.device.record(document.id).unwrap().record, "document").unwrap().clone();
    assert!(Voucher::from_bytes(content.get("content").unwrap().as_bytes().unwrap()).is_some());
    assert_eq!(content.hash("hash"), Some(document.hash));
}
