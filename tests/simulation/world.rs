//! The world of one run: real device stores, a real office store, and a wire that is a list of messages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::{Context as _, bail};
use fieldsync::edit::Context;
use fieldsync::entropy::{Entropy, SeededEntropy};
use fieldsync::{
    Clock, Config, Device, Draft, Fields, FieldsExt, Receipt, RecordId, Request, Response, Session, Step, SystemFiles,
};
use fieldsync_protocol::exchange::Exchange;
use fieldsync_protocol::request::{DEVICE_HEADER, EXCHANGE_PATH};
use fieldsync_protocol::{DeviceId, Record, fields, show, wire};
use fieldsync_server::keys::Keys;
use fieldsync_server::office::Office;
use fieldsync_server::people::{OPERATOR, add_technician};
use fieldsync_server::store::Store;
use fieldsync_server::store::sqlite::SqliteStore;
use fieldsync_server::sync::edit::{Draft as OfficeDraft, commit};
use fieldsync_server::sync::exchange::exchange;
use fieldsync_server::{anchor, enrol};
use fieldsync_tests::fleet::copy_folder;

/// A clock that only goes when it is looked at.
#[derive(Default)]
pub(crate) struct Ticks(AtomicI64);

impl Clock for Ticks {
    fn now_ms(&self) -> i64 {
        1_700_000_000_000 + self.0.fetch_add(1_000, Ordering::Relaxed)
    }
}

/// A random choice from the run's seed.
pub(crate) struct Chance(SeededEntropy);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed))
    }

    pub(crate) fn below(&self, limit: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        (u64::from_le_bytes(bytes) % limit as u64) as usize
    }

    pub(crate) fn percent(&self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// What somebody entered, for the oracle: which others of the same group they had seen. Numbers stand for contents.
pub(crate) struct Entry {
    pub(crate) record: RecordId,
    pub(crate) group: &'static str,
    pub(crate) seen: BTreeSet<i64>,
    pub(crate) by: String,
}

/// A screen that stands open.
pub(crate) struct Screen {
    record: RecordId,
    context: Context,
    seen: BTreeSet<i64>,
}

/// A phone and what its wire still holds.
pub(crate) struct Phone {
    pub(crate) name: String,
    pub(crate) technician: RecordId,
    pub(crate) folder: PathBuf,
    pub(crate) device: Device,
    pub(crate) screens: Vec<Screen>,
}

pub(crate) struct World {
    pub(crate) chance: Chance,
    clock: Arc<Ticks>,
    folder: PathBuf,
    openings: u64,
    seed: u64,
    pub(crate) office: Office,
    office_file: PathBuf,
    keys: Arc<Keys>,
    pub(crate) phones: Vec<Phone>,
    pub(crate) technicians: Vec<RecordId>,
    pub(crate) orders: Vec<RecordId>,
    /// The assignment of each technician on each order.
    pub(crate) assignments: Vec<(RecordId, RecordId)>,
    pub(crate) entries: BTreeMap<i64, Entry>,
    /// Requests that will arrive later, or never.
    late: Vec<Request>,
    image: Option<PathBuf>,
    images: usize,
    pub(crate) restores: usize,
    pub(crate) clones: usize,
    pub(crate) alarms: usize,
    pub(crate) calm: bool,
}

impl World {
    pub(crate) fn new(folder: &Path, seed: u64) -> anyhow::Result<World> {
        let clock = Arc::new(Ticks::default());
        let keys = Arc::new(Keys::from_bytes([3; 32], [4; 32]));
        let office_file = folder.join("office-0.sqlite");
        let mut world = World {
            chance: Chance::new(seed),
            office: open_office(&office_file, &keys, &clock, seed, 0, &folder.join("anchor"))?,
            clock,
            folder: folder.to_owned(),
            openings: 0,
            seed,
            office_file,
            keys,
            phones: Vec::new(),
            technicians: Vec::new(),
            orders: Vec::new(),
            assignments: Vec::new(),
            entries: BTreeMap::new(),
            late: Vec::new(),
            image: None,
            images: 0,
            restores: 0,
            clones: 0,
            alarms: 0,
            calm: false,
        };
        for name in ["Anna", "Bert"] {
            world.technicians.push(add_technician(&world.office, name, "", "")?);
        }
        for text in ["pump leaks", "alarm E47"] {
            let order = world.office.new_id();
            let groups = vec![
                ("origin", fields! { "channel" => "phone" }),
                ("problem", fields! { "text" => text }),
                ("plan", fields! { "priority" => "normal" }),
            ];
            commit(
                &world.office,
                &OPERATOR,
                vec![OfficeDraft { kind: "work_order", id: order, groups, context: None }],
            )?;
            for technician in world.technicians.clone() {
                let id = world.office.new_id();
                let plan = fields! { "work_order" => order, "technician" => technician };
                commit(&world.office, &OPERATOR, vec![OfficeDraft::one("assignment", id, "plan", plan)])?;
                world.assignments.push((id, technician));
            }
            world.orders.push(order);
        }
        for technician in world.technicians.clone() {
            world.enrol(technician)?;
        }
        world.calm = true;
        for phone in 0..world.phones.len() {
            world.sync(phone)?;
        }
        world.calm = false;
        Ok(world)
    }

    fn open_device(&mut self, folder: &Path) -> anyhow::Result<Device> {
        self.openings += 1;
        let mut config = Config::new(folder);
        config.clock = self.clock.clone();
        config.entropy = Arc::new(SeededEntropy::new(self.seed ^ (self.openings << 32)));
        Ok(Device::open(config)?)
    }

    fn enrol(&mut self, technician: RecordId) -> anyhow::Result<()> {
        let folder = self.folder.join(format!("phone-{}", self.phones.len()));
        std::fs::create_dir_all(&folder)?;
        let device = self.open_device(&folder)?;
        let code = enrol::new_code(&self.office, technician)?;
        let request = device.enrol_request(&code, "phone")?;
        let answer = enrol::enrol(&self.office, &wire::unpack(&request.body)?)?;
        device
            .enrol_answer("http://localhost", &Response { status: 200, headers: vec![], body: wire::pack(&answer) })?;
        let name = format!("phone {}", self.phones.len());
        self.phones.push(Phone { name, technician, folder, device, screens: Vec::new() });
        Ok(())
    }

    /// The office's answer to one request that arrives, and whether it takes the phone for a copy.
    fn arrive(&mut self, request: &Request) -> anyhow::Result<(Response, bool)> {
        if request.path != EXCHANGE_PATH {
            return Ok((Response { status: 404, headers: vec![], body: vec![] }, false));
        }
        let message: Exchange = wire::unpack(&request.body)?;
        let device: DeviceId = request.header(DEVICE_HEADER).context("name the device")?.parse()?;
        let (inner, epoch) = (self.office.clone(), message.epoch);
        let answer = self.office.write(move |txn| exchange(&inner, txn, device, &message))??;
        let is_alarm = answer.again.is_some() && answer.epoch == epoch;
        Ok((Response { status: 200, headers: vec![], body: wire::pack(&answer) }, is_alarm))
    }

    /// One session of a phone. On a bad wire requests are lost or late, answers are lost, the phone is killed in between,
    /// and its user goes on working.
    pub(crate) fn sync(&mut self, phone: usize) -> anyhow::Result<Option<Receipt>> {
        let device = self.phones[phone].device.clone();
        let mut session = Session::begin(&device)?;
        for _ in 0..400 {
            match session.next()? {
                Step::Wait(_) => {}
                Step::Done(receipt) => return Ok(Some(receipt)),
                Step::Send(request) => {
                    if !self.calm && self.chance.percent(15) {
                        if self.chance.percent(50) {
                            self.late.push(request);
                        }
                        session.failed()?;
                        continue;
                    }
                    let (answer, is_alarm) = self.arrive(&request)?;
                    if !self.calm && self.chance.percent(20) {
                        session.failed()?;
                        continue;
                    }
                    // A request that arrives late is taken for a copy's too; only a verdict that is heard counts.
                    self.alarms += usize::from(is_alarm && self.clones == 0 && self.restores == 0);
                    if !self.calm && self.chance.percent(10) {
                        drop(session);
                        drop(device);
                        self.kill(phone)?;
                        return Ok(None);
                    }
                    if !self.calm && self.chance.percent(20) {
                        self.edit(phone)?;
                    }
                    session.answer(answer)?;
                }
            }
        }
        bail!("end a sync within 400 steps")
    }

    /// A request that was thought lost arrives after all; nobody waits for its answer.
    pub(crate) fn arrive_late(&mut self) -> anyhow::Result<()> {
        if !self.late.is_empty() {
            let request = self.late.remove(self.chance.below(self.late.len()));
            self.arrive(&request)?;
        }
        Ok(())
    }

    /// The process ends between two transactions and starts again. Open screens are gone.
    pub(crate) fn kill(&mut self, phone: usize) -> anyhow::Result<()> {
        self.phones[phone].device.close();
        self.phones[phone].screens.clear();
        let folder = self.phones[phone].folder.clone();
        self.phones[phone].device = self.open_device(&folder)?;
        Ok(())
    }

    /// A copy of a phone begins to live beside it.
    pub(crate) fn clone_phone(&mut self, phone: usize) -> anyhow::Result<()> {
        self.phones[phone].device.close();
        let copy = self.folder.join(format!("phone-{}", self.phones.len()));
        copy_folder(&self.phones[phone].folder, &copy)?;
        self.kill(phone)?;
        let device = self.open_device(&copy)?;
        let (name, technician) = (format!("copy of {}", self.phones[phone].name), self.phones[phone].technician);
        self.phones.push(Phone { name, technician, folder: copy, device, screens: Vec::new() });
        self.clones += 1;
        Ok(())
    }

    /// A backup of the office.
    pub(crate) fn back_up(&mut self) -> anyhow::Result<()> {
        self.images += 1;
        let image = self.folder.join(format!("image-{}.sqlite", self.images));
        self.office.store.backup(&image)?;
        self.image = Some(image);
        Ok(())
    }

    /// The office is restored from its backup; whether the operator says so or not, the anchor knows.
    pub(crate) fn restore(&mut self) -> anyhow::Result<()> {
        let Some(image) = self.image.clone() else { return Ok(()) };
        self.restores += 1;
        self.office_file = self.folder.join(format!("office-{}.sqlite", self.restores));
        std::fs::copy(&image, &self.office_file)?;
        let generation = self.restores as u64;
        self.office = open_office(
            &self.office_file,
            &self.keys,
            &self.clock,
            self.seed,
            generation,
            &self.folder.join("anchor"),
        )?;
        Ok(())
    }

    /// Whose assignment on a random order, the contended record.
    fn contended(&self) -> RecordId {
        self.assignments[self.chance.below(self.assignments.len())].0
    }

    fn enter(&mut self, record: RecordId, group: &'static str, seen: BTreeSet<i64>, by: &str) -> i64 {
        let number = self.entries.len() as i64 + 1;
        self.entries.insert(number, Entry { record, group, seen, by: by.to_owned() });
        number
    }

    /// Somebody on a phone writes what is shown to them, or appends a note.
    pub(crate) fn edit(&mut self, phone: usize) -> anyhow::Result<()> {
        let record = self.contended();
        if self.chance.percent(25) {
            return self.append(phone);
        }
        let Ok(shown) = self.phones[phone].device.record(record) else { return Ok(()) };
        let seen = numbers(&shown.record, "day");
        self.save(phone, record, None, seen)
    }

    fn append(&mut self, phone: usize) -> anyhow::Result<()> {
        let order = self.orders[self.chance.below(self.orders.len())];
        if self.phones[phone].device.record(order).is_err() {
            return Ok(());
        }
        let name = self.phones[phone].name.clone();
        let id = self.phones[phone].device.new_id();
        let number = self.enter(id, "text", BTreeSet::new(), &name);
        let note = fields! { "work_order" => order, "text" => "note", "number" => number };
        self.phones[phone].device.edit(Draft::of("note", id).set("text", note))?;
        Ok(())
    }

    /// A screen opens; it may be saved much later.
    pub(crate) fn open_screen(&mut self, phone: usize) {
        let record = self.contended();
        if let Ok(shown) = self.phones[phone].device.record(record) {
            let (context, seen) = (shown.context, numbers(&shown.record, "day"));
            self.phones[phone].screens.push(Screen { record, context, seen });
        }
    }

    /// A screen that stood open is saved.
    pub(crate) fn save_screen(&mut self, phone: usize) -> anyhow::Result<()> {
        if self.phones[phone].screens.is_empty() {
            return Ok(());
        }
        let place = self.chance.below(self.phones[phone].screens.len());
        let screen = self.phones[phone].screens.remove(place);
        if self.phones[phone].device.record(screen.record).is_err() {
            return Ok(());
        }
        self.save(phone, screen.record, Some(screen.context), screen.seen)
    }

    fn save(
        &mut self,
        phone: usize,
        record: RecordId,
        context: Option<Context>,
        seen: BTreeSet<i64>,
    ) -> anyhow::Result<()> {
        let name = self.phones[phone].name.clone();
        let number = self.enter(record, "day", seen, &name);
        let mut draft = Draft::of("assignment", record).set("day", fields! { "place_in_day" => number });
        if let Some(context) = context {
            draft = draft.seen(context);
        }
        if let Err(error) = self.phones[phone].device.edit(draft) {
            // Refused on the spot: nothing was entered.
            self.entries.remove(&number);
            match error {
                fieldsync::Error::Refused { .. } => {}
                other => return Err(other.into()),
            }
        }
        Ok(())
    }

    /// Somebody in the office writes the contended group.
    pub(crate) fn office_edit(&mut self) -> anyhow::Result<()> {
        let record = self.contended();
        let Some(shown) = self.office.read(|txn| txn.record(record))? else { return Ok(()) };
        let seen = numbers(&shown.record, "day");
        let number = self.enter(record, "day", seen, "office");
        let day = fields! { "place_in_day" => number };
        commit(&self.office, &OPERATOR, vec![OfficeDraft::one("assignment", record, "day", day)])?;
        Ok(())
    }

    /// The office takes a job away from somebody, or gives it back.
    pub(crate) fn reassign(&mut self) -> anyhow::Result<()> {
        let record = self.contended();
        let Some(shown) = self.office.read(|txn| txn.record(record))? else { return Ok(()) };
        let withdrawn = show::fields(&shown.record, "withdrawn").is_some_and(|fields| fields.flag("withdrawn"));
        let fields = fields! { "withdrawn" => !withdrawn };
        commit(&self.office, &OPERATOR, vec![OfficeDraft::one("assignment", record, "withdrawn", fields)])?;
        Ok(())
    }

    /// The office gives every job back, so that everything that waits for it can go on.
    pub(crate) fn give_everything_back(&mut self) -> anyhow::Result<()> {
        for (assignment, _) in self.assignments.clone() {
            let fields = fields! { "withdrawn" => false };
            commit(&self.office, &OPERATOR, vec![OfficeDraft::one("assignment", assignment, "withdrawn", fields)])?;
        }
        Ok(())
    }
}

fn open_office(
    file: &Path,
    keys: &Arc<Keys>,
    clock: &Arc<Ticks>,
    seed: u64,
    generation: u64,
    anchor: &Path,
) -> anyhow::Result<Office> {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(file)?);
    let tenant = store.tenant("acme", 1)?;
    let entropy = Arc::new(SeededEntropy::new(!seed ^ (generation << 40)));
    let office = Office::start_with(store, tenant, Arc::clone(keys), clock.clone(), entropy);
    anchor::moor(&office, anchor, &SystemFiles)?;
    Ok(office)
}

/// The numbers that stand in a group: one per sibling.
pub(crate) fn numbers(record: &Record, group: &str) -> BTreeSet<i64> {
    let field = |fields: &Fields| fields.int("place_in_day").or_else(|| fields.int("number"));
    record.siblings(group).filter_map(|(_, sibling)| field(&sibling.fields)).collect()
}
