//! Who sits at the console: the signed-in person with everything a page needs, as an extractor. A page that takes a
//! [`Desk`] cannot be reached signed out.

use std::sync::Arc;

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::response::{AppendHeaders, Html, IntoResponse, Response};
use fieldsync_protocol::rights::{self, Actor, Code, Deed, Role};
use fieldsync_protocol::{Hash, PersonId};

use super::failure::{Failure, refusal};
use super::notice::{self, Notice};
use super::view::frame::{Flash, Frame, Place};
use super::view::show::Zone;
use super::{Console, State};
use crate::store::{Txn, User};
use crate::sync::edit::{self, Draft};

/// Name of the session's cookie.
pub(super) const SESSION: &str = "fieldsync-session";
/// A session nobody used for this long has ended.
pub(super) const IDLE_MS: i64 = 12 * 3_600_000;
/// A session ends after this long however much it is used.
pub(super) const LIFE_MS: i64 = 7 * 86_400_000;
/// Use is noted at most this often: reading pages should not write all the time.
const SEEN_MS: i64 = 60_000;

/// A signed-in person at the console.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) console: Arc<Console>,
    pub(super) actor: Actor,
    pub(super) person: String,
    pub(super) zone: Zone,
    /// What the page before had to say.
    pub(super) notice: Option<Notice>,
}

impl FromRequestParts<Console> for Desk {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Failure> {
        let next = parts.uri.path_and_query().map_or("/board", |path| path.as_str()).to_owned();
        let next = if parts.method == axum::http::Method::GET { next } else { "/board".to_owned() };
        let Some(session) = session_of(&console.state, &parts.headers) else { return Err(Failure::SignedOut(next)) };
        let state = console.state.clone();
        let user = blocking(move || user_of(&state, &session)).await?.ok_or(Failure::SignedOut(next))?;
        Ok(Self {
            actor: Actor { person: user.id, role: user.role },
            person: user.name,
            zone: Zone::east_of_utc(console.state.zone_minutes),
            notice: notice::read(&console.state, &parts.headers),
            console: Arc::new(console.clone()),
        })
    }
}

impl Desk {
    /// What the console works on.
    pub(super) fn state(&self) -> &State {
        &self.console.state
    }

    /// The office's clock.
    pub(super) fn now_ms(&self) -> i64 {
        self.state().office.now_ms()
    }

    /// Runs `work` on a snapshot, away from the async workers.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Desk, &mut dyn Txn) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let desk = self.clone();
        blocking(move || desk.state().office.read(|txn| work(&desk, txn))).await
    }

    /// Runs `work` in one durable transaction, away from the async workers.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Desk, &mut dyn Txn) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let desk = self.clone();
        blocking(move || {
            let inner = desk.clone();
            desk.state().office.write(move |txn| work(&inner, txn))
        })
        .await
    }

    /// Makes edits as this person, all or none.
    pub(super) async fn edit(&self, drafts: Vec<Draft>) -> Result<(), Failure> {
        self.write(move |desk, txn| {
            edit::edit(&desk.state().office, txn, &desk.actor, &drafts)?;
            Ok(())
        })
        .await
    }

    /// The surroundings of a page.
    pub(super) fn frame(&self, txn: &mut dyn Txn, title: impl Into<String>, place: Place) -> Result<Frame, Failure> {
        let flash = match &self.notice {
            Some(Notice::Done(text)) => Some(Flash { tone: "done", text: text.clone() }),
            Some(Notice::Failed(text)) => Some(Flash { tone: "failed", text: text.clone() }),
            Some(Notice::Code { .. }) | None => None,
        };
        Ok(Frame {
            title: title.into(),
            office: txn.tenant()?.name,
            person: self.person.clone(),
            place,
            held_count: txn.all_held(true)?.len(),
            query: String::new(),
            zone: self.zone.name(),
            flash,
        })
    }

    /// Answers with a page; the notice it showed is forgotten.
    pub(super) fn page(&self, page: &dyn askama::DynTemplate) -> Response {
        let html = Html(page.dyn_render().expect("a template writes to memory, which cannot fail"));
        match self.notice {
            Some(_) => (AppendHeaders([(SET_COOKIE, notice::forget(self.state()))]), html).into_response(),
            None => html.into_response(),
        }
    }

    /// Answers a POST that did what was asked.
    pub(super) fn done(&self, location: &str, text: impl Into<String>) -> Response {
        notice::redirect(self.state(), location, &Notice::Done(text.into()))
    }

    /// Answers a POST by its outcome: the text when it is done, the reason when it may not be.
    pub(super) fn outcome(
        &self,
        location: &str,
        outcome: Result<impl Into<String>, Failure>,
    ) -> Result<Response, Failure> {
        match outcome {
            Ok(text) => Ok(self.done(location, text)),
            Err(Failure::Forbidden(text)) => Ok(notice::redirect(self.state(), location, &Notice::Failed(text))),
            Err(failure) => Err(failure),
        }
    }

    /// Refuses what this person's role may not do.
    pub(super) fn must(&self, deed: Deed) -> Result<(), Failure> {
        if rights::may(&self.actor, deed) { Ok(()) } else { Err(Failure::Forbidden(refusal(Code::NotYourRole))) }
    }

    /// Whether this person has a role that decides about content.
    pub(super) fn may_review(&self) -> bool {
        matches!(self.actor.role, Role::Dispatcher | Role::Supervisor)
    }
}

/// Runs blocking work on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Failure::Office(crate::store::StoreError::Closed)))
}

/// The hash under which the request's session is stored.
pub(super) fn session_of(state: &State, headers: &HeaderMap) -> Option<Hash> {
    let token = hex::decode(notice::value(state, headers, SESSION)?).ok()?;
    (token.len() == 32).then(|| Hash::blake3(&token))
}

/// The active person whose session it is, while it lasts; its use is noted now and then.
pub(super) fn user_of(state: &State, session: &Hash) -> Result<Option<User>, Failure> {
    let (office, now_ms, session) = (&state.office, state.office.now_ms(), *session);
    let found = office.read(|txn| {
        let Some((person, started_ms, seen_ms)) = txn.session(&session)? else { return Ok(None) };
        if now_ms - seen_ms > IDLE_MS || now_ms - started_ms > LIFE_MS {
            return Ok(None);
        }
        Ok::<_, Failure>(active(txn, person)?.map(|user| (user, seen_ms)))
    })?;
    let Some((user, seen_ms)) = found else { return Ok(None) };
    if now_ms - seen_ms > SEEN_MS {
        office.write(move |txn| txn.see_session(&session, now_ms))?;
    }
    Ok(Some(user))
}

fn active(txn: &mut dyn Txn, person: PersonId) -> Result<Option<User>, Failure> {
    Ok(txn.user(person)?.filter(|user| user.active && user.role != Role::Technician))
}

/// Renders a page for somebody who is not signed in.
pub(super) fn open_page(page: &impl Template) -> Response {
    Html(page.render().expect("a template writes to memory, which cannot fail")).into_response()
}
