//! Signing in and out.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use fieldsync_protocol::Hash;
use fieldsync_protocol::rights::Role;
use serde::Deserialize;

use crate::console::Console;
use crate::console::desk::{LIFE_MS, SESSION, blocking, open_page, session_of};
use crate::console::failure::Failure;
use crate::console::notice;
use crate::console::view::login::Login;
use crate::password;

const WRONG: &str = "That name and password do not go together.";
const WAIT: &str = "Too many attempts for this name. Wait half a minute and try again.";
/// Longest name looked up, bytes.
const NAME_BYTES_MAX: usize = 200;

#[derive(Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(super) struct Credentials {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn show(State(console): State<Console>, Query(query): Query<Next>) -> Result<Response, Failure> {
    page(&console, String::new(), &query.next, None).await
}

pub(super) async fn sign_in(
    State(console): State<Console>,
    Form(credentials): Form<Credentials>,
) -> Result<Response, Failure> {
    let Credentials { name, password, next } = credentials;
    let name: String = name.trim().chars().take(NAME_BYTES_MAX).collect();
    let office = console.state.office.clone();
    let now_ms = office.now_ms();
    if !console.attempts.may_try(&name, now_ms) {
        let page = page(&console, name, &next, Some(WAIT)).await?;
        return Ok((StatusCode::TOO_MANY_REQUESTS, page).into_response());
    }
    let turn = console.attempts.checks.acquire().await;
    let (login, token) = (name.clone(), office.random::<32>());
    let is_signed_in = blocking(move || {
        let user = office.read(|txn| txn.user_by_login(&login))?;
        let user = user.filter(|user| user.active && user.role != Role::Technician);
        let matches = password::verify(&password, user.as_ref().map(|user| user.password.as_str()));
        let Some(user) = user.filter(|_| matches) else { return Ok(false) };
        let hash = Hash::blake3(&token);
        office.write(move |txn| txn.put_session(&hash, user.id, now_ms))?;
        Ok(true)
    })
    .await?;
    drop(turn);
    if !is_signed_in {
        console.attempts.failed(&name, now_ms);
        let page = page(&console, name, &next, Some(WRONG)).await?;
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    }
    console.attempts.succeeded(&name);
    let seconds = u32::try_from(LIFE_MS / 1_000).unwrap_or(u32::MAX);
    let cookie = notice::cookie(&console.state, SESSION, &hex::encode(token), seconds);
    Ok((AppendHeaders([(SET_COOKIE, cookie)]), Redirect::to(own_path(&next))).into_response())
}

pub(super) async fn sign_out(State(console): State<Console>, headers: HeaderMap) -> Result<Response, Failure> {
    if let Some(session) = session_of(&console.state, &headers) {
        let office = console.state.office.clone();
        blocking(move || Ok(office.write(move |txn| txn.end_session(&session))?)).await?;
    }
    let forgotten = notice::cookie(&console.state, SESSION, "", 0);
    Ok((AppendHeaders([(SET_COOKIE, forgotten)]), Redirect::to("/login")).into_response())
}

async fn page(console: &Console, name: String, next: &str, error: Option<&str>) -> Result<Response, Failure> {
    let office = console.state.office.clone();
    let tenant = blocking(move || Ok(office.read(|txn| txn.tenant())?)).await?;
    let page = Login { office: tenant.name, name, next: own_path(next).to_owned(), error: error.map(str::to_owned) };
    Ok(open_page(&page))
}

/// A path on this server, and nothing that a browser could take for another one.
fn own_path(next: &str) -> &str {
    let is_own = next.starts_with('/')
        && !next.starts_with("//")
        && !next.starts_with("/log")
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_own { next } else { "/board" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_never_leads_to_another_server() {
        assert_eq!(own_path("/jobs/7?x=1"), "/jobs/7?x=1");
        for foreign in ["https://evil.example", "//evil.example", "/\\evil.example", "", "/logout", "/a\r\nb"] {
            assert_eq!(own_path(foreign), "/board");
        }
    }
}
