//! The files beside SQLite, on the disk in memory as on the system's.
#![cfg(test)]

use std::io::ErrorKind;
use std::path::Path;

use fieldsync::{Files, SystemFiles};
use fieldsync_disk::{Call, Calls, Disk, Effect, Fault, Loss, Times};

fn contract(files: &dyn Files, root: &Path) {
    let folder = root.join("a/b");
    files.make_dir(&folder).unwrap();
    files.make_dir(&folder).unwrap();
    let (one, two) = (folder.join("one"), folder.join("two"));
    assert_eq!(files.len(&one).unwrap(), None);
    assert_eq!(files.read(&one, 0, 1).unwrap_err().kind(), ErrorKind::NotFound);
    files.write(&one, b"first words").unwrap();
    files.write(&one, b"words").unwrap();
    files.append(&one, 4, b"y man").unwrap();
    files.sync(&one).unwrap();
    assert_eq!(files.read(&one, 0, 100).unwrap(), b"wordy man");
    assert_eq!(files.read(&one, 4, 3).unwrap(), b"y m");
    assert!(files.read(&one, 20, 3).unwrap().is_empty());
    files.append(&one, 2, b"").unwrap();
    assert_eq!(files.len(&one).unwrap(), Some(2));
    files.write(&two, b"").unwrap();
    files.rename(&one, &two).unwrap();
    assert_eq!(files.list(&folder).unwrap(), std::slice::from_ref(&two));
    assert!(files.exists(&two) && files.exists(&folder) && !files.exists(&one));
    assert_eq!(files.rename(&one, &two).unwrap_err().kind(), ErrorKind::NotFound);
    files.remove(&two).unwrap();
    assert_eq!(files.remove(&two).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn the_disk_in_memory_keeps_the_same_contract_as_the_systems() {
    let folder = tempfile::tempdir().unwrap();
    contract(&SystemFiles, folder.path());
    contract(&Disk::new().process(), Path::new("/"));
}

#[test]
fn a_file_is_held_by_one_until_that_one_lets_go_or_is_killed() {
    let disk = Disk::new();
    let (one, two) = (disk.process(), disk.process());
    let file = Path::new("/lock");
    let held = one.hold(file).unwrap();
    assert!(held.is_some() && one.hold(file).unwrap().is_none() && two.hold(file).unwrap().is_none());
    drop(held);
    let held = two.hold(file).unwrap();
    assert!(held.is_some() && one.hold(file).unwrap().is_none());
    two.kill();
    let mine = one.hold(file).unwrap();
    drop(held);
    assert!(mine.is_some() && one.hold(file).unwrap().is_none(), "the dead one's guard frees nothing");
}

#[test]
fn what_the_contract_calls_durable_survives_every_power_cut() {
    let disk = Disk::new();
    let process = disk.process();
    let (draft, target) = (Path::new("/draft"), Path::new("/target"));
    process.write(target, b"old").unwrap();
    disk.record();
    process.write(draft, b"new and longer").unwrap();
    process.rename(draft, target).unwrap();
    let done = disk.recorded();
    process.append(target, 3, b"!").unwrap();
    process.remove(target).unwrap();
    for (at, point) in disk.take_record().into_iter().enumerate() {
        for loss in Loss::ALL {
            let found = point.image.crash(loss, at as u64).read("/target").unwrap_or_default();
            if at < done {
                assert!(found == b"old" || found == b"new and longer", "call {at}, {loss:?}: {found:?}");
            } else {
                assert!(found.starts_with(b"new"), "call {at}, {loss:?}: {found:?}");
            }
        }
    }
}

#[test]
fn a_full_or_broken_disk_says_so() {
    let disk = Disk::new();
    let process = disk.process();
    disk.set_quota(Some(10));
    assert_eq!(process.write(Path::new("/large"), &[0; 11]).unwrap_err().kind(), ErrorKind::StorageFull);
    disk.set_quota(None);
    disk.inject(Fault { calls: Calls::of(&[Call::Sync]), nth: 1, times: Times::Once, effect: Effect::Fail });
    assert!(process.write(Path::new("/large"), &[0; 11]).is_err());
    process.write(Path::new("/large"), &[0; 11]).unwrap();
    process.kill();
    assert!(process.write(Path::new("/large"), &[0; 11]).is_err());
}
