//! Networks that fail in one direction, and phones that are killed while they send.

use fieldsync::read::JobFilter;
use fieldsync::{Ended, RecordId, Session, Step, Transport};
use fieldsync_tests::fleet::{Fleet, Phone};
use fieldsync_tests::network::Fault;

use crate::work;

/// An order of this phone.
fn job(fleet: &Fleet, phone: &Phone) -> RecordId {
    let order = fleet.order(fleet.customer("Quarry North"), "bucket drops");
    fleet.assign(order, phone.technician);
    fleet.settle(&[phone]);
    order
}

/// jepsen-powersync: three to four runs in ten ended with a stuck queue or with different data after partitions had
/// healed, and no error was shown.
#[test]
fn partitions_in_one_direction_or_both_leave_no_queue_stuck() {
    let fleet = Fleet::open();
    let (anna, bert) = (fleet.phone("Anna"), fleet.phone("Bert"));
    let order = job(&fleet, &anna);
    fleet.assign(order, bert.technician);
    fleet.settle(&[&anna, &bert]);
    let mut notes = Vec::new();
    for round in 0..12 {
        let (phone, other) = if round % 2 == 0 { (&anna, &bert) } else { (&bert, &anna) };
        match round % 3 {
            0 => phone.network.meet(std::iter::repeat_n(Fault::RequestLost, 20)),
            1 => phone.network.meet(std::iter::repeat_n(Fault::AnswerLost, 20)),
            _ => phone.network.set_down(true),
        }
        for writer in [phone, other] {
            let text = format!("{} in round {round}", writer.name);
            notes.push(writer.device().add_note(order, &text).expect("a note is added"));
            let receipt = writer.sync();
            let is_told = receipt.is_complete() || matches!(receipt.ended, Ended::Offline { .. });
            assert!(is_told, "the person is told how it ended: {:?}", receipt.ended);
        }
        phone.network.calm();
        phone.network.set_down(false);
    }

    fleet.settle(&[&anna, &bert]);

    assert!(notes.iter().all(|note| fleet.has(*note)));
    for phone in [&anna, &bert] {
        assert_eq!(phone.device().job(order).expect("the job is there").job.notes.len(), notes.len());
    }
}

/// jepsen-powersync, and complement-crypto's list: killed after the server answered and before the client read it, an app
/// that came back never uploaded its new writes, or uploaded the old ones twice.
#[test]
fn a_phone_killed_while_it_sent_goes_on_with_the_old_and_the_new() {
    let fleet = Fleet::open();
    let mut anna = fleet.phone("Anna");
    let order = job(&fleet, &anna);
    work(&anna, order, "seal worn through");
    anna.network.meet([Fault::AnswerLost]);
    anna.sync_for(1);
    fleet.reopen(&mut anna);
    assert_eq!(fleet.job(order).parts.len(), 1, "the office had taken everything");

    let note = anna.device().add_note(order, "written after the restart").expect("a note is added");
    let receipt = anna.sync();
    fleet.settle(&[&anna]);

    assert_eq!(receipt.restamps, 0, "a lost answer is no copy");
    assert!(fleet.has(note));
    let job = fleet.job(order);
    assert_eq!((job.events.len(), job.parts.len(), job.reports.len()), (2, 1, 1));
    assert_eq!(fleet.office.read(|txn| txn.history_of(job.parts[0].id)).expect("the history reads").len(), 1);
}

/// complement-crypto: of many messages that arrive together, some were worked off out of order.
#[test]
fn a_hundred_changes_of_one_thing_arrive_as_the_last_of_them() {
    let fleet = Fleet::open();
    let (anna, bert) = (fleet.phone("Anna"), fleet.phone("Bert"));
    let order = job(&fleet, &anna);
    fleet.assign(order, bert.technician);
    fleet.settle(&[&anna, &bert]);
    for step in 0..100 {
        anna.device().write_report(order, &crate::report(&format!("guess {step}"))).expect("the report is written");
        if step % 10 == 0 {
            anna.network.meet([Fault::Repeated, Fault::AnswerLost]);
            anna.sync();
        }
    }

    fleet.settle(&[&anna, &bert]);

    let reports = bert.device().job(order).expect("the job is there").job.reports;
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].cause.as_deref(), Some("guess 99"));
}

/// powersync.dart #253 and its relatives: while reconnecting, lists were empty and "last synced" went backwards.
#[test]
fn while_a_sync_runs_no_list_is_empty_and_the_last_contact_never_goes_back() {
    let fleet = Fleet::open();
    let mut anna = fleet.phone("Anna");
    let customer = fleet.customer("Quarry North");
    let count = fleet.orders(customer, 300, anna.technician).len();
    fleet.settle(&[&anna]);
    let backup = fleet.back_up();
    fleet.orders(customer, 300, anna.technician);
    let mut fleet = fleet;
    fleet.restore(&backup); // so that it has to walk everything again
    fleet.reopen(&mut anna);
    fleet
        .edit("customer", customer, vec![("identity", fieldsync::fields! { "name" => "Quarry South" })])
        .expect("renamed");

    let all = JobFilter::default();
    let mut contact = anna.device().status().expect("the phone's store reads").last_contact_ms;
    let mut look = || {
        let total: u64 = anna.device().job_counts().expect("the phone's store reads").values().sum();
        assert!(total >= count as u64, "{total} of {count} jobs are shown");
        assert!(!anna.device().jobs(&all).expect("the phone's store reads").items.is_empty());
        let now = anna.device().status().expect("the phone's store reads").last_contact_ms;
        assert!(now >= contact, "{contact:?} became {now:?}");
        contact = now;
    };
    let mut session = Session::begin(anna.device()).expect("a sync begins");
    loop {
        look();
        match session.next().expect("the phone's store works") {
            Step::Send(request) => match fleet.runtime().block_on(anna.network.send(request)) {
                Ok(response) => session.answer(response).expect("the phone's store works"),
                Err(_) => session.failed().expect("the phone's store works"),
            },
            Step::Wait(_) => {}
            Step::Done(receipt) => break assert!(receipt.is_complete()),
        }
    }
    drop(session);
    fleet.settle(&[&anna]);
}

/// Jepsen's TigerBeetle report: a client that retries for ever without a word leaves its caller in the dark.
#[test]
fn whoever_waits_is_told_whether_it_arrived_or_when_to_try_again() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = job(&fleet, &anna);
    anna.device().add_note(order, "is this there?").expect("a note is added");

    anna.network.set_down(true);
    let offline = anna.sync();
    anna.network.set_down(false);
    let arrived = anna.sync();

    let Ended::Offline { retry_after_ms } = offline.ended else { panic!("{:?}", offline.ended) };
    assert!((1..=3_600_000).contains(&retry_after_ms), "soon enough: {retry_after_ms}");
    assert_eq!((offline.accepted, offline.still_here), (0, 1), "not known to have arrived");
    assert_eq!((arrived.accepted, arrived.still_here), (1, 0), "arrived");
    assert!(arrived.is_complete());
}
