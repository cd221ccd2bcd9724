//! The timeline: every accepted edit of the job in words, newest first, by day.

use crate::console::view::show::{Chip, When};

/// The entries of one day.
#[derive(Debug, Clone)]
pub(crate) struct Day {
    pub(crate) heading: String,
    pub(crate) entries: Vec<Entry>,
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// What happened, in words: "started the visit".
    pub(crate) text: String,
    pub(crate) person: String,
    /// The device, or empty for the office.
    pub(crate) device: String,
    pub(crate) is_office: bool,
    pub(crate) happened: When,
    /// Present when it arrived noticeably later than it happened.
    pub(crate) arrived: Option<When>,
    /// Details, one line each: "Priority: Normal → High".
    pub(crate) changes: Vec<String>,
    /// Anything unusual: refilled, released, clock not trusted.
    pub(crate) marks: Vec<Chip>,
}
