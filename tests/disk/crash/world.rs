//! An office and phones whose disks are in memory, and a wire that is a function call: the shipped router, the shipped
//! session, nothing between them.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use fieldsync::entropy::SeededEntropy;
use fieldsync::http::Sending;
use fieldsync::{Clock, Config, Device, Error, RecordId, Request, Response, Session, Step, Transport};
use fieldsync_disk::{Disk, Process};
use fieldsync_protocol::{Fields, fields, wire};
use fieldsync_server::blobs::Blobs;
use fieldsync_server::enrol;
use fieldsync_server::folder::Folder;
use fieldsync_server::office::Office;
use fieldsync_server::people::{OPERATOR, add_technician};
use fieldsync_server::server::{self, OpenError, Opened, Options};
use fieldsync_server::sync::edit::{Draft, commit};
use object_store::memory::InMemory;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tower::ServiceExt;

/// Requests one sync may take before something is wrong.
const REQUESTS_MAX: u32 = 500;
/// Where the office lies on its disk.
pub(crate) const OFFICE: &str = "/office";
/// Where a phone's store lies on its disk.
pub(crate) const PHONE: &str = "/phone";

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime starts")
});

/// Makes the planted bug active that this process was started with, if any: see `planted.rs`.
pub(crate) fn plant() {
    if let Ok(name) = std::env::var(PLANT) {
        assert!(fieldsync_protocol::plant::activate(&[&name]), "there is no plant {name}");
    }
}

/// Names the planted bug of a process.
pub(crate) const PLANT: &str = "FIELDSYNC_PLANT";

/// Where requests run.
pub(crate) fn runtime() -> &'static Runtime {
    &RUNTIME
}

/// A clock that goes on by a millisecond whenever it is looked at.
#[derive(Debug, Default)]
pub(crate) struct Ticks(AtomicI64);

impl Clock for Ticks {
    fn now_ms(&self) -> i64 {
        1_772_439_300_000 + self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// An office that runs, on a disk.
pub(crate) struct Site {
    pub(crate) disk: Disk,
    pub(crate) blobs: Blobs,
    opened: Option<Opened>,
    router: Router,
    _stop: watch::Sender<bool>,
}

impl Site {
    /// Opens the office on this disk, or makes it.
    pub(crate) fn open(disk: &Disk, blobs: &Blobs, seed: u64) -> Result<Self, OpenError> {
        Self::open_for(disk, &disk.process(), blobs, seed)
    }

    /// Like [`Site::open`], for a process that is known.
    pub(crate) fn open_for(disk: &Disk, process: &Process, blobs: &Blobs, seed: u64) -> Result<Self, OpenError> {
        let folder = Folder::on(OFFICE, process.medium());
        let (clock, entropy) = (Arc::new(Ticks::default()), Arc::new(SeededEntropy::new(seed)));
        let opened = server::open_on(&folder, blobs.clone(), "acme", clock, entropy)?;
        let (stop, stopping) = watch::channel(false);
        let router = server::app(&opened, &Options::default(), stopping);
        Ok(Self { disk: disk.clone(), blobs: blobs.clone(), opened: Some(opened), router, _stop: stop })
    }

    pub(crate) fn office(&self) -> &Office {
        &self.opened.as_ref().expect("it is taken only when the site ends").office
    }

    /// The office's answer to one request.
    pub(crate) fn send(&self, request: Request) -> Response {
        runtime().block_on(answer(self.router.clone(), request))
    }

    /// A way to this office for downloads.
    pub(crate) fn wire(&self) -> Arc<Wire> {
        Arc::new(Wire(self.router.clone()))
    }

    /// A dispatcher enters something.
    pub(crate) fn enter(&self, kind: &'static str, id: RecordId, groups: Vec<(&'static str, Fields)>) -> RecordId {
        let drafts = vec![Draft { kind, id, groups, context: None }];
        commit(self.office(), &OPERATOR, drafts).expect("the rules allow it");
        id
    }

    /// A new order, with this technician.
    pub(crate) fn order(&self, technician: RecordId, problem: &str) -> RecordId {
        let order = self.office().new_id();
        let groups = vec![
            ("origin", fields! { "channel" => "phone" }),
            ("problem", fields! { "text" => problem }),
            ("plan", fields! { "priority" => "normal" }),
        ];
        self.enter("work_order", order, groups);
        self.assign(order, technician);
        order
    }

    pub(crate) fn assign(&self, order: RecordId, technician: RecordId) -> RecordId {
        let plan = fields! { "work_order" => order, "technician" => technician };
        self.enter("assignment", self.office().new_id(), vec![("plan", plan)])
    }

    pub(crate) fn technician(&self, name: &str) -> RecordId {
        add_technician(self.office(), name, "", "").expect("a technician can be added")
    }

    /// Enrols a device for a technician.
    pub(crate) fn enrol(&self, device: &Device, technician: RecordId) {
        let code = enrol::new_code(self.office(), technician).expect("a code can be made");
        let request = device.enrol_request(&code, "phone").expect("the phone's store works");
        let message = wire::unpack(&request.body).expect("the request is ours");
        let answer = enrol::enrol(self.office(), &message).expect("the code is right");
        let answer = Response { status: 200, headers: vec![], body: wire::pack(&answer) };
        device.enrol_answer("http://127.0.0.1", &answer).expect("the phone's store works");
    }

    /// What `fieldsync-server verify` finds wrong.
    pub(crate) fn problems(&self) -> Vec<String> {
        let report = runtime().block_on(fieldsync_server::verify::verify(self.office(), &self.blobs));
        report.expect("the office can be read").problems
    }
}

/// Blobs of an office, in memory. They are not lost with its disk: the object store is another machine.
pub(crate) fn blobs() -> Blobs {
    Blobs::new(Arc::new(InMemory::new()))
}

/// A way to an office.
pub(crate) struct Wire(Router);

impl Transport for Wire {
    fn send(&self, request: Request) -> Sending<'_> {
        let router = self.0.clone();
        Box::pin(async move { Ok(answer(router, request).await) })
    }
}

async fn answer(router: Router, request: Request) -> Response {
    let mut message = http::Request::builder().method(request.method).uri(&request.path);
    for (name, value) in &request.headers {
        message = message.header(name, value);
    }
    let message = message.body(Body::from(request.body)).expect("the engine makes sound requests");
    let answer = router.oneshot(message).await.expect("a router always answers");
    let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let headers = answer.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let status = answer.status().as_u16();
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.expect("the body is in memory");
    Response { status, headers, body: body.to_vec() }
}

/// Opens the phone's store on this disk. Another opening of the same store needs another seed.
pub(crate) fn open_phone(process: &Process, seed: u64) -> Result<Device, Error> {
    let mut config = Config::new(PHONE);
    config.medium = process.medium();
    config.clock = Arc::new(Ticks::default());
    config.entropy = Arc::new(SeededEntropy::new(seed));
    config.runtime = Some(runtime().handle().clone());
    Device::open(config)
}

/// Syncs until the session is done; `each` is told after every answer that the phone took.
pub(crate) fn sync_with(device: &Device, site: &Site, mut each: impl FnMut(&Request, &Response)) -> Result<(), Error> {
    let mut session = Session::begin(device)?;
    for _ in 0..REQUESTS_MAX {
        match session.next()? {
            Step::Send(request) => {
                let response = site.send(request.clone());
                session.answer(response.clone())?;
                each(&request, &response);
            }
            Step::Wait(_) => {}
            Step::Done(_) => return Ok(()),
        }
    }
    panic!("a sync takes more than {REQUESTS_MAX} steps");
}

/// Syncs until the session is done.
pub(crate) fn sync(device: &Device, site: &Site) -> Result<(), Error> {
    sync_with(device, site, |_, _| {})
}
