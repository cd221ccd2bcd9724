//! Conflicts: concurrent values that a person must decide between, and how he does.

use std::collections::BTreeMap;

use fieldsync::protocol::kinds::{self, Owner};
use fieldsync::protocol::version::Dot;
use fieldsync::{ConflictEntry, RecordId, Resolution};
use uuid::Uuid;

use crate::device::Device;
use crate::error::FieldsyncError;
use crate::values::{Author, Field, TextField, fields_of, seen, token};

/// A group in which a person must decide.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Conflict {
    /// The record.
    pub record: Uuid,
    /// Its kind.
    pub kind: String,
    /// The work order it belongs to, itself for an order.
    pub work_order: Option<Uuid>,
    /// The group.
    pub group: String,
    /// Whether the office decides it; the technician otherwise.
    pub is_offices: bool,
    /// The values, the shown one first.
    pub values: Vec<ConflictValue>,
    /// What was shown; name it when deciding. Opaque.
    pub seen: String,
}

/// One of the values in a conflict.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ConflictValue {
    /// Names this value when it is chosen. Opaque.
    pub key: String,
    /// What it says.
    pub fields: Vec<Field>,
    /// Who entered it, when.
    pub author: Author,
}

impl Conflict {
    pub(crate) fn of(entry: &ConflictEntry, names: &BTreeMap<RecordId, String>) -> Self {
        let group = &entry.conflict.group;
        let owner = kinds::kind(&entry.kind).and_then(|kind| kind.group(group)).map(|group| group.owner);
        Self {
            record: entry.record.0,
            kind: entry.kind.clone(),
            work_order: entry.work_order.map(|order| order.0),
            group: group.clone(),
            is_offices: owner != Some(Owner::Technician),
            values: entry
                .conflict
                .values
                .iter()
                .map(|value| ConflictValue {
                    key: key(value.dot),
                    fields: Field::all(group, &value.sibling.fields),
                    author: Author::of(&value.sibling.stamp, names),
                })
                .collect(),
            seen: token(&entry.context),
        }
    }
}

/// A dot as text.
fn key(dot: Dot) -> String {
    format!("{}:{}", dot.replica, dot.counter)
}

fn dot(key: &str) -> Result<Dot, FieldsyncError> {
    let parsed = key
        .split_once(':')
        .and_then(|(replica, counter)| Some(Dot { replica: replica.parse().ok()?, counter: counter.parse().ok()? }));
    parsed.ok_or_else(|| FieldsyncError::fix("bad_token", "Failed to find the value: the key was not made here."))
}

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Landing {
    /// Stored, shown and waiting for the office.
    Pending,
    /// It said what was there already: nothing was stored.
    Unchanged,
    /// It may only be proposed: this proposal was made instead.
    Proposed {
        /// The proposal's record.
        proposal: Uuid,
    },
    /// Stored, but the job was taken away meanwhile: at the office a person will decide what becomes of it.
    WillBeHeld,
}

impl From<fieldsync::Landing> for Landing {
    fn from(landing: fieldsync::Landing) -> Self {
        match landing {
            fieldsync::Landing::Pending => Self::Pending,
            fieldsync::Landing::Unchanged => Self::Unchanged,
            fieldsync::Landing::Proposed(proposal) => Self::Proposed { proposal: proposal.0 },
            fieldsync::Landing::WillBeHeld => Self::WillBeHeld,
        }
    }
}

#[uniffi::export]
impl Device {
    /// The groups in which a person must decide, on all jobs.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`, `Defect` when the store cannot be read.
    pub fn conflicts(&self) -> Result<Vec<Conflict>, FieldsyncError> {
        self.call(|engine| {
            let entries = engine.conflicts()?;
            let stamps = entries.iter().flat_map(|entry| &entry.conflict.values).map(|value| &value.sibling.stamp);
            let names = engine.names(stamps.map(|stamp| RecordId(stamp.person.0)))?;
            Ok(entries.iter().map(|entry| Conflict::of(entry, &names)).collect())
        })
    }

    /// Decides a conflict: the value with this key stands. Also brings back a value that was shown before. Values that
    /// arrived after `seen` stay beside it. Works offline; the office hears of it with the next sync.
    ///
    /// # Errors
    /// `NotNow` with `no_conflict` when there is nothing to decide any more, or with the code of a right.
    #[uniffi::method(default(seen_token = None))]
    pub fn resolve_keep(
        &self,
        record: Uuid,
        group: String,
        key: String,
        seen_token: Option<String>,
    ) -> Result<Landing, FieldsyncError> {
        self.resolve(record, group, Resolution::Keep(dot(&key)?), seen_token)
    }

    /// Decides a conflict with something new: the shown value with these fields written differently.
    ///
    /// # Errors
    /// Like `resolve_keep`; `FixEntry` when the fields do not fit.
    #[uniffi::method(default(seen_token = None))]
    pub fn resolve_write(
        &self,
        record: Uuid,
        group: String,
        fields: Vec<TextField>,
        seen_token: Option<String>,
    ) -> Result<Landing, FieldsyncError> {
        self.resolve(record, group, Resolution::Change(fields_of(fields)), seen_token)
    }
}

impl Device {
    fn resolve(
        &self,
        record: Uuid,
        group: String,
        resolution: Resolution,
        token: Option<String>,
    ) -> Result<Landing, FieldsyncError> {
        self.call(|engine| {
            let edited = engine.resolve(RecordId(record), &group, resolution, seen(token)?)?;
            let landing = edited.groups.into_values().next();
            landing.map(Landing::from).ok_or_else(|| FieldsyncError::defect("edit_without_result"))
        })
    }
}
