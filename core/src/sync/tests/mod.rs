//! Stories of one or two devices with a small office in memory that follows the rules of the exchange.

mod anchor;
mod blobs;
mod draining;
mod exploration;
mod http;
mod identity;
mod office;
mod pulling;
mod pushing;
mod repairing;
mod signing;
mod stepping;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ed25519_dalek::SigningKey;
use fieldsync_protocol::enrol::Certificate;
use fieldsync_protocol::{DeviceId, Fields, FieldsExt, PersonId, PublicKey, Record, RecordId, fields, show};
use tempfile::TempDir;

use self::office::Office;
use super::{Receipt, Response, Session, Step};
use crate::entropy::SeededEntropy;
use crate::store::{self, meta};
use crate::{Anchor, AnchorError, Clock, Config, Context, Device, Draft};

const MORNING_MS: i64 = 1_750_000_000_000;

#[derive(Debug)]
struct TickingClock(AtomicI64);

impl Clock for TickingClock {
    fn now_ms(&self) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// No two openings of any store share a seed.
static SEED: AtomicU64 = AtomicU64::new(1);

/// A phone in its own folder, which can be killed, reopened and copied.
struct Phone {
    device: Device,
    dir: PathBuf,
    /// Outside the folder, so no copy has it.
    anchor: Option<Arc<Pocket>>,
    _folder: Arc<TempDir>,
}

/// An anchor that a test can look at, lose and cut off.
#[derive(Debug, Default)]
struct Pocket(Mutex<Option<Vec<u8>>>);

impl Anchor for Pocket {
    fn load(&self) -> Result<Option<Vec<u8>>, AnchorError> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn save(&self, value: &[u8]) -> Result<(), AnchorError> {
        *self.0.lock().unwrap() = Some(value.to_vec());
        Ok(())
    }
}

impl Phone {
    fn new(number: u8) -> Self {
        Self::with(number, None)
    }

    fn anchored(number: u8) -> Self {
        Self::with(number, Some(Arc::default()))
    }

    fn with(number: u8, anchor: Option<Arc<Pocket>>) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let dir = folder.path().join("phone");
        let phone = Self { device: open(&dir, &anchor), dir, anchor, _folder: folder };
        let (root, key) = (SigningKey::from_bytes(&[9; 32]), SigningKey::from_bytes(&[number; 32]));
        let public = |key: &SigningKey| PublicKey(key.verifying_key().to_bytes());
        let person = PersonId::from_bytes([office::ME; 16]);
        let certificate =
            Certificate::issue(&root, "acme", DeviceId::from_bytes([number; 16]), person, public(&key), MORNING_MS);
        phone
            .device
            .write(|tx, _| {
                meta::set(tx, meta::SECRET_KEY, &key.to_bytes())?;
                meta::set(tx, meta::CERTIFICATE, &certificate)?;
                meta::set(tx, meta::ROOT, &public(&root))?;
                meta::set(tx, meta::EPOCH, &1_u64)
            })
            .unwrap();
        phone
    }

    /// The process dies and starts again.
    fn kill(&mut self) {
        self.device.close();
        self.device = open(&self.dir, &self.anchor);
    }

    /// The phone's storage copied into another phone, as a restored backup does.
    fn copy(&self) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let dir = folder.path().join("phone");
        std::fs::create_dir_all(dir.join("blobs")).unwrap();
        self.back_up(&dir.join("fieldsync.db"));
        let anchor = self.anchor.as_ref().map(|_| Arc::default());
        Self { device: open(&dir, &anchor), dir, anchor, _folder: folder }
    }

    /// Writes an image of the store.
    fn back_up(&self, target: &Path) {
        self.device
            .read(|connection| Ok(connection.backup("main", target, None::<fn(rusqlite::backup::Progress)>)?))
            .unwrap();
    }

    /// Puts an image of the store back on the same phone.
    fn put_back(&mut self, image: &Path) {
        self.device.close();
        std::fs::copy(image, self.dir.join("fieldsync.db")).unwrap();
        self.device = open(&self.dir, &self.anchor);
    }

    /// Syncs until the session is done, over a wire that loses nothing.
    fn sync(&self, office: &mut Office) -> Receipt {
        self.sync_over(|request| Some(office.respond(request)))
    }

    /// Syncs over a wire that may lose either way: `None` is no answer.
    fn sync_over(&self, mut wire: impl FnMut(&super::Request) -> Option<Response>) -> Receipt {
        let mut session = Session::begin(&self.device).unwrap();
        for _ in 0..1_000 {
            match session.next().unwrap() {
                Step::Send(request) => match wire(&request) {
                    Some(response) => session.answer(response).unwrap(),
                    None => session.failed().unwrap(),
                },
                Step::Wait(_) => {}
                Step::Done(receipt) => return receipt,
            }
        }
        panic!("a sync must end");
    }

    /// Writes one text field of a report.
    fn enter(&self, id: RecordId, group: &str, text: &str) {
        self.device.edit(report(id, group, text)).unwrap();
    }

    fn record(&self, id: RecordId) -> Option<Record> {
        self.device.read(|connection| store::shown(connection, id)).unwrap()
    }

    /// The text shown.
    fn text(&self, id: RecordId, group: &str) -> Option<String> {
        let record = self.record(id)?;
        show::fields(&record, group)?.text(field(group)).map(str::to_owned)
    }

    /// All texts of a group, sorted.
    fn texts(&self, id: RecordId, group: &str) -> Vec<String> {
        texts(self.record(id).as_ref(), group)
    }

    fn context(&self, id: RecordId) -> Context {
        let record = self.record(id).unwrap();
        self.device.read(|connection| Context::of(connection, &record)).unwrap()
    }
}

fn texts(record: Option<&Record>, group: &str) -> Vec<String> {
    let siblings = record.into_iter().flat_map(|record| record.siblings(group));
    let mut texts: Vec<String> =
        siblings.filter_map(|(_, sibling)| sibling.fields.text(field(group)).map(str::to_owned)).collect();
    texts.sort();
    texts
}

fn report(id: RecordId, group: &str, text: &str) -> Draft {
    Draft::of("work_report", id).set(group, words(group, text))
}

fn words(group: &str, text: &str) -> Fields {
    fields! { field(group) => text }
}

fn field(group: &str) -> &'static str {
    match group {
        "finding" => "cause",
        "action" => "method",
        _ => "remaining",
    }
}

fn open(dir: &Path, anchor: &Option<Arc<Pocket>>) -> Device {
    open_within(dir, anchor, crate::config::BLOB_QUOTA)
}

/// A device that lets photos take so many bytes.
fn open_within(dir: &Path, anchor: &Option<Arc<Pocket>>, blob_quota: u64) -> Device {
    let mut config = Config::new(dir);
    config.blob_quota = blob_quota;
    config.clock = Arc::new(TickingClock(AtomicI64::new(MORNING_MS)));
    config.entropy = Arc::new(SeededEntropy::new(SEED.fetch_add(1, Ordering::Relaxed)));
    config.anchor = anchor.clone().map(|anchor| anchor as Arc<dyn Anchor>);
    Device::open(config).unwrap()
}

fn id(number: u8) -> RecordId {
    RecordId::from_bytes([number; 16])
}
