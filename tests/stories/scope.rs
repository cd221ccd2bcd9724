//! Nothing out of scope is ever delivered: strings that only others may see are searched in every byte a phone receives.

use fieldsync::{Draft, RecordId, Value, fields};
use fieldsync_protocol::job::Job;
use fieldsync_server::enrol;
use fieldsync_tests::fleet::{Fleet, Phone};
use fieldsync_tests::network::Fault;

use crate::{report, work};

/// A word nobody writes by chance.
fn canary(place: &str) -> String {
    format!("kanarienvogel-{place}")
}

/// Whether a phone ever received `word`, or the id `id`, in any answer.
fn received(phone: &Phone, word: &str, id: Option<RecordId>) -> bool {
    let needle = word.as_bytes();
    phone.network.received().iter().any(|bytes| {
        bytes.windows(needle.len()).any(|window| window == needle)
            || id.is_some_and(|id| bytes.windows(16).any(|window| window == id.as_bytes()))
    })
}

/// A job of somebody else with a canary in everything that can be written.
fn others_job(fleet: &Fleet, bert: &Phone, mark: &str) -> RecordId {
    let customer = fleet.customer(&canary(&format!("{mark}-customer")));
    let order = fleet.order(customer, &canary(&format!("{mark}-problem")));
    fleet.assign(order, bert.technician);
    bert.sync();
    work(bert, order, &canary(&format!("{mark}-cause")));
    bert.device().add_note(order, &canary(&format!("{mark}-note"))).expect("a note is added");
    fleet.settle(&[bert]);
    order
}

/// Everything of a job that has a name of its own.
fn ids(job: &Job) -> Vec<RecordId> {
    let mut ids = vec![job.order.id];
    ids.extend(job.assignments.iter().map(|record| record.id));
    ids.extend(job.events.iter().map(|record| record.id));
    ids.extend(job.reports.iter().map(|record| record.id));
    ids.extend(job.parts.iter().map(|record| record.id));
    ids.extend(job.notes.iter().map(|record| record.id));
    ids
}

#[test]
fn nothing_of_somebody_elses_job_is_ever_sent_to_a_phone() {
    let fleet = Fleet::open();
    let (anna, bert) = (fleet.phone("Anna"), fleet.phone("Bert"));
    let own = fleet.order(fleet.customer(&canary("own-customer")), "bucket drops");
    fleet.assign(own, anna.technician);
    fleet.settle(&[&anna]);
    let other = others_job(&fleet, &bert, "bert");

    work(&anna, own, "seal worn through");
    fleet.settle(&[&anna, &bert]);

    assert!(received(&anna, &canary("own-customer"), None), "the search finds what was sent");
    assert!(!received(&anna, &canary("bert"), None));
    for id in ids(&fleet.job(other)) {
        assert!(!received(&anna, &canary("bert"), Some(id)), "not even an id");
    }
}

#[test]
fn after_a_job_was_taken_away_nothing_new_of_it_is_sent() {
    let fleet = Fleet::open();
    let (anna, bert) = (fleet.phone("Anna"), fleet.phone("Bert"));
    let customer = fleet.customer("Quarry North");
    let order = fleet.order(customer, "bucket drops");
    let assignment = fleet.assign(order, anna.technician);
    fleet.settle(&[&anna]);
    fleet.withdraw(assignment);
    fleet.assign(order, bert.technician);
    bert.sync();

    work(&bert, order, &canary("after-cause"));
    let name = canary("after-name");
    fleet.edit("customer", customer, vec![("identity", fields! { "name" => name })]).expect("renamed");
    fleet.settle(&[&bert, &anna]);
    anna.device().status().expect("the phone's store reads");

    assert!(received(&bert, &canary("after-name"), None));
    assert!(!received(&anna, &canary("after"), None));
}

#[test]
fn probing_for_records_of_others_tells_nothing() {
    let fleet = Fleet::open();
    let (anna, bert) = (fleet.phone("Anna"), fleet.phone("Bert"));
    let own = fleet.given(&anna, "Quarry North", "bucket drops");
    let other = others_job(&fleet, &bert, "probe");

    // A record of her own whose id is somebody else's.
    let note = fleet.job(other).notes[0].id;
    let text = fields! { "work_order" => own, "text" => "mine" };
    anna.device().edit(Draft::of("note", note).set("text", text)).expect("the phone does not know better");
    anna.sync();
    anna.sync();

    assert!(!received(&anna, &canary("probe-note"), None));
    let stands = fleet.job(other).notes[0].text.clone();
    assert_eq!(stands, canary("probe-note"), "and nothing was overwritten");
}

#[test]
fn a_revoked_phone_gets_nothing_from_its_next_request_on_and_its_work_is_kept_for_a_person() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = fleet.given(&anna, "Quarry North", "bucket drops");
    let device = anna.device().status().expect("the phone's store reads").device.expect("it is enrolled");

    anna.device().write_report(order, &report("written after the theft")).expect("the phone knows nothing yet");
    enrol::revoke(&fleet.office, device).expect("the device is revoked");
    let text = vec![("text", fields! { "work_order" => order, "text" => canary("revoked") })];
    fleet.edit("note", fleet.office.new_id(), text).expect("the office writes a note");
    let receipt = anna.sync();

    assert_eq!(receipt.ended, fieldsync::Ended::Revoked);
    assert!(!received(&anna, &canary("revoked"), None));
    assert!(fleet.job(order).reports.is_empty(), "nothing of it was applied");
    let held = fleet.office.read(|txn| txn.all_held(true)).expect("the office reads");
    assert_eq!(held.len(), 4, "four groups of a report wait for a person: {held:?}");
}

#[test]
fn values_and_conflicts_of_others_do_not_leak_through_shared_records() {
    let fleet = Fleet::open();
    let (anna, bert) = (fleet.phone("Anna"), fleet.phone("Bert"));
    let customer = fleet.customer("Quarry North");
    for (phone, problem) in [(&anna, "bucket drops".to_owned()), (&bert, canary("shared-problem"))] {
        let order = fleet.order(customer, &problem);
        fleet.assign(order, phone.technician);
    }
    fleet.settle(&[&anna, &bert]);

    let imported = fields! { "columns" => fields! { "secret" => canary("shared-column") }, "line" => Value::Int(3) };
    let order = fleet.order(customer, &canary("shared-unassigned"));
    fleet.edit("work_order", order, vec![("imported", imported)]).expect("an imported order");
    fleet.settle(&[&anna, &bert]);

    assert!(!received(&anna, &canary("shared"), None), "the same customer is no way to another's order");
    assert!(received(&bert, &canary("shared-problem"), None));
    assert!(!received(&bert, &canary("shared-column"), None));
}

#[test]
fn what_is_sent_again_because_its_answer_was_lost_brings_nothing_that_was_written_beside_it() {
    for is_carried in [false, true] {
        let fleet = Fleet::open();
        let anna = fleet.phone("Anna");
        let order = fleet.order(fleet.customer("Quarry North"), "bucket drops");
        let assignment = fleet.assign(order, anna.technician);
        fleet.settle(&[&anna]);
        anna.device().decline_job(order, "no crane").expect("she declines it");
        if is_carried {
            let file = fleet.file("anna.bundle");
            anna.device().export_bundle(&file).expect("a bundle is exported");
            fleet.import(&file).expect("the office imports it");
        } else {
            anna.network.meet(std::iter::repeat_n(Fault::AnswerLost, 20));
            assert_eq!(anna.sync().undecided.len(), 1);
            anna.network.calm();
        }
        let said = fleet.record(assignment).siblings("response").count();
        assert_eq!(said, 1, "the office has it");
        let withdrawn = fields! { "withdrawn" => true, "reason" => canary("beside") };
        fleet.edit("assignment", assignment, vec![("withdrawn", withdrawn)]).expect("it is taken back");

        let receipt = anna.sync();
        fleet.settle(&[&anna]);

        assert!(receipt.held.is_empty() && receipt.refused.is_empty(), "{receipt:?}");
        assert!(!received(&anna, &canary("beside"), None), "carried: {is_carried}");
        assert!(anna.device().record(assignment).is_err(), "it left with the job");
    }
}
