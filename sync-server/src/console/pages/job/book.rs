//! A job opened for reading: its records, everybody's names, and its history, loaded once for all parts of the page.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use fieldsync_protocol::job::Job;
use fieldsync_protocol::status::{Status, status};
use fieldsync_protocol::{DeviceId, Dot, Fields, FieldsExt, PersonId, Record, RecordId, ReplicaId, show};

use super::people::People;
use crate::console::desk::Desk;
use crate::console::failure::Failure;
use crate::console::pages::bundles::way;
use crate::console::words::{Names, Speaker};
use crate::store::{JobRow, Placed, Txn};
use crate::sync::board::{Loaded, load};

/// A job with what its page needs.
pub(super) struct Book {
    pub(super) desk: Desk,
    pub(super) now_ms: i64,
    pub(super) loaded: Loaded,
    /// Its row on the board: counts of what needs a person.
    pub(super) row: JobRow,
    pub(super) status: Status,
    /// Customer, site, asset and contact.
    pub(super) referred: Vec<Record>,
    /// History of the order, what hangs below it, and what it refers to, in sequence order.
    pub(super) history: Vec<Placed>,
    names: Names,
    devices: BTreeMap<DeviceId, String>,
    /// The bundles that carried something of it here, in words.
    bundles: BTreeMap<ReplicaId, String>,
}

impl Book {
    /// Opens a job.
    pub(super) fn open(desk: &Desk, txn: &mut dyn Txn, order: RecordId) -> Result<Self, Failure> {
        let loaded = load(txn, order)?.ok_or(Failure::NotFound)?;
        let row = txn.job(order)?.ok_or(Failure::NotFound)?;
        let parties = loaded.job.group("parties").cloned().unwrap_or_default();
        let mut referred = Vec::new();
        for id in ["customer", "site", "asset", "contact"].into_iter().filter_map(|field| parties.id(field)) {
            referred.extend(txn.record(id)?.map(|stored| stored.record));
        }
        let mut history = Vec::new();
        for id in std::iter::once(order).chain(loaded.below.iter().map(|record| record.id)) {
            history.extend(txn.history_of(id)?);
        }
        let mut book = Self {
            desk: desk.clone(),
            now_ms: desk.now_ms(),
            status: status(&loaded.job),
            names: loaded.names.clone(),
            devices: BTreeMap::new(),
            bundles: BTreeMap::new(),
            loaded,
            row,
            referred,
            history,
        };
        for record in book.referred.clone().iter().filter(|record| !show::conflicts(record).is_empty()) {
            book.history.extend(txn.history_of(record.id)?);
        }
        book.history.sort_by_key(|placed| placed.sequence);
        book.learn_names(txn)?;
        Ok(book)
    }

    /// The job.
    pub(super) fn job(&self) -> &Job {
        &self.loaded.job
    }

    /// The order's id.
    pub(super) fn order(&self) -> RecordId {
        self.loaded.job.order.id
    }

    /// An address below the job's page.
    pub(super) fn href(&self, rest: &str) -> String {
        format!("/jobs/{}{rest}", self.order())
    }

    /// Whether work may still change.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.status, Status::Approved | Status::Cancelled)
    }

    /// All records whose conflicts are this job's: the order, what hangs below, what it refers to.
    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        std::iter::once(&self.loaded.job.order).chain(&self.loaded.below).chain(&self.referred)
    }

    /// One of these records.
    pub(super) fn record(&self, id: RecordId) -> Option<&Record> {
        self.records().find(|record| record.id == id)
    }

    /// A person's name.
    pub(super) fn person(&self, person: PersonId) -> String {
        self.names.get(&RecordId(person.0)).cloned().unwrap_or_else(|| "Somebody not known here".to_owned())
    }

    /// A record's name.
    pub(super) fn name(&self, id: RecordId) -> String {
        self.person(PersonId(id.0))
    }

    /// A device's name; empty for the office.
    pub(super) fn device(&self, device: Option<DeviceId>) -> String {
        device.and_then(|device| self.devices.get(&device).cloned()).unwrap_or_default()
    }

    /// How a bundle carried something here; nothing for what came otherwise.
    pub(super) fn carried_by(&self, replica: ReplicaId) -> Option<&str> {
        self.bundles.get(&replica).map(String::as_str)
    }

    /// Turns values into text.
    pub(super) fn speaker(&self) -> Speaker<'_> {
        Speaker { zone: self.desk.zone, names: &self.names }
    }

    /// What an edit of a record said.
    pub(super) fn said(&self, record: RecordId, dot: Dot) -> Option<&Placed> {
        self.history.iter().find(|placed| placed.entry.record == record && placed.entry.edit.dot == dot)
    }

    /// The fields shown for a group of the order; empty when nobody wrote it.
    pub(super) fn text(&self, group: &str, field: &str) -> String {
        self.job().group(group).and_then(|fields: &Fields| fields.text(field)).unwrap_or_default().to_owned()
    }

    /// When a person's device was last heard.
    pub(super) fn contact_ms(txn: &mut dyn Txn, technician: RecordId) -> Result<Option<i64>, Failure> {
        let devices = txn.devices()?;
        Ok(devices.iter().filter(|device| device.person.0 == technician.0).filter_map(|device| device.contact_ms).max())
    }

    fn learn_names(&mut self, txn: &mut dyn Txn) -> Result<(), Failure> {
        let mut people = People::default();
        let by_devices = self.history.iter().filter(|placed| placed.entry.edit.stamp.device.is_some());
        let replicas: BTreeSet<ReplicaId> = by_devices.map(|placed| placed.entry.edit.dot.replica).collect();
        for replica in replicas {
            if let Some(bundle) = txn.bundle(replica)? {
                let way = way(txn, &mut people, &bundle)?;
                self.bundles.insert(replica, format!("carried by bundle {}, {way}", bundle.number));
            }
        }
        let mut persons = Vec::new();
        for placed in &self.history {
            persons.push(placed.entry.edit.stamp.person);
            persons.extend(placed.entry.edit.fields.values().filter_map(|value| value.as_uuid()).map(PersonId));
            if let Some(device) = placed.entry.edit.stamp.device {
                self.devices.insert(device, people.device(txn, device)?);
            }
        }
        for record in self.records() {
            let siblings = record.groups.values().flat_map(|siblings| siblings.values());
            persons.extend(siblings.map(|sibling| sibling.stamp.person));
        }
        for person in persons {
            let id = RecordId(person.0);
            if let Entry::Vacant(vacant) = self.names.entry(id) {
                vacant.insert(people.name(txn, person)?);
            }
        }
        Ok(())
    }
}
