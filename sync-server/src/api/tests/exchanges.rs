//! Signed requests and what is wrong with them.

use fieldsync_protocol::exchange::Outcome;
use fieldsync_protocol::fault::FaultCode;
use fieldsync_protocol::limits::WIRE_BYTES_MAX;
use fieldsync_protocol::request::CERTIFICATE_HEADER;
use fieldsync_protocol::{DeviceId, PersonId, encode};

use super::*;
use crate::enrol;

#[tokio::test]
async fn a_signed_request_is_answered_and_carries_the_next_nonce() {
    let world = World::new();
    let mut anna = world.phone("Anna").await;
    let order = world.order("pump leaks");
    world.assign(order, &anna);

    let first = world.send(anna.request("POST", EXCHANGE_PATH, None, b"")).await;
    assert_eq!(first.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(first.headers()["content-type"], "application/problem+json");
    let answer = anna.exchange(&world, vec![anna.note(&world.office, order, "seal worn")]).await.unwrap();

    assert!(matches!(answer.outcomes[0].1, Outcome::Accepted { .. }));
    assert!(answer.delivered.iter().any(|delivery| delivery.record.id == order));
    assert!(anna.exchange(&world, vec![]).await.is_ok(), "the nonce that came along is good for the next request");
}

#[tokio::test]
async fn a_request_repeated_byte_for_byte_is_refused_and_signed_anew_it_has_no_second_effect() {
    let world = World::new();
    let mut anna = world.phone("Anna").await;
    let order = world.order("pump leaks");
    world.assign(order, &anna);
    anna.exchange(&world, vec![]).await.unwrap();
    let message = anna.message(&world.office, vec![anna.note(&world.office, order, "seal worn")]);
    let body = wire::pack(&message);
    let captured = || anna.request("POST", EXCHANGE_PATH, None, &body);

    let (status, _) = read(world.send(captured()).await).await;
    let sequence = world.office.read(|txn| txn.tenant()).unwrap().sequence;
    let (replayed, answer) = read(world.send(captured()).await).await;
    let (again, _) = read(anna.call(&world, "POST", EXCHANGE_PATH, None, &body).await).await;

    assert_eq!((status, replayed, again), (StatusCode::OK, StatusCode::UNAUTHORIZED, StatusCode::OK));
    assert_eq!(fault(&answer).code, FaultCode::Unauthenticated);
    assert_eq!(world.office.read(|txn| txn.tenant()).unwrap().sequence, sequence);
}

#[tokio::test]
async fn a_nonce_is_good_for_ten_minutes_on_the_offices_clock() {
    let world = World::new();
    let mut anna = world.phone("Anna").await;
    anna.exchange(&world, vec![]).await.unwrap();
    let body = wire::pack(&anna.message(&world.office, vec![]));

    world.clock.advance(600_000);
    let in_time = world.send(anna.request("POST", EXCHANGE_PATH, None, &body)).await;
    let body = wire::pack(&anna.message(&world.office, vec![]));
    world.clock.advance(1_000);
    let too_late = world.send(anna.request("POST", EXCHANGE_PATH, None, &body)).await;

    assert_eq!((in_time.status(), too_late.status()), (StatusCode::OK, StatusCode::UNAUTHORIZED));
}

#[tokio::test]
async fn what_was_signed_cannot_be_changed_on_the_way() {
    let world = World::new();
    let mut anna = world.phone("Anna").await;
    anna.exchange(&world, vec![]).await.unwrap();
    let body = wire::pack(&anna.message(&world.office, vec![]));
    let other =
        wire::pack(&anna.message(&world.office, vec![anna.note(&world.office, RecordId(uuid::Uuid::nil()), "x")]));
    let blob = fieldsync_protocol::request::blob_path(RecordId(uuid::Uuid::nil()));

    let tampered = anna.signed("POST", EXCHANGE_PATH, None, &body).body(Body::from(other)).unwrap();
    let elsewhere = anna.signed("POST", EXCHANGE_PATH, None, b"").method("GET").uri(&blob).body(Body::empty()).unwrap();
    let moved = anna.signed("PUT", &blob, Some(0), b"x").header(OFFSET_HEADER, 1).body(Body::from("x"));
    let mut moved = moved.unwrap();
    moved.headers_mut().insert(OFFSET_HEADER, 1.into());

    for request in [tampered, elsewhere, moved] {
        assert_eq!(world.send(request).await.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn an_unknown_device_and_a_wrong_signature_look_alike() {
    let world = World::new();
    let mut anna = world.phone("Anna").await;
    anna.exchange(&world, vec![]).await.unwrap();
    let forger = Phone { key: SigningKey::from_bytes(&[9; 32]), ..anna.clone() };
    let unheard = Certificate { device: DeviceId::from_bytes([9; 16]), ..anna.certificate.clone() };
    let stranger = Phone { certificate: unheard, ..anna.clone() };

    let wrong = read(world.send(forger.request("POST", EXCHANGE_PATH, None, b"")).await).await;
    let unknown = read(world.send(stranger.request("POST", EXCHANGE_PATH, None, b"")).await).await;

    assert_eq!(unknown, wrong);
    assert_eq!(unknown.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_revoked_devices_push_is_held_and_answered_403() {
    let world = World::new();
    let mut anna = world.phone("Anna").await;
    let order = world.order("pump leaks");
    world.assign(order, &anna);
    anna.exchange(&world, vec![]).await.unwrap();
    enrol::revoke(&world.office, anna.certificate.device).unwrap();

    let fault = anna.exchange(&world, vec![anna.note(&world.office, order, "still mine")]).await.unwrap_err();
    let unreadable = read(anna.call(&world, "POST", EXCHANGE_PATH, None, b"nonsense").await).await;
    let blob = fieldsync_protocol::request::blob_path(order);
    let elsewhere = anna.call(&world, "HEAD", &blob, None, b"").await;

    assert_eq!(fault.code, FaultCode::Revoked);
    assert_eq!(world.office.read(|txn| txn.all_held(true)).unwrap().len(), 1);
    assert_eq!(super::fault(&unreadable.1).code, FaultCode::Revoked);
    assert_eq!(elsewhere.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_device_that_a_restore_forgot_is_taken_back_on_its_certificate_unless_it_was_revoked() {
    let world = World::new();
    let mut anna = world.phone("Anna").await;
    let forgotten = World::new();
    let body = wire::pack(&anna.message(&forgotten.office, vec![]));
    anna.nonce = forgotten.send(anna.request("POST", EXCHANGE_PATH, None, &body)).await.headers()[NONCE_HEADER]
        .to_str()
        .unwrap()
        .to_owned();
    let introduced = |nonce: &str, certificate: &Certificate| {
        let anna = Phone { nonce: nonce.into(), ..anna.clone() };
        let header = hex::encode(encode::cbor(certificate));
        let builder = anna.signed("POST", EXCHANGE_PATH, None, &body).header(CERTIFICATE_HEADER, header);
        builder.body(Body::from(body.clone())).unwrap()
    };
    let forged = Certificate { person: PersonId(uuid::Uuid::nil()), ..anna.certificate.clone() };

    let refused = forgotten.send(introduced(&anna.nonce, &forged)).await;
    let nonce = refused.headers()[NONCE_HEADER].to_str().unwrap().to_owned();
    let taken = forgotten.send(introduced(&nonce, &anna.certificate)).await;

    assert_eq!((refused.status(), taken.status()), (StatusCode::UNAUTHORIZED, StatusCode::OK));
    assert_eq!(forgotten.office.read(|txn| txn.devices()).unwrap().len(), 1);

    let later = World::new();
    later.office.revocations.note(anna.certificate.device, 5).unwrap();
    let nonce =
        later.send(introduced("", &anna.certificate)).await.headers()[NONCE_HEADER].to_str().unwrap().to_owned();
    assert_eq!(later.send(introduced(&nonce, &anna.certificate)).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn bad_bodies_are_refused_with_a_code_and_change_nothing() {
    let world = World::new();
    let mut anna = world.phone("Anna").await;
    anna.exchange(&world, vec![]).await.unwrap();
    let good = wire::pack(&anna.message(&world.office, vec![]));
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 3).unwrap();
    let deep = zstd::bulk::compress(&[0x81; 4_000], 3).unwrap();
    let endless =
        wire::pack(&anna.message(
            &world.office,
            vec![PushRecord { edits: vec![], ..anna.note(&world.office, world.order("x"), "y") }],
        ));
    let cases: [(&[u8], FaultCode); 7] = [
        (&vec![7; WIRE_BYTES_MAX + 1], FaultCode::TooLarge),
        (&bomb, FaultCode::TooLarge),
        (&endless, FaultCode::TooLarge),
        (&deep, FaultCode::BadRequest),
        (&good[..good.len() - 3], FaultCode::BadRequest),
        (b"", FaultCode::BadRequest),
        (b"\xff\xfe nonsense", FaultCode::BadRequest),
    ];
    let sequence = world.office.read(|txn| txn.tenant()).unwrap().sequence;

    for (body, code) in cases {
        let response = anna.call(&world, "POST", EXCHANGE_PATH, None, body).await;
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let (status, body) = read(response).await;
        assert_eq!((status.as_u16(), fault(&body).code), (code.status(), code));
    }
    assert_eq!(world.office.read(|txn| txn.tenant()).unwrap().sequence, sequence);
}

#[tokio::test]
async fn json_is_understood_both_ways_and_unknown_fields_are_refused() {
    let world = World::new();
    let mut anna = world.phone("Anna").await;
    anna.exchange(&world, vec![]).await.unwrap();
    let mut message = serde_json::to_value(anna.message(&world.office, vec![])).unwrap();
    let json = |message: &serde_json::Value, anna: &Phone| {
        let body = serde_json::to_vec(message).unwrap();
        let builder = anna.signed("POST", EXCHANGE_PATH, None, &body).header("content-type", "application/json");
        builder.body(Body::from(body)).unwrap()
    };

    let response = world.send(json(&message, &anna)).await;
    anna.nonce = response.headers()[NONCE_HEADER].to_str().unwrap().to_owned();
    assert_eq!(response.headers()["content-type"], "application/json");
    let (status, body) = read(response).await;
    message["invented"] = 7.into();
    let unknown = world.send(json(&message, &anna)).await;

    assert_eq!(status, StatusCode::OK);
    let answer: ExchangeAnswer = serde_json::from_slice(&body).unwrap();
    assert_eq!(answer.epoch, 5);
    assert_eq!(unknown.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn health_other_versions_and_panics_have_answers_of_their_own() {
    let broken = Router::new().route("/broken", axum::routing::get(|| async { panic!("on purpose") as () }));
    let world = World::with_console(broken);
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    let status = |path: &'static str| async { world.send(get(path)).await.status().as_u16() };

    assert_eq!(status("/health").await, 200);
    assert_eq!(status("/health/live").await, 200);
    assert_eq!(status("/metrics").await, 404, "counts are served only when that was asked for");
    assert_eq!(status("/sync/v2/exchange").await, 426);
    assert_eq!(status("/sync/v1/unheard-of").await, 404);
    assert_eq!(status(EXCHANGE_PATH).await, 405);
    let (code, body) = read(world.send(get("/broken")).await).await;
    assert_eq!((code.as_u16(), fault(&body).code), (500, FaultCode::Internal));
    assert_eq!(world.send(get("/health")).await.headers()["x-content-type-options"], "nosniff");
}
