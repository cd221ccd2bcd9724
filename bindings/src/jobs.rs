//! Lists of jobs and the plan of a day. Paged, answered from the phone.

use fieldsync::protocol::status::Status;
use fieldsync::read::{self, Page, PageMark};
use uuid::Uuid;

use crate::device::Device;
use crate::error::FieldsyncError;
use crate::runtime::guard;
use crate::values::Priority;

/// Where a job stands, derived from what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum JobStatus {
    /// Known, nobody is assigned.
    Registered,
    /// Somebody is assigned, no visit has begun.
    Dispatched,
    /// A visit has begun.
    InProgress,
    /// Another visit, parts or an approval is needed.
    FollowUp,
    /// It could not be completed.
    CannotComplete,
    /// The work is done; the customer has neither signed nor refused.
    WorkDone,
    /// Waits for a reviewer.
    Submitted,
    /// The reviewer gave it back.
    Returned,
    /// Closed.
    Approved,
    /// Cancelled before any work.
    Cancelled,
}

impl From<Status> for JobStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Registered => Self::Registered,
            Status::Dispatched => Self::Dispatched,
            Status::InProgress => Self::InProgress,
            Status::FollowUp => Self::FollowUp,
            Status::CannotComplete => Self::CannotComplete,
            Status::WorkDone => Self::WorkDone,
            Status::Submitted => Self::Submitted,
            Status::Returned => Self::Returned,
            Status::Approved => Self::Approved,
            Status::Cancelled => Self::Cancelled,
        }
    }
}

impl From<JobStatus> for Status {
    fn from(status: JobStatus) -> Self {
        match status {
            JobStatus::Registered => Self::Registered,
            JobStatus::Dispatched => Self::Dispatched,
            JobStatus::InProgress => Self::InProgress,
            JobStatus::FollowUp => Self::FollowUp,
            JobStatus::CannotComplete => Self::CannotComplete,
            JobStatus::WorkDone => Self::WorkDone,
            JobStatus::Submitted => Self::Submitted,
            JobStatus::Returned => Self::Returned,
            JobStatus::Approved => Self::Approved,
            JobStatus::Cancelled => Self::Cancelled,
        }
    }
}

/// A day as the technician's wall clock counts it: from one instant up to, not including, the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Record)]
pub struct Day {
    /// First millisecond, UTC.
    pub from_ms: i64,
    /// First millisecond after it.
    pub to_ms: i64,
}

impl From<Day> for read::Day {
    fn from(Day { from_ms, to_ms }: Day) -> Self {
        Self { from_ms, to_ms }
    }
}

/// The day that contains `at_ms` where clocks are `offset_minutes` ahead of UTC. An app that knows time zones makes the
/// [`Day`] itself, also where clocks are put forward or back.
///
/// # Errors
/// None in practice.
#[uniffi::export]
pub fn day_containing(at_ms: i64, offset_minutes: i32) -> Result<Day, FieldsyncError> {
    guard(|| {
        let read::Day { from_ms, to_ms } = read::Day::containing(at_ms, offset_minutes);
        Ok(Day { from_ms, to_ms })
    })
}

/// Orders of the list of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum JobSort {
    /// As planned for this technician; jobs without a plan last.
    Plan,
    /// Most urgent first, then by due time.
    Priority,
    /// By due time, then by urgency; jobs without one last.
    Due,
    /// By number.
    Number,
    /// What changed last comes first.
    Updated,
}

/// Which jobs a list shows, and in which order. The default is every job on the device by plan.
#[derive(Debug, Clone, uniffi::Record)]
pub struct JobFilter {
    /// Only these statuses; any when empty.
    #[uniffi(default)]
    pub statuses: Vec<JobStatus>,
    /// Only jobs planned for this technician on that day.
    #[uniffi(default)]
    pub day: Option<Day>,
    /// Only this priority.
    #[uniffi(default)]
    pub priority: Option<Priority>,
    /// Only jobs that say this somewhere: Chinese, abbreviated, half typed or misspelt.
    #[uniffi(default)]
    pub text: Option<String>,
    /// Only jobs this technician is assigned to; the device may hold others that still have work waiting.
    #[uniffi(default)]
    pub mine_only: bool,
    /// The order; by plan when none.
    #[uniffi(default)]
    pub sort: Option<JobSort>,
    /// Most rows of the page; 50 when 0, at most 500.
    #[uniffi(default)]
    pub limit: u32,
    /// Where the last page ended: its `next`, opaque.
    #[uniffi(default)]
    pub after: Option<String>,
}

/// A page of jobs.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct JobList {
    /// The jobs, in the order asked for.
    pub items: Vec<JobSummary>,
    /// Where the next page begins; none when this is the last. Opaque; it may be kept.
    pub next: Option<String>,
}

/// What a list shows of a job.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct JobSummary {
    /// The work order.
    pub id: Uuid,
    /// Its number; empty while it has none.
    pub number: String,
    /// Whether the number was made on a device and the office has not given one yet.
    pub is_provisional: bool,
    /// Where it stands.
    pub status: JobStatus,
    /// How urgent it is.
    pub priority: Priority,
    /// When it is due.
    pub due_ms: Option<i64>,
    /// When this technician's visit is planned to start.
    pub planned_from_ms: Option<i64>,
    /// When it is planned to end.
    pub planned_to_ms: Option<i64>,
    /// The customer's name; empty when unknown.
    pub customer: String,
    /// The site's name; empty when unknown.
    pub site: String,
    /// The asset's name; empty when unknown.
    pub asset: String,
    /// The problem in the customer's words.
    pub problem: String,
    /// Whether this technician is assigned.
    pub is_mine: bool,
    /// Whether a person has to decide between concurrent values.
    pub has_conflict: bool,
    /// Whether something of it is only on this device.
    pub has_pending: bool,
    /// Whether the office refused or holds something of it.
    pub has_refused: bool,
    /// Whether it no longer says what the customer signed.
    pub differs_from_signed: bool,
    /// When it last changed, on the office's clock.
    pub updated_ms: i64,
}

impl From<read::JobSummary> for JobSummary {
    fn from(job: read::JobSummary) -> Self {
        Self {
            id: job.id.0,
            number: job.number,
            is_provisional: job.is_provisional,
            status: job.status.into(),
            priority: Priority::of(&job.priority),
            due_ms: job.due_ms,
            planned_from_ms: job.planned_from_ms,
            planned_to_ms: job.planned_to_ms,
            customer: job.customer,
            site: job.site,
            asset: job.asset,
            problem: job.problem,
            is_mine: job.is_mine,
            has_conflict: job.has_conflict,
            has_pending: job.has_pending,
            has_refused: job.has_refused,
            differs_from_signed: job.differs_from_signed,
            updated_ms: job.updated_ms,
        }
    }
}

/// How many jobs stand somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct StatusCount {
    /// Where.
    pub status: JobStatus,
    /// How many.
    pub count: i64,
}

/// What a technician has before him on one day.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DayPlan {
    /// Visits planned on that day: in his own order where he gave one, then by planned time.
    pub planned: Vec<JobSummary>,
    /// His open jobs that are not planned on that day but due on it or before, most urgent first.
    pub due: Vec<JobSummary>,
}

pub(crate) fn mark(text: Option<String>) -> Result<Option<PageMark>, FieldsyncError> {
    Ok(text.map(|text| text.parse::<PageMark>()).transpose()?)
}

/// Rows and mark of a page, as they cross.
pub(crate) fn page<T, U: From<T>>(page: Page<T>) -> (Vec<U>, Option<String>) {
    (all(page.items), page.next.map(|mark| mark.to_string()))
}

pub(crate) fn all<T, U: From<T>>(items: Vec<T>) -> Vec<U> {
    items.into_iter().map(U::from).collect()
}

#[uniffi::export]
impl Device {
    /// One page of the work orders on this device. Read from one snapshot; waits for no writer and no network.
    ///
    /// # Errors
    /// `FixEntry` with `bad_mark` when `after` is no mark of a list sorted the same way.
    pub fn jobs(&self, filter: JobFilter) -> Result<JobList, FieldsyncError> {
        self.call(|engine| {
            let (items, next) = page(engine.jobs(&read::JobFilter {
                statuses: all(filter.statuses),
                day: filter.day.map(read::Day::from),
                priority: filter.priority.map(|priority| priority.word().to_owned()),
                text: filter.text,
                mine_only: filter.mine_only,
                sort: match filter.sort {
                    None | Some(JobSort::Plan) => read::JobSort::Plan,
                    Some(JobSort::Priority) => read::JobSort::Priority,
                    Some(JobSort::Due) => read::JobSort::Due,
                    Some(JobSort::Number) => read::JobSort::Number,
                    Some(JobSort::Updated) => read::JobSort::Updated,
                },
                limit: filter.limit,
                after: mark(filter.after)?,
            })?);
            Ok(JobList { items, next })
        })
    }

    /// How many work orders stand in each status; a status without any is left out.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`, `Defect` when the store cannot be read.
    pub fn job_counts(&self) -> Result<Vec<StatusCount>, FieldsyncError> {
        self.call(|engine| {
            let count = |(status, count): (Status, u64)| StatusCount {
                status: status.into(),
                count: i64::try_from(count).unwrap_or(i64::MAX),
            };
            Ok(engine.job_counts()?.into_iter().map(count).collect())
        })
    }

    /// What this technician has before him on one day, in the order of his plan.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`, `Defect` when the store cannot be read.
    pub fn day_plan(&self, day: Day) -> Result<DayPlan, FieldsyncError> {
        self.call(|engine| {
            let plan = engine.day_plan(day.into())?;
            Ok(DayPlan { planned: all(plan.planned), due: all(plan.due) })
        })
    }
}
