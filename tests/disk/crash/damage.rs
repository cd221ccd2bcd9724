//! A disk that forgets bits, and a second process on the store: found and said, never an empty store, never a panic.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fieldsync::{Device, Draft, Error, RecordId, fields};
use fieldsync_disk::{Disk, Image, Loss};

use crate::phone::{Scene, report};
use crate::world::{Site, open_phone, sync};

const DATABASE: &str = "/phone/fieldsync.db";

/// A phone with pending work, closed: the image, and what is pending.
fn closed(scene: &Scene) -> (Image, usize) {
    let device = scene.phone(3);
    for number in 0..20 {
        device.add_note(scene.orders[0], &format!("note {number} {}", "x".repeat(300))).expect("the store writes");
    }
    device.write_report(scene.orders[0], &report("seal worn through")).expect("the store writes");
    let pending = device.pending().expect("the store reads").len();
    device.close();
    (scene.disk.image(), pending)
}

/// What a phone with damage turned out to be.
fn outcome(disk: &Disk, pending: usize, order: RecordId) -> Result<&'static str, String> {
    let kept = |disk: &Disk| disk.list().iter().any(|file| file.contains("damaged-"));
    let device = match open_phone(&disk.process(), 900) {
        Ok(device) => device,
        Err(Error::StorageDamaged { .. }) => {
            return if kept(disk) { Ok("set aside") } else { Err("set aside, and nothing is there".into()) };
        }
        Err(Error::StorageNewer { .. }) => return Ok("taken for a newer store"),
        Err(error) => return Err(format!("neither opened nor set aside: {error:?}")),
    };
    let read = |device: &Device| -> Result<usize, Error> {
        device.status()?;
        device.job(order)?;
        Ok(device.pending()?.len())
    };
    match read(&device) {
        Ok(found) if found == pending => Ok("opened"),
        Ok(found) => Err(format!("{found} of {pending} edits, and nothing said")),
        Err(error) => {
            drop(device);
            // Said while reading. The next opening sets the store aside, or it was mended.
            match open_phone(&disk.process(), 901) {
                Err(Error::StorageDamaged { .. }) if kept(disk) => Ok("set aside after reading"),
                Ok(device) if matches!(read(&device), Ok(found) if found == pending) => Ok("mended after reading"),
                again => Err(format!("{error:?}, and then {:?}", again.map(|device| read(&device)))),
            }
        }
    }
}

#[test]
fn a_turned_bit_never_makes_an_empty_store_a_panic_or_a_loop() {
    let scene = Scene::new();
    let (image, pending) = closed(&scene);
    let length = image.read(DATABASE).expect("the store is there").len() as u64;
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut broken = Vec::new();
    // The whole header, and then a bit every so often.
    let places = (0..100).chain((100..length).step_by(397));
    for offset in places {
        let disk = Disk::from_image(&image);
        assert!(disk.flip(DATABASE, offset, 1 << (offset % 8)));
        let found = catch_unwind(AssertUnwindSafe(|| outcome(&disk, pending, scene.orders[0])));
        match found {
            Ok(Ok(what)) => *seen.entry(what.to_owned()).or_default() += 1,
            Ok(Err(what)) => broken.push(format!("byte {offset}: {what}")),
            Err(_) => broken.push(format!("byte {offset}: a panic")),
        }
    }
    println!("damage: turned bits: {seen:?}");
    assert!(broken.is_empty(), "{} of them: {:#?}", broken.len(), &broken[..broken.len().min(20)]);
}

#[test]
fn a_page_of_zeros_or_noise_never_makes_an_empty_store_a_panic_or_a_loop() {
    let scene = Scene::new();
    let (image, pending) = closed(&scene);
    let length = image.read(DATABASE).expect("the store is there").len() as u64;
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut broken = Vec::new();
    for page in 0..length / 4_096 {
        for with in [0, 0xA5] {
            let disk = Disk::from_image(&image);
            disk.smash(DATABASE, page * 4_096..(page + 1) * 4_096, with);
            match catch_unwind(AssertUnwindSafe(|| outcome(&disk, pending, scene.orders[0]))) {
                Ok(Ok(what)) => *seen.entry(what.to_owned()).or_default() += 1,
                Ok(Err(what)) => broken.push(format!("page {page}, {with:x}: {what}")),
                Err(_) => broken.push(format!("page {page}, {with:x}: a panic")),
            }
        }
    }
    println!("damage: pages: {seen:?}");
    assert!(broken.is_empty(), "{} of them: {:#?}", broken.len(), &broken[..broken.len().min(20)]);
}

#[test]
fn a_store_cut_short_is_set_aside_and_no_empty_one_takes_its_place() {
    let scene = Scene::new();
    let (closed, pending) = closed(&scene);
    let device = scene.phone(4);
    device.add_note(scene.orders[0], "in the log").expect("the store writes");
    let crashed = scene.disk.image().crash(Loss::Nothing, 0);
    for (image, pending) in [(closed, pending), (crashed, pending + 1)] {
        let whole = image.read(DATABASE).expect("the store is there");
        for length in [0, 50, 100, 4_096, whole.len() / 2, whole.len() - 1] {
            let disk = Disk::from_image(&image);
            let files = disk.process();
            fieldsync::Files::append(&files, DATABASE.as_ref(), length as u64, &[]).expect("the disk works");
            let found = outcome(&disk, pending, scene.orders[0]);
            // What a log holds of it is there again; the last byte need not be in use.
            let has_log = image.list().iter().any(|name| name.ends_with("-wal"));
            let may_open = length > 0 && (has_log || length + 1 == whole.len());
            assert!(
                matches!(found, Ok("set aside" | "set aside after reading")) || (may_open && found == Ok("opened")),
                "{length} of {} bytes: {found:?}",
                whole.len()
            );
        }
        let disk = Disk::from_image(&image);
        fieldsync::Files::remove(&disk.process(), DATABASE.as_ref()).expect("the disk works");
        let gone = open_phone(&disk.process(), 900);
        assert!(matches!(gone, Err(Error::StorageDamaged { .. })), "a store that is gone: {gone:?}");
    }
}

#[test]
fn a_store_that_was_set_aside_can_be_begun_anew_and_the_office_fills_it() {
    let scene = Scene::new();
    let (image, _) = closed(&scene);
    let disk = Disk::from_image(&image);
    disk.smash(DATABASE, 0..4_096, 0xA5);
    let process = disk.process();
    assert!(matches!(open_phone(&process, 900), Err(Error::StorageDamaged { .. })));
    let mut config = fieldsync::Config::new(crate::world::PHONE);
    config.medium = process.medium();
    config.start_over = true;
    let device = Device::open(config).expect("a new store opens");
    scene.site.enrol(&device, scene.technician);
    sync(&device, &scene.site).expect("the phone syncs");
    assert!(device.job(scene.orders[0]).is_ok());
    assert!(disk.list().iter().any(|file| file.contains("damaged-")), "the damaged one is still there");
}

#[test]
fn an_office_with_a_turned_bit_says_so_and_keeps_its_file() {
    let scene = Scene::new();
    let blobs = scene.blobs.clone();
    let disk = scene.site.disk.clone();
    let Scene { site, .. } = scene;
    drop(site);
    let image = disk.image();
    let name = "/office/office.sqlite";
    let length = image.read(name).expect("the database is there").len() as u64;
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for offset in (0..100).chain((100..length).step_by(1_009)) {
        let disk = Disk::from_image(&image);
        disk.flip(name, offset, 1 << (offset % 8));
        let damaged = disk.image().read(name);
        let opened = catch_unwind(AssertUnwindSafe(|| match Site::open(&disk, &blobs, 900) {
            Ok(site) => {
                let report =
                    crate::world::runtime().block_on(fieldsync_server::verify::verify(site.office(), &site.blobs));
                match report {
                    Ok(report) if report.problems.is_empty() => "sound, or not in use",
                    _ => "found by verify",
                }
            }
            Err(_) => "refused",
        }));
        let what = opened.unwrap_or_else(|_| panic!("byte {offset}: a panic"));
        if what == "refused" {
            assert_eq!(disk.image().read(name).map(|bytes| bytes.len()), damaged.map(|bytes| bytes.len()));
        }
        *seen.entry(what).or_default() += 1;
    }
    println!("damage: office: {seen:?}");
    assert!(seen["found by verify"] > 10);
}

#[test]
fn a_second_process_is_refused_and_takes_over_when_the_first_is_killed_in_mid_transaction() {
    let scene = Scene::new();
    let order = scene.orders[0];
    let (one, two) = (scene.disk.process(), scene.disk.process());
    let first = open_phone(&one, 3).expect("the store opens");
    first.add_note(order, "before").expect("the store writes");
    assert!(matches!(open_phone(&two, 4), Err(Error::InUse)));

    // Somebody in the first process is in the middle of a transaction, and so much of it that pages are written already.
    let raw = one.medium().connect(DATABASE.as_ref(), rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE).expect("it opens");
    raw.execute_batch(
        "pragma cache_size = 1; begin immediate; delete from pending; update record set counter = counter + 1",
    )
    .expect("it writes");
    one.kill();
    std::mem::forget((raw, first));

    let second = open_phone(&two, 5).expect("nobody holds it any more");
    assert_eq!(second.pending().expect("the store reads").len(), 1);
    second
        .edit(Draft::new("note").set("text", fields! { "work_order" => order, "text" => "after" }))
        .expect("it writes");
    sync(&second, &scene.site).expect("the phone syncs");
    assert!(second.status().expect("the store reads").is_drained());
}
