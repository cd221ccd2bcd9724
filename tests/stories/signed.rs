//! What a customer signed, and what became of it.

use fieldsync::{Error, fields};
use fieldsync_protocol::document::{Unverified, Voucher, verify, verify_in};
use fieldsync_protocol::status::Status;
use fieldsync_server::sync::board;
use fieldsync_tests::fleet::Fleet;

use crate::{report, seal_kit, sign, strokes, work};

#[test]
fn a_signature_made_offline_verifies_at_the_office_and_comes_back_countersigned() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = fleet.given(&anna, "Quarry North", "bucket drops");
    anna.network.set_down(true);
    work(&anna, order, "seal worn through");
    sign(&anna, order);
    let offline = anna.device().verify(order).expect("the phone's store reads");
    assert_eq!(offline[0].verified.as_ref().expect("it verifies without a network").countersigned_ms, None);

    anna.network.set_down(false);
    fleet.settle(&[&anna]);

    assert_eq!(fleet.status(order), Status::Submitted);
    let (job, root) = (fleet.job(order), fleet.office.keys.public_root());
    let verified = verify_in(&job, &job.signatures[0], &root).expect("it verifies at the office");
    assert_eq!(verified.statement.signer, "Li Wei");
    assert!(verified.countersigned_ms.is_some());
    let back = anna.device().verify(order).expect("the phone's store reads");
    assert!(back[0].verified.as_ref().expect("it still verifies").countersigned_ms.is_some());
    assert!(back[0].differences.is_empty());

    let mut forged = Voucher::from_bytes(&job.documents[0].content).expect("a voucher");
    forged.parts[0].price_minor = Some(1);
    assert_eq!(verify(&forged.to_bytes(), &job.signatures[0], &root).err(), Some(Unverified::DocumentChanged));
}

#[test]
fn what_the_office_changes_after_the_signature_is_shown_as_a_difference_on_both_sides() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let customer = fleet.customer("Quarry North");
    let order = fleet.order(customer, "bucket drops");
    fleet.assign(order, anna.technician);
    fleet.settle(&[&anna]);
    work(&anna, order, "seal worn through");
    sign(&anna, order);
    fleet.settle(&[&anna]);

    fleet.edit("customer", customer, vec![("identity", fields! { "name" => "Quarry North Ltd" })]).expect("renamed");
    fleet.settle(&[&anna]);

    let loaded = fleet.office.read(|txn| board::load(txn, order)).expect("the office reads").expect("the order");
    let at_office = board::differences(&loaded, &loaded.job.documents[0].content);
    assert_eq!(at_office.len(), 1);
    assert_eq!(at_office[0].signed.as_deref(), Some("Quarry North"));
    assert_eq!(at_office[0].now.as_deref(), Some("Quarry North Ltd"));
    let on_phone = anna.device().verify(order).expect("the phone's store reads");
    assert_eq!(on_phone[0].differences, at_office);
    assert!(on_phone[0].verified.is_ok(), "what was signed stays signed");
}

#[test]
fn a_document_that_says_something_else_than_the_job_cannot_be_signed() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = fleet.given(&anna, "Quarry North", "bucket drops");
    let device = anna.device();
    device.start_visit(order).expect("the visit starts");
    device.write_report(order, &report("seal worn through")).expect("the report is written");
    let document = device.freeze_document(order, "work_done", "en", "I confirm.").expect("it is frozen").id;

    device.use_part(order, &seal_kit()).expect("a part is recorded");
    let signed = device.sign(document, &strokes(), "Li Wei", "site manager");

    assert!(matches!(signed, Err(Error::DocumentOutdated)), "{signed:?}");
    let again = device.freeze_document(order, "work_done", "en", "I confirm.").expect("it is frozen").id;
    device.sign(again, &strokes(), "Li Wei", "site manager").expect("now it says what stands there");
}

#[test]
fn a_customer_who_refuses_to_sign_is_recorded_with_the_reason() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = fleet.given(&anna, "Quarry North", "bucket drops");
    work(&anna, order, "seal worn through");
    let device = anna.device();
    let document = device.freeze_document(order, "work_done", "en", "I confirm.").expect("it is frozen").id;
    device.refuse_signature(document, "Li Wei", "site manager", "wants a second opinion").expect("it is recorded");
    fleet.settle(&[&anna]);

    let job = fleet.job(order);
    let verified = verify_in(&job, &job.signatures[0], &fleet.office.keys.public_root()).expect("it verifies");
    assert_eq!(verified.statement.refused.as_deref(), Some("wants a second opinion"));
    assert_eq!(fleet.status(order), Status::Submitted, "the office reviews");
}
