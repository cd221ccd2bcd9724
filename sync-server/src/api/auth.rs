//! Who sends: a device proves that a request is its own by a signature over method, path, body and a nonce.
//!
//! Whatever is wrong with the proof gives the same answer after the same work, so that nobody learns which devices
//! there are. A device that a restored database has forgotten is taken back on the word of its certificate.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use fieldsync_protocol::enrol::Certificate;
use fieldsync_protocol::fault::FaultCode;
use fieldsync_protocol::request::{
    CERTIFICATE_HEADER, DEVICE_HEADER, NONCE_HEADER, OFFSET_HEADER, SIGNATURE_HEADER, Signed as Claim,
};
use fieldsync_protocol::{DeviceId, SignatureBytes, encode};
use http::{HeaderMap, StatusCode};

use super::State;
use super::fault::{Refused, blocking};
use crate::enrol;
use crate::office::Office;
use crate::store::{Device, StoreError};

/// Longest certificate header, bytes: a certificate takes some 400.
const CERTIFICATE_CHARS_MAX: usize = 2_048;

/// A request that its device signed. The device may be revoked: most endpoints want [`Active`].
pub(super) struct Signed {
    /// The device.
    pub(super) device: Device,
    /// The headers.
    pub(super) headers: HeaderMap,
    /// Where the body's chunk starts, when it is one.
    pub(super) offset: Option<u64>,
    /// The body.
    pub(super) body: Bytes,
}

/// A request that a device signed which was not revoked.
pub(super) struct Active(pub(super) Signed);

impl FromRequest<State> for Active {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &State) -> Result<Self, Refused> {
        let signed = Signed::from_request(request, state).await?;
        if signed.device.revoked_ms.is_some() { Err(FaultCode::Revoked.into()) } else { Ok(Self(signed)) }
    }
}

/// A request that a device signed which may still send: one that was not revoked, or is to be wiped and hands over.
pub(super) struct Sending(pub(super) Signed);

impl FromRequest<State> for Sending {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &State) -> Result<Self, Refused> {
        let signed = Signed::from_request(request, state).await?;
        let may_send = signed.device.revoked_ms.is_none() || signed.device.wipe_ms.is_some();
        if may_send { Ok(Self(signed)) } else { Err(FaultCode::Revoked.into()) }
    }
}

impl FromRequest<State> for Signed {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &State) -> Result<Self, Refused> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let headers = request.headers().clone();
        // The body is read in any case: an answer before its end would reach the device as a broken connection.
        let body = body(request, state).await?;
        let proof = Proof::read(&headers).ok_or(FaultCode::Unauthenticated)?;
        if !state.nonces.is_fresh(&state.office, &proof.nonce) {
            return refuse("nonce");
        }
        let (inner, checked, signature) = (state.office.clone(), body.clone(), proof.signature);
        let offset = proof.offset;
        let device = blocking(move || proof.device(&inner, method.as_str(), &path, &checked)).await?;
        let Some(device) = device else { return refuse("signature") };
        if !state.nonces.spend(&state.office, &signature) {
            return refuse("replay");
        }
        Ok(Self { device, headers, offset, body })
    }
}

/// Reads a body within the limit of its route.
pub(super) async fn body(request: Request, state: &State) -> Result<Bytes, Refused> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            FaultCode::TooLarge.into()
        } else {
            FaultCode::BadRequest.into()
        }
    })
}

fn refuse<T>(reason: &'static str) -> Result<T, Refused> {
    metrics::counter!("fieldsync_unauthenticated_total", "reason" => reason).increment(1);
    Err(FaultCode::Unauthenticated.into())
}

/// What the headers claim.
struct Proof {
    device: DeviceId,
    nonce: String,
    signature: SignatureBytes,
    offset: Option<u64>,
    certificate: Option<Certificate>,
}

impl Proof {
    fn read(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let offset = match text(OFFSET_HEADER) {
            Some(offset) => Some(offset.parse().ok()?),
            None => None,
        };
        let certificate = text(CERTIFICATE_HEADER)
            .filter(|text| text.len() <= CERTIFICATE_CHARS_MAX)
            .and_then(|text| hex::decode(text).ok())
            .and_then(|bytes| encode::from_cbor(&bytes).ok());
        Some(Self {
            device: text(DEVICE_HEADER)?.parse().ok()?,
            nonce: text(NONCE_HEADER)?.to_owned(),
            signature: text(SIGNATURE_HEADER)?.parse().ok()?,
            offset,
            certificate,
        })
    }

    /// The device whose signature this is; `None` when it is nobody's.
    fn device(&self, office: &Office, method: &str, path: &str, body: &[u8]) -> Result<Option<Device>, StoreError> {
        let known = office.read(|txn| txn.device(self.device))?;
        let certificate = self.certificate.as_ref().filter(|certificate| certificate.device == self.device);
        let certificate = certificate.filter(|certificate| certificate.is_valid(&office.keys.public_root()));
        let key = known.as_ref().map(|device| device.public_key);
        let key = key.or(certificate.map(|certificate| certificate.public_key));
        let claim =
            Claim { device: self.device, method, path, offset: self.offset.unwrap_or(0), nonce: &self.nonce, body };
        // An unknown device costs the same check, against a key that signs no requests.
        let verifies = claim.verifies(&key.unwrap_or(office.keys.public_root()), &self.signature);
        match (known, certificate) {
            (Some(device), _) if verifies => Ok(Some(device)),
            (None, Some(certificate)) if verifies => enrol::readmit(office, certificate),
            _ => Ok(None),
        }
    }
}
