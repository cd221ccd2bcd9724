//! Deletes that meet somebody who was away for long.

use fieldsync::{RecordId, Value, fields};
use fieldsync_protocol::record::{DELETED, delete_fields};
use fieldsync_tests::fleet::{Fleet, Phone};

/// The office deletes a record as it stands.
fn delete(fleet: &Fleet, kind: &'static str, id: RecordId) {
    let seen = fleet.record(id).version;
    fleet.edit(kind, id, vec![(DELETED, delete_fields(&seen))]).expect("the office deletes master data");
}

/// A contact of a customer, on an order of this phone.
fn contact(fleet: &Fleet, phone: &Phone) -> (RecordId, RecordId) {
    let customer = fleet.customer("Quarry North");
    let contact = fleet.office.new_id();
    let person = fields! { "customer" => customer, "name" => "Li Wei", "phone" => "+86 10 5555" };
    fleet.edit("contact", contact, vec![("person", person)]).expect("a contact can be added");
    let order = fleet.order(customer, "bucket drops");
    let parties = fields! { "customer" => customer, "contact" => contact };
    fleet.edit("work_order", order, vec![("parties", parties)]).expect("the order names the contact");
    fleet.assign(order, phone.technician);
    fleet.settle(&[phone]);
    (order, contact)
}

/// Syncthing #10590: after a retired device's counters were dropped, a replica that had been offline for long brought
/// deleted files back and raised thousands of conflicts.
#[test]
fn a_phone_that_was_away_for_four_hundred_days_revives_nothing() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let (order, contact) = contact(&fleet, &anna);
    delete(&fleet, "contact", contact);
    let note = anna.device().add_note(order, "called the old number").expect("a note is added");
    fleet.clock.advance_minutes(400 * 24 * 60);

    let bert = fleet.phone("Bert"); // a new device that never knew the contact
    fleet.assign(order, bert.technician);
    fleet.settle(&[&anna, &bert]);
    fleet.settle(&[&anna, &bert]);

    assert!(fleet.record(contact).is_deleted(), "it stays deleted");
    assert!(fleet.has(note), "what was written meanwhile is there");
    assert!(
        fleet.conflicts(contact).is_empty() && fleet.conflicts(order).is_empty(),
        "and nobody has to decide anything"
    );
}

/// Syncthing #2629: deleted on two of three nodes while the third was away, the file came back from the third.
#[test]
fn a_record_deleted_twice_by_people_who_saw_different_versions_stays_deleted() {
    let fleet = Fleet::open();
    let (anna, bert) = (fleet.phone("Anna"), fleet.phone("Bert"));
    let (order, contact) = contact(&fleet, &anna);
    fleet.assign(order, bert.technician);
    fleet.settle(&[&anna, &bert]);
    let first_page = fleet.record(contact).version;
    delete(&fleet, "contact", contact);
    // Another dispatcher, on a page opened before that.
    let again = vec![(DELETED, delete_fields(&first_page))];
    fleet.edit_seen("contact", contact, again, Some(first_page)).expect("a dispatcher deletes it too");

    anna.sync();
    fleet.clock.advance_minutes(90 * 24 * 60);
    fleet.settle(&[&bert, &anna]);

    assert!(fleet.record(contact).is_deleted());
    for phone in [&anna, &bert] {
        let held = phone.device().record(contact);
        assert!(
            held.is_err() || held.is_ok_and(|held| held.record.is_deleted()),
            "{} does not show it as alive",
            phone.name
        );
    }
}

/// The other half of it: who changed the record without knowing of the delete is heard, by one conflict, not silently
/// overruled either way.
#[test]
fn a_delete_and_a_change_that_did_not_know_of_each_other_are_one_conflict() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let (_, contact) = contact(&fleet, &anna);
    let page = fleet.record(contact).version;
    delete(&fleet, "contact", contact);

    let number = Value::from("+86 10 6666");
    let person = vec![("person", fields! { "phone" => number })];
    fleet.edit_seen("contact", contact, person, Some(page)).expect("another dispatcher corrects the number");
    fleet.settle(&[&anna]);

    assert!(!fleet.record(contact).is_deleted(), "the change keeps it");
    assert_eq!(fleet.conflicts(contact).len(), 1, "and a person decides");
}
