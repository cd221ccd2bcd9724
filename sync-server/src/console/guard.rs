//! What a browser may do: nothing is changed from another site, and a page loads nothing but what is ours.

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Console;
use super::failure::Failure;

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Lets a request that may change something through only when the browser says that it comes from our own pages.
///
/// `Sec-Fetch-Site` decides when it is there; browsers without it send `Origin` with every POST. A request with neither
/// is no browser's and is refused: devices and programs have their own doors.
pub(super) async fn same_origin_only(request: Request, next: Next) -> Response {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD);
    if is_safe || comes_from_here(request.headers(), request.uri()) {
        return next.run(request).await;
    }
    let text = "The request did not come from a page of this console, so nothing was done.";
    Failure::Forbidden(text.to_owned()).into_response()
}

fn comes_from_here(headers: &HeaderMap, uri: &Uri) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site"))
        && site != "same-origin"
    {
        return false;
    }
    let host = text(header::HOST).or_else(|| uri.authority().map(|authority| authority.as_str()));
    match (text(header::ORIGIN), host) {
        (Some(origin), Some(host)) => {
            origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")) == Some(host)
        }
        (Some(_), None) => false,
        (None, _) => headers.contains_key("sec-fetch-site"),
    }
}

/// Adds what every answer carries. A page is never cached: it shows people's data, and the next one may be signed out.
pub(super) async fn security_headers(State(console): State<Console>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let is_redirect = response.status() == StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "same-origin");
    set(header::CACHE_CONTROL, "no-store");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()");
    if console.state.is_tls && !is_redirect {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        comes_from_here(&headers, &Uri::from_static("/jobs/new"))
    }

    #[test]
    fn only_our_own_pages_may_change_something() {
        assert!(allowed(&[("host", "office:8470"), ("origin", "http://office:8470")]));
        assert!(allowed(&[("host", "office"), ("origin", "https://office"), ("sec-fetch-site", "same-origin")]));
        assert!(allowed(&[("host", "office"), ("sec-fetch-site", "same-origin")]));
        assert!(!allowed(&[("host", "office:8470"), ("origin", "http://evil.example")]));
        assert!(!allowed(&[("host", "office:8470"), ("origin", "http://office:9000")]));
        assert!(!allowed(&[("host", "office"), ("origin", "https://office"), ("sec-fetch-site", "cross-site")]));
        assert!(!allowed(&[("host", "office"), ("origin", "null")]));
        assert!(!allowed(&[("host", "office")]));
    }
}
