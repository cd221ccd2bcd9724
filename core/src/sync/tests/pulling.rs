//! What comes from the office: pages, deltas that do not fit, merges, records that leave and return.

use super::office::Office;
use super::*;

const REPORT: RecordId = RecordId(uuid::Uuid::from_bytes([70; 16]));

#[test]
fn pages_are_applied_one_by_one_and_a_kill_between_them_loses_nothing() {
    let (mut phone, mut office) = (Phone::new(1), Office::new());
    office.page = 1;
    for number in 100..110 {
        office.write("technician", id(number), "profile", fields! { "name" => format!("T{number}") });
    }

    for _ in 0..40 {
        let mut session = Session::begin(&phone.device).unwrap();
        match session.next().unwrap() {
            Step::Send(request) => session.answer(office.respond(&request)).unwrap(),
            step => panic!("unexpected {step:?}"),
        }
        drop(session);
        phone.kill();
        if phone.device.status().unwrap().agrees == Some(true) {
            break;
        }
    }

    assert_eq!(phone.device.status().unwrap().records, 13);
    assert_eq!(phone.device.status().unwrap().fingerprint, office.fingerprint());
    let receipt = phone.sync(&mut office);
    assert_eq!((receipt.received, receipt.round_trips), (0, 1), "nothing new is one round trip");
}

#[test]
fn a_delta_that_does_not_build_on_what_is_held_is_asked_for_whole_before_the_page_counts() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    phone.sync(&mut office);
    office.write("work_report", REPORT, "finding", words("finding", "hidden"));
    office.hide_change(REPORT, "finding");
    office.write("work_report", REPORT, "hazards", words("hazards", "seen"));

    let receipt = phone.sync(&mut office);

    assert!(receipt.is_complete());
    assert_eq!(receipt.wholes, 1);
    assert_eq!(phone.text(REPORT, "finding").as_deref(), Some("hidden"));
    assert_eq!(receipt.agrees, Some(true));
}

#[test]
fn both_sides_changing_different_groups_is_merged_by_itself() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    phone.sync(&mut office);
    phone.enter(REPORT, "finding", "mine");
    office.write("work_report", REPORT, "hazards", words("hazards", "theirs"));

    let receipt = phone.sync(&mut office);

    assert_eq!(receipt.merged.len(), 1);
    assert_eq!(receipt.merged[0].ours.iter().collect::<Vec<_>>(), ["finding"]);
    assert_eq!(receipt.merged[0].theirs.iter().collect::<Vec<_>>(), ["hazards"]);
    assert!(receipt.needs_person.is_empty());
    assert_eq!(phone.text(REPORT, "finding").as_deref(), Some("mine"));
    assert_eq!(phone.text(REPORT, "hazards").as_deref(), Some("theirs"));
}

#[test]
fn both_sides_changing_the_same_group_needs_a_person_and_loses_nothing() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    phone.sync(&mut office);
    phone.enter(REPORT, "finding", "mine");
    office.write_concurrently(REPORT, "finding", words("finding", "theirs"));

    let receipt = phone.sync(&mut office);

    assert_eq!(receipt.needs_person.len(), 1);
    assert_eq!(receipt.needs_person[0].group, "finding");
    assert_eq!(phone.texts(REPORT, "finding"), ["mine", "theirs"]);
    assert_eq!(phone.device.status().unwrap().conflicts, 1);
}

#[test]
fn a_job_taken_away_stays_until_its_pending_work_was_answered() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    phone.sync(&mut office);
    office.take_away(REPORT);

    let mut session = Session::begin(&phone.device).unwrap();
    let Step::Send(request) = session.next().unwrap() else { panic!("a request is expected") };
    let response = office.respond(&request);
    phone.enter(REPORT, "finding", "entered while the news travelled");
    session.answer(response).unwrap();
    drop(session);

    assert!(phone.record(REPORT).is_some(), "pending work keeps it");
    let receipt = phone.sync(&mut office);
    assert!(receipt.is_complete());
    assert_eq!(receipt.left, 1);
    assert!(phone.record(REPORT).is_none());
    assert_eq!(texts(office.records.get(&REPORT), "finding"), ["entered while the news travelled"]);
    assert_eq!(receipt.agrees, Some(true));
}

#[test]
fn a_job_that_returns_comes_whole_and_counters_go_on_above_the_evicted_ones() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    phone.sync(&mut office);
    phone.enter(REPORT, "finding", "first");
    phone.sync(&mut office);
    let before = office.records[&REPORT].version.clone();
    office.take_away(REPORT);
    phone.sync(&mut office);
    assert!(phone.record(REPORT).is_none());
    office.give_back(REPORT);

    phone.sync(&mut office);
    phone.enter(REPORT, "finding", "second");
    phone.enter(id(71), "finding", "other record");
    let receipt = phone.sync(&mut office);

    assert!(receipt.is_complete());
    let me = phone.device.status().unwrap().replica;
    assert_eq!(office.records[&REPORT].version.get(me), before.get(me) + 1);
    assert!(office.records[&id(71)].version.get(me) > before.get(me), "never below an evicted counter");
    assert_eq!(office.alarms, 0);
}

#[test]
fn a_mark_that_came_and_went_evicts_nothing() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    phone.sync(&mut office);
    phone.enter(REPORT, "finding", "work");
    office.take_away(REPORT);
    let mut lost = Vec::new();
    phone.sync_over(|request| {
        lost.push(office.respond(request));
        None
    });
    office.give_back(REPORT);

    assert!(phone.sync(&mut office).is_complete());

    assert_eq!(phone.text(REPORT, "finding").as_deref(), Some("work"));
    assert_eq!(phone.device.status().unwrap().fingerprint, office.fingerprint());
}
