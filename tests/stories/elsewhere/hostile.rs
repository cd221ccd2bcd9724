//! Old credentials, replayed traffic and bodies that grow.

use fieldsync::{Ended, Request, Session, Step, Transport};
use fieldsync_protocol::request::EXCHANGE_PATH;
use fieldsync_server::enrol;
use fieldsync_tests::fleet::{Fleet, Phone};

use crate::work;

/// Syncs and keeps everything that was sent.
fn recorded(fleet: &Fleet, phone: &Phone) -> Vec<Request> {
    let mut session = Session::begin(phone.device()).expect("a sync begins");
    let mut sent = Vec::new();
    loop {
        match session.next().expect("the phone's store works") {
            Step::Send(request) => {
                sent.push(request.clone());
                match fleet.runtime().block_on(phone.network.send(request)) {
                    Ok(response) => session.answer(response).expect("the phone's store works"),
                    Err(_) => session.failed().expect("the phone's store works"),
                }
            }
            Step::Wait(_) => {}
            Step::Done(_) => return sent,
        }
    }
}

/// A Vaultwarden advisory: a credential went on working after it had been replaced. Here nothing a device ever sent works
/// again, and a revoked device's key opens nothing, whatever it signs.
#[test]
fn replayed_traffic_and_a_revoked_key_have_no_effect() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = fleet.given(&anna, "Quarry North", "bucket drops");
    work(&anna, order, "seal worn through");
    let traffic = recorded(&fleet, &anna);
    fleet.settle(&[&anna]);
    let standing = |fleet: &Fleet| fleet.office.read(|txn| txn.tenant()).expect("the office reads").chain;
    let before = standing(&fleet);

    for request in traffic {
        let answer = fleet.runtime().block_on(anna.network.send(request)).expect("the office answers");
        assert_eq!(answer.status, 401, "what was sent once is not taken again");
    }
    let device = anna.device().status().expect("the phone's store reads").device.expect("it is enrolled");
    enrol::revoke(&fleet.office, device).expect("the device is revoked");
    let receipt = anna.sync();

    assert_eq!(receipt.ended, Ended::Revoked);
    assert_eq!(standing(&fleet), before, "the history is what it was");
}

/// Automerge inflated a compressed piece without a limit. Here a megabyte that would become gigabytes ends at the limit,
/// before anything is read, and nobody without a key gets that far.
#[test]
fn a_body_that_would_grow_to_gigabytes_is_refused() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let bomb = zstd::bulk::compress(&vec![0; 512 << 20], 19).expect("zeros compress");
    let mut request = recorded(&fleet, &anna).pop().expect("a sync sends something");
    assert_eq!(request.path, EXCHANGE_PATH);
    request.body = bomb.clone();

    let answer = fleet.runtime().block_on(anna.network.send(request)).expect("the office answers");

    assert!((400..500).contains(&answer.status), "{}", answer.status);
    assert!(fieldsync_protocol::wire::unpack::<fieldsync_protocol::exchange::Exchange>(&bomb).is_err());
    fleet.settle(&[&anna]);
}
