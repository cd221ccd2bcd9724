//! The endpoints in one process, without a socket: a real database in a temporary folder, a phone made of a key.

mod blobs;
mod enrolment;
mod exchanges;
mod streams;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use bytes::Bytes;
use ed25519_dalek::SigningKey;
use fieldsync::{Clock, SystemEntropy};
use fieldsync_protocol::enrol::{Certificate, Enrol, EnrolAnswer};
use fieldsync_protocol::exchange::{Exchange, ExchangeAnswer, Holding, PushRecord};
use fieldsync_protocol::fault::Fault;
use fieldsync_protocol::request::{
    DEVICE_HEADER, ENROL_PATH, EXCHANGE_PATH, NONCE_HEADER, OFFSET_HEADER, SIGNATURE_HEADER, sign,
};
use fieldsync_protocol::{
    Dot, Edit, Fields, PublicKey, PushId, RecordId, ReplicaId, Stamp, Trust, Version, fields, wire,
};
use http::{Request, StatusCode};
use tokio::sync::watch;
use tower::ServiceExt;

use super::{State, router};
use crate::blobs::Blobs;
use crate::enrol::new_code;
use crate::keys::Keys;
use crate::office::Office;
use crate::people::{OPERATOR, add_technician};
use crate::store::Store;
use crate::store::sqlite::SqliteStore;
use crate::sync::edit::{Draft, commit};

const NOON: i64 = 1_700_000_000_000;

/// A clock that the test moves.
#[derive(Default)]
struct TestClock(AtomicI64);

impl TestClock {
    fn advance(&self, by_ms: i64) {
        self.0.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct World {
    office: Office,
    blobs: Blobs,
    clock: Arc<TestClock>,
    app: Router,
    stop: watch::Sender<bool>,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self::with_console(Router::new())
    }

    fn with_console(console: Router) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folder.path().join("office.sqlite")).unwrap());
        let tenant = store.tenant("acme", 5).unwrap();
        let keys = Arc::new(Keys::from_bytes([1; 32], [2; 32]));
        let clock = Arc::new(TestClock(AtomicI64::new(NOON)));
        let office = Office::start_with(store, tenant, keys, Arc::clone(&clock) as _, Arc::new(SystemEntropy));
        let blobs = Blobs::in_folder(folder.path()).unwrap();
        let (stop, stopping) = watch::channel(false);
        let state = State::new(office.clone(), blobs.clone(), None, stopping);
        let app = router(state, console, false);
        Self { office, blobs, clock, app, stop, _folder: folder }
    }

    async fn send(&self, request: Request<Body>) -> Response {
        self.app.clone().oneshot(request).await.unwrap()
    }

    fn order(&self, text: &str) -> RecordId {
        let id = self.office.new_id();
        let groups = vec![
            ("origin", fields! { "channel" => "phone" }),
            ("problem", fields! { "text" => text }),
            ("plan", fields! { "priority" => "normal" }),
        ];
        commit(&self.office, &OPERATOR, vec![Draft { kind: "work_order", id, groups, context: None }]).unwrap();
        id
    }

    fn assign(&self, order: RecordId, phone: &Phone) {
        let plan = fields! { "work_order" => order, "technician" => RecordId(phone.certificate.person.0) };
        commit(&self.office, &OPERATOR, vec![Draft::one("assignment", self.office.new_id(), "plan", plan)]).unwrap();
    }

    /// A phone, enrolled over HTTP.
    async fn phone(&self, name: &str) -> Phone {
        let technician = add_technician(&self.office, name, "", "").unwrap();
        let code = new_code(&self.office, technician).unwrap();
        let key = SigningKey::from_bytes(&self.office.random());
        let public_key = PublicKey(key.verifying_key().to_bytes());
        let response = self.send(enrol_request(code, public_key)).await;
        let (status, body) = read(response).await;
        assert_eq!(status, StatusCode::OK);
        let answer: EnrolAnswer = wire::unpack(&body).unwrap();
        let replica = ReplicaId(self.office.random());
        Phone { key, certificate: answer.certificate, replica, epoch: answer.epoch, nonce: String::new() }
    }
}

fn enrol_request(code: String, public_key: PublicKey) -> Request<Body> {
    let enrol = Enrol { code, public_key, device_name: "phone".into() };
    Request::post(ENROL_PATH).header("content-type", wire::MEDIA_TYPE).body(wire::pack(&enrol).into()).unwrap()
}

/// A device that keeps just enough to talk.
#[derive(Clone)]
struct Phone {
    key: SigningKey,
    certificate: Certificate,
    replica: ReplicaId,
    epoch: u64,
    nonce: String,
}

impl Phone {
    fn signed(&self, method: &str, path: &str, offset: Option<u64>, body: &[u8]) -> http::request::Builder {
        let device = self.certificate.device;
        let signature = sign(&self.key, device, method, path, offset.unwrap_or(0), &self.nonce, body);
        let builder = Request::builder()
            .method(method)
            .uri(path)
            .header(DEVICE_HEADER, device.to_string())
            .header(NONCE_HEADER, &self.nonce)
            .header(SIGNATURE_HEADER, signature.to_string());
        match offset {
            Some(offset) => builder.header(OFFSET_HEADER, offset),
            None => builder,
        }
    }

    fn request(&self, method: &str, path: &str, offset: Option<u64>, body: &[u8]) -> Request<Body> {
        self.signed(method, path, offset, body).body(Body::from(body.to_vec())).unwrap()
    }

    /// Sends a request, once more when the office asks for its nonce, and keeps the next one.
    async fn call(&mut self, world: &World, method: &str, path: &str, offset: Option<u64>, body: &[u8]) -> Response {
        for _ in 0..2 {
            let response = world.send(self.request(method, path, offset, body)).await;
            self.nonce = response.headers()[NONCE_HEADER].to_str().unwrap().to_owned();
            if response.status() != StatusCode::UNAUTHORIZED {
                return response;
            }
        }
        panic!("the office does not take its own nonce")
    }

    fn message(&self, office: &Office, push: Vec<PushRecord>) -> Exchange {
        let push_id = (!push.is_empty()).then(|| PushId(office.random()));
        Exchange {
            replica: self.replica,
            epoch: self.epoch,
            table: 1,
            token: None,
            push_id,
            sent_ids: push_id.into_iter().collect(),
            sent_dots: Vec::new(),
            push,
            offers: Vec::new(),
            cursor: None,
            whole: Vec::new(),
            holding: Holding::default(),
            clock_ms: 0,
            wiping: false,
            ranges: Vec::new(),
            pieces: Vec::new(),
        }
    }

    async fn exchange(&mut self, world: &World, push: Vec<PushRecord>) -> Result<ExchangeAnswer, Fault> {
        let body = wire::pack(&self.message(&world.office, push));
        let (status, body) = read(self.call(world, "POST", EXCHANGE_PATH, None, &body).await).await;
        if status == StatusCode::OK { Ok(wire::unpack(&body).unwrap()) } else { Err(fault(&body)) }
    }

    fn born(&self, office: &Office, kind: &str, group: &str, fields: Fields) -> PushRecord {
        let stamp = Stamp {
            person: self.certificate.person,
            device: Some(self.certificate.device),
            at_ms: 0,
            offset_ms: 0,
            trust: Trust::Unknown,
        };
        let dot = Dot { replica: self.replica, counter: 1 };
        let edit = Edit { dot, group: group.into(), fields, context: Version::new(), stamp };
        PushRecord { kind: kind.into(), id: office.new_id(), base: Version::new(), edits: vec![edit] }
    }

    fn note(&self, office: &Office, order: RecordId, text: &str) -> PushRecord {
        self.born(office, "note", "text", fields! { "work_order" => order, "text" => text })
    }
}

async fn read(response: Response) -> (StatusCode, Bytes) {
    let status = response.status();
    (status, to_bytes(response.into_body(), usize::MAX).await.unwrap())
}

fn fault(body: &[u8]) -> Fault {
    serde_json::from_slice(body).unwrap()
}
