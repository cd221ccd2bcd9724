//! One work order's rows: what lists show of it, the words it is found by, the parts used on it.

use std::collections::BTreeSet;

use fieldsync_protocol::job::Job;
use fieldsync_protocol::kinds::PRIORITIES;
use fieldsync_protocol::search::index_tokens;
use fieldsync_protocol::status::{Status, status};
use fieldsync_protocol::{FieldsExt, Record, RecordId, show};
use rusqlite::{Connection, Transaction, params};

use super::names::Names;
use super::text::{joined, said};
use super::{id_column, place};
use crate::error::Error;
use crate::{signing, store};

/// A row of the table `job`.
#[derive(Debug)]
struct Row {
    number: String,
    is_provisional: bool,
    status: Status,
    priority: i64,
    due_ms: Option<i64>,
    planned_from_ms: Option<i64>,
    planned_to_ms: Option<i64>,
    place_in_day: Option<i64>,
    is_mine: bool,
    visited_ms: Option<i64>,
    outcome: Option<String>,
    summary: String,
    has_conflict: bool,
    differs: bool,
    updated_ms: i64,
}

/// The work orders whose rows were computed from `source`.
pub(super) fn computed_from(tx: &Transaction<'_>, source: RecordId) -> Result<Vec<RecordId>, Error> {
    let mut select = tx.prepare_cached("select work_order from job_source where source = ?1")?;
    let orders = select.query_map(params![source.as_bytes()], |row| id_column(row, "work_order"))?;
    Ok(orders.collect::<Result<_, _>>()?)
}

/// Whether `order` has a row.
pub(super) fn exists(tx: &Transaction<'_>, order: RecordId) -> Result<bool, Error> {
    Ok(place_of(tx, order)?.is_some())
}

/// Computes the rows of `order` again; an order that is not here loses its rows.
pub(super) fn refresh(tx: &Transaction<'_>, order: RecordId, me: Option<RecordId>) -> Result<(), Error> {
    tx.prepare_cached("delete from job_source where work_order = ?1")?.execute(params![order.as_bytes()])?;
    tx.prepare_cached("delete from part_used where work_order = ?1")?.execute(params![order.as_bytes()])?;
    let record = super::shown(tx, order)?.filter(|record| record.kind == "work_order");
    let mut below = store::below(tx, order)?;
    below.retain(|record| !record.is_deleted());
    let Some(record) = record else {
        // What is already here below an order that is not yet shows nowhere; the order finds it when it comes.
        return remove(tx, order);
    };
    let job = Job::collect(&record, &below);
    let names = Names::of_job(tx, &job)?;
    let row = Row::of(&job, &below, &names, me);
    let place = row.write(tx, &job)?;
    write_text(tx, place, &said(&job, &names))?;
    write_sources(tx, &job, &below)?;
    write_parts(tx, &job)
}

fn remove(tx: &Transaction<'_>, order: RecordId) -> Result<(), Error> {
    if let Some(place) = place_of(tx, order)? {
        tx.prepare_cached("delete from job_text where rowid = ?1")?.execute(params![place])?;
        tx.prepare_cached("delete from job_said where place = ?1")?.execute(params![place])?;
        tx.prepare_cached("delete from job where place = ?1")?.execute(params![place])?;
    }
    Ok(())
}

fn place_of(conn: &Connection, order: RecordId) -> rusqlite::Result<Option<i64>> {
    place(conn, "select place from job where id = ?1", order)
}

impl Row {
    fn of(job: &Job, below: &[Record], names: &Names, me: Option<RecordId>) -> Row {
        let plan = job.group("plan");
        let mine: Vec<_> = job
            .assignments
            .iter()
            .filter(|assignment| assignment.is_live() && me.is_some_and(|me| assignment.technicians.contains(&me)))
            .collect();
        let first =
            mine.iter().min_by_key(|assignment| (assignment.planned_from_ms.unwrap_or(i64::MAX), assignment.id));
        let place_in_day = first
            .and_then(|first| below.iter().find(|record| record.id == first.id))
            .and_then(|record| show::fields(record, "day")?.int("place_in_day"));
        let records = || std::iter::once(&job.order).chain(below);
        let stamps = records().flat_map(|record| record.groups.values().flatten()).map(|(_, sibling)| &sibling.stamp);
        let last = job.reports.iter().rev().find(|report| report.outcome.is_some());
        Row {
            number: job.number().unwrap_or_default().to_owned(),
            is_provisional: job.group("number").and_then(|fields| fields.text("number")).is_none(),
            status: status(job),
            priority: priority_rank(plan.and_then(|fields| fields.text("priority"))),
            due_ms: plan.and_then(|fields| fields.int("due_ms")),
            planned_from_ms: first.and_then(|first| first.planned_from_ms),
            planned_to_ms: first.and_then(|first| first.planned_to_ms),
            place_in_day,
            is_mine: !mine.is_empty(),
            visited_ms: job.events.iter().map(|event| event.stamp.happened_ms()).max(),
            outcome: last.and_then(|report| report.outcome.clone()),
            summary: joined(
                job.reports
                    .iter()
                    .flat_map(|report| [&report.cause, &report.method])
                    .filter_map(|text| text.as_deref()),
            ),
            has_conflict: records().any(|record| !show::conflicts(record).is_empty()),
            differs: signing::differs_from_signed(job, names),
            updated_ms: stamps.map(|stamp| stamp.happened_ms()).max().unwrap_or(0),
        }
    }

    fn write(&self, tx: &Transaction<'_>, job: &Job) -> Result<i64, Error> {
        let party = |role: &str| job.party(role).map(|id| *id.as_bytes());
        let problem = job.group("problem").and_then(|fields| fields.text("text")).unwrap_or_default();
        let place = tx
            .prepare_cached(
                "insert into job (id, number, is_provisional, status, priority, due_ms, planned_from_ms, planned_to_ms,
                     place_in_day, is_mine, customer, site, asset, problem, visited_ms, outcome, summary, has_conflict,
                     differs, updated_ms)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)
                 on conflict (id) do update set number = excluded.number, is_provisional = excluded.is_provisional,
                     status = excluded.status, priority = excluded.priority, due_ms = excluded.due_ms,
                     planned_from_ms = excluded.planned_from_ms, planned_to_ms = excluded.planned_to_ms,
                     place_in_day = excluded.place_in_day, is_mine = excluded.is_mine, customer = excluded.customer,
                     site = excluded.site, asset = excluded.asset, problem = excluded.problem,
                     visited_ms = excluded.visited_ms, outcome = excluded.outcome, summary = excluded.summary,
                     has_conflict = excluded.has_conflict, differs = excluded.differs, updated_ms = excluded.updated_ms
                 returning place",
            )?
            .query_row(
                params![
                    job.order.id.as_bytes(),
                    self.number,
                    self.is_provisional,
                    self.status.name(),
                    self.priority,
                    self.due_ms,
                    self.planned_from_ms,
                    self.planned_to_ms,
                    self.place_in_day,
                    self.is_mine,
                    party("customer"),
                    party("site"),
                    party("asset"),
                    problem,
                    self.visited_ms,
                    self.outcome,
                    self.summary,
                    self.has_conflict,
                    self.differs,
                    self.updated_ms,
                ],
                |row| row.get(0),
            )?;
        Ok(place)
    }
}

/// 0 for the most urgent; an order without a plan counts as normal.
pub(crate) fn priority_rank(priority: Option<&str>) -> i64 {
    let rank = |name: &str| PRIORITIES.iter().position(|known| *known == name);
    let rank = priority.and_then(rank).or_else(|| rank("normal")).unwrap_or(0);
    i64::try_from(rank).unwrap_or(0)
}

/// Stores what is said and indexes it; a text that says what it said before is left alone, because most changes of a
/// job change no word of it.
fn write_text(tx: &Transaction<'_>, place: i64, said: &[String; 9]) -> Result<(), Error> {
    let [number, customer, site, asset, problem, instructions, report, parts, notes] = said;
    let changed = tx
        .prepare_cached(
            "insert into job_said (place, number, customer, site, asset, problem, instructions, report, parts, notes)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             on conflict (place) do update set number = excluded.number, customer = excluded.customer,
                 site = excluded.site, asset = excluded.asset, problem = excluded.problem,
                 instructions = excluded.instructions, report = excluded.report, parts = excluded.parts,
                 notes = excluded.notes
             where (job_said.number, job_said.customer, job_said.site, job_said.asset, job_said.problem,
                    job_said.instructions, job_said.report, job_said.parts, job_said.notes)
                 is not (excluded.number, excluded.customer, excluded.site, excluded.asset, excluded.problem,
                    excluded.instructions, excluded.report, excluded.parts, excluded.notes)",
        )?
        .execute(params![place, number, customer, site, asset, problem, instructions, report, parts, notes])?;
    if changed == 0 {
        return Ok(());
    }
    tx.prepare_cached("delete from job_text where rowid = ?1")?.execute(params![place])?;
    let tokens = said.each_ref().map(|text| index_tokens(text));
    let [number, customer, site, asset, problem, instructions, report, parts, notes] = &tokens;
    tx.prepare_cached(
        "insert into job_text (rowid, number, customer, site, asset, problem, instructions, report, parts, notes)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![place, number, customer, site, asset, problem, instructions, report, parts, notes])?;
    Ok(())
}

fn write_sources(tx: &Transaction<'_>, job: &Job, below: &[Record]) -> Result<(), Error> {
    let mut sources: BTreeSet<RecordId> = below.iter().map(|record| record.id).collect();
    sources.extend(job.parties());
    sources.extend(job.people());
    let mut insert = tx.prepare_cached("insert into job_source (source, work_order) values (?1, ?2)")?;
    for source in sources {
        insert.execute(params![source.as_bytes(), job.order.id.as_bytes()])?;
    }
    Ok(())
}

fn write_parts(tx: &Transaction<'_>, job: &Job) -> Result<(), Error> {
    // A line that moved here from another order may still stand under it.
    let mut insert = tx.prepare_cached(
        "insert or replace into part_used (id, work_order, technician, part, number, name, quantity_milli, unit, at_ms)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for part in job.parts.iter().filter(|part| part.void.is_none()) {
        insert.execute(params![
            part.id.as_bytes(),
            job.order.id.as_bytes(),
            part.technician.as_bytes(),
            part.part.as_ref().map(RecordId::as_bytes),
            part.number,
            part.name,
            part.quantity_milli,
            part.unit,
            part.stamp.happened_ms(),
        ])?;
    }
    Ok(())
}
