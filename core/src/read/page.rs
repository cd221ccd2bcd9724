//! Everything a job's screen shows, read in one snapshot.

use std::collections::BTreeMap;

use fieldsync_protocol::job::Job;
use fieldsync_protocol::status::{Status, status};
use fieldsync_protocol::{Record, RecordId, show};
use rusqlite::Connection;
use serde::Serialize;

use super::{Missing, has_to_decide, missing};
use crate::drawer::DrawerState;
use crate::edit::{ConflictEntry, Context};
use crate::enrol::identity;
use crate::error::Error;
use crate::projection::Names;
use crate::signing::{self, SignatureStatus};
use crate::store;

/// A job as its screen shows it.
#[derive(Debug, Clone)]
pub struct JobPage {
    /// The order with everything below it, typed.
    pub job: Job,
    /// Where it stands, derived.
    pub status: Status,
    /// The customer, when the order names one.
    pub customer: Option<Party>,
    /// The site.
    pub site: Option<Party>,
    /// The asset.
    pub asset: Option<Party>,
    /// The contact.
    pub contact: Option<Party>,
    /// Names of everybody on the job; a technician who is not on this device is left out.
    pub technicians: BTreeMap<RecordId, String>,
    /// What the job needs before it can go to the office, in the order in which to do it.
    pub missing: Vec<Missing>,
    /// What of it the office has not answered or not accepted.
    pub waiting: Vec<Waiting>,
    /// Groups in which people must decide, with every value.
    pub conflicts: Vec<ConflictEntry>,
    /// Signatures, verified, with what differs now from what was signed; empty before enrolment.
    pub signatures: Vec<SignatureStatus>,
    /// What an edit of each of these records names as seen: the order, everything below it, and its parties.
    pub contexts: BTreeMap<RecordId, Context>,
}

/// A customer, site, asset or contact of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Party {
    /// The record.
    pub id: RecordId,
    /// Its name; empty when it is not on this device.
    pub name: String,
    /// The record as shown; `None` when it is not on this device.
    pub record: Option<Record>,
}

/// A part of a job that the office does not have, or does not accept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: String,
    /// The group.
    pub group: String,
    /// How it stands.
    pub state: WaitingState,
    /// When it was entered, on the device's clock.
    pub at_ms: i64,
}

/// How an entry stands that is not simply at the office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitingState {
    /// Only on this device, until the office answers.
    Pending,
    /// The office refused it, or a newer own entry took its place; it is in the drawer.
    Refused {
        /// The office's code.
        code: String,
    },
    /// It is at the office, applied to nothing, until a person there decides.
    Held {
        /// The office's code.
        code: String,
    },
}

pub(super) fn read(conn: &Connection, order: RecordId) -> Result<JobPage, Error> {
    let job = signing::job(conn, order)?;
    let below = store::below(conn, order)?;
    let records = || std::iter::once(&job.order).chain(below.iter().filter(|record| !record.is_deleted()));
    let names = Names::of_job(conn, &job)?;
    let party = |role: &str| party(conn, &job, role);
    let (customer, site, asset, contact) = (party("customer")?, party("site")?, party("asset")?, party("contact")?);
    let mut contexts: BTreeMap<RecordId, Context> = BTreeMap::new();
    for record in records() {
        contexts.insert(record.id, Context::of(conn, record)?);
    }
    for party in [&customer, &site, &asset, &contact].into_iter().flatten() {
        if let Some(record) = &party.record {
            contexts.insert(party.id, Context::of(conn, record)?);
        }
    }
    let mut waiting = Vec::new();
    for record in records() {
        waiting.extend(pending(conn, record)?);
    }
    waiting.extend(in_drawer(conn, order)?);
    let mut conflicts = Vec::new();
    for record in records() {
        let context = Context::of(conn, record)?;
        conflicts.extend(show::conflicts(record).into_iter().map(|conflict| ConflictEntry {
            record: record.id,
            kind: record.kind.clone(),
            work_order: Some(order),
            conflict,
            context: context.clone(),
        }));
    }
    let signatures = match identity(conn)? {
        Some(identity) => signing::statuses(&job, &names, &identity.root),
        None => Vec::new(),
    };
    Ok(JobPage {
        status: status(&job),
        missing: missing(&job, has_to_decide(records())),
        technicians: Names::of(conn, job.people())?.all().clone(),
        customer,
        site,
        asset,
        contact,
        waiting,
        conflicts,
        signatures,
        contexts,
        job,
    })
}

fn party(conn: &Connection, job: &Job, role: &str) -> Result<Option<Party>, Error> {
    let Some(id) = job.party(role) else { return Ok(None) };
    let record = store::shown(conn, id)?.filter(|record| !record.is_deleted());
    let name = record.as_ref().and_then(show::name);
    Ok(Some(Party { id, name: name.unwrap_or_default().to_owned(), record }))
}

fn pending(conn: &Connection, record: &Record) -> Result<Vec<Waiting>, Error> {
    let waiting = store::pending::of(conn, record.id)?.into_iter().map(|edit| Waiting {
        record: record.id,
        kind: record.kind.clone(),
        group: edit.group,
        state: WaitingState::Pending,
        at_ms: edit.stamp.at_ms,
    });
    Ok(waiting.collect())
}

fn in_drawer(conn: &Connection, order: RecordId) -> Result<Vec<Waiting>, Error> {
    let entries = store::drawer::all(conn)?.into_iter();
    let ours = entries.filter(|entry| entry.record == order || entry.work_order == Some(order));
    Ok(ours
        .map(|entry| Waiting {
            record: entry.record,
            kind: entry.kind,
            group: entry.edit.group,
            state: match entry.state {
                DrawerState::Held => WaitingState::Held { code: entry.code },
                DrawerState::Refused | DrawerState::Superseded => WaitingState::Refused { code: entry.code },
            },
            at_ms: entry.edit.stamp.at_ms,
        })
        .collect())
}
