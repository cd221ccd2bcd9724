//! Why a record is on this device, or is not: for a technician who wonders, and for support.
//!
//! What is said here is what the device knows. Why something is *not* here only the office can say in full; its
//! `explain` does.

use std::collections::BTreeSet;
use std::fmt;

use fieldsync_protocol::job::Job;
use fieldsync_protocol::kinds::{self, Reach};
use fieldsync_protocol::rights::Code;
use fieldsync_protocol::{PersonId, Record, RecordId, show};
use rusqlite::{Connection, params};
use serde::Serialize;

use crate::device::Device;
use crate::drawer::DrawerState;
use crate::error::Error;
use crate::store;
use crate::store::record::Leaving;

/// Longest way from an order to what it refers to: order, asset, site, customer.
const STEPS_MAX: usize = 3;

/// Why a record is on this device, or is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The record.
    pub record: RecordId,
    /// Its kind; `None` when nothing of it is here, not even in the drawer.
    pub kind: Option<String>,
    /// What people call it: a number or a name.
    pub name: Option<String>,
    /// Whether it is here.
    pub presence: Presence,
    /// Every way in which it belongs here. Empty for what is leaving, or not here.
    pub reasons: Vec<Reason>,
    /// What this device still owes the office about it, or the office did not accept.
    pub work: Vec<OwnWork>,
}

/// Whether a record is on this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// The office delivered it.
    Here,
    /// It was made here and the office has not answered yet.
    OnlyHere,
    /// The office took it away; it goes as soon as nothing of it waits for an answer.
    Leaving,
    /// It is not here.
    Absent,
}

/// One way in which a record belongs on this device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// How it hangs together with a work order, or is seen by everybody.
    pub link: Link,
    /// That order, when there is one.
    pub order: Option<OrderName>,
    /// Why that order is here; `None` without an order.
    pub because: Option<Because>,
}

/// How a record hangs together with a work order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// It is the order.
    Order,
    /// It hangs below the order: a note, a report, an assignment.
    Below,
    /// The order names it in this field: `customer`, `site`, `asset`, `contact`.
    Named(String),
    /// Something the order names refers to it: the name of that, and in which field.
    Through {
        /// What the order names.
        name: String,
        /// The field of it that names this record.
        field: String,
    },
    /// It was made on this device and no order names it.
    Own,
    /// A part of the catalogue, seen by everybody.
    Catalogue,
    /// A technician, seen by everybody.
    Team,
}

/// A work order by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct OrderName {
    /// The order.
    pub id: RecordId,
    /// Its number; empty when it has none yet.
    pub number: String,
}

/// Why an order is on this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// It is assigned to this technician.
    Assigned {
        /// The assignment.
        assignment: RecordId,
    },
    /// This technician opened it on site and nobody has been assigned yet.
    Opened,
    /// It is leaving: taken away, and kept only for work that waits for an answer.
    Leaving,
    /// Nothing here says why: the office decided, and its reason has not arrived.
    Unknown,
}

/// Own work about a record that has not been accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnWork {
    /// So many edits wait for the office's answer; they keep the record here.
    Pending(u32),
    /// It is offered back to an office that forgot it, and kept until that is answered.
    Offered,
    /// Its photo or file is not yet at the office, and keeps it here.
    Upload,
    /// An edit in the drawer: refused, or held at the office. It does not keep the record here.
    Drawer {
        /// Which of both.
        state: DrawerState,
        /// The office's code.
        code: String,
    },
}

impl Device {
    /// Says why a record is on this device or not, without a network. A record that nobody knows is explained as absent,
    /// not refused.
    ///
    /// # Errors
    /// As for every read, when the store cannot be used.
    pub fn explain(&self, record: RecordId) -> Result<Explanation, Error> {
        self.read(|connection| explain(connection, record))
    }
}

fn explain(connection: &Connection, id: RecordId) -> Result<Explanation, Error> {
    let shown = store::shown(connection, id)?;
    let is_delivered = store::record::theirs(connection, id)?.is_some();
    let presence = match store::record::standing(connection, id)? {
        None => Presence::Absent,
        Some(Leaving::Yes) => Presence::Leaving,
        Some(Leaving::No) if is_delivered => Presence::Here,
        Some(Leaving::No) => Presence::OnlyHere,
    };
    let drawer = store::drawer::of(connection, id)?;
    let mut work = Vec::new();
    let pending = store::pending::of(connection, id)?.len();
    if pending > 0 {
        work.push(OwnWork::Pending(u32::try_from(pending).unwrap_or(u32::MAX)));
    }
    if !store::offer::of(connection, id)?.is_empty() {
        work.push(OwnWork::Offered);
    }
    if store::blob::is_upload(connection, id)? {
        work.push(OwnWork::Upload);
    }
    work.extend(drawer.iter().map(|entry| OwnWork::Drawer { state: entry.state, code: entry.code.clone() }));
    let reasons = match (&shown, presence) {
        (Some(record), Presence::Here | Presence::OnlyHere) => reasons(connection, record)?,
        _ => Vec::new(),
    };
    let kind = shown.as_ref().map(|record| record.kind.clone()).or_else(|| Some(drawer.first()?.kind.clone()));
    Ok(Explanation { record: id, kind, name: shown.as_ref().and_then(name_of), presence, reasons, work })
}

fn name_of(record: &Record) -> Option<String> {
    match record.kind.as_str() {
        "work_order" => Job::collect(record, []).number().map(str::to_owned),
        _ => show::name(record).map(str::to_owned),
    }
}

fn reasons(connection: &Connection, record: &Record) -> Result<Vec<Reason>, Error> {
    let everybody = |link| Ok(vec![Reason { link, order: None, because: None }]);
    let orders: Vec<(Link, RecordId)> = match kinds::kind(&record.kind).map(|kind| kind.reach) {
        Some(Reach::Shared) => {
            return everybody(if record.kind == "technician" { Link::Team } else { Link::Catalogue });
        }
        Some(Reach::Order) => vec![(Link::Order, record.id)],
        Some(Reach::BelowOrder) => {
            store::record::work_order(record).map(|order| (Link::Below, order)).into_iter().collect()
        }
        Some(Reach::Referred) => referring(connection, record.id)?,
        None => Vec::new(),
    };
    let me = crate::enrol::identity(connection)?.map(|identity| identity.person);
    if orders.is_empty() && me.is_some() && show::author(record) == me {
        return everybody(Link::Own);
    }
    let mut reasons = Vec::with_capacity(orders.len());
    for (link, id) in orders {
        let Some(order) = store::shown(connection, id)? else { continue };
        let name = OrderName { id, number: name_of(&order).unwrap_or_default() };
        reasons.push(Reason { link, order: Some(name), because: Some(because(connection, &order, me)?) });
    }
    reasons.sort_by(|one, other| one.order.cmp(&other.order));
    Ok(reasons)
}

/// Why an order is here.
fn because(connection: &Connection, order: &Record, me: Option<PersonId>) -> Result<Because, Error> {
    if store::record::standing(connection, order.id)? == Some(Leaving::Yes) {
        return Ok(Because::Leaving);
    }
    let job = Job::collect(order, &store::below(connection, order.id)?);
    let Some(me) = me else { return Ok(Because::Unknown) };
    let mine = RecordId(me.0);
    let own = job.assignments.iter().find(|own| own.is_live() && own.technicians.contains(&mine));
    Ok(match own {
        Some(own) => Because::Assigned { assignment: own.id },
        None if job.assignments.is_empty() && job.author() == Some(me) => Because::Opened,
        None => Because::Unknown,
    })
}

/// The orders that name a customer, site, asset or contact, or name something that refers to it.
fn referring(connection: &Connection, target: RecordId) -> Result<Vec<(Link, RecordId)>, Error> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([target]);
    let mut front = vec![target];
    for step in 0..STEPS_MAX {
        let mut next = Vec::new();
        for named in front {
            for order in naming(connection, named)? {
                let Some(record) = store::shown(connection, order)? else { continue };
                let Some((field, _)) = show::references(&record).into_iter().find(|(_, id)| *id == named) else {
                    continue;
                };
                let link = match step {
                    0 => Some(Link::Named(field.to_owned())),
                    _ => through(connection, named, target)?,
                };
                // An order that names the record itself needs no longer way.
                if let Some(link) = link
                    && !found.iter().any(|(_, known)| *known == order)
                {
                    found.push((link, order));
                }
            }
            next.extend(holders(connection, named)?.into_iter().filter(|id| seen.insert(*id)));
        }
        front = next;
    }
    Ok(found)
}

/// The link by which what an order names leads to `target`.
fn through(connection: &Connection, named: RecordId, target: RecordId) -> Result<Option<Link>, Error> {
    let mut at = named;
    let first = store::shown(connection, named)?;
    let name = first.as_ref().and_then(show::name).unwrap_or("something").to_owned();
    for _ in 0..STEPS_MAX {
        let Some(record) = store::shown(connection, at)? else { return Ok(None) };
        let references = show::references(&record);
        if let Some((field, _)) = references.iter().find(|(_, id)| *id == target) {
            return Ok(Some(Link::Through { name, field: (*field).to_owned() }));
        }
        let Some((_, further)) = references.first() else { return Ok(None) };
        at = *further;
    }
    Ok(None)
}

fn naming(connection: &Connection, named: RecordId) -> Result<Vec<RecordId>, Error> {
    ids(connection, "select work_order from job_source where source = ?1", named)
}

/// The customers, sites, assets and contacts here that refer to this one.
fn holders(connection: &Connection, named: RecordId) -> Result<Vec<RecordId>, Error> {
    ids(connection, "select id from directory where customer = ?1 or site = ?1", named)
}

fn ids(connection: &Connection, sql: &str, key: RecordId) -> Result<Vec<RecordId>, Error> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![key.as_bytes()], |row| store::record::id(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The explanation in plain words, a line each, for people and logs of support. Apps in other languages read the fields.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.record.to_string();
        let kind = self.kind.as_deref().map_or("record".to_owned(), |kind| kind.replace('_', " "));
        match &self.name {
            Some(name) => write!(f, "{name} ({kind})")?,
            None => write!(f, "{kind} {id}")?,
        }
        writeln!(
            f,
            " {}",
            match self.presence {
                Presence::Here => "is on this device.",
                Presence::OnlyHere => "is only on this device: the office has not answered yet.",
                Presence::Leaving => "is leaving this device: the office took it away.",
                Presence::Absent => "is not on this device.",
            }
        )?;
        for reason in &self.reasons {
            writeln!(f, "  {reason}")?;
        }
        for work in &self.work {
            writeln!(f, "  {work}")?;
        }
        match (self.presence, self.reasons.is_empty(), self.work.is_empty()) {
            (Presence::Here | Presence::OnlyHere, true, _) => writeln!(f, "  nothing here says why"),
            (Presence::Absent, _, _) => writeln!(f, "  the office can say why: it knows who sees what"),
            (Presence::Leaving, _, true) => writeln!(f, "  nothing of it waits any more: it goes with the next sync"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.order.as_ref().map_or("", |order| order.number.as_str());
        let order = if number.is_empty() { "an order without a number" } else { number };
        match &self.link {
            Link::Order => write!(f, "it is a work order")?,
            Link::Below => write!(f, "it belongs to {order}")?,
            Link::Named(field) => write!(f, "it is the {field} of {order}")?,
            Link::Through { name, field } => write!(f, "it is the {field} of {name}, which {order} names")?,
            Link::Own => return write!(f, "you made it, and no order names it"),
            Link::Catalogue => return write!(f, "it is part of the catalogue, which every device has"),
            Link::Team => return write!(f, "it is part of the team, which every device has"),
        }
        match self.because {
            Some(Because::Assigned { .. }) => write!(f, ", assigned to you"),
            Some(Because::Opened) => write!(f, ", opened by you on site; nobody is assigned yet"),
            Some(Because::Leaving) => write!(f, ", which is leaving this device"),
            Some(Because::Unknown) | None => write!(f, "; nothing here says why that is on this device"),
        }
    }
}

impl fmt::Display for OwnWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending(1) => write!(f, "1 edit waits for the office's answer and keeps it here"),
            Self::Pending(count) => write!(f, "{count} edits wait for the office's answer and keep it here"),
            Self::Offered => write!(f, "it is being offered back to the office, which forgot it"),
            Self::Upload => write!(f, "its photo or file is not yet at the office and keeps it here"),
            Self::Drawer { state, code } => {
                let why = Code::from_name(code).map_or(code.as_str(), |code| code.text());
                match state {
                    DrawerState::Held => write!(f, "an edit of it is at the office, not accepted: {why}"),
                    DrawerState::Refused => write!(f, "an edit of it was refused: {why}"),
                    DrawerState::Superseded => write!(f, "an edit of it was refused and replaced since: {why}"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use fieldsync_protocol::fields;

    use super::*;
    use crate::Draft;
    use crate::fixture::{COLLEAGUE, Fixture, MORNING_MS, assignment, id, office_edit, order, record};

    fn text(fixture: &Fixture, number: u8) -> String {
        fixture.device.explain(id(number)).unwrap().to_string()
    }

    #[test]
    fn a_job_and_what_hangs_together_with_it_are_explained_by_the_assignment() {
        let fixture = Fixture::with_job();

        assert_eq!(
            text(&fixture, 50),
            "WO-50 (work order) is on this device.\n  it is a work order, assigned to you\n"
        );
        assert_eq!(
            text(&fixture, 60),
            format!("assignment {} is on this device.\n  it belongs to WO-50, assigned to you\n", id(60))
        );
        assert_eq!(
            text(&fixture, 20),
            "Steinbruch Nord (customer) is on this device.\n  it is the customer of WO-50, assigned to you\n"
        );
        assert_eq!(
            text(&fixture, 30),
            "Return filter (part) is on this device.\n  it is part of the catalogue, which every device has\n"
        );
        assert_eq!(
            text(&fixture, 2),
            "Bert Holm (technician) is on this device.\n  it is part of the team, which every device has\n"
        );
    }

    #[test]
    fn an_asset_of_two_jobs_is_here_for_both_and_its_owner_through_it() {
        let fixture = Fixture::with_job();
        let mut asset = record("asset", 22, "identity", fields! { "name" => "Excavator A" });
        office_edit(&mut asset, "place", fields! { "customer" => id(24) });
        let mut second = order(51, "WO-51", "boom drops");
        office_edit(&mut second, "parties", fields! { "asset" => id(22) });
        let owner = record("customer", 24, "identity", fields! { "name" => "Rental Ltd" });
        fixture.deliver(&[asset, second, owner, assignment(61, 51, 1, MORNING_MS)]);

        assert_eq!(
            text(&fixture, 22),
            "Excavator A (asset) is on this device.\n  it is the asset of WO-50, assigned to you\n  it is the asset of \
             WO-51, assigned to you\n"
        );
        assert_eq!(
            text(&fixture, 24),
            "Rental Ltd (customer) is on this device.\n  it is the customer of Excavator A, which WO-50 names, assigned \
             to you\n  it is the customer of Excavator A, which WO-51 names, assigned to you\n"
        );
    }

    #[test]
    fn pending_work_is_told_and_a_record_that_leaves_says_what_keeps_it() {
        let fixture = Fixture::with_job();
        let note = Draft::new("note").set("text", fields! { "work_order" => id(50), "text" => "gate code" });
        let note = fixture.device.edit(note).unwrap().record;
        assert_eq!(
            fixture.device.explain(note).unwrap().to_string(),
            format!(
                "note {note} is only on this device: the office has not answered yet.\n  it belongs to WO-50, assigned \
                 to you\n  1 edit waits for the office's answer and keeps it here\n"
            )
        );
        let report =
            Draft::new("work_report").set("subject", fields! { "work_order" => id(50), "technician" => id(1) });
        let report = fixture.device.edit(report).unwrap().record;
        fixture.device.change(|work| work.set_leaving(id(50), Leaving::Yes)).unwrap();

        assert_eq!(
            text(&fixture, 50),
            "WO-50 (work order) is leaving this device: the office took it away.\n  nothing of it waits any more: it \
             goes with the next sync\n"
        );
        let explained = fixture.device.explain(report).unwrap();
        assert_eq!(explained.reasons[0].because, Some(Because::Leaving));
        assert_eq!(explained.work, [OwnWork::Pending(1)]);
    }

    #[test]
    fn what_is_not_here_says_so_and_a_job_of_nobody_is_not_explained_away() {
        let fixture = Fixture::with_job();
        assert_eq!(
            text(&fixture, 99),
            format!("record {} is not on this device.\n  the office can say why: it knows who sees what\n", id(99))
        );
        fixture.deliver(&[order(52, "WO-52", "noise"), assignment(62, 52, COLLEAGUE, MORNING_MS)]);
        assert_eq!(
            text(&fixture, 52),
            "WO-52 (work order) is on this device.\n  it is a work order; nothing here says why that is on this device\n"
        );
    }
}
