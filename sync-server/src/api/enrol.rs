//! `POST /sync/v1/enrol`: a one-time code and a public key become a certificate. The only request nobody signs.
//!
//! Answers 200 with the certificate, 403 for a code that is not valid (unknown, used and expired look alike), 400 and
//! 413 for what cannot be read, 503 with a time to wait when there were too many attempts.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State as Extract};
use axum::response::{IntoResponse, Response};
use fieldsync_protocol::enrol::Enrol;
use fieldsync_protocol::fault::{Fault, FaultCode};

use super::State;
use super::auth::body;
use super::fault::{Refused, blocking};
use super::message::Form;
use crate::enrol::{EnrolError, enrol};

pub(super) async fn post(Extract(state): Extract<State>, request: Request) -> Result<Response, Refused> {
    let peer = peer(&request);
    let headers = request.headers().clone();
    let body = body(request, &state).await?;
    state
        .enrolments
        .take(peer, state.office.now_ms())
        .map_err(|wait_ms| Refused(Fault { retry_after_ms: Some(wait_ms), ..Fault::new(FaultCode::Unavailable) }))?;
    let office = state.office.clone();
    let outcome = blocking(move || {
        let form = Form::of_request(&headers)?;
        let request: Enrol = form.read(&body)?;
        let answer = enrol(&office, &request)?;
        Ok::<_, Refused>(form.of_answer(&headers).write(&answer))
    })
    .await;
    if outcome.is_ok() {
        state.enrolments.give_back(peer);
    }
    let name = if outcome.is_ok() { "enrolled" } else { "refused" };
    metrics::counter!("fieldsync_enrolments_total", "outcome" => name).increment(1);
    Ok(outcome?.into_response())
}

impl From<EnrolError> for Refused {
    fn from(error: EnrolError) -> Self {
        match error {
            EnrolError::BadCode | EnrolError::NoTechnician => FaultCode::BadCode.into(),
            EnrolError::Store(error) => error.into(),
        }
    }
}

/// The address a request comes from; `None` in a router that no listener feeds.
fn peer(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip())
}
