//! Two thousand values written offline into the same thousand records: none is lost.

use fieldsync::work::ReportEntry;
use fieldsync::{Draft, FieldsExt, RecordId, fields};
use fieldsync_protocol::show;
use fieldsync_tests::fleet::{Fleet, Phone};

/// Records written by both.
const RECORDS: usize = 1_000;

/// Two devices of one technician that hold the same thousand reports.
fn prepared(fleet: &Fleet) -> (Phone, Phone, Vec<(RecordId, RecordId)>) {
    let phone = fleet.phone("Anna");
    let tablet = fleet.phone_of("Anna's tablet", phone.technician);
    let orders = fleet.orders(fleet.customer("Quarry North"), RECORDS, phone.technician);
    phone.sync();
    let reports: Vec<_> = orders.into_iter().map(|order| (order, phone.device().new_id())).collect();
    let begin = |(order, report): &(RecordId, RecordId)| {
        Draft::of("work_report", *report)
            .set("subject", fields! { "work_order" => *order, "technician" => phone.technician })
            .set("outcome", fields! { "outcome" => "temporary" })
    };
    phone.device().edit_all(reports.iter().map(begin).collect()).expect("the reports are begun");
    fleet.settle(&[&phone, &tablet]);
    (phone, tablet, reports)
}

#[test]
fn with_different_groups_all_two_thousand_values_are_seen_on_both_devices() {
    let fleet = Fleet::open();
    let (phone, tablet, reports) = prepared(&fleet);

    for (n, (order, _)) in reports.iter().enumerate() {
        let hazards = ReportEntry { hazards: Some(format!("hazard {n}")), ..ReportEntry::default() };
        phone.device().write_report(*order, &hazards).expect("the report is written");
        let method = ReportEntry { method: Some(format!("method {n}")), ..ReportEntry::default() };
        tablet.device().write_report(*order, &method).expect("the report is written");
    }
    fleet.settle(&[&phone, &tablet, &phone]);

    for (n, (order, report)) in reports.iter().enumerate() {
        for device in [phone.device(), tablet.device()] {
            let job = device.job(*order).expect("the job is there").job;
            assert_eq!(job.reports[0].hazards.as_deref(), Some(format!("hazard {n}").as_str()));
            assert_eq!(job.reports[0].method.as_deref(), Some(format!("method {n}").as_str()));
        }
        assert!(show::conflicts(&fleet.record(*report)).is_empty());
    }
    assert_eq!(phone.device().status().expect("the phone's store reads").conflicts, 0);
}

#[test]
fn with_the_same_group_every_value_that_is_not_shown_is_listed() {
    let fleet = Fleet::open();
    let (phone, tablet, reports) = prepared(&fleet);

    for (n, (order, _)) in reports.iter().enumerate() {
        for (device, place) in [(phone.device(), "phone"), (tablet.device(), "tablet")] {
            let entry = ReportEntry { hazards: Some(format!("{place} {n}")), ..ReportEntry::default() };
            device.write_report(*order, &entry).expect("the report is written");
        }
    }
    fleet.settle(&[&phone, &tablet, &phone]);

    for device in [phone.device(), tablet.device()] {
        let open = device.conflicts().expect("the store reads");
        assert_eq!(open.len(), RECORDS);
        let mut listed: Vec<String> = open
            .iter()
            .flat_map(|entry| &entry.conflict.values)
            .filter_map(|value| value.sibling.fields.text("remaining").map(str::to_owned))
            .collect();
        listed.sort();
        let places = (0..RECORDS).flat_map(|n| [format!("phone {n}"), format!("tablet {n}")]);
        let mut written: Vec<String> = places.collect();
        written.sort();
        assert_eq!(listed, written, "0 lost");
    }
    let counted: u32 = reports
        .iter()
        .map(|(order, _)| {
            fleet.office.read(|txn| txn.job(*order)).expect("the office reads").map_or(0, |row| row.conflicts)
        })
        .sum();
    assert_eq!(counted as usize, RECORDS, "the board counts them all");
}
