//! The page of one work order: what is to be done, what was done, who says so, and what a person must still decide.

mod decide;
mod evidence;
mod history;

pub(crate) use decide::{Conflict, Decided, Proposal, Undo, Version};
pub(crate) use evidence::{Document, Fact, Signature, SignedRow};
pub(crate) use history::{Day, Entry};

use askama::Template;

use super::frame::{Choice, Frame};
use super::show::{Chip, Due, When};

/// The page of one work order.
#[derive(Debug, Template)]
#[template(path = "job.html")]
pub(crate) struct Job {
    pub(crate) frame: Frame,
    pub(crate) head: Head,
    pub(crate) actions: Actions,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) conflicts: Vec<Conflict>,
    pub(crate) decided: Vec<Decided>,
    pub(crate) proposals: Vec<Proposal>,
    pub(crate) problem: String,
    pub(crate) reporter: String,
    pub(crate) instructions: String,
    pub(crate) reports: Vec<Report>,
    pub(crate) used: Parts,
    pub(crate) times: Times,
    pub(crate) photos: Vec<Photo>,
    pub(crate) documents: Vec<Document>,
    pub(crate) notes: Vec<Note>,
    pub(crate) days: Vec<Day>,
}

/// What the job is, at a glance.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) number: String,
    pub(crate) title: String,
    pub(crate) status: Chip,
    pub(crate) priority: Chip,
    pub(crate) category: String,
    pub(crate) customer: String,
    pub(crate) contact: String,
    pub(crate) phone: String,
    pub(crate) site: String,
    pub(crate) address: String,
    pub(crate) asset: String,
    pub(crate) asset_detail: String,
    pub(crate) due: Option<Due>,
    pub(crate) registered: When,
    pub(crate) registered_by: String,
    pub(crate) crew: Vec<Member>,
    /// The page that says who has this job on the phone, and why.
    pub(crate) explain_href: String,
    /// The version shown, as an opaque token that every form gives back.
    pub(crate) version: String,
}

/// A technician on the job.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) state: Chip,
    pub(crate) heard: Option<When>,
    /// Present while the assignment can be withdrawn.
    pub(crate) withdraw: Option<Withdraw>,
}

/// What withdrawing a technician posts.
#[derive(Debug, Clone)]
pub(crate) struct Withdraw {
    pub(crate) action: String,
    pub(crate) assignment: String,
    pub(crate) version: String,
}

/// Where the forms of this page post; absent where the action is not possible now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Actions {
    pub(crate) dispatch_href: Option<String>,
    pub(crate) is_dispatched: bool,
    pub(crate) plan: Option<PlanForm>,
    pub(crate) cancel: Option<String>,
    pub(crate) uncancel: Option<String>,
    pub(crate) approve: Option<String>,
    /// Why approving is not possible although the work is submitted.
    pub(crate) approve_blocked: Option<String>,
    pub(crate) send_back: Option<String>,
    pub(crate) note: Option<String>,
}

/// The plan as the office may change it.
#[derive(Debug, Clone)]
pub(crate) struct PlanForm {
    pub(crate) action: String,
    pub(crate) priorities: Vec<Choice>,
    pub(crate) categories: Vec<Choice>,
    pub(crate) due: String,
    pub(crate) instructions: String,
    /// The words behind the chosen priority and category: what the form was filled with, so that only what was changed
    /// is written.
    pub(crate) priority: String,
    pub(crate) category: String,
}

/// Something a person should know before reading on.
#[derive(Debug, Clone)]
pub(crate) struct Warning {
    /// `red`, `amber` or `slate`.
    pub(crate) tone: &'static str,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) href: Option<String>,
    pub(crate) link: String,
}

/// One technician's report.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) technician: String,
    pub(crate) state: Chip,
    pub(crate) outcome: String,
    pub(crate) written: When,
    /// Label and text: fault location, cause, method.
    pub(crate) fields: Vec<Fact>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) hazards: String,
}

/// A setting that was changed on the asset.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) old: String,
    pub(crate) new: String,
}

/// Parts used.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parts {
    pub(crate) lines: Vec<PartLine>,
    pub(crate) total: String,
}

/// One part line; a voided one stays visible.
#[derive(Debug, Clone)]
pub(crate) struct PartLine {
    pub(crate) number: String,
    pub(crate) name: String,
    pub(crate) quantity: String,
    pub(crate) charge: String,
    pub(crate) price: String,
    pub(crate) amount: String,
    pub(crate) technician: String,
    /// Why the line was voided, if it was.
    pub(crate) voided: Option<String>,
}

/// Time spent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times {
    pub(crate) lines: Vec<TimeLine>,
    /// Totals per kind: "Work", "2 h 30".
    pub(crate) totals: Vec<Fact>,
}

/// One time entry.
#[derive(Debug, Clone)]
pub(crate) struct TimeLine {
    pub(crate) person: String,
    pub(crate) kind: String,
    pub(crate) from: When,
    pub(crate) to: When,
    pub(crate) length: String,
    /// How it was taken: timer, entered by hand, by phone.
    pub(crate) source: String,
    pub(crate) voided: Option<String>,
}

/// A photo, whether its bytes have arrived or not.
#[derive(Debug, Clone)]
pub(crate) struct Photo {
    pub(crate) caption: String,
    pub(crate) taken: When,
    pub(crate) person: String,
    /// Where the picture is; absent until its bytes have arrived and been checked.
    pub(crate) href: Option<String>,
    pub(crate) size: String,
}

/// A note.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    pub(crate) person: String,
    pub(crate) is_office: bool,
    pub(crate) when: When,
    pub(crate) text: String,
}
