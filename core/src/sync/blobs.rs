//! The lane of photos and files: content-addressed, in chunks, resumable, after the records and never before them. A
//! blob that fails holds up nothing: not the records, not the other blobs. The smallest remainder goes first, so a huge one
//! holds up no other, and records get their turn between chunks, at once when something was entered. After every cut the
//! office is asked how much it has, so a cut costs one chunk at most.

use fieldsync_protocol::Hash;
use fieldsync_protocol::fault::FaultCode;
use fieldsync_protocol::limits::CHUNK_BYTES;
use fieldsync_protocol::request::{OFFSET_HEADER, blob_path};

use super::message::{Challenges, Response, Unsigned};
use super::poison::is_failure;
use super::verdict::{Said, Verdict, judge};
use super::wipe::Wipe;
use super::{Flight, Phase, Session};
use crate::error::Error;
use crate::store;
use crate::store::blob::Lane;

/// An upload under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Upload {
    lane: Lane,
    /// Where the upload stands if the office took what was sent; `None` while it is being asked.
    then: Option<u64>,
}

/// How much of a blob goes at once, and how that has gone.
#[derive(Debug)]
pub(super) struct Chunk {
    bytes: usize,
    /// Blobs that failed one after the other.
    failed_in_a_row: u32,
    /// Pieces of one blob, or of one bundle, that got no answer one after the other.
    breaks: u32,
    /// Blobs and bundles given up for that one after the other.
    broken_in_a_row: u32,
}

impl Default for Chunk {
    fn default() -> Self {
        Self { bytes: CHUNK_BYTES, failed_in_a_row: 0, breaks: 0, broken_in_a_row: 0 }
    }
}

impl Chunk {
    /// A piece got an answer.
    pub(super) fn got_through(&mut self) {
        (self.breaks, self.broken_in_a_row) = (0, 0);
    }

    /// Whether this session sends no more of either: whatever is large breaks.
    pub(super) fn is_over(&self) -> bool {
        self.broken_in_a_row >= FAILED_IN_A_ROW_MAX
    }

    /// A piece got no answer; whether what it is a piece of is given up for this session.
    pub(super) fn broke(&mut self) -> bool {
        self.breaks += 1;
        if self.breaks < BREAKS_MAX {
            return false;
        }
        self.breaks = 0;
        self.broken_in_a_row += 1;
        true
    }

    /// Halves what goes at once; `false` when it cannot be less.
    fn shrink(&mut self) -> bool {
        let may = self.bytes > CHUNK_BYTES_MIN;
        if may {
            self.bytes /= 2;
        }
        may
    }
}

impl Session {
    /// The next request of the lane; `None` when nothing is left that could be sent now.
    pub(super) fn next_upload(&mut self) -> Result<Option<Unsigned>, Error> {
        if self.is_time_for_records()? {
            self.turn_to_records();
            return self.compose().map(Some);
        }
        loop {
            let upload = match std::mem::replace(&mut self.flight, Flight::Nothing) {
                Flight::Upload(upload) => Some(upload.lane),
                _ if self.chunk.is_over() => None,
                _ if self.wipe == Wipe::No => {
                    self.device.read(|connection| store::blob::next_upload(connection, &self.failed_blobs))?
                }
                _ => self.device.read(|connection| store::blob::next_handed_over(connection, &self.failed_blobs))?,
            };
            let Some(lane) = upload else { return Ok(None) };
            let path = blob_path(lane.attachment);
            if self.asked_for != Some(lane.attachment) {
                // What the office has is asked once a session: an earlier one may have been cut.
                self.flight = Flight::Upload(Upload { lane, then: None });
                return Ok(Some(Unsigned::new("HEAD", path)));
            }
            let file = self.device.blob_file(&lane.hash.to_string());
            match self.device.files().read(&file, lane.offset, self.chunk.bytes) {
                Ok(body) if !body.is_empty() || lane.size == 0 => {
                    let then = lane.offset + body.len() as u64;
                    self.flight = Flight::Upload(Upload { lane, then: Some(then) });
                    self.chunks += 1;
                    return Ok(Some(Unsigned { offset: Some(lane.offset), body, ..Unsigned::new("PUT", path) }));
                }
                Ok(_) => self.fail_blob(lane),
                Err(error) => {
                    tracing::warn!(%error, record.id = %lane.attachment, "failed to read a file that waits for upload");
                    self.fail_blob(lane);
                }
            }
        }
    }

    /// Whether records go first again: something was entered while photos travel, or they have travelled for a while and
    /// the office may have news.
    fn is_time_for_records(&self) -> Result<bool, Error> {
        if self.wipe != Wipe::No || matches!(self.flight, Flight::Upload(_)) {
            return Ok(false);
        }
        Ok(self.chunks >= CHUNKS_IN_A_ROW
            || (self.chunks > 0 && self.device.read(|connection| self.has_work(connection))?))
    }

    pub(super) fn answer_upload(&mut self, upload: Upload, response: &Response) -> Result<(), Error> {
        let lane = upload.lane;
        let stated = response.header(OFFSET_HEADER).and_then(|offset| offset.trim().parse::<u64>().ok());
        match judge(response, self.challenges) {
            Verdict::Good => {
                let guess = fieldsync_protocol::planted!("portal-takes-photo").then(|| upload.then.unwrap_or(0));
                let Some(offset) = stated.or(guess) else {
                    // The office always says how far it got: this is somebody else on the way, a captive portal.
                    self.flight = Flight::Upload(upload);
                    return self.pause_after(response);
                };
                self.tries.succeeded();
                self.challenges = Challenges::default();
                self.chunk.failed_in_a_row = 0;
                if upload.then.is_some() {
                    self.chunk.got_through();
                }
                self.asked_for = Some(lane.attachment);
                self.stand_at(lane, offset)
            }
            Verdict::Introduce => {
                self.challenges.add();
                self.flight = Flight::Upload(upload);
                Ok(())
            }
            Verdict::WrongOffset(offset) if upload.then.is_some() => {
                // The office knows best; a blob whose place moves for ever is given up for this session.
                self.wrong_offsets += 1;
                if self.wrong_offsets > WRONG_OFFSETS_MAX {
                    self.fail_blob(lane);
                    return Ok(());
                }
                self.stand_at(lane, offset.or(stated).unwrap_or(0))
            }
            // The office does not know the blob yet: everything is still to be sent.
            Verdict::NotFound if upload.then.is_none() && response.header(OFFSET_HEADER).is_some() => {
                self.asked_for = Some(lane.attachment);
                self.stand_at(lane, 0)
            }
            // What arrived does not have its hash: bytes were changed on the way, or here. It is sent again, not for ever.
            Verdict::TooMuch { code: FaultCode::BadRequest, .. } if self.wrong_offsets < BAD_CONTENTS_MAX => {
                self.wrong_offsets += 1;
                self.asked_for = None;
                Ok(())
            }
            Verdict::TooMuch { said: Said::Office, .. } => {
                self.device.write(|tx, _| store::blob::set_refused(tx, lane.attachment))?;
                self.fail_blob(lane);
                Ok(())
            }
            // Something on the way does not let as much through: smaller pieces may fit. Whatever it says, it is not the
            // office's word, so the blob stays and is tried again.
            Verdict::TooMuch { code: FaultCode::TooLarge, .. } if upload.then.is_some() && self.chunk.shrink() => {
                self.receipt.repeats += 1;
                Ok(())
            }
            Verdict::TooMuch { .. } => {
                self.fail_blob(lane);
                Ok(())
            }
            Verdict::NotFound | Verdict::WrongOffset(_) => {
                self.fail_blob(lane);
                Ok(())
            }
            // A defect of the office, or of something before it, with this blob holds up no other; with one blob after the
            // other it is the office that is out of order.
            Verdict::Later if is_failure(response) && self.chunk.failed_in_a_row < FAILED_IN_A_ROW_MAX => {
                self.receipt.repeats += 1;
                self.wrong_offsets += 1;
                if self.wrong_offsets > BAD_CONTENTS_MAX {
                    self.chunk.failed_in_a_row += 1;
                    self.fail_blob(lane);
                }
                Ok(())
            }
            Verdict::Later => {
                self.flight = Flight::Upload(upload);
                self.pause_after(response)
            }
            Verdict::End(ended) => self.end(ended),
        }
    }

    /// No answer came to a piece of a blob. Smaller pieces may get through; otherwise the blob waits for the next session,
    /// and what is asked next is whether the office is reached at all: by the records, which have their turn.
    pub(super) fn upload_broke(&mut self, upload: Upload) {
        // On a line that breaks in the middle a quarter may fit where a half does not: there are few attempts.
        let _ = self.chunk.shrink() && self.chunk.shrink();
        if self.chunk.broke() {
            self.fail_blob(upload.lane);
            self.turn_to_records();
        }
    }

    /// Gives records their turn.
    pub(super) fn turn_to_records(&mut self) {
        self.phase = Phase::Records;
        self.chunks = 0;
    }

    fn stand_at(&mut self, lane: Lane, offset: u64) -> Result<(), Error> {
        let offset = if fieldsync_protocol::planted!("photo-done-when-asked") { lane.size } else { offset };
        self.device.write(|tx, _| store::blob::set_offset(tx, lane.attachment, offset))?;
        if offset >= lane.size {
            self.receipt.blobs_sent += 1;
            self.wrong_offsets = 0;
            // It may be let go now.
            self.device.keep_quota(Hash([0; 32]));
        }
        self.count_what_is_here()
    }

    fn fail_blob(&mut self, lane: Lane) {
        self.wrong_offsets = 0;
        self.chunk.bytes = CHUNK_BYTES;
        self.receipt.blobs_failed += 1;
        self.failed_blobs.push(lane.attachment);
    }
}

/// Attempts at one piece of a blob that get no answer before the blob is left for the next session: half of what a session
/// takes before it counts the office as not reached.
const BREAKS_MAX: u32 = 3;
/// Chunks sent in a row before records get their turn: two megabytes.
const CHUNKS_IN_A_ROW: u32 = 8;
/// The smallest chunk: no proxy lets less through.
const CHUNK_BYTES_MIN: usize = 16_384;
/// Blobs on which the office fails one after the other before it counts as out of order.
const FAILED_IN_A_ROW_MAX: u32 = 3;
/// Uploads of one blob that may arrive changed before it is given up.
const BAD_CONTENTS_MAX: u32 = 2;
/// Corrections of one upload's place before it is left for the next session.
const WRONG_OFFSETS_MAX: u32 = 8;
