//! The stream that says "something changed": ids only. The page then asks for itself again, with all its checks.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::{Stream, StreamExt};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use crate::console::desk::Desk;

/// A silent connection is not told from a lost one; so it is never silent for longer.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Ids named in one event; beyond that "something" says enough.
const IDS_MAX: usize = 20;

pub(super) async fn events(desk: Desk) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (tenant, mut stopping) = (desk.state().office.tenant, desk.state().stopping.clone());
    let changes = BroadcastStream::new(desk.state().office.store.changes());
    let events = changes.filter_map(move |change| async move {
        match change {
            Ok(change) if change.tenant != tenant => None,
            Ok(change) => {
                let ids: Vec<String> = change.records.iter().take(IDS_MAX).map(ToString::to_string).collect();
                Some(Ok(Event::default().event("changed").data(ids.join(" "))))
            }
            // A listener too slow has missed changes: it is told that there were some.
            Err(BroadcastStreamRecvError::Lagged(_)) => Some(Ok(Event::default().event("changed").data(""))),
        }
    });
    let stopped = async move {
        // A sender that is gone has stopped too.
        let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
    };
    Sse::new(events.take_until(stopped)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}
