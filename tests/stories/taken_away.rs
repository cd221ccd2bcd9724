//! Jobs that are taken away, or cancelled, while the phone is out of reach.

use fieldsync::drawer::DrawerState;
use fieldsync::{Error, Session, Step, Transport};
use fieldsync_protocol::status::Status;
use fieldsync_server::people::OPERATOR;
use fieldsync_server::sync::held;
use fieldsync_tests::fleet::Fleet;

use crate::{report, seal_kit, work};

#[test]
fn a_job_taken_away_leaves_the_phone_only_after_its_work_reached_the_office() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = fleet.order(fleet.customer("Quarry North"), "bucket drops");
    let assignment = fleet.assign(order, anna.technician);
    fleet.settle(&[&anna]);

    work(&anna, order, "seal worn through");
    fleet.withdraw(assignment);
    anna.network.set_down(true);
    anna.sync();
    assert!(anna.device().job(order).is_ok(), "what the office does not have yet stays");

    anna.network.set_down(false);
    let receipt = anna.sync();
    fleet.settle(&[&anna]);

    let job = fleet.job(order);
    assert_eq!((job.parts.len(), job.reports.len(), job.events.len()), (1, 1, 2));
    assert!(receipt.left > 0);
    assert!(matches!(anna.device().job(order), Err(Error::NotFound)), "then it goes");
}

#[test]
fn a_job_taken_away_before_any_work_just_goes() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = fleet.order(fleet.customer("Quarry North"), "bucket drops");
    let assignment = fleet.assign(order, anna.technician);
    fleet.settle(&[&anna]);
    let before = anna.device().status().expect("the phone's store reads").records;

    fleet.withdraw(assignment);
    fleet.settle(&[&anna]);

    assert!(matches!(anna.device().job(order), Err(Error::NotFound)));
    let after = anna.device().status().expect("the phone's store reads").records;
    assert_eq!(before - after, 3, "the order, its customer and the assignment");
}

#[test]
fn a_job_given_back_comes_back_whole() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = fleet.order(fleet.customer("Quarry North"), "bucket drops");
    let first = fleet.assign(order, anna.technician);
    fleet.settle(&[&anna]);
    work(&anna, order, "seal worn through");
    fleet.settle(&[&anna]);
    fleet.withdraw(first);
    fleet.settle(&[&anna]);

    fleet.assign(order, anna.technician);
    fleet.settle(&[&anna]);

    let job = anna.device().job(order).expect("Anna has the job again").job;
    assert_eq!((job.parts.len(), job.reports.len(), job.events.len()), (1, 1, 2));
}

#[test]
fn an_order_cancelled_while_somebody_works_on_it_goes_to_a_reviewer() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = fleet.given(&anna, "Quarry North", "bucket drops");

    anna.device().start_visit(order).expect("the visit starts");
    anna.device().use_part(order, &seal_kit()).expect("a part is recorded");
    anna.device().write_report(order, &report("seal worn through")).expect("the report is written");
    let cancelled = fieldsync::fields! { "cancelled" => true, "reason" => "customer called" };
    fleet.edit("work_order", order, vec![("cancelled", cancelled)]).expect("the office cancels");
    assert_eq!(fleet.status(order), Status::Cancelled, "nothing was known of any work");
    fleet.settle(&[&anna]);

    assert_eq!(fleet.status(order), Status::Submitted);
    assert_eq!(fleet.job(order).parts.len(), 1);
}

#[test]
fn work_written_while_the_phone_was_being_told_is_held_and_a_dispatcher_can_let_it_in() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = fleet.order(fleet.customer("Quarry North"), "bucket drops");
    let assignment = fleet.assign(order, anna.technician);
    fleet.settle(&[&anna]);
    fleet.withdraw(assignment);

    let mut session = Session::begin(anna.device()).expect("a sync begins");
    let Step::Send(request) = session.next().expect("the phone's store works") else { panic!("it has to ask") };
    let answer = fleet.runtime().block_on(anna.network.send(request)).expect("the office answers");
    let note = anna.device().add_note(order, "the guard is still off").expect("the job is still here");
    session.answer(answer).expect("the phone's store works");
    drop(session);
    let receipt = anna.sync();

    assert_eq!(receipt.held.len(), 1);
    assert!(!fleet.has(note), "applied to nothing");
    let kept = fleet.office.read(|txn| txn.all_held(true)).expect("the office reads");
    assert_eq!(kept.len(), 1);
    assert!(matches!(anna.device().job(order), Err(Error::NotFound)), "delivered, so the job goes");
    let drawer = anna.device().drawer().expect("the phone's store reads");
    assert_eq!(drawer.iter().map(|entry| entry.state).collect::<Vec<_>>(), [DrawerState::Held]);

    let (office, id) = (fleet.office.clone(), kept[0].id);
    fleet.office.write(move |txn| held::release(&office, txn, &OPERATOR, id)).expect("a dispatcher lets it in");
    fleet.settle(&[&anna]);

    let notes = fleet.job(order).notes;
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0].stamp.person.0, anna.technician.0, "it is still Anna's note");
}

#[test]
fn a_report_changed_while_the_phone_was_being_told_stays_until_the_office_has_it() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = fleet.order(fleet.customer("Quarry North"), "bucket drops");
    let assignment = fleet.assign(order, anna.technician);
    fleet.settle(&[&anna]);
    let id = anna.device().write_report(order, &report("seal worn through")).expect("the report is written");
    fleet.settle(&[&anna]);
    fleet.withdraw(assignment);

    let mut session = Session::begin(anna.device()).expect("a sync begins");
    let Step::Send(request) = session.next().expect("the phone's store works") else { panic!("it has to ask") };
    let answer = fleet.runtime().block_on(anna.network.send(request)).expect("the office answers");
    anna.device().write_report(order, &report("rod scored")).expect("the job is still here");
    session.answer(answer).expect("the phone's store works");
    drop(session);
    let pending = anna.device().pending().expect("the phone's store reads");
    assert_eq!(pending.iter().map(|edit| (edit.record, edit.group.as_str())).collect::<Vec<_>>(), [(id, "finding")]);
    let receipt = anna.sync();

    assert_eq!(receipt.held.len(), 1, "the office keeps it for a person");
    assert_eq!(fleet.office.read(|txn| txn.all_held(true)).expect("the office reads").len(), 1);
    assert!(matches!(anna.device().job(order), Err(Error::NotFound)));
    assert_eq!(anna.device().drawer().expect("the phone's store reads").len(), 1, "and the phone remembers it");
}
