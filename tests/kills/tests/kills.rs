//! Kills a phone's process and the office's at random moments under load, and finds everything that was acknowledged.
//!
//! `FIELDSYNC_KILLS` says how often: 60 kills of the phone and 25 of the office when it is not set, otherwise so many of
//! the phone and a third of them of the office.
#![cfg(test)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fieldsync::entropy::{Entropy, SeededEntropy};
use fieldsync::{Device, RecordId, fields};
use fieldsync_kills::{Log, open, sync};
use fieldsync_server::enrol::new_code;
use fieldsync_server::people::{OPERATOR, add_technician};
use fieldsync_server::server::{self, Opened};
use fieldsync_server::sync::edit::{Draft, commit};
use tokio::runtime::Runtime;

/// One at a time: a process that is being started holds for a moment every file that this one has open, and with it the
/// lock of a store that is closed meanwhile.
static TURN: Mutex<()> = Mutex::new(());
const ORDERS: usize = 40;
const PHONES: usize = 3;

fn kills(default: usize, share: usize) -> usize {
    std::env::var("FIELDSYNC_KILLS").ok().and_then(|text| text.parse::<usize>().ok()).map_or(default, |n| n / share)
}

/// Random numbers that a seed decides: which moments are hit is up to the machine nevertheless.
struct Chance(SeededEntropy);

impl Chance {
    fn below(&self, limit: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % limit
    }

    /// Lets up to four milliseconds pass, so that a kill hits any part of a transaction.
    fn dawdle(&self) {
        let end = Instant::now() + Duration::from_micros(self.below(4_000));
        while Instant::now() < end {
            std::hint::spin_loop();
        }
    }
}

/// The office's process.
struct Office {
    child: Child,
    url: String,
    _out: BufReader<ChildStdout>,
}

impl Office {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kills-office"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).expect("it says where it listens");
        Self { url: url.to_owned(), child, _out: out }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// An office with orders, and phones enrolled in folders of their own.
struct Scene {
    folder: tempfile::TempDir,
    orders: Vec<RecordId>,
}

impl Scene {
    fn new(phones: usize, runtime: &Runtime) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let opened = server::open(&folder.path().join("office"), "acme").unwrap();
        let orders: Vec<RecordId> = (0..ORDERS).map(|_| opened.office.new_id()).collect();
        let origin = |id: &RecordId| Draft::one("work_order", *id, "origin", fields! { "channel" => "phone" });
        commit(&opened.office, &OPERATOR, orders.iter().map(origin).collect()).unwrap();
        let scene = Self { folder, orders };
        for phone in 0..phones {
            scene.enrol(&opened, phone, runtime);
        }
        scene
    }

    fn enrol(&self, opened: &Opened, phone: usize, runtime: &Runtime) {
        let technician = add_technician(&opened.office, &format!("Technician {phone}"), "", "").unwrap();
        let assignment = |order: &RecordId| {
            let plan = fields! { "work_order" => *order, "technician" => technician };
            Draft::one("assignment", opened.office.new_id(), "plan", plan)
        };
        commit(&opened.office, &OPERATOR, self.orders.iter().map(assignment).collect()).unwrap();
        let device = open(&self.phone(phone), runtime).unwrap();
        let request = device.enrol_request(&new_code(&opened.office, technician).unwrap(), "phone").unwrap();
        let message = fieldsync_protocol::wire::unpack(&request.body).unwrap();
        let answer = fieldsync_server::enrol::enrol(&opened.office, &message).unwrap();
        let body = fieldsync_protocol::wire::pack(&answer);
        let answer = fieldsync::Response { status: 200, headers: vec![], body };
        device.enrol_answer("http://127.0.0.1", &answer).unwrap();
    }

    fn office(&self) -> PathBuf {
        self.folder.path().join("office")
    }

    fn phone(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("phone-{number}"))
    }

    fn log(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("acknowledged-{number}"))
    }

    /// Nothing that was acknowledged is missing at the office, nothing is there twice, and its chain verifies.
    fn account(&self, phones: usize, runtime: &Runtime) -> usize {
        let opened = server::open(&self.office(), "acme").unwrap();
        let mut times: BTreeMap<String, Vec<RecordId>> = BTreeMap::new();
        for order in &self.orders {
            let board = opened.office.read(|txn| fieldsync_server::sync::board::load(txn, *order)).unwrap();
            for note in board.expect("the order is there").job.notes {
                times.entry(note.text).or_default().push(note.id);
            }
        }
        let mut acknowledged = 0;
        for phone in 0..phones {
            for (note, text) in Log::read(&self.log(phone)).unwrap() {
                acknowledged += 1;
                assert_eq!(times.get(&text).map(Vec::as_slice), Some([note].as_slice()), "{text}");
            }
        }
        let doubled: Vec<_> = times.iter().filter(|(_, ids)| ids.len() > 1).collect();
        assert!(doubled.is_empty(), "{doubled:?}");
        assert!(!opened.was_older);
        let report = runtime.block_on(fieldsync_server::verify::verify(&opened.office, &opened.blobs)).unwrap();
        assert_eq!(report.problems, Vec::<String>::new());
        acknowledged
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// What a phone that was killed still knows.
fn missing(device: &Device, log: &[(RecordId, String)]) -> Vec<String> {
    let is_there = |note: &RecordId, text: &str| {
        device.record(*note).is_ok_and(|shown| {
            shown.record.siblings("text").any(|(_, sibling)| sibling.fields.get("text") == Some(&text.into()))
        })
    };
    log.iter().filter(|(note, text)| !is_there(note, text)).map(|(_, text)| text.clone()).collect()
}

#[test]
fn a_phone_killed_at_any_moment_keeps_what_it_acknowledged() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (runtime, chance) = (runtime(), Chance(SeededEntropy::new(7)));
    let scene = Scene::new(1, &runtime);
    let office = Office::start(&scene.office());
    sync(&open(&scene.phone(0), &runtime).unwrap(), &office.url, &runtime).unwrap();
    let rounds = kills(60, 1);
    let mut seen = 0;
    for round in 0..rounds {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kills-phone"))
            .args([scene.phone(0), scene.log(0)])
            .args([&office.url, &format!("round{round}")])
            .args(scene.orders.iter().map(ToString::to_string))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..=chance.below(12) {
            lines.next().expect("it works until it is killed").unwrap();
        }
        chance.dawdle();
        child.kill().unwrap();
        child.wait().unwrap();

        let log = Log::read(&scene.log(0)).unwrap();
        let device = open(&scene.phone(0), &runtime).unwrap_or_else(|error| panic!("round {round}: {error:?}"));
        // All of the last rounds each time; everything at the end.
        assert_eq!(missing(&device, &log[seen.min(log.len())..]), Vec::<String>::new(), "round {round}");
        seen = log.len().saturating_sub(50);
    }
    let device = open(&scene.phone(0), &runtime).unwrap();
    let log = Log::read(&scene.log(0)).unwrap();
    assert_eq!(missing(&device, &log), Vec::<String>::new());
    while !device.status().unwrap().is_drained() {
        sync(&device, &office.url, &runtime).unwrap();
    }
    office.kill();
    let acknowledged = scene.account(1, &runtime);
    println!("kills: {rounds} of a phone: {acknowledged} notes acknowledged, none lost, none doubled");
}

/// The office's address while it runs.
#[derive(Default)]
struct Address {
    url: Mutex<Option<String>>,
    came: Condvar,
}

impl Address {
    fn set(&self, url: Option<String>) {
        *self.url.lock().unwrap() = url;
        self.came.notify_all();
    }

    /// Waits for it.
    fn get(&self) -> String {
        let guard = self.came.wait_while(self.url.lock().unwrap(), |url| url.is_none()).unwrap();
        guard.clone().expect("it was waited for")
    }
}

#[test]
fn an_office_killed_at_any_moment_keeps_what_it_answered() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (runtime, chance) = (runtime(), Chance(SeededEntropy::new(8)));
    let scene = Scene::new(PHONES, &runtime);
    let (address, is_over) = (Arc::new(Address::default()), AtomicBool::new(false));
    let rounds = kills(25, 3);
    let mut slowest = Duration::ZERO;
    std::thread::scope(|scope| {
        let (drained, drains) = channel();
        for phone in 0..PHONES {
            let (scene, runtime, address, is_over, drained) = (&scene, &runtime, &address, &is_over, drained.clone());
            scope.spawn(move || {
                let device = open(&scene.phone(phone), runtime).unwrap();
                let mut log = Log::open(&scene.log(phone)).unwrap();
                let mut number = 0;
                sync(&device, &address.get(), runtime).unwrap();
                while !is_over.load(Ordering::Acquire) {
                    if device.status().unwrap().pending < 20 && device.status().unwrap().records > 0 {
                        for _ in 0..3 {
                            number += 1;
                            let text = format!("phone{phone}-{number}");
                            if let Ok(note) = device.add_note(scene.orders[number % ORDERS], &text) {
                                log.note(note, &text).unwrap();
                            }
                        }
                    }
                    if sync(&device, &address.get(), runtime).unwrap() {
                        let _ = drained.send(());
                    }
                }
                while !device.status().unwrap().is_drained() {
                    sync(&device, &address.get(), runtime).unwrap();
                }
                assert_eq!(device.status().unwrap().refused + device.status().unwrap().held, 0);
            });
        }
        for _ in 0..rounds {
            let began = Instant::now();
            let office = Office::start(&scene.office());
            slowest = slowest.max(began.elapsed());
            address.set(Some(office.url.clone()));
            for _ in 0..=chance.below(8) {
                drains.recv().expect("the phones work");
            }
            chance.dawdle();
            address.set(None);
            office.kill();
        }
        let office = Office::start(&scene.office());
        address.set(Some(office.url.clone()));
        is_over.store(true, Ordering::Release);
        // The phones end when everything has arrived; then nobody sends any more.
        drop(drained);
        while drains.recv().is_ok() {}
        office.kill();
    });
    let acknowledged = scene.account(PHONES, &runtime);
    println!(
        "kills: {rounds} of the office under {PHONES} phones: {acknowledged} notes acknowledged, none lost, none doubled; \
         slowest start {} ms",
        slowest.as_millis()
    );
}
