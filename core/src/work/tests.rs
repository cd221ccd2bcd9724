use std::sync::mpsc;
use std::time::Duration;

use fieldsync_protocol::rights::Code;
use fieldsync_protocol::status::Status;
use fieldsync_protocol::{fields, show};

use super::*;
use crate::FieldsExt;
use crate::fixture::{COLLEAGUE, Fixture, ME, MORNING_MS, id, office_edit, record};
use crate::watch::WatchFilter;

fn status(fixture: &Fixture) -> Status {
    fixture.device.job(id(50)).unwrap().status
}

#[test]
fn a_visit_goes_through_its_steps_and_each_names_the_last() {
    let fixture = Fixture::with_job();
    let device = &fixture.device;
    let steps = [
        device.set_out(id(50)).unwrap(),
        device.start_visit(id(50)).unwrap(),
        device.pause_visit(id(50)).unwrap(),
        device.resume_visit(id(50)).unwrap(),
        device.follow_up(id(50), "seal kit to be ordered").unwrap(),
    ];

    let job = device.job(id(50)).unwrap().job;
    assert_eq!(status(&fixture), Status::FollowUp);
    assert_eq!(job.event_heads(), [steps[4]]);
    for pair in steps.windows(2) {
        let event = job.events.iter().find(|event| event.id == pair[1]).unwrap();
        assert_eq!(event.seen, [pair[0]]);
    }
    assert!(matches!(device.follow_up(id(50), "  "), Err(Error::Invalid(Invalid::Missing("reason")))));
    device.cannot_complete(id(50), "machine is not here").unwrap();
    assert_eq!(status(&fixture), Status::CannotComplete);
}

#[test]
fn a_visit_is_not_finished_without_report_or_the_photo_that_is_asked_for() {
    let fixture = Fixture::with_job();
    let device = &fixture.device;
    let mut order = device.record(id(50)).unwrap().record;
    office_edit(&mut order, "plan", fields! { "priority" => "high", "photo_required" => true });
    fixture.deliver(&[order]);
    device.start_visit(id(50)).unwrap();
    device.write_report(id(50), &ReportEntry { cause: Some("worn".into()), ..Default::default() }).unwrap();
    assert!(matches!(device.finish_visit(id(50)), Err(Error::NotReady { missing: Missing::Report })));

    device.write_report(id(50), &ReportEntry { outcome: Some("solved".into()), ..Default::default() }).unwrap();
    assert!(matches!(device.finish_visit(id(50)), Err(Error::NotReady { missing: Missing::Photo })));

    device.add_attachment(id(50), "image/png", b"not really a picture", None).unwrap();
    device.finish_visit(id(50)).unwrap();
    assert_eq!(status(&fixture), Status::WorkDone);
}

#[test]
fn a_report_is_written_in_parts_and_says_what_was_not_named_still() {
    let fixture = Fixture::with_job();
    let device = &fixture.device;
    let first = ReportEntry {
        cause: Some("seal worn".into()),
        fault_location: Some("tilt cylinder".into()),
        hazards: Some("oil on the floor".into()),
        ..Default::default()
    };
    let report = device.write_report(id(50), &first).unwrap();
    let seen = device.record(report).unwrap().context;
    let second = ReportEntry { cause: Some("seal cut".into()), hazards: Some(String::new()), ..Default::default() };
    assert_eq!(device.write_report(id(50), &ReportEntry { seen: Some(seen), ..second }).unwrap(), report);

    let job = device.job(id(50)).unwrap().job;
    assert_eq!(job.reports.len(), 1);
    let report = &job.reports[0];
    assert_eq!(report.cause.as_deref(), Some("seal cut"));
    assert_eq!(report.fault_location.as_deref(), Some("tilt cylinder"));
    assert_eq!(report.hazards, None);
    let invalid = ReportEntry { outcome: Some("splendid".into()), ..Default::default() };
    assert!(matches!(device.write_report(id(50), &invalid), Err(Error::Invalid(Invalid::Choice("outcome")))));
}

#[test]
fn an_order_made_on_site_stands_whole_with_its_new_customer() {
    let fixture = Fixture::with_job();
    let entry = OpenOrder {
        customer: Known::New(NewCustomer {
            name: "Hof Lindner".into(),
            phone: Some("0471 11".into()),
            city: Some("Bozen".into()),
            ..Default::default()
        }),
        site: None,
        asset: Some(Known::New(NewAsset { name: "Loader".into(), serial: Some("L-3".into()), ..Default::default() })),
        problem: "does not start".into(),
        priority: Some("high".into()),
    };

    let opened = fixture.device.open_order(&entry).unwrap();

    let page = fixture.device.job(opened.order).unwrap();
    assert_eq!(page.status, Status::Dispatched);
    assert_eq!(page.customer.unwrap().name, "Hof Lindner");
    assert_eq!(page.job.number(), Some(opened.number.as_str()));
    assert_eq!(page.job.technicians(), [id(ME)]);
    let list = fixture.device.search("lindner", 5).unwrap();
    assert!(list.jobs[0].job.is_mine && list.jobs[0].job.is_provisional);
    let origin = fixture.device.record(opened.customer).unwrap().record;
    assert!(show::fields(&origin, "origin").unwrap().flag("provisional"));
    let next = fixture.device.open_order(&OpenOrder { customer: Known::Known(opened.customer), asset: None, ..entry });
    assert_ne!(next.unwrap().number, opened.number);
}

#[test]
fn an_order_that_is_refused_leaves_nothing_of_itself() {
    let fixture = Fixture::with_job();
    let before = fixture.device.status().unwrap();
    let nameless = OpenOrder {
        customer: Known::New(NewCustomer { name: "x".repeat(121), ..Default::default() }),
        site: Some(Known::New(NewSite { name: "Yard".into() })),
        asset: None,
        problem: "does not start".into(),
        priority: None,
    };

    assert!(matches!(fixture.device.open_order(&nameless), Err(Error::Invalid(Invalid::TooLong("name")))));

    let after = fixture.device.status().unwrap();
    assert_eq!((after.records, after.pending), (before.records, before.pending));
    assert!(fixture.device.customers("yard", 5).unwrap().is_empty());
}

#[test]
fn work_is_voided_by_its_author_only_and_never_edited() {
    let fixture = Fixture::with_job();
    let device = &fixture.device;
    let time = TimeEntry { activity: Activity::Work, from_ms: MORNING_MS, to_ms: MORNING_MS + 90_000, is_timed: false };
    let own = device.add_time(id(50), time).unwrap();
    device.void(own, "wrong job").unwrap();
    assert_eq!(device.job(id(50)).unwrap().job.times[0].void.as_deref(), Some("wrong job"));
    assert!(device.add_time(id(50), TimeEntry { to_ms: 0, ..time }).is_err());

    let text = fields! { "work_order" => id(50), "text" => "call before you come" };
    fixture.deliver(&[record("note", 80, "text", text)]);
    let refused = device.void(id(80), "mine?");
    assert!(matches!(refused, Err(Error::Refused { code: Code::NotYours, .. })), "{refused:?}");
    assert!(device.void(id(50), "cannot be voided").is_err());
}

#[test]
fn what_the_office_decides_can_be_proposed() {
    let fixture = Fixture::with_job();
    let category = fields! { "category" => "c_warranty" };

    fixture.device.propose(id(50), id(50), "category", category, Some("still under warranty")).unwrap();

    let page = fixture.device.job(id(50)).unwrap();
    assert_eq!(page.job.proposals[0].subject, id(50));
    assert!(page.job.group("category").is_none());
    let wrong = fixture.device.propose(id(50), id(50), "category", fields! { "category" => "free" }, None);
    assert!(matches!(wrong, Err(Error::Invalid(Invalid::Choice("category")))));
}

#[test]
fn nothing_is_recorded_on_a_job_that_is_not_here_or_under_another_name() {
    let fixture = Fixture::with_job();
    assert!(matches!(fixture.device.start_visit(id(99)), Err(Error::NotFound)));
    let others = fields! {
        "work_order" => id(50), "technician" => id(COLLEAGUE), "activity" => "work", "from_ms" => 1, "to_ms" => 2,
    };
    let refused = fixture.device.edit(Draft::new("time_entry").set("time", others));
    assert!(matches!(refused, Err(Error::Refused { code: Code::NotYours, .. })));
}

#[test]
fn a_job_screen_hears_of_everything_that_changes_its_job() {
    let fixture = Fixture::with_job();
    let (told, hears) = mpsc::channel();
    let _subscription = fixture.device.watch(WatchFilter::record(id(50)), move |ids| told.send(ids.clone()).unwrap());
    let next = || hears.recv_timeout(Duration::from_secs(20)).unwrap();

    fixture.device.add_note(id(50), "gate code 4711").unwrap();
    assert!(next().contains(&id(50)));
    let mut customer = fixture.device.record(id(20)).unwrap().record;
    office_edit(&mut customer, "identity", fields! { "name" => "Steinbruch Süd" });
    fixture.deliver(&[customer]);
    assert!(next().contains(&id(50)));
}
