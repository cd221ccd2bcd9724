//! One sync: a state machine that says what to send next and takes what was answered, without any I/O of its own but
//! the local store.
//!
//! [`Session::next`] says send, wait or done; [`Session::answer`] takes a response, [`Session::failed`] the lack of one.
//! Every change of state is a SQLite transaction, and an answer is several ([`steps`]), so a session may be dropped at any
//! point, with the process if need be: the next one goes on from what was committed. The same code runs over HTTP, in the fleet simulator and in tests.
//!
//! A round carries pending edits and offers to the office and a page of changes back ([`push`], [`pull`]); where both
//! sides still differ is found and repaired record by record ([`compare`]). When nothing is left to say, photos and files
//! follow in a lane of their own ([`blobs`]), then bundles of other devices ([`envelopes`]). What a person should know of it is in the [`Receipt`].

pub(crate) mod blobs;
mod compare;
pub(crate) mod drawer;
mod envelopes;
mod erase;
pub(crate) mod identity;
pub(crate) mod message;
mod poison;
mod pull;
mod push;
mod receipt;
mod retry;
mod round;
mod steps;
#[cfg(test)]
mod tests;
mod verdict;
mod wipe;

use std::collections::{BTreeMap, BTreeSet};

use fieldsync_protocol::request::{NONCE_HEADER, WANTS_HEADER, WANTS_OFFICE_KEY};
use fieldsync_protocol::{Hash, RecordId};

use crate::check::{self, Looked};
use crate::device::{Device, Syncing};
use crate::enrol::Identity;
use crate::error::Error;
use crate::http::Machine;
use crate::store::{self, meta};

pub use message::{Request, Response};
pub use receipt::{Ended, Merged, NeedsPerson, NotAccepted, Phase, Progress, Receipt, Undecided};

use blobs::{Chunk, Upload};
use envelopes::Handing;
use message::{Challenges, Unsigned, retry_after_ms, signed};
use poison::Hunt;
use push::Portion;
use retry::{Next, Tries};
use round::Sent;
use wipe::Wipe;

/// What a session wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<T = Receipt> {
    /// Send this, then call `answer` or `failed`.
    Send(Request),
    /// Do nothing for so many milliseconds, then call `next`.
    Wait(u64),
    /// There is nothing more to do.
    Done(T),
}

/// One sync of one device.
pub struct Session {
    device: Device,
    identity: Identity,
    _syncing: Syncing,
    phase: Phase,
    receipt: Receipt,
    flight: Flight,
    pause_ms: Option<u64>,
    tries: Tries,
    challenges: Challenges,
    portion: Portion,
    /// What does not get through in this session.
    hunt: Hunt,
    /// To be delivered whole, and how often each was asked for.
    whole: Vec<RecordId>,
    asked: BTreeMap<RecordId, u8>,
    /// Blobs that failed in this session.
    failed_blobs: Vec<RecordId>,
    /// The blob of which the office has said how much it has.
    asked_for: Option<RecordId>,
    wrong_offsets: u32,
    wipe: Wipe,
    /// Chunks sent since records had their turn.
    chunks: u32,
    /// How large they are.
    chunk: Chunk,
    /// Where both sides differ.
    search: compare::Search,
    /// After which record the next look for damaged rows begins.
    examined: Option<RecordId>,
    /// Other devices' bundles that failed in this session, the one of which the office has said how much it has, and how
    /// often that did not lead straight on.
    failed_envelopes: Vec<Hash>,
    asked_envelope: Option<Hash>,
    detours: u32,
    /// Whether the office's key for bundles is still to come.
    wants_key: bool,
    /// Edits to send that this session began with, or has again under a new replica id; and that replica id's number.
    owed: (u32, u32),
    /// Rounds that only sent what was entered since.
    late_rounds: u32,
    /// Dots counted as sent in the receipt.
    counted: BTreeSet<(RecordId, fieldsync_protocol::version::Dot)>,
    /// How things stood after the last round, and for how many rounds they have not moved.
    mark: Option<round::Mark>,
    idle_rounds: u32,
}

/// What was sent and not answered.
enum Flight {
    Nothing,
    Exchange(Box<Sent>),
    Upload(Upload),
    Envelope(Handing),
}

impl Session {
    /// Begins a sync.
    ///
    /// # Errors
    /// [`Error::SignedOut`] before enrolment, [`Error::Busy`] while another sync of this device is under way, and when
    /// the store fails.
    pub fn begin(device: &Device) -> Result<Self, Error> {
        let syncing = device.begin_sync()?;
        let identity = device.identity()?.ok_or(Error::SignedOut)?;
        let after = device.read(|connection| meta::get(connection, meta::EXAMINED))?.flatten();
        let looked = match device.take_suspicion() {
            true => Looked { report: check::examine(device)?, next: None },
            false => check::look_round(device, after)?,
        };
        // What an earlier sync erased and was cut before it could wipe.
        erase::scrub(device)?;
        let mut receipt = Receipt { damaged: looked.report.damaged_edits, ..Receipt::default() };
        receipt.retried +=
            device.change(|work| drawer::retry_refused(device, work, &drawer::Reason::Begin, &BTreeSet::new()))?;
        Ok(Self {
            device: device.clone(),
            identity,
            _syncing: syncing,
            phase: Phase::Records,
            receipt,
            flight: Flight::Nothing,
            pause_ms: None,
            tries: Tries::default(),
            challenges: Challenges::default(),
            portion: Portion::of(device.push_records()),
            hunt: Hunt::default(),
            whole: Vec::new(),
            asked: BTreeMap::new(),
            failed_blobs: Vec::new(),
            asked_for: None,
            wrong_offsets: 0,
            wipe: Wipe::default(),
            chunks: 0,
            chunk: Chunk::default(),
            search: compare::Search::default(),
            examined: looked.next,
            failed_envelopes: Vec::new(),
            asked_envelope: None,
            detours: 0,
            wants_key: !device.read(|connection| meta::has(connection, meta::OFFICE_KEY))?,
            owed: (device.read(store::pending::count)?, 0),
            late_rounds: 0,
            counted: BTreeSet::new(),
            mark: None,
            idle_rounds: 0,
        })
    }

    /// What to do next. Called again without an answer in between, it counts what was sent as lost.
    ///
    /// # Errors
    /// When the store fails.
    #[expect(clippy::should_implement_trait, reason = "a session is no iterator: it must be answered in between")]
    pub fn next(&mut self) -> Result<Step, Error> {
        if let Some(pause_ms) = self.pause_ms.take() {
            return Ok(Step::Wait(pause_ms));
        }
        let unsigned = match self.phase {
            Phase::Records => Some(self.compose()?),
            Phase::Blobs => match self.next_upload()? {
                Some(upload) => Some(upload),
                None => match self.next_envelope()? {
                    // Everything that could be handed over was: the office is told so, and then it is done.
                    None if self.wipe == Wipe::HandingOver => {
                        self.wipe = Wipe::Last;
                        self.phase = Phase::Records;
                        Some(self.compose()?)
                    }
                    envelope => envelope,
                },
            },
            Phase::Done => None,
        };
        let Some(unsigned) = unsigned else {
            if self.phase == Phase::Blobs {
                self.end(Ended::Complete)?;
            }
            return Ok(Step::Done(self.receipt.clone()));
        };
        Ok(Step::Send(self.sign(unsigned)))
    }

    /// Takes the office's answer to what was sent last.
    ///
    /// # Errors
    /// When the store fails. Whatever the office says is no error; it is in the receipt.
    pub fn answer(&mut self, response: Response) -> Result<(), Error> {
        self.receipt.round_trips += 1;
        self.receipt.bytes_down += response.size();
        if let Some(nonce) = response.header(NONCE_HEADER) {
            self.device.set_nonce(nonce);
        }
        match std::mem::replace(&mut self.flight, Flight::Nothing) {
            Flight::Nothing => Ok(()),
            Flight::Exchange(sent) => self.answer_exchange(*sent, &response),
            Flight::Upload(upload) => self.answer_upload(upload, &response),
            Flight::Envelope(handing) => self.answer_envelope(handing, &response),
        }
    }

    /// No answer came: the request may or may not have arrived.
    ///
    /// # Errors
    /// When the store fails.
    pub fn failed(&mut self) -> Result<(), Error> {
        self.challenges = Challenges::default();
        // What does not arrive on a bad line, or within the seconds an app is given, may arrive in smaller pieces.
        match std::mem::replace(&mut self.flight, Flight::Nothing) {
            Flight::Exchange(sent) if self.tries.is_repeated() => drop(self.portion.shrink(sent.load())),
            // Nothing is destroyed that could not be handed over: a device that is to be wiped tries on.
            Flight::Upload(upload) if self.wipe == Wipe::No => self.upload_broke(upload),
            Flight::Envelope(handing) if self.wipe == Wipe::No => self.envelope_broke(handing),
            _ => {}
        }
        self.pause(None)
    }

    /// Ends the session. What was answered is kept.
    pub fn cancel(&mut self) {
        if self.phase != Phase::Done {
            self.receipt.ended = Ended::Cancelled;
            self.phase = Phase::Done;
            self.pause_ms = None;
            self.flight = Flight::Nothing;
            if let Err(error) = self.count_what_is_here() {
                tracing::warn!(%error, "failed to count what is still here");
            }
        }
    }

    /// What was done so far.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// How far it got.
    pub fn progress(&self) -> Progress {
        Progress {
            phase: self.phase,
            sent: self.receipt.accepted + (self.receipt.refused.len() + self.receipt.held.len()) as u32,
            received: self.receipt.received,
            still_here: self.receipt.still_here,
            bytes_up: self.receipt.bytes_up,
            bytes_down: self.receipt.bytes_down,
        }
    }

    fn sign(&mut self, unsigned: Unsigned) -> Request {
        let mut request = signed(&self.identity, self.device.nonce().as_deref(), self.challenges, unsigned);
        if self.wants_key && self.phase == Phase::Records {
            request.headers.push((WANTS_HEADER.to_owned(), WANTS_OFFICE_KEY.to_owned()));
        }
        self.receipt.bytes_up += request.size();
        request
    }

    /// Tries again later, or ends the session when it has been tried often enough.
    fn pause(&mut self, retry_after_ms: Option<u64>) -> Result<(), Error> {
        self.receipt.repeats += 1;
        match self.tries.failed(retry_after_ms, self.device.entropy()) {
            Next::Wait(pause_ms) => {
                self.pause_ms = Some(pause_ms);
                Ok(())
            }
            Next::GiveUp(retry_after_ms) => self.end(Ended::Offline { retry_after_ms }),
        }
    }

    /// Pauses after an answer that says that it is worth trying again.
    fn pause_after(&mut self, response: &Response) -> Result<(), Error> {
        self.pause(retry_after_ms(response))
    }

    fn end(&mut self, ended: Ended) -> Result<(), Error> {
        if let Some(code) = ended.trouble() {
            self.device.note(code);
        }
        self.phase = Phase::Done;
        self.receipt.ended = ended;
        self.pause_ms = None;
        self.count_what_is_here()
    }

    fn count_what_is_here(&mut self) -> Result<(), Error> {
        let receipt = &mut self.receipt;
        self.device.read(|connection| {
            receipt.still_here = store::pending::count(connection)?;
            receipt.blobs_here = store::blob::waiting(connection)?;
            receipt.stuck = store::stuck::all(connection)?;
            let undecided = store::pending::undecided(connection)?.into_iter();
            receipt.undecided = undecided.map(|(record, kind, group)| Undecided { record, kind, group }).collect();
            Ok(())
        })
    }
}

impl Machine for Session {
    type Output = Receipt;

    fn next(&mut self) -> Result<Step, Error> {
        Session::next(self)
    }

    fn answer(&mut self, response: Response) -> Result<(), Error> {
        Session::answer(self, response)
    }

    fn failed(&mut self) -> Result<(), Error> {
        Session::failed(self)
    }

    fn cancel(&mut self) {
        Session::cancel(self);
    }

    fn progress(&self) -> Option<Progress> {
        Some(Session::progress(self))
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("phase", &self.phase).finish_non_exhaustive()
    }
}
