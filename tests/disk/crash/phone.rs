//! A phone that loses its power at every call of its disk, on every path that writes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use fieldsync::work::{PartEntry, ReportEntry};
use fieldsync::{Cancel, Device, Files, PendingEdit, RecordId};
use fieldsync_disk::{Disk, Image, Process};
use fieldsync_protocol::exchange::Sealed;
use fieldsync_protocol::{Record, encode};
use fieldsync_server::blobs::Blobs;
use rusqlite::{OpenFlags, OptionalExtension};

use crate::enumerate::{Examine, Tally, enumerate};
use crate::play::{Entry, Play, Played, missing};
use crate::world::{PHONE, Site, blobs, open_phone, plant, runtime, sync};

const DATABASE: &str = "/phone/fieldsync.db";

/// An office, a phone that has pulled once, and two jobs.
pub(crate) struct Scene {
    pub(crate) site: Site,
    pub(crate) disk: Disk,
    pub(crate) technician: RecordId,
    pub(crate) orders: [RecordId; 2],
    pub(crate) blobs: Blobs,
}

impl Scene {
    pub(crate) fn new() -> Self {
        plant();
        let blobs = blobs();
        let site = Site::open(&Disk::new(), &blobs, 1).expect("the office opens");
        let technician = site.technician("Anna Berg");
        let orders = [site.order(technician, "bucket drops"), site.order(technician, "engine overheats")];
        let disk = Disk::new();
        let device = open_phone(&disk.process(), 2).expect("the store opens");
        site.enrol(&device, technician);
        sync(&device, &site).expect("the phone syncs");
        Self { site, disk, technician, orders, blobs }
    }

    /// The phone, opened again.
    pub(crate) fn phone(&self, seed: u64) -> Device {
        open_phone(&self.disk.process(), seed).expect("the store opens")
    }

    fn play(&self, seed: u64) -> Play<'_> {
        Play::begin(self.phone(seed), &self.disk, &self.site, &[])
    }
}

pub(crate) fn report(cause: &str) -> ReportEntry {
    ReportEntry {
        fault_location: Some("boom cylinder".into()),
        cause: Some(cause.into()),
        outcome: Some("solved".into()),
        outcome_text: Some(format!("because of {cause}")),
        ..ReportEntry::default()
    }
}

pub(crate) fn seal_kit(number: &str) -> PartEntry {
    PartEntry {
        number: number.into(),
        name: "Seal kit 40 mm".into(),
        quantity_milli: 1_000,
        unit: "pc".into(),
        price_minor: Some(4_900),
        currency: Some("EUR".into()),
        ..PartEntry::default()
    }
}

/// What a recovered phone must fulfil.
struct Recovered<'a> {
    played: &'a Played,
    blobs: &'a Blobs,
    /// The order whose report is written after the crash, to see which name it gets.
    order: RecordId,
    /// Whether the phone can be synced with the office of the moment.
    may_sync: bool,
}

impl Examine for Recovered<'_> {
    const FILE: &'static str = DATABASE;
    type Open = (Disk, Process, Device);

    fn open(&self, disk: &Disk, process: &Process) -> Result<Self::Open, String> {
        let device = open_phone(process, 1_000).map_err(|error| format!("cannot be opened: {error:?}"))?;
        Ok((disk.clone(), process.clone(), device))
    }

    fn examine(&self, (disk, process, device): Self::Open, at: usize) -> Vec<String> {
        let mut broken = Vec::new();
        for entry in missing(&device, &self.played.entries, at) {
            broken.push(format!("lost {entry:?}"));
        }
        broken.extend(self.page_without_cursor(&process));
        broken.extend(pending_apart(&process));
        if self.may_sync {
            broken.extend(files_missing(&device, &disk));
        }
        if device.identity().ok().flatten().is_some() && device.record(self.order).is_ok() {
            // In a group that was not entered before, so that what was entered keeps its place.
            let later = ReportEntry { hazards: Some("after the crash".into()), ..ReportEntry::default() };
            device.write_report(self.order, &later).expect("the store writes");
            let before = self.played.dots.iter().filter(|(when, ..)| *when <= at);
            let before: BTreeSet<_> = before.map(|(_, record, dot)| (*record, *dot)).collect();
            let is_later = |edit: &PendingEdit| edit.fields.values().any(|value| *value == "after the crash".into());
            for edit in device.pending().expect("the store reads").into_iter().filter(is_later) {
                if before.contains(&(edit.record, edit.dot)) {
                    broken.push(format!("the name {:?} was given before", edit.dot));
                }
            }
            if self.may_sync {
                broken.extend(self.goes_on(&device, at));
            }
        }
        broken
    }
}

impl Recovered<'_> {
    /// Everything that came with a page up to the cursor is there.
    fn page_without_cursor(&self, process: &Process) -> Vec<String> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = process.medium().connect(Path::new(DATABASE), flags).expect("it is open");
        let cursor: Option<Vec<u8>> = connection
            .query_row("select value from meta where name = 'cursor'", [], |row| row.get(0))
            .optional()
            .expect("the store reads");
        let Some(cursor) = cursor else { return Vec::new() };
        let cursor: Sealed = encode::from_cbor(&cursor).expect("a cursor is stored as one");
        let Some(last) = self.played.pages.iter().position(|page| page.cursor == cursor.0) else { return Vec::new() };
        let mut due = BTreeMap::new();
        for page in &self.played.pages[..=last] {
            due.extend(page.delivered.clone());
            page.left.iter().for_each(|left| drop(due.remove(left)));
        }
        let mut broken = Vec::new();
        for (id, version) in due {
            let theirs: Option<Vec<u8>> = connection
                .query_row("select theirs from record where id = ?1", [id.as_bytes()], |row| row.get(0))
                .optional()
                .expect("the store reads")
                .flatten();
            let held: Option<Record> =
                theirs.map(|theirs| encode::from_cbor(&theirs).expect("a record is stored as one"));
            if !held.is_some_and(|held| version.within(&held.version)) {
                broken.push(format!("{id} came with a page whose cursor is stored, and is not there"));
            }
        }
        broken
    }

    /// The phone goes on with the office as it stood then: everything arrives, once.
    fn goes_on(&self, device: &Device, at: usize) -> Vec<String> {
        let offices = &self.played.offices;
        let (_, office) = offices.iter().rev().find(|(when, _)| *when <= at).expect("one stood at the beginning");
        let site = Site::open(&Disk::from_image(&office.crash(fieldsync_disk::Loss::Nothing, 0)), self.blobs, 77);
        let site = site.expect("the office opens");
        for _ in 0..3 {
            if let Err(error) = sync(device, &site) {
                return vec![format!("cannot sync: {error:?}")];
            }
        }
        let mut broken = Vec::new();
        let status = device.status().expect("the store reads");
        if !status.is_drained() || status.agrees != Some(true) {
            broken.push(format!("still waits or differs: {status:?}"));
        }
        for entry in missing(device, &self.played.entries, at) {
            broken.push(format!("lost while syncing {entry:?}"));
        }
        for entry in self.played.entries.iter().filter(|entry| entry.at <= at) {
            let stored = site.office().read(|txn| txn.record(entry.record)).expect("the office reads");
            let held: Vec<_> = stored
                .iter()
                .flat_map(|stored| stored.record.siblings(&entry.group))
                .filter(|(_, sibling)| sibling.fields.get(&entry.field) == Some(&entry.value))
                .collect();
            if held.len() > 1 {
                broken.push(format!("{} times at the office: {entry:?}", held.len()));
            }
        }
        broken.extend(site.problems());
        broken
    }
}

/// Pending edits whose record does not show them, and records that show what is not pending.
fn pending_apart(process: &Process) -> Vec<String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = process.medium().connect(Path::new(DATABASE), flags).expect("it is open");
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("the store reads");
    let mut broken = Vec::new();
    let alone =
        count("select count(*) from pending where record not in (select id from record where mixed is not null)");
    if alone > 0 {
        broken.push(format!("{alone} pending edits that no record shows"));
    }
    let shown = count("select count(*) from record where mixed is not null and id not in (select record from pending)");
    if shown > 0 {
        broken.push(format!("{shown} records show an edit that is not pending"));
    }
    let low = count(
        "select count(*) from pending join record on record.id = pending.record
         where pending.counter > record.counter
           and pending.replica = (select substr(value, -16) from meta where name = 'replica')",
    );
    if low > 0 {
        broken.push(format!("{low} counters that would be given again"));
    }
    broken
}

/// Attachments that wait for upload and whose file is not there, or not whole.
fn files_missing(device: &Device, disk: &Disk) -> Vec<String> {
    let waiting = device.pending().expect("the store reads").into_iter().filter(|edit| edit.kind == "attachment");
    let mut broken = Vec::new();
    for edit in waiting {
        let file = device.attachment_file(edit.record).expect("the attachment is there");
        match file.map(|file| (disk.len(&file.path.to_string_lossy()), file.size)) {
            Some((Some(length), size)) if length == size => {}
            other => broken.push(format!("the file of an attachment is not whole: {other:?}")),
        }
    }
    broken
}

fn holds(name: &str, tally: &Tally) {
    println!(
        "crash: {name}: {} images, {} different stores, {} checked page by page",
        tally.images, tally.states, tally.integrity
    );
    assert!(tally.broken.is_empty(), "{name}: {:#?}", tally.broken);
}

/// Edits of every sort: coalesced, several in one transaction, a photo.
pub(crate) fn edits(scene: &Scene) -> Played {
    let mut play = scene.play(3);
    let order = scene.orders[0];
    play.enter(|device| device.start_visit(order));
    for cause in ["seal worn through", "rod scored", "both"] {
        play.enter(|device| device.write_report(order, &report(cause)));
    }
    play.enter(|device| device.use_part(order, &seal_kit("SK-40")));
    for text in ["gate code 4711", "ask for Li Wei", "泵漏油"] {
        play.enter(|device| device.add_note(order, text));
    }
    play.enter(|device| device.add_attachment(order, "image/png", &[7; 20_000], Some("the rod")));
    play.enter(|device| device.finish_visit(order));
    play.end()
}

fn recovered<'a>(scene: &'a Scene, played: &'a Played) -> Recovered<'a> {
    Recovered { played, blobs: &scene.blobs, order: scene.orders[0], may_sync: true }
}

fn check(name: &str, scene: &Scene, played: &Played) -> Tally {
    let tally = enumerate(&recovered(scene, played), &played.images, &played.returned);
    holds(name, &tally);
    tally
}

#[test]
fn no_power_cut_loses_an_edit_whose_call_returned() {
    let scene = Scene::new();
    let played = edits(&scene);
    check("edits", &scene, &played);
}

#[test]
fn no_power_cut_loses_a_push_or_an_answer_to_it() {
    let scene = Scene::new();
    let order = scene.orders[1];
    let mut play = scene.play(3);
    play.enter(|device| device.write_report(order, &report("first")));
    play.enter(|device| device.add_note(order, "before the sync"));
    play.sync();
    play.enter(|device| device.write_report(order, &report("second")));
    play.enter(|device| device.add_attachment(order, "image/png", &[9; 30_000], None));
    play.sync();
    let played = play.end();
    check("push and answer", &scene, &played);
}

#[test]
fn no_power_cut_parts_a_page_from_its_cursor() {
    let scene = Scene::new();
    let mut play = scene.play(3);
    for number in 0..12 {
        scene.site.order(scene.technician, &format!("job {number}"));
    }
    play.sync();
    let gone = scene.site.office().new_id();
    scene.site.enter("work_order", gone, vec![("origin", fieldsync::fields! { "channel" => "phone" })]);
    let assignment = scene.site.assign(gone, scene.technician);
    play.sync();
    play.enter(|device| device.add_note(scene.orders[0], "meanwhile"));
    scene.site.enter("assignment", assignment, vec![("withdrawn", fieldsync::fields! { "withdrawn" => true })]);
    play.sync();
    let played = play.end();
    check("pages", &scene, &played);
}

#[test]
fn no_power_cut_spoils_a_new_replica_id() {
    let scene = Scene::new();
    let order = scene.orders[0];
    let backup = scene.disk.image();
    let device = scene.phone(3);
    device.write_report(order, &report("on the lost phone")).expect("the store writes");
    sync(&device, &scene.site).expect("the phone syncs");
    drop(device);
    scene.disk.restore(&backup);
    let mut play = scene.play(4);
    let before = play.device.status().expect("the store reads").replica;
    play.enter(|device| device.write_report(order, &report("on the restored phone")));
    play.enter(|device| device.add_note(order, "written after the restore"));
    play.sync();
    assert_ne!(play.device.status().expect("the store reads").replica, before, "it was taken for a copy");
    let played = play.end();
    check("new replica id", &scene, &played);
}

#[test]
fn no_power_cut_spoils_the_first_opening() {
    let scene = Scene::new();
    let disk = Disk::new();
    disk.record();
    let device = open_phone(&disk.process(), 5).expect("the store opens");
    let mut returned = vec![disk.recorded()];
    scene.site.enrol(&device, scene.technician);
    returned.push(disk.recorded());
    drop(device);
    let mut images: Vec<Image> = disk.take_record().into_iter().map(|point| point.image).collect();
    images.push(disk.image());
    let played = Played::default();
    let recovered = Recovered { played: &played, blobs: &scene.blobs, order: scene.orders[0], may_sync: false };
    holds("first opening", &enumerate(&recovered, &images, &returned));
}

#[test]
fn no_power_cut_spoils_a_migration_or_loses_what_waited_before_it() {
    let old = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../golden/stores/device-v2.sqlite"));
    let disk = Disk::new();
    let process = disk.process();
    process.make_dir(Path::new(PHONE)).expect("the disk works");
    process.write(Path::new(DATABASE), &old.expect("the old store is kept")).expect("the disk works");
    let reference = Disk::from_image(&disk.image());
    let waiting = open_phone(&reference.process(), 5).expect("the old store opens").pending().expect("the store reads");
    assert!(!waiting.is_empty(), "otherwise nothing could be lost");
    disk.record();
    let device = open_phone(&process, 5).expect("the old store opens");
    let returned = vec![disk.recorded()];
    drop(device);
    let mut images: Vec<Image> = disk.take_record().into_iter().map(|point| point.image).collect();
    images.push(disk.image());
    let entry = |edit: &PendingEdit| {
        let (record, group) = (edit.record, edit.group.clone());
        let fields = edit.fields.clone().into_iter();
        fields
            .map(move |(field, value)| Entry { at: 0, record, group: group.clone(), field, value })
            .collect::<Vec<_>>()
    };
    let entries = waiting.iter().flat_map(entry).collect();
    let played = Played { entries, ..Played::default() };
    let scene = Scene::new();
    let recovered = Recovered { played: &played, blobs: &scene.blobs, order: scene.orders[0], may_sync: false };
    holds("migration", &enumerate(&recovered, &images, &returned));
}

#[test]
fn no_power_cut_shows_half_a_photo() {
    let scene = Scene::new();
    let order = scene.orders[0];
    let colleague = Disk::new();
    let other = open_phone(&colleague.process(), 6).expect("the store opens");
    let bert = scene.site.technician("Bert Holm");
    scene.site.assign(order, bert);
    scene.site.enrol(&other, bert);
    sync(&other, &scene.site).expect("the phone syncs");
    let content: Vec<u8> = (0..700_000_u32).map(|number| (number % 251) as u8).collect();
    let photo = other.add_attachment(order, "image/png", &content, None).expect("the store writes");
    sync(&other, &scene.site).expect("the phone syncs");

    let mut play = scene.play(3);
    play.sync();
    let fetched = play.run(|device, site| {
        runtime().block_on(device.fetch_blob_over(site.wire(), photo, Cancel::new())).expect("the photo comes")
    });
    let name = fetched.path.to_string_lossy().into_owned();
    let played = play.end();
    for (at, image) in played.images.iter().enumerate() {
        for loss in fieldsync_disk::Loss::ALL {
            let found = image.crash(loss, at as u64).read(&name);
            assert!(found.is_none_or(|found| found == content), "call {at}, {loss:?}: a photo that is not whole");
        }
    }
    check("photo", &scene, &played);
}

#[test]
fn no_power_cut_spoils_the_cleaning_of_the_log() {
    let scene = Scene::new();
    let order = scene.orders[0];
    let device = scene.phone(3);
    let log = || scene.disk.len("/phone/fieldsync.db-wal").unwrap_or(0);
    let mut number = 0;
    while log() < 950 * 4_120 {
        number += 1;
        device.add_note(order, &format!("note {number} {}", "x".repeat(3_000))).expect("the store writes");
    }
    let mut play = Play::begin(device, &scene.disk, &scene.site, &[]);
    for _ in 0..8 {
        number += 1;
        play.enter(|device| device.add_note(order, &format!("note {number} {}", "x".repeat(3_000))));
    }
    let played = play.end();
    // A cleaning writes every page once: one moment in four is enough to hit each of its steps.
    let every = |at: &usize| at.is_multiple_of(4) || *at + 1 >= played.images.len();
    let kept: Vec<usize> = (0..played.images.len()).filter(every).collect();
    let images: Vec<Image> = kept.iter().map(|at| played.images[*at].clone()).collect();
    let thin = |at: usize| kept.iter().filter(|kept| **kept < at).count();
    let returned: Vec<usize> = played.returned.iter().map(|at| thin(*at)).collect();
    let entries = played.entries.iter().map(|entry| Entry { at: thin(entry.at), ..entry.clone() }).collect();
    let thinned = Played { entries, ..Played::default() };
    let recovered = Recovered { played: &thinned, blobs: &scene.blobs, order, may_sync: false };
    holds("cleaning of the log", &enumerate(&recovered, &images, &returned));
}
