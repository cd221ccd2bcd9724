//! Random exploration of one fleet against the promises, with an independent oracle: screens that stay open, lost and
//! late requests, lost replies, sessions cut anywhere, kills, edits during an upload, pages of one record, refusals and
//! their retry, phones copied beside the living one, office images brought back, said or unsaid.
//!
//! Checked after everything healed: nothing pending; every phone shows the office's records; no offer lacked a seal; no
//! alarm without a copy; and every edit is current, was replaced by an edit that had seen it, waits in a drawer, or was
//! held by nobody when an office image came back.

use std::collections::{BTreeMap, BTreeSet};

use super::office::Office;
use super::*;
use crate::Ended;
use crate::entropy::{Entropy, below};

const GROUPS: [&str; 2] = ["hazards", "finding"];
/// The group that is refused while it is locked.
const LOCKED: &str = "finding";
const REPORTS: [u8; 2] = [70, 71];

/// Which faults a fleet suffers besides a bad network.
#[derive(Clone, Copy, Default)]
struct Faults {
    copies: bool,
    restores: bool,
    /// Whether the operator forgets to say that the office was restored.
    unsaid: bool,
    /// Whether phones have anchors, so that copies know themselves, and old images are put back.
    anchors: bool,
}

struct Screen {
    phone: usize,
    id: RecordId,
    group: &'static str,
    context: Context,
    seen: BTreeSet<String>,
}

struct Fleet {
    chance: SeededEntropy,
    faults: Faults,
    office: Office,
    phones: Vec<Phone>,
    screens: Vec<Screen>,
    late: Vec<super::super::Request>,
    /// Of each text, where it was entered and which texts its author had seen, however indirectly.
    edits: BTreeMap<String, (RecordId, &'static str, BTreeSet<String>)>,
    /// Texts that nobody but a lost time of the office held.
    forgiven: BTreeSet<String>,
    copies: u32,
    restores: u32,
    /// New replica ids that phones took: only the store that receives a verdict acts on it.
    restamps: u32,
    /// Images of phones' stores.
    images: Vec<(usize, tempfile::TempPath)>,
    /// Whether a phone was copied that was still asking: what it had entered may arrive from both.
    has_copied_doubt: bool,
}

impl Fleet {
    fn new(seed: u64, faults: Faults) -> Self {
        let mut fleet = Self {
            chance: SeededEntropy::new(seed),
            faults,
            office: Office::new(),
            phones: [1, 2]
                .map(|number| if faults.anchors { Phone::anchored(number) } else { Phone::new(number) })
                .into(),
            images: Vec::new(),
            has_copied_doubt: false,
            screens: Vec::new(),
            late: Vec::new(),
            edits: BTreeMap::new(),
            forgiven: BTreeSet::new(),
            copies: 0,
            restores: 0,
            restamps: 0,
        };
        for phone in 0..2 {
            assert!(fleet.phones[phone].sync(&mut fleet.office).is_complete());
        }
        fleet
    }

    fn roll(&self, limit: u64) -> u64 {
        below(&self.chance as &dyn Entropy, limit)
    }

    fn pick<T: Copy>(&self, choices: &[T]) -> T {
        choices[self.roll(choices.len() as u64) as usize]
    }

    /// What somebody who sees `record` has seen of a group.
    fn seen(&self, record: Option<&Record>, group: &str) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        for text in texts(record, group) {
            seen.extend(self.edits.get(&text).into_iter().flat_map(|(_, _, seen)| seen.iter().cloned()));
            seen.insert(text);
        }
        seen
    }

    fn new_text(&mut self, id: RecordId, group: &'static str, seen: BTreeSet<String>) -> String {
        let text = format!("text {}", self.edits.len() + 1);
        self.edits.insert(text.clone(), (id, group, seen));
        text
    }

    fn edit(&mut self, phone: usize) {
        let (id, group) = (id(self.pick(&REPORTS)), self.pick(&GROUPS));
        let Some(record) = self.phones[phone].record(id) else { return };
        let seen = self.seen(Some(&record), group);
        let text = self.new_text(id, group, seen);
        self.phones[phone].enter(id, group, &text);
    }

    fn open_screen(&mut self, phone: usize) {
        let (id, group) = (id(self.pick(&REPORTS)), self.pick(&GROUPS));
        let Some(record) = self.phones[phone].record(id) else { return };
        let (context, seen) = (self.phones[phone].context(id), self.seen(Some(&record), group));
        self.screens.push(Screen { phone, id, group, context, seen });
    }

    fn save_screen(&mut self) {
        if self.screens.is_empty() {
            return;
        }
        let screen = self.screens.swap_remove(self.roll(self.screens.len() as u64) as usize);
        let text = self.new_text(screen.id, screen.group, screen.seen);
        let draft = report(screen.id, screen.group, &text).seen(screen.context);
        self.phones[screen.phone].device.edit(draft).unwrap();
    }

    fn office_edit(&mut self) {
        let (id, group) = (id(self.pick(&REPORTS)), self.pick(&GROUPS));
        let seen = self.seen(self.office.records.get(&id), group);
        let text = self.new_text(id, group, seen);
        self.office.write("work_report", id, group, words(group, &text));
    }

    /// A session over a bad wire, cut somewhere.
    fn sync(&mut self, phone: usize) {
        let mut session = Session::begin(&self.phones[phone].device).unwrap();
        for _ in 0..=self.roll(4) {
            self.office.page = if self.roll(2) == 0 { 1 } else { 100 };
            let Step::Send(request) = session.next().unwrap() else { break };
            match self.roll(20) {
                0 => session.failed().unwrap(),
                1 => {
                    self.late.push(request);
                    session.failed().unwrap();
                }
                2..=5 => {
                    self.office.respond(&request);
                    session.failed().unwrap();
                }
                roll => {
                    let response = self.office.respond(&request);
                    if roll > 16 {
                        self.edit(phone);
                    }
                    session.answer(response).unwrap();
                }
            }
            session.pause_ms = None; // time passes
        }
        self.restamps += session.receipt().restamps;
        drop(session);
        if self.roll(4) == 0 {
            self.phones[phone].kill();
        }
    }

    fn copy_phone(&mut self, phone: usize) {
        if self.faults.copies && self.phones.len() < 4 {
            self.has_copied_doubt |= self.is_in_doubt(phone);
            let copy = self.phones[phone].copy();
            self.phones.push(copy);
            self.copies += 1;
        }
    }

    fn is_in_doubt(&self, phone: usize) -> bool {
        self.phones[phone].device.read(store::asked::is_any).unwrap()
    }

    fn take_image(&mut self, phone: usize) {
        self.has_copied_doubt |= self.is_in_doubt(phone);
        let image = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        self.phones[phone].back_up(&image);
        self.images.push((phone, image));
    }

    /// Puts an old image back on the phone it was taken of; what only the phone held since then is gone.
    fn put_back(&mut self) {
        if !self.faults.anchors || !self.faults.copies || self.images.is_empty() {
            return;
        }
        let (phone, image) = self.images.swap_remove(self.roll(self.images.len() as u64) as usize);
        self.screens.retain(|screen| screen.phone != phone);
        self.phones[phone].put_back(&image);
        self.copies += 1;
        let held = self.held(self.office.records.clone());
        self.forgiven.extend(self.edits.keys().filter(|text| !held.contains(*text)).cloned());
    }

    /// Every text that an office with these records or any phone holds.
    fn held(&self, records: BTreeMap<RecordId, Record>) -> BTreeSet<String> {
        let mut held = BTreeSet::new();
        for (id, group) in REPORTS.iter().flat_map(|number| GROUPS.map(|group| (id(*number), group))) {
            held.extend(texts(records.get(&id), group));
            held.extend(self.phones.iter().flat_map(|phone| phone.texts(id, group)));
        }
        held
    }

    fn restore(&mut self, image: Option<&Office>) {
        let Some(image) = image.filter(|_| self.faults.restores) else { return };
        let held = self.held(image.records.clone());
        self.forgiven.extend(self.edits.keys().filter(|text| !held.contains(*text)).cloned());
        let epoch = self.office.epoch;
        self.office = self.office.restored(image);
        self.restores += 1;
        if !self.faults.unsaid || self.roll(3) == 0 {
            self.office.epoch = epoch.max(self.office.epoch) + 1 + self.roll(1_000);
        }
    }

    fn day(&mut self) {
        let mut image = None;
        for _ in 0..5 + self.roll(35) {
            let phone = self.roll(self.phones.len() as u64) as usize;
            match self.roll(100) {
                0..22 => self.edit(phone),
                22..27 => self.open_screen(phone),
                27..32 => self.save_screen(),
                32..44 => self.office_edit(),
                44..78 => self.sync(phone),
                78..81 if !self.late.is_empty() => {
                    let request = self.late.swap_remove(self.roll(self.late.len() as u64) as usize);
                    self.office.respond(&request);
                }
                81..86 => self.copy_phone(phone),
                86..90 => image = Some(self.office.clone()),
                90..92 => self.restore(image.as_ref()),
                97 => self.take_image(phone),
                98 => self.put_back(),
                92..97 if self.office.locked.is_empty() => {
                    self.office.locked.insert(LOCKED.to_owned());
                }
                92..97 => {
                    self.office.locked.clear();
                    self.office.rights += 1;
                }
                _ => {}
            }
        }
    }

    fn heal(&mut self) {
        self.office.page = 100;
        for _ in 0..6 {
            for phone in 0..self.phones.len() {
                let receipt = self.phones[phone].sync(&mut self.office);
                assert_eq!(receipt.ended, Ended::Complete, "{receipt:?}");
                self.restamps += receipt.restamps;
            }
        }
    }

    fn errors(&self) -> Vec<String> {
        let mut errors = Vec::new();
        if self.office.unsealed > 0 {
            errors.push("offer without a seal".to_owned());
        }
        if self.faults.anchors && !self.has_copied_doubt && self.restores == 0 {
            // What is never refused arrives once, whoever pushes it.
            for number in REPORTS {
                let texts = texts(self.office.records.get(&id(number)), "hazards");
                if texts.iter().collect::<BTreeSet<_>>().len() != texts.len() {
                    errors.push(format!("{number} has something twice: {texts:?}"));
                }
            }
        }
        if self.restamps > 0 && self.copies == 0 && self.restores == 0 {
            errors.push("false alarm".to_owned());
        }
        let mut drawer = BTreeSet::new();
        for (place, phone) in self.phones.iter().enumerate() {
            let status = phone.device.status().unwrap();
            if status.pending > 0 || status.offers > 0 {
                errors.push(format!("phone {place} still holds something"));
            }
            if status.agrees != Some(true) || status.fingerprint != self.office.fingerprint() {
                errors.push(format!("phone {place} disagrees"));
            }
            for number in REPORTS {
                if phone.record(id(number)).as_ref() != self.office.records.get(&id(number)) {
                    errors.push(format!("phone {place} differs in {number}"));
                }
            }
            let entries = phone.device.drawer().unwrap();
            drawer.extend(
                entries.iter().filter_map(|entry| entry.edit.fields.text(field(&entry.edit.group)).map(str::to_owned)),
            );
        }
        let current: BTreeSet<String> = REPORTS
            .iter()
            .flat_map(|number| GROUPS.map(|group| texts(self.office.records.get(&id(*number)), group)))
            .flatten()
            .chain(drawer)
            .collect();
        let replaced: BTreeSet<&String> = current.iter().flat_map(|text| &self.edits[text].2).collect();
        for text in self.edits.keys() {
            if !current.contains(text) && !replaced.contains(text) && !self.forgiven.contains(text) {
                errors.push(format!("{text} is lost"));
            }
        }
        errors
    }
}

fn explore(seeds: std::ops::Range<u64>, faults: Faults) {
    for seed in seeds {
        let mut fleet = Fleet::new(seed, faults);
        fleet.day();
        fleet.heal();
        let errors = fleet.errors();
        assert!(errors.is_empty(), "seed {seed}: {errors:?}");
    }
}

/// Days per kind of trouble. `FIELDSYNC_DAYS` asks for more.
fn days() -> u64 {
    std::env::var("FIELDSYNC_DAYS").ok().and_then(|days| days.parse().ok()).unwrap_or(8)
}

#[test]
fn a_bad_network_alone_loses_nothing_and_raises_no_alarm() {
    explore(0..days(), Faults::default());
}

#[test]
fn copied_phones_lose_nothing() {
    explore(1_000_000..1_000_000 + days(), Faults { copies: true, ..Faults::default() });
}

#[test]
fn restored_offices_are_refilled() {
    explore(2_000_000..2_000_000 + days(), Faults { restores: true, ..Faults::default() });
}

#[test]
fn offices_restored_without_a_word_are_refilled() {
    explore(3_000_000..3_000_000 + days(), Faults { restores: true, unsaid: true, ..Faults::default() });
}

#[test]
fn copied_phones_and_restored_offices_together_lose_nothing() {
    explore(4_000_000..4_000_000 + days(), Faults { copies: true, restores: true, ..Faults::default() });
}

#[test]
fn phones_with_anchors_lose_nothing_and_raise_no_alarm() {
    explore(5_000_000..5_000_000 + days(), Faults { anchors: true, ..Faults::default() });
}

#[test]
fn copies_and_old_images_that_know_themselves_lose_nothing_and_bring_nothing_twice() {
    explore(6_000_000..6_000_000 + days(), Faults { anchors: true, copies: true, ..Faults::default() });
}

#[test]
fn copies_that_know_themselves_and_restored_offices_together_lose_nothing() {
    explore(7_000_000..7_000_000 + days(), Faults { anchors: true, copies: true, restores: true, unsaid: false });
}
