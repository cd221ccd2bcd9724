//! Faults that travel: a stable code, when to try again, never free text as meaning, nothing personal.

use serde::{Deserialize, Serialize};

/// What went wrong with a whole request. Everything about a single record is an outcome, not a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultCode {
    /// The request is not signed, or the signature does not fit. Sign with the nonce that comes with the answer.
    Unauthenticated,
    /// The device was revoked; nothing more is answered. What was sent is kept for a person.
    Revoked,
    /// The enrolment code is unknown, used or too old.
    BadCode,
    /// The message cannot be read. Sending it again as it is will fail again.
    BadRequest,
    /// The message is larger than the limits allow: send less at once.
    TooLarge,
    /// The office speaks no version of the protocol that this device speaks.
    Outdated,
    /// There is nothing here for this device.
    NotFound,
    /// A chunk does not continue where the upload stands; the answer says where it does.
    WrongOffset,
    /// The office is busy or its disk is full: try again later.
    Unavailable,
    /// The office has a defect; its log knows more.
    Internal,
}

impl FaultCode {
    /// The HTTP status it travels with.
    pub fn status(self) -> u16 {
        match self {
            Self::Unauthenticated => 401,
            Self::Revoked | Self::BadCode => 403,
            Self::BadRequest => 400,
            Self::TooLarge => 413,
            Self::Outdated => 426,
            Self::NotFound => 404,
            Self::WrongOffset => 409,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }

    /// The code's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::Revoked => "revoked",
            Self::BadCode => "bad_code",
            Self::BadRequest => "bad_request",
            Self::TooLarge => "too_large",
            Self::Outdated => "outdated",
            Self::NotFound => "not_found",
            Self::WrongOffset => "wrong_offset",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// Whether the same request may succeed later without anybody doing anything.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Unauthenticated | Self::WrongOffset | Self::Unavailable | Self::Internal)
    }
}

/// A fault as it stands in the body of an answer (`application/problem+json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What went wrong.
    pub code: FaultCode,
    /// When to try again, milliseconds from now; `None` when trying again is up to the device.
    pub retry_after_ms: Option<u64>,
    /// Where the upload stands, for [`FaultCode::WrongOffset`].
    pub offset: Option<u64>,
}

impl Fault {
    /// A fault with nothing but its code.
    pub fn new(code: FaultCode) -> Self {
        Self { code, retry_after_ms: None, offset: None }
    }
}
