//! A carried bundle as it stands in a file, byte for byte: what a phone exported years ago must open at an office of
//! today.

use fieldsync_protocol::bundle::{
    CarriedBlob, CarriedRecord, Closer, Content, Manifest, OfficeKey, Opener, Part, public_half,
};
use fieldsync_protocol::enrol::EnrolAnswer;
use fieldsync_protocol::exchange::{Offer, Sealed, SentDot};
use fieldsync_protocol::{Dot, Edit, Hash, ReplicaId, Seal, encode};

use crate::messages::{MORNING_MS, certificate, edit, enrol_answer, id, key, public, record};
use crate::{bytes_of_hex, golden, holds, lines_of_hex};

const BUNDLE: ReplicaId = ReplicaId([0xb1; 16]);
/// The secret half of the office's key.
const OFFICE: [u8; 32] = [0x0c; 32];

/// Every part of a bundle but its end, each with everything filled that can be.
fn parts() -> Vec<Part> {
    let photo = b"a very small photo";
    let own = ReplicaId([0xa1; 16]);
    let edits = vec![Edit { dot: Dot { replica: BUNDLE, counter: 1 }, ..edit() }];
    let sent = vec![SentDot { record: id(6), dot: Dot { replica: own, counter: 3 }, content: edit().content() }];
    let manifest = Manifest {
        certificate: certificate(),
        replica: own,
        number: 3,
        made_ms: MORNING_MS + 7_200_000,
        offset_ms: -1_250,
        table: 1,
        cursor: Some(Sealed(vec![9, 8, 7])),
        records: 1,
        edits: 1,
        blobs: vec![CarriedBlob { attachment: id(7), hash: Hash::sha256(photo), size: photo.len() as u64 }],
    };
    vec![
        Part::Manifest(Box::new(manifest)),
        Part::Theirs(Box::new(Offer { record: record(), seal: Some(Seal([0x5e; 16])) })),
        Part::Edits(CarriedRecord { kind: "work_report".into(), id: id(6), edits, sent }),
        Part::Content(Content { attachment: id(7), offset: 0, bytes: photo.to_vec().into() }),
    ]
}

#[test]
fn the_office_key_stands_as_it_did() {
    let office_key = OfficeKey::issue(&key(1), "muster", public_half(OFFICE));
    assert!(office_key.is_valid(&public(1), "muster"));
    holds("office_key", &office_key);
    holds("enrol_answer_with_office_key", &EnrolAnswer { office_key: Some(office_key), ..enrol_answer() });
}

#[test]
fn a_bundle_stands_as_it_did_and_opens() {
    let mut file = Vec::new();
    let mut closer = Closer::begin(BUNDLE, public_half(OFFICE), [0x5c; 32], &mut file);
    for part in parts() {
        assert!(closer.part(&part, &mut file));
    }
    closer.end(&key(2), &mut file);

    let kept = golden("bundle.hex", lines_of_hex(&file).as_bytes());
    assert_eq!(lines_of_hex(&file), String::from_utf8_lossy(&kept), "bundle.hex");
    let mut json = encode::json(&parts());
    json.push(b'\n');
    let told = golden("bundle.json", &json);
    assert_eq!(String::from_utf8_lossy(&json), String::from_utf8_lossy(&told), "bundle.json");

    let mut opener = Opener::new(OFFICE, public(1), certificate().tenant);
    opener.feed(&bytes_of_hex(&kept));
    let mut opened = Vec::new();
    while let Some(part) = opener.part().expect("the golden bundle opens") {
        opened.push(part);
    }
    assert_eq!(opened, parts());
    assert_eq!(opener.finish().expect("it is whole and signed").bundle, BUNDLE);
}
