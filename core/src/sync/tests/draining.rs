//! Everything drains: past whatever never gets through, and within a few syncs once a fault is over.

use fieldsync_protocol::exchange::Exchange;
use fieldsync_protocol::fault::{Fault, FaultCode};
use fieldsync_protocol::limits::CHUNK_BYTES;
use fieldsync_protocol::request::OFFSET_HEADER;
use fieldsync_protocol::wire;

use super::office::{ORDER, Office};
use super::*;
use crate::stuck::StuckCode;
use crate::sync::Request;
use crate::{DrawerState, Ended};

/// Syncs after which everything must have drained once nothing fails any more.
const SYNCS_MAX: usize = 5;

fn phone_with_job() -> (Phone, Office) {
    let (phone, mut office) = (Phone::new(1), Office::new());
    assert!(phone.sync(&mut office).is_complete());
    (phone, office)
}

/// Notes entered in one go, each with its number as its text.
fn notes(phone: &Phone, count: usize) -> Vec<RecordId> {
    let note = |number: usize| {
        Draft::new("note").set("text", fields! { "work_order" => id(ORDER), "text" => number.to_string() })
    };
    phone.device.edit_all((0..count).map(note).collect()).unwrap().into_iter().map(|edited| edited.record).collect()
}

/// Who answers when something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Office,
    Proxy,
}

fn wrong(status: u16, by: By) -> Response {
    let fault = |code| serde_json::to_vec(&Fault::new(code)).unwrap();
    let body = match (by, status) {
        (By::Proxy, _) => b"<html>no</html>".to_vec(),
        (By::Office, 400) => fault(FaultCode::BadRequest),
        (By::Office, 413) => fault(FaultCode::TooLarge),
        (By::Office, _) => fault(FaultCode::Internal),
    };
    Response { status, headers: Vec::new(), body }
}

fn carries(request: &Request, bad: &[RecordId]) -> bool {
    let Ok(exchange) = wire::unpack::<Exchange>(&request.body) else { return false };
    exchange.push.iter().any(|push| bad.contains(&push.id))
}

/// A sync in which every exchange that carries one of `bad` is answered with this; and how many requests it took.
fn sync_with(phone: &Phone, office: &mut Office, bad: &[RecordId], status: u16, by: By) -> (Receipt, usize) {
    let mut requests = 0;
    let receipt = phone.sync_over(|request| {
        requests += 1;
        Some(if carries(request, bad) { wrong(status, by) } else { office.respond(request) })
    });
    (receipt, requests)
}

fn drains(phone: &Phone, office: &mut Office) -> usize {
    for number in 1..=SYNCS_MAX {
        phone.sync(office);
        let status = phone.device.status().unwrap();
        if status.is_drained() && status.agrees == Some(true) {
            return number;
        }
    }
    panic!("something is still there after {SYNCS_MAX} syncs")
}

#[test]
fn one_record_on_which_the_office_fails_is_found_and_delays_nothing_else() {
    for by in [By::Office, By::Proxy] {
        let (phone, mut office) = phone_with_job();
        let notes = notes(&phone, 40);
        let bad = [notes[7]];
        office.write("work_report", id(70), "finding", words("finding", "news"));

        let (receipt, requests) = sync_with(&phone, &mut office, &bad, 500, by);

        assert_eq!((receipt.ended, receipt.accepted, receipt.still_here), (Ended::Complete, 39, 1), "{receipt}");
        assert!(requests < 25, "{requests} requests");
        assert_eq!(phone.text(id(70), "finding").as_deref(), Some("news"), "what is new comes all the same");
        let stuck = phone.device.stuck().unwrap();
        assert_eq!((stuck[0].record, stuck[0].code, stuck[0].edits), (bad[0], StuckCode::OfficeFails, 1));
        assert_eq!(
            (receipt.stuck.clone(), phone.device.status().unwrap().stuck),
            (stuck.clone(), 1),
            "it is named and counted"
        );
        assert!(receipt.to_string().contains("the office fails on this entry; it is tried again"), "{receipt}");
        assert!(phone.device.drawer().unwrap().is_empty(), "nobody refused it");

        // A later sync sends everything else first, and tries it once.
        let late = self::notes(&phone, 3);
        let (receipt, requests) = sync_with(&phone, &mut office, &bad, 500, by);
        assert_eq!((receipt.ended, receipt.accepted, requests), (Ended::Complete, 3, 2));
        assert!(late.iter().all(|id| office.records.contains_key(id)));

        assert_eq!(drains(&phone, &mut office), 1);
        assert!(office.records.contains_key(&bad[0]));
        assert!(phone.device.stuck().unwrap().is_empty());
    }
}

#[test]
fn an_office_that_is_out_of_order_is_not_mistaken_for_a_bad_record() {
    let (phone, mut office) = phone_with_job();
    let all = notes(&phone, 100);
    let mut requests = 0;

    let receipt = phone.sync_over(|_| {
        requests += 1;
        Some(wrong(500, By::Office))
    });

    assert!(matches!(receipt.ended, Ended::Offline { .. }), "{receipt}");
    assert!(receipt.stuck.is_empty(), "no record is blamed");
    assert!(requests < 40, "{requests} requests: it gives up and comes again");
    assert_eq!(drains(&phone, &mut office), 1);
    assert!(all.iter().all(|id| office.records.contains_key(id)));
}

#[test]
fn an_office_that_fails_on_whatever_is_pushed_is_still_pulled_from_and_not_asked_for_ever() {
    let (phone, mut office) = phone_with_job();
    let all = notes(&phone, 200);
    office.write("work_report", id(70), "finding", words("finding", "news"));

    let (receipt, requests) = sync_with(&phone, &mut office, &all, 500, By::Office);

    assert_eq!(receipt.ended, Ended::Complete);
    assert_eq!(phone.text(id(70), "finding").as_deref(), Some("news"));
    assert!(requests < 60, "{requests} requests");
    assert_eq!(receipt.still_here, 200);
    assert!(drains(&phone, &mut office) <= 2);
}

#[test]
fn a_hundred_bad_records_before_a_thousand_good_ones_cost_a_request_each_and_little_more() {
    for (status, by) in [(413, By::Proxy), (400, By::Office)] {
        let (phone, mut office) = phone_with_job();
        let bad = notes(&phone, 100);
        let good = notes(&phone, 1_000);

        let (receipt, requests) = sync_with(&phone, &mut office, &bad, status, by);

        assert_eq!((receipt.ended, receipt.accepted), (Ended::Complete, 1_000), "{status} by {by:?}");
        assert!(good.iter().all(|id| office.records.contains_key(id)));
        assert!(requests < 150, "{requests} requests for {status} by {by:?}");
        let status = phone.device.status().unwrap();
        assert_eq!(
            (status.pending, status.stuck + status.refused),
            (100 - status.refused, 100),
            "none of them is lost"
        );
        if by == By::Proxy {
            assert!(phone.device.drawer().unwrap().is_empty(), "what a proxy says refuses nothing");
            assert_eq!(drains(&phone, &mut office), 1, "one gets through, so all are sent together again");
        } else {
            assert!(phone.device.drawer().unwrap().iter().all(|entry| entry.state == DrawerState::Refused));
        }
    }
}

#[test]
fn a_record_offered_back_on_which_the_office_fails_holds_up_no_push() {
    let (phone, mut office) = phone_with_job();
    phone
        .device
        .change(|work| {
            let theirs = store::record::theirs(work.tx, id(71))?.unwrap();
            store::offer::add(work.tx, &theirs, false)
        })
        .unwrap();
    let all = notes(&phone, 5);

    let receipt = phone.sync_over(|request| {
        let exchange: Exchange = wire::unpack(&request.body).unwrap();
        Some(if exchange.offers.is_empty() { office.respond(request) } else { wrong(500, By::Office) })
    });

    assert_eq!((receipt.ended, receipt.accepted), (Ended::Complete, 5), "{receipt}");
    assert!(all.iter().all(|id| office.records.contains_key(id)));
    assert_eq!(phone.device.status().unwrap().offers, 1, "it is still offered");
    assert_eq!(drains(&phone, &mut office), 1);
}

#[test]
fn what_was_sent_and_not_answered_is_named_until_the_office_says() {
    let (phone, mut office) = phone_with_job();
    phone.enter(id(70), "finding", "worn seal");

    let receipt = phone.sync_over(|request| {
        office.respond(request);
        None
    });

    assert!(matches!(receipt.ended, Ended::Offline { .. }));
    let undecided = &receipt.undecided[0];
    assert_eq!((undecided.record, undecided.group.as_str(), receipt.undecided.len()), (id(70), "finding", 1));
    assert!(receipt.to_string().contains("1 entries were sent and not answered"), "{receipt}");
    // Entered later, and not sent yet: nobody wonders about it.
    phone.enter(id(71), "finding", "dry");
    let mut is_first = true;
    let receipt = phone.sync_over(|_| std::mem::take(&mut is_first).then(|| wrong(503, By::Proxy)));
    assert_eq!(receipt.undecided.len(), 2, "by now both were sent");
    let receipt = phone.sync(&mut office);
    assert_eq!((receipt.undecided.len(), receipt.accepted, receipt.still_here), (0, 2, 0));
}

#[test]
fn after_any_fault_is_over_a_phone_drains_within_five_syncs() {
    let faults = ["lost", "unanswered", "cut", "400", "413", "500", "502", "503"];
    for fault in faults {
        for times in [1, 3, 7, 40] {
            for by in [By::Office, By::Proxy] {
                let (mut phone, mut office) = phone_with_job();
                phone.enter(id(70), "finding", "worn seal");
                notes(&phone, 30);
                office.write("work_report", id(71), "finding", words("finding", "news"));
                let mut left = times;
                for _ in 0..4 {
                    phone.sync_over(|request| {
                        if left == 0 {
                            return Some(office.respond(request));
                        }
                        left -= 1;
                        match fault {
                            "lost" => None,
                            "unanswered" => {
                                office.respond(request);
                                None
                            }
                            "cut" => {
                                let mut response = office.respond(request);
                                response.body.truncate(response.body.len() / 2);
                                Some(response)
                            }
                            status => Some(wrong(status.parse().unwrap(), by)),
                        }
                    });
                }
                phone.kill();

                drains(&phone, &mut office);

                let kept = phone.device.drawer().unwrap().len();
                let notes = office.records.values().filter(|record| record.kind == "note").count();
                let finding = usize::from(texts(office.records.get(&id(70)), "finding") == ["worn seal"]);
                assert_eq!(notes + finding + kept, 31, "{fault} {times} times by {by:?}");
                assert!(kept == 0 || by == By::Office, "what a proxy says refuses nothing");
                assert_eq!(phone.text(id(71), "finding").as_deref(), Some("news"));
            }
        }
    }
}

/// Takes blobs at the office, each in pieces.
#[derive(Default)]
struct Shelf(std::collections::BTreeMap<String, Vec<u8>>);

impl Shelf {
    fn respond(&mut self, office: &mut Office, request: &Request) -> Response {
        if !request.path.contains("/blob/") {
            return office.respond(request);
        }
        let content = self.0.entry(request.path.clone()).or_default();
        if request.method == "PUT" {
            assert_eq!(request.header(OFFSET_HEADER).unwrap(), content.len().to_string());
            content.extend_from_slice(&request.body);
        }
        let at = vec![("Fieldsync-Offset".to_owned(), content.len().to_string())];
        Response { status: if request.method == "PUT" { 204 } else { 200 }, headers: at, body: Vec::new() }
    }
}

#[test]
fn a_photo_too_large_for_something_on_the_way_goes_in_smaller_pieces() {
    let (phone, mut office) = phone_with_job();
    let content: Vec<u8> = (0..CHUNK_BYTES * 2 + 77).map(|place| (place % 251) as u8).collect();
    phone.device.add_attachment(id(ORDER), "image/jpeg", &content, None).unwrap();
    let (mut shelf, mut refused) = (Shelf::default(), 0);

    let receipt = phone.sync_over(|request| {
        if request.method == "PUT" && request.body.len() > 40_000 {
            refused += 1;
            return Some(wrong(413, By::Proxy));
        }
        Some(shelf.respond(&mut office, request))
    });

    assert_eq!((receipt.ended, receipt.blobs_sent, receipt.blobs_here), (Ended::Complete, 1, 0), "{receipt}");
    assert_eq!(refused, 3, "256 KiB, 128 and 64");
    assert!(shelf.0.values().any(|stored| *stored == content));
}

#[test]
fn a_photo_that_never_gets_through_is_kept_and_delays_no_other_photo_and_no_record() {
    for (status, by) in [(413, By::Proxy), (400, By::Proxy), (500, By::Office), (502, By::Proxy)] {
        let (phone, mut office) = phone_with_job();
        // The smallest remainder goes first, so it is met before the others.
        let bad = phone.device.add_attachment(id(ORDER), "image/jpeg", &[1; 10], None).unwrap();
        for byte in 2..5_u8 {
            phone.device.add_attachment(id(ORDER), "image/jpeg", &[byte; 40_000], None).unwrap();
        }
        let mut shelf = Shelf::default();
        let mut requests = 0;

        let receipt = phone.sync_over(|request| {
            requests += 1;
            let is_bad = request.method == "PUT" && request.path.ends_with(&bad.to_string());
            Some(if is_bad { wrong(status, by) } else { shelf.respond(&mut office, request) })
        });

        assert_eq!(
            (receipt.ended, receipt.blobs_sent, receipt.blobs_here),
            (Ended::Complete, 3, 1),
            "{status} {receipt}"
        );
        assert!(requests < 20, "{requests} requests");
        let receipt = phone.sync_over(|request| Some(shelf.respond(&mut office, request)));
        assert_eq!((receipt.blobs_sent, receipt.blobs_here), (1, 0), "{status}: it was kept and tried again");
    }
}

#[test]
fn a_sync_ends_although_somebody_never_stops_entering() {
    let (phone, mut office) = phone_with_job();
    phone.device.add_attachment(id(ORDER), "image/jpeg", &[1; 10], None).unwrap();
    let (mut shelf, mut number) = (Shelf::default(), 0);

    let receipt = phone.sync_over(|request| {
        number += 1;
        phone.enter(id(70), "finding", &format!("cause {number}"));
        Some(shelf.respond(&mut office, request))
    });

    assert_eq!((receipt.ended, receipt.blobs_sent, receipt.still_here), (Ended::Complete, 1, 1));
    assert!(number < 20, "{number} requests");
    assert_eq!(drains(&phone, &mut office), 1);
    assert_eq!(texts(office.records.get(&id(70)), "finding"), [format!("cause {number}")]);
}
