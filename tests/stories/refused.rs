//! What the office refuses is kept, shown and tried again when the reason goes away.

use fieldsync::drawer::DrawerState;
use fieldsync::{Draft, Error, fields};
use fieldsync_protocol::rights::Code;
use fieldsync_protocol::status::Status;
use fieldsync_protocol::{FieldsExt, show};
use fieldsync_tests::fleet::Fleet;

use crate::{seal_kit, sign, work};

#[test]
fn a_refused_entry_waits_in_the_drawer_with_its_reason_until_a_person_takes_it_out() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = fleet.given(&anna, "Quarry North", "bucket drops");
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
fn an_address_that_the_office_completed_first_becomes_a_proposal_by_itself() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let opened = crate::on_site::open(&anna);
    fleet.settle(&[&anna]);

    let by_anna = fields! { "street" => "Am Steinbruch 2", "city" => "Linz" };
    anna.device().edit(Draft::of("customer", opened.customer).set("address", by_anna)).expect("she opened it");
    let by_office = fields! { "street" => "Hauptstraße 1", "city" => "Linz" };
    fleet.edit("customer", opened.customer, vec![("address", by_office)]).expect("the office completes it");
    let receipt = anna.sync();

    assert_eq!(receipt.refused.iter().map(|edit| edit.code).collect::<Vec<_>>(), [Code::ProposalNeeded]);
    assert_eq!(anna.device().drawer().expect("the phone's store reads").len(), 1);
    assert_eq!(anna.sync().retried, 1, "the next sync puts it to the rules again");
    fleet.settle(&[&anna]);

    assert!(anna.device().drawer().expect("the phone's store reads").is_empty());
    let job = fleet.job(opened.order);
    assert_eq!(job.proposals.len(), 1);
    let proposal = fleet.record(job.proposals[0].id);
    let proposed = show::main_fields(&proposal).expect("a proposal says what it proposes").clone();
    assert_eq!((proposed.id("subject"), proposed.text("group")), (Some(opened.customer), Some("address")));
    assert!(fleet.conflicts(opened.customer).is_empty());
}

#[test]
fn what_named_a_customer_out_of_scope_is_applied_by_itself_when_a_new_job_brings_him_back() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let customer = fleet.customer("Quarry North");
    let assignment = fleet.assign(fleet.order(customer, "bucket drops"), anna.technician);
    fleet.settle(&[&anna]);
    fleet.withdraw(assignment);
    fleet.settle(&[&anna]);
    assert!(anna.device().record(customer).is_err(), "the customer left the phone with the job");

    // A form that stood open names him still.
    let order = anna.device().new_id();
    let drafts = vec![
        Draft::of("work_order", order)
            .set("origin", fields! { "channel" => "on_site", "provisional_number" => "P-1" })
            .set("problem", fields! { "text" => "cylinder leaks" })
            .set("parties", fields! { "customer" => customer }),
        Draft::new("assignment").set("plan", fields! { "work_order" => order, "technician" => anna.technician }),
    ];
    anna.device().edit_all(drafts).expect("the phone does not know better");
    let receipt = anna.sync();
    fleet.settle(&[&anna]);

    assert!(receipt.refused.iter().any(|edit| edit.code == Code::OutOfScope), "{receipt:?}");
    assert!(fleet.has(order), "the rest of the order is there");
    let parties =
        |fleet: &Fleet| show::fields(&fleet.record(order), "parties").and_then(|fields| fields.id("customer"));
    assert_eq!(parties(&fleet), None);
    let drawer = anna.device().drawer().expect("the phone's store reads");
    assert_eq!(drawer.iter().map(|entry| entry.code.as_str()).collect::<Vec<_>>(), ["out_of_scope"]);
    let exported = String::from_utf8(anna.device().export_drawer().expect("it is exported")).expect("JSON is text");
    for word in ["there is no such record for you", "ask the dispatcher to assign you", "Anna", "out_of_scope"] {
        assert!(exported.contains(word), "{word} is missing in {exported}");
    }

    fleet.assign(fleet.order(customer, "engine overheats"), anna.technician);
    let receipt = anna.sync();

    assert_eq!(receipt.retried, 1, "{receipt:?}");
    fleet.settle(&[&anna]);
    assert_eq!(parties(&fleet), Some(customer));
    assert!(anna.device().drawer().expect("the phone's store reads").is_empty());
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
    let order = fleet.given(&anna, "Quarry North", "bucket drops");
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
