//! Phones whose store is not what it was: copied, restored from a backup, lost.

use fieldsync_protocol::status::Status;
use fieldsync_tests::fleet::Fleet;

use crate::work;

#[test]
fn a_copied_phone_gets_a_new_replica_id_and_both_keep_their_work() {
    let fleet = Fleet::open();
    let mut anna = fleet.phone("Anna");
    let customer = fleet.customer("Quarry North");
    let orders = [fleet.order(customer, "bucket drops"), fleet.order(customer, "engine overheats")];
    for order in orders {
        fleet.assign(order, anna.technician);
    }
    fleet.settle(&[&anna]);
    let shared = anna.device().add_note(orders[0], "written before the copy").expect("a note is added");

    anna.kill();
    let copy = fleet.copy_of(&anna);
    fleet.reopen(&mut anna);
    // The same counters of the same replica id now mean two things.
    work(&anna, orders[0], "seal worn through");
    work(&copy, orders[1], "thermostat stuck");
    fleet.settle(&[&anna]);
    fleet.settle(&[&copy]);
    fleet.settle(&[&anna, &copy]);

    let replicas = [&anna, &copy].map(|phone| phone.device().status().expect("the phone's store reads").replica);
    assert_ne!(replicas[0], replicas[1]);
    assert!(fleet.has(shared));
    for order in orders {
        let job = fleet.job(order);
        assert_eq!((job.parts.len(), job.reports.len(), job.events.len()), (1, 1, 2));
        assert_eq!(fleet.status(order), Status::WorkDone);
    }
    assert_eq!(fleet.job(orders[0]).notes.len(), 1, "what both had before the copy is there once");
}

#[test]
fn a_phone_restored_from_an_old_backup_loses_nothing_and_writes_no_dot_twice() {
    let fleet = Fleet::open();
    let mut anna = fleet.phone("Anna");
    let order = fleet.given(&anna, "Quarry North", "bucket drops");
    anna.kill();
    let backup = fleet.copy_of(&anna);
    fleet.reopen(&mut anna);
    let before = anna.device().add_note(order, "written after the backup").expect("a note is added");
    fleet.settle(&[&anna]);
    anna.kill();

    let after = backup.device().add_note(order, "written after the restore").expect("a note is added");
    fleet.settle(&[&backup]);

    assert!(fleet.has(before) && fleet.has(after));
    assert_eq!(backup.device().job(order).expect("the job is there").job.notes.len(), 2);
}

#[test]
fn a_report_written_on_both_copies_shows_both_findings() {
    let fleet = Fleet::open();
    let mut anna = fleet.phone("Anna");
    let order = fleet.given(&anna, "Quarry North", "bucket drops");
    let id = anna.device().write_report(order, &crate::report("seal worn through")).expect("the report is written");
    fleet.settle(&[&anna]);
    anna.kill();
    let copy = fleet.copy_of(&anna);
    fleet.reopen(&mut anna);

    for (phone, cause) in [(&anna, "seal cut"), (&copy, "rod scored")] {
        phone.device().write_report(order, &crate::report(cause)).expect("the report is written");
        fleet.settle(&[phone]);
    }
    fleet.settle(&[&anna, &copy]);

    let open = fleet.conflicts(id);
    assert_eq!(open.len(), 1, "the same dot counter, two findings: both are there");
    assert_eq!(open[0].values.len(), 2);
}

#[test]
fn many_lost_replies_and_long_silence_are_never_mistaken_for_a_copy() {
    use fieldsync_tests::network::Fault;
    let fleet = Fleet::open();
    let mut anna = fleet.phone("Anna");
    let order = fleet.given(&anna, "Quarry North", "bucket drops");
    let replica = anna.device().status().expect("the phone's store reads").replica;

    for day in 0..30 {
        anna.device().add_note(order, &format!("day {day}")).expect("a note is added");
        anna.network.meet([Fault::AnswerLost]);
        anna.sync_for(1 + day % 2);
        if day % 3 == 0 {
            fleet.reopen(&mut anna);
        }
        fleet.clock.advance_minutes(24 * 60);
    }
    fleet.settle(&[&anna]);

    assert_eq!(anna.device().status().expect("the phone's store reads").replica, replica);
    assert_eq!(fleet.job(order).notes.len(), 30);
}
