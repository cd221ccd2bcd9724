//! What was done before: visits to an asset, parts used.

use fieldsync_protocol::status::Status;
use fieldsync_protocol::{RecordId, Value};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, Row, params, params_from_iter};
use serde::Serialize;

use super::mark::Place;
use super::{Page, PageMark, bounded};
use crate::error::Error;
use crate::projection::{id_column, optional_id_column};

const ASSET_ORDER: u8 = 64;
const PARTS_ORDER: u8 = 65;

/// One work order in an asset's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AssetVisit {
    /// The work order.
    pub order: RecordId,
    /// Its number; empty while it has none.
    pub number: String,
    /// Where it stands.
    pub status: Status,
    /// The problem in the customer's words.
    pub problem: String,
    /// When the last visit event happened; `None` before the first.
    pub visited_ms: Option<i64>,
    /// How it ended, one of [`fieldsync_protocol::kinds::OUTCOMES`].
    pub outcome: Option<String>,
    /// Cause and method, as reported.
    pub summary: String,
    /// Parts used on it.
    pub parts: Vec<PartUse>,
}

/// One use of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartUse {
    /// The part line.
    pub id: RecordId,
    /// On which work order.
    pub order: RecordId,
    /// The order's number; empty while it has none.
    pub order_number: String,
    /// By whom.
    pub technician: RecordId,
    /// The catalogue's part, when it is one.
    pub part: Option<RecordId>,
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

/// Which uses of parts to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartUseFilter {
    /// Only on this work order.
    pub order: Option<RecordId>,
    /// Only on work orders of this asset.
    pub asset: Option<RecordId>,
    /// Only by this technician.
    pub technician: Option<RecordId>,
    /// Only this part number.
    pub number: Option<String>,
    /// Recorded at or after.
    pub from_ms: Option<i64>,
    /// Recorded before.
    pub to_ms: Option<i64>,
    /// Most rows; [`super::LIMIT_DEFAULT`] when 0.
    pub limit: u32,
    /// Where the last page ended.
    pub after: Option<PageMark>,
}

pub(super) fn asset(
    conn: &Connection,
    asset: RecordId,
    limit: u32,
    after: Option<&PageMark>,
) -> Result<Page<AssetVisit>, Error> {
    let (key, id) = match after.map(|mark| mark.place(ASSET_ORDER)).transpose()? {
        Some((_, key, _, id)) => (key.as_int().ok_or(Error::BadMark)?, id.as_bytes().to_vec()),
        None => (i64::MIN, Vec::new()),
    };
    let limit = bounded(limit);
    let mut select = conn.prepare_cached(
        "select id, number, status, problem, visited_ms, outcome, summary,
             -coalesce(visited_ms, updated_ms) as sort_key
         from job
         where asset = ?1 and (-coalesce(visited_ms, updated_ms), id) > (?2, ?3)
         order by -coalesce(visited_ms, updated_ms), id limit ?4",
    )?;
    let rows = select.query_map(params![asset.as_bytes(), key, id, i64::from(limit) + 1], |row| {
        let status: String = row.get("status")?;
        let visit = AssetVisit {
            order: id_column(row, "id")?,
            number: row.get("number")?,
            status: Status::from_name(&status).unwrap_or(Status::Registered),
            problem: row.get("problem")?,
            visited_ms: row.get("visited_ms")?,
            outcome: row.get("outcome")?,
            summary: row.get("summary")?,
            parts: Vec::new(),
        };
        let place: Place = (ASSET_ORDER, Value::Int(row.get("sort_key")?), 0, visit.order);
        Ok((visit, place))
    })?;
    let mut page = Page::cut(rows.collect::<Result<_, _>>()?, limit);
    for visit in &mut page.items {
        let filter = PartUseFilter { order: Some(visit.order), limit: super::LIMIT_MAX, ..Default::default() };
        visit.parts = parts(conn, &filter)?.items;
    }
    Ok(page)
}

pub(super) fn parts(conn: &Connection, filter: &PartUseFilter) -> Result<Page<PartUse>, Error> {
    let (mut conditions, mut values) = (vec!["true"], Vec::new());
    let mut only = |condition: &'static str, value: Option<Sql>| {
        if let Some(value) = value {
            conditions.push(condition);
            values.push(value);
        }
    };
    let id = |id: Option<RecordId>| id.map(|id| Sql::Blob(id.as_bytes().to_vec()));
    only("work_order = ?", id(filter.order));
    only("work_order in (select id from job where asset = ?)", id(filter.asset));
    only("technician = ?", id(filter.technician));
    only("number = ?", filter.number.clone().map(Sql::Text));
    only("at_ms >= ?", filter.from_ms.map(Sql::Integer));
    only("at_ms < ?", filter.to_ms.map(Sql::Integer));
    if let Some(mark) = &filter.after {
        let (_, key, _, id) = mark.place(PARTS_ORDER)?;
        conditions.push("(at_ms, id) < (?, ?)");
        values.extend([Sql::Integer(key.as_int().ok_or(Error::BadMark)?), Sql::Blob(id.as_bytes().to_vec())]);
    }
    let limit = bounded(filter.limit);
    values.push(Sql::Integer(i64::from(limit) + 1));
    let text = format!(
        "select part_used.*,
             coalesce((select job.number from job where job.id = part_used.work_order), '') as order_number
         from part_used where {} order by at_ms desc, id desc limit ?",
        conditions.join(" and ")
    );
    let mut select = conn.prepare_cached(&text)?;
    let rows = select.query_map(params_from_iter(values), |row| {
        let used = part_use(row)?;
        let place: Place = (PARTS_ORDER, Value::Int(used.at_ms), 0, used.id);
        Ok((used, place))
    })?;
    Ok(Page::cut(rows.collect::<Result<_, _>>()?, limit))
}

fn part_use(row: &Row<'_>) -> rusqlite::Result<PartUse> {
    Ok(PartUse {
        id: id_column(row, "id")?,
        order: id_column(row, "work_order")?,
        order_number: row.get("order_number")?,
        technician: id_column(row, "technician")?,
        part: optional_id_column(row, "part")?,
        number: row.get("number")?,
        name: row.get("name")?,
        quantity_milli: row.get("quantity_milli")?,
        unit: row.get("unit")?,
        at_ms: row.get("at_ms")?,
    })
}
