//! What is appended to a job and never edited: parts, time, notes, photos, proposals; and how it is voided.

use fieldsync_protocol::kinds::{self, Invalid};
use fieldsync_protocol::{Fields, RecordId, fields};

use super::some_reason;
use crate::device::Device;
use crate::edit::Draft;
use crate::error::Error;
use crate::read::Part;

/// A part used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartEntry {
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
    /// Who pays, one of [`fieldsync_protocol::kinds::CATEGORIES`].
    pub charge: Option<String>,
    /// Price of one unit, minor units.
    pub price_minor: Option<i64>,
    /// Currency of the price.
    pub currency: Option<String>,
    /// Serial number put in.
    pub serial_in: Option<String>,
    /// Serial number taken out.
    pub serial_out: Option<String>,
}

impl PartEntry {
    /// So much of a part of the catalogue, at its price.
    pub fn of(part: &Part, quantity_milli: i64) -> PartEntry {
        PartEntry {
            part: Some(part.id),
            number: part.number.clone(),
            name: part.name.clone(),
            quantity_milli,
            unit: part.unit.clone(),
            price_minor: part.price_minor,
            currency: part.currency.clone(),
            ..PartEntry::default()
        }
    }
}

/// What time was spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// On the way.
    Travel,
    /// At work.
    Work,
    /// Waiting for somebody or something.
    Wait,
    /// Resting.
    Break,
}

impl Activity {
    /// The activity's name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Travel => "travel",
            Self::Work => "work",
            Self::Wait => "wait",
            Self::Break => "break",
        }
    }

    /// The activity with this name.
    pub fn from_name(name: &str) -> Option<Activity> {
        [Self::Travel, Self::Work, Self::Wait, Self::Break].into_iter().find(|activity| activity.name() == name)
    }
}

/// Time spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeEntry {
    /// On what.
    pub activity: Activity,
    /// From, on the device's clock.
    pub from_ms: i64,
    /// To.
    pub to_ms: i64,
    /// Whether a timer measured it; entered by hand otherwise.
    pub is_timed: bool,
}

impl Device {
    /// Records a part used on `order`.
    ///
    /// # Errors
    /// As for [`Device::edit`].
    pub fn use_part(&self, order: RecordId, entry: &PartEntry) -> Result<RecordId, Error> {
        let mut line = fields! {
            "work_order" => order, "technician" => self.technician()?, "number" => entry.number.as_str(),
            "name" => entry.name.as_str(), "quantity_milli" => entry.quantity_milli, "unit" => entry.unit.as_str(),
        };
        insert(&mut line, "part", entry.part);
        insert(&mut line, "charge", entry.charge.as_deref());
        insert(&mut line, "price_minor", entry.price_minor);
        insert(&mut line, "currency", entry.currency.as_deref());
        insert(&mut line, "serial_in", entry.serial_in.as_deref());
        insert(&mut line, "serial_out", entry.serial_out.as_deref());
        self.append("part_line", "use", line)
    }

    /// Records time spent on `order`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it ends before it begins; otherwise as for [`Device::edit`].
    pub fn add_time(&self, order: RecordId, entry: TimeEntry) -> Result<RecordId, Error> {
        if entry.to_ms < entry.from_ms {
            return Err(Invalid::Type("to_ms").into());
        }
        let time = fields! {
            "work_order" => order, "technician" => self.technician()?, "activity" => entry.activity.name(),
            "from_ms" => entry.from_ms, "to_ms" => entry.to_ms,
            "source" => if entry.is_timed { "timer" } else { "manual" },
        };
        self.append("time_entry", "time", time)
    }

    /// Adds a note to `order`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty note; otherwise as for [`Device::edit`].
    pub fn add_note(&self, order: RecordId, text: &str) -> Result<RecordId, Error> {
        if text.trim().is_empty() {
            return Err(Invalid::Missing("text").into());
        }
        self.append("note", "text", fields! { "work_order" => order, "text" => text })
    }

    /// Takes back what was recorded: it stays, marked as void with the reason.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a reason or for a record that cannot be voided, [`Error::NotFound`] without it.
    pub fn void(&self, record: RecordId, reason: &str) -> Result<(), Error> {
        let reason = some_reason(reason)?;
        let kind = self.record(record)?.record.kind;
        if kinds::kind(&kind).and_then(|kind| kind.group("void")).is_none() {
            return Err(Invalid::Group("void".to_owned()).into());
        }
        self.edit(Draft::of(kind, record).set("void", fields! { "reason" => reason }))?;
        Ok(())
    }

    /// Proposes to the office to change `fields` of a group of `subject`, from the job of `order`.
    ///
    /// # Errors
    /// As for [`Device::edit`]; [`Error::NotFound`] without the subject.
    pub fn propose(
        &self,
        order: RecordId,
        subject: RecordId,
        group: &str,
        fields: Fields,
        reason: Option<&str>,
    ) -> Result<RecordId, Error> {
        let kind = self.record(subject)?.record.kind;
        kinds::validate(&kind, group, &fields)?;
        let mut proposal = fields! {
            "work_order" => order, "subject_kind" => kind, "subject" => subject, "group" => group, "fields" => fields,
        };
        insert(&mut proposal, "reason", reason);
        self.append("proposal", "proposal", proposal)
    }
}

fn insert(fields: &mut Fields, name: &str, value: Option<impl Into<fieldsync_protocol::Value>>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value.into());
    }
}
