//! The n-th call of the disk fails, for every n, once and until somebody mends it; the disk is full at the n-th write and
//! has room again. Nothing that was acknowledged is lost, nothing is set aside, and work goes on without a restart.

use fieldsync::{Device, Error, RecordId};
use fieldsync_disk::{Call, Calls, Disk, Effect, Fault, Image, Loss, Times};

use crate::phone::{Scene, report};
use crate::world::{Site, open_phone, sync};

/// A loop ends when the fault lies behind the last call; this many are too many.
const CALLS_MAX: u64 = 2_000;

/// The content of every note on the phone.
fn notes(device: &Device, order: RecordId) -> Vec<String> {
    let job = device.job(order).expect("the store reads").job;
    job.notes.iter().map(|note| note.text.clone()).collect()
}

/// What a technician does in one breath: every call that returned is counted as acknowledged.
fn work(device: &Device, order: RecordId, acknowledged: &mut Vec<String>) -> Result<(), Error> {
    for text in ["first", "second"] {
        device.add_note(order, text)?;
        acknowledged.push(text.to_owned());
    }
    device.write_report(order, &report("seal worn through"))?;
    device.add_attachment(order, "image/png", &[5; 9_000], None)?;
    Ok(())
}

/// Runs `work` on phones from one image, with the n-th of `calls` going wrong, until nothing goes wrong any more.
/// Returns how often something did.
fn fail_each(base: &Image, order: RecordId, calls: Calls, effect: Effect, times: Times) -> u64 {
    for nth in 1..CALLS_MAX {
        let what = format!("{effect:?} at call {nth}, {times:?}");
        let disk = Disk::from_image(base);
        let device = open_phone(&disk.process(), 700).expect("the store opens");
        let before = notes(&device, order);
        disk.inject(Fault { calls, nth, times, effect });
        let mut acknowledged = before.clone();
        let outcome = work(&device, order, &mut acknowledged);
        if disk.struck() == 0 {
            outcome.expect("nothing went wrong");
            return nth - 1;
        }
        if effect == Effect::Full {
            assert!(!matches!(outcome, Err(Error::Storage(_) | Error::File(_))), "{what}: {outcome:?}");
        }
        disk.heal();

        // Without a restart: all that was acknowledged is there, and the next entry is taken.
        let found = notes(&device, order);
        for text in &acknowledged {
            assert_eq!(found.iter().filter(|found| *found == text).count(), 1, "{what}: {text} in {found:?}");
        }
        device.add_note(order, "third").unwrap_or_else(|error| panic!("{what}: it does not go on: {error:?}"));
        acknowledged.push("third".into());
        let status = device.status().expect("the store reads");

        // With one, after a power cut on top.
        let loss = Loss::ALL[nth as usize % Loss::ALL.len()];
        let found = Disk::from_image(&disk.image().crash(loss, nth));
        let again = open_phone(&found.process(), 701).unwrap_or_else(|error| panic!("{what}, {loss:?}: {error:?}"));
        let there = notes(&again, order);
        for text in &acknowledged {
            assert_eq!(there.iter().filter(|there| *there == text).count(), 1, "{what}, {loss:?}: {text} in {there:?}");
        }
        assert_eq!(again.status().expect("the store reads").pending, status.pending, "{what}, {loss:?}");
    }
    panic!("{CALLS_MAX} calls and no end");
}

#[test]
fn an_edit_survives_every_io_error() {
    let scene = Scene::new();
    let (base, order) = (scene.disk.image(), scene.orders[0]);
    let all = fail_each(&base, order, Calls::ALL, Effect::Fail, Times::Once);
    let lasting = fail_each(&base, order, Calls::ALL, Effect::Fail, Times::ForEver);
    let half = fail_each(&base, order, Calls::of(&[Call::Write]), Effect::Half, Times::Once);
    println!("errors: edits: {all} calls failed once, {lasting} for ever, {half} writes half");
    assert!(all > 100 && lasting > 100 && half > 30);
}

#[test]
fn a_full_disk_refuses_and_has_room_again_without_a_restart() {
    let scene = Scene::new();
    let (base, order) = (scene.disk.image(), scene.orders[0]);
    let writes = Calls::of(&[Call::Write, Call::Truncate, Call::Open]);
    let once = fail_each(&base, order, writes, Effect::Full, Times::Once);
    let lasting = fail_each(&base, order, writes, Effect::Full, Times::ForEver);
    println!("errors: full disk: {once} calls once, {lasting} until there was room");

    // A quota instead of a call: however many bytes are left, the store stays whole.
    let mut filled = 0;
    for room in (0..400_000).step_by(3_000) {
        let disk = Disk::from_image(&base);
        let device = open_phone(&disk.process(), 700).expect("the store opens");
        disk.set_quota(Some(disk.used() + room));
        let mut acknowledged = Vec::new();
        let outcome = work(&device, order, &mut acknowledged);
        filled += u64::from(outcome.is_err());
        assert!(matches!(outcome, Ok(()) | Err(Error::StorageFull)), "{room}: {outcome:?}");
        let found = notes(&device, order);
        assert!(acknowledged.iter().all(|text| found.contains(text)), "{room}: readable while it is full");
        disk.set_quota(None);
        device.add_note(order, "third").unwrap_or_else(|error| panic!("{room}: it does not go on: {error:?}"));
        assert_eq!(notes(&device, order).len(), acknowledged.len() + 1, "{room}");
        sync(&device, &Site::open(&Disk::from_image(&scene.site.disk.image()), &scene.blobs, 9).expect("it opens"))
            .expect("the phone syncs");
        assert!(device.status().expect("the store reads").is_drained(), "{room}");
    }
    println!("errors: quota: {filled} sizes were too small");
    assert!(filled > 10);
}

#[test]
fn an_opening_that_meets_an_io_error_sets_nothing_aside() {
    let scene = Scene::new();
    let order = scene.orders[0];
    let device = scene.phone(3);
    device.add_note(order, "before").expect("the store writes");
    // Half of the images have a log that must be recovered, half were closed.
    let crashed = scene.disk.image().crash(Loss::Nothing, 0);
    device.close();
    for (image, name) in [(crashed, "crashed"), (scene.disk.image(), "closed")] {
        for times in [Times::Once, Times::ForEver] {
            let mut nth = 0;
            loop {
                nth += 1;
                assert!(nth < CALLS_MAX, "no end");
                let disk = Disk::from_image(&image);
                let process = disk.process();
                disk.inject(Fault { calls: Calls::ALL, nth, times, effect: Effect::Fail });
                let opened = open_phone(&process, 700);
                let struck = disk.struck();
                assert!(
                    !matches!(opened, Err(Error::StorageDamaged { .. })),
                    "{name}, call {nth}, {times:?}: {opened:?}"
                );
                drop(opened);
                disk.heal();
                let again = open_phone(&process, 701).unwrap_or_else(|error| panic!("{name}, call {nth}: {error:?}"));
                assert!(notes(&again, order).contains(&"before".to_owned()), "{name}, call {nth}, {times:?}");
                assert!(!disk.list().iter().any(|file| file.contains("damaged")), "{name}, call {nth}, {times:?}");
                if struck == 0 {
                    break;
                }
            }
            println!("errors: opening a {name} store: {} calls, {times:?}", nth - 1);
        }
    }
}

#[test]
fn a_sync_survives_every_io_error_of_the_phone() {
    let scene = Scene::new();
    let order = scene.orders[0];
    let device = scene.phone(3);
    device.add_note(order, "before").expect("the store writes");
    scene.site.order(scene.technician, "another job");
    device.close();
    let (base, office) = (scene.disk.image(), scene.site.disk.image());
    let mut nth = 0;
    loop {
        nth += 1;
        let times = if nth % 3 == 0 { Times::ForEver } else { Times::Once };
        let site = Site::open(&Disk::from_image(&office), &scene.blobs, 9).expect("the office opens");
        let disk = Disk::from_image(&base);
        let device = open_phone(&disk.process(), 700).expect("the store opens");
        disk.inject(Fault { calls: Calls::ALL, nth, times, effect: Effect::Fail });
        let _ = sync(&device, &site);
        let struck = disk.struck();
        disk.heal();
        for _ in 0..2 {
            sync(&device, &site).unwrap_or_else(|error| panic!("call {nth}, {times:?}: {error:?}"));
        }
        let status = device.status().expect("the store reads");
        assert!(status.is_drained() && status.agrees == Some(true), "call {nth}, {times:?}: {status:?}");
        let found = site.office().read(|txn| fieldsync_server::sync::board::load(txn, order)).expect("it reads");
        assert_eq!(found.expect("the order is there").job.notes.len(), 1, "call {nth}, {times:?}");
        if struck == 0 {
            break;
        }
        assert!(nth < CALLS_MAX, "no end");
    }
    println!("errors: sync: {} calls of the phone's disk", nth - 1);
}

#[test]
fn an_office_survives_every_io_error_without_a_restart() {
    let scene = Scene::new();
    let order = scene.orders[0];
    let device = scene.phone(3);
    device.add_note(order, "before").expect("the store writes");
    device.close();
    let (base, office) = (scene.disk.image(), scene.site.disk.image());
    for effect in [Effect::Fail, Effect::Full] {
        let calls = if effect == Effect::Full { Calls::of(&[Call::Write, Call::Truncate]) } else { Calls::ALL };
        let mut nth = 0;
        loop {
            nth += 1;
            let times = if nth % 3 == 0 { Times::ForEver } else { Times::Once };
            let disk = Disk::from_image(&office);
            let site = Site::open(&disk, &scene.blobs, 9).expect("the office opens");
            let device = open_phone(&Disk::from_image(&base).process(), 700).expect("the store opens");
            disk.inject(Fault { calls, nth, times, effect });
            sync(&device, &site).expect("the phone's store works");
            let struck = disk.struck();
            let pending = device.status().expect("the store reads").pending;
            // What the phone no longer holds, the office has, whatever happens to it now.
            let crashed = Disk::from_image(&disk.image().crash(Loss::Everything, nth));
            disk.heal();
            if pending == 0 {
                let after = Site::open(&crashed, &scene.blobs, 10).expect("the office opens");
                let found =
                    after.office().read(|txn| fieldsync_server::sync::board::load(txn, order)).expect("it reads");
                assert_eq!(
                    found.expect("the order is there").job.notes.len(),
                    1,
                    "{effect:?} at call {nth}, {times:?}"
                );
            }
            for _ in 0..2 {
                sync(&device, &site).expect("the phone's store works");
            }
            let status = device.status().expect("the store reads");
            let what = format!("{effect:?} at call {nth}, {times:?}: {status:?}");
            assert!(status.is_drained() && status.agrees == Some(true), "{what}");
            assert!(site.problems().is_empty(), "{what}");
            if struck == 0 {
                break;
            }
            assert!(nth < CALLS_MAX, "no end");
        }
        println!("errors: office: {effect:?} at {} calls of its disk", nth - 1);
    }
}
