//! Carried bundles: upload, look, confirm, result.

use askama::Template;

use super::frame::Frame;
use super::show::When;

/// The first step: choosing a file, above what was carried here before.
#[derive(Debug, Template)]
#[template(path = "bundles.html")]
pub(crate) struct Bundles {
    pub(crate) frame: Frame,
    pub(crate) bytes_max: String,
    pub(crate) bundles: Vec<Row>,
}

/// A bundle that was imported.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) href: String,
    pub(crate) number: String,
    pub(crate) author: String,
    pub(crate) device: String,
    pub(crate) arrived: When,
    /// "imported by Ines", "brought by Bert's phone".
    pub(crate) way: String,
    pub(crate) edits: String,
    pub(crate) photos: String,
}

/// The second step: whose it is and what it holds. Nothing has been written yet.
#[derive(Debug, Template)]
#[template(path = "bundle_preview.html")]
pub(crate) struct Looked {
    pub(crate) frame: Frame,
    /// Where confirming posts.
    pub(crate) action: String,
    pub(crate) number: String,
    pub(crate) author: String,
    pub(crate) device: String,
    pub(crate) is_revoked: bool,
    pub(crate) made: When,
    pub(crate) edits: String,
    pub(crate) photos: String,
    pub(crate) size: String,
    pub(crate) jobs: Vec<Job>,
    /// When it was imported before.
    pub(crate) before: Option<When>,
    pub(crate) done_href: String,
}

/// What it holds for one job.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) href: Option<String>,
    pub(crate) number: String,
    pub(crate) problem: String,
    pub(crate) edits: String,
    pub(crate) kinds: String,
}

/// The last step: what became of it.
#[derive(Debug, Template)]
#[template(path = "bundle_result.html")]
pub(crate) struct Done {
    pub(crate) frame: Frame,
    pub(crate) row: Row,
    pub(crate) figures: Vec<Figure>,
    pub(crate) exceptions: Vec<Exception>,
    /// How many there are beyond those listed.
    pub(crate) more: usize,
}

/// A number and what it counts.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) number: String,
    pub(crate) label: &'static str,
}

/// An edit that was not simply taken.
#[derive(Debug, Clone)]
pub(crate) struct Exception {
    pub(crate) job: String,
    pub(crate) href: Option<String>,
    pub(crate) entry: String,
    pub(crate) what: &'static str,
    pub(crate) why: String,
}
