//! Privacy: what was erased is gone everywhere, and nobody brings it back.

use std::fs;
use std::path::Path;

use fieldsync::{Error, RecordId};
use fieldsync_protocol::PersonId;
use fieldsync_server::sync::erase::{erase, plan};
use fieldsync_tests::fleet::{Fleet, Phone};

use crate::{report, sign, work};

/// A word that stands in everything known of the customer.
const CANARY: &str = "kanarienvogel";

/// A customer with an order that this phone has worked on and had signed.
fn served(fleet: &Fleet, phone: &Phone) -> (RecordId, RecordId) {
    let customer = fleet.customer(&format!("{CANARY} Quarry"));
    let order = fleet.order(customer, &format!("{CANARY} bucket drops"));
    fleet.assign(order, phone.technician);
    fleet.settle(&[phone]);
    work(phone, order, &format!("{CANARY} seal worn through"));
    sign(phone, order);
    fleet.settle(&[phone]);
    (customer, order)
}

fn erase_customer(fleet: &Fleet, customer: RecordId) {
    let plan =
        fleet.office.read(|txn| plan(txn, customer)).expect("the office reads").expect("there is such a customer");
    erase(&fleet.office, PersonId(fleet.office.new_id().0), &plan).expect("the office erases");
}

/// The files below a folder that hold the canary.
fn holding(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder reads").path();
        if path.is_dir() {
            found.extend(holding(&path));
        } else if fs::read(&path).expect("the file reads").windows(CANARY.len()).any(|part| part == CANARY.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn an_erased_customer_is_gone_from_office_and_phone_to_the_last_byte() {
    let fleet = Fleet::open();
    let (anna, bert) = (fleet.phone("Anna"), fleet.phone("Bert"));
    let (customer, order) = served(&fleet, &anna);
    let other = fleet.order(fleet.customer("Quarry South"), "engine overheats");
    fleet.assign(other, anna.technician);
    fleet.assign(other, bert.technician);
    fleet.settle(&[&anna, &bert]);
    assert!(!holding(anna.folder()).is_empty() && !holding(fleet.office_folder()).is_empty(), "the search finds it");

    erase_customer(&fleet, customer);
    let receipt = anna.sync();
    fleet.settle(&[&anna, &bert]);

    assert!(receipt.erased > 5, "{}", receipt.erased);
    assert!(matches!(anna.device().job(order), Err(Error::NotFound)));
    assert!(anna.device().job(other).is_ok(), "everything else stays");
    assert!(!fleet.has(customer) && !fleet.has(order));
    assert_eq!(holding(anna.folder()), [""; 0], "on the phone");
    assert_eq!(holding(fleet.office_folder()), [""; 0], "at the office");
    let chain = fleet.office.read(|txn| txn.verify_chain()).expect("the office reads");
    assert!(chain.is_ok(), "the history still verifies: {chain:?}");
}

#[test]
fn what_a_phone_that_was_away_still_brings_is_dropped_and_counted() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let (customer, order) = served(&fleet, &anna);
    erase_customer(&fleet, customer);

    anna.device().write_report(order, &report(&format!("{CANARY} and the rod is scored"))).expect("it is written");
    anna.device().add_note(order, &format!("{CANARY} calls at night")).expect("a note is added");
    fleet.clock.advance_minutes(200 * 24 * 60);
    fleet.settle(&[&anna]);

    assert!(anna.device().drawer().expect("the phone's store reads").is_empty(), "it is not kept in a drawer either");
    assert_eq!(holding(anna.folder()), [""; 0]);
    assert_eq!(holding(fleet.office_folder()), [""; 0]);
    let dropped: u64 =
        fleet.office.read(|txn| txn.all_erased()).expect("the office reads").iter().map(|erased| erased.dropped).sum();
    assert!(dropped >= 2, "a report and a note: {dropped}");
}

#[test]
fn no_restored_backup_and_no_phone_brings_the_erased_back() {
    let mut fleet = Fleet::open();
    let (anna, bert) = (fleet.phone("Anna"), fleet.phone("Bert"));
    let (customer, order) = served(&fleet, &anna);
    fleet.assign(order, bert.technician);
    fleet.settle(&[&anna, &bert]);
    let backup = fleet.back_up();
    erase_customer(&fleet, customer);
    anna.sync();

    fleet.restore(&backup); // the log outside the database is replayed when the server starts
    assert!(!fleet.has(customer) && !fleet.has(order));
    fleet.settle(&[&bert, &anna]); // Bert's phone never heard of the erasure and offers everything back

    assert!(!fleet.has(customer) && !fleet.has(order));
    assert_eq!(holding(bert.folder()), [""; 0]);
    assert_eq!(holding(fleet.office_folder()), [""; 0]);
}
