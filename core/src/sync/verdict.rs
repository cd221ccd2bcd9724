//! What an answer means for the session as a whole, before anybody looks into its body.

use fieldsync_protocol::fault::FaultCode;
use fieldsync_protocol::request::NONCE_HEADER;

use super::message::{Challenges, Response};
use super::receipt::Ended;

/// What to do with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Read the body.
    Good,
    /// Send again with the nonce that came along, and say who this is.
    Introduce,
    /// Send less at once. `said` when the office itself said so, not a proxy on the way.
    TooMuch {
        /// Who said so.
        said: Said,
        /// Too large, or unreadable.
        code: FaultCode,
    },
    /// The chunk does not continue where the upload stands.
    WrongOffset(Option<u64>),
    /// Nothing here for this device.
    NotFound,
    /// Try again later.
    Later,
    /// The session ends.
    End(Ended),
}

/// Who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// The office: its answer carries a fault of ours.
    Office,
    /// Something on the way: a proxy, a captive portal.
    Somebody,
}

/// Judges an answer. Final verdicts are believed only when the office itself gives them: a captive portal must not sign
/// a device out.
pub(super) fn judge(response: &Response, challenges: Challenges) -> Verdict {
    if response.is_success() {
        return Verdict::Good;
    }
    let has_nonce = response.header(NONCE_HEADER).is_some();
    let Some(fault) = response.fault() else {
        return match response.status {
            401 if has_nonce && !challenges.is_verdict() => Verdict::Introduce,
            400 => Verdict::TooMuch { said: Said::Somebody, code: FaultCode::BadRequest },
            413 => Verdict::TooMuch { said: Said::Somebody, code: FaultCode::TooLarge },
            // The answer to HEAD has no body, so there a status must do.
            404 if has_nonce => Verdict::NotFound,
            _ => Verdict::Later,
        };
    };
    match fault.code {
        FaultCode::Unauthenticated if has_nonce && !challenges.is_verdict() => Verdict::Introduce,
        FaultCode::Unauthenticated => Verdict::End(Ended::SignedOut),
        FaultCode::Revoked => Verdict::End(Ended::Revoked),
        FaultCode::Outdated => Verdict::End(Ended::Outdated),
        FaultCode::BadRequest | FaultCode::TooLarge => Verdict::TooMuch { said: Said::Office, code: fault.code },
        FaultCode::WrongOffset => Verdict::WrongOffset(fault.offset),
        FaultCode::NotFound => Verdict::NotFound,
        FaultCode::Unavailable | FaultCode::Internal => Verdict::Later,
        FaultCode::BadCode => Verdict::End(Ended::Fault(fault.code)),
    }
}
