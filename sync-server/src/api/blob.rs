//! `/sync/v1/blob/ATTACHMENT`: the content of one attachment, through its record.
//!
//! HEAD says in `fieldsync-offset` how much of it this device has sent; PUT appends the chunk that starts there and
//! answers with the new offset, or 409 with where the upload stands; GET reads, in parts with `Range`. Whatever a device
//! may not reach is 404, as if it did not exist. Content that is not what the record promised is 400, and the upload
//! starts over.

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State as Extract};
use axum::response::{IntoResponse, Response};
use fieldsync_protocol::RecordId;
use fieldsync_protocol::fault::FaultCode;
use fieldsync_protocol::request::OFFSET_HEADER;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, RANGE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::State;
use super::auth::{Active, Sending};
use super::fault::{Refused, blocking};
use crate::blobs::Appended;
use crate::store::Device;
use crate::sync::blob::{self, Attachment};

/// The attachment a path names.
pub(super) struct Named(RecordId);

impl FromRequestParts<State> for Named {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Refused> {
        let name = parts.uri.path().rsplit('/').next().unwrap_or_default();
        name.parse().map(Self).map_err(|_| FaultCode::NotFound.into())
    }
}

/// Where this device's upload stands.
pub(super) async fn head(
    Extract(state): Extract<State>,
    named: Named,
    Sending(signed): Sending,
) -> Result<Response, Refused> {
    let attachment = find(&state, &signed.device, named).await?;
    let offset = stands(&state, &signed.device, &attachment).await?;
    Ok(at(StatusCode::OK, offset))
}

/// Appends a chunk.
pub(super) async fn put(
    Extract(state): Extract<State>,
    named: Named,
    Sending(signed): Sending,
) -> Result<Response, Refused> {
    let device = &signed.device;
    let attachment = find(&state, device, named).await?;
    let offset = signed.offset.ok_or(FaultCode::BadRequest)?;
    if is_here(&state, &attachment).await? {
        let stands = attachment.size;
        return if offset == stands {
            Ok(at(StatusCode::NO_CONTENT, stands))
        } else {
            Err(Refused::wrong_offset(stands))
        };
    }
    metrics::counter!("fieldsync_blob_bytes_total", "direction" => "in").increment(signed.body.len() as u64);
    let (hash, size) = (attachment.hash, attachment.size);
    let end = match state.blobs.append(device.id, &hash, offset, size, signed.body.clone()).await? {
        Appended::At(end) => end,
        Appended::Elsewhere(stands) => return Err(Refused::wrong_offset(stands)),
    };
    if end == size {
        finish(&state, device, attachment).await?;
    }
    Ok(at(StatusCode::NO_CONTENT, end))
}

/// Reads the content, or a part of it.
pub(super) async fn get(Extract(state): Extract<State>, named: Named, request: Request) -> Result<Response, Refused> {
    use axum::extract::FromRequest;
    let Active(signed) = Active::from_request(request, &state).await?;
    let attachment = find(&state, &signed.device, named).await?;
    if !attachment.is_visible || !is_here(&state, &attachment).await? {
        return Err(FaultCode::NotFound.into());
    }
    let size = attachment.size;
    let part = part(&signed.headers, size);
    let range = match part {
        Part::Whole => 0..size,
        Part::Of(first, last) => first..last + 1,
        Part::Beyond => {
            let total = HeaderValue::from_str(&format!("bytes */{size}")).expect("digits are a header's text");
            let refused = Refused::from(FaultCode::BadRequest).into_response();
            return Ok(
                (StatusCode::RANGE_NOT_SATISFIABLE, [(CONTENT_RANGE, total)], refused.into_body()).into_response()
            );
        }
    };
    let length = range.end - range.start;
    let (status, total) = match part {
        Part::Of(first, last) => (StatusCode::PARTIAL_CONTENT, Some(format!("bytes {first}-{last}/{size}"))),
        _ => (StatusCode::OK, None),
    };
    let body =
        if length == 0 { Body::empty() } else { Body::from_stream(state.blobs.stream(&attachment.hash, range).await?) };
    metrics::counter!("fieldsync_blob_bytes_total", "direction" => "out").increment(length);
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(total) = total {
        headers.insert(CONTENT_RANGE, HeaderValue::from_str(&total).expect("digits are a header's text"));
    }
    Ok(response)
}

async fn find(state: &State, device: &Device, named: Named) -> Result<Attachment, Refused> {
    let (office, device) = (state.office.clone(), device.clone());
    let found = blocking(move || {
        office.read(|txn| match blob::attachment(txn, device.person, named.0)? {
            Some(found) => Ok(Some(found)),
            // The photo of late work, or of a device that hands everything over, waits for a decision with its record.
            None => blob::held_attachment(txn, device.id, named.0),
        })
    })
    .await?;
    found.ok_or(FaultCode::NotFound.into())
}

/// How much of the content this device has sent.
async fn stands(state: &State, device: &Device, attachment: &Attachment) -> Result<u64, Refused> {
    if is_here(state, attachment).await? {
        return Ok(attachment.size);
    }
    let offset = state.blobs.offset(device.id, &attachment.hash).await?;
    if offset == attachment.size && offset > 0 {
        // Everything arrived, then the office stopped before it was verified.
        return match finish(state, device, *attachment).await {
            Ok(()) => Ok(offset),
            Err(Refused(fault)) if fault.code == FaultCode::BadRequest => Ok(0),
            Err(refused) => Err(refused),
        };
    }
    Ok(offset)
}

/// Whether the content is at the office *through this attachment*: a record that names somebody else's content gives
/// nothing.
async fn is_here(state: &State, attachment: &Attachment) -> Result<bool, Refused> {
    if !attachment.is_offices && !state.blobs.is_proved(attachment.id, &attachment.hash).await? {
        return Ok(false);
    }
    if attachment.has_arrived {
        return Ok(true);
    }
    if state.blobs.size(&attachment.hash).await? != Some(attachment.size) {
        return Ok(false);
    }
    arrive(state, *attachment).await?;
    Ok(true)
}

/// Verifies the upload, then lets the records know.
async fn finish(state: &State, device: &Device, attachment: Attachment) -> Result<(), Refused> {
    state.blobs.finish(device.id, &attachment.hash, attachment.size).await?;
    state.blobs.prove(attachment.id, &attachment.hash).await?;
    arrive(state, attachment).await
}

async fn arrive(state: &State, attachment: Attachment) -> Result<(), Refused> {
    let office = state.office.clone();
    blocking(move || {
        let inner = office.clone();
        office.write(move |txn| blob::arrived(&inner, txn, &attachment))
    })
    .await
}

fn at(status: StatusCode, offset: u64) -> Response {
    (status, [(OFFSET_HEADER, HeaderValue::from(offset))]).into_response()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    Of(u64, u64),
    Beyond,
}

/// The one part asked for. Several parts, and units other than bytes, are answered with the whole.
fn part(headers: &HeaderMap, size: u64) -> Part {
    let text = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let Some(spec) = text.and_then(|text| text.strip_prefix("bytes=")) else { return Part::Whole };
    let Some((first, last)) = spec.split_once('-') else { return Part::Whole };
    let (first, last) = (first.trim(), last.trim());
    let range = if first.is_empty() {
        let Ok(length) = last.parse::<u64>() else { return Part::Whole };
        (size.saturating_sub(length), size.saturating_sub(1))
    } else {
        let Ok(first) = first.parse::<u64>() else { return Part::Whole };
        let last = if last.is_empty() { u64::MAX } else { last.parse().unwrap_or(0) };
        (first, last.min(size.saturating_sub(1)))
    };
    if range.0 >= size || range.0 > range.1 { Part::Beyond } else { Part::Of(range.0, range.1) }
}
