//! A record larger than a page: it comes in pieces, and holds up nothing.

use fieldsync::{Draft, Hash, fields};
use fieldsync_protocol::limits::PAGE_BYTES;
use fieldsync_tests::fleet::Fleet;

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
    for phone in &phones {
        let changed = fields! { "all" => noise(&format!("{:?}", phone.device().dir()), PAGE_BYTES - 12_144) };
        let draft = Draft::of("work_report", report).set("parameters", fields! { "changed" => changed });
        phone.device().edit(draft).expect("the parameters are written");
    }
    fleet.settle(&phones);
    first.device().add_note(order, "gate code 4711").expect("a note is added");
    fleet.settle(&phones);

    let siblings = |phone: &fieldsync_tests::fleet::Phone| {
        phone.device().record(report).expect("the report is here").record.siblings("parameters").count()
    };
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
