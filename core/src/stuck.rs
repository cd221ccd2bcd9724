//! What does not get through: records on which the office, or something on the way to it, fails whenever they are sent.
//!
//! Such a record delays nothing else. It is found by sending less and less, its edits stay pending and are tried again at
//! every sync, alone and after everything else; it is counted and shown with what happens to it and what helps.

use fieldsync_protocol::RecordId;
use serde::Serialize;

use crate::device::Device;
use crate::error::Error;
use crate::store;

/// What happens to a record that does not get through. Stable; apps map it to words of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StuckCode {
    /// The office fails whenever it is sent.
    OfficeFails,
    /// Something on the way to the office does not let so much through at once.
    TooLargeOnTheWay,
    /// Something on the way to the office refuses it.
    RefusedOnTheWay,
}

impl StuckCode {
    const ALL: [Self; 3] = [Self::OfficeFails, Self::TooLargeOnTheWay, Self::RefusedOnTheWay];

    /// What happens, in plain words.
    pub fn text(self) -> &'static str {
        match self {
            Self::OfficeFails => "the office fails on this entry",
            Self::TooLargeOnTheWay => "something on the way to the office does not let an entry of this size through",
            Self::RefusedOnTheWay => "something on the way to the office refuses this entry",
        }
    }

    /// What to do about it, in plain words.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::OfficeFails => "it is tried again at every sync; if it stays, tell support, or export it as a bundle",
            Self::TooLargeOnTheWay | Self::RefusedOnTheWay => {
                "it is tried again at every sync; sync over another network, or export it as a bundle"
            }
        }
    }

    /// The code's name in SQL and exports.
    pub fn name(self) -> &'static str {
        match self {
            Self::OfficeFails => "office_fails",
            Self::TooLargeOnTheWay => "too_large_on_the_way",
            Self::RefusedOnTheWay => "refused_on_the_way",
        }
    }

    /// The code with this name; a name of a newer version counts as a failing office.
    pub(crate) fn from_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|code| code.name() == name).unwrap_or(Self::OfficeFails)
    }
}

/// A record that does not get through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stuck {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: String,
    /// What happens to it.
    pub code: StuckCode,
    /// Since when, on the device's clock.
    pub since_ms: i64,
    /// How many of its edits wait.
    pub edits: u32,
}

impl Device {
    /// Records that do not get through, longest first. Their edits are still pending and tried again at every sync.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn stuck(&self) -> Result<Vec<Stuck>, Error> {
        self.read(store::stuck::all)
    }
}
