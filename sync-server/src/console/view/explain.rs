//! Who has a record on the phone, and why.

use askama::Template;

use super::frame::Frame;

/// The page that explains one record.
#[derive(Debug, Template)]
#[template(path = "explain.html")]
pub(crate) struct Explain {
    pub(crate) frame: Frame,
    /// What the record is.
    pub(crate) title: String,
    /// The work order's page, when it is one.
    pub(crate) job_href: Option<String>,
    pub(crate) people: Vec<Sight>,
}

/// How the record stands to one technician.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
}
