//! `POST /sync/v1/exchange`: push and pull of one device in one transaction.
//!
//! Answers 200 with the exchange's answer, 401 without a valid signature, 403 to a revoked device (what it pushed is
//! held nevertheless), 400 and 413 for what cannot be read, 503 when the office is busy or its disk is full.

use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use fieldsync_protocol::exchange::{Exchange, ExchangeAnswer, Outcome, within_limits};
use fieldsync_protocol::fault::FaultCode;
use fieldsync_protocol::request::{WANTS_HEADER, WANTS_OFFICE_KEY};

use super::State;
use super::auth::Signed;
use super::fault::{Refused, blocking};
use super::message::{Form, Written};
use crate::office::Office;
use crate::store::StoreError;
use crate::sync::exchange::{ExchangeError, exchange};

pub(super) async fn post(Extract(state): Extract<State>, signed: Signed) -> Result<Response, Refused> {
    metrics::counter!("fieldsync_exchange_bytes_total", "direction" => "in").increment(signed.body.len() as u64);
    let office = state.office.clone();
    let written = blocking(move || answer(&office, &signed)).await?;
    metrics::counter!("fieldsync_exchange_bytes_total", "direction" => "out").increment(written.len() as u64);
    Ok(written.into_response())
}

fn answer(office: &Office, signed: &Signed) -> Result<Written, Refused> {
    let device = &signed.device;
    let read = Form::of_request(&signed.headers).and_then(|form| {
        let message: Exchange = form.read(&signed.body)?;
        if within_limits(&message) { Ok((form, message)) } else { Err(FaultCode::TooLarge.into()) }
    });
    let (form, message) = match read {
        // A revoked device learns that it is revoked, whatever else is wrong.
        Err(_) if device.revoked_ms.is_some() => return Err(FaultCode::Revoked.into()),
        read => read?,
    };
    let (inner, id) = (office.clone(), device.id);
    match office.write(move |txn| exchange(&inner, txn, id, &message))? {
        Ok(mut answer) => {
            if signed.headers.get(WANTS_HEADER).is_some_and(|wants| wants == WANTS_OFFICE_KEY) {
                let tenant = office.read(|txn| txn.tenant())?.name;
                answer.office_key = Some(office.keys.office_key(&tenant));
            }
            count(&answer);
            Ok(form.of_answer(&signed.headers).write(&answer))
        }
        Err(ExchangeError::Revoked) => Err(FaultCode::Revoked.into()),
        Err(ExchangeError::UnknownDevice) => Err(FaultCode::Unauthenticated.into()),
        Err(ExchangeError::Store(error)) => Err(StoreError::into(error)),
    }
}

fn count(answer: &ExchangeAnswer) {
    for (_, outcome) in &answer.outcomes {
        let name = match outcome {
            Outcome::Accepted { .. } => "accepted",
            Outcome::Refused { .. } => "refused",
            Outcome::Held { .. } => "held",
            Outcome::Wanted => "wanted",
        };
        metrics::counter!("fieldsync_pushed_records_total", "outcome" => name).increment(1);
    }
    metrics::counter!("fieldsync_delivered_records_total").increment(answer.delivered.len() as u64);
    if answer.again.is_some() {
        metrics::counter!("fieldsync_replicas_renewed_total").increment(1);
    }
}
