//! `GET /sync/v1/events`: a poke whenever something that the device sees changed; the device then syncs.
//!
//! The stream says `changed` and nothing else. It ends within a second of the device's revocation, and when the server
//! stops. Whether something changed is asked of the store, after every announcement and at least once a second, so that
//! changes made by another process or instance are told too.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State as Extract;
use axum::response::sse::{Event, KeepAlive, Sse};
use fieldsync_protocol::{DeviceId, RecordId};
use futures_util::Stream;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Interval;

use super::State;
use super::auth::Active;
use super::fault::{Refused, blocking};
use crate::office::Office;
use crate::store::{Audience, AudienceSum, Changed, StoreError};

/// How often a stream looks for itself: a revocation must end it within a second.
const LOOK: Duration = Duration::from_millis(700);
/// How often an idle stream says that it is alive: below the patience of mobile networks' address translation.
const ALIVE: Duration = Duration::from_secs(20);

pub(super) async fn get(
    Extract(state): Extract<State>,
    Active(signed): Active,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refused> {
    let permit = std::sync::Arc::clone(&state.streams).try_acquire_owned().map_err(|_| Refused::busy())?;
    metrics::gauge!("fieldsync_event_streams").increment(1);
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let own = Audience::of(RecordId(signed.device.person.0));
    let changes = state.office.store.changes();
    let mut poker = Poker {
        office: state.office.clone(),
        device: signed.device.id,
        own,
        seen: None,
        changes,
        look,
        stopping: state.stopping.clone(),
        _permit: permit,
    };
    poker.seen = poker.now().await;
    let stream = futures_util::stream::unfold(poker, |mut poker| async move {
        poker.changed().await.then(|| (Ok(Event::default().event("changed").data("changed")), poker))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(ALIVE)))
}

/// One open stream.
struct Poker {
    office: Office,
    device: DeviceId,
    own: Audience,
    seen: Option<[AudienceSum; 2]>,
    changes: Receiver<Changed>,
    look: Interval,
    stopping: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl Poker {
    /// Waits until something in scope changed; `false` when the stream must end.
    async fn changed(&mut self) -> bool {
        loop {
            let (tenant, own) = (self.office.tenant, self.own);
            let concerns = |change: &Changed| {
                change.tenant == tenant && [own, Audience::SHARED].iter().any(|one| change.audiences.contains(one))
            };
            let stopping = &mut self.stopping;
            tokio::select! {
                change = self.changes.recv() => match change {
                    Ok(change) if !concerns(&change) => continue,
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return false,
                },
                _ = self.look.tick() => {}
                () = async { drop(stopping.wait_for(|stopping| *stopping).await) } => return false,
            }
            let Some(now) = self.now().await else { return false };
            if self.seen.replace(now) != Some(now) {
                return true;
            }
        }
    }

    /// What the device would be shown now, as sums; `None` when it may be shown nothing.
    async fn now(&self) -> Option<[AudienceSum; 2]> {
        let (office, device, own) = (self.office.clone(), self.device, self.own);
        let now = blocking(move || {
            office.read(|txn| {
                let is_active = txn.device(device)?.is_some_and(|device| device.revoked_ms.is_none());
                let sums = [txn.audience(own)?, txn.audience(Audience::SHARED)?];
                Ok::<_, StoreError>(is_active.then_some(sums))
            })
        });
        now.await.ok().flatten()
    }
}

impl Drop for Poker {
    fn drop(&mut self) {
        metrics::gauge!("fieldsync_event_streams").decrement(1);
    }
}
