//! A server restored from an old backup is refilled by its phones.

use fieldsync_protocol::status::Status;
use fieldsync_server::recovery::recovery;
use fieldsync_tests::fleet::Fleet;

use crate::{report, sign, work};

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
    let order = fleet.given(&anna, "Quarry North", "bucket drops");
    let backup = fleet.back_up();
    let tablet = fleet.phone_of("Anna's tablet", anna.technician);
    let note = tablet.device().add_note(order, "from the new tablet").expect("a note is added");
    fleet.restore(&backup);

    fleet.settle(&[&tablet, &anna]);

    assert!(fleet.has(note));
}

#[test]
fn an_office_restored_from_an_image_a_day_old_has_everything_back_after_one_sync_of_each_of_twenty_phones() {
    let mut fleet = Fleet::open();
    let customer = fleet.customer("Quarry North");
    let phones: Vec<_> = (0..20).map(|number| fleet.phone(&format!("Technician {number}"))).collect();
    let orders: Vec<_> = phones
        .iter()
        .map(|phone| {
            let order = fleet.order(customer, "bucket drops");
            fleet.assign(order, phone.technician);
            phone.sync();
            order
        })
        .collect();
    let backup = fleet.back_up();
    fleet.clock.advance_minutes(24 * 60);
    // The lost day: everybody works; some has arrived, some has not; one report was written twice, with a sync between;
    // one job came and went; one phone is never heard of again.
    let mut notes = Vec::new();
    for (number, (phone, order)) in phones.iter().zip(&orders).enumerate() {
        work(phone, *order, "seal worn through");
        phone.sync();
        if number % 2 == 0 {
            notes.push(phone.device().add_note(*order, "still only on the phone").expect("a note is added"));
        }
    }
    phones[3].device().write_report(orders[3], &report("rod scored")).expect("the report is written");
    phones[3].sync();
    let given = fleet.order(customer, "given and taken on the lost day");
    let assignment = fleet.assign(given, phones[5].technician);
    phones[5].sync();
    fleet.withdraw(assignment);
    phones[5].sync();
    let before: Vec<_> = orders.iter().map(|order| fleet.job(*order)).collect();
    fleet.restore(&backup);
    assert!(fleet.job(orders[0]).parts.is_empty(), "the office is a day younger");

    let (lost, returning) = phones.split_last().expect("there are twenty");
    returning.iter().for_each(|phone| drop(phone.sync()));

    for (number, (before, order)) in before.iter().zip(&orders).enumerate().take(19) {
        let after = fleet.job(*order);
        assert_eq!(
            (&after.parts, &after.reports, &after.events),
            (&before.parts, &before.reports, &before.events),
            "{number}"
        );
    }
    assert!(notes.iter().all(|note| fleet.has(*note)), "and what had not arrived yet is there too");
    let found = fleet.office.read(recovery).expect("the office reads").expect("it was restored");
    let awaited: Vec<&str> =
        found.devices.iter().filter(|device| !device.has_returned).map(|device| device.technician.as_str()).collect();
    assert_eq!(awaited, [lost.name.as_str()], "the report says whose phone may still bring something");
    assert!(found.lost > found.brought_back, "of {} entries {} came back", found.lost, found.brought_back);
    let rewritten = before[3].reports[0].id;
    assert!(!found.missing.is_empty());
    assert!(found.missing.iter().all(|missing| missing.record == rewritten), "{:?}", found.missing);
    assert!(!fleet.has(given), "a job that came and went within the lost day is held by nobody");

    fleet.settle(&phones.iter().collect::<Vec<_>>());
    let found = fleet.office.read(recovery).expect("the office reads").expect("it was restored");
    assert_eq!(found.awaited(), 0);
    assert_eq!(fleet.job(orders[19]).parts, before[19].parts, "the last one was not lost after all");
}
