//! Just enough of a browser: cookies, forms, and the headers that tell where a request comes from.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, Request, StatusCode};
use tower::ServiceExt;

use crate::console::words::encoded;

/// A browser with its cookies.
pub(super) struct Browser {
    router: Router,
    pub(super) cookies: BTreeMap<String, String>,
}

/// An answer.
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Page {
    /// Where it redirects to; empty when it does not.
    pub(super) fn location(&self) -> &str {
        self.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The value of the first hidden field of that name, after `mark`.
    pub(super) fn field_after(&self, mark: &str, name: &str) -> String {
        let rest = self.body.split_once(mark).unwrap_or_else(|| panic!("no {mark} on the page")).1;
        let rest = rest.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("no field {name}")).1;
        rest.split('"').next().unwrap_or_default().to_owned()
    }
}

impl Browser {
    pub(super) fn at(router: Router) -> Self {
        Self { router, cookies: BTreeMap::new() }
    }

    pub(super) async fn get(&mut self, path: &str) -> Page {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    pub(super) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        self.post_from(path, form, "http://office.example").await
    }

    /// Posts as a page of `origin` would.
    pub(super) async fn post_from(&mut self, path: &str, form: &[(&str, &str)], origin: &str) -> Page {
        let pairs: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let request = Request::post(path)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ORIGIN, origin)
            .body(Body::from(pairs.join("&")));
        self.send(request.expect("a request")).await
    }

    /// Uploads a file as a form does.
    pub(super) async fn upload(&mut self, path: &str, name: &str, content: &[u8]) -> Page {
        let mut body = format!("--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n")
            .into_bytes();
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n--edge--\r\n");
        let request = Request::post(path)
            .header(CONTENT_TYPE, "multipart/form-data; boundary=edge")
            .header(ORIGIN, "http://office.example")
            .body(Body::from(body));
        self.send(request.expect("a request")).await
    }

    /// Follows a redirect.
    pub(super) async fn follow(&mut self, page: &Page) -> Page {
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
        let location = page.location().to_owned();
        self.get(&location).await
    }

    async fn send(&mut self, mut request: Request<Body>) -> Page {
        request.headers_mut().insert(HOST, "office.example".parse().expect("a host"));
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request.headers_mut().insert(COOKIE, cookies.join("; ").parse().expect("cookies"));
        }
        let response = self.router.clone().oneshot(request).await.expect("the router answers");
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(SET_COOKIE) {
            let text = cookie.to_str().expect("ASCII");
            let (name, value) = text.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            if text.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let body = to_bytes(body, 8_000_000).await.expect("a body");
        Page { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
    }
}
