//! Every route for devices and operators, and every layer, on one screen.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{any, get, head, post, put};
use fieldsync_protocol::fault::FaultCode;
use fieldsync_protocol::limits::{CHUNK_BYTES, WIRE_BYTES_MAX};
use fieldsync_protocol::request::{ENROL_PATH, EVENTS_PATH, EXCHANGE_PATH};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

use super::fault::Refused;
use super::{State, blob, bundle, enrol, events, exchange, health, layers};

/// Largest enrolment request, bytes.
const ENROL_BYTES_MAX: usize = 4_096;
/// Largest body of a request that needs none.
const EMPTY_BYTES_MAX: usize = 0;
/// Longest silence inside a body.
const SILENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// The routes for devices below `/sync`, `/health` and `/metrics` for operators, and the console's.
pub fn router(state: State, console: Router, is_tls: bool) -> Router {
    let limit = DefaultBodyLimit::max;
    let content = get(blob::get).head(blob::head).layer(limit(EMPTY_BYTES_MAX));
    let content = content.merge(put(blob::put).layer(limit(CHUNK_BYTES)));

    let bundle = head(bundle::head).layer(limit(EMPTY_BYTES_MAX));
    let bundle = bundle.merge(put(bundle::put).layer(limit(CHUNK_BYTES)));

    // Layers stand from the inside out: the last one sees a request first.
    let devices = Router::new()
        .route(EXCHANGE_PATH, post(exchange::post).layer(limit(WIRE_BYTES_MAX)))
        .route(ENROL_PATH, post(enrol::post).layer(limit(ENROL_BYTES_MAX)))
        .route(EVENTS_PATH, get(events::get).layer(limit(EMPTY_BYTES_MAX)))
        .route("/sync/v1/blob/{attachment}", content)
        .route("/sync/v1/bundle/{file}/{size}", bundle)
        .route("/sync/{*rest}", any(nothing))
        .method_not_allowed_fallback(layers::wrong_method)
        .layer(RequestBodyTimeoutLayer::new(SILENCE))
        .layer(from_fn(layers::in_time))
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(from_fn_with_state(state.clone(), layers::admit))
        .layer(from_fn_with_state(state.clone(), layers::next_nonce));

    let people = console
        .layer(RequestBodyTimeoutLayer::new(SILENCE))
        .layer(from_fn(layers::in_time))
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(from_fn_with_state(state.clone(), layers::admit))
        .with_state(());

    Router::new()
        .route("/health", get(health::ready))
        .route("/health/ready", get(health::ready))
        .route("/health/live", get(health::live))
        .route("/metrics", get(health::metrics))
        .merge(people)
        .layer(from_fn_with_state(is_tls, layers::secure))
        .merge(devices)
        .layer(from_fn_with_state(state.clone(), layers::observe))
        .with_state(state)
}

/// What is below `/sync` and no route: another version of the protocol, or nothing.
async fn nothing(request: Request) -> Result<Response, Refused> {
    let is_ours = request.uri().path().starts_with("/sync/v1/");
    Err(if is_ours { FaultCode::NotFound } else { FaultCode::Outdated }.into())
}
