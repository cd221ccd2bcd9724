//! Photos over HTTP.

use fieldsync_protocol::Hash;
use fieldsync_protocol::limits::CHUNK_BYTES;
use fieldsync_protocol::request::blob_path;

use super::*;

const PHOTO: &[u8] = b"what the pump looked like";

fn attachment(phone: &Phone, office: &Office, order: RecordId, content: &[u8]) -> PushRecord {
    let fields = fields! {
        "work_order" => order, "hash" => Hash::sha256(content), "media_type" => "image/png", "size" => content.len() as i64,
    };
    phone.born(office, "attachment", "blob", fields)
}

fn stands(response: &Response) -> u64 {
    response.headers()[OFFSET_HEADER].to_str().unwrap().parse().unwrap()
}

/// A phone with an order and the path of an attachment that has been pushed.
async fn with_attachment(world: &World, content: &[u8]) -> (Phone, RecordId, String) {
    let mut anna = world.phone("Anna").await;
    let order = world.order("pump leaks");
    world.assign(order, &anna);
    let push = attachment(&anna, &world.office, order, content);
    let path = blob_path(push.id);
    anna.exchange(world, vec![push]).await.unwrap();
    (anna, order, path)
}

#[tokio::test]
async fn a_photo_goes_up_in_chunks_is_resumed_and_then_counts_as_arrived() {
    let world = World::new();
    let (mut anna, order, path) = with_attachment(&world, PHOTO).await;
    let missing = || world.office.read(|txn| txn.job(order)).unwrap().unwrap().missing_blobs;
    assert_eq!(missing(), 1);

    assert_eq!(stands(&anna.call(&world, "HEAD", &path, None, b"").await), 0);
    assert_eq!(stands(&anna.call(&world, "PUT", &path, Some(0), &PHOTO[..9]).await), 9);
    let repeated = anna.call(&world, "PUT", &path, Some(0), &PHOTO[..9]).await;
    assert_eq!((repeated.status(), stands(&repeated)), (StatusCode::CONFLICT, 9));
    assert_eq!(fault(&read(repeated).await.1).offset, Some(9));
    assert_eq!(anna.call(&world, "GET", &path, None, b"").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(stands(&anna.call(&world, "HEAD", &path, None, b"").await), 9);
    assert_eq!(stands(&anna.call(&world, "PUT", &path, Some(9), &PHOTO[9..]).await), PHOTO.len() as u64);

    assert_eq!(missing(), 0);
    assert_eq!(stands(&anna.call(&world, "HEAD", &path, None, b"").await), PHOTO.len() as u64);
    let whole = anna.call(&world, "GET", &path, None, b"").await;
    assert_eq!(whole.headers()["content-disposition"], "attachment");
    assert_eq!(read(whole).await, (StatusCode::OK, Bytes::from_static(PHOTO)));
}

#[tokio::test]
async fn a_photo_comes_down_in_the_parts_asked_for() {
    let world = World::new();
    let (mut anna, _, path) = with_attachment(&world, PHOTO).await;
    anna.call(&world, "PUT", &path, Some(0), PHOTO).await;
    let mut part = async |range: &str| {
        anna.exchange(&world, vec![]).await.unwrap();
        let request = anna.signed("GET", &path, None, b"").header("range", range).body(Body::empty()).unwrap();
        let response = world.send(request).await;
        let range = response.headers().get("content-range").map(|value| value.to_str().unwrap().to_owned());
        let (status, body) = read(response).await;
        (status.as_u16(), range.unwrap_or_default(), body)
    };

    assert_eq!(part("bytes=5-7").await, (206, "bytes 5-7/25".to_owned(), Bytes::from_static(b"the")));
    assert_eq!(part("bytes=19-").await, (206, "bytes 19-24/25".to_owned(), Bytes::from_static(b"d like")));
    assert_eq!(part("bytes=-4").await.2, "like");
    assert_eq!(part("bytes=20-99999").await.2, " like");
    assert_eq!(part("bytes=25-30").await.0, 416);
    assert_eq!(part("lines=1-2").await.0, 200);
}

#[tokio::test]
async fn content_that_is_not_what_the_record_promised_is_never_visible() {
    let world = World::new();
    let (mut anna, order, path) = with_attachment(&world, PHOTO).await;
    let forged = vec![b'x'; PHOTO.len()];

    let refused = anna.call(&world, "PUT", &path, Some(0), &forged).await;

    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(stands(&anna.call(&world, "HEAD", &path, None, b"").await), 0, "the upload starts over");
    assert_eq!(anna.call(&world, "GET", &path, None, b"").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(world.blobs.size(&Hash::sha256(PHOTO)).await.unwrap(), None);
    assert_eq!(world.office.read(|txn| txn.job(order)).unwrap().unwrap().missing_blobs, 1);
    let too_much = anna.call(&world, "PUT", &path, Some(0), &vec![b'x'; CHUNK_BYTES + 1]).await;
    assert_eq!(too_much.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn what_is_out_of_scope_looks_as_if_it_did_not_exist() {
    let world = World::new();
    let (mut anna, order, path) = with_attachment(&world, PHOTO).await;
    anna.call(&world, "PUT", &path, Some(0), PHOTO).await;
    let mut bert = world.phone("Bert").await;
    let nowhere = blob_path(world.office.new_id());

    for (method, body) in [("GET", b"".as_slice()), ("HEAD", b""), ("PUT", PHOTO)] {
        let offset = (method == "PUT").then_some(0);
        let others = read(bert.call(&world, method, &path, offset, body).await).await;
        let absent = read(bert.call(&world, method, &nowhere, offset, body).await).await;
        assert_eq!(others, absent);
        assert_eq!(others.0, StatusCode::NOT_FOUND);
    }
    let no_attachment = anna.call(&world, "GET", &blob_path(order), None, b"").await;
    assert_eq!(no_attachment.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn knowing_the_hash_of_somebody_elses_photo_gives_nothing() {
    let world = World::new();
    let (mut anna, _, path) = with_attachment(&world, PHOTO).await;
    anna.call(&world, "PUT", &path, Some(0), PHOTO).await;
    let mut bert = world.phone("Bert").await;
    let order = world.order("a job of his own");
    world.assign(order, &bert);
    let push = attachment(&bert, &world.office, order, PHOTO);
    let own = blob_path(push.id);
    bert.exchange(&world, vec![push]).await.unwrap();

    assert_eq!(bert.call(&world, "GET", &own, None, b"").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(stands(&bert.call(&world, "HEAD", &own, None, b"").await), 0, "he has to send it himself");
    bert.call(&world, "PUT", &own, Some(0), PHOTO).await;
    assert_eq!(bert.call(&world, "GET", &own, None, b"").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_photo_of_a_job_taken_away_meanwhile_still_arrives() {
    let world = World::new();
    let (mut anna, order, path) = with_attachment(&world, PHOTO).await;
    let assignment = world.office.read(|txn| txn.below(order)).unwrap();
    let assignment = assignment.iter().find(|record| record.kind == "assignment").unwrap().id;
    let withdrawn = fields! { "withdrawn" => true, "reason" => "replanned" };
    commit(&world.office, &OPERATOR, vec![Draft::one("assignment", assignment, "withdrawn", withdrawn)]).unwrap();

    assert_eq!(anna.call(&world, "PUT", &path, Some(0), PHOTO).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(anna.call(&world, "GET", &path, None, b"").await.status(), StatusCode::NOT_FOUND);
    assert!(world.office.read(|txn| txn.has_blob(&Hash::sha256(PHOTO))).unwrap());
}
