//! Requests and responses as the session speaks them, without any network.

use fieldsync_protocol::fault::Fault;
use fieldsync_protocol::request::{
    CERTIFICATE_HEADER, DEVICE_HEADER, NONCE_HEADER, OFFSET_HEADER, SIGNATURE_HEADER, sign,
};
use fieldsync_protocol::{encode, wire};

use crate::enrol::Identity;

/// A request to send to the office.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `HEAD`, `POST` or `PUT`.
    pub method: &'static str,
    /// Path below the office's address.
    pub path: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
}

impl Request {
    /// About how many bytes it takes on the wire before encryption.
    pub fn size(&self) -> u64 {
        (self.method.len() + self.path.len() + 12 + headers_size(&self.headers) + self.body.len()) as u64
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

/// The office's answer to a [`Request`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in any case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// About how many bytes it took on the wire before encryption.
    pub fn size(&self) -> u64 {
        (17 + headers_size(&self.headers) + self.body.len()) as u64
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// Whether the office did what was asked.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The fault in the body, when the answer is the office's own: a proxy or captive portal writes none.
    pub fn fault(&self) -> Option<Fault> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// When the office wants to be asked again, milliseconds from now: its fault says so, or the header `retry-after`.
pub(crate) fn retry_after_ms(response: &Response) -> Option<u64> {
    let from_fault = response.fault().and_then(|fault| fault.retry_after_ms);
    from_fault.or_else(|| {
        let seconds: u64 = response.header("retry-after")?.trim().parse().ok()?;
        seconds.checked_mul(1_000)
    })
}

/// What a signed request is made of.
pub(crate) struct Unsigned {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) offset: Option<u64>,
    pub(crate) range: Option<(u64, u64)>,
    pub(crate) body: Vec<u8>,
}

impl Unsigned {
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), offset: None, range: None, body: Vec::new() }
    }
}

/// How often in a row the office asked who this is. The certificate goes along from the first time on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Challenges(u8);

impl Challenges {
    /// A nonce that has run out, or a request that the network repeated, is asked again; more in a row is a verdict.
    const MAX: u8 = 3;

    pub(crate) fn add(&mut self) {
        self.0 += 1;
    }

    pub(crate) fn is_verdict(self) -> bool {
        self.0 >= Self::MAX
    }
}

/// Signs a request with the office's last nonce.
pub(crate) fn signed(identity: &Identity, nonce: Option<&str>, challenges: Challenges, unsigned: Unsigned) -> Request {
    let Unsigned { method, path, offset, range, body } = unsigned;
    let signed = nonce.unwrap_or_default();
    let signature = sign(identity.key(), identity.device, method, &path, offset.unwrap_or(0), signed, &body);
    let mut headers = vec![
        (DEVICE_HEADER.to_owned(), identity.device.to_string()),
        (SIGNATURE_HEADER.to_owned(), signature.to_string()),
    ];
    if let Some(nonce) = nonce {
        headers.push((NONCE_HEADER.to_owned(), nonce.to_owned()));
    }
    if method == "POST" {
        headers.push(("content-type".to_owned(), wire::MEDIA_TYPE.to_owned()));
    }
    if challenges != Challenges::default() {
        headers.push((CERTIFICATE_HEADER.to_owned(), hex::encode(encode::cbor(&identity.certificate))));
    }
    if let Some(offset) = offset {
        headers.push((OFFSET_HEADER.to_owned(), offset.to_string()));
    }
    if let Some((first, last)) = range {
        headers.push(("range".to_owned(), format!("bytes={first}-{last}")));
    }
    Request { method, path, headers, body }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn headers_size(headers: &[(String, String)]) -> usize {
    headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum()
}
