//! The fleet as a state machine: every step that may happen, and what must hold after each.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use stateright::{Model, Property};

use crate::device::Device;
use crate::message::{Answer, Exchange};
use crate::office::Office;
use crate::record::{Dot, Numbers, Record, RecordId, Replica, only};
use crate::rules::Rule;

/// Syncs of each device after which it must have drained.
const ROUNDS: usize = 5;
/// Exchanges of one sync: one page holds one record.
const EXCHANGES: usize = 6;

/// What is minted once and never given again, whatever is restored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Counters {
    epoch: u8,
    office: Replica,
}

impl Counters {
    /// An epoch that never was.
    pub fn epoch(&mut self) -> u8 {
        self.epoch += 1;
        self.epoch
    }

    /// A replica id for a start of the office.
    pub fn office_replica(&mut self) -> Replica {
        self.office += 1;
        self.office - 1
    }
}

/// How much may happen in one history. The state space is finite because of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Edits on the phones.
    pub edits: u8,
    /// Edits in the office.
    pub office_edits: u8,
    /// Requests or replies that are lost.
    pub losses: u8,
    /// Requests that arrive once more, later.
    pub repeats: u8,
    /// Backups of the office.
    pub backups: u8,
    /// Restores that the operator says.
    pub restores: u8,
    /// Restores that the operator forgets to say.
    pub unsaid_restores: u8,
    /// Records that the office deletes.
    pub deletes: u8,
}

/// What is between a device and the office.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Wire {
    /// Nothing.
    Idle,
    /// A request that has not arrived.
    Request(Exchange),
    /// A reply that has not been read.
    Reply(Exchange, Box<Answer>),
}

/// An edit, as the properties know it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Written {
    record: RecordId,
    /// What its author had seen.
    seen: Numbers,
    /// Nobody holds it since a time of the office was lost.
    is_lost: bool,
}

/// One state of the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    office: Office,
    devices: [Device; 2],
    wires: [Wire; 2],
    late: Vec<Exchange>,
    backup: Option<Office>,
    counters: Counters,
    left: Budget,
    written: Vec<Written>,
    restores: u8,
    has_false_alarm: bool,
    /// Everything the office ever said, whatever was restored: what it would know by its seal.
    sealed: BTreeSet<u64>,
    has_unsealed_offer: bool,
    conflicts: u8,
    refilled: bool,
    /// Which numbers are deletes.
    deletes: Numbers,
    /// Outside the database: what was ever collected, and the numbers that went with it.
    log: BTreeMap<RecordId, Numbers>,
}

/// What the office's seal stands for.
fn seal(id: RecordId, record: &Record) -> u64 {
    let mut hasher = DefaultHasher::new();
    (id, record.content()).hash(&mut hasher);
    hasher.finish()
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A technician edits a record.
    Edit(usize, RecordId),
    /// The office edits a record.
    OfficeEdit(RecordId),
    /// The office deletes a record.
    Delete(RecordId),
    /// The office forgets a deleted record.
    Collect(RecordId),
    /// A device speaks.
    Send(usize),
    /// The request arrives and is answered.
    Arrive(usize),
    /// The request is lost, or arrives late; the device gives it up.
    LoseRequest(usize),
    /// The request arrives, and will arrive once more.
    ArriveTwice(usize),
    /// A late request arrives; nobody waits for its answer.
    ArriveLate(usize),
    /// The reply is lost after the office committed.
    LoseReply(usize),
    /// The reply is read.
    Hear(usize),
    /// The office is backed up.
    BackUp,
    /// The office is restored, and the operator says so or not.
    Restore(bool),
}

/// The model: a budget, and the rules that are left out.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// How much may happen.
    pub budget: Budget,
    /// Rules left out, to see that a property notices.
    pub without: Vec<Rule>,
}

impl World {
    fn new(budget: Budget) -> Self {
        let mut counters = Counters { epoch: 1, office: 0x20 };
        Self {
            office: Office::new(&mut counters),
            devices: [Device::new(0), Device::new(1)],
            wires: [Wire::Idle, Wire::Idle],
            late: Vec::new(),
            backup: None,
            counters,
            left: budget,
            written: Vec::new(),
            restores: 0,
            has_false_alarm: false,
            sealed: BTreeSet::new(),
            has_unsealed_offer: false,
            conflicts: 0,
            refilled: false,
            deletes: 0,
            log: BTreeMap::new(),
        }
    }

    fn number(&mut self, record: RecordId, seen: Numbers) -> u8 {
        self.written.push(Written { record, seen, is_lost: false });
        self.written.len() as u8 - 1
    }

    fn answer(&mut self, exchange: &Exchange, without: &[Rule]) -> Answer {
        let offers = exchange.offers.iter().flat_map(|(id, offers)| offers.iter().map(|offer| seal(*id, offer)));
        self.has_unsealed_offer |= offers.into_iter().any(|seal| !self.sealed.contains(&seal));
        let answer = self.office.answer(exchange, without, &mut self.counters);
        self.seal();
        self.refilled |= !answer.taken.is_empty();
        self.conflicts = self.office.records.iter().map(|record| record.siblings.len()).max().unwrap_or(0) as u8;
        answer
    }

    fn seal(&mut self) {
        self.sealed.extend((0..2).map(|id| seal(id, &self.office.records[usize::from(id)])));
    }

    /// The office deletes a record as it stands.
    fn delete(&mut self, id: RecordId) {
        let number = self.number(id, self.office.records[usize::from(id)].seen);
        self.deletes |= only(number);
        self.office.edit(id, number);
        self.seal();
    }

    /// Deletes again what the log says was collected and an older copy has alive.
    fn replay(&mut self) {
        for id in self.log.keys().copied().collect::<Vec<_>>() {
            let is_empty = self.office.records[usize::from(id)].version.is_empty();
            if !self.office.collected.contains(&id) && !is_empty && !self.office.is_deleted(id, self.deletes) {
                self.delete(id);
            }
            self.office.collected.insert(id);
        }
    }

    /// What was collected and lives.
    fn has_returned(&self) -> bool {
        let lives = |id: &RecordId| {
            !self.office.records[usize::from(*id)].siblings.is_empty() && !self.office.is_deleted(*id, self.deletes)
        };
        self.log.keys().any(lives)
    }

    /// Marks what nobody holds any more after a restore.
    fn mourn(&mut self) {
        let on_the_way = |exchange: &Exchange, id: RecordId| {
            let pushed = exchange.push.get(&id).into_iter().flat_map(|(_, edits)| edits);
            let offered = exchange.offers.get(&id).into_iter().flatten().fold(0, |all, offer| all | offer.seen);
            pushed.fold(offered, |all, edit| all | edit.seen | only(edit.number))
        };
        for (number, written) in self.written.iter_mut().enumerate() {
            let id = written.record;
            let mut held: Numbers = self.office.records[usize::from(id)].seen;
            held |= self.office.held | self.log.get(&id).copied().unwrap_or(0);
            held = self.devices.iter().fold(held, |held, device| held | device.shown(id).seen);
            held = self.late.iter().fold(held, |held, late| held | on_the_way(late, id));
            for wire in &self.wires {
                if let Wire::Request(exchange) | Wire::Reply(exchange, _) = wire {
                    held |= on_the_way(exchange, id);
                }
            }
            written.is_lost |= held & only(number as u8) == 0;
        }
    }

    /// Everything heals: nothing is lost any more, late requests arrive, each device syncs a few times.
    fn heal(&self, without: &[Rule]) -> Result<Self, &'static str> {
        let mut world = self.clone();
        for late in std::mem::take(&mut world.late) {
            world.answer(&late, without);
        }
        for index in 0..2 {
            match std::mem::replace(&mut world.wires[index], Wire::Idle) {
                Wire::Reply(said, answer) => world.devices[index].hear(&said, &answer, without),
                Wire::Request(said) => drop(world.answer(&said, without)),
                Wire::Idle => {}
            }
        }
        for _ in 0..ROUNDS {
            for index in 0..2 {
                world.sync(index, without);
            }
        }
        if !world.devices.iter().all(Device::is_drained) {
            return Err("a device still holds something after five syncs");
        }
        let agrees =
            |device: &Device| (0..2).all(|id| device.theirs[id].content() == world.office.records[id].content());
        if !world.devices.iter().all(agrees) {
            return Err("a device and the office differ");
        }
        for (number, written) in world.written.iter().enumerate() {
            if !world.is_accounted_for(number as u8, written) {
                return Err("an edit is neither current nor replaced by one that had seen it");
            }
        }
        Ok(world)
    }

    /// Whether a number is current, was replaced by an edit that had seen it, or was held by nobody after a restore.
    fn is_accounted_for(&self, number: u8, written: &Written) -> bool {
        let record = &self.office.records[usize::from(written.record)];
        let has_replaced = |(other, by): (usize, &Written)| {
            by.record == written.record && by.seen & only(number) != 0 && record.seen & only(other as u8) != 0
        };
        written.is_lost
            || (self.office.held | self.log.get(&written.record).copied().unwrap_or(0)) & only(number) != 0
            || record.siblings.values().any(|current| *current == number)
            || self.written.iter().enumerate().any(has_replaced)
    }

    fn sync(&mut self, index: usize, without: &[Rule]) {
        for _ in 0..EXCHANGES {
            let said = self.devices[index].speak();
            let answer = self.answer(&said, without);
            self.devices[index].hear(&said, &answer, without);
            if self.devices[index].is_drained() && answer.page.is_some_and(|page| !page.more) {
                break;
            }
        }
    }

    /// A dot that names two numbers, anywhere.
    fn has_ambiguous_dot(&self) -> bool {
        let mut names: BTreeMap<(RecordId, Dot), u8> = BTreeMap::new();
        let history = self.office.history.iter().map(|((id, dot), number)| (*id, *dot, *number));
        history
            .chain(self.devices.iter().flat_map(Device::dots))
            .any(|(id, dot, number)| *names.entry((id, dot)).or_insert(number) != number)
    }

    /// Whether a push had its effect twice although the office never lost a time: a number stands under two dots, or
    /// stands again after an edit that had seen it replaced it.
    fn has_repeated(&self) -> bool {
        let is_replaced = |id: usize, number: u8| {
            let ever = self.office.records[id].seen;
            self.written.iter().enumerate().any(|(other, by)| {
                usize::from(by.record) == id && by.seen & only(number) != 0 && ever & only(other as u8) != 0
            })
        };
        self.restores == 0
            && self.office.records.iter().enumerate().any(|(id, record)| {
                let numbers: BTreeSet<&u8> = record.siblings.values().collect();
                numbers.len() != record.siblings.len() || numbers.iter().any(|number| is_replaced(id, **number))
            })
    }

    /// Whether a device lacks something at or below its cursor.
    fn has_skipped(&self) -> bool {
        self.devices.iter().any(|device| {
            (0..2).any(|id| {
                self.office.has_read(&device.cursor, id)
                    && !self.office.records[usize::from(id)].version.is_within(&device.theirs[usize::from(id)].version)
            })
        })
    }
}

impl Model for Fleet {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.budget)]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        let left = &world.left;
        for index in 0..2 {
            if left.edits > 0 {
                steps.extend((0..2).map(|id| Step::Edit(index, id)));
            }
            match &world.wires[index] {
                Wire::Idle => steps.push(Step::Send(index)),
                Wire::Request(_) => {
                    steps.push(Step::Arrive(index));
                    if left.losses > 0 {
                        steps.push(Step::LoseRequest(index));
                    }
                    if left.repeats > 0 {
                        steps.push(Step::ArriveTwice(index));
                    }
                }
                Wire::Reply(..) => {
                    steps.push(Step::Hear(index));
                    if left.losses > 0 {
                        steps.push(Step::LoseReply(index));
                    }
                }
            }
        }
        steps.extend((0..world.late.len()).map(Step::ArriveLate));
        let is_free = |id: &RecordId| !world.office.collected.contains(id);
        if left.office_edits > 0 {
            steps.extend((0..2).filter(is_free).map(Step::OfficeEdit));
        }
        let is_deleted = |id: &RecordId| world.office.is_deleted(*id, world.deletes);
        if left.deletes > 0 {
            let is_here =
                |id: &RecordId| !world.office.records[usize::from(*id)].siblings.is_empty() && !is_deleted(id);
            steps.extend((0..2).filter(is_free).filter(is_here).map(Step::Delete));
        }
        let is_proven = |id: &RecordId| world.office.is_proven(*id, &self.without);
        steps.extend((0..2).filter(is_deleted).filter(is_proven).map(Step::Collect));
        if left.backups > 0 {
            steps.push(Step::BackUp);
        }
        if world.backup.is_some() {
            if left.restores > 0 {
                steps.push(Step::Restore(true));
            }
            if left.unsaid_restores > 0 {
                steps.push(Step::Restore(false));
            }
        }
    }

    fn next_state(&self, before: &World, step: Step) -> Option<World> {
        let mut world = before.clone();
        let without = &self.without;
        match step {
            Step::Edit(index, id) => {
                world.left.edits -= 1;
                let number = world.number(id, world.devices[index].shown(id).seen);
                world.devices[index].edit(id, number, without);
            }
            Step::OfficeEdit(id) => {
                world.left.office_edits -= 1;
                let number = world.number(id, world.office.records[usize::from(id)].seen);
                world.office.edit(id, number);
                world.seal();
            }
            Step::Delete(id) => {
                world.left.deletes -= 1;
                world.delete(id);
            }
            Step::Collect(id) => {
                *world.log.entry(id).or_default() |= world.office.records[usize::from(id)].seen;
                world.office.collect(id);
                world.seal();
            }
            Step::Send(index) => {
                let said = world.devices[index].speak();
                world.wires[index] = Wire::Request(said);
            }
            Step::Arrive(index) | Step::ArriveTwice(index) => {
                let Wire::Request(said) = world.wires[index].clone() else { return None };
                let answer = world.answer(&said, without);
                if step == Step::ArriveTwice(index) {
                    world.left.repeats -= 1;
                    world.late.push(said.clone());
                }
                world.wires[index] = Wire::Reply(said, Box::new(answer));
            }
            Step::LoseRequest(index) => {
                let Wire::Request(said) = world.wires[index].clone() else { return None };
                world.left.losses -= 1;
                world.wires[index] = Wire::Idle;
                if world.left.repeats > 0 {
                    world.left.repeats -= 1;
                    world.late.push(said);
                }
            }
            Step::LoseReply(index) => {
                world.left.losses -= 1;
                world.wires[index] = Wire::Idle;
            }
            Step::ArriveLate(place) => {
                let said = world.late.remove(place);
                world.answer(&said, without);
            }
            Step::Hear(index) => {
                let Wire::Reply(said, answer) = world.wires[index].clone() else { return None };
                world.wires[index] = Wire::Idle;
                // Only a store that hears a verdict acts on it: what a late request is told is told to nobody.
                let is_copy = answer.again.as_ref().is_some_and(|again| again.epoch == said.epoch);
                world.has_false_alarm |= is_copy && world.restores == 0;
                world.devices[index].hear(&said, &answer, without);
            }
            Step::BackUp => {
                world.left.backups -= 1;
                world.backup = Some(world.office.clone());
            }
            Step::Restore(is_said) => {
                world.restores += 1;
                let mut office = world.backup.clone()?;
                if is_said {
                    world.left.restores -= 1;
                    office.begin_epoch(&mut world.counters);
                } else {
                    world.left.unsaid_restores -= 1;
                }
                office.start(without, &mut world.counters);
                world.office = office;
                if !without.contains(&Rule::CollectionsAreLogged) {
                    world.replay();
                }
                world.mourn();
            }
        }
        // A device that says nothing new and hears nothing new is where it was: not a new state.
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("V1: a dot never names two contents", |_, world: &World| !world.has_ambiguous_dot()),
            Property::always("V1: no alarm without a copy", |_, world: &World| !world.has_false_alarm),
            Property::always("P3: what is offered was once said by the office", |_, world: &World| {
                !world.has_unsealed_offer
            }),
            Property::always("P1: a cursor never skips", |_, world: &World| !world.has_skipped()),
            Property::always("P2: a push has its effect once", |_, world: &World| !world.has_repeated()),
            Property::always(
                "C1, C2, D3, P3, L1: whatever happened, five syncs heal it",
                |fleet: &Self, world: &World| world.heal(&fleet.without).is_ok(),
            ),
            Property::always("T: what was collected never lives again", |_, world: &World| !world.has_returned()),
            Property::sometimes("two edits stand beside each other", |_, world: &World| world.conflicts > 1),
            Property::sometimes("the office takes back what it forgot", |_, world: &World| world.refilled),
            Property::sometimes("a record is collected", |_, world: &World| !world.log.is_empty()),
            Property::sometimes("what comes for a collected record is held", |_, world: &World| world.office.held != 0),
            Property::sometimes("an edit is lost with a time of the office", |_, world: &World| {
                world.written.iter().any(|written| written.is_lost)
            }),
        ]
    }
}
