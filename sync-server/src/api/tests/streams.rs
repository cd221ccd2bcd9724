//! Event streams.

use axum::body::BodyDataStream;
use fieldsync_protocol::request::EVENTS_PATH;
use futures_util::StreamExt;

use super::*;
use crate::enrol;

async fn open(world: &World, phone: &mut Phone) -> BodyDataStream {
    let response = phone.call(world, "GET", EVENTS_PATH, None, b"").await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body().into_data_stream()
}

/// The next thing a stream says; nothing when it ended.
async fn next(stream: &mut BodyDataStream) -> Option<String> {
    let part = tokio::time::timeout(std::time::Duration::from_secs(20), stream.next()).await.expect("in time");
    part.map(|part| String::from_utf8(part.unwrap().to_vec()).unwrap())
}

#[tokio::test]
async fn a_stream_pokes_when_something_in_scope_changes_and_not_otherwise() {
    let world = World::new();
    let mut anna = world.phone("Anna").await;
    let mut bert = world.phone("Bert").await;
    let mut stream = open(&world, &mut anna).await;
    let mut others = open(&world, &mut bert).await;

    let order = world.order("pump leaks");
    world.assign(order, &anna);

    assert_eq!(next(&mut stream).await.as_deref(), Some("event: changed\ndata: changed\n\n"));
    world.stop.send(true).unwrap();
    assert_eq!(next(&mut others).await, None, "nothing of his changed until the server stopped");
    assert_eq!(next(&mut stream).await, None);
}

#[tokio::test]
async fn a_stream_ends_when_its_device_is_revoked() {
    let world = World::new();
    let mut anna = world.phone("Anna").await;
    let mut stream = open(&world, &mut anna).await;
    let started = std::time::Instant::now();

    enrol::revoke(&world.office, anna.certificate.device).unwrap();

    assert_eq!(next(&mut stream).await, None);
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "a second, and patience for a busy machine");
    assert_eq!(anna.call(&world, "GET", EVENTS_PATH, None, b"").await.status(), StatusCode::FORBIDDEN);
}
