//! A bundle handed over the counter: looked at, agreed to, told in the history.

use axum::http::StatusCode;
use ed25519_dalek::SigningKey;
use fieldsync_protocol::bundle::{CarriedRecord, Closer, Manifest, Part, public_half};
use fieldsync_protocol::enrol::{Certificate, Enrol};
use fieldsync_protocol::{Dot, Edit, PersonId, PublicKey, RecordId, ReplicaId, Stamp, Trust, Version, fields};

use super::{World, world};
use crate::enrol;

const BUNDLE: ReplicaId = ReplicaId([0xb1; 16]);

/// A phone of the technician's with a key of its own.
fn phone(world: &World) -> (SigningKey, Certificate) {
    let key = SigningKey::from_bytes(&[6; 32]);
    let code = enrol::new_code(&world.office, world.wei).expect("code");
    let public_key = PublicKey(key.verifying_key().to_bytes());
    let request = Enrol { code, public_key, device_name: "Phone in van 7".into() };
    (key, enrol::enrol(&world.office, &request).expect("enrol").certificate)
}

/// A bundle with one note for an order.
fn bundle(world: &World, order: RecordId) -> Vec<u8> {
    let (key, certificate) = phone(world);
    let made_ms = world.office.now_ms() - 3_600_000;
    let person = PersonId(world.wei.0);
    let stamp =
        Stamp { person, device: Some(certificate.device), at_ms: made_ms, offset_ms: 0, trust: Trust::Compared };
    let edit = Edit {
        dot: Dot { replica: BUNDLE, counter: 1 },
        group: "text".into(),
        fields: fields! { "work_order" => order, "text" => "the <gate> is locked" },
        context: Version::new(),
        stamp,
    };
    let manifest = Manifest {
        certificate,
        replica: ReplicaId([7; 16]),
        number: 4,
        made_ms,
        offset_ms: 0,
        table: 1,
        cursor: None,
        records: 1,
        edits: 1,
        blobs: Vec::new(),
    };
    let mut file = Vec::new();
    let mut closer = Closer::begin(BUNDLE, public_half(world.office.keys.bundle_secret()), [8; 32], &mut file);
    assert!(closer.part(&Part::Manifest(Box::new(manifest)), &mut file));
    let record = CarriedRecord { kind: "note".into(), id: world.office.new_id(), edits: vec![edit], sent: Vec::new() };
    assert!(closer.part(&Part::Edits(record), &mut file));
    closer.end(&key, &mut file);
    file
}

#[tokio::test]
async fn a_bundle_is_looked_at_before_it_is_imported_and_told_in_the_history() {
    let world = world();
    let order = world.order("pump leaks");
    let mut browser = world.signed_in().await;
    let file = bundle(&world, order);

    let uploaded = browser.upload("/bundles", "wei.bundle", &file).await;
    let preview = browser.follow(&uploaded).await;

    assert!(preview.body.contains("Bundle 4 of Wei Zhang"), "{}", preview.body);
    assert!(preview.body.contains("Phone in van 7") && preview.body.contains("WO-000001"));
    assert!(preview.body.contains("Nothing has been written yet."));
    let history = world.office.read(|txn| txn.tenant()).expect("tenant").sequence;
    let confirmed = browser.post(uploaded.location(), &[]).await;
    let done = browser.follow(&confirmed).await;
    assert!(done.body.contains("imported by Ruth Okafor"), "{}", done.body);
    assert_eq!(world.office.read(|txn| txn.tenant()).expect("tenant").sequence, history + 1);
    let job = browser.get(&format!("/jobs/{order}")).await;
    assert!(job.body.contains("carried by bundle 4, imported by Ruth Okafor"), "{}", job.body);
    assert!(job.body.contains("the &#60;gate&#62; is locked"));

    let again = browser.upload("/bundles", "wei.bundle", &file).await;
    let again = browser.follow(&again).await;
    assert!(again.body.contains("importing it again changes nothing"));
    assert!(browser.get("/bundles").await.body.contains("4 of Wei Zhang"));
}

#[tokio::test]
async fn a_file_that_is_no_bundle_is_turned_away_with_the_reason() {
    let world = world();
    let order = world.order("pump leaks");
    let mut browser = world.signed_in().await;
    let mut damaged = bundle(&world, order);
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;

    for (content, reason) in [
        (b"WorkOrder;Cost".as_slice(), "it is no carried bundle"),
        (&damaged, "it was changed on the way"),
        (&damaged[..200], "its end is missing"),
        (b"", "none was chosen"),
    ] {
        let page = browser.upload("/bundles", "wei.bundle", content).await;
        let page = browser.follow(&page).await;
        assert!(page.body.contains(reason), "{reason}: {}", page.body);
    }
    let gone = browser.get("/bundles/0123").await;
    assert_eq!(gone.status, StatusCode::SEE_OTHER);
    assert!(world.office.read(|txn| txn.bundles(9)).expect("bundles").is_empty());
}
