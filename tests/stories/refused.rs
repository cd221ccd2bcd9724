//! What the office refuses is kept, shown and tried again when the reason goes away.

use fieldsync::drawer::DrawerState;
use fieldsync::{Draft, Error, fields};
use fieldsync_protocol::rights::Code;
use fieldsync_protocol::status::Status;
use fieldsync_tests::fleet::Fleet;

use crate::{seal_kit, sign, work};

#[test]
fn a_refused_entry_waits_in_the_drawer_with_its_reason_until_a_person_takes_it_out() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = fleet.order(fleet.customer("Quarry North"), "bucket drops");
    fleet.assign(order, anna.technician);
    fleet.settle(&[&anna]);
    work(&anna, order, "seal worn through");
    sign(&anna, order);
    fleet.settle(&[&anna]);

    let part = anna.device().use_part(order, &seal_kit()).expect("on the phone the order is still open");
    fleet.review(order, "approved");
    let receipt = anna.sync();

    assert_eq!(receipt.refused.iter().map(|edit| edit.code).collect::<Vec<_>>(), [Code::OrderClosed]);
    let drawer = anna.device().drawer().expect("the phone's store reads");
    assert_eq!(drawer.len(), 1);
    assert_eq!((drawer[0].record, drawer[0].state), (part, DrawerState::Refused));
    assert!(!fleet.has(part));
    assert_eq!(fleet.status(order), Status::Approved, "nothing was changed under the reviewer's hands");
    let exported = anna.device().export_drawer().expect("the drawer can be exported");
    assert!(String::from_utf8_lossy(&exported).contains("SK-40"), "what was entered can be taken elsewhere");

    let retried = anna.device().retry(drawer[0].id);
    assert!(matches!(retried, Err(Error::Refused { code: Code::OrderClosed, .. })) || retried.is_ok(), "{retried:?}");
    fleet.settle(&[&anna]);
    let again = anna.device().drawer().expect("the phone's store reads");
    assert_eq!(again.len(), 1, "trying in vain loses nothing");
    anna.device().discard(again[0].id).expect("a person takes it out");
    assert!(anna.device().drawer().expect("the phone's store reads").is_empty());
}

#[test]
fn an_address_that_the_office_completed_first_waits_in_the_drawer_and_can_be_proposed() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let opened = crate::on_site::open(&anna);
    fleet.settle(&[&anna]);

    let by_anna = fields! { "street" => "Am Steinbruch 2", "city" => "Linz" };
    anna.device().edit(Draft::of("customer", opened.customer).set("address", by_anna)).expect("she opened it");
    let by_office = fields! { "street" => "Hauptstraße 1", "city" => "Linz" };
    fleet.edit("customer", opened.customer, vec![("address", by_office)]).expect("the office completes it");
    let receipt = anna.sync();
    fleet.settle(&[&anna]);

    assert_eq!(receipt.refused.iter().map(|edit| edit.code).collect::<Vec<_>>(), [Code::ProposalNeeded]);
    let entry = anna.device().drawer().expect("the phone's store reads").remove(0);
    let fields = entry.edit.fields;
    anna.device()
        .propose(opened.order, opened.customer, "address", fields, Some("the gate is there"))
        .expect("it can be proposed");
    anna.device().discard(entry.id).expect("a person takes it out");
    fleet.settle(&[&anna]);

    assert_eq!(fleet.job(opened.order).proposals.len(), 1);
    assert!(fleet.conflicts(opened.customer).is_empty());
}

#[test]
fn the_rest_of_a_batch_goes_on_past_a_refused_entry() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let customer = fleet.customer("Quarry North");
    let (closed, open) = (fleet.order(customer, "bucket drops"), fleet.order(customer, "engine overheats"));
    fleet.assign(closed, anna.technician);
    fleet.assign(open, anna.technician);
    fleet.settle(&[&anna]);

    let late = anna.device().add_note(closed, "gate code 4711").expect("a note is added");
    let fine = anna.device().add_note(open, "gate code 4712").expect("a note is added");
    fleet.review(closed, "approved");
    let receipt = anna.sync();

    assert!(!fleet.has(late));
    assert!(fleet.has(fine));
    assert_eq!((receipt.refused.len(), receipt.accepted), (1, 1));
}

#[test]
fn a_wrong_entry_is_refused_on_the_phone_at_once_and_nothing_is_stored() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = fleet.order(fleet.customer("Quarry North"), "bucket drops");
    fleet.assign(order, anna.technician);
    fleet.settle(&[&anna]);
    let device = anna.device();

    let priority = device.edit(Draft::of("work_order", order).change("plan", fields! { "priority" => "emergency" }));
    assert!(matches!(priority, Err(Error::Refused { code: Code::OfficeOwned, .. })), "{priority:?}");
    let finished = device.finish_visit(order);
    assert!(matches!(finished, Err(Error::NotReady { .. })), "{finished:?}");
    let catalogue = device.edit(Draft::new("part").set(
        "catalogue",
        fields! {
            "number" => "X", "name" => "mine", "unit" => "pc",
        },
    ));
    assert!(matches!(catalogue, Err(Error::Refused { code: Code::OfficeOwned, .. })), "{catalogue:?}");

    assert!(device.pending().expect("the phone's store reads").is_empty());
}
