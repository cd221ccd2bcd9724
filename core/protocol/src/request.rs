//! How a device proves that a request is its own: a signature over method, path, body and a nonce of the server's.
//!
//! The nonce is the server's, so a device whose clock is thirty years off signs as well as any other.

use ed25519_dalek::{Signer, SigningKey};

use crate::enrol::verifies;
use crate::ids::{DeviceId, Hash, PublicKey, SignatureBytes};

/// Header that names the device.
pub const DEVICE_HEADER: &str = "fieldsync-device";
/// Header with the server's nonce: in answers the next one, in requests the one signed.
pub const NONCE_HEADER: &str = "fieldsync-nonce";
/// Header with the signature, hexadecimal.
pub const SIGNATURE_HEADER: &str = "fieldsync-signature";
/// Header with the device's certificate, hexadecimal CBOR; sent when the office does not know the device (any more).
pub const CERTIFICATE_HEADER: &str = "fieldsync-certificate";
/// Header with the position a chunk starts at, bytes.
pub const OFFSET_HEADER: &str = "fieldsync-offset";
/// Header that names something the device lacks; an office that does not know it leaves it out.
pub const WANTS_HEADER: &str = "fieldsync-wants";
/// Value of [`WANTS_HEADER`]: the key that bundles are closed to.
pub const WANTS_OFFICE_KEY: &str = "office-key";
/// Header with the office's durable answer to a carried bundle; see [`crate::bundle::Verdict`].
pub const BUNDLE_HEADER: &str = "fieldsync-bundle";

/// Path of the exchange (POST).
pub const EXCHANGE_PATH: &str = "/sync/v1/exchange";
/// Path of enrolment (POST, unsigned).
pub const ENROL_PATH: &str = "/sync/v1/enrol";
/// Path of the event stream (GET): a poke whenever something in scope changed.
pub const EVENTS_PATH: &str = "/sync/v1/events";

/// Path of one blob, through the attachment record that refers to it: HEAD tells how much has arrived (in
/// [`OFFSET_HEADER`]), PUT appends one chunk at [`OFFSET_HEADER`], GET with `Range` reads.
pub fn blob_path(attachment: crate::ids::RecordId) -> String {
    format!("/sync/v1/blob/{attachment}")
}

/// Path of a carried bundle that another device brings, by the SHA-256 and size of its file: HEAD tells how much has
/// arrived, PUT appends one chunk, both as for a blob; [`BUNDLE_HEADER`] tells what became of it once all is there.
pub fn bundle_path(file: crate::ids::Hash, size: u64) -> String {
    format!("/sync/v1/bundle/{file}/{size}")
}

/// What is signed.
fn signed_bytes(device: DeviceId, method: &str, path: &str, offset: u64, nonce: &str, body: &[u8]) -> Vec<u8> {
    format!("fieldsync request v1\n{device}\n{method}\n{path}\n{offset}\n{nonce}\n{}", Hash::sha256(body)).into_bytes()
}

/// Signs a request. `offset` is the value of [`OFFSET_HEADER`], 0 without one.
pub fn sign(
    key: &SigningKey,
    device: DeviceId,
    method: &str,
    path: &str,
    offset: u64,
    nonce: &str,
    body: &[u8],
) -> SignatureBytes {
    SignatureBytes(key.sign(&signed_bytes(device, method, path, offset, nonce, body)).to_bytes())
}

/// The parts of a signed request as they arrived.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// The device that claims to have sent it.
    pub device: DeviceId,
    /// HTTP method, upper case.
    pub method: &'a str,
    /// Path without query.
    pub path: &'a str,
    /// Value of [`OFFSET_HEADER`], 0 without one.
    pub offset: u64,
    /// The nonce signed.
    pub nonce: &'a str,
    /// The body, as sent.
    pub body: &'a [u8],
}

impl Signed<'_> {
    /// Whether the holder of `key` signed exactly this.
    pub fn verifies(&self, key: &PublicKey, signature: &SignatureBytes) -> bool {
        let bytes = signed_bytes(self.device, self.method, self.path, self.offset, self.nonce, self.body);
        verifies(key, &bytes, signature)
    }
}
