//! The door: name and password.

use askama::Template;

/// The sign-in page. It never says which of name and password was wrong.
#[derive(Debug, Template)]
#[template(path = "login.html")]
pub(crate) struct Login {
    pub(crate) office: String,
    pub(crate) name: String,
    /// Where to go after signing in; only a path on this server.
    pub(crate) next: String,
    pub(crate) error: Option<String>,
}
