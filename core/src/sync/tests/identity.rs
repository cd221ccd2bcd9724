//! Copies, restored servers, and open screens that outlive both.

use super::office::Office;
use super::*;

const REPORT: RecordId = RecordId(uuid::Uuid::from_bytes([70; 16]));

#[test]
fn a_copied_phone_is_found_out_and_both_keep_all_their_work() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    phone.sync(&mut office);
    phone.enter(REPORT, "hazards", "before the copy");
    let twin = phone.copy();

    phone.enter(REPORT, "finding", "the phone's");
    phone.sync(&mut office);
    twin.enter(REPORT, "finding", "the twin's");
    let receipt = twin.sync(&mut office);

    assert!(receipt.is_complete());
    assert_eq!(receipt.restamps, 1);
    assert_ne!(twin.device.status().unwrap().replica, phone.device.status().unwrap().replica);
    assert_eq!(texts(office.records.get(&REPORT), "finding"), ["the phone's", "the twin's"]);
    assert_eq!(texts(office.records.get(&REPORT), "hazards"), ["before the copy"]);
    assert!(phone.sync(&mut office).is_complete());
    assert_eq!(phone.device.status().unwrap().fingerprint, twin.device.status().unwrap().fingerprint);
}

#[test]
fn a_screen_opened_before_the_replica_id_changed_claims_only_what_it_showed() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    phone.sync(&mut office);
    let twin = phone.copy();
    twin.enter(REPORT, "finding", "the twin's, unsent");
    let screen = twin.context(REPORT);
    phone.enter(REPORT, "finding", "the phone's");
    phone.sync(&mut office);
    twin.sync(&mut office);

    twin.device.edit(report(REPORT, "finding", "typed on the old screen").seen(screen)).unwrap();
    twin.sync(&mut office);

    assert_eq!(texts(office.records.get(&REPORT), "finding"), ["the phone's", "typed on the old screen"]);
    let screen = twin.context(REPORT);
    twin.device.edit(report(REPORT, "finding", "typed on a new screen").seen(screen)).unwrap();
    twin.sync(&mut office);
    assert_eq!(texts(office.records.get(&REPORT), "finding"), ["typed on a new screen"]);
}

#[test]
fn a_server_restored_from_an_old_backup_is_refilled() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    phone.sync(&mut office);
    let backup = office.clone();
    office.write("technician", id(90), "profile", fields! { "name" => "hired after the backup" });
    phone.enter(REPORT, "finding", "after the backup");
    phone.sync(&mut office);
    phone.enter(REPORT, "hazards", "not yet sent");

    for is_said in [true, false] {
        let mut office = backup.clone();
        office.start();
        if is_said {
            office.epoch += 1;
        } else {
            // Work goes on under the sequence numbers that were given out before.
            office.write("technician", id(91), "profile", fields! { "name" => "other history" });
        }
        let phone = phone.copy();

        let receipt = phone.sync(&mut office);

        assert!(receipt.is_complete(), "{receipt:?}");
        assert_eq!(receipt.restamps, 1);
        assert_eq!(receipt.refilled, 2);
        assert_eq!(texts(office.records.get(&REPORT), "finding"), ["after the backup"]);
        assert_eq!(texts(office.records.get(&REPORT), "hazards"), ["not yet sent"]);
        assert!(office.records.contains_key(&id(90)));
        assert_eq!(office.unsealed, 0);
        assert_eq!(phone.device.status().unwrap().fingerprint, office.fingerprint());
        assert_eq!(phone.device.status().unwrap().offers, 0);
    }
}
