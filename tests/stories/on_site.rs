//! Orders that begin where the machine stands.

use fieldsync::work::{Known, NewAsset, NewCustomer, OpenOrder, OpenedOrder};
use fieldsync_protocol::FieldsExt;
use fieldsync_protocol::show;
use fieldsync_protocol::status::Status;
use fieldsync_tests::fleet::{Fleet, Phone};

use crate::{sign, work};

/// An order for a customer nobody knew.
pub(crate) fn open(phone: &Phone) -> OpenedOrder {
    let customer = NewCustomer { name: "Gravel & Sons".into(), city: Some("Linz".into()), ..NewCustomer::default() };
    let asset = NewAsset { name: "Loader 7".into(), serial: Some("L7-00231".into()), ..NewAsset::default() };
    let entry = OpenOrder {
        customer: Known::New(customer),
        site: None,
        asset: Some(Known::New(asset)),
        problem: "bucket drops".into(),
        priority: None,
    };
    phone.device().open_order(&entry).expect("an order can be made on site")
}

#[test]
fn a_new_customer_met_on_site_is_served_offline_and_reaches_the_office_whole() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    anna.network.set_down(true);

    let opened = open(&anna);
    work(&anna, opened.order, "seal worn through");
    sign(&anna, opened.order);
    let before = anna.device().job(opened.order).expect("the job is there");
    assert_eq!(before.status, Status::Submitted);
    assert_eq!(before.job.number(), Some(opened.number.as_str()));
    anna.network.set_down(false);
    let receipt = anna.sync();
    fleet.settle(&[&anna]);

    assert_eq!((receipt.left, receipt.wholes), (0, 0), "nothing of it went away in between");
    assert_eq!(fleet.status(opened.order), Status::Submitted);
    let customer = fleet.record(opened.customer);
    assert!(show::fields(&customer, "origin").is_some_and(|fields| fields.flag("provisional")));
    assert_eq!(show::fields(&customer, "address").and_then(|fields| fields.text("city")), Some("Linz"));
    let after = anna.device().job(opened.order).expect("the job is there");
    let number = fleet.job(opened.order).number().map(str::to_owned);
    assert_eq!(after.job.number().map(str::to_owned), number, "the office's number is on the phone");
    assert_ne!(number.as_deref(), Some(opened.number.as_str()));
    let origin = after.job.group("origin").and_then(|fields| fields.text("provisional_number"));
    assert_eq!(origin, Some(opened.number.as_str()), "the number on the customer's paper stays findable");
}

#[test]
fn what_the_office_completes_is_the_offices_and_further_changes_are_proposals() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let opened = open(&anna);
    fleet.settle(&[&anna]);

    let address = fieldsync::fields! { "street" => "Hauptstraße 1", "city" => "Linz" };
    fleet.edit("customer", opened.customer, vec![("address", address)]).expect("the office completes it");
    fleet.settle(&[&anna]);
    let draft = fieldsync::Draft::of("customer", opened.customer)
        .change("address", fieldsync::fields! { "street" => "Hauptstraße 1a" })
        .on_order(opened.order);
    let edited = anna.device().edit(draft).expect("it can be proposed");
    fleet.settle(&[&anna]);

    assert!(matches!(edited.groups["address"], fieldsync::Landing::Proposed(_)));
    assert_eq!(fleet.job(opened.order).proposals.len(), 1);
    let street =
        show::fields(&fleet.record(opened.customer), "address").and_then(|f| f.text("street").map(str::to_owned));
    assert_eq!(street.as_deref(), Some("Hauptstraße 1"), "until the office decides");
}
