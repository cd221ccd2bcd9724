//! A server restored from an old backup is refilled by its phones.

use fieldsync_protocol::status::Status;
use fieldsync_tests::fleet::Fleet;

use crate::{sign, work};

#[test]
fn what_a_restored_office_forgot_comes_back_from_the_phones() {
    let mut fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let customer = fleet.customer("Quarry North");
    let known = fleet.order(customer, "bucket drops");
    fleet.assign(known, anna.technician);
    fleet.settle(&[&anna]);
    let backup = fleet.back_up();

    // Forgotten: a whole order that the office gave out after the backup, and work on both.
    let forgotten = fleet.order(customer, "engine overheats");
    fleet.assign(forgotten, anna.technician);
    fleet.settle(&[&anna]);
    work(&anna, known, "seal worn through");
    work(&anna, forgotten, "thermostat stuck");
    sign(&anna, known);
    fleet.settle(&[&anna]);
    let before = [known, forgotten].map(|order| fleet.job(order));
    let pending = anna.device().add_note(forgotten, "still only on the phone").expect("a note is added");
    fleet.restore(&backup);
    assert!(!fleet.has(forgotten), "the office has forgotten it");

    let receipt = anna.sync();
    fleet.settle(&[&anna]);

    assert!(receipt.restamps > 0, "a new epoch is a new replica id");
    for job in before {
        let after = fleet.job(job.order.id);
        assert_eq!(after.order, job.order, "the office's own words come back as they were");
        assert_eq!((after.parts, after.reports, after.events), (job.parts, job.reports, job.events));
        assert_eq!((after.documents, after.signatures), (job.documents, job.signatures));
    }
    assert!(fleet.has(pending));
    assert_eq!(fleet.status(known), Status::Submitted);
    assert_eq!(anna.device().status().expect("the phone's store reads").refused, 0, "and what was refused meanwhile");
}

#[test]
fn a_phone_that_never_met_the_forgotten_time_is_undisturbed() {
    let mut fleet = Fleet::open();
    let (anna, bert) = (fleet.phone("Anna"), fleet.phone("Bert"));
    let customer = fleet.customer("Quarry North");
    let (hers, his) = (fleet.order(customer, "bucket drops"), fleet.order(customer, "engine overheats"));
    fleet.assign(hers, anna.technician);
    fleet.assign(his, bert.technician);
    fleet.settle(&[&anna, &bert]);
    let backup = fleet.back_up();
    work(&anna, hers, "seal worn through");
    fleet.settle(&[&anna]);
    let note = bert.device().add_note(his, "written before he heard of it").expect("a note is added");
    fleet.restore(&backup);

    fleet.settle(&[&bert, &anna]);

    assert!(fleet.has(note));
    assert_eq!(fleet.job(hers).parts.len(), 1);
}

#[test]
fn a_device_enrolled_in_the_forgotten_time_is_still_known_by_its_certificate() {
    let mut fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = fleet.order(fleet.customer("Quarry North"), "bucket drops");
    fleet.assign(order, anna.technician);
    fleet.settle(&[&anna]);
    let backup = fleet.back_up();
    let tablet = fleet.phone_of("Anna's tablet", anna.technician);
    let note = tablet.device().add_note(order, "from the new tablet").expect("a note is added");
    fleet.restore(&backup);

    fleet.settle(&[&tablet, &anna]);

    assert!(fleet.has(note));
}
