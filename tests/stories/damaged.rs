//! Damage on a phone's disk, repaired by the shipped office: bytes in proportion to what differs.

use std::path::Path;

use fieldsync::RecordId;
use fieldsync_tests::fleet::Fleet;
use rusqlite::{Connection, params};

/// Changes the database of a phone that is off, past everything that would notice.
fn tamper(folder: &Path, sql: &str, id: RecordId) {
    let connection = Connection::open(folder.join("fieldsync.db")).expect("the database opens");
    assert_eq!(connection.execute(sql, params![id.as_bytes()]).expect("it changes"), 1);
}

#[test]
fn a_flipped_bit_and_a_lost_row_among_a_thousand_are_repaired_by_the_office_with_a_few_kilobytes() {
    let fleet = Fleet::open();
    let mut anna = fleet.phone("Anna");
    let orders = fleet.orders(fleet.customer("Quarry North"), 500, anna.technician);
    fleet.settle(&[&anna]);
    let folder = anna.device().dir().to_owned();
    let whole = anna.device().record(orders[300]).expect("the order is here").record;

    anna.kill();
    let flip = "update record
        set theirs = cast(substr(theirs, 1, 60) || x'5a' || substr(theirs, 62) as blob) where id = ?1";
    tamper(&folder, flip, orders[300]);
    tamper(&folder, "delete from record where id = ?1", orders[400]);
    fleet.reopen(&mut anna);
    let found = anna.device().check().expect("the store can be looked at");
    assert_eq!(found.damaged_records, [orders[300]]);
    assert!(found.sums_were_wrong, "a row is gone and the sums say so");
    let receipt = anna.sync();

    assert_eq!((receipt.repairs, receipt.agrees), (2, Some(true)));
    let bytes = receipt.bytes_up + receipt.bytes_down;
    assert!(bytes < 15_000, "{bytes} bytes");
    assert_eq!(anna.device().record(orders[300]).expect("it is back").record, whole);
    assert!(anna.device().job(orders[400]).is_ok(), "so is the other, with its projections");
    fleet.settle(&[&anna]);
}
