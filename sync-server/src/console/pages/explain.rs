//! Why technicians' devices have a record, or do not: a page, or JSON for programs that ask for it.

use axum::extract::{Path, Query};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use fieldsync_protocol::{DeviceId, RecordId, encode};
use serde::Deserialize;

use crate::console::desk::Desk;
use crate::console::failure::Failure;
use crate::console::view::explain::{Explain, Sight};
use crate::console::view::frame::Place;
use crate::sync::explain;

#[derive(Deserialize)]
pub(super) struct About {
    technician: Option<RecordId>,
    device: Option<DeviceId>,
}

/// Whoever is signed in at the console sees every record, so there is nothing to ask the matrix but that.
pub(super) async fn show(
    desk: Desk,
    Path(record): Path<RecordId>,
    Query(about): Query<About>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let (frame, explained) = desk
        .read(move |desk, txn| {
            let owner = match about.device {
                Some(device) => Some(RecordId(txn.device(device)?.ok_or(Failure::NotFound)?.person.0)),
                None => about.technician,
            };
            let explained = explain::explain(txn, record, owner, about.device)?;
            Ok((desk.frame(txn, "Who has it on the phone", Place::Elsewhere)?, explained))
        })
        .await?;
    let wants_json = headers.get(ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"application/json"));
    if wants_json {
        return Ok(([(CONTENT_TYPE, "application/json")], encode::json(&explained)).into_response());
    }
    let time = |at_ms: i64| desk.zone.full(at_ms).text;
    let sight = |person: &explain::Standing| Sight { title: person.title(&time), lines: person.lines(&time) };
    let is_order = explained.kind.as_deref() == Some("work_order");
    let page = Explain {
        frame,
        title: explained.title(),
        job_href: is_order.then(|| format!("/jobs/{record}")),
        people: explained.people.iter().map(sight).collect(),
    };
    Ok(desk.page(&page))
}
