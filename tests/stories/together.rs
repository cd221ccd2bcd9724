//! Several people on one job.

use fieldsync::work::ReportEntry;
use fieldsync::{Draft, Resolution, fields};
use fieldsync_protocol::status::Status;
use fieldsync_protocol::{FieldsExt, show};
use fieldsync_tests::fleet::Fleet;

use crate::{report, seal_kit, work};

#[test]
fn two_technicians_on_one_order_each_report_and_each_use_their_own_parts() {
    let fleet = Fleet::open();
    let (anna, bert) = (fleet.phone("Anna"), fleet.phone("Bert"));
    let order = fleet.order(fleet.customer("Quarry North"), "bucket drops");
    fleet.assign(order, anna.technician);
    fleet.assign(order, bert.technician);
    fleet.settle(&[&anna, &bert]);

    work(&anna, order, "seal worn through");
    bert.device().start_visit(order).expect("the visit starts");
    bert.device().use_part(order, &seal_kit()).expect("a part is recorded");
    bert.device().write_report(order, &report("hose chafed")).expect("the report is written");
    fleet.settle(&[&anna, &bert]);

    let job = fleet.job(order);
    assert_eq!(job.reports.len(), 2);
    assert_eq!(job.parts.len(), 2, "two technicians who each used one seal kit used two");
    assert_eq!(fleet.status(order), Status::InProgress, "Bert is still at work");
    assert_eq!(anna.device().job(order).expect("Anna has the job").status, Status::InProgress);

    bert.device().finish_visit(order).expect("the visit ends");
    fleet.settle(&[&anna, &bert]);
    assert_eq!(fleet.status(order), Status::WorkDone);
}

#[test]
fn different_groups_of_one_record_merge_by_themselves() {
    let fleet = Fleet::open();
    let phone = fleet.phone("Anna");
    let tablet = fleet.phone_of("Anna's tablet", phone.technician);
    let order = fleet.order(fleet.customer("Quarry North"), "bucket drops");
    fleet.assign(order, phone.technician);
    phone.sync();
    let report = phone.device().write_report(order, &report("seal worn through")).expect("the report is written");
    fleet.settle(&[&phone, &tablet]);

    let hazards = ReportEntry { hazards: Some("guard missing".into()), ..ReportEntry::default() };
    phone.device().write_report(order, &hazards).expect("the report is written");
    let method = ReportEntry { method: Some("cylinder replaced".into()), ..ReportEntry::default() };
    tablet.device().write_report(order, &method).expect("the report is written");
    let receipt = phone.sync();
    let merged = tablet.sync();
    fleet.settle(&[&phone, &tablet]);

    assert!(receipt.is_complete() && merged.needs_person.is_empty());
    assert_eq!(merged.merged.len(), 1, "the tablet's receipt says that a record was merged");
    let record = fleet.record(report);
    assert_eq!(show::fields(&record, "hazards").and_then(|fields| fields.text("remaining")), Some("guard missing"));
    assert_eq!(show::fields(&record, "action").and_then(|fields| fields.text("method")), Some("cylinder replaced"));
    assert!(fleet.conflicts(report).is_empty());
}

#[test]
fn the_same_field_changed_at_the_office_and_on_site_shows_both_and_one_click_decides() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let opened = crate::on_site::open(&anna);
    fleet.settle(&[&anna]);

    let text = fields! { "text" => "bucket drops, and the cabin door sticks" };
    anna.device().edit(Draft::of("work_order", opened.order).change("problem", text)).expect("her own order");
    fleet.edit("work_order", opened.order, vec![("problem", fields! { "text" => "bucket drops slowly" })]).expect("ok");
    let receipt = anna.sync();
    fleet.settle(&[&anna]);

    assert_eq!(receipt.needs_person.len(), 1, "the receipt says that a person must decide");
    let open = fleet.conflicts(opened.order);
    assert_eq!(open.len(), 1);
    let texts: Vec<_> = open[0].values.iter().filter_map(|value| value.sibling.fields.text("text")).collect();
    assert_eq!(texts, ["bucket drops slowly", "bucket drops, and the cabin door sticks"], "the plan's owner first");
    assert_eq!(anna.device().conflicts().expect("the phone's store reads").len(), 1);
    let rows = fleet.office.read(|txn| txn.job(opened.order)).expect("the office's store reads");
    assert_eq!(rows.map(|row| row.conflicts), Some(1), "the board shows it");

    let seen = fleet.record(opened.order).version;
    let chosen = open[0].values[1].sibling.fields.clone();
    fleet.edit_seen("work_order", opened.order, vec![("problem", chosen)], Some(seen)).expect("a dispatcher decides");
    fleet.settle(&[&anna]);

    assert!(fleet.conflicts(opened.order).is_empty());
    assert!(anna.device().conflicts().expect("the phone's store reads").is_empty());
    let shown = anna.device().job(opened.order).expect("Anna has the job").job;
    assert_eq!(shown.group("problem").and_then(|fields| fields.text("text")), Some(texts[1]));
}

#[test]
fn a_conflict_decided_on_the_phone_is_decided_everywhere() {
    let fleet = Fleet::open();
    let phone = fleet.phone("Anna");
    let tablet = fleet.phone_of("Anna's tablet", phone.technician);
    let order = fleet.order(fleet.customer("Quarry North"), "bucket drops");
    fleet.assign(order, phone.technician);
    phone.sync();
    let id = phone.device().write_report(order, &report("seal worn through")).expect("the report is written");
    fleet.settle(&[&phone, &tablet]);

    for (device, cause) in [(phone.device(), "seal cut"), (tablet.device(), "rod scored")] {
        let entry = ReportEntry { cause: Some(cause.into()), ..ReportEntry::default() };
        device.write_report(order, &entry).expect("the report is written");
    }
    fleet.settle(&[&phone, &tablet]);
    assert_eq!(fleet.conflicts(id).len(), 1);

    let open = tablet.device().conflicts().expect("the tablet's store reads").remove(0);
    let keep = open.conflict.values.iter().find(|value| value.sibling.fields.text("cause") == Some("rod scored"));
    let dot = keep.expect("both values are there").dot;
    tablet.device().resolve(open.record, "finding", Resolution::Keep(dot), Some(open.context)).expect("Anna decides");
    fleet.settle(&[&tablet, &phone]);

    for conflicts in [fleet.conflicts(id).len(), phone.device().conflicts().expect("the phone's store reads").len()] {
        assert_eq!(conflicts, 0);
    }
    let cause = phone.device().job(order).expect("the phone has the job").job.reports[0].cause.clone();
    assert_eq!(cause.as_deref(), Some("rod scored"));
}
