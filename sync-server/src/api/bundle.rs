//! `/sync/v1/bundle/FILE/SIZE`: a carried bundle that another device brings along, by the SHA-256 and size of its file.
//!
//! HEAD says in `fieldsync-offset` how much has arrived, PUT appends the chunk that starts there, as for a blob. When all
//! of it is here, it is imported at once, as its author's work; `fieldsync-bundle` tells the courier what became of it as
//! a whole, and nothing of what was in it. Asking again, also after a crash in between, gives the same answer.

use axum::extract::{FromRequestParts, State as Extract};
use axum::response::{IntoResponse, Response};
use fieldsync_protocol::Hash;
use fieldsync_protocol::bundle::Verdict;
use fieldsync_protocol::fault::FaultCode;
use fieldsync_protocol::limits::BUNDLE_BYTES_MAX;
use fieldsync_protocol::request::{BUNDLE_HEADER, OFFSET_HEADER};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

use super::State;
use super::auth::Active;
use super::fault::{Refused, blocking};
use crate::blobs::Appended;
use crate::bundle::{Carrier, ImportError, Source, import};
use crate::parcels::Parcel;
use crate::store::{Device, StoreError};

/// The file a path names.
#[derive(Clone, Copy)]
pub(super) struct Named {
    file: Hash,
    size: u64,
}

impl FromRequestParts<State> for Named {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Refused> {
        let mut names = parts.uri.path().rsplit('/');
        let size = names.next().and_then(|size| size.parse().ok());
        let file = names.next().and_then(|file| file.parse().ok());
        match (file, size) {
            (Some(file), Some(size)) if size > 0 => Ok(Self { file, size }),
            _ => Err(FaultCode::NotFound.into()),
        }
    }
}

/// Where this device's upload stands, or what became of it.
pub(super) async fn head(
    Extract(state): Extract<State>,
    named: Named,
    Active(signed): Active,
) -> Result<Response, Refused> {
    if was_taken(&state, named.file).await? {
        return Ok(done(StatusCode::OK, named, Verdict::Taken));
    }
    let parcel = parcel(&state, &signed.device, named);
    let stands = parcel.size().await?;
    if stands >= named.size {
        // Everything arrived, then the office stopped before it was imported.
        return take(&state, &signed.device, named, &parcel, StatusCode::OK).await;
    }
    Ok(at(StatusCode::OK, stands))
}

/// Appends a chunk; the last one is answered with what became of the bundle.
pub(super) async fn put(
    Extract(state): Extract<State>,
    named: Named,
    Active(signed): Active,
) -> Result<Response, Refused> {
    let offset = signed.offset.ok_or(FaultCode::BadRequest)?;
    if named.size > BUNDLE_BYTES_MAX {
        return Err(FaultCode::TooLarge.into());
    }
    if was_taken(&state, named.file).await? {
        return Ok(done(StatusCode::NO_CONTENT, named, Verdict::Taken));
    }
    let end = offset.checked_add(signed.body.len() as u64).filter(|end| *end <= named.size);
    let end = end.filter(|_| !signed.body.is_empty()).ok_or(FaultCode::BadRequest)?;
    metrics::counter!("fieldsync_bundle_bytes_total").increment(signed.body.len() as u64);
    let parcel = parcel(&state, &signed.device, named);
    if let Appended::Elsewhere(stands) = parcel.append(offset, signed.body.clone()).await? {
        return Err(Refused::wrong_offset(stands));
    }
    if end < named.size {
        return Ok(at(StatusCode::NO_CONTENT, end));
    }
    take(&state, &signed.device, named, &parcel, StatusCode::NO_CONTENT).await
}

/// Imports what has arrived whole. The file is needed no more, whatever the verdict.
async fn take(
    state: &State,
    device: &Device,
    named: Named,
    parcel: &Parcel,
    status: StatusCode,
) -> Result<Response, Refused> {
    if hash_of(parcel).await? != named.file {
        // Changed on this way, not at its origin: the courier sends it again.
        parcel.remove().await?;
        return Err(FaultCode::BadRequest.into());
    }
    let source = Source::Parcel(parcel.clone());
    let verdict = match import(&state.office, &state.blobs, &source, Carrier::Device(device.id)).await {
        Ok(_) => Verdict::Taken,
        Err(ImportError::Bundle(error)) => error.into(),
        Err(ImportError::Forged) => Verdict::Damaged,
        Err(ImportError::Store(error)) => return Err(error.into()),
        Err(ImportError::Blobs(error)) => return Err(error.into()),
        Err(ImportError::File(_)) => return Err(FaultCode::Internal.into()),
    };
    parcel.remove().await?;
    Ok(done(status, named, verdict))
}

/// Every device has a lane of its own: what one sends wrongly is no other's trouble.
fn parcel(state: &State, device: &Device, named: Named) -> Parcel {
    Parcel::new(&state.blobs, &format!("{}-{}", device.id, named.file))
}

async fn was_taken(state: &State, file: Hash) -> Result<bool, Refused> {
    let office = state.office.clone();
    let found = blocking(move || Ok::<_, StoreError>(office.read(|txn| txn.bundle_in_file(&file))?.is_some())).await?;
    Ok(found)
}

async fn hash_of(parcel: &Parcel) -> Result<Hash, Refused> {
    let mut hasher = Sha256::new();
    for start in parcel.pieces().await?.into_keys() {
        hasher.update(parcel.piece(start).await?);
    }
    Ok(Hash(hasher.finalize().into()))
}

fn at(status: StatusCode, offset: u64) -> Response {
    (status, [(OFFSET_HEADER, HeaderValue::from(offset))]).into_response()
}

fn done(status: StatusCode, named: Named, verdict: Verdict) -> Response {
    let mut response = at(status, named.size);
    response.headers_mut().insert(BUNDLE_HEADER, HeaderValue::from_static(verdict.name()));
    response
}
