//! The work order's status, derived: from the office's decisions, the assignments, the visit events and the documents.
//! It is never written, so two devices cannot disagree about a stored cell.
//!
//! A visit event names the events its author had seen: that graph is the order, never a clock. Concurrent heads are
//! combined by [`weight`].

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::{Hash, RecordId};
use crate::job::{Job, VisitEvent};

/// Where a work order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Known, nobody assigned.
    Registered,
    /// At least one technician is assigned.
    Dispatched,
    /// Somebody is on the way or at work.
    InProgress,
    /// The visit ended before the work did; another one, parts or an approval is needed.
    FollowUp,
    /// Work done, not yet signed for or refused.
    WorkDone,
    /// Signed for, or refused with a reason: the office reviews.
    Submitted,
    /// The technician could not complete it and says why: the office reviews.
    CannotComplete,
    /// The reviewer sent it back.
    Returned,
    /// The reviewer approved it. Nothing but a new, linked order follows.
    Approved,
    /// The office cancelled it before any work was recorded.
    Cancelled,
}

impl Status {
    /// All of them, in the order of the procedure.
    pub const ALL: [Status; 10] = [
        Status::Registered,
        Status::Dispatched,
        Status::InProgress,
        Status::FollowUp,
        Status::WorkDone,
        Status::Submitted,
        Status::CannotComplete,
        Status::Returned,
        Status::Approved,
        Status::Cancelled,
    ];

    /// The status' name in SQL, on the wire and in URLs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Dispatched => "dispatched",
            Self::InProgress => "in_progress",
            Self::FollowUp => "follow_up",
            Self::WorkDone => "work_done",
            Self::Submitted => "submitted",
            Self::CannotComplete => "cannot_complete",
            Self::Returned => "returned",
            Self::Approved => "approved",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status with this name.
    pub fn from_name(name: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.name() == name)
    }

    /// What people read.
    pub fn label(self) -> &'static str {
        match self {
            Self::Registered => "Registered",
            Self::Dispatched => "Dispatched",
            Self::InProgress => "In progress",
            Self::FollowUp => "Follow-up",
            Self::WorkDone => "Work done",
            Self::Submitted => "Submitted",
            Self::CannotComplete => "Cannot complete",
            Self::Returned => "Returned",
            Self::Approved => "Approved",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// The events nobody has gone on from: not named as seen by another event of the order.
pub fn heads(events: &[VisitEvent]) -> Vec<&VisitEvent> {
    let seen: BTreeSet<RecordId> = events.iter().flat_map(|event| event.seen.iter().copied()).collect();
    events.iter().filter(|event| !seen.contains(&event.id)).collect()
}

/// Which of several concurrent last events speaks for the order: work going on before work that ended, and among ends
/// the one that still needs somebody.
fn weight(event: &str) -> u8 {
    match event {
        "on_site" | "resumed" => 7,
        "paused" => 6,
        "en_route" => 5,
        "follow_up" => 4,
        "cannot_complete" => 3,
        "finished" => 2,
        _ => 1,
    }
}

/// The status of a job.
pub fn status(job: &Job) -> Status {
    let document = job.latest_document().map(|document| document.hash);
    if let Some(review) = latest_review(job, document) {
        return review;
    }
    let has_work = !job.events.is_empty() || !job.reports.is_empty() || !job.parts.is_empty();
    if job.is_cancelled && !has_work {
        return Status::Cancelled;
    }
    let last = heads(&job.events).into_iter().max_by_key(|event| (weight(&event.event), event.id));
    match last.map(|event| event.event.as_str()) {
        Some("finished")
            if document.is_some_and(|hash| job.signatures.iter().any(|signature| signature.document == hash)) =>
        {
            Status::Submitted
        }
        // Cancelled or taken away meanwhile: what was done still goes to a reviewer, never under the table.
        Some(_) if job.is_cancelled => Status::Submitted,
        Some("finished") => Status::WorkDone,
        Some("follow_up") => Status::FollowUp,
        Some("cannot_complete") => Status::CannotComplete,
        Some(_) => Status::InProgress,
        None if has_work && job.is_cancelled => Status::Submitted,
        None if job.assignments.iter().any(|assignment| assignment.is_live()) => Status::Dispatched,
        None => Status::Registered,
    }
}

/// What the reviews say. An approval holds only while the document it names is the latest and the events it had seen
/// are still the last; a return holds until the technician goes on. Of concurrent reviews, a return stands.
fn latest_review(job: &Job, document: Option<Hash>) -> Option<Status> {
    let heads: BTreeSet<RecordId> = heads(&job.events).into_iter().map(|event| event.id).collect();
    let seen: BTreeSet<RecordId> = job.reviews.iter().flat_map(|review| review.seen.iter().copied()).collect();
    let current = job.reviews.iter().filter(|review| {
        let seen_events = review.seen.iter().filter(|id| job.events.iter().any(|event| event.id == **id));
        !seen.contains(&review.id)
            && review.document == document
            && seen_events.copied().collect::<BTreeSet<_>>() == heads
    });
    let last = current.max_by_key(|review| (review.decision == "returned", review.id))?;
    match last.decision.as_str() {
        "approved" => Some(Status::Approved),
        "returned" => Some(Status::Returned),
        _ => None,
    }
}
