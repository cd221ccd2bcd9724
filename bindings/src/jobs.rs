//! Lists: jobs, the day, search, histories, the catalogue. Paged, answered from the phone.

use fieldsync::RecordId;
use fieldsync::protocol::status::Status;
use fieldsync::read::{self, Page, PageMark};
use uuid::Uuid;

use crate::device::Device;
use crate::error::FieldsyncError;
use crate::runtime::guard;
use crate::values::{Outcome, Priority};

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

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Found {
    /// Jobs, best first.
    pub jobs: Vec<Hit>,
    /// Customers, contacts, sites, assets, parts and technicians, best first.
    pub directory: Vec<DirectoryEntry>,
    /// Words that occur nowhere, and what was looked for instead.
    pub corrections: Vec<Correction>,
}

/// A job that was found, and why.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Hit {
    /// The job.
    pub job: JobSummary,
    /// Where the words stand: `number`, `customer`, `site`, `asset`, `problem`, `instructions`, `report`, `parts` or
    /// `notes`.
    pub place: String,
    /// The text around them.
    pub snippet: Vec<SnippetPart>,
}

/// A piece of a snippet; all pieces in order are the text.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SnippetPart {
    /// What stands there.
    pub text: String,
    /// Whether it is one of the words looked for.
    pub is_match: bool,
}

/// A word taken for a misspelt one.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Correction {
    /// As typed.
    pub typed: String,
    /// What was looked for instead, nearest first.
    pub taken: Vec<String>,
}

/// Which entries of the directory to list.
#[derive(Debug, Clone, uniffi::Record)]
pub struct DirectoryFilter {
    /// Only this kind: `customer`, `contact`, `site`, `asset`, `technician` or `part`.
    #[uniffi(default)]
    pub kind: Option<String>,
    /// Only what belongs to this customer.
    #[uniffi(default)]
    pub customer: Option<Uuid>,
    /// Only what this finds by name, number, address, model or skill, best first; everything by name when empty.
    #[uniffi(default)]
    pub text: String,
    /// Most entries; 50 when 0, at most 500.
    #[uniffi(default)]
    pub limit: u32,
}

/// One entry of the directory.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DirectoryEntry {
    /// The record.
    pub id: Uuid,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Customer number, serial number or part number; empty for none.
    pub number: String,
    /// Whose site, asset or contact it is.
    pub customer: Option<Uuid>,
    /// That customer's name; empty when unknown.
    pub customer_name: String,
    /// Where the asset stands.
    pub site: Option<Uuid>,
}

impl From<read::DirectoryEntry> for DirectoryEntry {
    fn from(entry: read::DirectoryEntry) -> Self {
        Self {
            id: entry.id.0,
            kind: entry.kind,
            name: entry.name,
            number: entry.number,
            customer: entry.customer.map(|customer| customer.0),
            customer_name: entry.customer_name,
            site: entry.site.map(|site| site.0),
        }
    }
}

/// A part of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Part {
    /// The record.
    pub id: Uuid,
    /// Part number.
    pub number: String,
    /// What it is.
    pub name: String,
    /// Unit in which it is counted.
    pub unit: String,
    /// Price of one unit, minor units.
    pub price_minor: Option<i64>,
    /// Currency of the price.
    pub currency: Option<String>,
}

/// A page of an asset's history.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct AssetHistory {
    /// What was done, latest visit first.
    pub items: Vec<AssetVisit>,
    /// Where the next page begins; none when this is the last.
    pub next: Option<String>,
}

/// One work order in an asset's history.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct AssetVisit {
    /// The work order.
    pub order: Uuid,
    /// Its number; empty while it has none.
    pub number: String,
    /// Where it stands.
    pub status: JobStatus,
    /// The problem in the customer's words.
    pub problem: String,
    /// When the last visit event happened; none before the first.
    pub visited_ms: Option<i64>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Cause and method, as reported.
    pub summary: String,
    /// Parts used on it.
    pub parts: Vec<PartUse>,
}

/// Which uses of parts to list.
#[derive(Debug, Clone, uniffi::Record)]
pub struct PartUseFilter {
    /// Only on this work order.
    #[uniffi(default)]
    pub order: Option<Uuid>,
    /// Only on work orders of this asset.
    #[uniffi(default)]
    pub asset: Option<Uuid>,
    /// Only by this technician.
    #[uniffi(default)]
    pub technician: Option<Uuid>,
    /// Only this part number.
    #[uniffi(default)]
    pub number: Option<String>,
    /// Recorded at or after.
    #[uniffi(default)]
    pub from_ms: Option<i64>,
    /// Recorded before.
    #[uniffi(default)]
    pub to_ms: Option<i64>,
    /// Most rows; 50 when 0, at most 500.
    #[uniffi(default)]
    pub limit: u32,
    /// Where the last page ended.
    #[uniffi(default)]
    pub after: Option<String>,
}

/// A page of uses of parts.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PartUseList {
    /// Uses, latest first.
    pub items: Vec<PartUse>,
    /// Where the next page begins; none when this is the last.
    pub next: Option<String>,
}

/// One use of a part.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PartUse {
    /// The part line.
    pub id: Uuid,
    /// On which work order.
    pub order: Uuid,
    /// The order's number; empty while it has none.
    pub order_number: String,
    /// By whom.
    pub technician: Uuid,
    /// The catalogue's part, when it is one.
    pub part: Option<Uuid>,
    /// Part number.
    pub number: String,
    /// What it is.
    pub name: String,
    /// Thousandths of `unit`.
    pub quantity_milli: i64,
    /// Unit.
    pub unit: String,
    /// When it was recorded, on the office's clock.
    pub at_ms: i64,
}

impl From<read::PartUse> for PartUse {
    fn from(used: read::PartUse) -> Self {
        Self {
            id: used.id.0,
            order: used.order.0,
            order_number: used.order_number,
            technician: used.technician.0,
            part: used.part.map(|part| part.0),
            number: used.number,
            name: used.name,
            quantity_milli: used.quantity_milli,
            unit: used.unit,
            at_ms: used.at_ms,
        }
    }
}

fn mark(text: Option<String>) -> Result<Option<PageMark>, FieldsyncError> {
    Ok(text.map(|text| text.parse::<PageMark>()).transpose()?)
}

/// Rows and mark of a page, as they cross.
fn page<T, U: From<T>>(page: Page<T>) -> (Vec<U>, Option<String>) {
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

    /// What `query` finds, at most `limit` jobs and as many entries of the directory. Nothing for a query without a letter
    /// or digit.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`, `Defect` when the store cannot be read.
    pub fn search(&self, query: String, limit: u32) -> Result<Found, FieldsyncError> {
        self.call(|engine| {
            let found = engine.search(&query, limit)?;
            let hit = |hit: fieldsync::search::Hit| Hit {
                job: hit.job.into(),
                place: hit.place.to_owned(),
                snippet: hit
                    .snippet
                    .into_iter()
                    .map(|part| SnippetPart { text: part.text, is_match: part.is_match })
                    .collect(),
            };
            Ok(Found {
                jobs: found.jobs.into_iter().map(hit).collect(),
                directory: all(found.directory),
                corrections: found
                    .corrections
                    .into_iter()
                    .map(|word| Correction { typed: word.typed, taken: word.taken })
                    .collect(),
            })
        })
    }

    /// What was done on an asset, latest visit first, a page at a time; `after` is the `next` of the last page.
    ///
    /// # Errors
    /// `FixEntry` with `bad_mark` when `after` is no mark of this list.
    #[uniffi::method(default(after = None))]
    pub fn asset_history(
        &self,
        asset: Uuid,
        limit: u32,
        after: Option<String>,
    ) -> Result<AssetHistory, FieldsyncError> {
        self.call(|engine| {
            let found = engine.asset_history(RecordId(asset), limit, mark(after)?.as_ref())?;
            let visit = |visit: read::AssetVisit| AssetVisit {
                order: visit.order.0,
                number: visit.number,
                status: visit.status.into(),
                problem: visit.problem,
                visited_ms: visit.visited_ms,
                outcome: visit.outcome.as_deref().map(Outcome::of),
                summary: visit.summary,
                parts: all(visit.parts),
            };
            Ok(AssetHistory {
                items: found.items.into_iter().map(visit).collect(),
                next: found.next.map(|mark| mark.to_string()),
            })
        })
    }

    /// The parts used that the filter names, latest first, a page at a time.
    ///
    /// # Errors
    /// `FixEntry` with `bad_mark` when `after` is no mark of this list.
    pub fn parts_used(&self, filter: PartUseFilter) -> Result<PartUseList, FieldsyncError> {
        self.call(|engine| {
            let (items, next) = page(engine.parts_used(&read::PartUseFilter {
                order: filter.order.map(RecordId),
                asset: filter.asset.map(RecordId),
                technician: filter.technician.map(RecordId),
                number: filter.number,
                from_ms: filter.from_ms,
                to_ms: filter.to_ms,
                limit: filter.limit,
                after: mark(filter.after)?,
            })?);
            Ok(PartUseList { items, next })
        })
    }

    /// The parts of the catalogue that `text` finds, best first; in order of name for an empty text. At most `limit`, 50
    /// when 0.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`, `Defect` when the store cannot be read.
    pub fn catalogue(&self, text: String, limit: u32) -> Result<Vec<Part>, FieldsyncError> {
        self.call(|engine| {
            let part = |part: read::Part| Part {
                id: part.id.0,
                number: part.number,
                name: part.name,
                unit: part.unit,
                price_minor: part.price_minor,
                currency: part.currency,
            };
            Ok(engine.catalogue(&text, limit)?.into_iter().map(part).collect())
        })
    }

    /// The customers, contacts, sites, assets and technicians that the filter names.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`, `Defect` when the store cannot be read.
    pub fn directory(&self, filter: DirectoryFilter) -> Result<Vec<DirectoryEntry>, FieldsyncError> {
        self.call(|engine| {
            Ok(all(engine.directory(&read::DirectoryFilter {
                kind: filter.kind,
                customer: filter.customer.map(RecordId),
                text: filter.text,
                limit: filter.limit,
            })?))
        })
    }
}
