//! A fleet: one office with its server on a real socket, and phones with real stores in folders of their own.
//!
//! Clock and randomness are the harness's; nothing sleeps. A phone's pauses between attempts are skipped, not waited.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use fieldsync::entropy::SeededEntropy;
use fieldsync::{Clock, Config, Device, Receipt, Session, Step, Transport};
use fieldsync_protocol::exchange::Fingerprint;
use fieldsync_protocol::job::Job;
use fieldsync_protocol::rights::{Actor, Role};
use fieldsync_protocol::show::{self, Conflict};
use fieldsync_protocol::status::{Status, status};
use fieldsync_protocol::{Fields, PersonId, Record, RecordId, Version, fields};
use fieldsync_server::blobs::Blobs;
use fieldsync_server::bundle::{self, Carrier, ImportError, Imported, Source};
use fieldsync_server::enrol;
use fieldsync_server::office::Office;
use fieldsync_server::people::{OPERATOR, add_technician};
use fieldsync_server::store::{Audience, StoreError};
use fieldsync_server::sync::board;
use fieldsync_server::sync::edit::{Draft, EditError, commit};
use tokio::runtime::Runtime;

use crate::network::Network;
use crate::server::Server;

/// Requests one sync may take before something is wrong.
const REQUESTS_MAX: u32 = 2_000;

/// A clock that goes on by a millisecond whenever it is looked at, and by as much as a test says.
#[derive(Debug)]
pub struct Hand(AtomicI64);

impl Hand {
    /// Moves the clock on.
    pub fn advance_minutes(&self, minutes: i64) {
        self.0.fetch_add(minutes * 60_000, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now_ms(&self) -> i64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// The office, its server, and what the phones share with them.
pub struct Fleet {
    /// The office, as its own pages see it.
    pub office: Office,
    /// Everybody's clock.
    pub clock: Arc<Hand>,
    office_folder: PathBuf,
    server: Option<Server>,
    seeds: AtomicU64,
    folder: tempfile::TempDir,
    runtime: Arc<Runtime>,
}

impl Fleet {
    /// An office that has just opened, with its server on a free port.
    pub fn open() -> Self {
        Self::open_prepared(|_| {})
    }

    /// An office whose folder somebody filled before its server started.
    pub fn open_prepared(prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = Arc::new(runtime.expect("a runtime starts"));
        let clock = Arc::new(Hand(AtomicI64::new(1_772_439_300_000)));
        let entropy = Arc::new(SeededEntropy::new(0));
        let office_folder = folder.path().join("office");
        prepare(&office_folder);
        let any_port = (Ipv4Addr::LOCALHOST, 0).into();
        let server = Server::start(any_port, &office_folder, clock.clone(), entropy, &runtime);
        let office = server.office().clone();
        Self { office, clock, office_folder, server: Some(server), seeds: AtomicU64::new(1), folder, runtime }
    }

    /// The office's folder.
    pub fn office_folder(&self) -> &Path {
        &self.office_folder
    }

    /// Where the server listens: host and port.
    pub fn address(&self) -> String {
        self.server().address().to_string()
    }

    /// Where the office keeps photos, files and parcels.
    pub fn blobs(&self) -> Blobs {
        Blobs::in_folder(&self.office_folder.join("blobs")).expect("the office's blobs open")
    }

    /// A place for a file that somebody carries.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Somebody at the office imports a bundle.
    ///
    /// # Errors
    /// When it is none of this office's.
    pub fn import(&self, file: &Path) -> Result<Imported, ImportError> {
        let source = Source::File(file.to_owned());
        let carrier = Carrier::Person(OPERATOR.person);
        self.runtime.block_on(bundle::import(&self.office, &self.blobs(), &source, carrier))
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("the server runs")
    }

    /// A copy of the office's database as it is now.
    pub fn back_up(&self) -> PathBuf {
        let path = self.folder.path().join(format!("backup-{}", self.seeds.fetch_add(1, Ordering::SeqCst)));
        self.office.store.backup(&path).expect("a backup can be made");
        path
    }

    /// Puts an older database in the office's place, by hand and without a word to anybody, and starts the server again
    /// where it was. What stands outside the database stays; phones that are open go on.
    pub fn restore(&mut self, backup: &Path) {
        let server = self.server.take().expect("the server runs");
        let address = server.address();
        server.stop(&self.runtime);
        let number = self.seeds.fetch_add(1, Ordering::SeqCst);
        let folder = self.folder.path().join(format!("office-{number}"));
        copy_folder(&self.office_folder, &folder).expect("a folder can be copied");
        for rest in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(folder.join(format!("office.sqlite{rest}")));
        }
        std::fs::copy(backup, folder.join("office.sqlite")).expect("a backup can be put in place");
        let entropy = Arc::new(SeededEntropy::new(number | 1 << 32));
        let server = Server::start(address, &folder, self.clock.clone(), entropy, &self.runtime);
        self.office = server.office().clone();
        self.office_folder = folder;
        self.server = Some(server);
    }

    /// The runtime that requests run on.
    pub fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    /// A new technician with an enrolled phone that has pulled once.
    pub fn phone(&self, name: &str) -> Phone {
        let technician = add_technician(&self.office, name, "", "").expect("a technician can be added");
        self.phone_of(name, technician)
    }

    /// Another phone of a technician, enrolled, that has pulled once.
    pub fn phone_of(&self, name: &str, technician: RecordId) -> Phone {
        let code = enrol::new_code(&self.office, technician).expect("a code can be made");
        let folder = self.folder.path().join(format!("phone-{}", self.seeds.fetch_add(1, Ordering::SeqCst)));
        let phone = self.phone_in(name, technician, folder);
        let url = format!("http://{}", self.address());
        self.runtime.block_on(phone.device().enrol(&url, &code, name)).expect("the phone enrols");
        phone.sync();
        phone
    }

    /// A phone with a folder that somebody filled before it was switched on.
    pub fn phone_prepared(&self, name: &str, technician: RecordId, prepare: impl FnOnce(&Path)) -> Phone {
        let folder = self.folder.path().join(format!("phone-{}", self.seeds.fetch_add(1, Ordering::SeqCst)));
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        prepare(&folder);
        self.phone_in(name, technician, folder)
    }

    /// The phone whose folder this is, opened.
    fn phone_in(&self, name: &str, technician: RecordId, folder: PathBuf) -> Phone {
        let device = self.open_device(&folder);
        let network = Arc::new(Network::new(&device, &self.address()).expect("loopback is allowed"));
        let runtime = self.runtime.clone();
        Phone { name: name.to_owned(), technician, network, folder, device: Some(device), runtime }
    }

    fn open_device(&self, folder: &Path) -> Device {
        let mut config = Config::new(folder);
        config.clock = self.clock.clone();
        config.entropy = Arc::new(SeededEntropy::new(self.seeds.fetch_add(1, Ordering::SeqCst)));
        config.runtime = Some(self.runtime.handle().clone());
        Device::open(config).expect("the phone's store opens")
    }

    /// Opens a phone again that was killed.
    pub fn reopen(&self, phone: &mut Phone) {
        phone.kill();
        phone.device = Some(self.open_device(&phone.folder));
    }

    /// A second phone from a copy of a killed phone's folder, as a backup restored onto new hardware.
    pub fn copy_of(&self, phone: &Phone) -> Phone {
        assert!(phone.device.is_none(), "a folder is copied while the phone is off");
        let folder = self.folder.path().join(format!("copy-{}", self.seeds.fetch_add(1, Ordering::SeqCst)));
        copy_folder(&phone.folder, &folder).expect("a folder can be copied");
        self.phone_in(&phone.name, phone.technician, folder)
    }

    /// A customer, known to the office.
    pub fn customer(&self, name: &str) -> RecordId {
        let id = self.office.new_id();
        self.edit("customer", id, vec![("identity", fields! { "name" => name })]).expect("a customer can be added");
        id
    }

    /// A work order for `customer`.
    pub fn order(&self, customer: RecordId, problem: &str) -> RecordId {
        let id = self.office.new_id();
        let groups = vec![
            ("origin", fields! { "channel" => "phone" }),
            ("problem", fields! { "text" => problem }),
            ("parties", fields! { "customer" => customer }),
            ("plan", fields! { "priority" => "normal" }),
        ];
        self.edit("work_order", id, groups).expect("an order can be added");
        id
    }

    /// So many orders for `customer`, all with this technician, entered at once.
    pub fn orders(&self, customer: RecordId, count: usize, technician: RecordId) -> Vec<RecordId> {
        let ids: Vec<RecordId> = (0..count).map(|_| self.office.new_id()).collect();
        let drafts = ids.iter().enumerate().flat_map(|(n, id)| {
            let order = vec![
                ("origin", fields! { "channel" => "phone" }),
                ("problem", fields! { "text" => format!("job {n}") }),
                ("parties", fields! { "customer" => customer }),
                ("plan", fields! { "priority" => "normal" }),
            ];
            let plan = fields! { "work_order" => *id, "technician" => technician };
            [
                Draft { kind: "work_order", id: *id, groups: order, context: None },
                Draft::one("assignment", self.office.new_id(), "plan", plan),
            ]
        });
        commit(&self.office, &OPERATOR, drafts.collect()).expect("orders can be added");
        ids
    }

    /// Sends a technician to an order, and returns the assignment.
    pub fn assign(&self, order: RecordId, technician: RecordId) -> RecordId {
        let id = self.office.new_id();
        let plan = fields! { "work_order" => order, "technician" => technician };
        self.edit("assignment", id, vec![("plan", plan)]).expect("a technician can be assigned");
        id
    }

    /// An order of a new customer that a phone's technician was given and the phone has.
    pub fn given(&self, phone: &Phone, customer: &str, problem: &str) -> RecordId {
        let order = self.order(self.customer(customer), problem);
        self.assign(order, phone.technician);
        self.settle(&[phone]);
        order
    }

    /// Takes an assignment back.
    pub fn withdraw(&self, assignment: RecordId) {
        let withdrawn = fields! { "withdrawn" => true, "reason" => "somebody nearer" };
        self.edit("assignment", assignment, vec![("withdrawn", withdrawn)]).expect("an assignment can be taken back");
    }

    /// A dispatcher changes a record, having seen it as it stands.
    ///
    /// # Errors
    /// When the rules say no.
    pub fn edit(
        &self,
        kind: &'static str,
        id: RecordId,
        groups: Vec<(&'static str, Fields)>,
    ) -> Result<Record, EditError> {
        self.edit_seen(kind, id, groups, None)
    }

    /// A dispatcher changes a record from a page that showed the version `seen`.
    ///
    /// # Errors
    /// When the rules say no.
    pub fn edit_seen(
        &self,
        kind: &'static str,
        id: RecordId,
        groups: Vec<(&'static str, Fields)>,
        seen: Option<Version>,
    ) -> Result<Record, EditError> {
        let stored = commit(&self.office, &OPERATOR, vec![Draft { kind, id, groups, context: seen }])?;
        Ok(stored.into_iter().next().expect("one draft gives one record").record)
    }

    /// A reviewer decides about an order.
    pub fn review(&self, order: RecordId, decision: &str) {
        let job = self.job(order);
        let seen: Vec<fieldsync::Value> = job.seen_by_review().into_iter().map(Into::into).collect();
        let document = job.latest_document().map(|document| document.hash);
        let fields = fields! { "work_order" => order, "decision" => decision, "document" => document, "seen" => seen };
        let reviewer = Actor { person: PersonId(self.office.new_id().0), role: Role::Supervisor };
        let draft = Draft::one("review", self.office.new_id(), "decision", fields);
        commit(&self.office, &reviewer, vec![draft]).expect("a reviewer can decide");
    }

    /// A record as it stands at the office.
    pub fn record(&self, id: RecordId) -> Record {
        let stored = self.office.read(|txn| txn.record(id)).expect("the office's store reads");
        stored.expect("the office has this record").record
    }

    /// Whether the office has a record.
    pub fn has(&self, id: RecordId) -> bool {
        self.office.read(|txn| txn.record(id)).expect("the office's store reads").is_some()
    }

    /// What people must decide between in a record.
    pub fn conflicts(&self, id: RecordId) -> Vec<Conflict> {
        show::conflicts(&self.record(id))
    }

    /// A job as the office sees it.
    pub fn job(&self, order: RecordId) -> Job {
        let loaded = self.office.read(|txn| board::load(txn, order)).expect("the office's store reads");
        loaded.expect("the office has this order").job
    }

    /// Where an order stands at the office.
    pub fn status(&self, order: RecordId) -> Status {
        status(&self.job(order))
    }

    /// The fingerprint of what a technician's phone should hold.
    pub fn fingerprint(&self, technician: RecordId) -> Fingerprint {
        let sums = self.office.read(|txn| {
            let own = txn.audience(Audience::of(technician))?.set;
            Ok::<_, StoreError>(Fingerprint { own, shared: txn.audience(Audience::SHARED)?.set })
        });
        sums.expect("the office's store reads")
    }

    /// Lets every phone sync until none has anything to say, and asserts that everything has arrived everywhere: nothing
    /// pending, the same fingerprint on both sides.
    pub fn settle(&self, phones: &[&Phone]) {
        for _ in 0..3 {
            phones.iter().for_each(|phone| drop(phone.sync()));
        }
        for phone in phones {
            let status = phone.device().status().expect("the phone's store reads");
            assert!(status.is_drained(), "{} still holds {} edits", phone.name, status.pending);
            assert_eq!(status.agrees, Some(true), "{} and the office differ", phone.name);
            assert_eq!(status.fingerprint, self.fingerprint(phone.technician), "{} and the office differ", phone.name);
        }
    }
}

/// A technician's phone.
pub struct Phone {
    /// The technician's name.
    pub name: String,
    /// The technician.
    pub technician: RecordId,
    /// The phone's way to the office.
    pub network: Arc<Network>,
    folder: PathBuf,
    device: Option<Device>,
    runtime: Arc<Runtime>,
}

impl Phone {
    /// The engine in it.
    pub fn device(&self) -> &Device {
        self.device.as_ref().expect("the phone is on")
    }

    /// Syncs until the session is done, skipping its pauses.
    pub fn sync(&self) -> Receipt {
        self.sync_for(REQUESTS_MAX).expect("a sync ends")
    }

    /// Syncs for at most so many requests; `None` when it was cut off there.
    pub fn sync_for(&self, requests: u32) -> Option<Receipt> {
        let mut session = Session::begin(self.device()).expect("a sync begins");
        let mut left = requests;
        loop {
            match session.next().expect("the phone's store works") {
                Step::Send(_) if left == 0 => return None,
                Step::Send(request) => {
                    left -= 1;
                    match self.runtime.block_on(self.network.send(request)) {
                        Ok(response) => session.answer(response).expect("the phone's store works"),
                        Err(_) => session.failed().expect("the phone's store works"),
                    }
                }
                Step::Wait(_) => {}
                Step::Done(receipt) => return Some(receipt),
            }
        }
    }

    /// The phone's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Kills the app: nothing is closed in an orderly way.
    pub fn kill(&mut self) {
        self.device = None;
    }
}

/// Copies a folder with everything in it, as a backup of a phone does.
///
/// # Errors
/// What the file system says.
pub fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
