//! What an author was shown, as a token.

use fieldsync_protocol::{Record, ReplicaId, Version, encode};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::store::meta;

/// What a screen was showing when its author began to type: reads return it, drafts name it. Opaque to apps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// The version shown.
    pub(crate) version: Version,
    /// The replica id the store had then, so that a token from before a change of it is brought over, and only such.
    pub(crate) issuer: ReplicaId,
}

impl Context {
    /// What `record` shows, as read in the snapshot of `connection`.
    pub(crate) fn of(connection: &Connection, record: &Record) -> Result<Self, Error> {
        let issuer = meta::get(connection, meta::REPLICA)?.ok_or(Error::Defect("replica_missing"))?;
        Ok(Self { version: record.version.clone(), issuer })
    }

    /// The token as bytes, for a bridge or a saved screen.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode::cbor(self)
    }

    /// Reads the bytes of [`Context::to_bytes`].
    ///
    /// # Errors
    /// [`Error::Content`] when they are none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Ok(encode::from_cbor(bytes)?)
    }
}
