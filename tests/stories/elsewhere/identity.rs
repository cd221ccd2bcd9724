//! Phones that lost, doubled or rewound their memory, and an office that lost all of it.

use fieldsync_tests::fleet::Fleet;

use crate::{report, work};

/// Syncthing #3876 and #6605: after a wipe the counters began again, so that what was written afterwards looked older
/// than the copy elsewhere and was overwritten by it.
#[test]
fn what_a_wiped_phone_writes_is_not_beaten_by_the_older_copy() {
    let fleet = Fleet::open();
    let mut anna = fleet.phone("Anna");
    let order = fleet.given(&anna, "Quarry North", "bucket drops");
    for cause in ["first guess", "second guess", "third guess"] {
        anna.device().write_report(order, &report(cause)).expect("the report is written");
        fleet.settle(&[&anna]);
    }
    anna.kill(); // and its folder is gone: the app's data was cleared

    let again = fleet.phone_of("Anna", anna.technician);
    let id = again.device().write_report(order, &report("seal worn through")).expect("the report is written");
    fleet.settle(&[&again]);

    let reports = fleet.job(order).reports;
    assert_eq!(reports.len(), 1, "the same report, written on");
    assert_eq!(reports[0].cause.as_deref(), Some("seal worn through"));
    assert!(fleet.conflicts(id).is_empty(), "she had seen what she replaced");
}

/// MobiusSync #100, SyncKit #36, submersion #315: a restored phone and its twin carried one identity and overwrote each
/// other for ever, each time successfully. submersion #733: the remedy was so eager that identities never came to rest.
#[test]
fn twins_that_go_on_for_weeks_lose_nothing_and_take_one_new_identity() {
    let fleet = Fleet::open();
    let mut anna = fleet.phone("Anna");
    let order = fleet.given(&anna, "Quarry North", "bucket drops");
    anna.kill();
    let twin = fleet.copy_of(&anna);
    fleet.reopen(&mut anna);

    let (mut notes, mut restamps) = (Vec::new(), 0);
    for week in 0..12 {
        for (phone, name) in [(&anna, "first"), (&twin, "twin")] {
            notes.push(phone.device().add_note(order, &format!("{name}, week {week}")).expect("a note is added"));
            restamps += phone.sync().restamps;
        }
        fleet.clock.advance_minutes(7 * 24 * 60);
    }
    fleet.settle(&[&anna, &twin]);

    assert_eq!(restamps, 1, "one of the two is the copy, once");
    assert!(notes.iter().all(|note| fleet.has(*note)));
    for phone in [&anna, &twin] {
        let job = phone.device().job(order).expect("the job is there").job;
        assert_eq!(job.notes.len(), notes.len(), "both see everything");
    }
}

/// submersion #309: restoring the database also rewound the bookkeeping of the sync that was kept in it, so that changes
/// were sent twice or never.
#[test]
fn a_rewound_store_rewinds_its_bookkeeping_and_nothing_is_sent_twice_or_never() {
    let fleet = Fleet::open();
    let mut anna = fleet.phone("Anna");
    let order = fleet.given(&anna, "Quarry North", "bucket drops");
    work(&anna, order, "seal worn through"); // still pending in the backup
    anna.kill();
    let backup = fleet.copy_of(&anna);
    fleet.reopen(&mut anna);
    fleet.settle(&[&anna]); // sent, and answered, after the backup
    let later = anna.device().add_note(order, "written after the backup").expect("a note is added");
    fleet.settle(&[&anna]);
    anna.kill();

    let next = backup.device().add_note(order, "written after the restore").expect("a note is added");
    fleet.settle(&[&backup]);

    let job = fleet.job(order);
    assert_eq!((job.events.len(), job.parts.len(), job.reports.len()), (2, 1, 1), "nothing of the backup is doubled");
    assert!(fleet.has(later) && fleet.has(next));
    let history = |id| fleet.office.read(|txn| txn.history_of(id)).expect("the history reads").len();
    assert_eq!(history(job.parts[0].id), 1, "and nothing was applied twice");
    assert_eq!(
        backup.device().job(order).expect("the job is there").job.notes.len(),
        2,
        "what it had forgotten is back"
    );
}

/// Jepsen's TigerBeetle report: the total loss of a node had no documented way back. Ours: keys and photos stand outside
/// the database; with an empty one in its place, the phones refill the office.
#[test]
fn an_office_that_lost_its_whole_database_is_refilled_by_its_phones() {
    let mut fleet = Fleet::open();
    let nothing = fleet.back_up();
    let (anna, bert) = (fleet.phone("Anna"), fleet.phone("Bert"));
    let customer = fleet.customer("Quarry North");
    let orders = [&anna, &bert].map(|phone| {
        let order = fleet.order(customer, "bucket drops");
        fleet.assign(order, phone.technician);
        fleet.settle(&[phone]);
        work(phone, order, "seal worn through");
        order
    });
    fleet.settle(&[&anna]); // hers is at the office, his is not yet
    fleet.restore(&nothing);
    assert!(!fleet.has(orders[0]), "the office knows nothing");

    fleet.settle(&[&anna, &bert]);

    for order in orders {
        let job = fleet.job(order);
        assert_eq!((job.events.len(), job.parts.len(), job.reports.len()), (2, 1, 1));
    }
    assert!(fleet.has(customer), "the office's own records are back too");
}
