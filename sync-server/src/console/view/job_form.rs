//! The two forms of dispatching: a new work order, and who is to do it.

use askama::Template;

use super::frame::{Choice, Frame};
use super::show::{Chip, Due, When};

/// The form for a new work order.
#[derive(Debug, Template)]
#[template(path = "job_new.html")]
pub(crate) struct NewJob {
    pub(crate) frame: Frame,
    pub(crate) errors: Vec<FieldError>,
    pub(crate) values: NewJobValues,
    /// Known names, suggested while typing.
    pub(crate) customers: Vec<String>,
    pub(crate) sites: Vec<String>,
    pub(crate) assets: Vec<String>,
    pub(crate) priorities: Vec<Choice>,
    pub(crate) categories: Vec<Choice>,
    pub(crate) technicians: Vec<Choice>,
}

impl NewJob {
    /// Returns what is wrong with a field, if anything.
    pub(crate) fn error(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|error| error.field == field).map(|error| error.text.as_str())
    }
}

/// What was entered so far, given back after an error.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewJobValues {
    pub(crate) customer: String,
    pub(crate) phone: String,
    pub(crate) site: String,
    pub(crate) street: String,
    pub(crate) asset: String,
    pub(crate) problem: String,
    pub(crate) instructions: String,
    pub(crate) due: String,
}

/// What is wrong with one field of a form.
#[derive(Debug, Clone)]
pub(crate) struct FieldError {
    pub(crate) field: &'static str,
    pub(crate) text: String,
}

/// The form that assigns technicians to a job.
#[derive(Debug, Template)]
#[template(path = "job_dispatch.html")]
pub(crate) struct Dispatch {
    pub(crate) frame: Frame,
    pub(crate) job_href: String,
    pub(crate) action: String,
    pub(crate) version: String,
    pub(crate) number: String,
    pub(crate) status: Chip,
    pub(crate) priority: Chip,
    pub(crate) problem: String,
    pub(crate) customer: String,
    pub(crate) site: String,
    pub(crate) due: Option<Due>,
    pub(crate) technicians: Vec<Candidate>,
    pub(crate) start: String,
}

/// A technician who could do it, and how much is on his table.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) value: String,
    pub(crate) name: String,
    pub(crate) skills: String,
    pub(crate) is_assigned: bool,
    pub(crate) open_jobs: usize,
    pub(crate) today_jobs: usize,
    /// Open work as a share of the busiest technician's, in the range 0 to 100.
    pub(crate) load_percent: u8,
    pub(crate) heard: Option<When>,
    pub(crate) is_silent: bool,
    /// A reason to think twice: no device, certificate expired, overlap.
    pub(crate) warning: Option<String>,
}
