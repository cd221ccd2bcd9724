//! A record larger than a page: it comes in pieces, and holds up nothing.

use fieldsync::{Draft, Hash, RecordId, fields};
use fieldsync_protocol::limits::PAGE_BYTES;
use fieldsync_server::people::OPERATOR;
use fieldsync_server::sync::held;
use fieldsync_tests::fleet::{Fleet, Phone};

/// So many bytes of text that hardly compress.
fn noise(seed: &str, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 64);
    let mut piece = Hash::blake3(seed.as_bytes());
    while text.len() < bytes {
        text.extend(piece.as_bytes().iter().map(|byte| char::from(b'!' + byte % 94)));
        piece = Hash::blake3(piece.as_bytes());
    }
    text.truncate(bytes);
    text
}

/// Writes a quarter of a megabyte into a report.
fn write(phone: &Phone, report: RecordId) {
    let changed = fields! { "all" => noise(&format!("{:?}", phone.device().dir()), PAGE_BYTES - 12_144) };
    let draft = Draft::of("work_report", report).set("parameters", fields! { "changed" => changed });
    phone.device().edit(draft).expect("the parameters are written");
}

/// How many of them stand beside each other.
fn count(phone: &Phone, report: RecordId) -> usize {
    phone.device().record(report).expect("the report is here").record.siblings("parameters").count()
}

#[test]
fn four_values_of_a_quarter_megabyte_each_stand_beside_each_other_on_every_phone() {
    let fleet = Fleet::open();
    let first = fleet.phone("Anna");
    let order = fleet.order(fleet.customer("Quarry North"), "controller replaced");
    let assignment = fleet.assign(order, first.technician);
    fleet.settle(&[&first]);
    let others: Vec<_> = (0..3).map(|_| fleet.phone_of("Anna", first.technician)).collect();
    let subject = fields! { "work_order" => order, "technician" => first.technician };
    let report = first.device().edit(Draft::new("work_report").set("subject", subject)).expect("a report").record;
    let mut phones = vec![&first];
    phones.extend(&others);
    fleet.settle(&phones);

    // Every phone writes the same group without knowing of the others, and each push is legal.
    phones.iter().for_each(|phone| write(phone, report));
    fleet.settle(&phones);
    first.device().add_note(order, "gate code 4711").expect("a note is added");
    fleet.settle(&phones);

    let siblings = |phone: &Phone| count(phone, report);
    assert!(phones.iter().all(|phone| siblings(phone) == 4), "all four values, everywhere");
    assert_eq!(fleet.conflicts(report)[0].values.len(), 4);
    assert_eq!(fleet.job(order).notes.len(), 1, "and nothing else waits for them");

    let late = fleet.phone_of("Anna", first.technician);
    assert_eq!(siblings(&late), 4, "a phone that comes new gets it whole");

    // Cut after every single answer, what has arrived stays.
    fleet.withdraw(assignment);
    let mut cut = late;
    fleet.settle(&[&cut]);
    assert!(cut.device().record(report).is_err(), "it left");
    fleet.assign(order, first.technician);
    let mut answers = 0;
    while !cut.device().record(report).is_ok_and(|shown| shown.record.siblings("parameters").count() == 4) {
        assert!(cut.sync_for(1).is_none(), "cut before it could say more");
        fleet.reopen(&mut cut);
        answers += 1;
        assert!(answers < 12, "every answer brings it further");
    }
    assert!(answers > 3, "it came in pieces");
}

#[test]
fn what_a_restored_office_forgot_of_a_record_larger_than_a_request_comes_back_value_by_value() {
    const PHONES: usize = 6;
    let mut fleet = Fleet::open();
    let first = fleet.phone("Anna");
    let order = fleet.given(&first, "Quarry North", "controller replaced");
    let subject = fields! { "work_order" => order, "technician" => first.technician };
    let report = first.device().edit(Draft::new("work_report").set("subject", subject)).expect("a report").record;
    let mut phones = vec![first];
    let technician = phones[0].technician;
    phones.extend((1..PHONES).map(|_| fleet.phone_of("Anna", technician)));
    fleet.settle(&phones.iter().collect::<Vec<_>>());
    let backup = fleet.back_up();
    phones.iter().for_each(|phone| write(phone, report));
    fleet.settle(&phones.iter().collect::<Vec<_>>());
    assert!(phones.iter().all(|phone| count(phone, report) == PHONES));
    fleet.restore(&backup);
    let phone = &phones[0];
    let note = phone.device().add_note(order, "gate code 4711").expect("a note is added");

    fleet.settle(&[phone]);

    assert!(fleet.has(note), "nothing waits for it");
    let held = fleet.office.read(|txn| txn.all_held(true)).expect("the office's store reads");
    assert_eq!(held.len(), PHONES, "the seal was over the whole: a person lets them in");
    for value in held {
        let office = fleet.office.clone();
        fleet.office.write(move |txn| held::release(&office, txn, &OPERATOR, value.id)).expect("it is let in");
    }
    fleet.settle(&[phone]);
    assert_eq!(count(phone, report), PHONES);
    assert_eq!(fleet.conflicts(report)[0].values.len(), PHONES);
}
