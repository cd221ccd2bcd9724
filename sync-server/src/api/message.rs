//! How a message stands in a body: packed CBOR, or JSON for people and tools that ask for it.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use fieldsync_protocol::encode;
use fieldsync_protocol::fault::FaultCode;
use fieldsync_protocol::wire::{self, UnpackError};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fault::Refused;

/// The two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Packed,
    Json,
}

impl Form {
    /// The form of a request's body. Without a content type it is packed.
    pub(super) fn of_request(headers: &HeaderMap) -> Result<Self, Refused> {
        match essence(headers, &CONTENT_TYPE) {
            None | Some(wire::MEDIA_TYPE) => Ok(Self::Packed),
            Some("application/json") => Ok(Self::Json),
            Some(_) => Err(FaultCode::BadRequest.into()),
        }
    }

    /// The form of the answer: what `accept` names, otherwise that of the request.
    pub(super) fn of_answer(self, headers: &HeaderMap) -> Self {
        match essence(headers, &ACCEPT) {
            Some("application/json") => Self::Json,
            Some(wire::MEDIA_TYPE) => Self::Packed,
            _ => self,
        }
    }

    pub(super) fn read<T: DeserializeOwned>(self, body: &Bytes) -> Result<T, Refused> {
        match self {
            Self::Packed => wire::unpack(body).map_err(|error| match error {
                UnpackError::TooLarge => FaultCode::TooLarge.into(),
                UnpackError::Compression | UnpackError::Decode(_) => FaultCode::BadRequest.into(),
            }),
            Self::Json => encode::from_json(body).map_err(|_| FaultCode::BadRequest.into()),
        }
    }

    /// Encodes an answer. Costs time for a large one: on a blocking thread.
    pub(super) fn write<T: Serialize>(self, answer: &T) -> Written {
        match self {
            Self::Packed => Written(wire::MEDIA_TYPE, wire::pack(answer).into()),
            Self::Json => Written("application/json", encode::json(answer).into()),
        }
    }
}

/// An encoded answer.
pub(super) struct Written(&'static str, Bytes);

impl Written {
    pub(super) fn len(&self) -> usize {
        self.1.len()
    }
}

impl IntoResponse for Written {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, HeaderValue::from_static(self.0))], self.1).into_response()
    }
}

/// A media type without its parameters.
fn essence<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?;
    value.split([';', ',']).next().map(str::trim)
}
