//! An enrolled device with a small office behind it, for the tests next to the code. No network: what the office says
//! is stored as *theirs* directly.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ed25519_dalek::SigningKey;
use fieldsync_protocol::enrol::Certificate;
use fieldsync_protocol::version::Dot;
use fieldsync_protocol::{
    DeviceId, Edit, Fields, PersonId, PublicKey, Record, RecordId, ReplicaId, Stamp, Trust, fields,
};
use tempfile::TempDir;

use crate::entropy::SeededEntropy;
use crate::store::meta;
use crate::{Clock, Config, Device};

/// The technician whose device it is.
pub(crate) const ME: u8 = 1;
/// A colleague.
pub(crate) const COLLEAGUE: u8 = 2;
/// When the day begins on every clock.
pub(crate) const MORNING_MS: i64 = 1_750_000_000_000;

/// A clock that goes forward by a second each time it is read.
#[derive(Debug)]
pub(crate) struct TickingClock(AtomicI64);

impl Clock for TickingClock {
    fn now_ms(&self) -> i64 {
        self.0.fetch_add(1_000, Ordering::Relaxed)
    }
}

/// A device of [`ME`], enrolled, empty.
pub(crate) struct Fixture {
    pub(crate) device: Device,
    _dir: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::new(dir.path());
        config.clock = Arc::new(TickingClock(AtomicI64::new(MORNING_MS)));
        config.entropy = Arc::new(SeededEntropy::new(1));
        let device = Device::open(config).unwrap();
        enrol(&device);
        Self { device, _dir: dir }
    }

    /// A device that holds what a technician has before him: a customer with a site and a machine, two technicians, a
    /// catalogue of two parts, and order 50 assigned to [`ME`].
    pub(crate) fn with_job() -> Self {
        let fixture = Self::new();
        fixture.deliver(&[
            technician(ME, "Anna Berg"),
            technician(COLLEAGUE, "Bert Holm"),
            record("customer", 20, "identity", fields! { "name" => "Steinbruch Nord", "number" => "C-7" }),
            record("site", 21, "place", fields! { "name" => "Pit 3", "customer" => id(20) }),
            record(
                "asset",
                22,
                "identity",
                fields! { "name" => "Excavator A", "model" => "RH120", "serial" => "SN-9" },
            ),
            part(30, "F-100", "Return filter"),
            part(31, "T-220", "Bucket tooth"),
            order(50, "WO-50", "L/H bucket cyl leaking"),
            assignment(60, 50, ME, MORNING_MS),
        ]);
        fixture
    }

    /// Makes `records` *theirs*, in one transaction, as a pulled page does.
    pub(crate) fn deliver(&self, records: &[Record]) {
        self.device.change(|work| records.iter().try_for_each(|record| work.set_theirs(record, None))).unwrap();
    }

    /// Takes records off the device.
    pub(crate) fn evict(&self, ids: &[RecordId]) {
        self.device.change(|work| ids.iter().try_for_each(|id| work.remove(*id))).unwrap();
    }
}

pub(crate) fn enrol(device: &Device) {
    let root = SigningKey::from_bytes(&[9; 32]);
    let key = SigningKey::from_bytes(&[8; 32]);
    let public = |key: &SigningKey| PublicKey(key.verifying_key().to_bytes());
    let person = PersonId::from_bytes([ME; 16]);
    let certificate =
        Certificate::issue(&root, "acme", DeviceId::from_bytes([4; 16]), person, public(&key), MORNING_MS);
    device
        .write(|tx, _| {
            meta::set(tx, meta::SECRET_KEY, &key.to_bytes())?;
            meta::set(tx, meta::CERTIFICATE, &certificate)?;
            meta::set(tx, meta::ROOT, &public(&root))?;
            meta::set(tx, meta::PERSON_NAME, &"Anna Berg")?;
            meta::set(tx, meta::SERVER_URL, &"http://127.0.0.1:9")
        })
        .unwrap();
}

/// The id that tests know by a number.
pub(crate) fn id(number: u8) -> RecordId {
    RecordId::from_bytes([number; 16])
}

/// An edit of the office of the record's group, having seen everything.
pub(crate) fn office_edit(record: &mut Record, group: &str, fields: Fields) {
    let context = record.version.clone();
    edit_by(record, 200, None, group, fields, &context);
}

/// An edit by any replica with any context.
pub(crate) fn edit_by(
    record: &mut Record,
    replica: u8,
    device: Option<u8>,
    group: &str,
    fields: Fields,
    context: &fieldsync_protocol::Version,
) {
    let replica = ReplicaId([replica; 16]);
    let counter = record.version.get(replica) + 1;
    record.put(&Edit {
        dot: Dot { replica, counter },
        group: group.to_owned(),
        fields,
        context: context.clone(),
        stamp: Stamp {
            person: PersonId::from_bytes([device.unwrap_or(100); 16]),
            device: device.map(|device| DeviceId::from_bytes([device; 16])),
            at_ms: MORNING_MS + i64::try_from(counter).unwrap(),
            offset_ms: 0,
            trust: Trust::Office,
        },
    });
}

/// A record of the office with its main group.
pub(crate) fn record(kind: &str, number: u8, group: &str, fields: Fields) -> Record {
    let mut record = Record::new(kind, id(number));
    office_edit(&mut record, group, fields);
    record
}

pub(crate) fn technician(number: u8, name: &str) -> Record {
    record("technician", number, "profile", fields! { "name" => name })
}

pub(crate) fn part(number: u8, part_number: &str, name: &str) -> Record {
    let fields = fields! {
        "number" => part_number, "name" => name, "unit" => "pc", "price_minor" => 12_550, "currency" => "EUR",
    };
    record("part", number, "catalogue", fields)
}

pub(crate) fn order(number: u8, order_number: &str, problem: &str) -> Record {
    let mut order = record("work_order", number, "origin", fields! { "channel" => "phone" });
    office_edit(&mut order, "number", fields! { "number" => order_number });
    office_edit(&mut order, "problem", fields! { "text" => problem });
    office_edit(&mut order, "parties", fields! { "customer" => id(20), "site" => id(21), "asset" => id(22) });
    office_edit(&mut order, "plan", fields! { "priority" => "normal", "due_ms" => MORNING_MS + 86_400_000 });
    order
}

pub(crate) fn assignment(number: u8, order: u8, technician: u8, from_ms: i64) -> Record {
    let fields = fields! {
        "work_order" => id(order), "technician" => id(technician),
        "planned_from_ms" => from_ms, "planned_to_ms" => from_ms + 3_600_000,
    };
    record("assignment", number, "plan", fields)
}
