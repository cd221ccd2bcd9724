//! Edits on their way: pending, coalesced, lost, refused, held, too large.

use ciborium::cbor;
use fieldsync_protocol::exchange::Exchange;
use fieldsync_protocol::fault::{Fault, FaultCode};
use fieldsync_protocol::{Value, fields, wire};

use super::office::{ME, ORDER, Office};
use super::*;
use crate::{DrawerState, Ended, Error, Landing, Resolution};

const REPORT: RecordId = RecordId(uuid::Uuid::from_bytes([70; 16]));

fn phone_with_job() -> (Phone, Office) {
    let (phone, mut office) = (Phone::new(1), Office::new());
    assert!(phone.sync(&mut office).is_complete());
    (phone, office)
}

#[test]
fn an_edit_is_shown_at_once_survives_a_kill_and_stays_pending_until_it_is_answered() {
    let (mut phone, mut office) = phone_with_job();

    phone.enter(REPORT, "finding", "worn seal");
    phone.kill();

    assert_eq!(phone.text(REPORT, "finding").as_deref(), Some("worn seal"));
    assert_eq!(phone.device.pending().unwrap().len(), 1);

    let receipt = phone.sync(&mut office);

    assert!(receipt.is_complete());
    assert_eq!((receipt.sent, receipt.accepted, receipt.still_here), (1, 1, 0));
    assert_eq!(receipt.agrees, Some(true));
    assert_eq!(texts(office.records.get(&REPORT), "finding"), ["worn seal"]);
}

#[test]
fn later_edits_of_one_author_replace_what_is_pending() {
    let (phone, mut office) = phone_with_job();

    phone.enter(REPORT, "finding", "first");
    phone.enter(REPORT, "finding", "second");
    phone.enter(REPORT, "hazards", "guard missing");
    assert_eq!(phone.device.pending().unwrap().len(), 2);
    let unchanged = phone.device.edit(report(REPORT, "finding", "second")).unwrap();
    assert_eq!(unchanged.groups["finding"], Landing::Unchanged);

    assert_eq!(phone.sync(&mut office).accepted, 2);
    assert_eq!(texts(office.records.get(&REPORT), "finding"), ["second"]);
}

#[test]
fn two_screens_of_one_phone_keep_both_values() {
    let (phone, mut office) = phone_with_job();
    let seen = phone.context(REPORT);

    phone.device.edit(report(REPORT, "finding", "screen one").seen(seen.clone())).unwrap();
    phone.device.edit(report(REPORT, "finding", "screen two").seen(seen)).unwrap();

    assert_eq!(phone.texts(REPORT, "finding"), ["screen one", "screen two"]);
    let conflicts = phone.device.conflicts().unwrap();
    assert_eq!(conflicts.len(), 1);
    assert!(phone.sync(&mut office).is_complete());
    assert_eq!(texts(office.records.get(&REPORT), "finding"), ["screen one", "screen two"]);

    let kept = conflicts[0].conflict.values[1].clone();
    phone.device.resolve(REPORT, "finding", Resolution::Keep(kept.dot), Some(conflicts[0].context.clone())).unwrap();
    assert!(phone.device.conflicts().unwrap().is_empty());
    phone.sync(&mut office);
    assert_eq!(office.records[&REPORT].siblings("finding").count(), 1);
}

#[test]
fn a_reply_lost_for_ever_so_long_is_no_clone_and_counts_once() {
    let (mut phone, mut office) = phone_with_job();
    for round in 0..20 {
        phone.enter(REPORT, "finding", &format!("try {round}"));
        let receipt = phone.sync_over(|request| {
            office.respond(request);
            None
        });
        assert!(matches!(receipt.ended, Ended::Offline { .. }));
        if round % 3 == 0 {
            phone.kill();
        }
    }

    let receipt = phone.sync(&mut office);

    assert!(receipt.is_complete());
    assert_eq!(office.alarms, 0);
    assert_eq!(receipt.restamps, 0);
    assert_eq!(texts(office.records.get(&REPORT), "finding"), ["try 19"]);
    assert_eq!(receipt.agrees, Some(true));
}

#[test]
fn an_edit_made_during_the_upload_stays_pending_and_follows() {
    let (phone, mut office) = phone_with_job();
    phone.enter(REPORT, "finding", "before");

    let mut is_first = true;
    let receipt = phone.sync_over(|request| {
        let response = office.respond(request);
        if std::mem::take(&mut is_first) {
            phone.enter(REPORT, "finding", "while it travelled");
        }
        Some(response)
    });

    assert!(receipt.is_complete());
    assert_eq!(receipt.accepted, 2);
    assert_eq!(texts(office.records.get(&REPORT), "finding"), ["while it travelled"]);
}

#[test]
fn a_refused_edit_goes_to_the_drawer_the_rest_is_pushed_and_it_is_tried_again_when_rights_change() {
    let (phone, mut office) = phone_with_job();
    office.locked.insert("finding".into());
    phone.enter(REPORT, "finding", "not now");
    phone.enter(REPORT, "hazards", "guard missing");

    let receipt = phone.sync(&mut office);

    assert!(receipt.is_complete());
    assert_eq!(receipt.refused.len(), 1);
    assert_eq!(receipt.accepted, 1);
    assert_eq!(phone.text(REPORT, "finding"), None);
    let drawer = phone.device.drawer().unwrap();
    assert_eq!((drawer.len(), drawer[0].state, drawer[0].code.as_str()), (1, DrawerState::Refused, "office_owned"));
    let export = String::from_utf8(phone.device.export_drawer().unwrap()).unwrap();
    assert!(export.contains("not now") && export.contains("office_owned"));

    assert_eq!(phone.sync(&mut office).retried, 0, "nothing changed, so it is not tried again");
    office.locked.clear();
    office.rights += 1;
    let receipt = phone.sync(&mut office);

    assert_eq!((receipt.retried, receipt.accepted), (1, 1));
    assert!(phone.device.drawer().unwrap().is_empty());
    assert_eq!(texts(office.records.get(&REPORT), "finding"), ["not now"]);
    assert_eq!(office.alarms, 0, "a dead dot never comes back");
}

#[test]
fn a_refused_edit_that_its_author_replaced_is_kept_but_not_tried_again() {
    let (phone, mut office) = phone_with_job();
    office.locked.insert("finding".into());
    phone.enter(REPORT, "finding", "refused");
    let screen = phone.context(REPORT);
    phone.sync(&mut office);
    office.locked.clear();

    phone.device.edit(report(REPORT, "finding", "newer").seen(screen)).unwrap();
    office.rights += 1;
    phone.sync(&mut office);

    assert_eq!(texts(office.records.get(&REPORT), "finding"), ["newer"]);
    assert_eq!(phone.device.drawer().unwrap()[0].state, DrawerState::Superseded);
    let entry = phone.device.drawer().unwrap()[0].id;
    phone.device.discard(entry).unwrap();
    assert!(phone.device.drawer().unwrap().is_empty());
}

#[test]
fn a_new_record_that_is_refused_leaves_no_trace_but_its_entry_in_the_drawer() {
    let (phone, mut office) = phone_with_job();
    office.locked.insert("text".into());
    let draft = Draft::new("note").set("text", fields! { "work_order" => id(ORDER), "text" => "gate code" });
    let note = phone.device.edit(draft).unwrap().record;

    phone.sync(&mut office);

    assert!(phone.record(note).is_none());
    assert_eq!(phone.device.drawer().unwrap()[0].record, note);
    office.locked.clear();
    office.rights += 1;
    phone.sync(&mut office);
    assert!(phone.record(note).is_some());
    assert!(office.records.contains_key(&note));
}

#[test]
fn held_work_counts_as_delivered_and_is_shown_as_at_the_office() {
    let (phone, mut office) = phone_with_job();
    phone.enter(REPORT, "finding", "done anyway");
    office.withdrawn.insert(REPORT);
    office.take_away(REPORT);

    let receipt = phone.sync(&mut office);

    assert!(receipt.is_complete());
    assert_eq!((receipt.held.len(), receipt.left, receipt.still_here), (1, 1, 0));
    assert!(phone.record(REPORT).is_none(), "nothing waits, so the record leaves");
    let drawer = phone.device.drawer().unwrap();
    assert_eq!((drawer[0].state, drawer[0].work_order), (DrawerState::Held, Some(id(ORDER))));
    assert_eq!(receipt.agrees, Some(true));
}

#[test]
fn one_bad_edit_blocks_nothing_and_is_kept() {
    let (phone, mut office) = phone_with_job();
    let order = id(ORDER);
    for number in 0..20 {
        let text = if number == 7 { "poison".to_owned() } else { format!("note {number}") };
        let draft = Draft::new("note").set("text", fields! { "work_order" => order, "text" => text });
        phone.device.edit(draft).unwrap();
    }

    let receipt = phone.sync_over(|request| {
        let exchange: fieldsync_protocol::exchange::Exchange = fieldsync_protocol::wire::unpack(&request.body).unwrap();
        let is_bad = |edit: &fieldsync_protocol::Edit| edit.fields.text("text") == Some("poison");
        if exchange.push.iter().any(|push| push.edits.iter().any(is_bad)) {
            let fault = Fault::new(FaultCode::BadRequest);
            return Some(Response { status: 400, headers: Vec::new(), body: serde_json::to_vec(&fault).unwrap() });
        }
        Some(office.respond(request))
    });

    assert!(receipt.is_complete());
    assert_eq!((receipt.accepted, receipt.refused.len()), (19, 1));
    let drawer = phone.device.drawer().unwrap();
    assert_eq!(drawer[0].code, "invalid_entry");
    assert_eq!(drawer[0].edit.fields.text("text"), Some("poison"));
    assert!(receipt.round_trips < 20, "it is found by halving");
}

#[test]
fn what_a_proxy_does_not_let_through_stays_pending_and_blocks_nothing() {
    let (phone, mut office) = phone_with_job();
    phone.enter(REPORT, "finding", &"x".repeat(3_000));
    phone.enter(id(71), "hazards", "small");

    let receipt = phone.sync_over(|request| {
        let exchange: fieldsync_protocol::exchange::Exchange = fieldsync_protocol::wire::unpack(&request.body).unwrap();
        if exchange.push.iter().any(|push| push.id == REPORT) {
            return Some(Response { status: 413, headers: Vec::new(), body: b"<html>too large</html>".to_vec() });
        }
        Some(office.respond(request))
    });

    assert_eq!((receipt.accepted, receipt.still_here), (1, 1));
    assert!(phone.device.drawer().unwrap().is_empty());
    assert!(phone.sync(&mut office).is_complete());
    assert_eq!(phone.device.pending().unwrap().len(), 0);
}

#[test]
fn much_work_travels_in_pushes_bounded_in_bytes_and_a_large_record_alone() {
    let (phone, mut office) = phone_with_job();
    for number in 0..60_u32 {
        let word = |place: u32| blake3::hash(&(number * 1_000 + place).to_le_bytes()).to_hex()[..8].to_owned();
        let text: String = (0..900).map(word).collect();
        let draft = Draft::new("note").set("text", fields! { "work_order" => id(ORDER), "text" => text });
        phone.device.edit(draft).unwrap();
    }

    let large: String =
        (0..25_000_u32).map(|place| blake3::hash(&place.to_le_bytes()).to_hex()[..8].to_owned()).collect();
    let changed = Value::List(vec![Value::Text(large)]);
    phone.device.edit(Draft::of("work_report", REPORT).set("parameters", fields! { "changed" => changed })).unwrap();

    let receipt = phone.sync(&mut office);

    assert!(receipt.is_complete());
    assert_eq!(receipt.accepted, 61);
    let pushes: Vec<usize> = office.received.iter().map(|exchange| exchange.push.len()).collect();
    assert_eq!(pushes, [0, 35, 25, 1]);
    assert_eq!(receipt.agrees, Some(true));
}

#[test]
fn a_wrong_entry_is_refused_at_once_with_the_offices_code_and_nothing_is_stored() {
    let (phone, mut office) = phone_with_job();
    office.write("work_order", id(ORDER), "plan", fields! { "priority" => "low" });
    phone.sync(&mut office);
    let plan = Draft::of("work_order", id(ORDER)).set("plan", fields! { "priority" => "emergency" });

    let Err(Error::Refused { code, .. }) = phone.device.edit(plan) else { panic!("it must be refused") };

    assert_eq!(code.name(), "office_owned");
    let wrong = Draft::of("work_report", REPORT).set("outcome", fields! { "outcome" => "perhaps" });
    assert_eq!(phone.device.edit(wrong).unwrap_err().code(), "unknown_word");
    let unknown_order = fields! { "work_order" => id(99), "text" => "whose?" };
    assert_eq!(phone.device.edit(Draft::new("note").set("text", unknown_order)).unwrap_err().code(), "out_of_scope");
    let good = Draft::new("note").set("text", fields! { "work_order" => id(ORDER), "text" => "fine" });
    let bad = Draft::new("note").set("text", fields! { "work_order" => id(ORDER) });
    assert!(phone.device.edit_all(vec![good, bad]).is_err());
    assert!(phone.device.pending().unwrap().is_empty(), "all drafts of a call are stored, or none");
}

#[test]
fn an_order_made_on_site_is_one_call_and_reaches_the_office_in_order() {
    let (phone, mut office) = phone_with_job();
    let (customer, order) = (phone.device.new_id(), phone.device.new_id());
    let drafts = vec![
        Draft::of("customer", customer)
            .set("identity", fields! { "name" => "Quarry North" })
            .set("origin", fields! { "provisional" => true }),
        Draft::of("work_order", order)
            .set("origin", fields! { "channel" => "on_site", "provisional_number" => "P-1" })
            .set("problem", fields! { "text" => "bucket cylinder leaks" })
            .set("parties", fields! { "customer" => customer })
            .set("plan", fields! { "priority" => "high" }),
        Draft::new("assignment").set("plan", fields! { "work_order" => order, "technician" => id(ME) }),
    ];

    phone.device.edit_all(drafts).unwrap();
    phone.device.edit(Draft::of("customer", customer).change("identity", fields! { "number" => "17" })).unwrap();
    let receipt = phone.sync(&mut office);

    assert!(receipt.is_complete());
    let push = &office.received.last().unwrap().push;
    let pushed: Vec<&str> = office.received.iter().flat_map(|one| &one.push).map(|push| push.kind.as_str()).collect();
    assert_eq!(pushed, ["customer", "work_order", "assignment"], "{}", push.len());
    let identity = show::fields(&office.records[&customer], "identity").unwrap().clone();
    assert_eq!(identity, fields! { "name" => "Quarry North", "number" => "17" });
}

#[test]
fn what_may_only_be_proposed_becomes_a_proposal() {
    let (phone, mut office) = phone_with_job();
    office.write("customer", id(20), "identity", fields! { "name" => "Old name" });
    phone.sync(&mut office);
    let rename = || Draft::of("customer", id(20)).set("identity", fields! { "name" => "New name" });

    assert!(matches!(phone.device.edit(rename()), Err(Error::ProposalNeedsOrder)));
    let edited = phone.device.edit(rename().on_order(id(ORDER)).because("sign at the gate")).unwrap();

    let Landing::Proposed(proposal) = edited.groups["identity"] else { panic!("a proposal is expected") };
    let record = phone.record(proposal).unwrap();
    assert_eq!(show::fields(&record, "proposal").unwrap().text("reason"), Some("sign at the gate"));
    assert_eq!(show::fields(&phone.record(id(20)).unwrap(), "identity").unwrap().text("name"), Some("Old name"));
}

#[test]
fn fields_of_a_newer_version_survive_an_edit() {
    let (phone, mut office) = phone_with_job();
    office.write("work_report", REPORT, "finding", fields! { "cause" => "old", "invented_later" => 7 });
    phone.sync(&mut office);

    phone.enter(REPORT, "finding", "new");
    phone.sync(&mut office);

    let finding = show::fields(&office.records[&REPORT], "finding").unwrap();
    assert_eq!(*finding, fields! { "cause" => "new", "invented_later" => 7 });
}

#[test]
fn what_an_office_of_a_later_version_does_not_accept_is_kept_and_shown_in_its_own_words() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    phone.sync(&mut office);
    phone.enter(id(70), "finding", "worn seal");
    phone.enter(id(71), "finding", "cracked hose");
    office.locked.insert("finding".into());
    office.withdrawn.insert(id(71));
    let mut is_first = true;

    let receipt = phone.sync_over(|request| {
        let response = office.respond(request);
        if !std::mem::take(&mut is_first) {
            return Some(response);
        }
        let exchange: Exchange = wire::unpack(&request.body).unwrap();
        let refused = exchange.push.iter().find(|push| push.id == id(70)).unwrap();
        let mut answer: ciborium::Value = wire::unpack(&response.body).unwrap();
        let later = cbor!({
            "refused" => { "until" => 7, "theirs" => null, "refusals" => [
                { "dot" => refused.edits[0].dot, "group" => "finding", "code" => "over_budget", "limit" => 5 }
            ] }
        })
        .unwrap();
        let words = cbor!({ "over_budget" => {
            "text" => "the order's budget is used up", "remedy" => "ask the dispatcher for more"
        } });
        for (name, value) in answer.as_map_mut().unwrap() {
            if name.as_text() == Some("outcomes") {
                let outcomes = value.as_array_mut().unwrap();
                outcomes[0].as_array_mut().unwrap()[1] = later.clone();
                outcomes[1].as_array_mut().unwrap()[1] = cbor!({ "deferred" => [1, 2] }).unwrap();
            }
        }
        answer.as_map_mut().unwrap().push(("words".into(), words.unwrap()));
        Some(Response { body: wire::pack(&answer), ..response })
    });

    assert!(receipt.is_complete(), "{receipt}");
    assert!(receipt.to_string().contains("finding of work_report: the order's budget is used up"), "{receipt}");
    assert_eq!((receipt.refused.len(), receipt.held.len(), receipt.still_here), (1, 1, 0));
    let drawer = phone.device.drawer().unwrap();
    let shown: Vec<_> =
        drawer.iter().map(|entry| (entry.record, entry.state, entry.code.as_str(), entry.reason())).collect();
    assert_eq!(
        shown,
        [
            (id(70), DrawerState::Refused, "over_budget", "the order's budget is used up"),
            (id(71), DrawerState::Held, "deferred", "deferred"),
        ]
    );
    assert_eq!(drawer[0].remedy(), "ask the dispatcher for more");
    assert!(drawer[1].remedy().contains("update the app"));
    assert_eq!(drawer[0].edit.fields.text("cause"), Some("worn seal"));
    let exported = String::from_utf8(phone.device.export_drawer().unwrap()).unwrap();
    for word in ["worn seal", "cracked hose", "the order's budget is used up", "ask the dispatcher for more"] {
        assert!(exported.contains(word), "{word} is missing in {exported}");
    }
    assert_eq!(phone.device.retry(drawer[1].id).unwrap_err().code(), "refused", "a person at the office decides");
}
