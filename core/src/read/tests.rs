use fieldsync_protocol::status::Status;
use fieldsync_protocol::{Version, fields};

use super::*;
use crate::fixture::{COLLEAGUE, Fixture, ME, MORNING_MS, assignment, edit_by, id, office_edit, order};

const HOUR_MS: i64 = 3_600_000;

/// Order 50 plus six more: due and planned in different orders, two of them somebody else's.
fn week() -> Fixture {
    let fixture = Fixture::with_job();
    for (at, priority) in ["low", "high", "normal", "emergency", "high", "normal"].into_iter().enumerate() {
        let at = u8::try_from(at).unwrap();
        let mut order = order(51 + at, &format!("WO-{}", 51 + at), "pump leaks");
        let due_ms = MORNING_MS + i64::from(10 - at) * HOUR_MS;
        office_edit(&mut order, "plan", fields! { "priority" => priority, "due_ms" => due_ms });
        let technician = if at < 4 { ME } else { COLLEAGUE };
        let planned_ms = MORNING_MS + i64::from(at % 3) * 24 * HOUR_MS;
        fixture.deliver(&[order, assignment(70 + at, 51 + at, technician, planned_ms)]);
    }
    fixture
}

fn numbers(fixture: &Fixture, filter: JobFilter) -> Vec<String> {
    fixture.device.jobs(&filter).unwrap().items.into_iter().map(|job| job.number).collect()
}

#[test]
fn filters_narrow_the_list_and_sorts_order_it() {
    let fixture = week();
    let by = |sort: JobSort| numbers(&fixture, JobFilter { sort, ..Default::default() });

    assert_eq!(by(JobSort::Number), ["WO-50", "WO-51", "WO-52", "WO-53", "WO-54", "WO-55", "WO-56"]);
    assert_eq!(by(JobSort::Priority)[..3], ["WO-54", "WO-55", "WO-52"]);
    assert_eq!(by(JobSort::Due)[..3], ["WO-56", "WO-55", "WO-54"]);
    assert_eq!(by(JobSort::Plan)[3..], ["WO-52", "WO-53", "WO-55", "WO-56"]);
    let only = |filter: JobFilter| numbers(&fixture, JobFilter { sort: JobSort::Number, ..filter });
    assert_eq!(only(JobFilter { mine_only: true, ..Default::default() }).len(), 5);
    assert_eq!(only(JobFilter { priority: Some("high".into()), ..Default::default() }), ["WO-52", "WO-55"]);
    assert_eq!(only(JobFilter { text: Some("bucket".into()), ..Default::default() }), ["WO-50"]);
    assert_eq!(only(JobFilter { statuses: vec![Status::Approved], ..Default::default() }), [""; 0]);
    let tomorrow = Day::containing(MORNING_MS, 0).next();
    assert_eq!(only(JobFilter { day: Some(tomorrow), ..Default::default() }), ["WO-52"]);
    assert_eq!(fixture.device.job_counts().unwrap(), BTreeMap::from([(Status::Dispatched, 7)]));
}

#[test]
fn pages_join_without_gap_or_repetition_also_while_rows_come_and_go() {
    let fixture = week();
    for sort in [JobSort::Plan, JobSort::Priority, JobSort::Due, JobSort::Number, JobSort::Updated] {
        let whole = numbers(&fixture, JobFilter { sort, ..Default::default() });
        let (mut joined, mut after) = (Vec::new(), None);
        loop {
            let page = fixture.device.jobs(&JobFilter { sort, limit: 2, after, ..Default::default() }).unwrap();
            joined.extend(page.items.into_iter().map(|job| job.number));
            after = page.next.map(|mark| mark.to_string().parse().unwrap());
            if after.is_none() {
                break;
            }
        }
        assert_eq!(joined, whole, "{sort:?}");
    }

    let by_number = JobFilter { sort: JobSort::Number, limit: 3, ..Default::default() };
    let first = fixture.device.jobs(&by_number).unwrap();
    fixture.evict(&[id(50), id(52)]);
    fixture.deliver(&[order(90, "WO-00", "came in between")]);
    let second = fixture.device.jobs(&JobFilter { after: first.next.clone(), ..by_number }).unwrap();
    assert_eq!(second.items[0].number, "WO-53");

    let other_list = JobFilter { sort: JobSort::Due, after: first.next, ..Default::default() };
    assert!(matches!(fixture.device.jobs(&other_list), Err(Error::BadMark)));
    assert!("zz".parse::<PageMark>().is_err());
}

#[test]
fn every_order_of_the_list_is_read_from_its_index() {
    let fixture = week();
    for sort in [JobSort::Plan, JobSort::Priority, JobSort::Due, JobSort::Number, JobSort::Updated] {
        let first = fixture.device.jobs(&JobFilter { sort, limit: 1, ..Default::default() }).unwrap();
        for after in [None, first.next] {
            let filter = JobFilter { sort, after, ..Default::default() };
            let plan = fixture.device.read(|conn| jobs::plan(conn, &filter)).unwrap();
            assert!(plan.contains("USING INDEX job_by_"), "{sort:?}: {plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{sort:?}: {plan}");
        }
    }
}

#[test]
fn a_day_plan_holds_what_is_planned_and_what_is_due() {
    let fixture = week();
    let mut second = assignment(60, 50, ME, MORNING_MS + HOUR_MS);
    office_edit(&mut second, "day", fields! { "place_in_day" => 1 });
    fixture.deliver(&[second]);

    let today = Day { from_ms: MORNING_MS, to_ms: MORNING_MS + 24 * HOUR_MS };
    let plan = fixture.device.day_plan(today).unwrap();

    let numbers = |jobs: &[JobSummary]| jobs.iter().map(|job| job.number.clone()).collect::<Vec<_>>();
    assert_eq!(numbers(&plan.planned), ["WO-50", "WO-51", "WO-54"]);
    assert_eq!(numbers(&plan.due), ["WO-52", "WO-53"]);
}

#[test]
fn a_job_page_says_who_where_what_is_missing_and_what_stands_beside_each_other() {
    let fixture = Fixture::with_job();
    let mut contested = order(50, "WO-50", "L/H bucket cyl leaking");
    edit_by(&mut contested, 201, None, "problem", fields! { "text" => "R/H bucket cyl leaking" }, &Version::new());
    fixture.deliver(&[contested]);
    let note = fixture.device.add_note(id(50), "gate code 4711").unwrap();

    let page = fixture.device.job(id(50)).unwrap();

    assert_eq!(page.status, Status::Dispatched);
    assert_eq!(page.customer.as_ref().map(|party| party.name.as_str()), Some("Steinbruch Nord"));
    assert_eq!(page.asset.as_ref().map(|party| party.name.as_str()), Some("Excavator A"));
    assert_eq!(page.technicians[&id(ME)], "Anna Berg");
    assert_eq!(page.missing, [Missing::Report, Missing::Finish, Missing::Signature]);
    assert_eq!(page.conflicts.len(), 1);
    assert_eq!(page.conflicts[0].conflict.values.len(), 2);
    let pending: Vec<_> = page.waiting.iter().map(|waiting| (waiting.record, waiting.state.clone())).collect();
    assert_eq!(pending, [(note, WaitingState::Pending)]);
    assert!([id(50), id(60), id(20), id(21), id(22), note].iter().all(|id| page.contexts.contains_key(id)));
    let row = &fixture.device.jobs(&JobFilter::default()).unwrap().items[0];
    assert!(row.has_conflict && row.has_pending && !row.has_refused && !row.differs_from_signed);
    assert!(matches!(fixture.device.job(id(99)), Err(Error::NotFound)));
}

#[test]
fn concurrent_values_of_a_technicians_own_work_are_his_to_decide() {
    let fixture = Fixture::with_job();
    let cause = |text: &str| crate::work::ReportEntry { cause: Some(text.into()), ..Default::default() };
    let report = fixture.device.write_report(id(50), &cause("worn")).unwrap();
    let stale = fixture.device.record(report).unwrap().context;
    fixture.device.write_report(id(50), &cause("cut")).unwrap();
    let seen = Some(stale);
    fixture.device.write_report(id(50), &crate::work::ReportEntry { seen, ..cause("burst") }).unwrap();

    let page = fixture.device.job(id(50)).unwrap();
    assert!(page.missing.contains(&Missing::Decision));
    let conflict = page.conflicts.into_iter().next().unwrap();
    let kept = crate::Resolution::Keep(conflict.conflict.values[1].dot);
    fixture.device.resolve(report, "finding", kept, Some(conflict.context)).unwrap();

    let page = fixture.device.job(id(50)).unwrap();
    assert!(page.conflicts.is_empty() && !page.missing.contains(&Missing::Decision));
    assert!(!fixture.device.jobs(&JobFilter::default()).unwrap().items[0].has_conflict);
}

#[test]
fn an_assets_history_and_the_parts_used_are_paged_latest_first() {
    let fixture = Fixture::with_job();
    let filter = fixture.device.catalogue("return", 5).unwrap().remove(0);
    for quantity in 1..=3 {
        fixture.device.use_part(id(50), &crate::work::PartEntry::of(&filter, quantity * 1_000)).unwrap();
    }
    fixture.deliver(&[order(51, "WO-51", "boom drifts")]);
    fixture.device.start_visit(id(50)).unwrap();

    let first = fixture.device.asset_history(id(22), 1, None).unwrap();
    assert_eq!(first.items[0].number, "WO-50");
    assert_eq!(first.items[0].parts.len(), 3);
    let second = fixture.device.asset_history(id(22), 1, first.next.as_ref()).unwrap();
    assert_eq!((second.items[0].number.as_str(), second.next), ("WO-51", None));

    let filter = PartUseFilter { asset: Some(id(22)), limit: 2, ..Default::default() };
    let used = fixture.device.parts_used(&filter).unwrap();
    assert_eq!(used.items.iter().map(|part| part.quantity_milli).collect::<Vec<_>>(), [3_000, 2_000]);
    let rest = fixture.device.parts_used(&PartUseFilter { after: used.next, ..filter }).unwrap();
    assert_eq!(rest.items.len(), 1);
    fixture.device.void(rest.items[0].id, "counted twice").unwrap();
    assert_eq!(fixture.device.parts_used(&PartUseFilter::default()).unwrap().items.len(), 2);
}

#[test]
fn the_directory_is_found_by_name_number_and_address() {
    let fixture = Fixture::with_job();
    assert_eq!(fixture.device.customers("", 10).unwrap()[0].name, "Steinbruch Nord");
    assert_eq!(fixture.device.customers("c-7", 10).unwrap().len(), 1);
    assert!(fixture.device.customers("excavator", 10).unwrap().is_empty());
    let sites = DirectoryFilter { kind: Some("site".into()), customer: Some(id(20)), ..Default::default() };
    assert_eq!(fixture.device.directory(&sites).unwrap()[0].customer_name, "Steinbruch Nord");
    assert_eq!(fixture.device.catalogue("", 10).unwrap().len(), 2);
    assert_eq!(fixture.device.catalogue("T-220", 10).unwrap()[0].price_minor, Some(12_550));
}
