//! The dispatcher's console: server-rendered pages over the same edits that devices make.
//!
//! Pages promise:
//!
//! - they work without script; the script only freshens the regions marked `data-live` in place;
//! - nothing is changed by a GET, and every POST answers with a redirect;
//! - no style, script, image or font comes from anywhere but this server, and none is inline, so the strictest content
//!   security policy holds;
//! - a form carries the version its page showed, so a decision never overwrites what its author had not seen.
//!
//! [`desk`] says who is signed in, [`guard`] what a browser may do, [`pages`] reads and edits, [`view`] shows.

mod assets;
mod desk;
mod failure;
mod guard;
mod notice;
mod pages;
mod throttle;
mod view;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use tokio::sync::watch;

use crate::blobs::Blobs;
use crate::office::Office;

/// What the console works on. Cheap to clone.
#[derive(Clone)]
pub struct State {
    /// The office.
    pub office: Office,
    /// Where the bytes of photos are.
    pub blobs: Blobs,
    /// Whether browsers reach the console through TLS: cookies are then never sent without it.
    pub is_tls: bool,
    /// The office's zone, minutes east of UTC: times are shown in it.
    pub zone_minutes: i32,
    /// The address at which devices reach the office, shown to people who enrol one; `None` to show the address of the
    /// page itself.
    pub address: Option<String>,
    /// Becomes true when the server stops: open event streams end then.
    pub stopping: watch::Receiver<bool>,
}

/// The state with what lives only in memory: attempts to sign in, files uploaded and not yet imported.
#[derive(Clone)]
struct Console {
    state: State,
    attempts: Arc<throttle::Attempts>,
    uploads: Arc<pages::import::Uploads>,
}

/// The console's routes. Every answer carries the security headers, and no request from another site changes anything.
pub fn router(state: State) -> Router {
    let console = Console { state, attempts: Arc::default(), uploads: Arc::default() };
    pages::routes()
        .with_state(console.clone())
        .layer(from_fn(guard::same_origin_only))
        .layer(from_fn_with_state(console, guard::security_headers))
}

#[cfg(test)]
mod tests;
