//! Pages that end between records which changed at one place together.

use super::*;

/// A job with so many notes below it, seen by nobody.
fn job_with_notes(office: &Office, count: usize) -> RecordId {
    let job = order(office, "a long story");
    let note = |n: usize| {
        let text = fields! { "work_order" => job, "text" => format!("note {n}") };
        Draft::one("note", office.new_id(), "text", text)
    };
    commit(office, &OPERATOR, (0..count).map(note).collect()).expect("notes");
    job
}

#[test]
fn a_job_that_enters_with_more_records_than_a_page_holds_comes_to_its_end() {
    let world = world();
    let office = &world.office;
    let mut anna = Peer::enrol(office, "Anna");
    let job = job_with_notes(office, 1_200);
    anna.sync(office, vec![]);
    assign(office, job, anna.technician);

    let mut pages = 0;
    let last = loop {
        let answer = anna.sync(office, vec![]);
        pages += 1;
        if !answer.more {
            break answer;
        }
    };

    assert_eq!(pages, 3);
    let sums = last.fingerprint.expect("last page");
    assert_eq!(sums.own.count, 1_202, "the order, its notes, the assignment");
    assert_eq!(anna.held.len() as u64, sums.own.count + sums.shared.count, "nothing is skipped");
}

#[test]
fn what_came_with_half_of_them_and_left_before_the_rest_is_told_to_leave() {
    let world = world();
    let office = &world.office;
    let mut anna = Peer::enrol(office, "Anna");
    let job = job_with_notes(office, 700);
    anna.sync(office, vec![]);
    let assignment = assign(office, job, anna.technician);
    assert!(anna.sync(office, vec![]).more);

    withdraw(office, assignment);
    while anna.sync(office, vec![]).more {}

    let sums = anna.sync(office, vec![]).fingerprint.expect("last page");
    assert_eq!(sums.own.count, 0);
    assert_eq!(anna.held.len() as u64, sums.shared.count, "nothing of it stays");
}
