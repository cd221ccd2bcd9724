//! Names of the records that a job refers to, as the directory knows them.

use std::collections::BTreeMap;

use fieldsync_protocol::RecordId;
use fieldsync_protocol::job::Job;
use rusqlite::{Connection, OptionalExtension, params};

/// Names by record.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(BTreeMap<RecordId, String>);

impl Names {
    /// Names of everything `job` refers to.
    pub(crate) fn of_job(conn: &Connection, job: &Job) -> rusqlite::Result<Names> {
        Self::of(conn, job.parties().into_iter().chain(job.people()))
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
