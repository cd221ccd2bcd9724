//! An office that loses its power at every call of its disk, while phones and a dispatcher work.

use fieldsync::{Device, RecordId, Value, fields};
use fieldsync_disk::{Disk, Image, Loss, Process};
use fieldsync_server::blobs::Blobs;

use crate::enumerate::{Examine, Tally, enumerate};
use crate::phone::{report, seal_kit};
use crate::world::{Site, blobs, open_phone, plant, sync, sync_with};

/// Something the office said it has, and when it had said so.
#[derive(Debug, Clone)]
struct Said {
    at: usize,
    record: RecordId,
    group: String,
    field: String,
    value: Value,
}

/// What was played at an office.
#[derive(Default)]
struct Played {
    images: Vec<Image>,
    returned: Vec<usize>,
    said: Vec<Said>,
    /// The disks of the phones whenever one had taken an answer.
    phones: Vec<(usize, Vec<Image>)>,
}

/// Two phones at an office whose disk is recorded.
struct Day {
    site: Site,
    blobs: Blobs,
    disks: Vec<Disk>,
    phones: Vec<Device>,
    order: RecordId,
    played: Played,
}

impl Day {
    fn begin() -> Self {
        plant();
        let blobs = blobs();
        let site = Site::open(&Disk::new(), &blobs, 1).expect("the office opens");
        let technicians = vec![site.technician("Anna Berg"), site.technician("Bert Holm")];
        let order = site.order(technicians[0], "bucket drops");
        site.assign(order, technicians[1]);
        let disks = vec![Disk::new(), Disk::new()];
        let open = |(disk, seed): (&Disk, u64)| open_phone(&disk.process(), seed).expect("the store opens");
        let phones: Vec<Device> = disks.iter().zip([2, 3]).map(open).collect();
        for (phone, technician) in phones.iter().zip(&technicians) {
            site.enrol(phone, *technician);
            sync(phone, &site).expect("the phone syncs");
        }
        let mut day = Self { site, blobs, disks, phones, order, played: Played::default() };
        day.site.disk.record();
        day.note_phones();
        day
    }

    fn note_phones(&mut self) {
        let at = self.site.disk.recorded();
        self.played.returned.push(at);
        self.played.phones.push((at, self.disks.iter().map(Disk::image).collect()));
    }

    /// A phone syncs; what it no longer holds, the office said it has.
    fn sync(&mut self, phone: usize) {
        let (device, site) = (self.phones[phone].clone(), &self.site);
        let (disks, played) = (&self.disks, &mut self.played);
        let mut waiting = device.pending().expect("the store reads");
        sync_with(&device, site, |_, _| {
            let at = site.disk.recorded();
            played.returned.push(at);
            played.phones.push((at, disks.iter().map(Disk::image).collect()));
            let left = device.pending().expect("the store reads");
            for edit in waiting.iter().filter(|edit| !left.contains(edit)) {
                for (field, value) in edit.fields.clone() {
                    played.said.push(Said { at, record: edit.record, group: edit.group.clone(), field, value });
                }
            }
            waiting = left;
        })
        .expect("the phone syncs");
    }

    /// A dispatcher enters something; when it returns, the office said it has it.
    fn dispatch(&mut self, kind: &'static str, record: RecordId, group: &'static str, field: &'static str, text: &str) {
        self.site.enter(kind, record, vec![(group, fields! { field => text })]);
        let at = self.site.disk.recorded();
        self.played.returned.push(at);
        let (group, field) = (group.to_owned(), field.to_owned());
        self.played.said.push(Said { at, record, group, field, value: text.into() });
    }

    fn end(self) -> (Played, Blobs) {
        let Self { site, blobs, mut played, .. } = self;
        let disk = site.disk.clone();
        drop(site);
        played.returned.push(disk.recorded());
        played.images = disk.take_record().into_iter().map(|point| point.image).collect();
        played.images.push(disk.image());
        (played, blobs)
    }
}

struct Recovered<'a> {
    played: &'a Played,
    blobs: &'a Blobs,
}

impl Examine for Recovered<'_> {
    const FILE: &'static str = "/office/office.sqlite";
    type Open = Site;

    fn open(&self, disk: &Disk, process: &Process) -> Result<Site, String> {
        Site::open_for(disk, process, self.blobs, 1_000).map_err(|error| format!("cannot be opened: {error:?}"))
    }

    fn examine(&self, site: Site, at: usize) -> Vec<String> {
        let mut broken = site.problems();
        broken.extend(self.lost(&site, at));
        let Some((_, images)) = self.played.phones.iter().rev().find(|(when, _)| *when <= at) else { return broken };
        let open = |(image, seed): (&Image, u64)| {
            open_phone(&Disk::from_image(&image.crash(Loss::Nothing, 0)).process(), seed).expect("the store opens")
        };
        let phones: Vec<Device> = images.iter().zip([500, 501]).map(open).collect();
        for _ in 0..3 {
            phones.iter().for_each(|phone| sync(phone, &site).expect("the phone syncs"));
        }
        for phone in &phones {
            let status = phone.status().expect("the store reads");
            if !status.is_drained() || status.agrees != Some(true) {
                broken.push(format!("a phone still waits or differs: {status:?}"));
            }
        }
        broken.extend(self.lost(&site, at));
        broken.extend(site.problems());
        broken
    }
}

impl Recovered<'_> {
    fn lost(&self, site: &Site, at: usize) -> Vec<String> {
        let said = &self.played.said;
        let mut broken = Vec::new();
        for (place, one) in said.iter().enumerate().filter(|(_, one)| one.at <= at) {
            let same =
                |other: &&Said| (other.record, &other.group, &other.field) == (one.record, &one.group, &one.field);
            let allowed: Vec<&Value> = said[place..].iter().filter(same).map(|other| &other.value).collect();
            let stored = site.office().read(|txn| txn.record(one.record)).expect("the office reads");
            let found = stored.iter().flat_map(|stored| stored.record.siblings(&one.group));
            let found =
                found.filter(|(_, sibling)| sibling.fields.get(&one.field).is_some_and(|v| allowed.contains(&v)));
            if found.count() == 0 {
                broken.push(format!("said to have, and lost: {one:?}"));
            }
        }
        broken
    }
}

fn holds(name: &str, tally: &Tally) {
    println!(
        "crash: {name}: {} images, {} different stores, {} checked page by page",
        tally.images, tally.states, tally.integrity
    );
    assert!(tally.broken.is_empty(), "{name}: {:#?}", tally.broken);
}

#[test]
fn no_power_cut_takes_back_what_the_office_answered() {
    let mut day = Day::begin();
    let order = day.order;
    for round in 0..2 {
        let texts = [format!("seal worn through {round}"), format!("rod scored {round}")];
        for (phone, text) in day.phones.iter().zip(&texts) {
            phone.write_report(order, &report(text)).expect("the store writes");
            phone.use_part(order, &seal_kit(text)).expect("the store writes");
            phone.add_note(order, text).expect("the store writes");
        }
        day.sync(0);
        day.dispatch("work_order", order, "problem", "text", &format!("bucket drops, seen {round} times"));
        day.sync(1);
        day.sync(0);
    }
    let (played, blobs) = day.end();
    holds("office", &enumerate(&Recovered { played: &played, blobs: &blobs }, &played.images, &played.returned));
}

#[test]
fn no_power_cut_spoils_the_first_start_of_an_office_or_a_start_like_any_other() {
    let blobs = blobs();
    let disk = Disk::new();
    disk.record();
    let mut returned = Vec::new();
    let mut technician = None;
    for seed in [1, 2] {
        let site = Site::open(&disk, &blobs, seed).expect("the office opens");
        returned.push(disk.recorded());
        if seed == 1 {
            technician = Some(site.technician("Anna Berg"));
            returned.push(disk.recorded());
        }
    }
    let mut images: Vec<Image> = disk.take_record().into_iter().map(|point| point.image).collect();
    images.push(disk.image());
    let mut roots = std::collections::BTreeSet::new();
    for (at, image) in images.iter().enumerate() {
        for loss in Loss::ALL {
            let found = Disk::from_image(&image.crash(loss, at as u64));
            let site = Site::open(&found, &blobs, 1_000 + at as u64);
            let site = site.unwrap_or_else(|error| panic!("call {at}, {loss:?}: {error:?}"));
            if at >= returned[0] {
                roots.insert(site.office().keys.public_root());
                let epoch = site.office().read(|txn| txn.tenant()).expect("the office reads").epoch;
                assert_eq!(epoch, 1, "call {at}, {loss:?}: taken for an older copy");
            }
            if at >= returned[1] {
                let technician = technician.expect("one was added");
                let found = site.office().read(|txn| txn.record(technician)).expect("the office reads");
                assert!(found.is_some(), "call {at}, {loss:?}");
            }
            assert!(site.problems().is_empty());
        }
    }
    assert_eq!(roots.len(), 1, "an office that was opened keeps its keys");
    println!("crash: starts of an office: {} images", images.len() * Loss::ALL.len());
}
