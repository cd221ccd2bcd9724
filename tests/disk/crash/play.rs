//! Plays something on a phone while its disk is recorded, and writes down, outside every store, what was acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use fieldsync::{Device, DrawerState, Error, RecordId, Request, Response, Value};
use fieldsync_disk::{Disk, Image, Point};
use fieldsync_protocol::exchange::ExchangeAnswer;
use fieldsync_protocol::request::EXCHANGE_PATH;
use fieldsync_protocol::version::Dot;
use fieldsync_protocol::{Version, wire};

use crate::world::{Site, sync_with};

/// Something a technician entered, and the call returned.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Pictures taken when the call returned: a power cut from then on must not lose it.
    pub(crate) at: usize,
    pub(crate) record: RecordId,
    pub(crate) group: String,
    /// A field of it, and what it says: no two entries of one field say the same.
    pub(crate) field: String,
    pub(crate) value: Value,
}

/// A page the phone applied.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    /// Where the pull stood afterwards, as the office sealed it.
    pub(crate) cursor: Vec<u8>,
    /// What was delivered, in which version.
    pub(crate) delivered: BTreeMap<RecordId, Version>,
    /// What left.
    pub(crate) left: BTreeSet<RecordId>,
}

/// What was played.
#[derive(Default)]
pub(crate) struct Played {
    /// The phone's disk before every call that could change it, and once more at the end.
    pub(crate) images: Vec<Image>,
    /// How many pictures there were whenever a call of the engine had returned.
    pub(crate) returned: Vec<usize>,
    pub(crate) entries: Vec<Entry>,
    /// Names given to entries that were acknowledged, and when.
    pub(crate) dots: Vec<(usize, RecordId, Dot)>,
    pub(crate) pages: Vec<Page>,
    /// The office's disk whenever it had answered.
    pub(crate) offices: Vec<(usize, Image)>,
}

/// A phone that is watched.
pub(crate) struct Play<'a> {
    pub(crate) device: Device,
    disk: Disk,
    site: &'a Site,
    played: Played,
}

impl<'a> Play<'a> {
    /// Begins to watch a phone whose entries so far are `before`.
    pub(crate) fn begin(device: Device, disk: &Disk, site: &'a Site, before: &[Entry]) -> Self {
        let mut played = Played { entries: before.to_vec(), ..Played::default() };
        played.entries.iter_mut().for_each(|entry| entry.at = 0);
        played.offices.push((0, site.disk.image()));
        disk.record();
        Self { device, disk: disk.clone(), site, played }
    }

    fn done(&mut self) -> usize {
        let at = self.disk.recorded();
        self.played.returned.push(at);
        at
    }

    /// Enters something; every pending edit that it made is written down. What it made is found by comparing.
    pub(crate) fn enter<T>(&mut self, work: impl FnOnce(&Device) -> Result<T, Error>) -> T {
        let value = work(&self.device).expect("the disk works");
        let at = self.done();
        for edit in self.device.pending().expect("the disk works") {
            if self.played.dots.iter().any(|(_, record, dot)| (*record, *dot) == (edit.record, edit.dot)) {
                continue;
            }
            self.played.dots.push((at, edit.record, edit.dot));
            for (field, value) in &edit.fields {
                self.played.entries.push(Entry {
                    at,
                    record: edit.record,
                    group: edit.group.clone(),
                    field: field.clone(),
                    value: value.clone(),
                });
            }
        }
        value
    }

    /// Syncs; every answer that was taken is written down.
    pub(crate) fn sync(&mut self) {
        let (site, device, disk) = (self.site, self.device.clone(), self.disk.clone());
        let played = &mut self.played;
        sync_with(&device, site, |request, response| {
            let at = disk.recorded();
            played.returned.push(at);
            played.offices.push((at, site.disk.image()));
            played.pages.extend(page(request, response));
        })
        .expect("the disk works");
        self.done();
    }

    /// Something else that the engine does.
    pub(crate) fn run<T>(&mut self, work: impl FnOnce(&Device, &Site) -> T) -> T {
        let value = work(&self.device, self.site);
        let at = self.done();
        self.played.offices.push((at, self.site.disk.image()));
        value
    }

    /// Closes the phone, and returns what was played.
    pub(crate) fn end(mut self) -> Played {
        self.device.close();
        self.done();
        self.played.images = self.disk.take_record().into_iter().map(|Point { image, .. }| image).collect();
        self.played.images.push(self.disk.image());
        self.played
    }
}

fn page(request: &Request, response: &Response) -> Option<Page> {
    if request.path != EXCHANGE_PATH || !response.is_success() {
        return None;
    }
    let answer: ExchangeAnswer = wire::unpack(&response.body).expect("the office is sound");
    let cursor = answer.cursor?.0;
    let delivered = answer.delivered.into_iter().map(|delivery| (delivery.record.id, delivery.record.version));
    Some(Page { cursor, delivered: delivered.collect(), left: answer.left.into_iter().collect() })
}

/// Entries that are neither pending, nor in what the office said, nor in the drawer, nor overwritten by a later entry of
/// the same field.
pub(crate) fn missing(device: &Device, entries: &[Entry], until: usize) -> Vec<Entry> {
    let drawer = device.drawer().expect("the store reads");
    let mut lost = Vec::new();
    for (place, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.at <= until) {
        let same =
            |other: &&Entry| (other.record, &other.group, &other.field) == (entry.record, &entry.group, &entry.field);
        // What was entered later may be in, whether its call had returned or not; then it stands in the earlier one's place.
        let allowed: Vec<&Value> = entries[place..].iter().filter(same).map(|other| &other.value).collect();
        let holds = |fields: &fieldsync::Fields| fields.get(&entry.field).is_some_and(|value| allowed.contains(&value));
        let is_shown = device
            .record(entry.record)
            .is_ok_and(|shown| shown.record.siblings(&entry.group).any(|(_, sibling)| holds(&sibling.fields)));
        let is_kept = drawer.iter().any(|kept| {
            kept.record == entry.record
                && kept.edit.group == entry.group
                && holds(&kept.edit.fields)
                && kept.state != DrawerState::Superseded
        });
        if !is_shown && !is_kept {
            lost.push(entry.clone());
        }
    }
    lost
}
