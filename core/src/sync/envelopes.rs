//! The lane of other devices' bundles: after records and photos, in chunks, resumable. The office answers durably for each;
//! only then the file goes. One that fails holds up nothing: it is left for the next session.

use fieldsync_protocol::bundle::Verdict as Fate;
use fieldsync_protocol::fault::FaultCode;
use fieldsync_protocol::limits::CHUNK_BYTES;
use fieldsync_protocol::request::{BUNDLE_HEADER, OFFSET_HEADER, bundle_path};

use super::message::{Challenges, Response, Unsigned};
use super::verdict::{Verdict, judge};
use super::{Flight, Session};
use crate::error::Error;
use crate::store;
use crate::store::envelope::Envelope;

/// Corrections of one envelope's place, and repetitions without a word about it, before it is left for the next session.
const DETOURS_MAX: u32 = 8;

/// An envelope under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Handing {
    envelope: Envelope,
    /// Where it stands if the office took what was sent; `None` while it is being asked.
    then: Option<u64>,
}

impl Session {
    /// The next request of the lane; `None` when nothing is left that could be handed over now.
    pub(super) fn next_envelope(&mut self) -> Result<Option<Unsigned>, Error> {
        loop {
            let skip = self.failed_envelopes.clone();
            let next = match std::mem::replace(&mut self.flight, Flight::Nothing) {
                Flight::Envelope(handing) => Some(handing.envelope),
                _ if self.chunk.is_over() => None,
                _ => self.device.read(|connection| store::envelope::next(connection, &skip))?,
            };
            let Some(envelope) = next else { return Ok(None) };
            let path = bundle_path(envelope.hash, envelope.size);
            if self.asked_envelope != Some(envelope.hash) {
                self.flight = Flight::Envelope(Handing { envelope, then: None });
                return Ok(Some(Unsigned::new("HEAD", path)));
            }
            let file = self.device.envelope_file(envelope.hash);
            match self.device.files().read(&file, envelope.offset, CHUNK_BYTES) {
                Ok(body) if !body.is_empty() => {
                    let then = envelope.offset + body.len() as u64;
                    self.flight = Flight::Envelope(Handing { envelope, then: Some(then) });
                    return Ok(Some(Unsigned { offset: Some(envelope.offset), body, ..Unsigned::new("PUT", path) }));
                }
                Ok(_) => self.leave(envelope),
                Err(error) => {
                    tracing::warn!(%error, "failed to read a bundle that waits to be handed over");
                    self.leave(envelope);
                }
            }
        }
    }

    pub(super) fn answer_envelope(&mut self, handing: Handing, response: &Response) -> Result<(), Error> {
        let envelope = handing.envelope;
        let stated = response.header(OFFSET_HEADER).and_then(|offset| offset.trim().parse::<u64>().ok());
        match judge(response, self.challenges) {
            Verdict::Good => {
                self.tries.succeeded();
                self.challenges = Challenges::default();
                if handing.then.is_some() {
                    self.chunk.got_through();
                }
                self.asked_envelope = Some(envelope.hash);
                match response.header(BUNDLE_HEADER).and_then(|name| Fate::from_name(name.trim())) {
                    Some(fate) => self.hand_over(envelope, fate),
                    None => self.hand_on(envelope, stated.or(handing.then).unwrap_or(0)),
                }
            }
            Verdict::Introduce => {
                self.challenges.add();
                self.flight = Flight::Envelope(handing);
                Ok(())
            }
            Verdict::WrongOffset(offset) if handing.then.is_some() => {
                self.detours += 1;
                self.hand_on(envelope, offset.or(stated).unwrap_or(0))
            }
            // What arrived is not what was sent: it starts over, not for ever.
            Verdict::TooMuch { code: FaultCode::BadRequest, .. } if self.detours < DETOURS_MAX => {
                self.detours += 1;
                self.asked_envelope = None;
                Ok(())
            }
            Verdict::TooMuch { said: super::verdict::Said::Office, code: FaultCode::TooLarge } => {
                self.hand_over(envelope, Fate::TooLarge)
            }
            Verdict::TooMuch { .. } | Verdict::NotFound | Verdict::WrongOffset(_) => {
                self.leave(envelope);
                Ok(())
            }
            Verdict::Later => {
                self.flight = Flight::Envelope(handing);
                self.pause_after(response)
            }
            Verdict::End(ended) => self.end(ended),
        }
    }

    /// No answer came to a piece: as with a photo.
    pub(super) fn envelope_broke(&mut self, handing: Handing) {
        if self.chunk.broke() {
            self.leave(handing.envelope);
            self.turn_to_records();
        }
    }

    /// The office has answered for good.
    fn hand_over(&mut self, envelope: Envelope, fate: Fate) -> Result<(), Error> {
        self.detours = 0;
        if fate == Fate::Taken {
            self.device.forget_envelope(envelope.hash)?;
            self.receipt.bundles_sent += 1;
        } else {
            self.device.write(|tx, _| store::envelope::set_refused(tx, envelope.hash, fate))?;
            self.receipt.bundles_failed += 1;
        }
        self.count_what_is_here()
    }

    fn hand_on(&mut self, envelope: Envelope, offset: u64) -> Result<(), Error> {
        self.device.write(|tx, _| store::envelope::set_offset(tx, envelope.hash, offset))?;
        if offset >= envelope.size {
            // All of it is there and nothing was said about it: it is asked again.
            self.detours += 1;
            self.asked_envelope = None;
        }
        if self.detours > DETOURS_MAX {
            self.leave(envelope);
        }
        Ok(())
    }

    fn leave(&mut self, envelope: Envelope) {
        self.detours = 0;
        self.asked_envelope = None;
        self.receipt.bundles_failed += 1;
        self.failed_envelopes.push(envelope.hash);
    }
}
