//! The board in SQLite: filters become bound parameters of constant clauses; text is searched in FTS5.

use std::collections::BTreeMap;

use fieldsync_protocol::RecordId;
use fieldsync_protocol::status::Status;
use rusqlite::types::Value as Sql;
use rusqlite::{OptionalExtension, Row};

use super::{SqliteTxn, column};
use crate::store::{Board, JobQuery, JobRow, Sort, StoreError};

const COLUMNS: &str =
    "job.id, number, status, priority, due_ms, planned_ms, customer, site, asset, problem, technicians,
    requested_ms, changed_ms, conflicts, proposals, differs, missing_blobs, held, is_late";

fn job_row(row: &Row<'_>) -> rusqlite::Result<JobRow> {
    let status: String = row.get(2)?;
    Ok(JobRow {
        id: column!(row, 0, RecordId),
        number: row.get(1)?,
        status: Status::from_name(&status).ok_or(rusqlite::Error::InvalidQuery)?,
        priority: row.get(3)?,
        due_ms: row.get(4)?,
        planned_ms: row.get(5)?,
        customer: row.get(6)?,
        site: row.get(7)?,
        asset: row.get(8)?,
        problem: row.get(9)?,
        technicians: row.get(10)?,
        requested_ms: row.get(11)?,
        changed_ms: row.get(12)?,
        conflicts: row.get(13)?,
        proposals: row.get(14)?,
        differs: row.get(15)?,
        missing_blobs: row.get(16)?,
        held: row.get(17)?,
        is_late: row.get(18)?,
    })
}

/// The where clause of a query and its parameters; the tenant is the first.
fn filter(tenant: i64, query: &JobQuery, with_status: bool) -> (String, Vec<Sql>) {
    let mut clause = String::from("job.tenant = ?");
    let mut values = vec![Sql::Integer(tenant)];
    if with_status && !query.statuses.is_empty() {
        let marks = vec!["?"; query.statuses.len()].join(", ");
        clause.push_str(&format!(" and status in ({marks})"));
        values.extend(query.statuses.iter().map(|status| Sql::Text(status.name().to_owned())));
    }
    if query.needs_person {
        clause.push_str(" and (conflicts > 0 or proposals > 0 or held > 0 or differs > 0)");
    }
    if query.late {
        clause.push_str(" and is_late = 1");
    }
    if let Some(technician) = query.technician {
        clause.push_str(
            " and exists (select 1 from job_technician t
                where t.tenant = job.tenant and t.technician = ? and t.work_order = job.id)",
        );
        values.push(Sql::Blob(technician.as_bytes().to_vec()));
    }
    for (bound, operator) in [(query.from_ms, ">="), (query.to_ms, "<")] {
        if let Some(bound) = bound {
            clause.push_str(&format!(" and coalesce(planned_ms, due_ms, requested_ms) {operator} ?"));
            values.push(Sql::Integer(bound));
        }
    }
    if let Some(text) = &query.text {
        clause.push_str(" and job.row in (select rowid from job_text where job_text match ?)");
        values.push(Sql::Text(text.clone()));
    }
    (clause, values)
}

fn order(sort: Sort) -> &'static str {
    match sort {
        Sort::Changed => "changed_ms desc, job.id desc",
        Sort::ChangedOldest => "changed_ms, job.id",
        Sort::Number => "number, job.id",
        Sort::Priority => "priority, coalesce(due_ms, 9223372036854775807), job.id",
        Sort::Due => "coalesce(due_ms, 9223372036854775807), priority, job.id",
        Sort::Customer => "customer, site, asset, job.id",
        Sort::Status => "status, changed_ms desc, job.id",
    }
}

impl Board for SqliteTxn<'_> {
    fn put_job(&mut self, row: &JobRow, technicians: &[RecordId], tokens: &str) -> Result<(), StoreError> {
        let known: Option<i64> = self
            .connection
            .prepare_cached("select row from job where tenant = ?1 and id = ?2")?
            .query_row((self.tenant.0, row.id.as_bytes()), |row| row.get(0))
            .optional()?;
        let text_row = match known {
            Some(text_row) => {
                self.connection.prepare_cached("delete from job_text where rowid = ?1")?.execute([text_row])?;
                text_row
            }
            None => self
                .connection
                .prepare_cached("select coalesce(max(row), 0) + 1 from job")?
                .query_row([], |row| row.get(0))?,
        };
        self.connection
            .prepare_cached("insert into job_text (rowid, tokens) values (?1, ?2)")?
            .execute((text_row, tokens))?;
        self.connection
            .prepare_cached(
                "insert or replace into job (tenant, id, number, status, priority, due_ms, planned_ms, customer, site,
                    asset, problem, technicians, requested_ms, changed_ms, conflicts, proposals, differs,
                    missing_blobs, held, is_late, row)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
            )?
            .execute(rusqlite::params![
                self.tenant.0,
                row.id.as_bytes(),
                row.number,
                row.status.name(),
                row.priority,
                row.due_ms,
                row.planned_ms,
                row.customer,
                row.site,
                row.asset,
                row.problem,
                row.technicians,
                row.requested_ms,
                row.changed_ms,
                row.conflicts,
                row.proposals,
                row.differs,
                row.missing_blobs,
                row.held,
                row.is_late,
                text_row,
            ])?;
        self.connection
            .prepare_cached("delete from job_technician where tenant = ?1 and work_order = ?2")?
            .execute((self.tenant.0, row.id.as_bytes()))?;
        let mut statement = self
            .connection
            .prepare_cached("insert into job_technician (tenant, technician, work_order) values (?1, ?2, ?3)")?;
        for technician in technicians {
            statement.execute((self.tenant.0, technician.as_bytes(), row.id.as_bytes()))?;
        }
        Ok(())
    }

    fn job(&mut self, id: RecordId) -> Result<Option<JobRow>, StoreError> {
        let sql = format!("select {COLUMNS} from job where tenant = ?1 and id = ?2");
        let mut statement = self.connection.prepare_cached(&sql)?;
        Ok(statement.query_row((self.tenant.0, id.as_bytes()), job_row).optional()?)
    }

    fn jobs(&mut self, query: &JobQuery) -> Result<Vec<JobRow>, StoreError> {
        let (clause, mut values) = filter(self.tenant.0, query, true);
        values.push(Sql::Integer(query.limit as i64));
        values.push(Sql::Integer(query.offset as i64));
        let order = order(query.sort);
        let sql = format!("select {COLUMNS} from job where {clause} order by {order} limit ? offset ?");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(rusqlite::params_from_iter(values), job_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn count_jobs(&mut self, query: &JobQuery) -> Result<u64, StoreError> {
        let (clause, values) = filter(self.tenant.0, query, true);
        let mut statement = self.connection.prepare_cached(&format!("select count(*) from job where {clause}"))?;
        let count: i64 = statement.query_row(rusqlite::params_from_iter(values), |row| row.get(0))?;
        Ok(count as u64)
    }

    fn count_by_status(&mut self, query: &JobQuery) -> Result<BTreeMap<Status, u64>, StoreError> {
        let (clause, values) = filter(self.tenant.0, query, false);
        let sql = format!("select status, count(*) from job where {clause} group by status");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(rusqlite::params_from_iter(values), |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)? as u64))
        })?;
        let mut counts = BTreeMap::new();
        for row in rows {
            let (name, count) = row?;
            counts.insert(Status::from_name(&name).ok_or(StoreError::Damaged("status"))?, count);
        }
        Ok(counts)
    }

    fn count_records(&mut self) -> Result<BTreeMap<String, u64>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("select kind, count(*) from record where tenant = ?1 group by kind order by kind")?;
        let rows = statement.query_map([self.tenant.0], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn load(&mut self) -> Result<BTreeMap<RecordId, u64>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "select t.technician, count(*) from job_technician t
             join job on job.tenant = t.tenant and job.id = t.work_order
             where t.tenant = ?1 and job.status in ('dispatched', 'in_progress', 'follow_up', 'returned')
             group by t.technician",
        )?;
        let rows = statement
            .query_map([self.tenant.0], |row| Ok((column!(row, 0, RecordId), row.get::<_, i64>(1)? as u64)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
