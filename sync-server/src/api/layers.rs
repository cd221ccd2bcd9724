//! The layers every request passes, each a small function; their order is in [`super::router`].

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State as Extract};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use fieldsync_protocol::request::NONCE_HEADER;
use http::header::{REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use tracing::Instrument;

use super::State;
use super::fault::Refused;

/// Longest time for one request: the largest body over the slowest link worth using. Event streams are past it once
/// they have begun.
const WHOLE: Duration = Duration::from_secs(200);
/// Name of the header that carries a request's id in answers that are worth asking about.
const REQUEST_ID: HeaderName = HeaderName::from_static("fieldsync-request");

/// Names the request, logs it once when it is answered, and counts it: method, route, status, time. No address, no
/// path with ids, no header.
pub(super) async fn observe(Extract(state): Extract<State>, request: Request, next: Next) -> Response {
    let id = hex::encode(state.office.random::<8>());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let started = Instant::now();
    let span = tracing::info_span!("request", request.id = %id);
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, took) = (response.status(), started.elapsed());
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| {
        if status.is_server_error() {
            tracing::warn!(%method, route, status = status.as_u16(), duration_ms, "answered a request with a failure");
        } else {
            tracing::debug!(%method, route, status = status.as_u16(), duration_ms, "answered a request");
        }
    });
    // Methods that somebody invented share one label, so that nobody can make the counts grow.
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT];
    let method = if known.contains(&method) { method.as_str() } else { "other" };
    let labels = [("method", method.to_owned()), ("route", route), ("status", status.as_u16().to_string())];
    metrics::counter!("fieldsync_requests_total", &labels).increment(1);
    metrics::histogram!("fieldsync_request_seconds", &labels[..2]).record(took.as_secs_f64());
    if !status.is_success()
        && let Ok(id) = HeaderValue::from_str(&id)
    {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Turns a panic into a defect of one request.
pub(super) fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    tracing::error!("failed to answer a request: it panicked");
    Refused::defect().into_response()
}

/// Turns requests away while too many are being answered.
pub(super) async fn admit(Extract(state): Extract<State>, request: Request, next: Next) -> Response {
    match state.requests.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => Refused::busy().into_response(),
    }
}

/// Ends requests that take too long.
pub(super) async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(WHOLE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Refused::busy().into_response(),
    }
}

/// Puts the next nonce into every answer to a device.
pub(super) async fn next_nonce(Extract(state): Extract<State>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if let Ok(nonce) = HeaderValue::from_str(&state.nonces.next(&state.office)) {
        response.headers_mut().insert(NONCE_HEADER, nonce);
    }
    response
}

/// What browsers are told about every page.
pub(super) async fn secure(Extract(is_tls): Extract<bool>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    if is_tls {
        headers
            .entry(STRICT_TRANSPORT_SECURITY)
            .or_insert(HeaderValue::from_static("max-age=31536000; includeSubDomains"));
    }
    response
}

/// A method that a route does not have.
pub(super) async fn wrong_method() -> Response {
    let refused = Refused::from(fieldsync_protocol::fault::FaultCode::BadRequest).into_response();
    (StatusCode::METHOD_NOT_ALLOWED, refused.into_body()).into_response()
}
