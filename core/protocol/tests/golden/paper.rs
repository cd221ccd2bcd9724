//! What a third party verifies: signed document, statement, signature, counter-signature, signed request, and the hashes
//! that other implementations must find.

use fieldsync_protocol::document::{
    Frame, Parties, Point, Statement, Strokes, Unverified, Voucher, countersign, differences, strokes, verify,
};
use fieldsync_protocol::job::{Job, Signature};
use fieldsync_protocol::{Fields, Hash, PublicKey, SignatureBytes, Value, encode, fields, request};
use serde_json::json;

use crate::golden;
use crate::messages::{
    self, MORNING_MS, by_office, by_phone, certificate, device, id, key, public, technician, written,
};

/// A job with everything a voucher shows, one voided part among it.
fn job() -> Job {
    let order = written(
        "work_order",
        id(1),
        &by_office(0),
        &[("origin", fields! { "channel" => "phone" }), ("problem", fields! { "text" => "泵漏油" })],
    );
    let below = |own: Fields| {
        let mut fields = fields! { "work_order" => id(1), "technician" => technician() };
        fields.extend(own);
        fields
    };
    let part = |quantity: i64, price: Value| {
        below(fields! {
            "number" => "SK-40", "name" => "Seal kit 40 mm", "quantity_milli" => quantity, "unit" => "pc",
            "charge" => "a_paid", "price_minor" => price, "currency" => "EUR",
        })
    };
    let change = fields! { "name" => "relief pressure", "old" => "180 bar", "new" => "175 bar" };
    let report = written(
        "work_report",
        id(0x20),
        &by_phone(40),
        &[
            ("subject", below(fields! {})),
            (
                "finding",
                fields! { "fault_location" => "boom cylinder", "cause" => "seal worn", "attribution" => "wear" },
            ),
            ("action", fields! { "method" => "seal kit replaced" }),
            ("parameters", fields! { "changed" => vec![Value::from(change)] }),
            ("hazards", fields! { "remaining" => "guard missing" }),
            ("outcome", fields! { "outcome" => "solved" }),
        ],
    );
    let time = below(fields! {
        "activity" => "work", "from_ms" => MORNING_MS, "to_ms" => MORNING_MS + 95 * 60_000,
    });
    let photo = fields! {
        "work_order" => id(1), "hash" => Hash::sha256(b"photo"), "media_type" => "image/jpeg", "size" => 5,
    };
    let records = [
        report,
        written("part_line", id(0x21), &by_phone(41), &[("use", part(1_500, Value::Int(2_333)))]),
        written(
            "part_line",
            id(0x22),
            &by_phone(42),
            &[("use", part(9_000, Value::Null)), ("void", fields! { "reason" => "wrong size" })],
        ),
        written("time_entry", id(0x23), &by_phone(43), &[("time", time)]),
        written("attachment", id(0x24), &by_phone(44), &[("blob", photo)]),
    ];
    Job::collect(&order, &records)
}

fn voucher() -> Voucher {
    let frame = Frame {
        kind: "work_done",
        language: "zh",
        consent: "I confirm the work above.",
        parties: Parties {
            number: "WO-2026-0042".into(),
            customer: "北方矿业".into(),
            site: "Pit 3".into(),
            asset: "Excavator B".into(),
            problem: "泵漏油".into(),
            category: "a_paid".into(),
        },
        technicians: &[(technician(), "Anna Bauer".to_owned())].into_iter().collect(),
        device: &certificate(),
    };
    Voucher::of(&job(), frame)
}

fn drawn() -> Vec<u8> {
    let strokes: Strokes = vec![
        vec![Point(100, 200, 0, 500), Point(180, 90, 16, 620), Point(260, 210, 33, 480)],
        vec![Point(140, 150, 400, 510), Point(230, 150, 420, 515)],
    ];
    encode::cbor(&strokes)
}

fn statement() -> Statement {
    Statement {
        v: 1,
        document: Hash::sha256(&voucher().to_bytes()),
        strokes: Hash::sha256(&drawn()),
        signer: "Li Wei".into(),
        role: "site manager".into(),
        refused: None,
        signed_ms: MORNING_MS + 100 * 60_000,
        device: device(),
    }
}

fn signature() -> Signature {
    let statement = statement();
    let at_ms = MORNING_MS + 200 * 60_000;
    Signature {
        id: id(0x30),
        document: statement.document,
        statement: statement.to_bytes(),
        strokes: drawn(),
        device_signature: statement.sign(&key(2)),
        countersignature: Some((at_ms, countersign(&key(1), &statement.to_bytes(), at_ms))),
        stamp: by_phone(100),
    }
}

#[test]
fn a_signed_document_stands_as_it_did_and_verifies_from_its_files_alone() {
    let (voucher, signature) = (voucher(), signature());
    let document = golden("voucher.json", &voucher.to_bytes());
    let statement = golden("statement.json", &signature.statement);
    let (at_ms, counter) = signature.countersignature.expect("it is counter-signed");
    let rest = json!({
        "root": public(1),
        "document": signature.document,
        "strokes": hex::encode(&signature.strokes),
        "device_signature": signature.device_signature,
        "countersigned_ms": at_ms,
        "countersignature": counter,
    });
    let rest: serde_json::Value =
        serde_json::from_slice(&golden("signature.json", &pretty(&rest))).expect("the golden JSON reads");

    assert_eq!(document, voucher.to_bytes());
    assert_eq!(statement, signature.statement);
    let text = |name: &str| rest[name].as_str().expect("a text").to_owned();
    let root: PublicKey = text("root").parse().expect("a key");
    let from_files = Signature {
        document: text("document").parse().expect("a hash"),
        statement,
        strokes: hex::decode(text("strokes")).expect("hexadecimal digits"),
        device_signature: text("device_signature").parse().expect("a signature"),
        countersignature: Some((at_ms, text("countersignature").parse().expect("a signature"))),
        ..signature
    };
    let verified = verify(&document, &from_files, &root).expect("the golden signature verifies");
    assert_eq!((verified.statement.signer.as_str(), verified.countersigned_ms), ("Li Wei", Some(at_ms)));
    assert_eq!(strokes(&from_files.strokes).expect("strokes").len(), 2);
    assert_eq!(Voucher::from_bytes(&document), Some(voucher));
}

#[test]
fn every_broken_link_of_a_signature_is_told_apart() {
    let (document, good, root) = (voucher().to_bytes(), signature(), public(1));
    let fails = |document: &[u8], signature: &Signature, root: &PublicKey| verify(document, signature, root).err();

    let mut other = voucher();
    other.parts[0].total_minor = Some(1);
    assert_eq!(fails(&other.to_bytes(), &good, &root), Some(Unverified::DocumentChanged));
    let strokes = Signature { strokes: encode::cbor(&Strokes::new()), ..good.clone() };
    assert_eq!(fails(&document, &strokes, &root), Some(Unverified::StrokesChanged));
    assert_eq!(fails(&document, &good, &public(9)), Some(Unverified::Certificate));
    let foreign = Signature { device_signature: statement().sign(&key(9)), ..good.clone() };
    assert_eq!(fails(&document, &foreign, &root), Some(Unverified::DeviceSignature));
    let renamed = Statement { signer: "Li Wie".into(), ..statement() };
    let renamed = Signature { statement: renamed.to_bytes(), ..good.clone() };
    assert_eq!(fails(&document, &renamed, &root), Some(Unverified::DeviceSignature));
    let (at_ms, counter) = good.countersignature.expect("it is counter-signed");
    let backdated = Signature { countersignature: Some((at_ms - 1, counter)), ..good };
    assert_eq!(fails(&document, &backdated, &root), Some(Unverified::Countersignature));
}

#[test]
fn a_key_that_verifies_everything_verifies_nothing_here() {
    // The neutral point of the curve: with it, one signature would stand under any text.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut forged = [0; 64];
    forged[0] = 1;
    assert!(!fieldsync_protocol::enrol::verifies(&PublicKey(neutral), b"anything", &SignatureBytes(forged)));
}

#[test]
fn a_later_price_differs_from_what_was_signed_and_nothing_else_does() {
    let signed = voucher();
    let mut now = signed.clone();
    now.parts[0].price_minor = Some(2_500);
    now.language = "en".into();

    let found = differences(&signed, &now);

    assert_eq!(found.len(), 1);
    assert_eq!(found[0].place, "part / SK-40 Seal kit 40 mm");
    assert_eq!(differences(&signed, &signed), []);
}

#[test]
fn a_signed_request_stands_as_it_did() {
    let body = encode::cbor(&messages::exchange_idle());
    let path = request::EXCHANGE_PATH;
    let signature = request::sign(&key(2), device(), "POST", path, 0, "nonce-of-the-server", &body);
    let current = json!({
        "secret_key": hex::encode([2; 32]),
        "device": device(),
        "method": "POST",
        "path": path,
        "offset": 0,
        "nonce": "nonce-of-the-server",
        "body": hex::encode(&body),
        "signature": signature,
    });

    assert_eq!(golden("signed_request.json", &pretty(&current)), pretty(&current));
    let signed = request::Signed {
        device: device(),
        method: "POST",
        path,
        offset: 0,
        nonce: "nonce-of-the-server",
        body: &body,
    };
    assert!(signed.verifies(&public(2), &signature));
    assert!(!request::Signed { method: "PUT", ..signed }.verifies(&public(2), &signature));
    assert!(!request::Signed { path: "/sync/v1/events", ..signed }.verifies(&public(2), &signature));
    assert!(!request::Signed { offset: 1, ..signed }.verifies(&public(2), &signature));
    assert!(!request::Signed { nonce: "another", ..signed }.verifies(&public(2), &signature));
    assert!(!request::Signed { body: &body[1..], ..signed }.verifies(&public(2), &signature));
}

#[test]
fn hashes_are_what_they_were() {
    let current = json!({
        "edit_content": messages::edit().content(),
        "edit_meaning": messages::edit().meaning(),
        "record_check": messages::record().check(),
        "set_hash_of_record_and_note": messages::set_hash(),
        "voucher_sha256": Hash::sha256(&voucher().to_bytes()),
    });

    let file = golden("hashes.json", &pretty(&current));

    assert_eq!(String::from_utf8_lossy(&file), String::from_utf8_lossy(&pretty(&current)));
}

fn pretty(value: &serde_json::Value) -> Vec<u8> {
    let mut bytes = encode::json(value);
    bytes.push(b'\n');
    bytes
}
