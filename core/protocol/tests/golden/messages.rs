//! The messages behind the golden files, each with everything filled that can be.

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use fieldsync_protocol::compare::{Range, Ranged, Side};
use fieldsync_protocol::enrol::{Certificate, Enrol, EnrolAnswer};
use fieldsync_protocol::exchange::{
    Delivery, Exchange, ExchangeAnswer, Fingerprint, Holding, Offer, Offered, Outcome, Piece, PushRecord, Refusal,
    Sealed, SentDot, SetHash, Words,
};
use fieldsync_protocol::fault::{Fault, FaultCode};
use fieldsync_protocol::kinds::VISIT_EVENTS;
use fieldsync_protocol::record::{DELETED, delete_fields};
use fieldsync_protocol::rights::Code;
use fieldsync_protocol::{
    DeviceId, Dot, Edit, Fields, Hash, PersonId, PublicKey, PushId, Record, RecordId, ReplicaId, Seal, Stamp, Trust,
    Value, fields,
};
use uuid::Uuid;

/// 2026-03-02, 08:15 UTC.
pub(crate) const MORNING_MS: i64 = 1_772_439_300_000;

/// A UUIDv7 whose last digits are `n`.
pub(crate) fn uuid(n: u64) -> Uuid {
    Uuid::from_u128(0x019c_ad7d_0000_7000_8000_0000_0000_0000 | u128::from(n))
}

/// A record id whose last digits are `n`.
pub(crate) fn id(n: u64) -> RecordId {
    RecordId(uuid(n))
}

/// A key whose secret is `n` repeated.
pub(crate) fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

/// The public half of [`key`].
pub(crate) fn public(n: u8) -> PublicKey {
    PublicKey(key(n).verifying_key().to_bytes())
}

/// The technician's device.
pub(crate) fn device() -> DeviceId {
    DeviceId(uuid(0xd1))
}

/// The technician.
pub(crate) fn technician() -> RecordId {
    id(0x7e)
}

fn phone(n: u8) -> ReplicaId {
    ReplicaId([0xa0 + n; 16])
}

fn office() -> ReplicaId {
    ReplicaId([0x0f; 16])
}

fn dot(replica: ReplicaId, counter: u64) -> Dot {
    Dot { replica, counter }
}

/// Entered on the phone, `minutes` after the morning.
pub(crate) fn by_phone(minutes: i64) -> Stamp {
    let at_ms = MORNING_MS + minutes * 60_000;
    let person = PersonId(technician().0);
    Stamp { person, device: Some(device()), at_ms, offset_ms: -1_250, trust: Trust::Compared }
}

/// Entered at the office, `minutes` after the morning.
pub(crate) fn by_office(minutes: i64) -> Stamp {
    let person = PersonId(uuid(0x0f));
    Stamp { person, device: None, at_ms: MORNING_MS + minutes * 60_000, offset_ms: 0, trust: Trust::Office }
}

/// A record of `kind` with `groups` written one after the other by one author.
pub(crate) fn written(kind: &str, id: RecordId, stamp: &Stamp, groups: &[(&str, Fields)]) -> Record {
    let replica = if stamp.device.is_some() { phone(1) } else { office() };
    let mut record = Record::new(kind, id);
    for (group, fields) in groups {
        let edit = Edit {
            dot: dot(replica, record.version.get(replica) + 1),
            group: (*group).to_owned(),
            fields: fields.clone(),
            context: record.version.clone(),
            stamp: stamp.clone(),
        };
        record.put(&edit);
    }
    record
}

/// A work order in which two phones wrote one group at once, with every type of value, a group from a newer version
/// and a delete that had not seen everything.
pub(crate) fn record() -> Record {
    let mut record = written(
        "work_order",
        id(1),
        &by_office(0),
        &[
            ("origin", fields! { "channel" => "phone", "requested_ms" => MORNING_MS, "source" => Value::Null }),
            ("parties", fields! { "customer" => id(2), "site" => id(3), "asset" => id(4) }),
            ("problem", fields! { "text" => "液压泵漏油, bucket drops", "confirmed" => false }),
            (
                "imported",
                fields! {
                    "columns" => fields! { "Cost" => "-339.81", "MajorSystem" => "Hydraulic System" },
                    "line" => 4_711,
                },
            ),
        ],
    );
    let seen = record.version.clone();
    for (replica, text) in [(phone(1), "pump leaks at the flange"), (phone(2), "hose leaks, not the pump")] {
        record.put(&Edit {
            dot: dot(replica, 1),
            group: "problem".into(),
            fields: fields! { "text" => text, "confirmed" => true },
            context: seen.clone(),
            stamp: by_phone(30),
        });
    }
    record.put(&Edit {
        dot: dot(phone(2), 300),
        group: "thermal_survey".into(),
        fields: fields! {
            "spots" => vec![Value::Int(-40), Value::Int(65_536), Value::Bool(true), Value::Null],
            "picture" => Hash::sha256(b"picture"),
        },
        context: seen.clone(),
        stamp: by_phone(31),
    });
    record.put(&Edit {
        dot: dot(office(), 5),
        group: DELETED.into(),
        fields: delete_fields(&seen),
        context: seen,
        stamp: by_office(40),
    });
    record
}

/// A report's finding, corrected from a screen that showed two versions.
pub(crate) fn edit() -> Edit {
    Edit {
        dot: dot(phone(1), 3),
        group: "finding".into(),
        fields: fields! {
            "fault_location" => "L/H boom cylinder",
            "cause" => "seal worn through",
            "attribution" => "wear",
        },
        context: [(office(), 2), (phone(1), 2)].into_iter().collect(),
        stamp: by_phone(55),
    }
}

/// One visit event of every kind, each naming the one before it as seen.
pub(crate) fn visits() -> Vec<Record> {
    let place = |n: usize| id(0x100 + n as u64);
    let event = |(n, event): (usize, &&str)| {
        let seen: Vec<Value> = n.checked_sub(1).map(|before| Value::from(place(before))).into_iter().collect();
        let mut fields = fields! {
            "work_order" => id(1),
            "technician" => technician(),
            "event" => *event,
            "seen" => seen,
        };
        if matches!(*event, "follow_up" | "cannot_complete") {
            fields.insert("reason".into(), "waits for a seal kit".into());
        }
        written("visit_event", place(n), &by_phone(n as i64 * 10), &[("event", fields)])
    };
    VISIT_EVENTS.iter().enumerate().map(event).collect()
}

fn sent_dot() -> SentDot {
    SentDot { record: id(1), dot: dot(phone(1), 2), content: Hash::blake3(b"what it said") }
}

/// A push, an offer and a pull in one, with everything filled.
pub(crate) fn exchange() -> Exchange {
    let push_id = PushId([0x21; 16]);
    Exchange {
        replica: phone(1),
        epoch: 3,
        table: 1,
        token: Some(Sealed(vec![1, 2, 3, 250])),
        push_id: Some(push_id),
        sent_ids: vec![PushId([0x20; 16]), push_id],
        sent_dots: vec![sent_dot()],
        push: vec![PushRecord {
            kind: "work_report".into(),
            id: id(5),
            base: [(office(), 2)].into_iter().collect(),
            edits: vec![edit()],
        }],
        offers: vec![Offer { record: record(), seal: Some(Seal([0x5e; 16])) }, Offer { record: note(), seal: None }],
        cursor: Some(Sealed(vec![9, 8, 7])),
        whole: vec![id(6)],
        holding: Holding { pending: 1, refused: 2, blobs: 3 },
        clock_ms: MORNING_MS + 3_600_000,
        wiping: false,
        ranges: Vec::new(),
        pieces: Vec::new(),
    }
}

/// The smallest exchange: nothing to push, nothing to offer.
pub(crate) fn exchange_idle() -> Exchange {
    Exchange {
        push_id: None,
        sent_ids: Vec::new(),
        sent_dots: Vec::new(),
        push: Vec::new(),
        offers: Vec::new(),
        whole: Vec::new(),
        holding: Holding::default(),
        ..exchange()
    }
}

/// A device that has the first two values of a record larger than a page.
pub(crate) fn exchange_pieces() -> Exchange {
    Exchange { pieces: vec![Piece { record: id(1), check: record().check(), have: 2 }], ..exchange_idle() }
}

/// The next of them.
pub(crate) fn exchange_answer_pieces() -> ExchangeAnswer {
    let seal = Seal([0x5e; 16]);
    ExchangeAnswer {
        outcomes: vec![(id(1), Outcome::Accepted { seal, result: None, apart: true })],
        offered: Vec::new(),
        delivered: vec![Delivery::piece(&record(), record().check(), seal, 2, 1)],
        left: Vec::new(),
        anew: false,
        more: true,
        fingerprint: None,
        ..exchange_answer()
    }
}

/// A device that looks for a difference.
pub(crate) fn exchange_ranges() -> Exchange {
    let part = Range { side: Side::Shared, from: id(1), to: id(0xffff) };
    Exchange { ranges: vec![Range::whole(Side::Own), part], ..exchange_idle() }
}

/// What the office holds there.
pub(crate) fn exchange_answer_ranged() -> ExchangeAnswer {
    let members: Vec<(RecordId, Hash)> = (1..=20).map(|n| (id(n), Hash([n as u8; 32]))).collect();
    ExchangeAnswer {
        outcomes: Vec::new(),
        offered: Vec::new(),
        delivered: Vec::new(),
        left: Vec::new(),
        token: None,
        anew: false,
        ranged: vec![
            Ranged::of(Range::whole(Side::Own), &members),
            Ranged::of(exchange_ranges().ranges[1], &members[..2]),
        ],
        ..exchange_answer()
    }
}

fn note() -> Record {
    let fields = fields! { "work_order" => id(1), "text" => "gate code 4711" };
    written("note", id(7), &by_phone(70), &[("text", fields)])
}

/// An answer with every outcome of a push and of an offer.
pub(crate) fn exchange_answer() -> ExchangeAnswer {
    let seal = Seal([0x5e; 16]);
    let refusal = |code| Refusal { dot: dot(phone(1), 4), group: "plan".into(), code };
    ExchangeAnswer {
        epoch: 3,
        again: None,
        token: Some(Sealed(vec![1, 2, 3, 251])),
        outcomes: vec![
            (id(5), Outcome::Accepted { seal, result: None, apart: false }),
            (id(1), Outcome::Accepted { seal, result: Some(Box::new(record())), apart: false }),
            (
                id(8),
                Outcome::Refused {
                    refusals: vec![refusal(Code::OfficeOwned), refusal(Code::InvalidEntry)],
                    theirs: Some(Box::new((note(), seal))),
                },
            ),
            (id(9), Outcome::Refused { refusals: vec![refusal(Code::OutOfScope)], theirs: None }),
            (id(10), Outcome::Held { code: Code::Withdrawn }),
            (id(11), Outcome::Wanted),
        ],
        offered: vec![
            (id(12), Offered::Merged),
            (id(13), Offered::Known),
            (id(14), Offered::Held),
            (id(15), Offered::Refused),
        ],
        delivered: vec![delivery_whole(), delivery_delta()],
        left: vec![id(16)],
        erased: Vec::new(),
        cursor: Some(Sealed(vec![9, 8, 8])),
        anew: true,
        more: false,
        fingerprint: Some(Fingerprint { own: set_hash(), shared: SetHash::default() }),
        rights: 17,
        server_ms: MORNING_MS + 3_601_000,
        wipe: false,
        ranged: Vec::new(),
        start_over: false,
        office_key: None,
        words: BTreeMap::new(),
    }
}

/// The answer to a device that was away for too long: a fresh replica id, and the first page of a walk from the start.
pub(crate) fn exchange_answer_start_over() -> ExchangeAnswer {
    ExchangeAnswer {
        cursor: exchange_answer().cursor,
        delivered: exchange_answer().delivered,
        anew: true,
        more: true,
        start_over: true,
        ..exchange_answer_again()
    }
}

/// What a later office refuses with a code that a device of this version does not know.
pub(crate) fn exchange_answer_words() -> ExchangeAnswer {
    let refusal = Refusal { dot: dot(phone(1), 4), group: "plan".into(), code: Code::named("over_budget") };
    let words = Words { text: "the order's budget is used up".into(), remedy: "ask the dispatcher for more".into() };
    ExchangeAnswer {
        outcomes: vec![(id(1), Outcome::Refused { refusals: vec![refusal], theirs: None })],
        offered: Vec::new(),
        delivered: Vec::new(),
        left: Vec::new(),
        words: BTreeMap::from([("over_budget".to_owned(), words)]),
        ..exchange_answer()
    }
}

/// The verdict on a copied store: go on under a new replica id, keeping the dot named.
pub(crate) fn exchange_answer_again() -> ExchangeAnswer {
    ExchangeAnswer {
        again: Some(vec![sent_dot()]),
        token: None,
        outcomes: Vec::new(),
        offered: Vec::new(),
        delivered: Vec::new(),
        left: Vec::new(),
        cursor: None,
        anew: false,
        more: false,
        fingerprint: None,
        ..exchange_answer()
    }
}

/// What a device says last that was told to wipe itself.
pub(crate) fn exchange_wiping() -> Exchange {
    Exchange { wiping: true, ..exchange_idle() }
}

/// The answer to a device that is to be wiped: what it pushed is held.
pub(crate) fn exchange_answer_wipe() -> ExchangeAnswer {
    ExchangeAnswer {
        again: None,
        outcomes: vec![(id(5), Outcome::Held { code: Code::Revoked })],
        wipe: true,
        ..exchange_answer_again()
    }
}

/// A set hash of two members.
pub(crate) fn set_hash() -> SetHash {
    let mut sum = SetHash::default();
    sum.add(&record().check());
    sum.add(&note().check());
    sum
}

/// A record delivered for the first time.
pub(crate) fn delivery_whole() -> Delivery {
    let record = record();
    Delivery { check: record.check(), seal: Seal([0x5e; 16]), emptied: Vec::new(), is_whole: true, record, rest: 0 }
}

/// What changed in it since: one group settled, one gone, the rest left out.
pub(crate) fn delivery_delta() -> Delivery {
    let mut now = record();
    let context = now.version.clone();
    now.put(&Edit {
        dot: dot(office(), 6),
        group: "problem".into(),
        fields: fields! { "text" => "hose and flange leak", "confirmed" => true },
        context,
        stamp: by_office(90),
    });
    now.groups.remove(DELETED);
    let (check, mut record) = (now.check(), now);
    record.groups.retain(|name, _| name == "problem");
    Delivery { record, emptied: vec![DELETED.into()], is_whole: false, check, seal: Seal([0x5f; 16]), rest: 0 }
}

/// The office's word for the technician's device.
pub(crate) fn certificate() -> Certificate {
    Certificate::issue(&key(1), "muster-service", device(), PersonId(technician().0), public(2), MORNING_MS)
}

/// A device enrols.
pub(crate) fn enrol() -> Enrol {
    Enrol { code: "abcd-efgh-jklm-npqr".into(), public_key: public(2), device_name: "Anna's phone".into() }
}

/// The office answers.
pub(crate) fn enrol_answer() -> EnrolAnswer {
    EnrolAnswer {
        certificate: certificate(),
        root: public(1),
        person_name: "Anna Bauer".into(),
        epoch: 3,
        office_key: None,
    }
}

/// One fault of every code.
pub(crate) fn faults() -> Vec<Fault> {
    vec![
        Fault::new(FaultCode::Unauthenticated),
        Fault::new(FaultCode::Revoked),
        Fault::new(FaultCode::BadCode),
        Fault::new(FaultCode::BadRequest),
        Fault::new(FaultCode::TooLarge),
        Fault::new(FaultCode::Outdated),
        Fault::new(FaultCode::NotFound),
        Fault { offset: Some(262_144), ..Fault::new(FaultCode::WrongOffset) },
        Fault { retry_after_ms: Some(30_000), ..Fault::new(FaultCode::Unavailable) },
        Fault::new(FaultCode::Internal),
    ]
}
