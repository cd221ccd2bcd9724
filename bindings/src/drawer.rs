//! What is still only here, and what the office did not accept.

use uuid::Uuid;

use crate::device::Device;
use crate::error::FieldsyncError;
use crate::values::Field;

/// An entry the office has not answered.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PendingEdit {
    /// The record.
    pub record: Uuid,
    /// Its kind.
    pub kind: String,
    /// The group.
    pub group: String,
    /// What was entered.
    pub fields: Vec<Field>,
    /// When it was entered, on the device's clock.
    pub at_ms: i64,
}

/// Why an entry is in the drawer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum DrawerState {
    /// The office refused it. It is tried again when the record, the role or the assignments change.
    Refused,
    /// It is at the office, not accepted: a person there decides.
    Held,
    /// It was refused, and the author has entered something newer since. It is not tried again by itself.
    Superseded,
}

/// An entry the office answered without applying it. Nothing is lost: it stays here until its author decides.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DrawerEntry {
    /// Its key on this device.
    pub id: i64,
    /// The record.
    pub record: Uuid,
    /// The record's kind.
    pub kind: String,
    /// The work order it belonged to, when known.
    pub work_order: Option<Uuid>,
    /// The group.
    pub group: String,
    /// What was entered.
    pub fields: Vec<Field>,
    /// Why it is here.
    pub state: DrawerState,
    /// The office's code, stable.
    pub code: String,
    /// What happened, as a sentence's beginning; the code where this version has no words for it.
    pub reason: String,
    /// What helps; empty where nothing is known.
    pub remedy: String,
    /// When it came here, on the device's clock.
    pub at_ms: i64,
}

impl From<fieldsync::DrawerEntry> for DrawerEntry {
    fn from(entry: fieldsync::DrawerEntry) -> Self {
        Self {
            reason: entry.reason().to_owned(),
            remedy: entry.remedy().to_owned(),
            id: entry.id,
            record: entry.record.0,
            kind: entry.kind,
            work_order: entry.work_order.map(|order| order.0),
            fields: Field::all(&entry.edit.group, &entry.edit.fields),
            group: entry.edit.group,
            state: match entry.state {
                fieldsync::DrawerState::Refused => DrawerState::Refused,
                fieldsync::DrawerState::Held => DrawerState::Held,
                fieldsync::DrawerState::Superseded => DrawerState::Superseded,
            },
            code: entry.code,
            at_ms: entry.at_ms,
        }
    }
}

#[uniffi::export]
impl Device {
    /// The entries that are still only here, in the order in which they will be sent.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`, `Defect` when the store cannot be read.
    pub fn pending(&self) -> Result<Vec<PendingEdit>, FieldsyncError> {
        self.call(|engine| {
            let edit = |edit: fieldsync::PendingEdit| PendingEdit {
                record: edit.record.0,
                kind: edit.kind,
                fields: Field::all(&edit.group, &edit.fields),
                group: edit.group,
                at_ms: edit.at_ms,
            };
            Ok(engine.pending()?.into_iter().map(edit).collect())
        })
    }

    /// What the office did not accept, oldest first.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`, `Defect` when the store cannot be read.
    pub fn drawer(&self) -> Result<Vec<DrawerEntry>, FieldsyncError> {
        self.call(|engine| Ok(engine.drawer()?.into_iter().map(DrawerEntry::from).collect()))
    }

    /// Tries an entry of the drawer again with the next sync.
    ///
    /// # Errors
    /// `NotNow` with `not_found` when there is no such entry any more.
    pub fn retry(&self, entry: i64) -> Result<(), FieldsyncError> {
        self.call(|engine| Ok(engine.retry(entry)?))
    }

    /// Throws an entry of the drawer away, because its author decided so.
    ///
    /// # Errors
    /// `NotNow` with `not_found` when there is no such entry any more.
    pub fn discard(&self, entry: i64) -> Result<(), FieldsyncError> {
        self.call(|engine| Ok(engine.discard(entry)?))
    }

    /// The drawer as a JSON file, complete: what was entered, on what it stood, and why it was not accepted.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`, `Defect` when the store cannot be read.
    pub fn export_drawer(&self) -> Result<Vec<u8>, FieldsyncError> {
        self.call(|engine| Ok(engine.export_drawer()?))
    }
}
