//! A device and an office that live on a disk in memory.
#![cfg(test)]

use std::sync::Arc;

use fieldsync::entropy::SeededEntropy;
use fieldsync::{Clock, Config, Device};
use fieldsync_disk::{Disk, Loss, Process};
use fieldsync_server::blobs::Blobs;
use fieldsync_server::folder::Folder;
use fieldsync_server::server::{self, OpenError, Opened};
use object_store::memory::InMemory;

#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now_ms(&self) -> i64 {
        1_772_449_200_000
    }
}

fn device(process: &Process) -> Result<Device, fieldsync::Error> {
    let mut config = Config::new("/phone");
    config.medium = process.medium();
    config.clock = Arc::new(Noon);
    Device::open(config)
}

fn office(process: &Process) -> Result<Opened, OpenError> {
    let folder = Folder::on("/office", process.medium());
    let blobs = Blobs::new(Arc::new(InMemory::new()));
    server::open_on(&folder, blobs, "acme", Arc::new(Noon), Arc::new(SeededEntropy::new(1)))
}

#[test]
fn a_store_that_was_just_made_is_there_after_the_power_went() {
    // The journal of the first transaction, removed without a sync of its folder, used to come back and undo the change
    // to a log; SQLite then threw the log away, and everything in it.
    let disk = Disk::new();
    let replica = device(&disk.process()).unwrap().status().unwrap().replica;
    for loss in Loss::ALL {
        let found = Disk::from_image(&disk.image().crash(loss, 1));
        assert_eq!(device(&found.process()).unwrap().status().unwrap().replica, replica, "{loss:?}");
    }
}

#[test]
fn an_office_in_memory_is_there_after_the_power_went_and_knows_an_older_picture_of_itself() {
    let disk = Disk::new();
    drop(office(&disk.process()).unwrap());
    let older = disk.image();
    let opened = office(&disk.process()).unwrap();
    let root = opened.office.keys.public_root();
    for loss in Loss::ALL {
        let found = Disk::from_image(&disk.image().crash(loss, 1));
        let again = office(&found.process()).unwrap();
        assert_eq!(again.office.keys.public_root(), root, "{loss:?}");
        assert!(!again.was_older, "{loss:?}");
        assert_eq!(again.office.read(|txn| txn.tenant()).unwrap().name, "acme");
    }
    disk.restore_some(&older, |name| name.starts_with("/office/office.sqlite"));
    let again = office(&disk.process()).unwrap();
    assert!(again.was_older, "the anchor stands outside the database");
    assert_eq!(again.office.keys.public_root(), root);
}
