//! What was done before: visits to an asset, parts used. Paged, answered from the phone.

use fieldsync::RecordId;
use fieldsync::read;
use uuid::Uuid;

use crate::device::Device;
use crate::error::FieldsyncError;
use crate::jobs::{JobStatus, all, mark, page};
use crate::values::Outcome;

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

#[uniffi::export]
impl Device {
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
}
