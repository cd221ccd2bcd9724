//! Conflicts: concurrent values that a person must decide between, and how they do.

use fieldsync_protocol::show::{self, Conflict};
use fieldsync_protocol::version::Dot;
use fieldsync_protocol::{Fields, Record, RecordId};

use super::{Context, Draft, Edited};
use crate::device::Device;
use crate::error::Error;
use crate::store;

/// How a person decides a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// One of the values stands.
    Keep(Dot),
    /// Something new that takes account of all of them.
    Write(Fields),
    /// The value that is shown, with these fields written differently. A field set to nothing is cleared.
    Change(Fields),
}

/// A group in which a person must decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictEntry {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: String,
    /// The work order it belongs to, itself for an order.
    pub work_order: Option<RecordId>,
    /// The group and its values, the shown one first.
    pub conflict: Conflict,
    /// What was shown; name it when resolving.
    pub context: Context,
}

impl Device {
    /// The groups in which a person must decide.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn conflicts(&self) -> Result<Vec<ConflictEntry>, Error> {
        self.read(|connection| {
            let mut entries = Vec::new();
            for record in store::record::in_conflict(connection)? {
                let context = Context::of(connection, &record)?;
                entries.extend(show::conflicts(&record).into_iter().map(|conflict| ConflictEntry {
                    record: record.id,
                    kind: record.kind.clone(),
                    work_order: order_of(&record),
                    conflict,
                    context: context.clone(),
                }));
            }
            Ok(entries)
        })
    }

    /// Decides a conflict: an ordinary edit whose context covers the values its author was shown. Values that arrived
    /// after `seen` stay beside it.
    ///
    /// # Errors
    /// [`Error::NoConflict`] when the group has none, or the dot names no value of it; otherwise like [`Device::edit`].
    pub fn resolve(
        &self,
        record: RecordId,
        group: &str,
        resolution: Resolution,
        seen: Option<Context>,
    ) -> Result<Edited, Error> {
        self.change(|work| {
            let shown = store::shown(work.tx, record)?.ok_or(Error::NotFound)?;
            if shown.siblings(group).count() < 2 {
                return Err(Error::NoConflict);
            }
            let draft = Draft::of(shown.kind.clone(), record);
            let mut draft = match resolution {
                Resolution::Write(fields) => draft.set(group, fields),
                Resolution::Change(fields) => draft.change(group, fields),
                Resolution::Keep(dot) => {
                    let kept = shown.siblings(group).find(|(known, _)| *known == dot);
                    draft.set(group, kept.map(|(_, sibling)| sibling.fields.clone()).ok_or(Error::NoConflict)?)
                }
            };
            draft.context = seen;
            draft.work_order = order_of(&shown);
            self.edit_in(work, vec![draft])?.pop().ok_or(Error::Defect("edit_without_result"))
        })
    }
}

/// The work order a record belongs to, itself for an order.
fn order_of(record: &Record) -> Option<RecordId> {
    if record.kind == "work_order" { Some(record.id) } else { store::record::work_order(record) }
}
