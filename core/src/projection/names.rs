//! Names of the records that a job refers to, as the directory knows them.

use std::collections::{BTreeMap, BTreeSet};

use fieldsync_protocol::document::Parties;
use fieldsync_protocol::job::Job;
use fieldsync_protocol::{FieldsExt, RecordId};
use rusqlite::{Connection, OptionalExtension, params};

/// Names by record.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(BTreeMap<RecordId, String>);

impl Names {
    /// Names of everything `job` refers to.
    pub(crate) fn of_job(conn: &Connection, job: &Job) -> rusqlite::Result<Names> {
        Self::of(conn, referred(job).into_iter().chain(technicians(job)))
    }

    /// Names of `ids`; those not on this device are left out.
    pub(crate) fn of(conn: &Connection, ids: impl IntoIterator<Item = RecordId>) -> rusqlite::Result<Names> {
        let mut select = conn.prepare_cached("select name from directory where id = ?1")?;
        let mut names = BTreeMap::new();
        for id in ids {
            let found: Option<String> = select.query_row(params![id.as_bytes()], |row| row.get(0)).optional()?;
            names.extend(found.map(|found| (id, found)));
        }
        Ok(Names(names))
    }

    /// The name, when the record is on this device.
    pub(crate) fn name(&self, id: RecordId) -> Option<&str> {
        self.0.get(&id).map(String::as_str)
    }

    /// All of them.
    pub(crate) fn all(&self) -> &BTreeMap<RecordId, String> {
        &self.0
    }
}

/// The record that the order names as its customer, site, asset or contact.
pub(crate) fn party(job: &Job, role: &str) -> Option<RecordId> {
    job.group("parties").and_then(|fields| fields.id(role))
}

/// Customer, site, asset and contact of the order.
pub(crate) fn referred(job: &Job) -> BTreeSet<RecordId> {
    ["customer", "site", "asset", "contact"].into_iter().filter_map(|role| party(job, role)).collect()
}

/// Everybody who is named on the job: planned, or having recorded something.
pub(crate) fn technicians(job: &Job) -> BTreeSet<RecordId> {
    let planned = job.assignments.iter().flat_map(|assignment| assignment.technicians.iter().copied());
    planned
        .chain(job.events.iter().map(|event| event.technician))
        .chain(job.reports.iter().map(|report| report.technician))
        .chain(job.parts.iter().map(|part| part.technician))
        .chain(job.times.iter().map(|entry| entry.technician))
        .collect()
}

/// Whom a voucher of `job` concerns, as it would be shown now: plain names, so that the office says the same.
pub(crate) fn parties(job: &Job, names: &Names) -> Parties {
    let text = |group: &str, field: &str| {
        job.group(group).and_then(|fields| fields.text(field)).unwrap_or_default().to_owned()
    };
    let name = |role: &str| party(job, role).and_then(|id| names.name(id)).unwrap_or_default().to_owned();
    Parties {
        number: job.number().unwrap_or_default().to_owned(),
        customer: name("customer"),
        site: name("site"),
        asset: name("asset"),
        problem: text("problem", "text"),
        category: text("category", "category"),
    }
}
