//! What one page tells the next: the message after an action, the one-time code of a device. Sealed in a cookie that is
//! read once, so nothing of it is kept at the office and nobody else can write or read it.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};

use super::State;

/// How long a notice waits for its page, seconds.
const NOTICE_SECONDS: u32 = 60;

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Notice {
    /// The action was done.
    Done(String),
    /// The action was not done, and why.
    Failed(String),
    /// A one-time code for a technician's device, valid until a time.
    Code { technician: String, code: String, until_ms: i64 },
}

/// An answer to a POST: where to go, and what to say there.
pub(super) fn redirect(state: &State, location: &str, notice: &Notice) -> Response {
    let content = serde_json::to_vec(notice).expect("a notice is plain JSON");
    let sealed = state.office.keys.close(&content, PURPOSE, state.office.entropy.as_ref());
    let cookie = cookie(state, NAME, &hex::encode(sealed), NOTICE_SECONDS);
    (AppendHeaders([(SET_COOKIE, cookie)]), Redirect::to(location)).into_response()
}

/// The notice that came with a request.
pub(super) fn read(state: &State, headers: &HeaderMap) -> Option<Notice> {
    let sealed = hex::decode(value(state, headers, NAME)?).ok()?;
    serde_json::from_slice(&state.office.keys.open(&sealed, PURPOSE)?).ok()
}

/// The header that makes the browser forget the notice.
pub(super) fn forget(state: &State) -> HeaderValue {
    cookie(state, NAME, "", 0)
}

/// A cookie that script cannot read and other sites do not cause to be sent.
pub(super) fn cookie(state: &State, name: &str, value: &str, seconds: u32) -> HeaderValue {
    let (prefix, secure) = if state.is_tls { ("__Host-", "; Secure") } else { ("", "") };
    let text = format!("{prefix}{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&text).expect("names and values are hexadecimal digits and ASCII words")
}

/// The value of one of our cookies.
pub(super) fn value<'a>(state: &State, headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let prefix = if state.is_tls { "__Host-" } else { "" };
    let cookies = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    let mut pairs = cookies.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| found.strip_prefix(prefix) == Some(name)).map(|(_, value)| value)
}

const NAME: &str = "fieldsync-notice";
const PURPOSE: &str = "console notice";
