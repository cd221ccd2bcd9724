//! One-time codes over HTTP.

use fieldsync_protocol::fault::FaultCode;

use super::*;

#[tokio::test]
async fn a_code_enrols_one_device_within_ten_minutes() {
    let world = World::new();
    let technician = add_technician(&world.office, "Anna", "", "").unwrap();
    let code = new_code(&world.office, technician).unwrap();
    let late = new_code(&world.office, technician).unwrap();
    let typed = code.to_lowercase().replace('-', " ");

    let first = read(world.send(enrol_request(typed, PublicKey([1; 32]))).await).await;
    let second = read(world.send(enrol_request(code, PublicKey([2; 32]))).await).await;
    let unknown = read(world.send(enrol_request("AAAA-AAAA-AAAA-AAAA".into(), PublicKey([2; 32]))).await).await;
    world.clock.advance(600_001);
    let expired = read(world.send(enrol_request(late, PublicKey([2; 32]))).await).await;

    let answer: EnrolAnswer = wire::unpack(&first.1).unwrap();
    assert_eq!((first.0, answer.person_name.as_str()), (StatusCode::OK, "Anna"));
    assert!(answer.certificate.is_valid(&answer.root));
    assert_eq!(second.0, StatusCode::FORBIDDEN);
    assert_eq!(fault(&second.1).code, FaultCode::BadCode);
    assert_eq!(second, unknown, "used and unknown look alike");
    assert_eq!(second, expired, "so does expired");
    assert_eq!(world.office.read(|txn| txn.devices()).unwrap().len(), 1);
}

#[tokio::test]
async fn attempts_are_slowed_down_and_told_when_to_come_again() {
    let world = World::new();
    let attempt = || world.send(enrol_request("AAAA".into(), PublicKey([1; 32])));
    for _ in 0..10 {
        assert_eq!(attempt().await.status(), StatusCode::FORBIDDEN);
    }

    let response = attempt().await;

    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "6");
    assert_eq!(fault(&read(response).await.1).code, FaultCode::Unavailable);
    world.clock.advance(6_000);
    assert_eq!(attempt().await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_request_that_is_no_enrolment_is_refused() {
    let world = World::new();
    for (body, status) in [(vec![0; 5_000], 413), (b"{}".to_vec(), 400), (Vec::new(), 400)] {
        let request = Request::post(ENROL_PATH).body(Body::from(body)).unwrap();
        assert_eq!(world.send(request).await.status().as_u16(), status);
    }
    let json = serde_json::json!({ "code": "x", "public_key": "00".repeat(32), "device_name": "", "extra": 1 });
    let request = Request::post(ENROL_PATH).header("content-type", "application/json").body(json.to_string().into());
    assert_eq!(world.send(request.unwrap()).await.status(), StatusCode::BAD_REQUEST);
}
