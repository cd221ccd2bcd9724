//! Who sees what while the server is away or busy.

use std::sync::atomic::{AtomicBool, Ordering};

use fieldsync::{Error, fields};
use fieldsync_protocol::rights::{Actor, Role};
use fieldsync_protocol::{PersonId, RecordId};
use fieldsync_server::sync::edit::{Draft, commit};
use fieldsync_tests::fleet::Fleet;

/// Electric's restore tests: a row that came into or left a shape while the server was down was missing, or stayed.
#[test]
fn jobs_given_and_taken_while_the_server_was_down_are_there_and_gone() {
    let mut fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let customer = fleet.customer("Quarry North");
    let (kept, taken, given) =
        (fleet.order(customer, "kept"), fleet.order(customer, "taken"), fleet.order(customer, "given"));
    fleet.assign(kept, anna.technician);
    let assignment = fleet.assign(taken, anna.technician);
    fleet.settle(&[&anna]);
    let note = anna.device().add_note(taken, "written while the server was down").expect("a note is added");
    anna.network.set_down(true);
    anna.sync();

    fleet.withdraw(assignment);
    fleet.assign(given, anna.technician);
    let now = fleet.back_up();
    fleet.restore(&now); // the server starts again, with everything it had
    anna.network.set_down(false);
    fleet.settle(&[&anna]);

    assert!(anna.device().job(kept).is_ok() && anna.device().job(given).is_ok());
    assert!(matches!(anna.device().job(taken), Err(Error::NotFound)));
    assert!(fleet.has(note), "what she wrote on it is at the office");
}

/// Sequin and event-driven.io on database sequences: a slow transaction with a lower number commits after a reader's
/// cursor has passed it, and is never read.
#[test]
fn a_reader_among_many_writers_misses_nothing() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = fleet.given(&anna, "Quarry North", "bucket drops");
    let (writers, notes) = (4, 30);
    let is_done = AtomicBool::new(false);
    let write = |name: usize| {
        let actor = Actor { person: PersonId(fleet.office.new_id().0), role: Role::Dispatcher };
        for number in 0..notes {
            let text = fields! { "work_order" => order, "text" => format!("{name}/{number}") };
            let draft = Draft::one("note", fleet.office.new_id(), "text", text);
            commit(&fleet.office, &actor, vec![draft]).expect("the office writes a note");
        }
    };

    let mut repairs = 0;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..writers).map(|name| scope.spawn(move || write(name))).collect();
        scope.spawn(|| {
            threads.into_iter().for_each(|thread| thread.join().expect("a writer ends"));
            is_done.store(true, Ordering::SeqCst);
        });
        while !is_done.load(Ordering::SeqCst) {
            repairs += anna.sync().repairs;
        }
    });
    repairs += anna.sync().repairs;

    let seen: Vec<RecordId> =
        anna.device().job(order).expect("the job is there").job.notes.iter().map(|note| note.id).collect();
    assert_eq!(seen.len(), writers * notes);
    assert_eq!(repairs, 0, "and nothing had to be repaired");
    fleet.settle(&[&anna]);
}
