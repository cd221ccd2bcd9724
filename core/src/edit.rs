//! Turns what a person enters into edits the whole fleet can agree on.
//!
//! Everything a call carries is one transaction: what the app reads next and what the office will get are written
//! together or not at all. The rules asked here are the ones the office will ask again, so a wrong entry is refused at
//! once. Nothing here knows a network.

mod author;
mod conflict;
mod context;

use std::collections::BTreeMap;

use fieldsync_protocol::record::DELETED;
use fieldsync_protocol::{Fields, RecordId, Stamp, Trust};
use rusqlite::Connection;

use crate::device::Device;
use crate::enrol::{self, Identity};
use crate::error::Error;
use crate::store::meta;
use crate::store::record::Work;
use author::Author;

pub use conflict::{ConflictEntry, Resolution};
pub use context::Context;

/// What a person wants to enter into one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    kind: String,
    record: Option<RecordId>,
    groups: Vec<(String, Content)>,
    context: Option<Context>,
    work_order: Option<RecordId>,
    reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    /// All fields this version knows.
    Whole(Fields),
    /// Some fields; the others stay as shown.
    Part(Fields),
    /// A delete, or its undoing.
    Deleted(bool),
}

impl Draft {
    /// A draft of a new record.
    pub fn new(kind: impl Into<String>) -> Self {
        Self { kind: kind.into(), record: None, groups: Vec::new(), context: None, work_order: None, reason: None }
    }

    /// A draft of an existing record, or of a new one whose id was taken from [`Device::new_id`].
    pub fn of(kind: impl Into<String>, record: RecordId) -> Self {
        Self { record: Some(record), ..Self::new(kind) }
    }

    /// Writes a group as a whole: fields of the table that are not named here are cleared. Fields that a newer version
    /// added stay as shown.
    #[must_use]
    pub fn set(mut self, group: impl Into<String>, fields: Fields) -> Self {
        self.groups.push((group.into(), Content::Whole(fields)));
        self
    }

    /// Writes some fields of a group; the others stay as shown. A field set to nothing is cleared.
    #[must_use]
    pub fn change(mut self, group: impl Into<String>, fields: Fields) -> Self {
        self.groups.push((group.into(), Content::Part(fields)));
        self
    }

    /// Deletes the record. Business records are voided or cancelled instead; the rules say so.
    #[must_use]
    pub fn delete(mut self) -> Self {
        self.groups.push((DELETED.to_owned(), Content::Deleted(true)));
        self
    }

    /// Names what the author was shown. Without it, what is shown now: right when nothing lies between reading and
    /// saving, wrong for a form that stood open.
    #[must_use]
    pub fn seen(mut self, context: Context) -> Self {
        self.context = Some(context);
        self
    }

    /// The work order on which this was found out, for the case that it can only be proposed.
    #[must_use]
    pub fn on_order(mut self, work_order: RecordId) -> Self {
        self.work_order = Some(work_order);
        self
    }

    /// Why, for the case that it can only be proposed.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

/// What became of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The record.
    pub record: RecordId,
    /// What became of each group.
    pub groups: BTreeMap<String, Landing>,
}

/// What became of one group of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Landing {
    /// Stored, shown and waiting for the office.
    Pending,
    /// It said what was there already: nothing was stored.
    Unchanged,
    /// It may only be proposed: this proposal record was made instead, and the record shows what it showed before.
    Proposed(RecordId),
    /// Stored, but the job was taken away meanwhile: at the office a person will decide what becomes of it.
    WillBeHeld,
}

impl Device {
    /// Enters a draft. When this returns, it is stored, shown, and pending.
    ///
    /// # Errors
    /// [`Error::Refused`] with the office's own code when the rules forbid it, [`Error::Invalid`] when it does not fit
    /// the table of kinds, [`Error::ProposalNeedsOrder`], [`Error::SignedOut`], [`Error::StorageFull`]. Nothing is
    /// stored then.
    pub fn edit(&self, draft: Draft) -> Result<Edited, Error> {
        let mut edited = self.edit_all(vec![draft])?;
        edited.pop().ok_or(Error::Defect("edit_without_result"))
    }

    /// Enters several drafts as one: all are stored, or none. They are judged in order, so an assignment may stand on an
    /// order made by an earlier draft.
    ///
    /// # Errors
    /// Like [`Device::edit`].
    pub fn edit_all(&self, drafts: Vec<Draft>) -> Result<Vec<Edited>, Error> {
        self.change(|work| self.edit_in(work, drafts))
    }

    /// Enters drafts in a transaction that does more.
    pub(crate) fn edit_in(&self, work: &mut Work<'_>, drafts: Vec<Draft>) -> Result<Vec<Edited>, Error> {
        let identity = enrol::identity(work.tx)?.ok_or(Error::SignedOut)?;
        if meta::get::<bool>(work.tx, meta::WIPING)? == Some(true) {
            return Err(Error::Wiped);
        }
        let me = meta::get(work.tx, meta::REPLICA)?.ok_or(Error::Defect("replica_missing"))?;
        let stamp = self.stamp(work.tx, &identity)?;
        let mut author = Author { device: self, identity, me, stamp };
        drafts.into_iter().map(|draft| author.enter(work, draft)).collect()
    }

    fn stamp(&self, connection: &Connection, identity: &Identity) -> Result<Stamp, Error> {
        let offset_ms: Option<i64> = meta::get(connection, meta::OFFSET_MS)?;
        Ok(Stamp {
            person: identity.person,
            device: Some(identity.device),
            at_ms: self.now_ms(),
            offset_ms: offset_ms.unwrap_or(0),
            trust: if offset_ms.is_some() { Trust::Compared } else { Trust::Unknown },
        })
    }
}
