//! Damaged stores: what was only on the phone is read out of what was set aside, and reaches the office once.

use fieldsync::salvage::Salvage;
use fieldsync::{Config, Device, Error, RecordId, Unsent};
use fieldsync_server::enrol;
use fieldsync_tests::fleet::{Fleet, Phone};
use fieldsync_tests::network::Fault;

use crate::{report, seal_kit, sign, work};

const PHOTO: &[u8] = b"the rod, as found";

/// Where something is written over the database.
#[derive(Clone, Copy)]
enum Damage {
    Header,
    Middle,
    Everything,
}

/// Anna's phone with a refused entry, unsent work, and work that the office has without her knowing; and the job.
fn busy(fleet: &Fleet) -> (Phone, RecordId) {
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
    anna.sync();
    device.start_visit(open).expect("the visit starts");
    device.add_note(open, "at the office, and nobody here knows").expect("a note is added");
    anna.network.meet([Fault::AnswerLost]);
    anna.sync_for(1);
    device.add_note(open, "gate code 4711").expect("a note is added");
    device.write_report(open, &report("pin sheared")).expect("the report is written");
    device.add_attachment(open, "image/jpeg", PHOTO, None).expect("it is kept");
    (anna, open)
}

/// Damages the store, begins a new one and enrols it again for Anna.
fn lose(fleet: &Fleet, anna: &Phone, damage: Damage) -> Device {
    anna.device().close();
    let file = anna.folder().join("fieldsync.db");
    let mut bytes = std::fs::read(&file).expect("the store is there");
    let middle = bytes.len() / 2 / 4_096 * 4_096;
    match damage {
        Damage::Header => bytes[..80].fill(7),
        Damage::Middle => bytes[middle..middle + 4_096].fill(0xA5),
        Damage::Everything => bytes.fill(7),
    }
    std::fs::write(&file, bytes).expect("the store is damaged");
    std::fs::write(anna.folder().join("suspect"), b"").expect("it is looked at");
    let damaged = Device::open(Config::new(anna.folder()));
    assert!(matches!(damaged, Err(Error::StorageDamaged { .. })), "{damaged:?}");

    let config = Config { start_over: true, clock: fleet.clock.clone(), ..Config::new(anna.folder()) };
    let device = Device::open(config).expect("a new store begins");
    let code = enrol::new_code(&fleet.office, anna.technician).expect("a code can be made");
    let url = format!("http://{}", fleet.address());
    fleet.runtime().block_on(device.enrol(&url, &code, "Anna again")).expect("the phone enrols");
    device
}

fn salvage(device: &Device) -> Salvage {
    let kept = device.set_aside().expect("the folder reads");
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].unsent, Some(Unsent { pending: 8, refused: 1, blobs: 1 }));
    let salvage = device.salvage(&kept[0].path).expect("it is brought over");
    assert!(device.set_aside().expect("the folder reads").is_empty());
    assert!(matches!(device.salvage(&kept[0].path), Err(Error::NotFound)), "twice changes nothing");
    assert!(kept[0].path.exists(), "and the file stays");
    salvage
}

fn sync(fleet: &Fleet, device: &Device) {
    let receipt = fleet.runtime().block_on(device.sync(fieldsync::Cancel::new(), |_| {})).expect("a sync ends");
    assert!(receipt.is_complete(), "{receipt:?}");
}

#[test]
fn what_was_only_on_a_damaged_phone_reaches_the_office_once() {
    for damage in [Damage::Header, Damage::Middle] {
        let fleet = Fleet::open();
        let (anna, open) = busy(&fleet);
        let device = lose(&fleet, &anna, damage);

        let found = salvage(&device);

        assert_eq!((found.pending, found.drawer, found.blobs, found.missing), (8, 1, 1, Unsent::default()));
        sync(&fleet, &device);
        sync(&fleet, &device);
        let job = fleet.job(open);
        let mut notes: Vec<&str> = job.notes.iter().map(|note| note.text.as_str()).collect();
        notes.sort_unstable();
        assert_eq!(notes, ["at the office, and nobody here knows", "gate code 4711"]);
        assert_eq!((job.reports.len(), job.events.len(), job.attachments.len()), (1, 1, 1));
        for id in job.notes.iter().map(|note| note.id).chain(job.reports.iter().map(|report| report.id)) {
            let record = fleet.record(id);
            for group in record.groups.keys() {
                assert_eq!(record.siblings(group).count(), 1, "{group} arrived once");
            }
        }
        let status = device.status().expect("the store reads");
        assert!(status.is_drained() && status.agrees == Some(true), "{status:?}");
        assert_eq!((status.refused, device.drawer().expect("the store reads").len()), (1, 1));
    }
}

#[test]
fn what_cannot_be_read_is_counted_and_not_passed_over() {
    let fleet = Fleet::open();
    let (anna, open) = busy(&fleet);
    let device = lose(&fleet, &anna, Damage::Everything);

    let found = salvage(&device);

    assert!(!found.is_whole);
    assert_eq!((found.pending, found.drawer, found.blobs), (0, 0, 0));
    assert_eq!(found.missing, Unsent { pending: 8, refused: 1, blobs: 1 });
    sync(&fleet, &device);
    assert_eq!(fleet.job(open).notes.len(), 1);
}

#[test]
fn somebody_elses_work_is_not_brought_over() {
    let fleet = Fleet::open();
    let (anna, _) = busy(&fleet);
    let bert = fleet.phone("Bert");
    let (folder, technician) = (anna.folder().to_owned(), bert.technician);
    anna.device().close();
    let file = folder.join("fieldsync.db");
    let mut bytes = std::fs::read(&file).expect("the store is there");
    bytes[..80].fill(7);
    std::fs::write(&file, bytes).expect("the store is damaged");
    assert!(Device::open(Config::new(&folder)).is_err());
    let device = Device::open(Config { start_over: true, ..Config::new(&folder) }).expect("a new store begins");
    let kept = device.set_aside().expect("the folder reads").remove(0);
    assert!(matches!(device.salvage(&kept.path), Err(Error::SignedOut)));
    let code = enrol::new_code(&fleet.office, technician).expect("a code can be made");
    let url = format!("http://{}", fleet.address());
    fleet.runtime().block_on(device.enrol(&url, &code, "Bert")).expect("the phone enrols");

    assert!(matches!(device.salvage(&kept.path), Err(Error::OtherOwner)));
    assert_eq!(device.set_aside().expect("the folder reads").len(), 1, "it waits for whose it is");
}
