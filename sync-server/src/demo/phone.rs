//! One technician with a phone: a real device store in a folder of its own, behind a network of its own, and a ledger of
//! everything entered, kept outside the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use fieldsync::entropy::SeededEntropy;
use fieldsync::work::{Activity, PartEntry, ReportEntry, TimeEntry};
use fieldsync::{Config, Device, Fields, Hash, Receipt, RecordId};
use fieldsync_protocol::document::{Point, Strokes};
use fieldsync_protocol::encode;
use fieldsync_protocol::job::ParameterChange;
use tokio::runtime::Handle;

use super::cast::{CATALOGUE, CONSENT, PARAMETERS, REPORTS, SIGNERS};
use super::clock::DayClock;
use super::drive;
use super::handwriting;
use super::network::Network;
use super::picture::{self, Subject};

/// What somebody entered: record, group, and the hash of what they said.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entered {
    pub(super) record: RecordId,
    pub(super) group: String,
    pub(super) meaning: Hash,
}

impl Entered {
    pub(super) fn of(record: RecordId, group: &str, fields: &Fields) -> Self {
        let meaning = Hash::blake3(&encode::cbor(&(group, fields)));
        Self { record, group: group.to_owned(), meaning }
    }
}

/// A technician's phone.
pub(super) struct Phone {
    pub(super) name: String,
    pub(super) technician: RecordId,
    pub(super) folder: PathBuf,
    pub(super) network: Network,
    /// Everything entered, in order; the same said again later counts again.
    pub(super) ledger: Vec<Entered>,
    seen: BTreeSet<(RecordId, String, u64)>,
    /// One receipt per sync.
    pub(super) receipts: Vec<Receipt>,
    /// Jobs of today, in the order of the day.
    pub(super) jobs: Vec<RecordId>,
    /// Assignments by job.
    pub(super) assignments: BTreeMap<RecordId, RecordId>,
    /// The phone's own clock.
    pub(super) clock: Arc<DayClock>,
    runtime: Handle,
    seed: u64,
    openings: u64,
    device: Option<Device>,
}

impl Phone {
    pub(super) fn new(
        name: &str,
        technician: RecordId,
        folder: PathBuf,
        network: Network,
        clock: Arc<DayClock>,
        runtime: Handle,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let mut phone = Self {
            name: name.to_owned(),
            technician,
            folder,
            network,
            ledger: Vec::new(),
            seen: BTreeSet::new(),
            receipts: Vec::new(),
            jobs: Vec::new(),
            assignments: BTreeMap::new(),
            clock,
            runtime,
            seed,
            openings: 0,
            device: None,
        };
        phone.reopen()?;
        Ok(phone)
    }

    /// Opens the store again, as after a start of the app. Each opening has randomness of its own.
    pub(super) fn reopen(&mut self) -> anyhow::Result<()> {
        self.shut();
        self.openings += 1;
        let mut config = Config::new(&self.folder);
        config.clock = self.clock.clone();
        config.entropy = Arc::new(SeededEntropy::new(self.seed ^ (self.openings << 48)));
        config.runtime = Some(self.runtime.clone());
        self.device = Some(Device::open(config).with_context(|| format!("open the phone of {}", self.name))?);
        Ok(())
    }

    /// Closes the store.
    pub(super) fn shut(&mut self) {
        if let Some(device) = self.device.take() {
            device.close();
        }
    }

    pub(super) fn device(&self) -> &Device {
        self.device.as_ref().expect("a phone is used between opening and shutting")
    }

    /// Enrols at the office, over a network that works.
    pub(super) fn enrol(&mut self, office_url: &str, code: &str) -> anyhow::Result<()> {
        let name = format!("{}'s phone", self.name);
        self.runtime.block_on(self.device().enrol(office_url, code, &name))?;
        Ok(())
    }

    /// One sync; its receipt is kept.
    pub(super) fn sync(&mut self) -> anyhow::Result<Receipt> {
        let receipt = drive::sync(self.device(), &self.network, &self.runtime)
            .with_context(|| format!("sync the phone of {}", self.name))?;
        self.receipts.push(receipt.clone());
        Ok(receipt)
    }

    /// Writes what was just entered into the ledger.
    pub(super) fn note(&mut self) -> anyhow::Result<()> {
        for edit in self.device().pending()? {
            if self.seen.insert((edit.record, edit.group.clone(), edit.dot.counter)) {
                self.ledger.push(Entered::of(edit.record, &edit.group, &edit.fields));
            }
        }
        Ok(())
    }

    /// Does something on the phone, and keeps the ledger.
    pub(super) fn does<T>(&mut self, action: impl FnOnce(&Device) -> Result<T, fieldsync::Error>) -> anyhow::Result<T> {
        let result = action(self.device()).with_context(|| format!("let {} work", self.name))?;
        self.note()?;
        Ok(result)
    }

    /// Travels to a job and starts to work.
    pub(super) fn arrive(&mut self, order: RecordId) -> anyhow::Result<()> {
        let from_ms = self.device().now_ms();
        self.does(|device| device.set_out(order))?;
        self.clock.pass(11);
        self.does(|device| device.start_visit(order))?;
        let to_ms = self.device().now_ms();
        let travel = TimeEntry { activity: Activity::Travel, from_ms, to_ms, is_timed: true };
        self.does(|device| device.add_time(order, travel))?;
        Ok(())
    }

    /// Writes what was found and done; `variant` chooses the words.
    pub(super) fn report(&mut self, order: RecordId, variant: usize, outcome: &str) -> anyhow::Result<()> {
        let (fault_location, cause, attribution, method, hazards) = REPORTS[variant % REPORTS.len()];
        self.does(|device| {
            device.write_report(
                order,
                &ReportEntry {
                    fault_location: Some(fault_location.into()),
                    cause: Some(cause.into()),
                    attribution: Some(attribution.into()),
                    ..ReportEntry::default()
                },
            )
        })?;
        self.clock.pass(13);
        let (name, old, new) = PARAMETERS[variant % PARAMETERS.len()];
        let changed = ParameterChange { name: name.into(), old: old.into(), new: new.into() };
        self.does(|device| {
            device.write_report(
                order,
                &ReportEntry {
                    method: Some(method.into()),
                    parameters: Some(vec![changed]),
                    hazards: Some(hazards.into()),
                    outcome: Some(outcome.into()),
                    ..ReportEntry::default()
                },
            )
        })?;
        Ok(())
    }

    /// Uses parts of the catalogue and records the time worked.
    pub(super) fn use_parts(&mut self, order: RecordId, variant: usize, count: usize) -> anyhow::Result<()> {
        let from_ms = self.device().now_ms();
        for place in 0..count {
            let (number, ..) = CATALOGUE[(variant + place * 5) % CATALOGUE.len()];
            let found = self.device().catalogue(number, 1)?;
            let part = found.first().with_context(|| format!("find part {number} on the phone of {}", self.name))?;
            let entry =
                PartEntry { charge: Some("a_paid".into()), ..PartEntry::of(part, 1_000 + 500 * (place as i64)) };
            self.does(|device| device.use_part(order, &entry))?;
        }
        self.clock.pass(17);
        let to_ms = self.device().now_ms();
        let work = TimeEntry { activity: Activity::Work, from_ms, to_ms, is_timed: true };
        self.does(|device| device.add_time(order, work))?;
        Ok(())
    }

    /// Takes a photo.
    pub(super) fn photograph(&mut self, order: RecordId, variant: usize, caption: &str) -> anyhow::Result<()> {
        let subject = if variant.is_multiple_of(2) { Subject::Gauge } else { Subject::Machine };
        let picture = picture::photo(self.seed.wrapping_add(variant as u64), subject, caption);
        self.does(|device| device.add_attachment(order, "image/png", &picture, Some(caption)))?;
        Ok(())
    }

    /// Finishes the visit and has the customer sign.
    pub(super) fn finish_signed(&mut self, order: RecordId, variant: usize) -> anyhow::Result<()> {
        self.does(|device| device.finish_visit(order))?;
        self.clock.pass(3);
        let document = self.does(|device| device.freeze_document(order, "work_done", "en", CONSENT))?;
        let (signer, role) = SIGNERS[variant % SIGNERS.len()];
        let strokes = strokes(self.seed.wrapping_add(variant as u64), signer);
        self.does(|device| device.sign(document.id, &strokes, signer, role))?;
        Ok(())
    }

    /// Finishes the visit; the customer does not want to sign.
    pub(super) fn finish_refused(&mut self, order: RecordId, variant: usize, reason: &str) -> anyhow::Result<()> {
        self.does(|device| device.finish_visit(order))?;
        let document = self.does(|device| device.freeze_document(order, "work_done", "en", CONSENT))?;
        let (signer, role) = SIGNERS[variant % SIGNERS.len()];
        self.does(|device| device.refuse_signature(document.id, signer, role, reason))?;
        Ok(())
    }
}

fn strokes(seed: u64, name: &str) -> Strokes {
    let point = |[x, y, t_ms, pressure]: [i64; 4]| Point(x as i32, y as i32, t_ms as i32, pressure as i32);
    handwriting::signature(seed, name).into_iter().map(|stroke| stroke.into_iter().map(point).collect()).collect()
}
