//! The two encodings: what is written reads back equal and is written again with the same bytes; what a peer made up is
//! refused or read, and never anything else.

use std::collections::BTreeMap;

use fieldsync_protocol::enrol::{Certificate, Enrol, EnrolAnswer};
use fieldsync_protocol::exchange::{Delivery, Exchange, ExchangeAnswer};
use fieldsync_protocol::fault::Fault;
use fieldsync_protocol::{
    Dot, Edit, PersonId, Record, ReplicaId, Stamp, Trust, Value, Version, document, encode, wire,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::Index;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::history::{blank, history, merged};

/// Any content a field can hold, names included that only JSON has trouble with.
fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        ".{0,12}".prop_map(Value::Text),
        vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
    ];
    let name = || prop_oneof!["[a-z_]{1,8}", ".{0,4}", Just("$bytes".to_owned()), Just("$$bytes".to_owned())];
    scalar.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::List),
            btree_map(name(), inner, 0..4).prop_map(Value::Map),
        ]
    })
}

fn written_record() -> impl Strategy<Value = Record> {
    (history(), btree_map("[a-z_]{1,8}", value(), 0..4), any::<i64>()).prop_map(|(history, fields, at_ms)| {
        let mut record = merged(&history.copies);
        let dot = Dot { replica: ReplicaId([9; 16]), counter: 1 };
        let person = PersonId::from_bytes([9; 16]);
        let stamp = Stamp { person, device: None, at_ms, offset_ms: 0, trust: Trust::Office };
        record.put(&Edit { dot, group: "from_tomorrow".into(), fields, context: Version::new(), stamp });
        record
    })
}

fn reads_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> Result<(), TestCaseError> {
    let cbor = encode::cbor(value);
    let read: T = encode::from_cbor(&cbor).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(&read, value);
    prop_assert_eq!(encode::cbor(&read), cbor);

    let json = encode::json(value);
    let read: T = encode::from_json(&json).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(&read, value);
    prop_assert_eq!(encode::json(&read), json);
    Ok(())
}

/// Reads hostile bytes as `T`; whatever is accepted must be stable from then on.
fn survives<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(read) = encode::from_cbor::<T>(bytes) {
        let again = encode::cbor(&read);
        prop_assert_eq!(&encode::from_cbor::<T>(&again).expect("our own bytes read back"), &read);
    }
    let _ = encode::from_json::<T>(bytes);
    let _ = wire::unpack::<T>(bytes);
    Ok(())
}

fn survives_as_anything(bytes: &[u8]) -> Result<(), TestCaseError> {
    survives::<Record>(bytes)?;
    survives::<Edit>(bytes)?;
    survives::<Exchange>(bytes)?;
    survives::<ExchangeAnswer>(bytes)?;
    survives::<Delivery>(bytes)?;
    survives::<Enrol>(bytes)?;
    survives::<EnrolAnswer>(bytes)?;
    survives::<Certificate>(bytes)?;
    survives::<Fault>(bytes)?;
    survives::<Value>(bytes)?;
    let _ = document::Voucher::from_bytes(bytes);
    let _ = document::Statement::from_bytes(bytes);
    let _ = document::strokes(bytes);
    Ok(())
}

/// (replica's place, counter, stamp's place, fields)
type MadeUpSibling = (u32, u64, u32, BTreeMap<String, Value>);

/// A record's form as a peer may make it up: the shape is right, the places and the order need not be.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct MadeUp {
    v: u8,
    kind: String,
    id: fieldsync_protocol::RecordId,
    replicas: Vec<ReplicaId>,
    version: Vec<u64>,
    stamps: Vec<Stamp>,
    groups: BTreeMap<String, Vec<MadeUpSibling>>,
}

fn made_up() -> impl Strategy<Value = MadeUp> {
    let stamp = (0..3u8, any::<i64>()).prop_map(|(person, at_ms)| Stamp {
        person: PersonId::from_bytes([person; 16]),
        device: None,
        at_ms: at_ms % 3,
        offset_ms: 0,
        trust: Trust::Unknown,
    });
    let sibling = (0..3u32, 0..4u64, 0..3u32, btree_map("[ab]", Just(Value::Null), 0..2));
    (
        1..3u8,
        vec((0..4u8).prop_map(|byte| ReplicaId([byte; 16])), 0..4),
        vec(0..4u64, 0..4),
        vec(stamp, 0..4),
        btree_map("[gh]", vec(sibling, 0..3), 0..3),
    )
        .prop_map(|(v, mut replicas, version, mut stamps, groups)| {
            // Half of the lists in order, or hardly any would be accepted.
            if version.len() % 2 == 0 {
                replicas.sort();
                replicas.dedup();
                stamps.sort();
                stamps.dedup();
            }
            let blank = blank();
            MadeUp { v, kind: blank.kind, id: blank.id, replicas, version, stamps, groups }
        })
}

proptest! {
    #[test]
    fn records_and_values_read_back_and_are_written_the_same(record in written_record(), value in value()) {
        reads_back(&record)?;
        reads_back(&value)?;
        reads_back(&record.version)?;
        prop_assert_eq!(wire::unpack::<Record>(&wire::pack(&record)).expect("packed by us"), record);
    }

    #[test]
    fn edits_read_back_and_are_written_the_same(history in history()) {
        for edit in &history.edits {
            reads_back(edit)?;
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_read_but_nothing_else(bytes in vec(any::<u8>(), 0..200)) {
        survives_as_anything(&bytes)?;
    }

    #[test]
    fn a_damaged_record_is_refused_or_read_as_something_stable(
        record in written_record(), place in any::<Index>(), byte in any::<u8>(), cut in any::<Index>(),
    ) {
        let mut bytes = encode::cbor(&record);
        let place = place.index(bytes.len());
        bytes[place] = byte;
        survives_as_anything(&bytes)?;
        bytes.truncate(cut.index(bytes.len()));
        survives_as_anything(&bytes)?;
    }

    #[test]
    fn a_form_is_a_record_only_in_the_one_way_we_write_it(form in made_up()) {
        let bytes = encode::cbor(&form);
        if let Ok(record) = encode::from_cbor::<Record>(&bytes) {
            prop_assert_eq!(encode::cbor(&record), bytes, "accepted, but we would write it differently");
        }
    }

    #[test]
    fn a_record_with_bytes_after_its_end_is_refused(record in written_record(), tail in vec(any::<u8>(), 1..4)) {
        let mut bytes = encode::cbor(&record);
        bytes.extend(tail);
        prop_assert!(encode::from_cbor::<Record>(&bytes).is_err());
    }
}

#[test]
fn nesting_ends_at_the_limit_and_far_before_the_stack_does() {
    use fieldsync_protocol::limits::VALUE_DEPTH_MAX;
    let nested = |depth: usize| (1..depth).fold(Value::Int(1), |inner, _| Value::List(vec![inner]));

    assert!(encode::from_cbor::<Value>(&encode::cbor(&nested(VALUE_DEPTH_MAX))).is_ok());
    assert!(encode::from_cbor::<Value>(&encode::cbor(&nested(VALUE_DEPTH_MAX + 1))).is_err());
    assert!(encode::from_cbor::<Value>(&vec![0x81; 1_000_000]).is_err());
    assert!(encode::from_json::<Value>("[".repeat(1_000_000).as_bytes()).is_err());
}

#[test]
fn numbers_outside_our_range_and_floats_are_refused() {
    assert!(encode::from_cbor::<Value>(&[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err());
    assert!(encode::from_cbor::<Value>(&[0xf9, 0x3c, 0x00]).is_err(), "a half-precision 1.0");
    assert!(encode::from_json::<Value>(b"1.5").is_err());
    assert!(encode::from_json::<Value>(b"9223372036854775808").is_err());
}
