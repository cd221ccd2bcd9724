//! Deleted records that are kept no more: only once everybody is proven to know, and for good.

mod whatever;

use fieldsync::{Draft, RecordId, fields};
use fieldsync_protocol::DeviceId;
use fieldsync_protocol::record::{DELETED, delete_fields};
use fieldsync_protocol::rights::Code;
use fieldsync_server::enrol;
use fieldsync_server::people::OPERATOR;
use fieldsync_server::store::{Collected, Held};
use fieldsync_server::sync::bundle::Fate;
use fieldsync_server::sync::collect::{self, Blocker, Plan};
use fieldsync_server::sync::edit::EditError;
use fieldsync_server::sync::{erase, held};
use fieldsync_server::verify::verify;
use fieldsync_tests::fleet::{Fleet, Phone};

/// A word that stands in what was deleted, and nowhere else.
const CANARY: &str = "kanarienvogel";

fn device_of(phone: &Phone) -> DeviceId {
    phone.device().identity().expect("the phone's store reads").expect("it is enrolled").device
}

/// A customer with an order on these phones.
fn order_for(fleet: &Fleet, phones: &[&Phone]) -> (RecordId, RecordId) {
    let customer = fleet.customer("Quarry North");
    let order = fleet.order(customer, "bucket drops");
    for phone in phones {
        fleet.assign(order, phone.technician);
    }
    fleet.settle(phones);
    (customer, order)
}

/// A contact that a technician met on site: on their phone and at the office.
fn contact_by(fleet: &Fleet, phone: &Phone, customer: RecordId) -> RecordId {
    let person = fields! { "customer" => customer, "name" => CANARY };
    let contact = phone.device().edit(Draft::new("contact").set("person", person)).expect("a contact is added").record;
    fleet.settle(&[phone]);
    assert!(fleet.has(contact));
    contact
}

fn delete(fleet: &Fleet, kind: &'static str, id: RecordId) {
    let seen = fleet.record(id).version;
    fleet.edit(kind, id, vec![(DELETED, delete_fields(&seen))]).expect("the office deletes it");
}

/// A contact that the office deleted, as everybody has heard.
fn deleted_contact(fleet: &Fleet, phone: &Phone) -> RecordId {
    let (customer, _) = order_for(fleet, &[phone]);
    let contact = contact_by(fleet, phone, customer);
    delete(fleet, "contact", contact);
    fleet.settle(&[phone]);
    contact
}

fn rename(phone: &Phone, contact: RecordId, name: &str) {
    let draft = Draft::of("contact", contact).change("person", fields! { "name" => name });
    phone.device().edit(draft).expect("the contact is corrected");
}

fn collect(fleet: &Fleet) -> Plan {
    collect::collect(&fleet.office, OPERATOR.person).expect("the office collects")
}

fn plan(fleet: &Fleet) -> Plan {
    fleet.office.read(collect::plan).expect("the office reads")
}

fn collected(fleet: &Fleet, id: RecordId) -> Option<Collected> {
    fleet.office.read(|txn| txn.collected(id)).expect("the office reads")
}

fn floor(fleet: &Fleet) -> u64 {
    fleet.office.read(|txn| txn.tenant()).expect("the office reads").floor
}

fn waiting(fleet: &Fleet) -> Vec<Held> {
    fleet.office.read(|txn| txn.all_held(true)).expect("the office reads")
}

fn is_here(phone: &Phone, id: RecordId) -> bool {
    phone.device().record(id).is_ok()
}

/// Collects the record and, when everybody has confirmed that as well, its last marks.
fn forget(fleet: &Fleet, phones: &[&Phone], id: RecordId) {
    fleet.settle(phones);
    collect(fleet);
    assert!(!fleet.has(id) && collected(fleet, id).is_some_and(|collected| collected.has_marks));
    fleet.settle(phones);
    collect(fleet);
    assert!(collected(fleet, id).is_some_and(|collected| !collected.has_marks));
}

#[test]
fn a_deleted_record_is_kept_until_every_phone_has_confirmed_that_it_knows() {
    let fleet = Fleet::open();
    let (anna, bert) = (fleet.phone("Anna"), fleet.phone("Bert"));
    let (customer, _) = order_for(&fleet, &[&anna, &bert]);
    let contact = contact_by(&fleet, &anna, customer);
    fleet.settle(&[&bert]);
    delete(&fleet, "contact", contact);
    let place = fleet.office.read(|txn| txn.record(contact)).expect("the office reads").expect("it is there").sequence;

    anna.sync();
    let blockers = |plan: &Plan| plan.records.iter().map(|record| record.blockers.clone()).collect::<Vec<_>>();
    let both = [Blocker::Device(device_of(&anna)), Blocker::Device(device_of(&bert))];
    assert_eq!(blockers(&collect(&fleet)), [both], "being told is not having confirmed");
    fleet.settle(&[&anna]);
    assert_eq!(blockers(&plan(&fleet)), [[both[1]]]);
    assert!(collect(&fleet).records.iter().all(|record| !record.is_free()) && fleet.has(contact));

    fleet.settle(&[&bert]);
    assert_eq!(blockers(&collect(&fleet)), [[]]);

    assert!(!fleet.has(contact));
    let noted = collected(&fleet, contact).expect("it is noted");
    assert_eq!(noted.proof.len(), 2, "and so is the proof");
    assert!(noted.deleted == place && noted.proof.iter().all(|(_, confirmed)| *confirmed >= place));
    assert_eq!(collect(&fleet).records, [], "twice is once");
    fleet.settle(&[&anna, &bert]);
    assert_eq!(anna.device().record(contact).map(|_| ()).unwrap_err().code(), "not_found");
    assert_eq!(floor(&fleet), 0);
    collect(&fleet);
    assert_eq!(floor(&fleet), noted.sequence, "whoever was not told by then cannot be told any more");
    let checked = fleet.runtime().block_on(verify(&fleet.office, &fleet.blobs())).expect("the office is checked");
    assert_eq!(checked.problems, [""; 0]);
    assert!(
        fleet.office.read(|txn| txn.history_of(contact)).expect("the office reads").len() > 2,
        "history says it all"
    );
}

#[test]
fn what_somebody_still_names_or_must_still_decide_is_not_collected() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let (customer, order) = order_for(&fleet, &[&anna]);
    let contact = contact_by(&fleet, &anna, customer);
    let parties =
        |contact: Option<RecordId>| vec![("parties", fields! { "customer" => customer, "contact" => contact })];
    fleet.edit("work_order", order, parties(Some(contact))).expect("the order names the contact");
    delete(&fleet, "contact", contact);
    delete(&fleet, "customer", customer);
    fleet.settle(&[&anna]);

    let blocked = collect(&fleet).records;
    assert_eq!(blocked.len(), 2);
    assert!(blocked.iter().all(|record| record.blockers == [Blocker::Named(order)]), "{blocked:?}");

    fleet.edit("work_order", order, parties(None)).expect("the order names nobody");
    let bert = fleet.phone("Bert");
    fleet.assign(order, bert.technician);
    let his = contact_by(&fleet, &bert, customer);
    delete(&fleet, "contact", his);
    rename(&bert, his, "from a phone that is revoked by now");
    enrol::revoke(&fleet.office, device_of(&bert)).expect("it is revoked");
    bert.sync();
    fleet.settle(&[&anna]);
    let left = collect(&fleet).records;
    let waits = left.iter().find(|record| record.record == his).expect("it is still there");
    assert_eq!(waits.blockers, [Blocker::Held]);
    assert_eq!(
        left.iter().filter(|record| record.is_free()).map(|record| record.record).collect::<Vec<_>>(),
        [contact]
    );
    assert!(fleet.has(customer), "an order of theirs is there");
}

#[test]
fn a_phone_that_never_returns_blocks_until_it_is_given_up_and_brings_nothing_back() {
    let fleet = Fleet::open();
    let (anna, bert) = (fleet.phone("Anna"), fleet.phone("Bert"));
    let (customer, order) = order_for(&fleet, &[&anna, &bert]);
    let contact = contact_by(&fleet, &bert, customer);
    rename(&bert, contact, "never sent");
    delete(&fleet, "contact", contact);
    fleet.clock.advance_minutes(390 * 24 * 60);
    fleet.settle(&[&anna]);
    assert_eq!(collect(&fleet).records[0].blockers, [Blocker::Device(device_of(&bert))], "age proves nothing");

    enrol::retire(&fleet.office, device_of(&bert)).expect("it is given up");
    forget(&fleet, &[&anna], contact);
    let note = bert.device().add_note(order, "written all the same").expect("a note is added");
    let receipt = bert.sync();

    assert!(receipt.started_over && receipt.refilled == 0);
    assert_eq!(waiting(&fleet).iter().filter(|held| held.record == contact).count(), 1);
    fleet.settle(&[&anna, &bert]);
    assert!(!fleet.has(contact) && !is_here(&bert, contact));
    assert!(!fleet.has(note) && waiting(&fleet).iter().any(|held| held.record == note), "the note waits for a person");
}

#[test]
fn a_phone_from_a_backup_does_not_bring_a_collected_record_back() {
    for are_marks_gone in [false, true] {
        let fleet = Fleet::open();
        let mut anna = fleet.phone("Anna");
        let (customer, order) = order_for(&fleet, &[&anna]);
        let contact = contact_by(&fleet, &anna, customer);
        rename(&anna, contact, "not sent before the backup");
        anna.kill();
        let backup = fleet.copy_of(&anna);
        fleet.reopen(&mut anna);
        fleet.settle(&[&anna]);
        delete(&fleet, "contact", contact);
        fleet.settle(&[&anna]);
        match are_marks_gone {
            true => forget(&fleet, &[&anna], contact),
            false => drop(collect(&fleet)),
        }
        assert!(!fleet.has(contact));
        rename(&backup, contact, "after the backup");
        let note = backup.device().add_note(order, "after the backup").expect("a note is added");

        let receipt = backup.sync();
        fleet.settle(&[&backup, &anna]);

        assert_eq!(receipt.started_over, are_marks_gone, "a cursor below the floor cannot be told");
        assert!(!fleet.has(contact) && !is_here(&backup, contact) && !is_here(&anna, contact));
        let held = waiting(&fleet);
        assert!(!held.is_empty() && held.iter().all(|held| (held.record, held.code) == (contact, Code::Collected)));
        assert!(fleet.has(note), "other work goes its way");
        let (office, id) = (fleet.office.clone(), held[0].id);
        let released = fleet.office.write(move |txn| held::release(&office, txn, &OPERATOR, id));
        assert!(matches!(released, Err(EditError::Refused(Code::Collected))), "not even a person lets it in again");
    }
}

#[test]
fn a_bundle_that_comes_late_does_not_bring_a_collected_record_back() {
    let fleet = Fleet::open();
    let mut anna = fleet.phone("Anna");
    let (customer, order) = order_for(&fleet, &[&anna]);
    let contact = contact_by(&fleet, &anna, customer);
    anna.kill();
    let offline = fleet.copy_of(&anna);
    fleet.reopen(&mut anna);
    rename(&offline, contact, "carried");
    let note = offline.device().add_note(order, "carried").expect("a note is added");
    let file = fleet.file("late.bundle");
    offline.device().export_bundle(&file).expect("a bundle is exported");
    delete(&fleet, "contact", contact);
    forget(&fleet, &[&anna], contact);

    let imported = fleet.import(&file).expect("the office imports it");

    assert_eq!(imported.count(|fate| *fate == Fate::Held(Code::Collected)), 1);
    assert!(!fleet.has(contact) && fleet.has(note));
    fleet.settle(&[&offline, &anna]);
    assert!(!fleet.has(contact) && !is_here(&offline, contact));
    assert_eq!(waiting(&fleet).len(), 1, "and the phone's own push of the same is not held twice");
}

#[test]
fn an_office_restored_from_before_the_delete_keeps_a_collected_record_deleted() {
    let mut fleet = Fleet::open();
    let mut anna = fleet.phone("Anna");
    let (customer, _) = order_for(&fleet, &[&anna]);
    let contact = contact_by(&fleet, &anna, customer);
    let backup = fleet.back_up();
    // The office corrects it in the time that is lost: what a phone holds of that is the office's own word.
    fleet.edit("contact", contact, vec![("person", fields! { "name" => "corrected" })]).expect("it is corrected");
    fleet.settle(&[&anna]);
    anna.kill();
    let old_phone = fleet.copy_of(&anna);
    fleet.reopen(&mut anna);
    delete(&fleet, "contact", contact);
    forget(&fleet, &[&anna], contact);

    fleet.restore(&backup);

    assert!(fleet.record(contact).is_deleted(), "it is there again, deleted");
    assert_eq!(plan(&fleet).records[0].blockers.len(), 1, "what phones bring back from the lost time is waited for");
    fleet.settle(&[&anna]);
    fleet.settle(&[&old_phone]);
    fleet.settle(&[&anna, &old_phone]);
    assert!(fleet.record(contact).is_deleted(), "also after a phone offered it as it was");
    assert!(fleet.conflicts(contact).is_empty());
    let again = fleet.edit("contact", contact, vec![("person", fields! { "name" => "again" })]);
    assert!(matches!(again, Err(EditError::Refused(Code::Collected))));
    forget(&fleet, &[&anna, &old_phone], contact);
    assert!(!is_here(&anna, contact) && !is_here(&old_phone, contact));
}

#[test]
fn after_a_restore_nothing_is_collected_before_every_phone_has_brought_back_what_it_holds() {
    let mut fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let contact = deleted_contact(&fleet, &anna);
    assert!(plan(&fleet).records[0].is_free());
    let backup = fleet.back_up();
    let revived = vec![(DELETED, fields! { "deleted" => false })];
    fleet.edit("contact", contact, revived).expect("the office wants it back, in the time that is lost");
    fleet.settle(&[&anna]);
    fleet.restore(&backup); // without a word to anybody: only a phone can tell

    assert_eq!(collect(&fleet).records[0].blockers, [Blocker::Device(device_of(&anna))]);

    fleet.settle(&[&anna]);
    assert!(!fleet.record(contact).is_deleted(), "the phone had heard that it lives");
    assert_eq!(collect(&fleet).records, []);
}

#[test]
fn an_office_restored_from_the_moment_before_a_collection_knows_of_it() {
    let mut fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let contact = deleted_contact(&fleet, &anna);
    let backup = fleet.back_up();
    collect(&fleet);

    fleet.restore(&backup);

    assert!(collected(&fleet, contact).is_some() && fleet.record(contact).is_deleted());
    let again = fleet.edit("contact", contact, vec![("person", fields! { "name" => "again" })]);
    assert!(matches!(again, Err(EditError::Refused(Code::Collected))));
}

#[test]
fn an_office_restored_from_before_a_record_was_made_does_not_take_it_from_a_phone_once_it_was_collected() {
    let mut fleet = Fleet::open();
    let mut anna = fleet.phone("Anna");
    let (customer, _) = order_for(&fleet, &[&anna]);
    let backup = fleet.back_up();
    let contact = contact_by(&fleet, &anna, customer);
    let kept = contact_by(&fleet, &anna, customer);
    anna.kill();
    let old_phone = fleet.copy_of(&anna);
    fleet.reopen(&mut anna);
    delete(&fleet, "contact", contact);
    forget(&fleet, &[&anna], contact);

    fleet.restore(&backup);
    fleet.settle(&[&old_phone]);
    fleet.settle(&[&anna, &old_phone]);

    assert!(!fleet.has(contact) && !is_here(&old_phone, contact));
    assert!(fleet.has(kept), "what was not collected comes back as ever");
}

#[test]
fn what_the_log_noted_and_the_database_never_heard_of_is_taken_back() {
    let mut fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let (customer, _) = order_for(&fleet, &[&anna]);
    let contact = contact_by(&fleet, &anna, customer);
    let older = fleet.back_up();
    fleet.edit("contact", contact, vec![("person", fields! { "name" => "corrected" })]).expect("it is corrected");
    let head = fleet.office.read(|txn| txn.tenant()).expect("the office reads");
    let line = format!("collected {contact} contact {} {} 5\n", head.sequence, head.chain);
    std::fs::write(fleet.office_folder().join("collected.log"), line).expect("a power cut leaves the log ahead");

    let same = fleet.back_up();
    fleet.restore(&same); // nothing but a start
    assert!(!fleet.record(contact).is_deleted());
    fleet.settle(&[&anna]);
    fleet.restore(&older);

    fleet.settle(&[&anna]);
    assert!(!fleet.record(contact).is_deleted() && is_here(&anna, contact), "a later restore knows it, too");
}

#[test]
fn erasing_a_customer_finds_what_was_collected_of_them() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let (customer, _) = order_for(&fleet, &[&anna]);
    let contact = contact_by(&fleet, &anna, customer);
    delete(&fleet, "contact", contact);
    forget(&fleet, &[&anna], contact);
    let met = contact_by(&fleet, &anna, customer);
    delete(&fleet, "contact", met);
    fleet.settle(&[&anna]);
    collect(&fleet);
    fleet.settle(&[&anna]);
    let found = fleet.office.read(|txn| erase::plan(txn, customer)).expect("the office reads").expect("they are there");
    assert!(found.records.contains(&(contact, "contact".to_owned())));

    erase::erase(&fleet.office, OPERATOR.person, &found).expect("the office erases");

    collect(&fleet);
    let marks = fleet.office.read(|txn| txn.scope_rows_of(met)).expect("the office reads");
    assert_eq!(marks.len(), 1, "her phone is still to be told");
    fleet.settle(&[&anna]);
    let history = fleet.office.read(|txn| txn.history_of(contact)).expect("the office reads");
    let groups: Vec<&str> = history.iter().map(|placed| placed.entry.edit.group.as_str()).collect();
    assert_eq!(groups, ["erased"], "history says nothing of it any more");
    let checked = fleet.runtime().block_on(verify(&fleet.office, &fleet.blobs())).expect("the office is checked");
    assert_eq!(checked.problems, [""; 0]);
}
