//! What a person sees when a page cannot be shown. Never internal text: that is in the log, once.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};

use crate::enrol::EnrolError;
use crate::store::StoreError;
use crate::sync::edit::EditError;

/// Why a request of the console ends without its page.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nobody is signed in; where to go on after signing in.
    SignedOut(String),
    /// There is no such page, or nothing of that name.
    NotFound,
    /// The request cannot be read.
    BadRequest(String),
    /// It may not be done, and why.
    Forbidden(String),
    /// The office cannot do it now.
    Office(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Office(error)
    }
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Refused(code) => Self::Forbidden(refusal(code)),
            EditError::Store(error) => Self::Office(error),
        }
    }
}

impl From<EnrolError> for Failure {
    fn from(error: EnrolError) -> Self {
        match error {
            EnrolError::Store(error) => Self::Office(error),
            EnrolError::BadCode | EnrolError::NoTechnician => Self::NotFound,
        }
    }
}

/// A refusal in words for the person who tried.
pub(super) fn refusal(code: fieldsync_protocol::rights::Code) -> String {
    format!("Nothing was changed: {}. What to do: {}.", code.text(), code.remedy())
}

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage {
    title: &'static str,
    text: String,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, title, text) = match self {
            Self::SignedOut(next) => {
                let next = super::words::encoded(&next);
                return Redirect::to(&format!("/login?next={next}")).into_response();
            }
            Self::NotFound => {
                (StatusCode::NOT_FOUND, "Not here", "There is nothing under this address, or not any more.".to_owned())
            }
            Self::BadRequest(text) => (StatusCode::BAD_REQUEST, "Not understood", text),
            Self::Forbidden(text) => (StatusCode::FORBIDDEN, "Not done", text),
            Self::Office(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a page of the console failed");
                let text = "The office's store did not answer as it should. Nothing was changed. Try again shortly.";
                (StatusCode::SERVICE_UNAVAILABLE, "Not now", text.to_owned())
            }
        };
        let page = FailurePage { title, text };
        match page.render() {
            Ok(html) => (status, Html(html)).into_response(),
            Err(_) => (status, title).into_response(),
        }
    }
}
