//! The two encodings of one model: compact deterministic CBOR (wire, store, under every hash) and JSON (goldens,
//! debugging, `Accept: application/json`).
//!
//! CBOR is deterministic because every map is ordered, every struct writes its fields in declaration order, integers
//! take their shortest form and there are no floats.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why bytes could not be read. Says where, never what: the content may be personal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not CBOR or JSON of the expected shape.
    #[error("read the message: unexpected shape")]
    Shape,
    /// Something follows the message.
    #[error("read the message: bytes follow its end")]
    Trailing,
}

/// Deepest nesting accepted from a peer.
const DEPTH_MAX: usize = 48;

/// `value` in deterministic CBOR.
pub fn cbor<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail, and our types have no shape that CBOR refuses.
    ciborium::into_writer(value, &mut bytes).expect("our own types always encode");
    bytes
}

/// Reads one message that fills `bytes` exactly.
///
/// # Errors
/// [`DecodeError`] when the shape is wrong or bytes are left over.
pub fn from_cbor<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH_MAX).map_err(|_| DecodeError::Shape)?;
    if rest.is_empty() { Ok(value) } else { Err(DecodeError::Trailing) }
}

/// `value` in JSON, indented for people.
pub fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec_pretty(value).expect("our own types always encode")
}

/// Reads one JSON message.
///
/// # Errors
/// [`DecodeError::Shape`] when it is not of the expected shape.
pub fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(bytes).map_err(|_| DecodeError::Shape)
}
