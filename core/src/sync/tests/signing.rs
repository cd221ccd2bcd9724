//! Signed requests: nonces, challenges, and verdicts that end a session.

use fieldsync_protocol::fault::{Fault, FaultCode};
use fieldsync_protocol::request::{CERTIFICATE_HEADER, DEVICE_HEADER, NONCE_HEADER, SIGNATURE_HEADER, Signed};

use super::office::Office;
use super::*;
use crate::Ended;

fn fault(code: FaultCode, headers: &[(&str, &str)]) -> Response {
    Response {
        status: code.status(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: serde_json::to_vec(&Fault::new(code)).unwrap(),
    }
}

#[test]
fn a_request_is_signed_with_the_offices_nonce_and_the_certificate_follows_a_challenge() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    let key = phone.device.identity().unwrap().unwrap().certificate.public_key;
    let mut requests = Vec::new();

    let receipt = phone.sync_over(|request| {
        requests.push(request.clone());
        if request.header(NONCE_HEADER) != Some("n1") {
            return Some(fault(FaultCode::Unauthenticated, &[("Fieldsync-Nonce", "n1")]));
        }
        let signed = Signed {
            device: request.header(DEVICE_HEADER).unwrap().parse().unwrap(),
            method: request.method,
            path: &request.path,
            offset: 0,
            nonce: "n1",
            body: &request.body,
        };
        assert!(signed.verifies(&key, &request.header(SIGNATURE_HEADER).unwrap().parse().unwrap()));
        Some(office.respond(request))
    });

    assert!(receipt.is_complete());
    assert!(requests[0].header(CERTIFICATE_HEADER).is_none());
    assert!(requests[1].header(CERTIFICATE_HEADER).is_some());
    let receipt = phone.sync_over(|request| {
        assert_eq!(request.header(NONCE_HEADER), Some("n1"), "the nonce is remembered");
        Some(office.respond(request))
    });
    assert_eq!(receipt.round_trips, 1);
}

#[test]
fn a_device_that_is_not_known_or_revoked_ends_its_session_and_keeps_everything() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    phone.sync(&mut office);
    phone.enter(id(70), "finding", "kept");

    let unknown = phone.sync_over(|_| Some(fault(FaultCode::Unauthenticated, &[(NONCE_HEADER, "n")])));
    let revoked = phone.sync_over(|_| Some(fault(FaultCode::Revoked, &[])));

    assert_eq!((unknown.ended, unknown.round_trips), (Ended::SignedOut, 4));
    assert_eq!(revoked.ended, Ended::Revoked);
    assert_eq!(revoked.still_here, 1);
}

#[test]
fn a_request_that_the_network_repeats_signs_nobody_out() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    let mut rounds = 0;

    let receipt = phone.sync_over(|request| {
        let response = office.respond(request);
        rounds += 1;
        // The office spends a signature once; what comes back is its answer to the repetition.
        Some(if rounds % 3 == 0 { response } else { fault(FaultCode::Unauthenticated, &[(NONCE_HEADER, "n")]) })
    });

    assert!(receipt.is_complete());
}

#[test]
fn a_captive_portal_neither_signs_out_nor_empties_the_phone() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    phone.sync(&mut office);
    phone.enter(id(70), "finding", "kept");

    for status in [200, 302, 401, 403, 404, 511] {
        let page = || Response { status, headers: Vec::new(), body: b"<html>please log in</html>".to_vec() };
        let receipt = phone.sync_over(|_| Some(page()));
        assert!(matches!(receipt.ended, Ended::Offline { .. }), "{status}: {:?}", receipt.ended);
    }

    assert_eq!(phone.device.pending().unwrap().len(), 1);
    assert!(phone.sync(&mut office).is_complete());
}

#[test]
fn the_office_says_when_to_come_again() {
    let (phone, _) = (Phone::new(1), Office::new());
    let busy = || {
        let fault = Fault { retry_after_ms: Some(120_000), ..Fault::new(FaultCode::Unavailable) };
        Response { status: 503, headers: Vec::new(), body: serde_json::to_vec(&fault).unwrap() }
    };

    let receipt = phone.sync_over(|_| Some(busy()));

    assert_eq!(receipt.ended, Ended::Offline { retry_after_ms: 120_000 });
    assert_eq!(receipt.round_trips, 1);
}

#[test]
fn one_sync_at_a_time() {
    let phone = Phone::new(1);
    let session = Session::begin(&phone.device).unwrap();
    assert_eq!(Session::begin(&phone.device).unwrap_err().code(), "busy");
    drop(session);
    assert!(Session::begin(&phone.device).is_ok());
}
