//! The one shape of failure: a stable code as `application/problem+json`, nothing of what happened inside.
//!
//! What happened inside goes to the log, once, here.

use axum::response::{IntoResponse, Response};
use fieldsync_protocol::fault::{Fault, FaultCode};
use fieldsync_protocol::request::OFFSET_HEADER;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use crate::blobs::BlobError;
use crate::store::StoreError;

/// When to come again after being turned away because the office is busy, milliseconds.
const BUSY_MS: u64 = 2_000;
/// When to come again after the office's disk was full, milliseconds: a person has to make room.
const FULL_MS: u64 = 60_000;
/// When to come again after a defect, milliseconds.
const DEFECT_MS: u64 = 15_000;

/// A request that is not answered as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) Fault);

impl Refused {
    /// The office has more to do than it can: come again soon.
    pub(crate) fn busy() -> Self {
        Self(Fault { retry_after_ms: Some(BUSY_MS), ..Fault::new(FaultCode::Unavailable) })
    }

    /// A chunk does not continue the upload, which stands at `offset`.
    pub(crate) fn wrong_offset(offset: u64) -> Self {
        Self(Fault { offset: Some(offset), ..Fault::new(FaultCode::WrongOffset) })
    }

    /// A defect, already logged.
    pub(crate) fn defect() -> Self {
        Self(Fault { retry_after_ms: Some(DEFECT_MS), ..Fault::new(FaultCode::Internal) })
    }
}

impl From<FaultCode> for Refused {
    fn from(code: FaultCode) -> Self {
        Self(Fault::new(code))
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => {
                tracing::error!("failed to write to the disk: it is full");
                Self(Fault { retry_after_ms: Some(FULL_MS), ..Fault::new(FaultCode::Unavailable) })
            }
            StoreError::Closed => Self::busy(),
            error => {
                tracing::error!(error = &error as &dyn std::error::Error, "failed to use the store");
                Self::defect()
            }
        }
    }
}

impl From<BlobError> for Refused {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Missing => FaultCode::NotFound.into(),
            BlobError::WrongContent => FaultCode::BadRequest.into(),
            BlobError::TooLarge => FaultCode::TooLarge.into(),
            BlobError::Full => StoreError::Full.into(),
            BlobError::TooManyUnfinished => {
                Self(Fault { retry_after_ms: Some(FULL_MS), ..Fault::new(FaultCode::Unavailable) })
            }
            error @ BlobError::Store(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "failed to use the blobs");
                Self::defect()
            }
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let fault = self.0;
        let status = StatusCode::from_u16(fault.code.status()).expect("every code has a status of HTTP's");
        let body = serde_json::to_vec(&fault).expect("a fault always has a form in JSON");
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(retry_after_ms) = fault.retry_after_ms {
            headers.insert(RETRY_AFTER, HeaderValue::from(retry_after_ms.div_ceil(1_000)));
        }
        if let Some(offset) = fault.offset {
            headers.insert(OFFSET_HEADER, HeaderValue::from(offset));
        }
        response
    }
}

/// Runs work that blocks where it may, and turns its panic into a defect.
pub(crate) async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, Refused>
where
    T: Send + 'static,
    E: Send + 'static,
    Refused: From<E>,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(error) => {
            tracing::error!(is_panic = error.is_panic(), "failed to finish the work of a request");
            Err(Refused::defect())
        }
    }
}
