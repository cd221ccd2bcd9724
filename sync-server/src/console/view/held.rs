//! Work that arrived and is applied to nothing until a person decides: late, held, refused.

use askama::Template;

use super::board::Tab;
use super::frame::Frame;
use super::show::{Chip, When};

/// The page of work that waits for a person.
#[derive(Debug, Template)]
#[template(path = "held.html")]
pub(crate) struct HeldPage {
    pub(crate) frame: Frame,
    pub(crate) tabs: Vec<Tab>,
    pub(crate) items: Vec<Held>,
}

/// One piece of work, with what, who and why.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// Unique on the page and stable between visits.
    pub(crate) id: String,
    pub(crate) reason: Chip,
    /// What a person should know in one sentence.
    pub(crate) why: String,
    pub(crate) person: String,
    pub(crate) device: String,
    pub(crate) happened: When,
    pub(crate) arrived: When,
    /// What it is, when it belongs to no job.
    pub(crate) what: String,
    /// The job it belongs to: number, title and link.
    pub(crate) job: Option<JobLink>,
    pub(crate) changes: Vec<HeldChange>,
    /// What deciding does, or what to do about it, in plain words.
    pub(crate) effect: String,
    /// The edits to release or discard, as one field; empty for what cannot be decided here.
    pub(crate) ids: String,
}

/// A link to a work order.
#[derive(Debug, Clone)]
pub(crate) struct JobLink {
    pub(crate) href: String,
    pub(crate) number: String,
    pub(crate) title: String,
    pub(crate) status: Chip,
}

/// One value that is held, beside what the office shows today.
#[derive(Debug, Clone)]
pub(crate) struct HeldChange {
    pub(crate) field: String,
    pub(crate) held: String,
    pub(crate) now: String,
}
