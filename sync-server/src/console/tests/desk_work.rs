//! A dispatcher's work at the desk, from the first order to the decision about a conflict.

use axum::http::StatusCode;
use fieldsync_protocol::{FieldsExt, Value, Version, fields, show};

use super::{World, world};
use crate::sync::accept::Accepted;

#[tokio::test]
async fn an_order_is_written_dispatched_and_found_on_the_board() {
    let world = world();
    let mut browser = world.signed_in().await;
    let form = [
        ("customer", "天山矿业"),
        ("phone", "+86 991 555 0134"),
        ("site", "Pit 4"),
        ("asset", "Excavator A"),
        ("problem", "L/H bucket cyl leaking <b>badly</b>"),
        ("priority", "high"),
        ("category", "b_contract"),
        ("due", "2026-11-24T16:00"),
        ("technician", &world.wei.to_string()),
    ];

    let created = browser.post("/jobs/new", &form).await;
    let page = browser.follow(&created).await;

    assert!(page.body.contains("WO-000001 is registered."), "{}", page.body);
    assert!(page.body.contains("L/H bucket cyl leaking &#60;b&#62;badly"));
    assert!(page.body.contains("dispatched it to Wei Zhang"));
    assert!(page.body.contains("datetime=\"2026-11-24T08:00:00.000Z\""), "the due time is the office's");
    let again = browser.get(created.location()).await;
    assert!(!again.body.contains("is registered."), "a message is shown once");
    for query in ["?q=%E5%A4%A9%E5%B1%B1", "?q=lh+bucket", "?status=dispatched&sort=due"] {
        let board = browser.get(&format!("/board{query}")).await;
        assert!(board.body.contains("WO-000001"), "{query}");
    }
    assert!(browser.get("/board?status=approved").await.body.contains("Nothing here"));
    assert!(browser.get("/search?q=excavator").await.body.contains("Excavator A"));
}

#[tokio::test]
async fn what_was_entered_comes_back_with_the_reason_when_it_cannot_be_written() {
    let world = world();
    let mut browser = world.signed_in().await;

    let page = browser.post("/jobs/new", &[("customer", "Ferndale <Dairy>"), ("priority", "normal")]).await;

    assert!(page.body.contains("Say what is wrong"));
    assert!(page.body.contains("value=\"Ferndale &#60;Dairy&#62;\""));
    assert!(browser.get("/board").await.body.contains("No work orders yet"));
}

#[tokio::test]
async fn only_what_was_changed_in_the_plan_is_written() {
    let world = world();
    let order = world.order("pump leaks");
    let mut browser = world.signed_in().await;
    let page = browser.get(&format!("/jobs/{order}")).await;
    let version = page.field_after("Save the plan", "version");
    let form = [
        ("version", version.as_str()),
        ("priority", "emergency"),
        ("was_priority", "normal"),
        ("category", "a_paid"),
        ("was_category", "a_paid"),
        ("due", ""),
        ("was_due", ""),
        ("instructions", "Gate code 4411\r\nAsk for Marion"),
        ("was_instructions", ""),
    ];

    let saved = browser.post(&format!("/jobs/{order}/plan"), &form).await;
    let page = browser.follow(&saved).await;

    assert!(page.body.contains("The plan is saved."));
    assert!(page.body.contains("Priority: Normal → Emergency"));
    assert_eq!(world.shown(order, "instructions").text("text"), Some("Gate code 4411\nAsk for Marion"));
    assert_eq!(world.record(order).siblings("category").count(), 1);
    let history = world.office.read(|txn| txn.history_of(order)).expect("history");
    assert_eq!(history.iter().filter(|placed| placed.entry.edit.group == "category").count(), 1);
}

/// Two incarnations of the technician's phone wrote the hazards without knowing of each other; the office may not write
/// a report, but it may decide between what stands there.
#[tokio::test]
async fn a_conflict_in_a_report_shows_both_values_and_the_office_may_decide() {
    let world = world();
    let order = world.order("pump leaks");
    let report = world.office.new_id();
    let subject = ("subject", fields! { "work_order" => order, "technician" => world.wei });
    world.device_edit(1, "work_report", report, &[subject], &Version::new());
    let seen = world.record(report).version;
    world.device_edit(1, "work_report", report, &[("hazards", fields! { "remaining" => "guard missing" })], &seen);
    world.device_edit(2, "work_report", report, &[("hazards", fields! { "remaining" => "oil on the floor" })], &seen);
    let mut browser = world.signed_in().await;

    let page = browser.get(&format!("/jobs/{order}")).await;

    assert!(page.body.contains("guard missing") && page.body.contains("oil on the floor"));
    assert!(page.body.contains("Keep this"));
    assert!(browser.get("/board?status=needs_person").await.body.contains("1 conflict"));
}

/// The customer of a job, with a conflict between the office and the technician who opened him.
fn address_conflict(world: &World) -> (fieldsync_protocol::RecordId, fieldsync_protocol::RecordId) {
    use crate::sync::edit::{Draft, commit};
    let order = world.order("pump leaks");
    let seen = world.record(order).version;
    let write = |text: &str| {
        let draft = Draft {
            kind: "work_order",
            id: order,
            groups: vec![("problem", fields! { "text" => text })],
            context: Some(seen.clone()),
        };
        commit(&world.office, &world.ruth, vec![draft]).expect("an edit");
    };
    write("pump leaks at the flange");
    write("pump leaks at the seal");
    (order, order)
}

#[tokio::test]
async fn a_conflict_is_decided_with_one_click_and_the_decision_is_taken_back() {
    let world = world();
    let (order, record) = address_conflict(&world);
    assert_eq!(show::conflicts(&world.record(record)).len(), 1);
    let mut browser = world.signed_in().await;
    let page = browser.get(&format!("/jobs/{order}")).await;
    assert!(page.body.contains("Both started from") && page.body.contains("Problem: pump leaks<"), "{}", page.body);
    let mark = "pump leaks at the flange</dd>";
    let field = |name: &str| page.field_after(mark, name);
    let form = [
        ("record", field("record")),
        ("group", field("group")),
        ("version", field("version")),
        ("keep", field("keep")),
    ];
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();

    let decided = browser.post(&format!("/jobs/{order}/resolve"), &form).await;
    let page = browser.follow(&decided).await;

    assert!(page.body.contains("Decided: what Ruth Okafor wrote stands."), "{}", page.body);
    assert!(show::conflicts(&world.record(record)).is_empty());
    assert_eq!(world.shown(record, "problem").text("text"), Some("pump leaks at the flange"));
    let repeated = browser.post(&format!("/jobs/{order}/resolve"), &form).await;
    assert!(browser.follow(&repeated).await.body.contains("somebody has decided meanwhile"));

    let (undo, dot) = (page.field_after("class=\"decided\"", "record"), page.field_after("class=\"decided\"", "dot"));
    let undone = browser.post(&format!("/jobs/{order}/undo"), &[("record", &undo), ("dot", &dot)]).await;
    let page = browser.follow(&undone).await;

    assert!(page.body.contains("The decision is taken back"), "{}", page.body);
    let conflicts = show::conflicts(&world.record(record));
    assert_eq!(conflicts.len(), 1);
    let texts: Vec<_> = conflicts[0].values.iter().filter_map(|value| value.sibling.fields.text("text")).collect();
    assert_eq!(texts.len(), 2);
    assert!(texts.contains(&"pump leaks at the flange") && texts.contains(&"pump leaks at the seal"));
}

#[tokio::test]
async fn a_decision_never_overwrites_a_value_its_page_had_not_shown() {
    let world = world();
    let (order, record) = address_conflict(&world);
    let mut browser = world.signed_in().await;
    let page = browser.get(&format!("/jobs/{order}")).await;
    let mark = "pump leaks at the flange</dd>";
    let form: Vec<(String, String)> = ["record", "group", "version", "keep"]
        .iter()
        .map(|name| ((*name).to_owned(), page.field_after(mark, name)))
        .collect();
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let draft = crate::sync::edit::Draft {
        kind: "work_order",
        id: order,
        groups: vec![("problem", fields! { "text" => "it is the hose" })],
        context: Some(Version::new()),
    };
    crate::sync::edit::commit(&world.office, &world.ruth, vec![draft]).expect("an edit");

    browser.post(&format!("/jobs/{order}/resolve"), &form).await;

    let conflicts = show::conflicts(&world.record(record));
    assert_eq!(conflicts.len(), 1, "what arrived meanwhile stays beside the decision");
    let texts: Vec<_> = conflicts[0].values.iter().filter_map(|value| value.sibling.fields.text("text")).collect();
    assert!(texts.contains(&"it is the hose") && texts.contains(&"pump leaks at the flange"));
}

#[tokio::test]
async fn finished_work_is_approved_only_for_what_was_seen() {
    let world = world();
    let order = world.order("pump leaks");
    let event = |event: &str, seen: Vec<Value>| {
        fields! { "work_order" => order, "technician" => world.wei, "event" => event, "seen" => seen }
    };
    let first = world.office.new_id();
    world.device_edit(1, "visit_event", first, &[("event", event("on_site", vec![]))], &Version::new());
    let last = event("cannot_complete", vec![Value::from(first)]);
    world.device_edit(1, "visit_event", world.office.new_id(), &[("event", last)], &Version::new());
    let mut browser = world.signed_in().await;
    let page = browser.get(&format!("/jobs/{order}")).await;
    assert!(page.body.contains("Cannot complete") && page.body.contains("could not complete it"));
    let version = page.field_after("class=\"actions\"", "version");

    let empty = browser.post(&format!("/jobs/{order}/return"), &[("version", &version), ("reason", " ")]).await;
    assert!(browser.follow(&empty).await.body.contains("a return needs a reason"));
    let approved = browser.post(&format!("/jobs/{order}/approve"), &[("version", &version)]).await;
    assert!(browser.follow(&approved).await.body.contains("The work is approved."));

    let note = browser.post(&format!("/jobs/{order}/notes"), &[("text", "too late")]).await;
    assert!(browser.follow(&note).await.body.contains("approved and closed"));
}

#[tokio::test]
async fn late_work_is_released_and_shows_as_its_authors() {
    let world = world();
    let order = world.order("pump leaks");
    let mut browser = world.signed_in().await;
    let page = browser.get(&format!("/jobs/{order}")).await;
    let (assignment, version) =
        (page.field_after("class=\"crew\"", "assignment"), page.field_after("class=\"crew\"", "version"));
    browser.post(&format!("/jobs/{order}/withdraw"), &[("assignment", &assignment), ("version", &version)]).await;
    let note = world.office.new_id();
    let text = fields! { "work_order" => order, "text" => "valve was open" };
    let edits = world.device_edit(1, "note", note, &[("text", text.clone())], &Version::new());
    assert!(matches!(edits, Accepted::Held(_)));
    hold(&world, note, order, text);

    let page = browser.get("/held").await;
    assert!(page.body.contains("valve was open") && page.body.contains("late work"), "{}", page.body);
    let ids = page.field_after("class=\"panel held\"", "ids");
    let released = browser.post("/held/release", &[("ids", &ids)]).await;

    assert!(browser.follow(&released).await.body.contains("Released"));
    let page = browser.get(&format!("/jobs/{order}")).await;
    assert!(page.body.contains("valve was open") && page.body.contains("let in by the office"));
    assert!(browser.get("/held").await.body.contains("Nothing waits for you"));
}

fn hold(
    world: &World,
    note: fieldsync_protocol::RecordId,
    order: fieldsync_protocol::RecordId,
    text: fieldsync_protocol::Fields,
) {
    use fieldsync_protocol::{Dot, Edit, PersonId, ReplicaId, Stamp, Trust};
    let stamp = Stamp {
        person: PersonId(world.wei.0),
        device: Some(world.device),
        at_ms: 0,
        offset_ms: 0,
        trust: Trust::Compared,
    };
    let held = crate::store::Held {
        id: world.office.new_id(),
        kind: "note".into(),
        record: note,
        work_order: Some(order),
        edit: Edit {
            dot: Dot { replica: ReplicaId([1; 16]), counter: 1 },
            group: "text".into(),
            fields: text,
            context: Version::new(),
            stamp,
        },
        person: PersonId(world.wei.0),
        device: world.device,
        code: fieldsync_protocol::rights::Code::Withdrawn,
        arrived_ms: world.office.now_ms(),
        decision: None,
    };
    world.office.write(move |txn| txn.hold(&held)).expect("held");
}

#[tokio::test]
async fn a_device_is_enrolled_with_a_code_shown_once_and_revoked_after_asking() {
    let world = world();
    let mut browser = world.signed_in().await;

    let made = browser.post("/devices/enrol", &[("technician", &world.wei.to_string())]).await;
    let page = browser.follow(&made).await;
    assert!(page.body.contains("Enrol a device for Wei Zhang") && page.body.contains("class=\"code\""));
    assert_eq!(browser.get("/devices/enrol").await.location(), "/devices", "the code is gone");

    let page = browser.get("/devices").await;
    assert!(page.body.contains("Phone in van 3"));
    let href = format!("/devices/{}/revoke", world.device);
    assert!(browser.get(&href).await.body.contains("Revoke Phone in van 3?"));
    let revoked = browser.post(&href, &[]).await;
    assert!(browser.follow(&revoked).await.body.contains("Phone in van 3 is revoked."));
    assert_eq!(browser.get(&href).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_device_that_never_returns_is_given_up_after_asking() {
    let world = world();
    let mut browser = world.signed_in().await;
    let href = format!("/devices/{}/retire", world.device);
    assert!(browser.get("/devices").await.body.contains(&href));

    assert!(browser.get(&href).await.body.contains("Retire Phone in van 3?"));
    let retired = browser.post(&href, &[]).await;

    assert!(browser.follow(&retired).await.body.contains("Phone in van 3 is retired."));
    assert_eq!(browser.get(&href).await.status, StatusCode::NOT_FOUND);
    assert!(!browser.get("/devices").await.body.contains(&href));
}

#[tokio::test]
async fn dispatching_adds_who_is_new_and_withdraws_who_is_unticked() {
    let world = world();
    let order = world.order("pump leaks");
    let ana = crate::people::add_technician(&world.office, "Ana Duarte", "", "").expect("technician").to_string();
    let mut browser = world.signed_in().await;
    let page = browser.get(&format!("/jobs/{order}/dispatch")).await;
    assert!(page.body.contains("no device enrolled"));
    let version = page.field_after("<form", "version");

    let form = [("version", version.as_str()), ("technician", ana.as_str()), ("start", "2026-11-25T08:00")];
    let sent = browser.post(&format!("/jobs/{order}/dispatch"), &form).await;
    let page = browser.follow(&sent).await;

    assert!(page.body.contains("Dispatched to Ana Duarte."), "{}", page.body);
    assert!(page.body.contains("withdrew Wei Zhang"));
    let row = world.office.read(|txn| txn.job(order)).expect("row").expect("row");
    assert_eq!(row.technicians, "Ana Duarte");
}

#[tokio::test]
async fn a_file_is_looked_at_before_it_is_imported_and_imported_once() {
    let world = world();
    let mut browser = world.signed_in().await;
    let file = b"date;asset;text\n24.12.2025;A;BUCKET WON'T OPEN\n25.12.2025;A;\n26.12.2025;B;AIRCON NOT COLD\n";

    let sent = browser.upload("/import", "orders.csv", file).await;
    let page = browser.follow(&sent).await;
    assert!(page.body.contains("Import 2 orders") && page.body.contains("no text"), "{}", page.body);
    assert!(browser.get("/board").await.body.contains("No work orders yet"), "nothing was written yet");
    let done = browser.post(sent.location(), &[]).await;
    let page = browser.follow(&done).await;

    assert!(page.body.contains("orders.csv is imported"), "{}", page.body);
    browser.post(sent.location(), &[]).await;
    let board = browser.get("/board").await;
    assert!(board.body.contains("–2 of 2<"), "{}", board.body);
    let nonsense = browser.upload("/import", "x.csv", b"\0\x01").await;
    assert!(browser.follow(&nonsense).await.body.contains("The office failed to"));
}

#[tokio::test]
async fn nothing_unreadable_is_a_crash() {
    let world = world();
    let order = world.order("pump leaks");
    let mut browser = world.signed_in().await;

    for path in [
        "/jobs/7",
        "/jobs/00000000-0000-0000-0000-000000000000",
        "/devices/x/revoke",
        "/board?page=-1&day=x&technician=%00",
        "/board?q=%22%20OR%20*",
        "/search?q=%FF",
    ] {
        let page = browser.get(path).await;
        assert!(!page.status.is_server_error(), "{path}: {}", page.status);
    }
    for (path, form) in [
        ("resolve", &[("record", "x"), ("group", "y"), ("version", "zz"), ("keep", "-")][..]),
        ("plan", &[("version", "ff")]),
        ("cancel", &[("version", "00"), ("reason", "x")]),
        ("dispatch", &[("technician", "nobody")]),
    ] {
        let page = browser.post(&format!("/jobs/{order}/{path}"), form).await;
        assert!(page.status.is_client_error(), "{path}: {}", page.status);
    }
}

#[tokio::test]
async fn a_job_says_who_has_it_on_the_phone_and_why() {
    let world = world();
    let order = world.order("pump leaks");
    let mut browser = world.signed_in().await;
    let job = browser.get(&format!("/jobs/{order}")).await;
    let href = format!("/explain/{order}");
    assert!(job.body.contains(&href));

    let page = browser.get(&href).await;

    assert!(page.body.contains("Wei Zhang sees it since"), "{}", page.body);
    assert!(page.body.contains("is assigned to them by Ruth Okafor"));
    assert!(page.body.contains("Phone in van 3 has never synced"));
    let nobodys = browser.get(&format!("/explain/{}?device={}", world.wei, world.office.new_id())).await;
    assert_eq!(nobodys.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_technician_cannot_answer_for_a_colleague_on_the_same_job() {
    let world = world();
    let order = world.order("pump leaks");
    let bert = crate::people::add_technician(&world.office, "Bert Holm", "", "").expect("technician");
    let assignment = world.office.new_id();
    let plan = fields! { "work_order" => order, "technician" => bert };
    let draft = crate::sync::edit::Draft::one("assignment", assignment, "plan", plan);
    crate::sync::edit::commit(&world.office, &world.ruth, vec![draft]).expect("Bert comes along");
    let seen = world.record(assignment).version;

    for (group, said) in [
        ("response", fields! { "response" => "declined", "reason" => "no crane" }),
        ("day", fields! { "place_in_day" => 3 }),
    ] {
        let accepted = world.device_edit(8, "assignment", assignment, &[(group, said)], &seen);

        let Accepted::Refused(refusals) = accepted else { panic!("{group} is not Wei's to write: {accepted:?}") };
        assert_eq!(refusals[0].code, fieldsync_protocol::rights::Code::NotYours);
        assert_eq!(world.record(assignment).siblings(group).count(), 0);
    }
}
