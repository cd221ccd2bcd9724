//! Phones that come back after nobody waited for them any more: given up by the office, or away for more than a year.

use fieldsync::RecordId;
use fieldsync::drawer::DrawerState;
use fieldsync_protocol::DeviceId;
use fieldsync_protocol::rights::Code;
use fieldsync_server::enrol;
use fieldsync_server::people::OPERATOR;
use fieldsync_server::store::Held;
use fieldsync_server::sync::bundle::Fate;
use fieldsync_server::sync::held;
use fieldsync_tests::fleet::{Fleet, Phone};
use fieldsync_tests::network::Fault;

use crate::work;

/// Longer than any device may be away.
const AWAY_MINUTES: i64 = 401 * 24 * 60;

fn device_of(phone: &Phone) -> DeviceId {
    phone.device().identity().expect("the phone's store reads").expect("it is enrolled").device
}

/// A phone with a job on it.
fn with_job(fleet: &Fleet, name: &str) -> (Phone, RecordId) {
    let phone = fleet.phone(name);
    let order = fleet.given(&phone, "Quarry North", "bucket drops");
    (phone, order)
}

fn replica(phone: &Phone) -> fieldsync_protocol::ReplicaId {
    phone.device().status().expect("the phone's store reads").replica
}

fn held_at_the_office(fleet: &Fleet) -> Vec<Held> {
    fleet.office.read(|txn| txn.all_held(true)).expect("the office's store reads")
}

fn is_retired(fleet: &Fleet, phone: &Phone) -> bool {
    let found = fleet.office.read(|txn| txn.device(device_of(phone))).expect("the office's store reads");
    found.expect("it is enrolled").retired_ms.is_some()
}

fn note(phone: &Phone, order: RecordId, text: &str) -> RecordId {
    phone.device().add_note(order, text).expect("a note is added")
}

#[test]
fn a_phone_that_was_given_up_hands_its_work_to_a_person_and_goes_on_as_a_fresh_one() {
    // Also when the office has never heard of the id that it comes with.
    for has_pushed in [true, false] {
        let fleet = Fleet::open();
        let (anna, order) = with_job(&fleet, "Anna");
        let known = has_pushed.then(|| note(&anna, order, "sent before"));
        fleet.settle(&[&anna]);
        goes_on_as_a_fresh_one(&fleet, &anna, order, known);
    }
}

fn goes_on_as_a_fresh_one(fleet: &Fleet, anna: &Phone, order: RecordId, known: Option<RecordId>) {
    let (late, before) = (note(anna, order, "written, never sent"), replica(anna));
    enrol::retire(&fleet.office, device_of(anna)).expect("the office gives it up");
    enrol::retire(&fleet.office, device_of(anna)).expect("twice is once");
    assert!(is_retired(fleet, anna));

    let receipt = anna.sync();

    assert_eq!(receipt.held.iter().map(|held| held.code).collect::<Vec<_>>(), [Code::Retired]);
    assert!(known.is_none_or(|known| fleet.has(known)) && !fleet.has(late), "what was not sent waits for a person");
    let drawer = anna.device().drawer().expect("the drawer reads");
    assert_eq!(drawer.iter().map(|entry| entry.state).collect::<Vec<_>>(), [DrawerState::Held], "and is kept here");
    assert_ne!(replica(anna), before, "it goes on under a fresh id");
    assert!(!is_retired(fleet, anna), "and is waited for again");

    let new = note(anna, order, "written after it returned");
    fleet.settle(&[anna]);
    assert!(fleet.has(new));
    let waiting = held_at_the_office(fleet);
    assert_eq!(waiting.iter().map(|held| (held.record, held.code)).collect::<Vec<_>>(), [(late, Code::Retired)]);
    let id = waiting[0].id;
    let office = fleet.office.clone();
    fleet.office.write(move |txn| held::release(&office, txn, &OPERATOR, id)).expect("a person lets it in");
    fleet.settle(&[anna]);
    assert_eq!(fleet.job(order).notes.len(), 2 + usize::from(known.is_some()));
}

#[test]
fn what_a_given_up_phone_had_sent_is_known_and_held_nowhere_though_the_answers_were_lost() {
    let fleet = Fleet::open();
    let (anna, order) = with_job(&fleet, "Anna");
    let arrived = note(&anna, order, "arrived, and the answer was lost");
    anna.network.meet([Fault::AnswerLost]);
    assert!(anna.sync_for(1).is_none());
    assert!(fleet.has(arrived));
    enrol::retire(&fleet.office, device_of(&anna)).expect("the office gives it up");
    let late = note(&anna, order, "not sent");

    // Each answer of its return is lost once.
    for _ in 0..3 {
        anna.network.meet([Fault::AnswerLost]);
        anna.sync_for(1);
        anna.sync_for(1);
    }
    fleet.settle(&[&anna]);

    assert_eq!(held_at_the_office(&fleet).iter().map(|held| held.record).collect::<Vec<_>>(), [late]);
    assert_eq!(fleet.job(order).notes.len(), 1, "and nothing is doubled");
    let drawer = anna.device().drawer().expect("the drawer reads");
    assert_eq!(drawer.iter().map(|entry| entry.record).collect::<Vec<_>>(), [late]);
}

#[test]
fn a_backup_of_a_given_up_phone_is_held_too_whenever_it_is_put_on_another() {
    let fleet = Fleet::open();
    let (mut anna, order) = with_job(&fleet, "Anna");
    note(&anna, order, "so that the office knows this store");
    fleet.settle(&[&anna]);
    anna.kill();
    let backup = fleet.copy_of(&anna);
    fleet.reopen(&mut anna);
    enrol::retire(&fleet.office, device_of(&anna)).expect("the office gives it up");
    fleet.settle(&[&anna]);
    let new = note(&anna, order, "she goes on");
    fleet.settle(&[&anna]);
    assert!(fleet.has(new) && held_at_the_office(&fleet).is_empty());

    let old = note(&backup, order, "written on the old store");
    fleet.settle(&[&backup, &anna]);

    assert!(!fleet.has(old));
    assert_eq!(held_at_the_office(&fleet).len(), 1);
    let after = note(&backup, order, "and after that");
    fleet.settle(&[&backup, &anna]);
    assert!(fleet.has(after));
}

#[test]
fn work_of_a_given_up_phone_that_was_carried_as_a_file_is_held_and_counts_once() {
    let fleet = Fleet::open();
    let (anna, order) = with_job(&fleet, "Anna");
    let late = note(&anna, order, "carried");
    let file = fleet.file("late.bundle");
    anna.device().export_bundle(&file).expect("a bundle is exported");
    enrol::retire(&fleet.office, device_of(&anna)).expect("the office gives it up");

    let imported = fleet.import(&file).expect("the office imports it");
    fleet.settle(&[&anna]);

    assert_eq!(imported.count(|fate| *fate == Fate::Held(Code::Retired)), 1);
    assert_eq!(held_at_the_office(&fleet).iter().map(|held| held.record).collect::<Vec<_>>(), [late]);
    assert!(!fleet.has(late));
}

#[test]
fn a_phone_given_up_before_a_restore_still_brings_back_what_the_office_forgot() {
    let mut fleet = Fleet::open();
    let (anna, order) = with_job(&fleet, "Anna");
    let id = device_of(&anna);
    enrol::retire(&fleet.office, id).expect("the office gives it up");
    let backup = fleet.back_up();
    // It came back in the time that the restore lost.
    fleet.settle(&[&anna]);
    work(&anna, order, "seal worn through");
    fleet.settle(&[&anna]);
    let late = note(&anna, order, "not sent before the restore");
    fleet.restore(&backup);
    assert!(fleet.job(order).parts.is_empty());

    fleet.settle(&[&anna]);

    let job = fleet.job(order);
    assert_eq!(
        (job.parts.len(), job.reports.len(), job.events.len()),
        (1, 1, 2),
        "what the office had said comes back"
    );
    assert_eq!(held_at_the_office(&fleet).iter().map(|held| held.record).collect::<Vec<_>>(), [late]);
    assert!(!is_retired(&fleet, &anna));
}

#[test]
fn a_restored_office_still_knows_whom_it_had_given_up_and_who_had_returned() {
    let mut fleet = Fleet::open();
    let (anna, order) = with_job(&fleet, "Anna");
    let (bert, his) = with_job(&fleet, "Bert");
    fleet.settle(&[&anna, &bert]);
    let backup = fleet.back_up();
    for phone in [&anna, &bert] {
        enrol::retire(&fleet.office, device_of(phone)).expect("the office gives it up");
    }
    fleet.settle(&[&bert]);
    let (late, fine) = (note(&anna, order, "not sent in time"), note(&bert, his, "he had returned"));
    fleet.restore(&backup);

    assert!(is_retired(&fleet, &anna), "nobody waits for her, and nothing is blocked by her");
    assert!(!is_retired(&fleet, &bert));
    fleet.settle(&[&anna, &bert]);

    assert!(!fleet.has(late) && fleet.has(fine));
    assert_eq!(held_at_the_office(&fleet).iter().map(|held| held.record).collect::<Vec<_>>(), [late]);
    let again = fleet.back_up();
    fleet.restore(&again);
    assert!(!is_retired(&fleet, &anna), "she is waited for again, also after the next restore");
}

#[test]
fn a_phone_that_was_away_for_more_than_a_year_hands_over_its_work_and_fetches_everything_anew() {
    let fleet = Fleet::open();
    let (anna, order) = with_job(&fleet, "Anna");
    let given = fleet.order(fleet.customer("Gravel South"), "engine overheats");
    let assignment = fleet.assign(given, anna.technician);
    fleet.settle(&[&anna]);
    work(&anna, order, "seal worn through");
    let on_lost = note(&anna, given, "written before the job was taken away");
    let before = replica(&anna);
    fleet.withdraw(assignment);
    fleet.clock.advance_minutes(AWAY_MINUTES);

    let receipt = anna.sync();

    assert!(receipt.started_over);
    assert_eq!(receipt.round_trips, 3, "for a nonce, to hand over, to fetch anew; none to offer anything back");
    assert_ne!(replica(&anna), before);
    assert_eq!((receipt.refilled, receipt.held.len(), receipt.refused.len()), (0, 0, 0), "nothing is offered back");
    assert!(anna.device().job(given).is_err(), "what it should not have any more is gone");
    assert!(fleet.has(on_lost), "after what was written there had arrived");
    fleet.settle(&[&anna]);
    let job = fleet.job(order);
    assert_eq!((job.parts.len(), job.reports.len(), job.events.len()), (1, 1, 2), "nothing is lost, nothing doubled");
    let here = anna.device().job(order).expect("the job is there").job;
    assert_eq!((here.order, here.parts, here.reports, here.events), (job.order, job.parts, job.reports, job.events));
    assert!(!anna.sync().started_over, "once is enough");
}

#[test]
fn a_phone_that_is_cut_off_while_it_starts_over_begins_where_it_was() {
    let fleet = Fleet::open();
    let (anna, order) = with_job(&fleet, "Anna");
    for number in 0..3 {
        note(&anna, order, &format!("note {number}"));
    }
    fleet.clock.advance_minutes(AWAY_MINUTES);

    for fault in Fault::ALL {
        anna.network.meet([Fault::None, fault]);
        anna.sync_for(2);
        anna.network.calm();
        fleet.clock.advance_minutes(AWAY_MINUTES);
        note(&anna, order, "meanwhile");
    }
    fleet.settle(&[&anna]);

    assert_eq!(fleet.job(order).notes.len(), 3 + Fault::ALL.len());
    assert!(held_at_the_office(&fleet).is_empty());
    assert!(anna.device().drawer().expect("the drawer reads").is_empty());
}

#[test]
fn a_store_from_a_backup_of_last_year_starts_over_though_its_phone_was_never_away() {
    let fleet = Fleet::open();
    let (mut anna, order) = with_job(&fleet, "Anna");
    anna.kill();
    let backup = fleet.copy_of(&anna);
    fleet.reopen(&mut anna);
    for _ in 0..5 {
        fleet.clock.advance_minutes(AWAY_MINUTES / 5 + 1);
        note(&anna, order, "a month later");
        assert!(!anna.sync().started_over);
    }
    anna.kill();

    let new = note(&backup, order, "on the store of last year");
    assert!(backup.sync().started_over);
    fleet.settle(&[&backup]);

    assert!(fleet.has(new));
    assert_eq!(backup.device().job(order).expect("the job is there").job.notes.len(), 6);
}
