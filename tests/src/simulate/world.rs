//! The world of one run: an office, phones, true time, and the steps that a script takes in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use fieldsync::edit::Context;
use fieldsync::{Clock, Device, Draft, Error, Fields, Landing, RecordId, Request, fields};
use fieldsync_disk::{Disk, Process};
use fieldsync_protocol::Version;
use fieldsync_server::enrol;
use fieldsync_server::people::{OPERATOR, add_technician};
use fieldsync_server::sync::edit::{Draft as OfficeDraft, commit};
use tokio::runtime::Runtime;

use super::access::visible;
use super::disaster::Backup;
use super::marks::Marks;
use super::oracle::{Entry, Oracle};
use super::phone::{DriftingClock, KeptAnchor, Phone, START_MS, Time, config};
use super::script::{Script, Step, Verb};
use super::site::Site;
use super::state::{NUMBER, OfficeState, numbers};
use super::trace::Trace;

/// Technician and order of an assignment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Assignment {
    pub(crate) id: RecordId,
    pub(crate) order: usize,
    pub(crate) technician: usize,
    pub(crate) is_withdrawn: bool,
}

/// The world.
pub(crate) struct World<'s> {
    pub(crate) script: &'s Script,
    pub(crate) folder: PathBuf,
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
    pub(crate) backup: Option<Backup>,
    pub(crate) backups: u32,
    /// Who sees what, as of a state of the office.
    sights: Sights,
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
            site: Site::new(clock, script.seed, page)?,
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
            backup: None,
            backups: 0,
            sights: Sights::default(),
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
            // Every other phone has an anchor outside its backups.
            let anchor = place.is_multiple_of(2).then(Arc::default);
            self.add_phone(format!("phone {place}"), technician, Disk::new(), anchor, clock)?;
            self.enrol(place)?;
        }
        for phone in 0..self.phones.len() {
            self.sync(phone, &[])?;
        }
        Ok(())
    }

    pub(crate) fn add_phone(
        &mut self,
        name: String,
        technician: usize,
        disk: Disk,
        anchor: Option<Arc<KeptAnchor>>,
        clock: Arc<DriftingClock>,
    ) -> anyhow::Result<()> {
        let process = disk.process();
        let device = self.open(&process, &clock, anchor.as_ref())?;
        let id = device.status()?.device;
        self.phones.push(Phone {
            name,
            id,
            technician,
            disk,
            process,
            image: None,
            anchor,
            is_failing: false,
            device,
            clock,
            screens: Vec::new(),
            is_revoked: false,
            restamps: 0,
            sent: Default::default(),
        });
        Ok(())
    }

    pub(crate) fn open(
        &mut self,
        process: &Process,
        clock: &Arc<DriftingClock>,
        anchor: Option<&Arc<KeptAnchor>>,
    ) -> Result<Device, Error> {
        self.openings += 1;
        let seed = self.script.seed.rotate_left(17) ^ (self.openings << 40);
        let knob = |name| self.script.knobs.get(name).map(|amount| *amount as usize);
        Device::open(config(process, clock, anchor, seed, knob("portion"), knob("steps")))
    }

    /// Enrols a phone over the real route.
    pub(crate) fn enrol(&mut self, phone: usize) -> anyhow::Result<()> {
        let technician = self.technicians[self.phones[phone].technician];
        let code = enrol::new_code(self.site.office()?, technician)?;
        let device = self.phones[phone].device.clone();
        let request = device.enrol_request(&code, &self.phones[phone].name)?;
        let response = self.site.send(&self.runtime, &request)?;
        device.enrol_answer("http://localhost", &response)?;
        self.phones[phone].id = device.status()?.device;
        Ok(())
    }

    /// Kills the app's process. Open screens are gone.
    pub(crate) fn end_app(&mut self, phone: usize) {
        self.phones[phone].process.kill();
        self.phones[phone].device.close();
        self.phones[phone].screens.clear();
    }

    /// The app's process ends between two calls, if it still runs, and starts again. On a disk that fails it may not
    /// start: then the disk is mended first.
    pub(crate) fn reopen(&mut self, phone: usize) -> anyhow::Result<()> {
        self.end_app(phone);
        let (clock, anchor) = (Arc::clone(&self.phones[phone].clock), self.phones[phone].anchor.clone());
        let mut process = self.phones[phone].disk.process();
        let opened = match self.open(&process, &clock, anchor.as_ref()) {
            Err(_) if self.phones[phone].is_failing => {
                self.marks.hit("disk-kept-shut");
                self.mend(phone);
                process = self.phones[phone].disk.process();
                self.open(&process, &clock, anchor.as_ref())
            }
            opened => opened,
        };
        self.phones[phone].device = opened?;
        self.phones[phone].process = process;
        Ok(())
    }

    /// Does one step. A phone whose disk fails may say so at any call; then nothing more happens.
    pub(crate) fn step(&mut self, step: &Step) -> anyhow::Result<()> {
        self.trace.note(|| step.to_string());
        self.time.fetch_add(20_000, Ordering::Relaxed);
        let phone = step.number(0) as usize % self.phones.len();
        let was_failing = self.phones[phone].is_failing;
        match self.act(phone, step) {
            Err(error) if was_failing || self.phones[phone].is_failing => {
                self.trace.note(|| format!("the disk of phone {phone} fails: {error:#}"));
                self.marks.hit("disk-refused");
            }
            done => done?,
        }
        if !matches!(step.verb, Verb::Sync) && step.verb >= Verb::Pass {
            *self.faults.entry(step.verb.word()).or_insert(0) += 1;
        }
        Ok(())
    }

    fn act(&mut self, phone: usize, step: &Step) -> anyhow::Result<()> {
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
            Verb::Second => self.second(phone)?,
            Verb::Revoke => self.revoke(phone)?,
            Verb::Restart => drop(self.site.start()?),
            Verb::OfficeJump => self.office_clock.jump(step.number(0) as i64 * MINUTE_MS),
            Verb::Backup => self.back_up()?,
            Verb::Restore | Verb::RestoreUnsaid | Verb::RestoreFolder => self.restore(step.verb)?,
            Verb::Hostile => self.hostile(phone, first)?,
            Verb::Replay => self.replay(phone)?,
            Verb::Power => self.power(phone, first)?,
            Verb::PowerEntering => self.power_entering(phone, first, second)?,
            Verb::Full => self.fill(phone, first),
            Verb::Broken => self.break_disk(phone, first, second),
            Verb::Mend => self.mend(phone),
            Verb::OfficePower => self.office_power(step.number(0))?,
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
        self.doubt(phone, &result, &entries);
        let Some(edited) = self.tolerate(result)? else { return Ok(false) };
        for (number, mut entry) in entries {
            match edited.groups.get(&entry.group) {
                Some(Landing::Pending | Landing::WillBeHeld) => {
                    if self.oracle.replaces_unsent(&entry) {
                        self.marks.hit("coalesced");
                    }
                    self.oracle.enter(number, entry);
                }
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

    /// When a disk fails while something is stored, the call says that it is not; what reached the log may be found there
    /// nevertheless after a restart. It is promised to nobody.
    pub(crate) fn doubt<T>(&mut self, phone: usize, result: &Result<T, Error>, entries: &[(u64, Entry)]) {
        if result.is_err() && self.phones[phone].is_failing {
            for (number, entry) in entries {
                self.oracle.enter(*number, entry.clone());
                self.oracle.excuse(*number, "the disk failed while it was entered");
            }
        }
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
    pub(crate) fn sees(&mut self, technician: usize, record: RecordId) -> anyhow::Result<bool> {
        let sequence = self.site.office()?.read(|txn| txn.tenant())?.sequence;
        let now = (self.oracle.restores, sequence, self.opened.len());
        if self.sights.of != now {
            self.sights = Sights { of: now, office: Some(self.site.state(false)?), seen: BTreeMap::new() };
        }
        let person = self.technicians[technician];
        let (office, opened) = (&self.sights.office, &self.opened);
        let seen = self
            .sights
            .seen
            .entry(technician)
            .or_insert_with(|| office.as_ref().map(|office| visible(office, opened, person)).unwrap_or_default());
        Ok(seen.contains(&record))
    }

    /// Whether a document that this technician sees carries a mark; to be asked after [`World::sees`].
    pub(crate) fn is_in_document(&self, technician: usize, letter: char, place: usize) -> bool {
        let (Some(office), Some(seen)) = (&self.sights.office, self.sights.seen.get(&technician)) else { return false };
        let mark = format!("canary-{letter}{place};");
        let mut documents = seen.iter().filter_map(|id| office.records.get(id));
        documents.any(|(body, record)| {
            record.kind == "document" && body.windows(mark.len()).any(|window| window == mark.as_bytes())
        })
    }
}

/// What the technicians see, kept as long as the office stays as it is: restores, sequence, orders opened on site.
#[derive(Debug, Default)]
struct Sights {
    of: (u32, u64, usize),
    office: Option<OfficeState>,
    seen: BTreeMap<usize, BTreeSet<RecordId>>,
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
