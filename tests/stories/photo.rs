//! Photos: in a lane of their own, in pieces, whatever the network does.

use fieldsync_protocol::Hash;
use fieldsync_protocol::limits::CHUNK_BYTES;
use fieldsync_tests::fleet::Fleet;
use fieldsync_tests::network::Fault;

/// A photo of so many bytes that compresses as badly as a real one.
fn photo(bytes: usize) -> Vec<u8> {
    let mut content = Vec::with_capacity(bytes + 32);
    let mut piece = Hash::blake3(b"photo");
    while content.len() < bytes {
        content.extend_from_slice(piece.as_bytes());
        piece = Hash::blake3(piece.as_bytes());
    }
    content.truncate(bytes);
    content
}

#[test]
fn a_photo_resumes_where_it_was_cut_and_is_whole_on_another_phone() {
    let fleet = Fleet::open();
    let mut anna = fleet.phone("Anna");
    let order = fleet.given(&anna, "Quarry North", "bucket drops");
    let content = photo(5 * CHUNK_BYTES + 17);
    let id = anna.device().add_attachment(order, "image/jpeg", &content, Some("the seal")).expect("it is kept");

    let mut rounds = 0;
    while anna.device().status().expect("the phone's store reads").blobs > 0 {
        anna.network.meet([Fault::None, Fault::None, Fault::None, Fault::AnswerLost]);
        anna.sync_for(4);
        fleet.reopen(&mut anna);
        rounds += 1;
        assert!(rounds < 20, "every round brings it further");
    }
    anna.network.calm();
    let after = anna.network.requests();
    fleet.settle(&[&anna]);

    assert!(rounds > 1, "it was cut at least once");
    assert_eq!(anna.network.requests() - after, 3, "nothing is sent again: three syncs with nothing to say");
    let bert = fleet.phone("Bert");
    fleet.assign(order, bert.technician);
    fleet.settle(&[&bert]);
    let fetched = fleet.runtime().block_on(bert.device().fetch_blob(id, fieldsync::Cancel::new())).expect("it comes");
    assert_eq!(std::fs::read(fetched.path).expect("the file is there"), content);
}

#[test]
fn a_large_photo_never_makes_a_record_wait() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = fleet.given(&anna, "Quarry North", "bucket drops");
    anna.device().add_attachment(order, "image/jpeg", &photo(4 * CHUNK_BYTES), None).expect("it is kept");
    anna.device().add_note(order, "gate code 4711").expect("a note is added");

    anna.sync_for(1);

    assert_eq!(fleet.job(order).notes.len(), 1, "the first request carries the records");
    assert_eq!(fleet.job(order).attachments.len(), 1, "also the one that says that there is a photo");
}

#[test]
fn a_photo_on_which_the_connection_always_breaks_waits_and_nothing_else_does() {
    let fleet = Fleet::open();
    let anna = fleet.phone("Anna");
    let order = fleet.given(&anna, "Quarry North", "bucket drops");
    let device = anna.device();
    let bad = device.add_attachment(order, "image/jpeg", &photo(2 * CHUNK_BYTES), None).expect("it is kept");
    device.add_attachment(order, "image/jpeg", &photo(3 * CHUNK_BYTES), None).expect("it is kept");
    anna.network.break_on(Some(bad.to_string()));
    device.add_note(order, "gate code 4711").expect("a note is added");
    let given = fleet.order(fleet.customer("Gravel South"), "engine overheats");
    fleet.assign(given, anna.technician);

    let receipt = anna.sync();

    assert!(receipt.is_complete(), "{receipt}");
    assert_eq!((receipt.blobs_sent, receipt.blobs_failed, receipt.blobs_here, receipt.still_here), (1, 1, 1, 0));
    assert_eq!(fleet.job(order).notes.len(), 1);
    assert!(device.job(given).is_ok());
    assert_eq!(receipt.agrees, Some(true));
    anna.network.break_on(None);
    fleet.settle(&[&anna]);
    assert_eq!(device.status().expect("the phone's store reads").blobs, 0, "and comes when the line is better");
}

#[test]
fn somebody_elses_photo_is_not_to_be_had() {
    let fleet = Fleet::open();
    let (anna, bert) = (fleet.phone("Anna"), fleet.phone("Bert"));
    let order = fleet.given(&anna, "Quarry North", "bucket drops");
    let content = photo(1_000);
    let id = anna.device().add_attachment(order, "image/jpeg", &content, None).expect("it is kept");
    fleet.settle(&[&anna, &bert]);

    let fetched = fleet.runtime().block_on(bert.device().fetch_blob(id, fieldsync::Cancel::new()));

    assert!(fetched.is_err());
    let needle = &content[..32];
    assert!(!bert.network.received().iter().any(|bytes| bytes.windows(32).any(|window| window == needle)));
}
