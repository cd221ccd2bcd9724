//! Why a technician's devices have a record, or do not: for dispatchers and support.
//!
//! Nothing here decides anything. It reads what [`super::scope`] keeps and says it with names: which order leads to the
//! record, who assigned it, since when, and how far each device has confirmed to be.

use std::collections::BTreeSet;

use fieldsync_protocol::job::Job;
use fieldsync_protocol::kinds::{self, Reach};
use fieldsync_protocol::{DeviceId, FieldsExt, PersonId, Record, RecordId, search, show};
use serde::Serialize;

use crate::store::{Audience, JobQuery, ScopeRow, StoreError, Txn};

/// What somebody is called who is neither a technician nor a user: a command, or the office itself.
const OFFICE: &str = "the office";
/// Orders with one number that are looked at: numbers are given once, imported ones may repeat.
const SAME_NUMBER_MAX: u64 = 50;

/// Why devices have a record, or do not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The record.
    pub record: RecordId,
    /// Its kind; `None` when the office does not know it.
    pub kind: Option<String>,
    /// What people call it: a number or a name.
    pub name: Option<String>,
    /// The technicians asked about, or everybody who sees it or once did.
    pub people: Vec<Standing>,
}

/// How a record stands to one technician.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The technician.
    pub technician: RecordId,
    /// Their name.
    pub name: String,
    /// Whether they see it.
    pub sight: Sight,
    /// Why, or why not.
    pub reasons: Vec<Reason>,
    /// Their devices.
    pub devices: Vec<DeviceStanding>,
}

/// Whether a technician sees a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// Everybody does.
    Everybody,
    /// It is in their scope.
    Sees {
        /// Since when.
        since: Moment,
    },
    /// It was, and left.
    Lost {
        /// When.
        at: Moment,
    },
    /// It never was.
    Never,
}

/// A place in history, and when it was written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// The place.
    pub place: u64,
    /// When, on the office's clock.
    pub at_ms: Option<i64>,
}

/// One link in why a technician sees a record or does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A part of the catalogue.
    Catalogue,
    /// A member of the team.
    Team,
    /// They made it on site.
    Made,
    /// An order leads to it.
    Order {
        /// The order.
        order: RecordId,
        /// Its number.
        number: String,
        /// How it leads to the record: `itself`, `below`, or the fields that name it, from the order on.
        path: Vec<String>,
        /// Why they see that order, or not.
        access: OrderAccess,
    },
    /// The kind is from a newer version: kept, and shown to nobody but the office.
    UnknownKind,
    /// No order leads to it.
    NoOrder,
}

/// Why a technician sees an order, or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderAccess {
    /// It is assigned to them.
    Assigned {
        /// The assignment.
        assignment: RecordId,
        /// Who assigned it.
        by: String,
        /// When, by the clock of whoever did.
        at_ms: i64,
    },
    /// They opened it on site and nobody has been assigned yet.
    Opened,
    /// Their assignment was withdrawn.
    Withdrawn {
        /// The assignment.
        assignment: RecordId,
        /// Who withdrew it.
        by: String,
        /// When, by the clock of whoever did.
        at_ms: i64,
        /// Why; empty when nobody said.
        reason: String,
    },
    /// Others are assigned; their names.
    Others(Vec<String>),
    /// Nobody is assigned.
    Nobody,
}

/// What a device has of a record, as far as it confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceStanding {
    /// The device.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// The place in history up to which it has confirmed to have everything.
    pub cursor: u64,
    /// When it was last heard of.
    pub heard_ms: Option<i64>,
    /// What it has.
    pub has: Has,
}

/// What a device has of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Has {
    /// It gets nothing: it was revoked.
    Revoked,
    /// It has never synced.
    NeverSynced,
    /// It has the record as it stands.
    Current,
    /// It has the record, without its last change.
    Older,
    /// It has not confirmed to have it: the record came after its cursor.
    NotYet,
    /// The record left, and it has not confirmed to know that: it keeps it until then.
    NotToldThatItLeft,
    /// It was told that the record left: it is gone there as soon as nothing of it waits for an answer.
    ToldThatItLeft,
    /// It never had it.
    Nothing,
}

/// The record that somebody means by an id or a work order's number.
///
/// # Errors
/// [`StoreError`] of the store. A number that several orders have names the first of them.
pub fn find(txn: &mut dyn Txn, wanted: &str) -> Result<Option<RecordId>, StoreError> {
    if let Ok(id) = wanted.parse() {
        return Ok(Some(id));
    }
    let Some(text) = search::match_expression(wanted) else { return Ok(None) };
    let rows = txn.jobs(&JobQuery { text: Some(text), limit: SAME_NUMBER_MAX, ..JobQuery::default() })?;
    Ok(rows.into_iter().find(|row| row.number.eq_ignore_ascii_case(wanted.trim())).map(|row| row.id))
}

/// Says why the devices of `technician` have a record or not; without one, of everybody who sees it or once did. A record
/// that the office does not know is explained as unknown.
///
/// # Errors
/// [`StoreError`] of the store.
pub fn explain(
    txn: &mut dyn Txn,
    record: RecordId,
    technician: Option<RecordId>,
    device: Option<DeviceId>,
) -> Result<Explanation, StoreError> {
    let stored = txn.record(record)?.map(|stored| stored.record);
    let rows = txn.scope_rows_of(record)?;
    let is_shared = rows.iter().any(|(audience, row)| *audience == Audience::SHARED && !row.has_left);
    let technicians: Vec<RecordId> = match technician {
        Some(technician) => vec![technician],
        None if is_shared => Vec::new(),
        None => rows.iter().filter_map(|(audience, _)| audience.technician()).collect(),
    };
    let mut people = Vec::with_capacity(technicians.len());
    for technician in technicians {
        let own = rows.iter().find(|(audience, _)| *audience == Audience::of(technician)).map(|(_, row)| *row);
        let shared = rows.iter().find(|(audience, _)| *audience == Audience::SHARED).map(|(_, row)| *row);
        people.push(standing(txn, stored.as_ref(), technician, own, shared.filter(|row| !row.has_left), device)?);
    }
    people.sort_by(|one, other| (&one.name, one.technician).cmp(&(&other.name, other.technician)));
    let name = match &stored {
        Some(stored) => name_of(stored),
        None => None,
    };
    Ok(Explanation { record, kind: stored.map(|stored| stored.kind), name, people })
}

fn name_of(record: &Record) -> Option<String> {
    match record.kind.as_str() {
        "work_order" => Job::collect(record, []).number().map(str::to_owned),
        _ => show::name(record).map(str::to_owned),
    }
}

fn standing(
    txn: &mut dyn Txn,
    record: Option<&Record>,
    technician: RecordId,
    own: Option<ScopeRow>,
    shared: Option<ScopeRow>,
    device: Option<DeviceId>,
) -> Result<Standing, StoreError> {
    let sight = match (shared, own) {
        (Some(_), _) => Sight::Everybody,
        (None, Some(row)) if row.has_left => Sight::Lost { at: moment(txn, row.changed)? },
        (None, Some(row)) => Sight::Sees { since: moment(txn, row.entered)? },
        (None, None) => Sight::Never,
    };
    let reasons = match record {
        Some(record) => reasons(txn, record, technician)?,
        None => Vec::new(),
    };
    let mut devices = Vec::new();
    for known in txn.devices()? {
        let is_asked = device.is_none_or(|asked| asked == known.id);
        if known.person.0 != technician.0 || !is_asked {
            continue;
        }
        let has = match shared.or(own) {
            _ if known.revoked_ms.is_some() => Has::Revoked,
            _ if known.contact_ms.is_none() => Has::NeverSynced,
            None => Has::Nothing,
            Some(row) => has(&row, known.position),
        };
        let (cursor, heard_ms) = (known.position, known.contact_ms);
        devices.push(DeviceStanding { device: known.id, name: known.name, cursor, heard_ms, has });
    }
    let name = person(txn, PersonId(technician.0))?;
    Ok(Standing { technician, name, sight, reasons, devices })
}

fn has(row: &ScopeRow, cursor: u64) -> Has {
    match (row.has_left, cursor >= row.entered, cursor >= row.changed) {
        (false, true, true) => Has::Current,
        (false, true, false) => Has::Older,
        (false, false, _) => Has::NotYet,
        (true, _, true) => Has::ToldThatItLeft,
        (true, true, false) => Has::NotToldThatItLeft,
        (true, false, false) => Has::Nothing,
    }
}

fn moment(txn: &mut dyn Txn, place: u64) -> Result<Moment, StoreError> {
    let entry = txn.history_after(place.saturating_sub(1), 1)?.into_iter().next();
    Ok(Moment { place, at_ms: entry.filter(|entry| entry.sequence == place).map(|entry| entry.entry.arrived_ms) })
}

fn reasons(txn: &mut dyn Txn, record: &Record, technician: RecordId) -> Result<Vec<Reason>, StoreError> {
    let orders: Vec<(RecordId, Vec<String>)> = match kinds::kind(&record.kind).map(|kind| kind.reach) {
        None => return Ok(vec![Reason::UnknownKind]),
        Some(Reach::Shared) if record.kind == "technician" => return Ok(vec![Reason::Team]),
        Some(Reach::Shared) => return Ok(vec![Reason::Catalogue]),
        Some(Reach::Order) => vec![(record.id, vec!["itself".to_owned()])],
        Some(Reach::BelowOrder) => {
            let order = show::main_fields(record).and_then(|fields| fields.id("work_order"));
            order.map(|order| (order, vec!["below".to_owned()])).into_iter().collect()
        }
        Some(Reach::Referred) => {
            let mut orders = Vec::new();
            for order in txn.referring(record.id)? {
                orders.push((order, path(txn, order, record.id)?));
            }
            orders
        }
    };
    let mut reasons = Vec::new();
    if txn.reasons_of(Audience::of(technician), record.id)?.contains(&record.id)
        && orders.iter().all(|(id, _)| *id != record.id)
    {
        reasons.push(Reason::Made);
    }
    let mut found = Vec::new();
    for (order, path) in orders {
        if let Some(reason) = order_reason(txn, order, path, technician)? {
            found.push(reason);
        }
    }
    // Where one way in is open, those that are closed explain nothing.
    let is_open = |reason: &Reason| {
        matches!(reason, Reason::Order { access: OrderAccess::Assigned { .. } | OrderAccess::Opened, .. })
    };
    if found.iter().any(is_open) || !reasons.is_empty() {
        found.retain(is_open);
    }
    reasons.extend(found);
    if reasons.is_empty() {
        reasons.push(Reason::NoOrder);
    }
    Ok(reasons)
}

fn order_reason(
    txn: &mut dyn Txn,
    order: RecordId,
    path: Vec<String>,
    technician: RecordId,
) -> Result<Option<Reason>, StoreError> {
    let Some(stored) = txn.record(order)? else { return Ok(None) };
    let below = txn.below(order)?;
    let job = Job::collect(&stored.record, &below);
    let number = job.number().unwrap_or("an order without a number").to_owned();
    let stamp = |id: RecordId, group: &str| {
        let record = below.iter().find(|record| record.id == id)?;
        show::shown(record, group).map(|(_, sibling)| (sibling.stamp.clone(), sibling.fields.clone()))
    };
    let own = |is_live: bool| {
        let mut all = job.assignments.iter().rev();
        all.find(|own| own.is_live() == is_live && own.technicians.contains(&technician)).map(|own| own.id)
    };
    let access = if let Some((id, (stamp, _))) = own(true).and_then(|id| Some((id, stamp(id, "plan")?))) {
        let by = person(txn, stamp.person)?;
        OrderAccess::Assigned { assignment: id, by, at_ms: stamp.happened_ms() }
    } else if job.assignments.is_empty() && job.author() == Some(PersonId(technician.0)) {
        OrderAccess::Opened
    } else if let Some((id, (stamp, fields))) = own(false).and_then(|id| Some((id, stamp(id, "withdrawn")?))) {
        let by = person(txn, stamp.person)?;
        let reason = fields.text("reason").unwrap_or_default().to_owned();
        OrderAccess::Withdrawn { assignment: id, by, at_ms: stamp.happened_ms(), reason }
    } else {
        let mut others = Vec::new();
        for id in job.technicians() {
            others.push(person(txn, PersonId(id.0))?);
        }
        if others.is_empty() { OrderAccess::Nobody } else { OrderAccess::Others(others) }
    };
    Ok(Some(Reason::Order { order, number, path, access }))
}

/// The fields that lead from an order to what it refers to, shortest way first.
fn path(txn: &mut dyn Txn, order: RecordId, target: RecordId) -> Result<Vec<String>, StoreError> {
    let mut front = vec![(order, Vec::new())];
    let mut seen = BTreeSet::from([order]);
    while !front.is_empty() {
        let mut next = Vec::new();
        for (id, path) in front {
            let Some(stored) = txn.record(id)? else { continue };
            for (field, named) in show::references(&stored.record) {
                let mut path: Vec<String> = path.clone();
                path.push(field.to_owned());
                if named == target {
                    return Ok(path);
                }
                if seen.insert(named) {
                    next.push((named, path));
                }
            }
        }
        front = next;
    }
    Ok(Vec::new())
}

/// The name of a technician or of somebody in the office.
fn person(txn: &mut dyn Txn, id: PersonId) -> Result<String, StoreError> {
    if let Some(stored) = txn.record(RecordId(id.0))?
        && let Some(name) = show::name(&stored.record)
    {
        return Ok(name.to_owned());
    }
    let user = txn.user(id)?.map(|user| user.name);
    Ok(user.unwrap_or_else(|| OFFICE.to_owned()))
}

impl Explanation {
    /// What the record is and, when nobody is listed, who sees it.
    pub fn title(&self) -> String {
        let Some(kind) = &self.kind else {
            return format!("record {} is not known at the office: nothing of it was ever accepted here", self.record);
        };
        let is_shared = kinds::kind(kind).is_some_and(|kind| kind.reach == Reach::Shared);
        let kind = kind.replace('_', " ");
        let what = match &self.name {
            Some(name) => format!("{name} ({kind})"),
            None => format!("{kind} {}", self.record),
        };
        match (self.people.is_empty(), is_shared) {
            (false, _) => what,
            (true, true) => format!("{what}: every device has it"),
            (true, false) => format!("{what}: no technician sees it, and none ever did"),
        }
    }

    /// The explanation in plain words, a line each; `time` writes an instant in the reader's zone.
    pub fn text(&self, time: &dyn Fn(i64) -> String) -> String {
        let mut text = format!("{}\n", self.title());
        for person in &self.people {
            text.push_str(&format!("{}\n", person.title(time)));
            for line in person.lines(time) {
                text.push_str(&format!("  {line}\n"));
            }
        }
        text
    }
}

impl Standing {
    /// Who sees it, since when.
    pub fn title(&self, time: &dyn Fn(i64) -> String) -> String {
        let at = |moment: &Moment| match moment.at_ms {
            Some(at_ms) => format!("{} (place {})", time(at_ms), moment.place),
            None => format!("place {}", moment.place),
        };
        let name = &self.name;
        match &self.sight {
            Sight::Everybody => format!("{name} sees it, as everybody does"),
            Sight::Sees { since } => format!("{name} sees it since {}", at(since)),
            Sight::Lost { at: lost } => format!("{name} saw it until {}", at(lost)),
            Sight::Never => format!("{name} does not see it and never did"),
        }
    }

    /// Why, and what the devices have of it, a line each.
    pub fn lines(&self, time: &dyn Fn(i64) -> String) -> Vec<String> {
        let mut lines: Vec<String> = self.reasons.iter().map(|reason| reason.text(time)).collect();
        lines.extend(self.devices.iter().map(|device| device.text(time)));
        if self.devices.is_empty() {
            lines.push("no device of theirs is enrolled".to_owned());
        }
        lines
    }
}

impl DeviceStanding {
    fn text(&self, time: &dyn Fn(i64) -> String) -> String {
        let has = match self.has {
            Has::Revoked => "was revoked and gets nothing",
            Has::NeverSynced => return format!("{} has never synced", self.name),
            Has::Current => "has it as it stands",
            Has::Older => "has it, without its last change",
            Has::NotYet => "has not confirmed to have it yet",
            Has::NotToldThatItLeft => "has it still: it has not confirmed to know that it left",
            Has::ToldThatItLeft => "knows that it left, and keeps only what still waits for an answer",
            Has::Nothing => "does not have it",
        };
        let heard = self.heard_ms.map_or_else(|| "never".to_owned(), time);
        format!("{} {has}; confirmed up to place {}, heard {heard}", self.name, self.cursor)
    }
}

impl Reason {
    fn text(&self, time: &dyn Fn(i64) -> String) -> String {
        let (number, path, access) = match self {
            Self::Catalogue => return "it is part of the catalogue, which every device has".to_owned(),
            Self::Team => return "it is part of the team, which every device has".to_owned(),
            Self::Made => return "they made it on site".to_owned(),
            Self::UnknownKind => return "its kind is from a newer version: only the office has it".to_owned(),
            Self::NoOrder => return "no order leads to it".to_owned(),
            Self::Order { number, path, access, .. } => (number, path, access),
        };
        let link = match path.as_slice() {
            [itself] if itself == "itself" => format!("{number} is"),
            [below] if below == "below" => format!("it belongs to {number}, which is"),
            [] => format!("{number} once named it, and is"),
            [fields @ .., last] => {
                let way: String = fields.iter().rev().map(|field| format!(" of the {field}")).collect();
                format!("it is the {last}{way} of {number}, which is")
            }
        };
        match access {
            OrderAccess::Assigned { by, at_ms, .. } => {
                format!("{link} assigned to them by {by} on {}", time(*at_ms))
            }
            OrderAccess::Opened => format!("{link} opened by them on site; nobody is assigned yet"),
            OrderAccess::Withdrawn { by, at_ms, reason, .. } => {
                let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
                format!("{link} withdrawn from them by {by} on {}{why}", time(*at_ms))
            }
            OrderAccess::Others(names) => format!("{link} assigned to {}", names.join(", ")),
            OrderAccess::Nobody => format!("{link} assigned to nobody"),
        }
    }
}
