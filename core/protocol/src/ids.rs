//! Typed identifiers. Each is a newtype, so that a replica can never be passed where a device is meant.
//!
//! Record, device and person ids are UUIDv7 made where the thing is born; replica and push ids are random. In CBOR all
//! of them are byte strings, in JSON text.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A text that is not an identifier of the expected shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read an identifier: {0} expected")]
pub struct IdError(&'static str);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Wraps 16 bytes, as they stand in SQL.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// Wraps a byte slice read from SQL or a message; `None` unless it is 16 bytes long.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                Uuid::from_slice(bytes).ok().map(Self)
            }

            /// The 16 bytes, as they stand in SQL.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::parse_str(text).map(Self).map_err(|_| IdError("a UUID"))
            }
        }
    };
}

uuid_id! {
    /// Names one record for ever. UUIDv7, made where the record is born.
    RecordId
}
uuid_id! {
    /// Names one enrolled device (a phone with its key). A device may live through several replicas.
    DeviceId
}
uuid_id! {
    /// Names a person who edits: a technician's record id, or an office user's id.
    PersonId
}

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $size:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $size]);

        impl $name {
            /// Wraps a byte slice; `None` unless it has the right length.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// The bytes, as they stand in SQL.
            pub fn as_bytes(&self) -> &[u8; $size] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let mut bytes = [0; $size];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| IdError("hexadecimal digits"))?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.serialize_str(&hex::encode(self.0))
                } else {
                    serializer.serialize_bytes(&self.0)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = String::deserialize(deserializer)?;
                    text.parse().map_err(serde::de::Error::custom)
                } else {
                    let bytes = serde_bytes::ByteBuf::deserialize(deserializer)?;
                    Self::from_slice(&bytes).ok_or_else(|| serde::de::Error::custom("wrong length of an identifier"))
                }
            }
        }
    };
}

byte_id! {
    /// Names one *incarnation of one store*, not a device: random, minted when a store is created or found to be a copy.
    ReplicaId, 16
}
byte_id! {
    /// Names one push for the clone detector: random, stored before it is sent.
    PushId, 16
}
byte_id! {
    /// A 256-bit hash: SHA-256 for what a third party verifies (blobs, documents), BLAKE3 for what only we compare.
    Hash, 32
}
byte_id! {
    /// Keyed hash by which the server recognises what it once said: of a record, a cursor, a push token.
    Seal, 16
}
byte_id! {
    /// An Ed25519 public key.
    PublicKey, 32
}
byte_id! {
    /// An X25519 public key: what is closed to it opens for the holder of its secret half alone.
    BoxKey, 32
}
byte_id! {
    /// An Ed25519 signature.
    SignatureBytes, 64
}

impl Hash {
    /// SHA-256 of `bytes`.
    pub fn sha256(bytes: &[u8]) -> Self {
        use sha2::Digest;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// BLAKE3 of `bytes`.
    pub fn blake3(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_reads_back_what_it_prints() {
        let replica = ReplicaId([7; 16]);
        assert_eq!(replica.to_string().parse(), Ok(replica));
        assert!("07".parse::<ReplicaId>().is_err());
        let id = RecordId::from_bytes([3; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
    }
}
