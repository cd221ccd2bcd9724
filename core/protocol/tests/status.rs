//! The derived status of a work order, step by step through the public API: what the office decides and what technicians
//! record, in whatever order the records arrive.

use fieldsync_protocol::job::Job;
use fieldsync_protocol::status::{Status, status};
use fieldsync_protocol::{
    DeviceId, Dot, Edit, Fields, Hash, PersonId, Record, RecordId, ReplicaId, Stamp, Trust, Value, fields,
};
use proptest::prelude::*;
use uuid::Uuid;

const ANNA: RecordId = RecordId(Uuid::from_u128(0xa));
const BERT: RecordId = RecordId(Uuid::from_u128(0xb));
const ORDER: RecordId = RecordId(Uuid::from_u128(1));

/// A work order and what hangs below it, as one office and its technicians write it.
#[derive(Debug, Clone)]
struct Story {
    order: Record,
    below: Vec<Record>,
}

fn write(record: &mut Record, group: &str, fields: Fields, by_office: bool) {
    let replica = ReplicaId([u8::from(by_office); 16]);
    let stamp = Stamp {
        person: PersonId(ANNA.0),
        device: (!by_office).then(|| DeviceId::from_bytes([1; 16])),
        at_ms: 0,
        offset_ms: 0,
        trust: Trust::Unknown,
    };
    let dot = Dot { replica, counter: record.version.get(replica) + 1 };
    let context = record.version.clone();
    record.put(&Edit { dot, group: group.to_owned(), fields, context, stamp });
}

impl Story {
    fn registered() -> Self {
        let mut order = Record::new("work_order", ORDER);
        write(&mut order, "origin", fields! { "channel" => "phone" }, true);
        write(&mut order, "problem", fields! { "text" => "bucket drops" }, true);
        Self { order, below: Vec::new() }
    }

    fn dispatched() -> Self {
        let mut story = Self::registered();
        story.assign(ANNA);
        story
    }

    fn add(&mut self, kind: &str, group: &str, fields: Fields, by_office: bool) -> RecordId {
        let id = RecordId(Uuid::from_u128(100 + self.below.len() as u128));
        let mut record = Record::new(kind, id);
        let mut all = fields! { "work_order" => ORDER };
        all.extend(fields);
        write(&mut record, group, all, by_office);
        self.below.push(record);
        id
    }

    fn edit(&mut self, id: RecordId, group: &str, fields: Fields, by_office: bool) {
        let record = self.below.iter_mut().find(|record| record.id == id).expect("a record of this story");
        write(record, group, fields, by_office);
    }

    fn assign(&mut self, technician: RecordId) -> RecordId {
        self.add("assignment", "plan", fields! { "technician" => technician }, true)
    }

    /// An event whose author had seen every event so far.
    fn event(&mut self, event: &str) -> RecordId {
        let seen = self.job().event_heads();
        self.event_after(event, &seen)
    }

    fn event_after(&mut self, event: &str, seen: &[RecordId]) -> RecordId {
        let seen: Vec<Value> = seen.iter().copied().map(Value::from).collect();
        self.add("visit_event", "event", fields! { "technician" => ANNA, "event" => event, "seen" => seen }, false)
    }

    fn document(&mut self, content: &str) -> Hash {
        let seen: Vec<Value> = self.job().documents.iter().map(|document| Value::from(document.id)).collect();
        let content = content.as_bytes().to_vec();
        let hash = Hash::sha256(&content);
        let fields = fields! { "document_kind" => "work_done", "content" => content, "hash" => hash, "seen" => seen };
        self.add("document", "document", fields, false);
        hash
    }

    fn sign(&mut self, document: Hash) {
        let fields = fields! {
            "document" => document, "statement" => vec![1_u8], "strokes" => vec![1_u8],
            "device_signature" => vec![0_u8; 64],
        };
        self.add("signature", "signature", fields, false);
    }

    fn review(&mut self, decision: &str) -> RecordId {
        let job = self.job();
        let (seen, document) = (job.seen_by_review(), job.latest_document().map(|document| document.hash));
        self.review_after(decision, document, &seen)
    }

    fn review_after(&mut self, decision: &str, document: Option<Hash>, seen: &[RecordId]) -> RecordId {
        let seen: Vec<Value> = seen.iter().copied().map(Value::from).collect();
        let fields = fields! { "decision" => decision, "document" => document, "seen" => seen };
        self.add("review", "decision", fields, true)
    }

    fn cancel(&mut self) {
        write(&mut self.order, "cancelled", fields! { "cancelled" => true, "reason" => "customer called" }, true);
    }

    fn job(&self) -> Job {
        Job::collect(&self.order, &self.below)
    }

    fn status(&self) -> Status {
        status(&self.job())
    }
}

/// Dispatched, started, finished and signed for.
fn submitted() -> Story {
    let mut story = Story::dispatched();
    story.event("on_site");
    story.event("finished");
    let document = story.document("as done");
    story.sign(document);
    story
}

#[test]
fn the_path_on_site_runs_from_registered_to_approved() {
    let mut story = Story::registered();
    assert_eq!(story.status(), Status::Registered);
    story.assign(ANNA);
    assert_eq!(story.status(), Status::Dispatched);
    story.event("en_route");
    assert_eq!(story.status(), Status::InProgress);
    story.event("on_site");
    assert_eq!(story.status(), Status::InProgress);
    story.event("paused");
    assert_eq!(story.status(), Status::InProgress);
    story.event("resumed");
    story.event("finished");
    assert_eq!(story.status(), Status::WorkDone);
    let document = story.document("as done");
    assert_eq!(story.status(), Status::WorkDone, "frozen, not yet signed");
    story.sign(document);
    assert_eq!(story.status(), Status::Submitted);
    story.review("approved");
    assert_eq!(story.status(), Status::Approved);
}

#[test]
fn an_assignment_that_is_declined_or_withdrawn_sends_the_order_back_to_registered() {
    for (group, fields, by_office) in [
        ("response", fields! { "response" => "declined", "reason" => "ill" }, false),
        ("withdrawn", fields! { "withdrawn" => true }, true),
    ] {
        let mut story = Story::registered();
        let assignment = story.assign(ANNA);
        story.edit(assignment, group, fields, by_office);
        assert_eq!(story.status(), Status::Registered, "{group}");
        story.assign(BERT);
        assert_eq!(story.status(), Status::Dispatched, "{group}");
    }
}

#[test]
fn each_last_event_gives_its_status() {
    for (event, expected) in [
        ("en_route", Status::InProgress),
        ("on_site", Status::InProgress),
        ("paused", Status::InProgress),
        ("resumed", Status::InProgress),
        ("finished", Status::WorkDone),
        ("follow_up", Status::FollowUp),
        ("cannot_complete", Status::CannotComplete),
    ] {
        let mut story = Story::dispatched();
        story.event("on_site");
        story.event(event);
        assert_eq!(story.status(), expected, "{event}");
    }
}

#[test]
fn a_second_visit_goes_on_after_a_follow_up() {
    let mut story = Story::dispatched();
    story.event("on_site");
    story.event("follow_up");
    assert_eq!(story.status(), Status::FollowUp);
    story.event("on_site");
    assert_eq!(story.status(), Status::InProgress);
}

#[test]
fn what_cannot_be_completed_is_reviewed_without_a_document() {
    let mut story = Story::dispatched();
    story.event("on_site");
    story.event("cannot_complete");
    assert_eq!(story.status(), Status::CannotComplete);
    story.review("approved");
    assert_eq!(story.status(), Status::Approved);
}

#[test]
fn an_order_cancelled_before_any_work_is_cancelled() {
    let mut story = Story::dispatched();
    story.cancel();
    assert_eq!(story.status(), Status::Cancelled);
}

#[test]
fn an_order_cancelled_with_work_goes_to_a_reviewer() {
    let mut started = Story::dispatched();
    started.event("on_site");
    started.cancel();
    assert_eq!(started.status(), Status::Submitted);

    let mut reported = Story::dispatched();
    reported.add("work_report", "subject", fields! { "technician" => ANNA }, false);
    reported.cancel();
    assert_eq!(reported.status(), Status::Submitted);

    let mut used = Story::dispatched();
    let part = fields! {
        "technician" => ANNA, "number" => "7", "name" => "seal", "quantity_milli" => 1_000, "unit" => "pc",
    };
    used.add("part_line", "use", part, false);
    used.cancel();
    assert_eq!(used.status(), Status::Submitted);
}

#[test]
fn a_returned_order_goes_on_when_the_technician_does() {
    let mut story = submitted();
    story.review("returned");
    assert_eq!(story.status(), Status::Returned);
    story.event("on_site");
    assert_eq!(story.status(), Status::InProgress);
    story.event("finished");
    let document = story.document("as amended");
    story.sign(document);
    assert_eq!(story.status(), Status::Submitted);
    story.review("approved");
    assert_eq!(story.status(), Status::Approved);
}

#[test]
fn an_approval_is_void_once_a_new_document_or_a_new_event_arrives() {
    let mut amended = submitted();
    amended.review("approved");
    let document = amended.document("with one more part");
    assert_eq!(amended.status(), Status::WorkDone, "the new document is not signed");
    amended.sign(document);
    assert_eq!(amended.status(), Status::Submitted);

    let mut resumed = submitted();
    resumed.review("approved");
    resumed.event("resumed");
    assert_eq!(resumed.status(), Status::InProgress);
}

#[test]
fn an_approval_that_had_not_seen_an_event_made_offline_does_not_hold() {
    let mut story = Story::dispatched();
    let first = story.event("on_site");
    let finished = story.event("finished");
    let document = story.document("as done");
    story.sign(document);
    story.event_after("follow_up", &[first]);
    story.review_after("approved", Some(document), &[finished]);

    assert_eq!(story.status(), Status::FollowUp, "somebody else found more to do at the same time");
}

#[test]
fn of_concurrent_reviews_the_return_stands() {
    let mut story = submitted();
    let job = story.job();
    let (heads, document) = (job.event_heads(), job.latest_document().map(|document| document.hash));
    let returned = story.review_after("returned", document, &heads);
    let approved = story.review_after("approved", document, &heads);
    assert_eq!(story.status(), Status::Returned);

    let both: Vec<RecordId> = heads.into_iter().chain([returned, approved]).collect();
    story.review_after("approved", document, &both);
    assert_eq!(story.status(), Status::Approved, "a review that had seen both decides");
}

#[test]
fn of_concurrent_events_the_one_that_still_needs_somebody_speaks() {
    let ranking = ["on_site", "paused", "en_route", "follow_up", "cannot_complete", "finished"];
    for (place, stronger) in ranking.iter().enumerate() {
        for weaker in &ranking[place + 1..] {
            for pair in [[stronger, weaker], [weaker, stronger]] {
                let mut alone = Story::dispatched();
                alone.event(stronger);
                let mut story = Story::dispatched();
                for event in pair {
                    story.event_after(event, &[]);
                }
                assert_eq!(story.status(), alone.status(), "{stronger} beside {weaker}");
            }
        }
    }
}

#[test]
fn an_event_that_had_seen_both_heads_ends_the_doubt() {
    let mut story = Story::dispatched();
    story.event_after("on_site", &[]);
    story.event_after("follow_up", &[]);
    assert_eq!(story.status(), Status::InProgress);
    story.event("finished");
    assert_eq!(story.status(), Status::WorkDone);
}

#[test]
fn a_signature_under_another_document_submits_nothing() {
    let mut story = Story::dispatched();
    story.event("on_site");
    story.event("finished");
    story.document("as done");
    story.sign(Hash::sha256(b"something else"));
    assert_eq!(story.status(), Status::WorkDone);
}

#[test]
fn records_nobody_understands_change_nothing() {
    let mut story = submitted();
    story.add("drone_flight", "path", fields! { "height_mm" => 4_000 }, false);
    story.below.push(Record::new("visit_event", RecordId(Uuid::from_u128(7))));
    assert_eq!(story.status(), Status::Submitted);
}

#[test]
fn every_status_keeps_its_name() {
    for status in Status::ALL {
        assert_eq!(Status::from_name(status.name()), Some(status));
        assert_eq!(serde_json::to_value(status).expect("a status is a word"), status.name());
    }
    assert_eq!(Status::from_name("archived"), None);
}

proptest! {
    #[test]
    fn the_order_in_which_records_arrive_does_not_matter(
        events in proptest::collection::vec((0..7_usize, any::<bool>()), 0..6),
        document in any::<bool>(), signed in any::<bool>(), review in 0..4_u8, cancelled in any::<bool>(),
        order in any::<proptest::sample::Selector>(),
    ) {
        let mut story = Story::dispatched();
        for (event, has_seen) in events {
            let seen = if has_seen { story.job().event_heads() } else { Vec::new() };
            story.event_after(fieldsync_protocol::kinds::VISIT_EVENTS[event], &seen);
        }
        if document {
            let hash = story.document("as done");
            if signed {
                story.sign(hash);
            }
        }
        for (bit, decision) in [(1, "approved"), (2, "returned")] {
            if review & bit > 0 {
                story.review(decision);
            }
        }
        if cancelled {
            story.cancel();
        }
        let expected = story.status();

        let mut left = story.below.clone();
        let mut shuffled = Story { order: story.order.clone(), below: Vec::new() };
        while !left.is_empty() {
            let next = order.select(0..left.len());
            shuffled.below.push(left.swap_remove(next));
        }

        prop_assert_eq!(shuffled.status(), expected);
    }
}
