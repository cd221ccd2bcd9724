//! A wipe that the office asked for: what is still here is handed over first, then the store is destroyed.
//!
//! The office's answer says that the device is to be wiped. From then on nothing more can be entered; everything that
//! only this device holds is pushed, refused entries of the drawer included, and the office holds it for a person, as
//! after a revocation. Photos follow. Then one last exchange says that the device is done, and when the office has
//! answered that, store, photos and keys are destroyed; a marker is left, so that the folder is never taken for a new
//! one. Cut anywhere, it goes on with the next sync; once the marker stands, with the next opening.

use fieldsync_protocol::exchange::ExchangeAnswer;

use super::round::Sent;
use super::{Session, drawer, identity, push};
use crate::drawer::DrawerState;
use crate::entropy;
use crate::error::Error;
use crate::store::record::Leaving;
use crate::store::{self, meta};

/// How far a wipe has got in this session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Wipe {
    /// Nobody asked for one.
    #[default]
    No,
    /// What is here is handed over.
    HandingOver,
    /// Everything that could be handed over was: the office is told so.
    Last,
}

impl Session {
    /// Takes an answer that asks for the wipe.
    pub(super) fn take_wipe(&mut self, sent: &Sent, answer: &ExchangeAnswer) -> Result<(), Error> {
        let now_ms = self.device.now_ms();
        let device = self.device.clone();
        let mut receipt = self.receipt.clone();
        device.change(|work| {
            meta::set(work.tx, meta::CONTACT_MS, &now_ms)?;
            store::words::learn(work.tx, &answer.words)?;
            for outcome in &answer.outcomes {
                push::settle(work, sent.load(), outcome, Leaving::No, now_ms, &mut receipt)?;
            }
            if store::asked::is_any(work.tx)? {
                // Nothing is asked any more: what is here counts as new, and is held.
                store::asked::give_up(work.tx)?;
                identity::conclude(work, entropy::replica_id(device.entropy()))?;
            }
            if meta::get::<bool>(work.tx, meta::WIPING)? != Some(true) {
                meta::set(work.tx, meta::WIPING, &true)?;
                tracing::warn!("the office asked for a wipe: handing over what is here");
                store::offer::clear(work.tx)?;
                for entry in store::drawer::all(work.tx)? {
                    if entry.state != DrawerState::Held {
                        drawer::retry(work, &entry)?;
                    }
                }
            }
            Ok(())
        })?;
        self.receipt = receipt;
        if sent.is_last() {
            return self.finish_wipe();
        }
        self.wipe = Wipe::HandingOver;
        let (left, has_work) =
            self.device.read(|connection| Ok((store::pending::count(connection)?, self.has_work(connection)?)))?;
        self.hunt.set_nothing_else(true);
        if left == 0 {
            self.phase = super::Phase::Blobs;
        } else if !has_work {
            // Something on the way does not let it through. It is not destroyed for that: the next sync tries again.
            return self.end(super::Ended::Stalled);
        }
        self.count_what_is_here()
    }

    fn finish_wipe(&mut self) -> Result<(), Error> {
        self.count_what_is_here()?;
        self.device.destroy()?;
        self.phase = super::Phase::Done;
        self.receipt.ended = super::Ended::Wiped;
        self.pause_ms = None;
        Ok(())
    }
}
