//! The list of jobs: filtered, sorted by an index, paged.

use std::collections::BTreeMap;

use fieldsync_protocol::kinds::PRIORITIES;
use fieldsync_protocol::status::Status;
use fieldsync_protocol::{RecordId, Value};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, Row, params_from_iter};
use serde::Serialize;

use super::mark::Place;
use super::{Day, Page, PageMark, bounded};
use crate::error::Error;
use crate::projection::{id_column, priority_rank};
use crate::search;

/// Which jobs a list shows, and in which order. The default is every job on the device by plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only these statuses; any when empty.
    pub statuses: Vec<Status>,
    /// Only jobs planned for this technician on that day.
    pub day: Option<Day>,
    /// Only this priority, one of [`PRIORITIES`].
    pub priority: Option<String>,
    /// Only jobs that say this somewhere, as [`crate::search`] understands it.
    pub text: Option<String>,
    /// Only jobs this technician is assigned to; the device may hold others, that still have work waiting.
    pub mine_only: bool,
    /// The order.
    pub sort: JobSort,
    /// Most rows of the page; [`super::LIMIT_DEFAULT`] when 0, at most [`super::LIMIT_MAX`].
    pub limit: u32,
    /// Where the last page ended.
    pub after: Option<PageMark>,
}

/// Orders of the list of jobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum JobSort {
    /// As planned for this technician; jobs without a plan last.
    #[default]
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

impl JobSort {
    /// The two expressions an index of `V2__projections.sql` is made of; the id comes last.
    fn keys(self) -> (&'static str, &'static str) {
        match self {
            Self::Plan => {
                ("coalesce(planned_from_ms, 9223372036854775807)", "coalesce(place_in_day, 9223372036854775807)")
            }
            Self::Priority => ("priority", "coalesce(due_ms, 9223372036854775807)"),
            Self::Due => ("coalesce(due_ms, 9223372036854775807)", "priority"),
            Self::Number => ("number", "place"),
            Self::Updated => ("-updated_ms", "priority"),
        }
    }

    fn code(self) -> u8 {
        self as u8
    }
}

/// What a list shows of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobSummary {
    /// The work order.
    pub id: RecordId,
    /// Its number; empty while it has none.
    pub number: String,
    /// Whether the number was made on a device and the office has not given one yet.
    pub is_provisional: bool,
    /// Where it stands.
    pub status: Status,
    /// One of [`PRIORITIES`].
    pub priority: String,
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

/// Columns and tables of a summary; conditions follow.
pub(super) const SUMMARY: &str = "
    job.*,
    coalesce((select name from directory where directory.id = job.customer), '') as customer_name,
    coalesce((select name from directory where directory.id = job.site), '') as site_name,
    coalesce((select name from directory where directory.id = job.asset), '') as asset_name,
    exists (select 1 from pending where pending.record = job.id)
        or exists (select 1 from record join pending on pending.record = record.id where record.work_order = job.id)
        as has_pending,
    exists (select 1 from drawer
        where (drawer.record = job.id or drawer.work_order = job.id) and drawer.state <> 'superseded') as has_refused
    from job";

pub(super) fn summary(row: &Row<'_>) -> rusqlite::Result<JobSummary> {
    let status: String = row.get("status")?;
    let rank = usize::try_from(row.get::<_, i64>("priority")?).unwrap_or(0);
    Ok(JobSummary {
        id: id_column(row, "id")?,
        number: row.get("number")?,
        is_provisional: row.get("is_provisional")?,
        status: Status::from_name(&status).unwrap_or(Status::Registered),
        priority: PRIORITIES.get(rank).copied().unwrap_or("normal").to_owned(),
        due_ms: row.get("due_ms")?,
        planned_from_ms: row.get("planned_from_ms")?,
        planned_to_ms: row.get("planned_to_ms")?,
        customer: row.get("customer_name")?,
        site: row.get("site_name")?,
        asset: row.get("asset_name")?,
        problem: row.get("problem")?,
        is_mine: row.get("is_mine")?,
        has_conflict: row.get("has_conflict")?,
        has_pending: row.get("has_pending")?,
        has_refused: row.get("has_refused")?,
        differs_from_signed: row.get("differs")?,
        updated_ms: row.get("updated_ms")?,
    })
}

/// A statement ready to run.
struct Statement {
    text: String,
    values: Vec<Sql>,
}

/// The statement that reads one page and one row more; `None` when nothing can be found.
fn statement(conn: &Connection, filter: &JobFilter) -> Result<Option<Statement>, Error> {
    let Some(Conditions { mut texts, mut values }) = Conditions::of(conn, filter)? else { return Ok(None) };
    let (first, second) = filter.sort.keys();
    if let Some(mark) = &filter.after {
        let (_, key, tie, id) = mark.place(filter.sort.code())?;
        texts.push(format!("({first}, {second}, id) > (?, ?, ?)"));
        values.extend([sql(key)?, Sql::Integer(tie), Sql::Blob(id.as_bytes().to_vec())]);
    }
    values.push(Sql::Integer(i64::from(bounded(filter.limit)) + 1));
    let condition = if texts.is_empty() { "true".to_owned() } else { texts.join(" and ") };
    let text = format!(
        "select {first} as sort_key, {second} as sort_tie, {SUMMARY} where {condition}
         order by {first}, {second}, id limit ?"
    );
    Ok(Some(Statement { text, values }))
}

pub(super) fn list(conn: &Connection, filter: &JobFilter) -> Result<Page<JobSummary>, Error> {
    let Some(statement) = statement(conn, filter)? else { return Ok(Page { items: Vec::new(), next: None }) };
    let mut select = conn.prepare_cached(&statement.text)?;
    let rows = select.query_map(params_from_iter(statement.values), |row| {
        let key = match row.get::<_, Sql>("sort_key")? {
            Sql::Text(text) => Value::Text(text),
            Sql::Integer(number) => Value::Int(number),
            _ => Value::Null,
        };
        let job = summary(row)?;
        let place: Place = (filter.sort.code(), key, row.get("sort_tie")?, job.id);
        Ok((job, place))
    })?;
    Ok(Page::cut(rows.collect::<Result<_, _>>()?, bounded(filter.limit)))
}

/// How SQLite reads the list.
#[cfg(test)]
pub(super) fn plan(conn: &Connection, filter: &JobFilter) -> Result<String, Error> {
    let statement = statement(conn, filter)?.ok_or(Error::NotFound)?;
    let mut explain = conn.prepare(&format!("explain query plan {}", statement.text))?;
    let lines = explain.query_map(params_from_iter(statement.values), |row| row.get::<_, String>("detail"))?;
    Ok(lines.collect::<Result<Vec<_>, _>>()?.join("; "))
}

/// A filter as SQL, and the values bound to it in order.
struct Conditions {
    texts: Vec<String>,
    values: Vec<Sql>,
}

impl Conditions {
    /// The conditions of `filter`; `None` when its text cannot be found.
    fn of(conn: &Connection, filter: &JobFilter) -> Result<Option<Conditions>, Error> {
        let (mut texts, mut values) = (Vec::new(), Vec::new());
        if !filter.statuses.is_empty() {
            texts.push(format!("status in ({})", vec!["?"; filter.statuses.len()].join(", ")));
            values.extend(filter.statuses.iter().map(|status| Sql::Text(status.name().to_owned())));
        }
        if let Some(day) = filter.day {
            texts.push("planned_from_ms < ? and max(planned_from_ms + 1, coalesce(planned_to_ms, 0)) > ?".to_owned());
            values.extend([Sql::Integer(day.to_ms), Sql::Integer(day.from_ms)]);
        }
        if let Some(priority) = &filter.priority {
            texts.push("priority = ?".to_owned());
            values.push(Sql::Integer(priority_rank(Some(priority))));
        }
        if filter.mine_only {
            texts.push("is_mine = 1".to_owned());
        }
        if let Some(text) = filter.text.as_deref().filter(|text| !text.trim().is_empty()) {
            let Some(wanted) = search::Wanted::understand(conn, &search::JOBS, text)? else { return Ok(None) };
            texts.push("place in (select rowid from job_text where job_text match ?)".to_owned());
            values.push(Sql::Text(wanted.expression));
        }
        Ok(Some(Conditions { texts, values }))
    }
}

fn sql(value: Value) -> Result<Sql, Error> {
    match value {
        Value::Int(number) => Ok(Sql::Integer(number)),
        Value::Text(text) => Ok(Sql::Text(text)),
        _ => Err(Error::BadMark),
    }
}

pub(super) fn counts(conn: &Connection) -> Result<BTreeMap<Status, u64>, Error> {
    let mut select = conn.prepare_cached("select status, count(*) from job group by status")?;
    let rows = select.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    let mut counts = BTreeMap::new();
    for row in rows {
        let (status, count) = row?;
        if let Some(status) = Status::from_name(&status) {
            counts.insert(status, u64::try_from(count).unwrap_or(0));
        }
    }
    Ok(counts)
}

/// The summary of the job at `place`; none when it is gone.
pub(crate) fn summary_of(conn: &Connection, place: i64) -> Result<Option<JobSummary>, Error> {
    use rusqlite::OptionalExtension;
    let text = format!("select {SUMMARY} where job.place = ?1");
    Ok(conn.prepare_cached(&text)?.query_row([place], summary).optional()?)
}
