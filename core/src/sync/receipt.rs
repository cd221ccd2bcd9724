//! The sync receipt: for people, what one sync did.

use std::collections::BTreeSet;
use std::fmt;

use fieldsync_protocol::RecordId;
use fieldsync_protocol::exchange::Words;
use fieldsync_protocol::fault::FaultCode;
use fieldsync_protocol::rights::Code;
use serde::Serialize;

use crate::stuck::Stuck;

/// What one sync did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// How it ended.
    pub ended: Ended,
    /// Edits sent, each counted once.
    pub sent: u32,
    /// Edits the office took.
    pub accepted: u32,
    /// Records received.
    pub received: u32,
    /// Records that left this device.
    pub left: u32,
    /// Records of this device that were erased for privacy.
    pub erased: u32,
    /// Records in which both sides had changed something, merged by themselves.
    pub merged: Vec<Merged>,
    /// Groups in which a person must decide since this sync.
    pub needs_person: Vec<NeedsPerson>,
    /// Edits the office refused.
    pub refused: Vec<NotAccepted>,
    /// Edits the office keeps aside until a person decides.
    pub held: Vec<NotAccepted>,
    /// Refused edits that were tried again.
    pub retried: u32,
    /// Records offered back that the office had forgotten.
    pub refilled: u32,
    /// Photos and files that arrived at the office.
    pub blobs_sent: u32,
    /// Photos and files that could not be sent this time.
    pub blobs_failed: u32,
    /// Bundles of other devices that the office has taken.
    pub bundles_sent: u32,
    /// Bundles of other devices that it did not take, or not this time.
    pub bundles_failed: u32,
    /// Edits that are still only here.
    pub still_here: u32,
    /// Of these, the ones that were sent and not answered: the office may have them or not, and the next sync will tell.
    pub undecided: Vec<Undecided>,
    /// Records of these that do not get through and are tried again at every sync, with what happens to them.
    pub stuck: Vec<Stuck>,
    /// Photos and files that are still only here.
    pub blobs_here: u32,
    /// Bytes sent, before encryption.
    pub bytes_up: u64,
    /// Bytes received, before encryption.
    pub bytes_down: u64,
    /// Answers received.
    pub round_trips: u32,
    /// Requests that had to be sent again.
    pub repeats: u32,
    /// Records asked for whole because a delta did not build on what is here.
    pub wholes: u32,
    /// Records that were not what the office holds and are now.
    pub repairs: u32,
    /// Own entries that were found not to be what was entered. They were set aside and sent to nobody; see
    /// [`crate::Device::damaged`].
    pub damaged: u32,
    /// Times the office found this store to be a copy or of another epoch, so that it took a new replica id.
    pub restamps: u32,
    /// Whether this device had been away for too long, so that it started over: what only it had was handed over first, and
    /// what it knew of the office it has fetched anew.
    pub started_over: bool,
    /// Whether both sides hold the same, by fingerprint; `None` when the sync did not get that far.
    pub agrees: Option<bool>,
}

impl Receipt {
    /// Whether everything was sent and received.
    pub fn is_complete(&self) -> bool {
        self.ended == Ended::Complete
    }
}

/// The receipt in words, a line for each thing a person may want to know; no ids, no content.
impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "sync            {}", self.ended)?;
        let Self { sent, accepted, blobs_sent, received, left, .. } = self;
        writeln!(f, "sent            {sent} entries, {accepted} taken, {blobs_sent} photos")?;
        writeln!(f, "received        {received} records, {left} left this device")?;
        writeln!(f, "merged          {}", self.merged.len())?;
        for NeedsPerson { kind, group, .. } in &self.needs_person {
            writeln!(f, "needs a person  {group} of {kind}")?;
        }
        for (name, entries) in [("refused", &self.refused), ("held", &self.held)] {
            for entry in entries {
                writeln!(f, "{name:<16}{} of {}: {}", entry.group, entry.kind, entry.reason())?;
            }
        }
        writeln!(f, "still here      {} entries, {} photos", self.still_here, self.blobs_here)?;
        if self.started_over {
            writeln!(
                f,
                "started over    away for too long: everything was fetched anew, nothing of this device's was lost"
            )?;
        }
        if !self.undecided.is_empty() {
            writeln!(f, "undecided       {} entries were sent and not answered", self.undecided.len())?;
        }
        for Stuck { kind, code, edits, .. } in &self.stuck {
            writeln!(f, "stuck           {edits} entries of {kind}: {}; {}", code.text(), code.remedy())?;
        }
        if self.repairs > 0 {
            writeln!(f, "repaired        {} records that differed from the office's", self.repairs)?;
        }
        if self.damaged > 0 {
            writeln!(f, "damaged         {} own entries, set aside and not sent: enter them again", self.damaged)?;
        }
        let Self { bytes_up, bytes_down, round_trips, repeats, .. } = self;
        writeln!(
            f,
            "traffic         {bytes_up} bytes up, {bytes_down} down, {round_trips} round trips, {repeats} repeated"
        )?;
        f.write_str(match self.agrees {
            Some(true) => "fingerprint     device and office hold the same",
            Some(false) => "fingerprint     device and office DIFFER; a later sync tries again",
            None => "fingerprint     not compared",
        })
    }
}

/// How a sync ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Everything was sent and received.
    Complete,
    /// The office was not reached, or not to the end. What was answered is kept.
    Offline {
        /// When to sync again, milliseconds from now.
        retry_after_ms: u64,
    },
    /// The caller cancelled. What was answered is kept.
    #[default]
    Cancelled,
    /// The office does not know this device.
    SignedOut,
    /// The device was revoked.
    Revoked,
    /// The office had the device wiped: what only it had was handed over, the rest is destroyed.
    Wiped,
    /// The app must be updated.
    Outdated,
    /// The office answered that it cannot do this; support knows more.
    Fault(FaultCode),
    /// The office answers, but nothing moves: a defect of either side.
    Stalled,
}

impl Ended {
    /// Stable code of an end that support should hear of.
    pub(crate) fn trouble(self) -> Option<&'static str> {
        match self {
            Self::Complete | Self::Cancelled => None,
            Self::Offline { .. } => Some("sync_offline"),
            Self::SignedOut => Some("sync_signed_out"),
            Self::Revoked => Some("sync_revoked"),
            Self::Wiped => Some("sync_wiped"),
            Self::Outdated => Some("sync_outdated"),
            Self::Fault(_) => Some("sync_fault"),
            Self::Stalled => Some("sync_stalled"),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => f.write_str("complete"),
            Self::Offline { retry_after_ms } => {
                let seconds = retry_after_ms.div_ceil(1_000);
                write!(f, "the office was not reached to the end; try again in {seconds} s")
            }
            Self::Cancelled => f.write_str("cancelled"),
            Self::SignedOut => f.write_str("the office does not know this device; enrol it"),
            Self::Revoked => f.write_str("this device was revoked"),
            Self::Wiped => f.write_str("the office had this device wiped"),
            Self::Outdated => f.write_str("this app is too old for the office"),
            Self::Fault(fault) => write!(f, "the office answered {fault:?}"),
            Self::Stalled => f.write_str("the office answers but nothing moves; tell support"),
        }
    }
}

/// A record merged by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Merged {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: String,
    /// Groups changed here.
    pub ours: BTreeSet<String>,
    /// Groups changed elsewhere meanwhile.
    pub theirs: BTreeSet<String>,
}

/// A group in which a person must decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NeedsPerson {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: String,
    /// The group.
    pub group: String,
}

/// An edit that was sent and not answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undecided {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: String,
    /// The group.
    pub group: String,
}

/// An edit that went into the drawer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotAccepted {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: String,
    /// The group.
    pub group: String,
    /// Why.
    pub code: Code,
    /// What the office said the code means, when this version does not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<Words>,
}

impl NotAccepted {
    /// What happened, in words.
    pub fn reason(&self) -> &str {
        self.words.as_ref().map_or_else(|| self.code.text(), |words| &words.text)
    }
}

/// What a sync is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Sending and receiving records.
    Records,
    /// Sending photos and files, and bundles of other devices.
    Blobs,
    /// Nothing more.
    Done,
}

/// How far a sync has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Edits the office has answered.
    pub sent: u32,
    /// Records received.
    pub received: u32,
    /// Edits that are still only here.
    pub still_here: u32,
    /// Bytes sent.
    pub bytes_up: u64,
    /// Bytes received.
    pub bytes_down: u64,
}
