//! Cursors and push tokens: sealed, so that a device can neither read the tenant's volume out of them nor forge one.

use fieldsync_protocol::exchange::Sealed;
use fieldsync_protocol::{Hash, PersonId, PushId, RecordId, ReplicaId, encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::office::Office;

/// Where a device's pull stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// Whose pull; a cursor of somebody else is worth nothing.
    pub person: PersonId,
    /// The epoch it belongs to.
    pub epoch: u64,
    /// Everything in scope at or below it has been delivered.
    pub position: u64,
    /// Records may change at one place together, and a page may end between them: the place, and the last of them in order
    /// of id that was delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<(u64, RecordId)>,
    /// The highest sequence seen in any answer: a page may end below it.
    pub highest: u64,
    /// The chain hash there. A restored server has another one, or none.
    pub chain: Hash,
    /// When it was given, on the office's clock; none in one of an older server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<i64>,
}

/// What an accepted push leaves with the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    pub replica: ReplicaId,
    pub serial: u64,
    pub push_id: PushId,
}

fn close<T: Serialize>(office: &Office, content: &T, purpose: &str) -> Sealed {
    Sealed(office.keys.close(&encode::cbor(content), purpose, office.entropy.as_ref()))
}

fn open<T: DeserializeOwned>(office: &Office, sealed: &Sealed, purpose: &str) -> Option<T> {
    encode::from_cbor(&office.keys.open(&sealed.0, purpose)?).ok()
}

impl Cursor {
    pub(crate) fn close(&self, office: &Office) -> Sealed {
        close(office, self, "cursor")
    }

    pub(crate) fn open(office: &Office, sealed: &Sealed) -> Option<Self> {
        open(office, sealed, "cursor")
    }
}

impl Token {
    pub(crate) fn close(&self, office: &Office) -> Sealed {
        close(office, self, "token")
    }

    pub(crate) fn open(office: &Office, sealed: &Sealed) -> Option<Self> {
        open(office, sealed, "token")
    }
}
