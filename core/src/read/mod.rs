//! What screens ask of a device: lists, the job page, histories, the catalogue. Typed, paged, answered from the phone.
//!
//! Everything here reads one snapshot and waits for no writer and no network. Lists are sorted by an index and paged by
//! [`PageMark`]: a page is found again where it ended, whatever came in between.

mod day;
mod directory;
mod explain;
mod history;
mod jobs;
mod mark;
mod missing;
mod page;

#[cfg(test)]
mod tests;

pub use day::{Day, DayPlan};
pub use directory::{DirectoryEntry, DirectoryFilter, Part};
pub use explain::{Because, Explanation, Link, OrderName, OwnWork, Presence, Reason};
pub use history::{AssetVisit, PartUse, PartUseFilter};
pub use jobs::{JobFilter, JobSort, JobSummary};
pub use mark::{Page, PageMark};
pub use missing::Missing;
pub use page::{JobPage, Party, Waiting, WaitingState};

pub(crate) use directory::list as directory_entries;
pub(crate) use jobs::summary_of;
pub(crate) use missing::{has_to_decide, missing};

use std::collections::BTreeMap;

use fieldsync_protocol::status::Status;
use fieldsync_protocol::{Record, RecordId};

use crate::device::Device;
use crate::edit::Context;
use crate::error::Error;
use crate::projection::Names;
use crate::store;

impl Device {
    /// Returns one page of the work orders on this device.
    ///
    /// # Errors
    /// [`Error::BadMark`] when `after` is not a mark of a list sorted the same way.
    pub fn jobs(&self, filter: &JobFilter) -> Result<Page<JobSummary>, Error> {
        self.read(|conn| jobs::list(conn, filter))
    }

    /// Returns how many work orders stand in each status; a status without any is left out.
    ///
    /// # Errors
    /// As for every read, when the store cannot be used.
    pub fn job_counts(&self) -> Result<BTreeMap<Status, u64>, Error> {
        self.read(jobs::counts)
    }

    /// Returns what this technician has before him on one day, in the order of his plan.
    ///
    /// # Errors
    /// As for every read, when the store cannot be used.
    pub fn day_plan(&self, day: Day) -> Result<DayPlan, Error> {
        self.read(|conn| day::plan(conn, day))
    }

    /// Returns everything a job's screen shows.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the order is not on this device.
    pub fn job(&self, order: RecordId) -> Result<JobPage, Error> {
        self.read(|conn| page::read(conn, order))
    }

    /// Returns what was done on an asset, latest visit first.
    ///
    /// # Errors
    /// [`Error::BadMark`] when `after` is not a mark of this list.
    pub fn asset_history(
        &self,
        asset: RecordId,
        limit: u32,
        after: Option<&PageMark>,
    ) -> Result<Page<AssetVisit>, Error> {
        self.read(|conn| history::asset(conn, asset, limit, after))
    }

    /// Returns the parts used that the filter names, latest first.
    ///
    /// # Errors
    /// [`Error::BadMark`] when `after` is not a mark of this list.
    pub fn parts_used(&self, filter: &PartUseFilter) -> Result<Page<PartUse>, Error> {
        self.read(|conn| history::parts(conn, filter))
    }

    /// Returns the parts of the catalogue that `text` finds, best first; in order of name for an empty text.
    ///
    /// # Errors
    /// As for every read, when the store cannot be used.
    pub fn catalogue(&self, text: &str, limit: u32) -> Result<Vec<Part>, Error> {
        self.read(|conn| directory::catalogue(conn, text, limit))
    }

    /// Returns the customers that `text` finds, best first; in order of name for an empty text.
    ///
    /// # Errors
    /// As for every read, when the store cannot be used.
    pub fn customers(&self, text: &str, limit: u32) -> Result<Vec<DirectoryEntry>, Error> {
        self.directory(&DirectoryFilter {
            kind: Some("customer".into()),
            text: text.into(),
            limit,
            ..Default::default()
        })
    }

    /// Returns the customers, contacts, sites, assets and technicians that the filter names.
    ///
    /// # Errors
    /// As for every read, when the store cannot be used.
    pub fn directory(&self, filter: &DirectoryFilter) -> Result<Vec<DirectoryEntry>, Error> {
        self.read(|conn| directory::list(conn, filter))
    }

    /// Returns the names of people, customers, sites and assets; one that is not on this device is left out.
    ///
    /// # Errors
    /// As for every read, when the store cannot be used.
    pub fn names(&self, ids: impl IntoIterator<Item = RecordId>) -> Result<BTreeMap<RecordId, String>, Error> {
        self.read(|conn| Ok(Names::of(conn, ids)?.all().clone()))
    }

    /// Returns a record as it is shown, with the token that an edit of it names as seen.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not on this device or deleted.
    pub fn record(&self, id: RecordId) -> Result<ShownRecord, Error> {
        self.read(|conn| {
            let record = store::shown(conn, id)?.filter(|record| !record.is_deleted()).ok_or(Error::NotFound)?;
            Ok(ShownRecord { context: Context::of(conn, &record)?, record })
        })
    }
}

/// A record as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownRecord {
    /// The record: *theirs* with the pending edits on top.
    pub record: Record,
    /// What an edit names as seen.
    pub context: Context,
}

/// Rows of one page when the caller names none.
pub const LIMIT_DEFAULT: u32 = 50;
/// Most rows of one page: what a screen scrolls through, and a bound on memory.
pub const LIMIT_MAX: u32 = 500;

/// The limit a caller named, within bounds.
pub(crate) fn bounded(limit: u32) -> u32 {
    if limit == 0 { LIMIT_DEFAULT } else { limit.min(LIMIT_MAX) }
}
