//! Carried bundles: work that comes to the office as a file, because the phone finds no network.

use std::path::PathBuf;

use fieldsync::{Draft, Error, fields};
use fieldsync_protocol::bundle::{BundleError, Verdict};
use fieldsync_protocol::rights::Code;
use fieldsync_protocol::{FieldsExt, RecordId};
use fieldsync_server::bundle::ImportError;
use fieldsync_server::enrol;
use fieldsync_server::people::OPERATOR;
use fieldsync_server::sync::bundle::Fate;
use fieldsync_server::sync::held;
use fieldsync_tests::fleet::{Fleet, Phone};
use fieldsync_tests::network::Fault;

use crate::{report, seal_kit, sign, work};

/// Anna with an order of hers on her phone, and no network from here on.
fn cut_off(fleet: &Fleet) -> (Phone, RecordId) {
    let anna = fleet.phone("Anna");
    let order = fleet.given(&anna, "Quarry North", "bucket drops");
    anna.network.set_down(true);
    (anna, order)
}

fn export(fleet: &Fleet, phone: &Phone, name: &str) -> PathBuf {
    let file = fleet.file(name);
    phone.device().export_bundle(&file).expect("a bundle is exported");
    file
}

#[test]
fn a_day_carried_as_a_file_is_at_the_office_and_counts_once_when_the_phone_syncs() {
    let fleet = Fleet::open();
    let (anna, order) = cut_off(&fleet);
    work(&anna, order, "seal worn through");
    sign(&anna, order);
    let photo = anna.device().add_attachment(order, "image/jpeg", &[7; 600_000], Some("the seal")).expect("it is kept");
    let file = fleet.file("anna.bundle");

    let receipt = anna.device().export_bundle(&file).expect("a bundle is exported");
    let pending = anna.device().status().expect("the phone's store reads").pending;
    let imported = fleet.import(&file).expect("the office imports it");

    assert_eq!((receipt.edits, receipt.blobs, receipt.edits_left_out), (pending, 1, 0));
    assert_eq!(std::fs::metadata(&file).expect("the file is there").len(), receipt.size);
    assert!(!imported.was_before);
    assert_eq!(imported.count(|fate| *fate == Fate::Accepted), pending as usize);
    assert_eq!(imported.bundle.blobs, 1);
    let job = fleet.job(order);
    assert_eq!((job.parts.len(), job.reports.len(), job.events.len(), job.signatures.len()), (1, 1, 2, 1));
    let hash = anna.device().record(photo).expect("the photo's record").record;
    let hash = fieldsync_protocol::show::main_fields(&hash).and_then(|blob| blob.hash("hash")).expect("it has a hash");
    assert!(fleet.office.read(|txn| txn.has_blob(&hash)).expect("the office reads"), "the photo is there too");
    let length = |fleet: &Fleet| fleet.office.read(|txn| txn.tenant()).expect("the office reads").sequence;
    let before = length(&fleet);

    anna.network.set_down(false);
    let receipt = anna.sync();
    fleet.settle(&[&anna]);

    assert_eq!(receipt.restamps, 0, "nobody takes the phone for a copy");
    assert!(receipt.refused.is_empty() && receipt.held.is_empty() && receipt.needs_person.is_empty(), "{receipt:?}");
    assert_eq!(length(&fleet), before, "history has every edit once");
    let job = fleet.job(order);
    assert_eq!((job.parts.len(), job.reports.len(), job.events.len(), job.signatures.len()), (1, 1, 2, 1));
    assert!(anna.device().status().expect("the phone's store reads").is_drained());
}

#[test]
fn importing_twice_changes_nothing() {
    let fleet = Fleet::open();
    let (anna, order) = cut_off(&fleet);
    work(&anna, order, "seal worn through");
    let file = export(&fleet, &anna, "anna.bundle");
    let first = fleet.import(&file).expect("the office imports it");
    let record = fleet.record(order);
    let sequence = fleet.office.read(|txn| txn.tenant()).expect("the office reads").sequence;

    let second = fleet.import(&file).expect("the office reads it again");
    let again = fleet.import(&export(&fleet, &anna, "again.bundle")).expect("the same work in another bundle");

    assert!(second.was_before);
    assert_eq!(second.bundle, first.bundle);
    assert_eq!(again.count(|fate| *fate == Fate::Known), first.count(|fate| *fate == Fate::Accepted));
    assert_eq!(fleet.record(order), record);
    assert_eq!(fleet.office.read(|txn| txn.tenant()).expect("the office reads").sequence, sequence);
}

#[test]
fn what_the_phone_sent_itself_before_the_file_arrived_is_known() {
    let fleet = Fleet::open();
    let (anna, order) = cut_off(&fleet);
    work(&anna, order, "seal worn through");
    let file = export(&fleet, &anna, "anna.bundle");
    anna.network.set_down(false);
    fleet.settle(&[&anna]);
    let sequence = fleet.office.read(|txn| txn.tenant()).expect("the office reads").sequence;

    let imported = fleet.import(&file).expect("the office imports it");

    assert_eq!(imported.count(|fate| *fate != Fate::Known), 0, "{:?}", imported.bundle.report);
    assert_eq!(fleet.office.read(|txn| txn.tenant()).expect("the office reads").sequence, sequence);
    fleet.settle(&[&anna]);
}

#[test]
fn a_report_corrected_after_the_export_wins_in_whichever_order_both_arrive() {
    for is_file_first in [true, false] {
        let fleet = Fleet::open();
        let (anna, order) = cut_off(&fleet);
        let id = anna.device().write_report(order, &report("hose leaks")).expect("the report is written");
        let file = export(&fleet, &anna, "anna.bundle");
        anna.device().write_report(order, &report("seal worn through")).expect("she looks again");

        if is_file_first {
            fleet.import(&file).expect("the office imports it");
        }
        anna.network.set_down(false);
        fleet.settle(&[&anna]);
        let imported = fleet.import(&file).expect("the office imports it");

        let record = fleet.record(id);
        let causes: Vec<_> = record.siblings("finding").filter_map(|(_, said)| said.fields.text("cause")).collect();
        assert_eq!(causes, ["seal worn through"], "file first: {is_file_first}");
        assert!(fleet.conflicts(id).is_empty());
        if !is_file_first {
            assert_eq!(imported.count(|fate| *fate == Fate::Superseded), 1, "{:?}", imported.bundle.report);
        }
        fleet.settle(&[&anna]);
    }
}

#[test]
fn a_file_that_arrives_after_newer_work_stands_beside_it() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = fleet.order(fleet.customer("Quarry North"), "bucket drops");
    fleet.assign(order, anna.technician);
    let bert = fleet.phone_of("Anna's other phone", anna.technician);
    fleet.settle(&[&anna, &bert]);
    let id = anna.device().write_report(order, &report("hose leaks")).expect("the report is written");
    fleet.settle(&[&anna, &bert]);
    anna.network.set_down(true);
    let hazards = |remaining: &str| Draft::of("work_report", id).set("hazards", fields! { "remaining" => remaining });
    anna.device().edit(hazards("guard missing")).expect("it is hers");
    let file = export(&fleet, &anna, "anna.bundle");
    bert.device().edit(hazards("none")).expect("it is hers there, too");
    fleet.settle(&[&bert]);

    let imported = fleet.import(&file).expect("the office imports it");

    assert_eq!(imported.count(|fate| *fate == Fate::InConflict), 1, "{:?}", imported.bundle.report);
    assert_eq!(fleet.record(id).siblings("hazards").count(), 2, "neither is lost");
    anna.network.set_down(false);
    fleet.settle(&[&anna, &bert]);
    assert_eq!(fleet.record(id).siblings("hazards").count(), 2);
}

#[test]
fn the_rules_hold_for_a_file_as_for_a_phone() {
    let fleet = Fleet::open();
    let (anna, order) = cut_off(&fleet);
    let open = fleet.order(fleet.customer("Quarry South"), "engine overheats");
    work(&anna, order, "seal worn through");
    anna.network.set_down(false);
    sign(&anna, order);
    fleet.assign(open, anna.technician);
    fleet.settle(&[&anna]);
    anna.network.set_down(true);
    let late = anna.device().use_part(order, &seal_kit()).expect("on the phone the order is still open");
    let fine = anna.device().add_note(open, "gate code 4711").expect("a note is added");
    fleet.review(order, "approved");

    let imported = fleet.import(&export(&fleet, &anna, "anna.bundle")).expect("the office imports it");

    assert_eq!(imported.count(|fate| *fate == Fate::Refused(Code::OrderClosed)), 1);
    assert!(!fleet.has(late) && fleet.has(fine));
    assert_eq!(anna.device().status().expect("the phone's store reads").pending, 2, "what was refused is still there");
    anna.network.set_down(false);
    fleet.settle(&[&anna]);
    assert_eq!(anna.device().drawer().expect("the phone's store reads").len(), 1);
}

#[test]
fn the_work_of_a_revoked_phone_is_held_once_and_can_be_let_in() {
    let fleet = Fleet::open();
    let (anna, order) = cut_off(&fleet);
    let note = anna.device().add_note(order, "the guard is still off").expect("a note is added");
    let photo = anna.device().add_attachment(order, "image/jpeg", &[7; 1_000], None).expect("it is kept");
    let file = export(&fleet, &anna, "anna.bundle");
    let device = anna.device().identity().expect("the phone's store reads").expect("it is enrolled").device;
    enrol::revoke(&fleet.office, device).expect("it is revoked");

    let imported = fleet.import(&file).expect("the office imports it");
    anna.network.set_down(false);
    anna.sync();

    assert_eq!(imported.count(|fate| *fate == Fate::Held(Code::Revoked)), 2);
    assert!(!fleet.has(note), "applied to nothing");
    let kept = fleet.office.read(|txn| txn.all_held(true)).expect("the office reads");
    assert_eq!(kept.len(), 2, "the phone's own push of the same is not held twice");
    let office = fleet.office.clone();
    for held in kept {
        let office = office.clone();
        fleet.office.write(move |txn| held::release(&office, txn, &OPERATOR, held.id)).expect("it is let in");
    }
    assert!(fleet.has(note) && fleet.has(photo));
}

#[test]
fn work_of_a_withdrawn_job_that_was_held_is_acknowledged_when_the_phone_comes_back() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = fleet.order(fleet.customer("Quarry North"), "bucket drops");
    let assignment = fleet.assign(order, anna.technician);
    fleet.settle(&[&anna]);
    let id = anna.device().write_report(order, &report("hose leaks")).expect("the report is written");
    fleet.settle(&[&anna]);
    fleet.withdraw(assignment);
    // The phone is told, and keeps the job because of what it wrote meanwhile.
    let mut session = fieldsync::Session::begin(anna.device()).expect("a sync begins");
    let fieldsync::Step::Send(request) = session.next().expect("the store works") else { panic!("it has to ask") };
    let answer = fleet.runtime().block_on(fieldsync::Transport::send(&*anna.network, request)).expect("it answers");
    anna.device().write_report(order, &report("rod scored")).expect("the job is still here");
    session.answer(answer).expect("the phone's store works");
    drop(session);

    let imported = fleet.import(&export(&fleet, &anna, "anna.bundle")).expect("the office imports it");
    assert_eq!(imported.count(|fate| *fate == Fate::Held(Code::Withdrawn)), 1, "{:?}", imported.bundle.report);
    let kept = fleet.office.read(|txn| txn.all_held(true)).expect("the office reads");
    let (office, held_id) = (fleet.office.clone(), kept[0].id);
    fleet.office.write(move |txn| held::release(&office, txn, &OPERATOR, held_id)).expect("it is let in");
    let receipt = anna.sync();

    assert!(receipt.held.is_empty(), "it was let in already: {receipt:?}");
    assert!(fleet.office.read(|txn| txn.all_held(true)).expect("the office reads").is_empty());
    let record = fleet.record(id);
    let causes: Vec<_> = record.siblings("finding").filter_map(|(_, said)| said.fields.text("cause")).collect();
    assert_eq!(causes, ["rod scored"]);
}

#[test]
fn an_office_restored_from_before_the_job_takes_the_work_with_what_it_stands_on() {
    let mut fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let customer = fleet.customer("Quarry North");
    let backup = fleet.back_up();
    let order = fleet.order(customer, "bucket drops");
    fleet.assign(order, anna.technician);
    fleet.settle(&[&anna]);
    let id = anna.device().write_report(order, &report("hose leaks")).expect("the report is written");
    fleet.settle(&[&anna]);
    anna.network.set_down(true);
    anna.device().write_report(order, &report("seal worn through")).expect("she looks again");
    let file = export(&fleet, &anna, "anna.bundle");
    fleet.restore(&backup);

    let imported = fleet.import(&file).expect("the office imports it");
    anna.network.set_down(false);
    fleet.settle(&[&anna]);

    assert_eq!(imported.bundle.report.len(), 1);
    let record = fleet.record(id);
    let causes: Vec<_> = record.siblings("finding").filter_map(|(_, said)| said.fields.text("cause")).collect();
    assert_eq!(causes, ["seal worn through"]);
    assert!(fleet.has(order), "the phone brought it back");
}

#[test]
fn a_changed_cut_or_foreign_file_is_refused_and_nothing_changes() {
    let fleet = Fleet::open();
    let (anna, order) = cut_off(&fleet);
    work(&anna, order, "seal worn through");
    let file = export(&fleet, &anna, "anna.bundle");
    let content = std::fs::read(&file).expect("the file is there");
    let sequence = fleet.office.read(|txn| txn.tenant()).expect("the office reads").sequence;
    let import = |content: &[u8]| {
        let file = fleet.file("other.bundle");
        std::fs::write(&file, content).expect("a file is written");
        match fleet.import(&file) {
            Err(ImportError::Bundle(error)) => error,
            other => panic!("it must be refused: {other:?}"),
        }
    };

    let mut changed = content.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    assert_eq!(import(&changed), BundleError::Damaged);
    assert_eq!(import(&content[..content.len() - 40]), BundleError::Truncated);
    assert_eq!(import(b"WorkOrder;Cost\n1;2\n"), BundleError::NoBundle);
    let mut foreign = content.clone();
    // Where the office's key stands in the header.
    foreign[30] ^= 1;
    assert_eq!(import(&foreign), BundleError::OtherOffice);

    assert_eq!(fleet.office.read(|txn| txn.tenant()).expect("the office reads").sequence, sequence);
    assert!(fleet.office.read(|txn| txn.bundles(10)).expect("the office reads").is_empty());
    fleet.import(&file).expect("the whole file is still good");
}

#[test]
fn there_is_no_bundle_of_nothing() {
    let fleet = Fleet::open();
    let (anna, _) = cut_off(&fleet);
    let file = fleet.file("anna.bundle");
    assert!(matches!(anna.device().export_bundle(&file), Err(Error::NothingToCarry)));
    assert!(!file.exists());
}

#[test]
fn a_phone_found_to_be_a_copy_after_its_export_keeps_every_edit_once() {
    let fleet = Fleet::open();
    let (mut anna, order) = cut_off(&fleet);
    anna.kill();
    let twin = fleet.copy_of(&anna);
    fleet.reopen(&mut anna);
    let note = anna.device().add_note(order, "gate code 4711").expect("a note is added");
    let file = export(&fleet, &anna, "anna.bundle");
    twin.device().add_note(order, "the key is at the gate").expect("a note is added");
    twin.device().add_note(order, "ask for Li").expect("a note is added");
    twin.sync();
    fleet.import(&file).expect("the office imports it");

    anna.network.set_down(false);
    fleet.settle(&[&anna, &twin]);

    assert_eq!(fleet.job(order).notes.len(), 3);
    assert_eq!(fleet.record(note).siblings("text").count(), 1, "under one dot");
}

#[test]
fn another_phone_brings_the_envelope_along_without_reading_it() {
    let fleet = Fleet::open();
    let (anna, order) = cut_off(&fleet);
    let bert = fleet.phone("Bert");
    let note = anna.device().add_note(order, "gate code 4711").expect("a note is added");
    anna.device().add_attachment(order, "image/jpeg", &[7; 700_000], None).expect("it is kept");
    let file = export(&fleet, &anna, "anna.bundle");
    let before = bert.device().status().expect("the phone's store reads");

    let taken = bert.device().take_bundle(&file).expect("Bert takes it along");
    bert.device().take_bundle(&file).expect("twice is once");
    std::fs::remove_file(&file).expect("the stick is pulled");
    assert_eq!(bert.device().bundles().expect("the phone's store reads"), [taken]);
    bert.network.meet([Fault::None, Fault::None, Fault::AnswerLost, Fault::RequestCut, Fault::None, Fault::Repeated]);
    let receipt = bert.sync();

    assert_eq!((receipt.bundles_sent, receipt.bundles_failed), (1, 0), "{receipt:?}");
    assert!(bert.device().bundles().expect("the phone's store reads").is_empty());
    assert!(fleet.has(note));
    let after = bert.device().status().expect("the phone's store reads");
    assert_eq!((after.records, after.fingerprint), (before.records, before.fingerprint), "nothing of it became Bert's");
    let clear = b"gate code 4711";
    let leaked = bert.network.received().iter().any(|answer| answer.windows(clear.len()).any(|part| part == clear));
    assert!(!leaked, "the office told him nothing of it");
    let bundle = fleet.office.read(|txn| txn.bundles(10)).expect("the office reads").remove(0);
    assert_eq!(bundle.by_device, bert.device().identity().expect("the phone's store reads").map(|bert| bert.device));
    anna.network.set_down(false);
    fleet.settle(&[&anna, &bert]);
}

#[test]
fn an_envelope_the_office_does_not_take_stays_with_its_reason_and_holds_up_nothing() {
    let fleet = Fleet::open();
    let (anna, order) = cut_off(&fleet);
    let bert = fleet.phone("Bert");
    let mine = fleet.given(&bert, "Quarry South", "engine overheats");
    work(&anna, order, "seal worn through");
    let mut content = std::fs::read(export(&fleet, &anna, "anna.bundle")).expect("the file is there");
    let middle = content.len() / 2;
    content[middle] ^= 1;
    let damaged = fleet.file("damaged.bundle");
    std::fs::write(&damaged, &content).expect("a file is written");
    content[30] ^= 1;
    std::fs::write(fleet.file("foreign.bundle"), &content).expect("a file is written");
    std::fs::write(fleet.file("cut.bundle"), &content[..content.len() - 9]).expect("a file is written");

    let foreign = bert.device().take_bundle(&fleet.file("foreign.bundle"));
    assert!(matches!(foreign, Err(Error::Bundle(BundleError::OtherOffice))), "{foreign:?}");
    let cut = bert.device().take_bundle(&fleet.file("cut.bundle"));
    assert!(matches!(cut, Err(Error::Bundle(BundleError::Truncated))), "{cut:?}");
    let taken = bert.device().take_bundle(&damaged).expect("from outside it looks whole");
    let note = bert.device().add_note(mine, "the key is at the gate").expect("a note is added");
    let receipt = bert.sync();

    assert!(receipt.is_complete() && fleet.has(note));
    assert_eq!((receipt.bundles_sent, receipt.bundles_failed), (0, 1));
    let kept = bert.device().bundles().expect("the phone's store reads");
    assert_eq!(kept.iter().map(|kept| kept.refused).collect::<Vec<_>>(), [Some(Verdict::Damaged)]);
    bert.device().discard_bundle(taken.bundle).expect("Bert throws it away");
    assert!(bert.device().bundles().expect("the phone's store reads").is_empty());
    let again = fleet.import(&fleet.file("anna.bundle")).expect("the file as it was is still good");
    assert!(!again.was_before);
}
