//! How a message travels: CBOR, compressed with zstd, bounded in bytes both ways.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::encode::{self, DecodeError};
use crate::limits::{BODY_BYTES_MAX, INFLATE_RATIO_MAX, WIRE_BYTES_MAX};

/// Media type of a packed message.
pub const MEDIA_TYPE: &str = "application/vnd.fieldsync+cbor";
/// Version of the messages; part of every path.
pub const PROTOCOL_VERSION: u16 = 1;

const LEVEL: i32 = 3;
/// Up to this size a body may be compressed at any ratio: honest text can repeat itself, and this much does not hurt.
const RATIO_FREE_BYTES: usize = 1_048_576;

/// Why a packed message could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    /// Larger than the limits allow, compressed or not, or compressed beyond any honest ratio.
    #[error("read the message: larger than the limit")]
    TooLarge,
    /// Not a zstd frame.
    #[error("read the message: not compressed as expected")]
    Compression,
    /// Not the expected message.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// Packs a message for the wire. The frame carries a checksum over its content, so that what a path without TLS damages
/// is not taken for a message.
pub fn pack<T: Serialize>(message: &T) -> Vec<u8> {
    compress(&encode::cbor(message)).expect("compressing in memory cannot fail")
}

fn compress(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    compressor.include_checksum(true)?;
    compressor.compress(content)
}

/// Unpacks a message from the wire, holding at most [`BODY_BYTES_MAX`] in memory whatever a peer sends.
///
/// # Errors
/// [`UnpackError`] when a limit is exceeded or the content is not the expected message.
pub fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, UnpackError> {
    Ok(encode::from_cbor(&inflate(bytes)?)?)
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>, UnpackError> {
    use std::io::Read;
    if bytes.len() > WIRE_BYTES_MAX {
        return Err(UnpackError::TooLarge);
    }
    let limit = BODY_BYTES_MAX.min(bytes.len().saturating_mul(INFLATE_RATIO_MAX).max(RATIO_FREE_BYTES));
    let decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(|_| UnpackError::Compression)?;
    let mut body = Vec::new();
    decoder.take(limit as u64 + 1).read_to_end(&mut body).map_err(|_| UnpackError::Compression)?;
    if body.len() > limit { Err(UnpackError::TooLarge) } else { Ok(body) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_packing_and_a_bomb_does_not_unpack() {
        let message = vec!["a", "b"];
        assert_eq!(unpack::<Vec<String>>(&pack(&message)).expect("unpack"), message);
        let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 3).expect("compress");
        assert_eq!(unpack::<Vec<u8>>(&bomb), Err(UnpackError::TooLarge));
        assert_eq!(unpack::<Vec<u8>>(b"nonsense"), Err(UnpackError::Compression));
    }

    #[test]
    fn no_turned_bit_makes_another_message_of_one() {
        let message = "the gate code is 4711, the seal ring is worn".to_owned();
        let packed = pack(&message);
        for bit in 0..packed.len() * 8 {
            let mut damaged = packed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Ok(read) = unpack::<String>(&damaged) {
                assert_eq!(read, message, "bit {bit}");
            }
        }
    }

    #[test]
    fn a_frame_without_a_checksum_is_still_read() {
        let bare = zstd::bulk::compress(&encode::cbor(&7_u8), 3).expect("compress");
        assert_eq!(unpack::<u8>(&bare), Ok(7));
    }
}
