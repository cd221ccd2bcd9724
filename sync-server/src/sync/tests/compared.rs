//! What the office says about ranges, and what it finds wrong with itself on the way.

use fieldsync_protocol::compare::{Content, Range, Side};
use fieldsync_protocol::exchange::SetHash;

use super::*;

/// An answer to a question about all of the device's own.
fn compared(office: &Office, peer: &mut Peer) -> ExchangeAnswer {
    let mut message = peer.message(office, vec![]);
    message.ranges = vec![Range::whole(Side::Own)];
    let answer = peer.send(office, &message).expect("answer");
    peer.take(&answer);
    answer
}

fn checks(answer: &ExchangeAnswer) -> Vec<RecordId> {
    let Content::Checks(checks) = &answer.ranged[0].content else { panic!("little is told one by one") };
    checks.iter().map(|(id, _)| *id).collect()
}

#[test]
fn a_device_is_told_about_its_own_scope_and_nobody_elses() {
    let world = world();
    let office = &world.office;
    let (mut anna, job, assignment) = on_a_job(office);
    let mut bert = Peer::enrol(office, "Bert");
    let other = order(office, "secret");
    assign(office, other, bert.technician);
    bert.sync(office, vec![]);

    let answer = compared(office, &mut anna);

    let mut own = vec![job, assignment];
    own.sort();
    assert_eq!(checks(&answer), own);
    let bytes = fieldsync_protocol::encode::cbor(&answer);
    assert!(!bytes.windows(16).any(|window| window == other.as_bytes()));
    withdraw(office, assignment);
    assert_eq!(checks(&compared(office, &mut anna)), [], "what left is told no more");
}

#[test]
fn an_index_that_does_not_say_what_the_records_are_is_counted_again() {
    let world = world();
    let office = &world.office;
    let (mut anna, job, _) = on_a_job(office);
    let right = anna.sync(office, vec![]).fingerprint.expect("last page").own;
    let damage = |sql: &str, id: RecordId| {
        let path = world.folder.path().join("office.sqlite");
        let connection = rusqlite::Connection::open(path).expect("open");
        let changed = connection.execute(sql, rusqlite::params![id.as_bytes(), [0_u8; 32]]).expect("damage");
        assert!(changed > 0);
    };

    damage("update scope set check_hash = ?2 where record = ?1", job);
    assert_eq!(compared(office, &mut anna).fingerprint.expect("last page").own, right);
    assert!(compared(office, &mut anna).ranged[0].parts().is_some());

    damage("update audience set sum = ?2 where audience = ?1", anna.technician);
    let wrong = anna.sync(office, vec![]).fingerprint.expect("last page").own;
    assert_eq!(wrong, SetHash { sum: fieldsync_protocol::Hash([0; 32]), count: right.count });
    assert_eq!(compared(office, &mut anna).fingerprint.expect("last page").own, right);
    assert_eq!(anna.sync(office, vec![]).fingerprint.expect("last page").own, right, "it stays so");
}

#[test]
fn a_record_asked_for_whole_comes_before_everything_else() {
    let world = world();
    let office = &world.office;
    let (mut anna, job, _) = on_a_job(office);
    let problem = fields! { "text" => "worse" };
    let assigned = order(office, "another");
    assign(office, assigned, anna.technician);
    commit(office, &OPERATOR, vec![Draft::one("work_order", job, "problem", problem)]).expect("changed");
    let secret = order(office, "secret");

    let mut message = anna.message(office, vec![]);
    message.whole = vec![secret, job];
    let answer = anna.send(office, &message).expect("answer");

    let first = &answer.delivered[0];
    assert!(first.record.id == job && first.is_whole);
    assert_eq!(answer.delivered.iter().filter(|delivery| delivery.record.id == job).count(), 1);
    assert!(answer.delivered.iter().all(|delivery| delivery.record.id != secret));
}
