//! Bits that flip, rows that get lost or are too many: found, and repaired with bytes in proportion to the difference.

use super::office::{ORDER, Office};
use super::*;
use crate::Ended;
use crate::check::ROWS_A_SYNC;

const REPORT: RecordId = RecordId(uuid::Uuid::from_bytes([70; 16]));

/// Flips one bit of a stored column, past everything that would notice.
fn flip(phone: &Phone, sql: &str, id: RecordId, place: usize) {
    phone
        .device
        .write(|tx, _| {
            let mut body: Vec<u8> =
                tx.query_row(&format!("select {sql} where {}", key(sql)), [id.as_bytes()], |row| row.get(0))?;
            let place = place.min(body.len() - 1);
            body[place] ^= 0x20;
            let (column, table) = sql.split_once(" from ").unwrap();
            tx.execute(
                &format!("update {table} set {column} = ?2 where {}", key(sql)),
                rusqlite::params![id.as_bytes(), body],
            )?;
            Ok(())
        })
        .unwrap();
}

fn key(sql: &str) -> &'static str {
    if sql.ends_with("record") { "id = ?1" } else { "record = ?1" }
}

/// Where a word stands in the stored copy of a record.
fn place_of(phone: &Phone, id: RecordId, word: &str) -> usize {
    let sql = "select theirs from record where id = ?1";
    let body: Vec<u8> =
        phone.device.read(|connection| Ok(connection.query_row(sql, [id.as_bytes()], |row| row.get(0))?)).unwrap();
    body.windows(word.len()).position(|window| window == word.as_bytes()).unwrap()
}

fn technicians(office: &mut Office, count: u16) -> Vec<RecordId> {
    let id =
        |n: u16| RecordId::from_bytes(*fieldsync_protocol::Hash::blake3(&n.to_le_bytes()).0.first_chunk().unwrap());
    let ids: Vec<RecordId> = (0..count).map(id).collect();
    for id in &ids {
        office.write("technician", *id, "profile", fields! { "name" => format!("technician {id}") });
    }
    ids
}

/// Syncs, counting bytes, and sees to it that nothing was walked again.
fn sync_and_count(phone: &Phone, office: &mut Office) -> (Receipt, u64) {
    office.received.clear();
    let receipt = phone.sync(office);
    assert!(office.received.iter().all(|exchange| exchange.cursor.is_some()), "no walk from the start");
    let bytes = receipt.bytes_up + receipt.bytes_down;
    (receipt, bytes)
}

#[test]
fn a_flipped_bit_in_a_stored_row_is_found_by_going_round_and_repaired() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    office.page = 500;
    let ids = technicians(&mut office, 1_200);
    phone.sync(&mut office);
    let id = *ids.iter().max().unwrap();
    flip(&phone, "theirs from record", id, place_of(&phone, id, "technician "));

    let mut repaired = 0;
    for _ in 0..=1_200 / ROWS_A_SYNC + 1 {
        let (receipt, bytes) = sync_and_count(&phone, &mut office);
        assert_eq!(receipt.agrees, Some(true), "the sum that is kept says what should be there");
        assert!(bytes < 3_000, "{bytes} bytes");
        repaired += receipt.repairs;
    }

    assert_eq!(repaired, 1);
    assert_eq!(phone.record(id).unwrap(), office.records[&id]);
}

#[test]
fn a_check_on_request_finds_everything_at_once_and_what_nobody_can_read_is_in_nobodys_way() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    phone.sync(&mut office);
    phone.enter(REPORT, "finding", "mine");
    flip(&phone, "theirs from record", REPORT, 0);
    assert!(phone.device.edit(report(REPORT, "hazards", "more")).is_err(), "it cannot even be read");

    let found = phone.device.check().unwrap();

    assert_eq!(found.damaged_records, [REPORT]);
    assert!(!found.is_sound() && found.records >= 3);
    phone.enter(REPORT, "hazards", "more");
    let (receipt, _) = sync_and_count(&phone, &mut office);
    assert!(receipt.is_complete());
    assert_eq!((receipt.repairs, receipt.agrees), (1, Some(true)));
    assert_eq!(phone.texts(REPORT, "finding"), ["mine"]);
    assert_eq!(texts(office.records.get(&REPORT), "finding"), ["mine"]);
    assert_eq!(texts(office.records.get(&REPORT), "hazards"), ["more"]);
    assert_eq!(office.unsealed, 0, "what was damaged is never offered as the office's word");
    assert!(phone.device.check().unwrap().is_sound());
}

#[test]
fn a_sync_that_meets_something_unreadable_fails_once_and_the_next_one_mends_it() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    office.page = 2_000;
    technicians(&mut office, 600);
    phone.sync(&mut office);
    let last = *office.records.keys().max().unwrap();
    flip(&phone, "theirs from record", last, 0);
    office.write("technician", last, "profile", fields! { "name" => "renamed" });

    let mut session = Session::begin(&phone.device).unwrap();
    let Step::Send(request) = session.next().unwrap() else { panic!("a request is expected") };
    assert_eq!(session.answer(office.respond(&request)).unwrap_err().code(), "content");
    drop(session);

    let receipt = phone.sync(&mut office);
    assert_eq!((receipt.repairs, receipt.agrees), (1, Some(true)));
    assert_eq!(phone.record(last).unwrap(), office.records[&last]);
}

#[test]
fn one_difference_among_thousands_is_repaired_with_a_few_kilobytes_and_no_walk() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    office.page = 5_000;
    let ids = technicians(&mut office, 2_000);
    phone.sync(&mut office);
    let (other, lost, gone) = (ids[500], ids[1_000], ids[1_500]);

    // A copy that was replaced by another with everything that goes with it, so that no checksum tells.
    phone
        .device
        .change(|work| {
            let mut theirs = store::record::theirs(work.tx, other)?.unwrap();
            theirs.record.groups.clear();
            work.set_theirs(&theirs.record, theirs.seal)
        })
        .unwrap();
    let (receipt, bytes) = sync_and_count(&phone, &mut office);
    assert_eq!((receipt.repairs, receipt.agrees), (1, Some(true)));
    assert!(bytes < 12_000, "{bytes} bytes for one record");

    // A row that is missing.
    phone.device.change(|work| work.remove(lost)).unwrap();
    let (receipt, bytes) = sync_and_count(&phone, &mut office);
    assert_eq!((receipt.repairs, receipt.agrees), (1, Some(true)));
    assert!(bytes < 12_000, "{bytes} bytes for one record");
    assert_eq!(phone.record(lost).unwrap(), office.records[&lost]);

    // A row that was deleted behind the sums' back.
    phone.device.write(|tx, _| Ok(tx.execute("delete from record where id = ?1", [gone.as_bytes()])?)).unwrap();
    assert!(phone.device.check().unwrap().sums_were_wrong);
    let (receipt, _) = sync_and_count(&phone, &mut office);
    assert_eq!((receipt.repairs, receipt.agrees), (1, Some(true)));
    assert_eq!(phone.device.status().unwrap().fingerprint, office.fingerprint());
}

#[test]
fn a_row_too_many_is_offered_back_and_leaves() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    technicians(&mut office, 40);
    phone.sync(&mut office);
    let mut stray = Record::new("work_report", id(99));
    stray.version = office.records[&REPORT].version.clone();
    stray.groups = office.records[&REPORT].groups.clone();
    let seal = office::seal(&stray);
    office.records.insert(id(99), stray.clone());
    office.take_away(id(99));
    phone.sync(&mut office);
    phone.device.change(|work| work.set_theirs(&stray, Some(seal))).unwrap();

    let (receipt, _) = sync_and_count(&phone, &mut office);

    assert_eq!((receipt.left, receipt.agrees), (1, Some(true)));
    assert!(phone.record(id(99)).is_none());
}

#[test]
fn a_difference_that_nobody_can_repair_is_reported_and_costs_less_and_less() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    technicians(&mut office, 400);
    phone.sync(&mut office);
    office.lies.insert(id(ORDER), fieldsync_protocol::Hash([9; 32]));

    let mut busy = 0;
    for _ in 0..32 {
        let (receipt, bytes) = sync_and_count(&phone, &mut office);
        assert_eq!((receipt.ended, receipt.agrees), (Ended::Complete, Some(false)));
        assert!(bytes < 30_000, "{bytes} bytes");
        busy += u32::from(receipt.round_trips > 1);
    }
    assert!(busy <= 5, "{busy} of 32 syncs tried");

    office.lies.clear();
    assert_eq!(sync_and_count(&phone, &mut office).0.agrees, Some(true));
}

#[test]
fn a_damaged_entry_is_set_aside_and_shown_and_never_sent() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    phone.sync(&mut office);
    phone.enter(REPORT, "finding", "replace the LEFT cylinder");
    phone.enter(REPORT, "hazards", "oil");
    let sql = "select edit from pending where record = ?1 and \"group\" = 'finding'";
    phone
        .device
        .write(|tx, _| {
            let mut edit: Vec<u8> = tx.query_row(sql, [REPORT.as_bytes()], |row| row.get(0))?;
            let place = edit.windows(4).position(|window| window == b"LEFT").unwrap();
            edit[place] ^= 1;
            tx.execute(
                "update pending set edit = ?2 where record = ?1 and \"group\" = 'finding'",
                rusqlite::params![REPORT.as_bytes(), edit],
            )?;
            Ok(())
        })
        .unwrap();

    let receipt = phone.sync(&mut office);

    assert!(receipt.is_complete());
    assert_eq!((receipt.damaged, receipt.accepted), (1, 1));
    assert!(texts(office.records.get(&REPORT), "finding").is_empty());
    assert_eq!(texts(office.records.get(&REPORT), "hazards"), ["oil"]);
    let damaged = phone.device.damaged().unwrap();
    assert_eq!(damaged.len(), 1);
    assert_eq!(damaged[0].record, REPORT);
    let (group, said) = damaged[0].said.clone().unwrap();
    assert_eq!((group.as_str(), said.text("cause")), ("finding", Some("replace the MEFT cylinder")));
    assert_eq!(phone.device.status().unwrap().damaged, 1);
    phone.device.forget_damaged(damaged[0].id).unwrap();
    assert_eq!(phone.device.status().unwrap().damaged, 0);
    assert_eq!(phone.device.forget_damaged(damaged[0].id).unwrap_err().code(), "not_found");
}

#[test]
fn an_office_from_before_ranges_is_not_asked_for_ever() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    technicians(&mut office, 40);
    phone.sync(&mut office);
    office.lies.insert(id(ORDER), fieldsync_protocol::Hash([9; 32]));

    let receipt = phone.sync_over(|request| {
        let exchange: fieldsync_protocol::exchange::Exchange = fieldsync_protocol::wire::unpack(&request.body).unwrap();
        if exchange.ranges.is_empty() {
            return Some(office.respond(request));
        }
        let fault = fieldsync_protocol::fault::Fault::new(fieldsync_protocol::fault::FaultCode::BadRequest);
        Some(Response { status: 400, headers: Vec::new(), body: serde_json::to_vec(&fault).unwrap() })
    });

    assert_eq!((receipt.ended, receipt.agrees), (Ended::Complete, Some(false)));
    assert_eq!(receipt.repeats, 1);
}

#[test]
fn a_flipped_bit_under_an_accepted_edit_is_found_at_once_and_not_hidden_by_it() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    office.write("work_report", id(70), "finding", words("finding", "worn seal"));
    phone.sync(&mut office);
    phone.enter(id(70), "hazards", "guard missing");
    let mut is_first = true;

    let receipt = phone.sync_over(|request| {
        if std::mem::take(&mut is_first) {
            // After this sync has looked at what it holds.
            flip(&phone, "theirs from record", id(70), place_of(&phone, id(70), "worn seal"));
        }
        Some(office.respond(request))
    });

    assert_eq!((receipt.accepted, receipt.repairs, receipt.agrees), (1, 1, Some(true)), "{receipt}");
    assert_eq!(phone.record(id(70)).unwrap(), office.records[&id(70)]);
    assert!(office.received.iter().all(|exchange| exchange.ranges.is_empty()), "nothing had to be searched for");
}
