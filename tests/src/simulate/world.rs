//! The world of one run: an office, phones, true time, and the steps that a script takes in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::Context as _;
use fieldsync::edit::Context;
use fieldsync::{Clock, Device, Draft, Error, Fields, FieldsExt, Landing, RecordId, Request, fields};
use fieldsync_protocol::{Version, show};
use fieldsync_server::people::{OPERATOR, add_technician};
use fieldsync_server::sync::edit::{Draft as OfficeDraft, commit};
use fieldsync_server::{backup, enrol};
use tokio::runtime::Runtime;

use super::access::visible;
use super::marks::Marks;
use super::oracle::{Entry, Oracle};
use super::phone::{DriftingClock, Phone, START_MS, Time, config};
use super::script::{Script, Step, Verb};
use super::site::{Site, copy_files};
use super::state::{DeviceState, NUMBER, OfficeState, numbers};
use super::trace::Trace;

/// Technician and order of an assignment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Assignment {
    pub(crate) id: RecordId,
    pub(crate) order: usize,
    pub(crate) technician: usize,
    pub(crate) is_withdrawn: bool,
}

/// A backup of the server and what else belonged to it.
struct Image {
    database: PathBuf,
    backup: PathBuf,
    anchor: Option<Vec<u8>>,
}

/// The world.
pub(crate) struct World<'s> {
    pub(crate) script: &'s Script,
    folder: PathBuf,
    pub(crate) runtime: Runtime,
    pub(crate) time: Time,
    office_clock: Arc<DriftingClock>,
    pub(crate) site: Site,
    pub(crate) phones: Vec<Phone>,
    pub(crate) technicians: Vec<RecordId>,
    pub(crate) orders: Vec<RecordId>,
    /// Orders opened on site, by place in `orders`.
    pub(crate) opened_orders: Vec<usize>,
    pub(crate) customers: Vec<RecordId>,
    pub(crate) parts: Vec<RecordId>,
    pub(crate) assignments: Vec<Assignment>,
    /// Reports: the record, the order's place, the technician's.
    pub(crate) reports: Vec<(RecordId, usize, usize)>,
    /// What can be voided: kind, record, the order's place, the technician's.
    pub(crate) facts: Vec<(&'static str, RecordId, usize, usize)>,
    /// Who opened what on site.
    pub(crate) opened: BTreeMap<RecordId, RecordId>,
    /// Pages that stand open in the office: record, group, what they show.
    pub(crate) office_pages: BTreeMap<(RecordId, &'static str), (Version, BTreeSet<u64>)>,
    image: Option<Image>,
    images: u32,
    openings: u64,
    next_number: u64,
    /// Requests that may arrive later.
    pub(crate) late: Vec<(usize, Request)>,
    pub(crate) oracle: Oracle,
    pub(crate) marks: Marks,
    pub(crate) trace: Trace,
    pub(crate) faults: BTreeMap<&'static str, u64>,
    pub(crate) exchanges: u64,
    /// Whether bits were turned or stores exchanged, so that fingerprints may differ.
    pub(crate) is_damaged: bool,
}

/// The part of a minute's worth of milliseconds.
const MINUTE_MS: i64 = 60_000;

impl<'s> World<'s> {
    pub(crate) fn new(script: &'s Script, folder: PathBuf, with_lines: bool) -> anyhow::Result<Self> {
        let time: Time = Arc::new(AtomicI64::new(START_MS));
        let office_clock = Arc::new(DriftingClock::new(&time, 0, 0));
        let page = script.knobs.get("page").map(|page| *page as usize);
        let clock = Arc::clone(&office_clock) as Arc<dyn Clock>;
        let mut world = Self {
            script,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            site: Site::new(folder.join("office"), clock, script.seed, page)?,
            folder,
            time,
            office_clock,
            phones: Vec::new(),
            technicians: Vec::new(),
            orders: Vec::new(),
            opened_orders: Vec::new(),
            customers: Vec::new(),
            parts: Vec::new(),
            assignments: Vec::new(),
            reports: Vec::new(),
            facts: Vec::new(),
            opened: BTreeMap::new(),
            office_pages: BTreeMap::new(),
            image: None,
            images: 0,
            openings: 0,
            next_number: 1,
            late: Vec::new(),
            oracle: Oracle::default(),
            marks: Marks::default(),
            trace: Trace::new(with_lines),
            faults: BTreeMap::new(),
            exchanges: 0,
            is_damaged: false,
        };
        world.populate()?;
        Ok(world)
    }

    /// The opening scene: technicians, customers, orders, phones that have everything.
    fn populate(&mut self) -> anyhow::Result<()> {
        for place in 0..self.script.knob("technicians", 3) {
            let technician = add_technician(self.site.office()?, &format!("Technician {place}"), "", "")?;
            self.technicians.push(technician);
        }
        for _ in 0..3 {
            let place = self.customers.len();
            let id = self.site.office()?.new_id();
            self.customers.push(id);
            let name = format!("Customer canary-c{place};");
            self.office_enter("customer", id, vec![("identity", fields! { "name" => name })], None)?;
        }
        for place in 0..2 {
            let id = self.site.office()?.new_id();
            self.parts.push(id);
            let part = fields! { "number" => format!("P-{place}"), "name" => "seal ring", "unit" => "pc" };
            self.office_enter("part", id, vec![("catalogue", part)], None)?;
        }
        for place in 0..self.script.knob("orders", 3) as usize {
            self.office_order(place, place)?;
            self.office_assign(place as u64, place as u64 + 1)?;
        }
        for place in 0..self.script.knob("devices", 5) as usize {
            let technician = place % self.technicians.len();
            let drift = [0, 40, -70, 300][place % 4];
            let clock = Arc::new(DriftingClock::new(&self.time, 37_000 * place as i64, drift));
            let folder = self.folder.join(format!("phone-{place}"));
            let device = self.open(folder.clone(), &clock)?;
            let name = format!("phone {place}");
            self.add_phone(name, technician, folder, device, clock);
            self.enrol(place)?;
        }
        for phone in 0..self.phones.len() {
            self.sync(phone, &[])?;
        }
        Ok(())
    }

    fn add_phone(
        &mut self,
        name: String,
        technician: usize,
        folder: PathBuf,
        device: Device,
        clock: Arc<DriftingClock>,
    ) {
        self.phones.push(Phone {
            name,
            technician,
            folder,
            image: None,
            device,
            clock,
            screens: Vec::new(),
            is_revoked: false,
            restamps: 0,
            sent: Default::default(),
        });
    }

    fn open(&mut self, folder: PathBuf, clock: &Arc<DriftingClock>) -> Result<Device, Error> {
        self.openings += 1;
        let seed = self.script.seed.rotate_left(17) ^ (self.openings << 40);
        let portion = self.script.knobs.get("portion").map(|portion| *portion as usize);
        Device::open(config(folder, clock, seed, portion))
    }

    /// Enrols a phone over the real route.
    fn enrol(&mut self, phone: usize) -> anyhow::Result<()> {
        let technician = self.technicians[self.phones[phone].technician];
        let code = enrol::new_code(self.site.office()?, technician)?;
        let device = self.phones[phone].device.clone();
        let request = device.enrol_request(&code, &self.phones[phone].name)?;
        let response = self.site.send(&self.runtime, &request)?;
        device.enrol_answer("http://localhost", &response)?;
        Ok(())
    }

    /// The app's process ends between two transactions and starts again. Open screens are gone.
    pub(crate) fn reopen(&mut self, phone: usize) -> anyhow::Result<()> {
        self.phones[phone].device.close();
        self.phones[phone].screens.clear();
        let (folder, clock) = (self.phones[phone].folder.clone(), Arc::clone(&self.phones[phone].clock));
        self.phones[phone].device = self.open(folder, &clock)?;
        Ok(())
    }

    /// Does one step.
    pub(crate) fn step(&mut self, step: &Step) -> anyhow::Result<()> {
        self.trace.note(|| step.to_string());
        self.time.fetch_add(20_000, Ordering::Relaxed);
        let phone = step.number(0) as usize % self.phones.len();
        let (first, second) = (step.number(1), step.number(2));
        match step.verb {
            Verb::Day => self.day(phone, first)?,
            Verb::Note => self.note(phone, first)?,
            Verb::Report => self.report(phone, first, second)?,
            Verb::Part => self.part(phone, first)?,
            Verb::Time => self.time_entry(phone, first)?,
            Verb::Void => self.void(phone, first)?,
            Verb::Visit => self.visit(phone, first, second)?,
            Verb::Respond => self.respond(phone, first)?,
            Verb::OwnPlan => self.own_plan(phone, first, second)?,
            Verb::OpenOrder => self.open_order(phone)?,
            Verb::Customer => self.customer(phone, first)?,
            Verb::Attach => self.attach(phone, first)?,
            Verb::Sign => self.sign(phone, first)?,
            Verb::Bulk => {
                for _ in 0..second {
                    self.note(phone, first)?;
                }
            }
            Verb::Screen => self.open_screen(phone, first, second)?,
            Verb::Save => self.save_screen(phone, first)?,
            Verb::Resolve => self.resolve(phone, first)?,
            Verb::Retry => self.retry(phone, first)?,
            Verb::Discard => self.discard(phone, first)?,
            Verb::Sync => drop(self.sync(phone, &step.faults)?),
            Verb::OfficeDay => self.office_day(first, second)?,
            Verb::OfficeOrder => self.office_order(first as usize, second as usize)?,
            Verb::OfficeAssign => self.office_assign(first, second)?,
            Verb::OfficeWithdraw => self.withdraw(first as usize)?,
            Verb::OfficeProblem => self.office_problem(first)?,
            Verb::OfficePlan => self.office_plan(first)?,
            Verb::OfficeParties => self.office_parties(first, second)?,
            Verb::OfficeCustomer => self.office_customer(first)?,
            Verb::OfficeDelete => self.office_delete(first)?,
            Verb::OfficeCatalogue => self.office_catalogue(first)?,
            Verb::OfficeDecide => self.office_decide(first)?,
            Verb::OfficeReview => self.office_review(first, second)?,
            Verb::OfficeRelease => self.office_held(first, true)?,
            Verb::OfficeDiscard => self.office_held(first, false)?,
            Verb::Pass => drop(self.time.fetch_add(step.number(0) as i64 * MINUTE_MS, Ordering::Relaxed)),
            Verb::Arrive => self.arrive_late(step.number(0))?,
            Verb::Kill => self.reopen(phone)?,
            Verb::JumpForward => self.jump(phone, first as i64),
            Verb::JumpBack => self.jump(phone, -(first as i64)),
            Verb::Clone => self.clone_phone(phone)?,
            Verb::Image => self.image(phone)?,
            Verb::Rollback => self.roll_back(phone)?,
            Verb::Clear => self.clear(phone)?,
            Verb::Second => self.second(phone, first)?,
            Verb::Revoke => self.revoke(phone)?,
            Verb::Restart => drop(self.site.start()?),
            Verb::OfficeJump => self.office_clock.jump(step.number(0) as i64 * MINUTE_MS),
            Verb::Backup => self.back_up()?,
            Verb::Restore | Verb::RestoreUnsaid | Verb::RestoreFolder => self.restore(step.verb)?,
            Verb::Hostile => self.hostile(phone, first)?,
            Verb::Replay => self.replay(phone)?,
        }
        if !matches!(step.verb, Verb::Sync) && step.verb >= Verb::Pass {
            *self.faults.entry(step.verb.word()).or_insert(0) += 1;
        }
        Ok(())
    }

    fn jump(&mut self, phone: usize, minutes: i64) {
        let clock = Arc::clone(&self.phones[phone].clock);
        clock.jump(minutes * MINUTE_MS);
        let off = clock.now_ms() - self.time.load(Ordering::Relaxed);
        if off.abs() > 10 * 365 * 24 * 60 * MINUTE_MS {
            self.marks.hit("clock-far");
        }
        if clock.now_ms() < 0 {
            self.marks.hit("clock-before-1970");
        }
    }

    /// A number nobody has used.
    pub(crate) fn number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    /// Somebody enters groups of one record on a phone. `seen` are the numbers of each group that its author was shown.
    /// Whether it was stored.
    pub(crate) fn enter(
        &mut self,
        phone: usize,
        kind: &'static str,
        record: RecordId,
        groups: Vec<(&'static str, Fields, BTreeSet<u64>)>,
        more: Entering,
    ) -> anyhow::Result<bool> {
        let mut draft = Draft::of(kind, record);
        let mut entries = Vec::new();
        let by = self.phones[phone].name.clone();
        for (group, mut fields, seen) in groups {
            let number = self.number();
            fields.insert(NUMBER.to_owned(), (number as i64).into());
            if let Some(canary) = &more.canary {
                fields.insert("canary".to_owned(), canary.as_str().into());
            }
            draft = draft.set(group, fields);
            entries.push((number, Entry { record, group: group.to_owned(), seen, by: by.clone() }));
        }
        if let Some(context) = more.context {
            draft = draft.seen(context);
        }
        if let Some(order) = more.order {
            draft = draft.on_order(order).because("seen on site");
        }
        let result = self.phones[phone].device.edit(draft);
        self.trace.note(|| format!("{by} enters {kind} {record}: {}", word(&result)));
        let Some(edited) = self.tolerate(result)? else { return Ok(false) };
        for (number, mut entry) in entries {
            match edited.groups.get(&entry.group) {
                Some(Landing::Pending | Landing::WillBeHeld) => self.oracle.enter(number, entry),
                Some(Landing::Proposed(proposal)) => {
                    self.marks.hit("proposal-made");
                    entry.record = *proposal;
                    entry.group = "proposal".to_owned();
                    entry.seen = BTreeSet::new();
                    self.oracle.enter(number, entry);
                }
                Some(Landing::Unchanged) | None => {
                    self.oracle.broken("D1", format!("number {number} was new and is said to change nothing"));
                }
            }
        }
        Ok(true)
    }

    /// What a rule or the disk may say to an entry: then nothing was stored.
    pub(crate) fn tolerate<T>(&mut self, result: Result<T, Error>) -> anyhow::Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(
                Error::Refused { .. }
                | Error::Invalid(_)
                | Error::ProposalNeedsOrder
                | Error::NotFound
                | Error::NoConflict
                | Error::NotReady { .. }
                | Error::DocumentOutdated
                | Error::StorageFull
                | Error::SignedOut,
            ) => {
                self.marks.hit("refused-locally");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Somebody in the office enters groups of one record. `page` is what they were shown, if it stood open.
    pub(crate) fn office_enter(
        &mut self,
        kind: &'static str,
        id: RecordId,
        groups: Vec<(&'static str, Fields)>,
        page: Option<(Version, BTreeSet<u64>)>,
    ) -> anyhow::Result<bool> {
        let office = self.site.office()?.clone();
        let before = office.read(|txn| txn.record(id))?.map(|stored| stored.record);
        let mut numbered = Vec::new();
        let mut entries = Vec::new();
        for (group, mut fields) in groups {
            let number = self.number();
            fields.insert(NUMBER.to_owned(), (number as i64).into());
            numbered.push((group, fields));
            let now = || before.as_ref().map(|record| numbers(record, group)).unwrap_or_default();
            let seen = page.as_ref().map_or_else(now, |page| page.1.clone());
            entries.push((number, Entry { record: id, group: group.to_owned(), seen, by: "the office".to_owned() }));
        }
        let context = page.map(|page| page.0);
        match commit(&office, &OPERATOR, vec![OfficeDraft { kind, id, groups: numbered, context }]) {
            Ok(_) => {
                entries.into_iter().for_each(|(number, entry)| self.oracle.enter(number, entry));
                Ok(true)
            }
            Err(fieldsync_server::sync::edit::EditError::Refused(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The mark that everything below an order carries.
    pub(crate) fn canary(&self, order: usize) -> String {
        format!("canary-o{order};")
    }

    /// Whether the desk's own list says that a technician has an order, or a customer through one: no need to look
    /// closer.
    pub(crate) fn is_granted(&self, technician: usize, letter: char, place: usize) -> bool {
        letter == 'o'
            && self.assignments.iter().any(|assignment| {
                assignment.order == place && assignment.technician == technician && !assignment.is_withdrawn
            })
    }

    /// Whether a technician sees a record now, worked out from everything the office has.
    pub(crate) fn sees(&self, technician: usize, record: RecordId) -> anyhow::Result<bool> {
        let office = OfficeState::read(&self.site.database(), false)?;
        Ok(visible(&office, &self.opened, self.technicians[technician]).contains(&record))
    }

    fn clone_phone(&mut self, phone: usize) -> anyhow::Result<()> {
        if self.phones.len() >= self.script.knob("devices", 5) as usize + 2 || self.phones[phone].is_revoked {
            return Ok(());
        }
        self.phones[phone].device.close();
        let folder = self.folder.join(format!("phone-{}", self.phones.len()));
        copy_files(&self.phones[phone].folder, &folder)?;
        self.reopen(phone)?;
        let clock = Arc::new(DriftingClock::new(&self.time, 11_000, -20));
        let device = self.open(folder.clone(), &clock)?;
        let (name, technician) = (format!("copy of {}", self.phones[phone].name), self.phones[phone].technician);
        self.add_phone(name, technician, folder, device, clock);
        self.oracle.copies += 1;
        self.marks.hit("cloned");
        Ok(())
    }

    fn image(&mut self, phone: usize) -> anyhow::Result<()> {
        self.images += 1;
        let image = self.folder.join(format!("image-{}", self.images));
        self.phones[phone].device.close();
        copy_files(&self.phones[phone].folder, &image)?;
        self.phones[phone].image = Some(image);
        self.reopen(phone)
    }

    fn roll_back(&mut self, phone: usize) -> anyhow::Result<()> {
        let Some(image) = self.phones[phone].image.clone() else { return Ok(()) };
        self.phones[phone].device.close();
        let folder = self.phones[phone].folder.clone();
        let (now, then) = (DeviceState::read(&folder)?, DeviceState::read(&image)?);
        let lost: Vec<u64> = now.own_numbers().difference(&then.own_numbers()).copied().collect();
        lost.into_iter().for_each(|number| self.oracle.excuse(number, "a phone was put back to before it"));
        self.excuse_only_here(&now, phone)?;
        std::fs::remove_dir_all(&folder)?;
        copy_files(&image, &folder)?;
        self.oracle.copies += 1;
        self.marks.hit("rolled-back");
        self.reopen(phone)
    }

    fn clear(&mut self, phone: usize) -> anyhow::Result<()> {
        self.phones[phone].device.close();
        let now = DeviceState::read(&self.phones[phone].folder)?;
        now.own_numbers().into_iter().for_each(|number| self.oracle.excuse(number, "the app's data were cleared"));
        self.excuse_only_here(&now, phone)?;
        std::fs::remove_dir_all(&self.phones[phone].folder)?;
        self.phones[phone].image = None;
        self.phones[phone].is_revoked = false;
        self.phones[phone].sent.clear();
        self.reopen(phone)?;
        self.enrol(phone)?;
        self.marks.hit("cleared");
        Ok(())
    }

    /// After a restore a phone may be the only one that holds what the office forgot; when it goes, that goes.
    fn excuse_only_here(&mut self, now: &DeviceState, phone: usize) -> anyhow::Result<()> {
        if self.oracle.restores == 0 {
            return Ok(());
        }
        let mut elsewhere = OfficeState::read(&self.site.database(), true)?.history_numbers();
        for (place, other) in self.phones.iter().enumerate() {
            if place != phone && !other.is_revoked {
                elsewhere.extend(DeviceState::read(&other.folder)?.held_numbers()?);
            }
        }
        for number in now.held_numbers()?.difference(&elsewhere) {
            self.oracle.excuse(*number, "the last phone that held it is gone");
        }
        Ok(())
    }

    /// A second process of the app on the same store.
    fn second(&mut self, phone: usize, place: u64) -> anyhow::Result<()> {
        let (folder, clock) = (self.phones[phone].folder.clone(), Arc::clone(&self.phones[phone].clock));
        match self.open(folder, &clock) {
            Ok(second) => {
                let first = std::mem::replace(&mut self.phones[phone].device, second);
                self.note(phone, place)?;
                let second = std::mem::replace(&mut self.phones[phone].device, first);
                second.close();
                self.marks.hit("second-opener");
            }
            Err(_) => self.marks.hit("second-refused"),
        }
        Ok(())
    }

    fn revoke(&mut self, phone: usize) -> anyhow::Result<()> {
        let live = self.phones.iter().filter(|phone| !phone.is_revoked).count();
        if live <= 3 {
            return Ok(());
        }
        let status = self.phones[phone].device.status()?;
        let device = status.device.context("name the device")?;
        enrol::revoke(self.site.office()?, device)?;
        // A copy carries the same key: it is the same device to the office.
        for other in &mut self.phones {
            if other.device.status()?.device == Some(device) {
                other.is_revoked = true;
            }
        }
        self.marks.hit("revoked");
        if status.pending > 0 {
            self.marks.hit("revoked-pending");
        }
        // What a revoked phone alone still holds of a forgotten time does not come back.
        let now = DeviceState::read(&self.phones[phone].folder)?;
        self.excuse_only_here(&now, phone)
    }

    fn back_up(&mut self) -> anyhow::Result<()> {
        self.images += 1;
        let database = self.folder.join(format!("office-{}.sqlite", self.images));
        let target = self.folder.join(format!("office-{}.backup", self.images));
        let opened = self.site.opened()?;
        opened.office.store.backup(&database)?;
        backup::write(&fieldsync_server::folder::Folder::new(&self.site.folder), opened, &target, false)?;
        let anchor = std::fs::read(self.site.folder.join("anchor")).ok();
        self.image = Some(Image { database, backup: target, anchor });
        Ok(())
    }

    /// The server goes back to its backup. What no phone holds and the backup does not have is gone for good; everything
    /// else must come back.
    fn restore(&mut self, how: Verb) -> anyhow::Result<()> {
        let Some(Image { database, backup: source, anchor }) = &self.image else { return Ok(()) };
        let before = OfficeState::read(&self.site.database(), true)?;
        let then = OfficeState::read(database, true)?;
        let mut kept = then.history_numbers();
        kept.extend(then.held_numbers());
        let mut held = BTreeSet::new();
        for phone in self.phones.iter().filter(|phone| !phone.is_revoked) {
            held.extend(DeviceState::read(&phone.folder)?.held_numbers()?);
        }
        let mut gone = before.history_numbers();
        gone.extend(before.held_numbers());
        let forgotten: Vec<u64> = gone.difference(&kept).copied().collect();
        let (back, lost): (Vec<u64>, Vec<u64>) = forgotten.into_iter().partition(|number| held.contains(number));
        if !back.is_empty() {
            self.marks.hit("restore-lost-work");
        }
        if !lost.is_empty() {
            self.marks.hit("restore-lost-for-good");
        }
        lost.into_iter().for_each(|number| self.oracle.excuse(number, "the office forgot it and nobody held it"));
        let (database, source, anchor) = (database.clone(), source.clone(), anchor.clone());
        self.site.stop();
        let file = self.site.database();
        match how {
            Verb::Restore => {
                let folder = fieldsync_server::folder::Folder::new(&self.site.folder);
                let (clock, entropy) = (self.site.clock(), self.site.entropy());
                backup::restore_with(&folder, &source, true, clock, entropy)?;
                self.marks.hit("restored-said");
            }
            _ => {
                for suffix in ["-wal", "-shm"] {
                    let _ = std::fs::remove_file(file.with_file_name(format!("office.sqlite{suffix}")));
                }
                std::fs::copy(&database, &file)?;
                if how == Verb::RestoreFolder {
                    let path = self.site.folder.join("anchor");
                    match &anchor {
                        Some(bytes) => std::fs::write(path, bytes)?,
                        None => drop(std::fs::remove_file(path)),
                    }
                }
                self.marks.hit(if how == Verb::RestoreFolder { "restored-folder" } else { "restored-unsaid" });
            }
        }
        self.oracle.restores += 1;
        self.office_pages.clear();
        self.site.start()?;
        self.relearn()
    }

    /// After a restore the desk looks again which assignments stand and which are withdrawn.
    fn relearn(&mut self) -> anyhow::Result<()> {
        let office = self.site.office()?.clone();
        for assignment in &mut self.assignments {
            let record = office.read(|txn| txn.record(assignment.id))?.map(|stored| stored.record);
            assignment.is_withdrawn = record
                .is_none_or(|record| show::fields(&record, "withdrawn").is_some_and(|fields| fields.flag("withdrawn")));
        }
        Ok(())
    }
}

/// What goes along with an entry.
#[derive(Debug, Default)]
pub(crate) struct Entering {
    pub(crate) context: Option<Context>,
    /// The order on which a proposal would stand.
    pub(crate) order: Option<RecordId>,
    pub(crate) canary: Option<String>,
}

/// A result in one word, for the trace.
fn word<T>(result: &Result<T, Error>) -> String {
    match result {
        Ok(_) => "stored".to_owned(),
        Err(error) => error.to_string(),
    }
}
