//! The pages: each file reads what its page shows and makes the edits its forms ask for. A handler decodes, calls one
//! function, answers.

mod board;
mod bundles;
mod devices;
mod dispatch;
mod explain;
mod held;
pub(super) mod import;
mod job;
mod live;
mod login;
mod new_job;
mod search;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::Redirect;
use axum::routing::{get, post};

use super::desk::Desk;
use super::failure::Failure;
use super::{Console, assets};

/// Largest form, bytes: the longest texts of a work order several times over. Uploads have a limit of their own.
const FORM_BYTES_MAX: usize = 131_072;

/// Every route of the console, by who calls it.
pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/board") }))
        .route("/static/console.css", get(assets::style))
        .route("/static/console.js", get(assets::script))
        .route("/static/icon.svg", get(assets::icon))
        .route("/login", get(login::show).post(login::sign_in))
        .route("/logout", post(login::sign_out))
        .route("/events", get(live::events))
        .route("/board", get(board::show))
        .route("/search", get(search::show))
        .route("/jobs/new", get(new_job::show).post(new_job::create))
        .route("/jobs/{order}", get(job::show))
        .route("/jobs/{order}/plan", post(job::plan))
        .route("/jobs/{order}/cancel", post(job::cancel))
        .route("/jobs/{order}/uncancel", post(job::uncancel))
        .route("/jobs/{order}/approve", post(job::approve))
        .route("/jobs/{order}/return", post(job::send_back))
        .route("/jobs/{order}/notes", post(job::note))
        .route("/jobs/{order}/withdraw", post(job::withdraw))
        .route("/jobs/{order}/resolve", post(job::resolve))
        .route("/jobs/{order}/undo", post(job::undo))
        .route("/jobs/{order}/proposals/{proposal}/{decision}", post(job::propose))
        .route("/jobs/{order}/photos/{attachment}", get(job::photo))
        .route("/jobs/{order}/documents/{document}", get(job::document))
        .route("/jobs/{order}/dispatch", get(dispatch::show).post(dispatch::dispatch))
        .route("/explain/{record}", get(explain::show))
        .route("/devices", get(devices::show))
        .route("/devices/enrol", get(devices::code).post(devices::enrol))
        .route("/devices/{device}/revoke", get(devices::ask_revoke).post(devices::revoke))
        .route("/devices/{device}/retire", get(devices::ask_retire).post(devices::retire))
        .route("/devices/{device}/wipe", get(devices::ask_wipe).post(devices::wipe))
        .route("/held", get(held::show))
        .route("/held/release", post(held::release))
        .route("/held/discard", post(held::discard))
        .route("/import", get(import::show).post(import::upload).layer(DefaultBodyLimit::max(import::BODY_BYTES_MAX)))
        .route("/import/{upload}", get(import::preview).post(import::confirm))
        .route(
            "/bundles",
            get(bundles::show).post(bundles::upload).layer(DefaultBodyLimit::max(bundles::BODY_BYTES_MAX)),
        )
        .route("/bundles/{upload}", get(bundles::preview).post(bundles::confirm))
        .route("/bundles/done/{bundle}", get(bundles::done))
        .fallback(|_: Desk| async { Failure::NotFound })
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
}
