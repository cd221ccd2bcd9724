//! Phones that the office has wiped: what only they had comes first, then nothing is left.

use fieldsync::{Config, Device, Ended, Error};
use fieldsync_protocol::DeviceId;
use fieldsync_server::enrol;
use fieldsync_server::people::OPERATOR;
use fieldsync_server::store::Held;
use fieldsync_tests::fleet::{Fleet, Phone};
use fieldsync_tests::network::Fault;

use crate::{seal_kit, sign, work};

const PHOTO: &[u8] = b"the seal, as found";
const LATE_PHOTO: &[u8] = b"the rod, on a record that nobody accepts any more";

fn device_of(phone: &Phone) -> DeviceId {
    phone.device().identity().expect("the store reads").expect("it is enrolled").device
}

fn held(fleet: &Fleet) -> Vec<Held> {
    fleet.office.read(|txn| txn.all_held(true)).expect("the office's store reads")
}

/// Whether the office has a file of this content.
fn has_file(fleet: &Fleet, content: &[u8]) -> bool {
    fn any(folder: &std::path::Path, content: &[u8]) -> bool {
        let entries = std::fs::read_dir(folder).expect("the folder reads").map(|entry| entry.expect("it reads").path());
        entries.into_iter().any(|path| match path.is_dir() {
            true => any(&path, content),
            false => std::fs::read(&path).expect("the file reads") == content,
        })
    }
    any(&fleet.office_folder().join("blobs"), content)
}

/// Anna's phone with unsent work of every sort: entries, a refused one, a photo of an accepted record and one of a
/// record that nobody knows.
fn busy(fleet: &Fleet) -> Phone {
    let anna = fleet.phone("Anna");
    let customer = fleet.customer("Quarry North");
    let [done, open] = ["bucket drops", "engine overheats"].map(|said| fleet.order(customer, said));
    fleet.assign(done, anna.technician);
    fleet.assign(open, anna.technician);
    fleet.settle(&[&anna]);
    let device = anna.device();
    work(&anna, done, "seal worn through");
    sign(&anna, done);
    fleet.settle(&[&anna]);
    device.use_part(done, &seal_kit()).expect("on the phone the order is still open");
    fleet.review(done, "approved");
    device.add_attachment(open, "image/jpeg", PHOTO, None).expect("it is kept");
    // The records go, the photo does not get through.
    anna.sync_for(1);
    anna.network.set_down(true);
    device.start_visit(open).expect("the visit starts");
    device.add_note(open, "gate code 4711").expect("a note is added");
    device.add_attachment(open, "image/jpeg", LATE_PHOTO, None).expect("it is kept");
    let status = device.status().expect("the store reads");
    assert_eq!((status.pending, status.refused, status.blobs), (3, 1, 2));
    anna
}

fn assert_handed_over(fleet: &Fleet) {
    let mut kinds: Vec<String> = held(fleet).into_iter().map(|held| held.kind).collect();
    kinds.sort();
    assert_eq!(kinds, ["attachment", "note", "part_line", "visit_event"]);
    assert!(has_file(fleet, PHOTO) && has_file(fleet, LATE_PHOTO));
}

fn assert_destroyed(phone: &Phone) {
    let mut left: Vec<String> = std::fs::read_dir(phone.folder())
        .expect("the folder is there")
        .map(|entry| entry.expect("it reads").file_name().to_string_lossy().into_owned())
        .collect();
    left.sort();
    assert_eq!(left, ["blobs", "lock", "wiped"]);
    assert_eq!(std::fs::read_dir(phone.folder().join("blobs")).expect("the folder reads").count(), 0);
    let opened = Device::open(Config::new(phone.folder()));
    assert!(matches!(opened, Err(Error::Wiped)), "{opened:?}");
}

#[test]
fn a_wiped_phone_hands_over_what_only_it_has_and_keeps_nothing() {
    let fleet = Fleet::open();
    let anna = busy(&fleet);
    let id = device_of(&anna);
    enrol::wipe(&fleet.office, id, &OPERATOR).expect("the office asks");
    assert_ne!(anna.sync().ended, Ended::Wiped, "out of reach it knows nothing");

    anna.network.set_down(false);
    let receipt = anna.sync();

    assert_eq!(receipt.ended, Ended::Wiped, "{receipt:?}");
    assert_handed_over(&fleet);
    assert!(matches!(anna.device().status(), Err(Error::Wiped)));
    assert_destroyed(&anna);
    let device = fleet.office.read(|txn| txn.device(id)).expect("the office's store reads").expect("it is known");
    assert!(device.wiped_ms.is_some() && device.holding == Default::default());
    enrol::wipe(&fleet.office, id, &OPERATOR).expect("asking again changes nothing");

    let technician = anna.technician;
    let config = Config { start_over: true, ..Config::new(anna.folder()) };
    let again = Device::open(config).expect("a new beginning");
    let code = enrol::new_code(&fleet.office, technician).expect("a code can be made");
    let url = format!("http://{}", fleet.address());
    fleet.runtime().block_on(again.enrol(&url, &code, "Anna again")).expect("the phone enrols");
}

#[test]
fn a_wipe_that_is_cut_anywhere_goes_on_and_destroys_nothing_before_the_office_has_it() {
    let fleet = Fleet::open();
    let mut anna = busy(&fleet);
    enrol::wipe(&fleet.office, device_of(&anna), &OPERATOR).expect("the office asks");
    anna.network.set_down(false);
    let mut rounds: u32 = 0;
    let last = loop {
        // Each time it gets a little further before an answer is lost.
        anna.network.meet((0..rounds).map(|_| Fault::None).chain([Fault::AnswerLost]));
        if let Some(receipt) = anna.sync_for(rounds + 1)
            && receipt.ended == Ended::Wiped
        {
            break receipt;
        }
        let note = anna.device().add_note(anna.device().new_id(), "too late");
        assert!(note.is_err());
        assert!(!anna.folder().join("wiped").exists());
        fleet.reopen(&mut anna);
        rounds += 1;
        assert!(rounds < 40, "every round brings it further");
    };

    assert!(rounds > 2 && last.blobs_failed == 0);
    assert_handed_over(&fleet);
    assert_destroyed(&anna);
}

#[test]
fn once_the_office_has_asked_nothing_more_can_be_entered() {
    let fleet = Fleet::open();
    let anna = busy(&fleet);
    enrol::wipe(&fleet.office, device_of(&anna), &OPERATOR).expect("the office asks");
    anna.network.set_down(false);
    let open = anna.device().pending().expect("the store reads")[0].record;
    anna.sync_for(1);

    let late =
        anna.device().edit(fieldsync::Draft::of("note", open).set("text", fieldsync::fields! { "text" => "late" }));

    assert!(matches!(late, Err(Error::Wiped)), "{late:?}");
}

#[test]
fn an_office_restored_from_before_still_wants_the_wipe() {
    let mut fleet = Fleet::open();
    let anna = busy(&fleet);
    let backup = fleet.back_up();
    enrol::wipe(&fleet.office, device_of(&anna), &OPERATOR).expect("the office asks");
    fleet.restore(&backup);
    anna.network.set_down(false);

    assert_eq!(anna.sync().ended, Ended::Wiped);

    assert!(has_file(&fleet, LATE_PHOTO) && has_file(&fleet, PHOTO));
    assert_destroyed(&anna);
}
