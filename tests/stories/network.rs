//! A network that loses, repeats and cuts, and phones that are killed in the middle.

use fieldsync::{Ended, RecordId};
use fieldsync_tests::fleet::{Fleet, Phone};
use fieldsync_tests::network::Fault;

use crate::work;

/// An order with a day's work on it that is still only on the phone.
fn worked(fleet: &Fleet, phone: &Phone) -> RecordId {
    let order = fleet.order(fleet.customer("Quarry North"), "bucket drops");
    fleet.assign(order, phone.technician);
    fleet.settle(&[phone]);
    work(phone, order, "seal worn through");
    order
}

/// How many edits of the day stand in the office's history.
fn in_history(fleet: &Fleet, order: RecordId) -> usize {
    let ids: Vec<RecordId> = {
        let job = fleet.job(order);
        let (events, parts) = (job.events.iter().map(|event| event.id), job.parts.iter().map(|part| part.id));
        events.chain(parts).chain(job.reports.iter().map(|report| report.id)).collect()
    };
    let count = |id: &RecordId| fleet.office.read(|txn| txn.history_of(*id)).expect("the history reads").len();
    ids.iter().map(count).sum()
}

/// Edits of [`work`]: two events, a part, a report of four groups.
const EDITS: usize = 7;

#[test]
fn a_reply_that_was_lost_and_repeated_is_accepted_once() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = worked(&fleet, &anna);
    let replica = anna.device().status().expect("the phone's store reads").replica;

    anna.network.meet([Fault::AnswerLost, Fault::AnswerLost, Fault::Repeated]);
    fleet.settle(&[&anna]);

    assert_eq!(in_history(&fleet, order), EDITS);
    let status = anna.device().status().expect("the phone's store reads");
    assert_eq!(status.replica, replica, "a lost reply is no copy");
}

#[test]
fn every_fault_at_every_request_of_a_sync_is_survived() {
    for fault in Fault::ALL {
        for place in 0..4 {
            let fleet = Fleet::open();
            let anna = fleet.phone("Anna");
            let order = worked(&fleet, &anna);

            anna.network.meet(std::iter::repeat_n(Fault::None, place).chain([fault]));
            fleet.settle(&[&anna]);

            assert_eq!(in_history(&fleet, order), EDITS, "{fault:?} at request {place}");
        }
    }
}

#[test]
fn a_session_cut_anywhere_goes_on_after_the_phone_was_opened_again() {
    let fleet = Fleet::open();
    let mut anna = fleet.phone("Anna");
    let mut orders = Vec::new();
    for requests in 0..5 {
        orders.push(worked(&fleet, &anna));
        anna.sync_for(requests);
        fleet.reopen(&mut anna);
    }
    // The last answer before a kill is the hardest: the office has everything, the phone knows nothing of it.
    orders.push(worked(&fleet, &anna));
    anna.network.meet([Fault::AnswerLost]);
    anna.sync_for(1);
    fleet.reopen(&mut anna);

    fleet.settle(&[&anna]);

    for order in orders {
        assert_eq!(in_history(&fleet, order), EDITS);
    }
    assert_eq!(anna.device().status().expect("the phone's store reads").held, 0);
}

#[test]
fn without_a_network_everything_stays_and_the_receipt_says_when_to_try_again() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    worked(&fleet, &anna);
    anna.network.set_down(true);

    let receipt = anna.sync();

    assert!(matches!(receipt.ended, Ended::Offline { retry_after_ms } if retry_after_ms > 0), "{:?}", receipt.ended);
    assert_eq!(receipt.still_here as usize, EDITS);
    anna.network.set_down(false);
    fleet.settle(&[&anna]);
}

#[test]
fn a_sync_with_nothing_to_say_is_one_round_trip() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    worked(&fleet, &anna);
    fleet.settle(&[&anna]);

    let receipt = anna.sync();

    assert_eq!((receipt.round_trips, receipt.sent, receipt.received), (1, 0, 0));
}
