//! Stores that earlier releases wrote, kept as files and opened by this one: nothing in them may be lost on the way.
//!
//! The files lie in `tests/golden/stores/`. `FIELDSYNC_BLESS=1 cargo test -p fieldsync-tests --test stories old_stores`
//! makes those of the present schema when there are none yet; what is there already is never written again.

use std::path::{Path, PathBuf};

use fieldsync::drawer::DrawerState;
use fieldsync::{Hash, RecordId};
use fieldsync_protocol::status::Status;
use fieldsync_tests::fleet::{Fleet, Phone};

use crate::{report, seal_kit, sign, work};

/// Schemas of which files are kept, oldest first: the device's and the office's that were released together.
const KEPT: [u32; 1] = [2];
/// The content of the photo that waits on the phone.
const PHOTO: &[u8] = b"a photo of the rod, as good as one";

fn stores() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/stores")
}

/// A day at the end of which the phone holds something of everything: an order that is done, a refused entry, one that
/// the office holds, a new customer, a report, notes and a photo that nobody has heard of.
fn day(fleet: &Fleet) -> Phone {
    let anna = fleet.phone("Anna");
    let customer = fleet.customer("Quarry North");
    let [done, taken, open] =
        ["bucket drops", "engine overheats", "tooth lost"].map(|said| fleet.order(customer, said));
    let [_, assignment, _] = [done, taken, open].map(|order| fleet.assign(order, anna.technician));
    fleet.settle(&[&anna]);
    let device = anna.device();

    work(&anna, done, "seal worn through");
    sign(&anna, done);
    fleet.settle(&[&anna]);
    device.use_part(done, &seal_kit()).expect("on the phone the order is still open");
    fleet.review(done, "approved");
    anna.sync();

    fleet.withdraw(assignment);
    anna.sync();
    device.start_visit(open).expect("the visit starts");
    anna.sync();
    device.write_report(open, &report("pin sheared")).expect("the report is written");
    device.add_note(open, "閘門密碼 4711").expect("a note is added");
    device.add_attachment(open, "image/jpeg", PHOTO, Some("the rod")).expect("it is kept");
    crate::on_site::open(&anna);
    anna
}

#[test]
fn the_present_schema_is_kept_as_files_once_it_is_released() {
    let newest = *KEPT.last().expect("a release came before");
    let target = stores().join(format!("device-v{newest}.sqlite"));
    if target.exists() || std::env::var_os("FIELDSYNC_BLESS").is_none() {
        assert!(target.exists(), "FIELDSYNC_BLESS=1 makes {}", target.display());
        return;
    }
    let fleet = Fleet::open();
    let anna = day(&fleet);
    std::fs::create_dir_all(stores().join(format!("keys-v{newest}"))).expect("a folder can be made");
    anna.device().close();
    std::fs::copy(anna.folder().join("fieldsync.db"), &target).expect("the store is kept");
    let office = stores().join(format!("office-v{newest}.sqlite"));
    fleet.office.store.backup(&office).expect("the office is kept");
    for name in ["root.key", "seal.key"] {
        let kept = stores().join(format!("keys-v{newest}")).join(name);
        std::fs::copy(fleet.office_folder().join("keys").join(name), kept).expect("a key is kept");
    }
}

/// The office as it was kept.
fn old_office(schema: u32) -> Fleet {
    Fleet::open_prepared(|folder| {
        std::fs::create_dir_all(folder.join("keys")).expect("a folder can be made");
        std::fs::copy(stores().join(format!("office-v{schema}.sqlite")), folder.join("office.sqlite"))
            .expect("it is kept");
        for name in ["root.key", "seal.key"] {
            let kept = stores().join(format!("keys-v{schema}")).join(name);
            std::fs::copy(kept, folder.join("keys").join(name)).expect("a key is kept");
        }
    })
}

/// Anna's phone as it was kept.
fn old_phone(fleet: &Fleet, schema: u32) -> Phone {
    let mut phone = fleet.phone_prepared("Anna", RecordId::from_bytes([0; 16]), |folder| {
        std::fs::create_dir_all(folder.join("blobs")).expect("a folder can be made");
        let kept = stores().join(format!("device-v{schema}.sqlite"));
        std::fs::copy(kept, folder.join("fieldsync.db")).expect("it is kept");
        std::fs::write(folder.join("blobs").join(Hash::sha256(PHOTO).to_string()), PHOTO).expect("the photo is there");
    });
    phone.technician = phone.device().identity().expect("the store reads").expect("it is enrolled").technician();
    phone
}

#[test]
fn an_old_store_keeps_its_records_its_pending_work_and_its_drawer() {
    for schema in KEPT {
        let fleet = old_office(schema);
        let anna = old_phone(&fleet, schema);
        let status = anna.device().status().expect("the old store reads");

        assert_eq!((status.pending, status.refused, status.blobs), (17, 1, 1), "schema {schema}");
        let drawer = anna.device().drawer().expect("the old store reads");
        assert_eq!(drawer.iter().map(|entry| entry.state).collect::<Vec<_>>(), [DrawerState::Refused]);
        let jobs = anna.device().jobs(&fieldsync::read::JobFilter::default()).expect("the old store reads").items;
        assert_eq!(jobs.len(), 3);
        let open = jobs.iter().find(|job| job.problem == "tooth lost").expect("the job is there");
        assert_eq!(open.status, Status::InProgress);
        let page = anna.device().job(open.id).expect("the job is there");
        assert_eq!(page.job.notes[0].text, "閘門密碼 4711");
        assert_eq!(page.job.attachments.len(), 1);
    }
}

#[test]
fn old_stores_of_both_sides_go_on_together_and_nothing_that_was_pending_is_lost() {
    for schema in KEPT {
        let fleet = old_office(schema);
        let anna = old_phone(&fleet, schema);
        let waiting = anna.device().pending().expect("the old store reads");

        fleet.settle(&[&anna]);

        for edit in waiting {
            assert!(fleet.record(edit.record).groups.contains_key(&edit.group), "{} {}", edit.kind, edit.group);
        }
        assert_eq!(anna.device().status().expect("the store reads").blobs, 0);
        assert_eq!(anna.device().drawer().expect("the store reads").len(), 1);
    }
}
