//! `/health`, `/health/live`, `/metrics`: for whoever operates the office. Nothing personal, no volumes without being
//! switched on.

use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use fieldsync_protocol::fault::FaultCode;
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use super::State;
use super::fault::{Refused, blocking};
use crate::store::StoreError;

/// The process answers.
pub(super) async fn live() -> &'static str {
    "live\n"
}

/// The store answers.
pub(super) async fn ready(Extract(state): Extract<State>) -> Result<&'static str, Refused> {
    let office = state.office.clone();
    blocking(move || office.read(|txn| txn.tenant().map(|_| ()))).await.map_err(|_| Refused::busy())?;
    Ok("ready\n")
}

/// What happened since the start, in the text form of Prometheus.
pub(super) async fn metrics(Extract(state): Extract<State>) -> Result<Response, Refused> {
    let Some(handle) = &state.metrics else { return Err(FaultCode::NotFound.into()) };
    let office = state.office.clone();
    let (sequence, held, devices) = blocking(move || {
        office.read(|txn| {
            let devices = txn.devices()?.into_iter().filter(|device| device.revoked_ms.is_none()).count();
            Ok::<_, StoreError>((txn.tenant()?.sequence, txn.all_held(true)?.len(), devices))
        })
    })
    .await?;
    metrics::gauge!("fieldsync_history_entries").set(sequence as f64);
    metrics::gauge!("fieldsync_held_edits").set(held as f64);
    metrics::gauge!("fieldsync_devices").set(devices as f64);
    let form = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(CONTENT_TYPE, form)], handle.render()).into_response())
}
