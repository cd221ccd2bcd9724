//! Copies and old images that the anchor finds out before the office can: nothing lost, nothing twice, no false alarm.

use super::office::Office;
use super::*;

const REPORT: RecordId = RecordId(uuid::Uuid::from_bytes([70; 16]));

fn replica(phone: &Phone) -> fieldsync_protocol::ReplicaId {
    phone.device.status().unwrap().replica
}

#[test]
fn a_copy_takes_a_new_replica_id_as_it_is_opened_and_what_the_original_pushed_arrives_once() {
    let (phone, mut office) = (Phone::anchored(1), Office::new());
    phone.sync(&mut office);
    phone.enter(REPORT, "hazards", "both will push it");
    phone.enter(REPORT, "finding", "both will push that, too");
    let twin = phone.copy();
    assert_ne!(replica(&twin), replica(&phone), "before anything was entered or sent");
    phone.sync(&mut office);
    office.write("work_report", REPORT, "finding", words("finding", "written on top of it"));
    twin.enter(REPORT, "action", "the twin's own");

    let receipt = twin.sync(&mut office);

    assert!(receipt.is_complete(), "{receipt:?}");
    assert_eq!(office.alarms, 0, "the office had nothing to find out");
    assert_eq!(texts(office.records.get(&REPORT), "hazards"), ["both will push it"]);
    assert_eq!(texts(office.records.get(&REPORT), "finding"), ["written on top of it"]);
    assert_eq!(texts(office.records.get(&REPORT), "action"), ["the twin's own"]);
    assert!(phone.sync(&mut office).is_complete());
    assert_eq!(phone.device.status().unwrap().fingerprint, twin.device.status().unwrap().fingerprint);
}

#[test]
fn nothing_is_pushed_before_the_office_said_what_it_has() {
    let (phone, mut office) = (Phone::anchored(1), Office::new());
    phone.sync(&mut office);
    phone.enter(REPORT, "hazards", "entered before the copy");
    let twin = phone.copy();
    twin.enter(REPORT, "action", "entered after it");
    office.received.clear();

    twin.sync(&mut office);

    let first = &office.received[0];
    assert_eq!((first.push.len(), first.epoch, first.sent_dots.len()), (0, 0, 1));
    assert_eq!(first.sent_dots[0].dot.replica, replica(&phone));
    let pushed = office.received.iter().flat_map(|exchange| &exchange.push).flat_map(|push| &push.edits);
    let replicas: Vec<_> = pushed.map(|edit| edit.dot.replica).collect();
    assert_eq!(replicas, [replica(&twin), replica(&twin)]);
    assert!(!twin.device.read(store::asked::is_any).unwrap());
}

#[test]
fn an_edit_that_replaced_a_sent_one_still_replaces_it_at_the_office() {
    let (phone, mut office) = (Phone::anchored(1), Office::new());
    phone.sync(&mut office);
    phone.enter(REPORT, "finding", "sent, and the answer was lost");
    phone.sync_over(|request| {
        office.respond(request);
        None
    });
    phone.enter(REPORT, "finding", "entered on top of it");
    let image = phone._folder.path().join("image");
    phone.back_up(&image);
    let mut phone = phone;
    phone.kill();

    phone.put_back(&image);
    phone.enter(REPORT, "hazards", "after the image was put back");
    phone.sync(&mut office);

    assert_eq!(texts(office.records.get(&REPORT), "finding"), ["entered on top of it"]);
    assert_eq!(texts(office.records.get(&REPORT), "hazards"), ["after the image was put back"]);
    assert_eq!(office.alarms, 0);
}

#[test]
fn screens_that_stayed_open_through_the_doubt_claim_what_they_showed_and_no_more() {
    let (phone, mut office) = (Phone::anchored(1), Office::new());
    phone.sync(&mut office);
    phone.enter(REPORT, "finding", "shown on every screen");
    let before = phone.context(REPORT);
    let twin = phone.copy();
    let during = twin.context(REPORT);
    phone.sync(&mut office);
    phone.enter(REPORT, "finding", "the phone's, later");
    phone.sync(&mut office);
    twin.sync_over(|request| Some(office.respond(request)));

    twin.device.edit(report(REPORT, "finding", "typed during the doubt").seen(during)).unwrap();
    twin.sync(&mut office);
    twin.device.edit(report(REPORT, "finding", "typed before the copy").seen(before)).unwrap();
    twin.sync(&mut office);

    let all = ["the phone's, later", "typed before the copy", "typed during the doubt"];
    assert_eq!(texts(office.records.get(&REPORT), "finding"), all);
}

#[test]
fn a_store_that_is_copied_again_while_it_asks_loses_nothing() {
    let (phone, mut office) = (Phone::anchored(1), Office::new());
    phone.sync(&mut office);
    phone.enter(REPORT, "hazards", "at the office before anybody asks");
    let twin = phone.copy();
    phone.sync(&mut office);
    twin.enter(REPORT, "action", "the twin's");
    let third = twin.copy();
    third.enter(REPORT, "finding", "the third's");

    for phone in [&third, &twin, &phone, &third] {
        assert!(phone.sync(&mut office).is_complete());
    }

    assert_eq!(texts(office.records.get(&REPORT), "hazards"), ["at the office before anybody asks"]);
    assert!(texts(office.records.get(&REPORT), "action").iter().all(|text| text == "the twin's"));
    assert_eq!(texts(office.records.get(&REPORT), "finding"), ["the third's"]);
    assert_eq!(office.alarms, 0);
}

#[test]
fn many_questions_travel_in_portions() {
    let (phone, mut office) = (Phone::anchored(1), Office::new());
    phone.sync(&mut office);
    let drafts = (0..1_100).map(|number| {
        let text = fields! { "work_order" => id(office::ORDER), "text" => format!("note {number}") };
        Draft::new("note").set("text", text)
    });
    phone.device.edit_all(drafts.collect()).unwrap();
    let twin = phone.copy();
    office.received.clear();

    twin.sync(&mut office);

    assert!(office.received.iter().filter(|exchange| exchange.epoch == 0).count() == 3);
    assert_eq!(twin.device.status().unwrap().pending, 0);
    assert_eq!(office.records.len(), 3 + 1_100);
}

#[test]
fn neither_openings_nor_lost_answers_raise_an_alarm() {
    let (mut phone, mut office) = (Phone::anchored(1), Office::new());
    phone.sync(&mut office);
    let before = replica(&phone);
    let count = std::env::var("FIELDSYNC_IDLE").ok().and_then(|count| count.parse().ok()).unwrap_or(300);
    for round in 0..count {
        phone.kill();
        if round % 7 == 0 {
            phone.enter(REPORT, "finding", &format!("round {round}"));
        }
        let mut lose = round % 3 == 0;
        phone.sync_over(|request| {
            let response = office.respond(request);
            (!std::mem::replace(&mut lose, false)).then_some(response)
        });
        office.received.clear();
    }
    assert_eq!((replica(&phone), office.alarms), (before, 0));
}

/// Takes images of the store, and of the anchor with it, between the steps of an opening.
struct Witness {
    pocket: Pocket,
    dir: PathBuf,
    images: Mutex<Vec<(PathBuf, Option<Vec<u8>>)>>,
}

impl Witness {
    fn image(&self) {
        let mut images = self.images.lock().unwrap();
        let target = self.dir.with_extension(format!("image-{}", images.len()));
        std::fs::create_dir_all(&target).unwrap();
        for name in ["fieldsync.db", "fieldsync.db-wal"] {
            if self.dir.join(name).exists() {
                std::fs::copy(self.dir.join(name), target.join(name)).unwrap();
            }
        }
        images.push((target, self.pocket.load().unwrap()));
    }
}

impl Anchor for Witness {
    fn load(&self) -> Result<Option<Vec<u8>>, AnchorError> {
        self.pocket.load()
    }

    fn save(&self, value: &[u8]) -> Result<(), AnchorError> {
        self.image();
        self.pocket.save(value)?;
        self.image();
        Ok(())
    }
}

#[test]
fn a_crash_between_any_two_steps_of_an_opening_is_no_alarm() {
    let phone = Phone::anchored(1);
    let before = replica(&phone);
    phone.device.close();
    let value = phone.anchor.as_ref().unwrap().load().unwrap();
    let dir = phone.dir.clone();
    let witness = Arc::new(Witness { pocket: Pocket(Mutex::new(value)), dir: dir.clone(), images: Mutex::default() });
    let config = Config { anchor: Some(witness.clone()), ..Config::new(&dir) };
    let device = Device::open(config).unwrap();
    witness.image();
    drop(device);

    let images = witness.images.lock().unwrap();
    assert_eq!(images.len(), 3, "after the first, the second and the third step");
    for (image, value) in images.iter() {
        let anchor: Arc<dyn Anchor> = Arc::new(Pocket(Mutex::new(value.clone())));
        let device = Device::open(Config { anchor: Some(anchor), ..Config::new(image) }).unwrap();
        assert_eq!(device.status().unwrap().replica, before);
        device.close();
    }
    let (last, first_value) = (&images[2].0, &images[0].1);
    let anchor: Arc<dyn Anchor> = Arc::new(Pocket(Mutex::new(first_value.clone())));
    let device = Device::open(Config { anchor: Some(anchor), ..Config::new(last) }).unwrap();
    assert_ne!(device.status().unwrap().replica, before, "after the last step the first value is another time's");
}

#[test]
fn an_anchor_that_cannot_be_saved_keeps_nobody_out_and_one_that_cannot_be_read_does() {
    struct Broken(Pocket);
    impl Anchor for Broken {
        fn load(&self) -> Result<Option<Vec<u8>>, AnchorError> {
            self.0.load()
        }
        fn save(&self, _: &[u8]) -> Result<(), AnchorError> {
            Err(AnchorError::new("the key store is busy"))
        }
    }
    struct Locked;
    impl Anchor for Locked {
        fn load(&self) -> Result<Option<Vec<u8>>, AnchorError> {
            Err(AnchorError::new("not unlocked since it started"))
        }
        fn save(&self, _: &[u8]) -> Result<(), AnchorError> {
            Ok(())
        }
    }
    let phone = Phone::anchored(1);
    let before = replica(&phone);
    phone.device.close();
    let broken = Arc::new(Broken(Pocket(Mutex::new(phone.anchor.as_ref().unwrap().load().unwrap()))));
    for _ in 0..3 {
        let device = Device::open(Config { anchor: Some(broken.clone()), ..Config::new(&phone.dir) }).unwrap();
        assert_eq!(device.status().unwrap().replica, before);
        device.close();
    }

    let locked = Device::open(Config { anchor: Some(Arc::new(Locked)), ..Config::new(&phone.dir) });

    assert!(matches!(locked, Err(crate::Error::Anchor(_))));
}

#[test]
fn an_anchor_in_a_file_finds_a_copied_folder_and_an_old_one_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, kept) = (folder.path().join("phone"), folder.path().join("kept/anchor"));
    let open = |dir: &Path, anchor: &Path| {
        let anchor: Arc<dyn Anchor> = Arc::new(crate::FileAnchor::new(anchor));
        let device = Device::open(Config { anchor: Some(anchor), ..Config::new(dir) }).unwrap();
        let replica = device.status().unwrap().replica;
        device.close();
        replica
    };
    let first = open(&dir, &kept);
    let (copy, old) = (folder.path().join("copy"), folder.path().join("old"));
    for target in [&copy, &old] {
        std::fs::create_dir_all(target).unwrap();
        std::fs::copy(dir.join("fieldsync.db"), target.join("fieldsync.db")).unwrap();
    }
    assert_eq!(open(&dir, &kept), first);

    assert_ne!(open(&copy, &folder.path().join("another phone's")), first);
    std::fs::copy(old.join("fieldsync.db"), dir.join("fieldsync.db")).unwrap();
    let after = open(&dir, &kept);
    assert_ne!(after, first);
    assert_eq!(open(&dir, &kept), after, "and that is the end of it");
}
