//! What is still only here, and what the office did not accept: pending edits and the drawer.
//!
//! Nothing in the drawer is ever dropped by the engine: a refused edit is tried again when the reason may have gone
//! away, and leaves only when it is accepted or a person discards it.

use fieldsync_protocol::rights::Code;
use fieldsync_protocol::version::Dot;
use fieldsync_protocol::{Edit, Fields, RecordId, encode};
use serde::Serialize;

use crate::device::Device;
use crate::error::Error;
use crate::store;

/// An edit the office has not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingEdit {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: String,
    /// The group.
    pub group: String,
    /// The fields entered.
    pub fields: Fields,
    /// The edit's name.
    pub dot: Dot,
    /// When it was entered, on the device's clock.
    pub at_ms: i64,
}

/// Why an edit is in the drawer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DrawerState {
    /// The office refused it. It is tried again when the record, the role or the assignments change.
    Refused,
    /// It is at the office, not accepted: a person there decides.
    Held,
    /// It was refused, and the author has entered something newer since. It is not tried again by itself.
    Superseded,
}

impl DrawerState {
    /// The state's name in SQL and exports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Held => "held",
            Self::Superseded => "superseded",
        }
    }

    /// The state with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Refused, Self::Held, Self::Superseded].into_iter().find(|state| state.name() == name)
    }
}

/// An edit the office answered without applying it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DrawerEntry {
    /// Its key on this device.
    pub id: i64,
    /// The record.
    pub record: RecordId,
    /// The record's kind.
    pub kind: String,
    /// The work order it belonged to, when known.
    pub work_order: Option<RecordId>,
    /// What was entered, in its original context. Its dot is dead.
    pub edit: Edit,
    /// Why it is here.
    pub state: DrawerState,
    /// The office's code; [`fieldsync_protocol::rights::Code`] has text and remedy for it.
    pub code: String,
    /// When it came here, on the device's clock.
    pub at_ms: i64,
}

impl Device {
    /// The edits that are still only here, in the order in which they will be pushed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn pending(&self) -> Result<Vec<PendingEdit>, Error> {
        let edits = self.read(store::pending::all)?;
        let entry = |(record, kind, edit): (RecordId, String, Edit)| PendingEdit {
            record,
            kind,
            group: edit.group,
            fields: edit.fields,
            dot: edit.dot,
            at_ms: edit.stamp.at_ms,
        };
        Ok(edits.into_iter().map(entry).collect())
    }

    /// What the office did not accept, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn drawer(&self) -> Result<Vec<DrawerEntry>, Error> {
        self.read(store::drawer::all)
    }

    /// The drawer as JSON, complete: what was entered, on what it stood, and why it was not accepted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn export_drawer(&self) -> Result<Vec<u8>, Error> {
        #[derive(Serialize)]
        struct Export {
            format: &'static str,
            entries: Vec<DrawerEntry>,
        }
        Ok(encode::json(&Export { format: "fieldsync drawer v1", entries: self.drawer()? }))
    }

    /// Tries an edit from the drawer again: it becomes a pending edit in its original context under a new dot.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such entry; [`Error::Refused`] for one that the office holds: it has the edit,
    /// a person there decides, and tried again it could stand twice.
    pub fn retry(&self, entry: i64) -> Result<(), Error> {
        self.change(|work| {
            let entry = store::drawer::one(work.tx, entry)?.ok_or(Error::NotFound)?;
            if entry.state == DrawerState::Held && !fieldsync_protocol::planted!("retry-held") {
                let code = Code::from_name(&entry.code).ok_or(Error::Defect("drawer_code"))?;
                return Err(Error::Refused { code, kind: entry.kind, group: entry.edit.group });
            }
            crate::sync::drawer::retry(work, &entry)
        })
    }

    /// Throws an edit of the drawer away, because its author decided so.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such entry.
    pub fn discard(&self, entry: i64) -> Result<(), Error> {
        self.change(|work| {
            let entry = store::drawer::one(work.tx, entry)?.ok_or(Error::NotFound)?;
            work.touched.insert(entry.record);
            store::drawer::remove(work.tx, entry.id)
        })
    }
}
