//! The office's own edits: the console, the import and the commands make them here, and hand them to the same door.

use fieldsync_protocol::rights::{Actor, Code};
use fieldsync_protocol::{Dot, Edit, Fields, PersonId, Record, RecordId, Version};

use super::accept::{Accepted, Author, Door};
use crate::office::Office;
use crate::store::{Action, StoreError, Stored, Txn};

/// A change somebody in the office wants to make.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The record's kind.
    pub kind: &'static str,
    /// The record; a new one when nobody wrote it yet.
    pub id: RecordId,
    /// The groups to write, main group first for a new record. Fields not named keep what is shown.
    pub groups: Vec<(&'static str, Fields)>,
    /// The version the author was shown; `None` for the one that stands when the edit is made.
    pub context: Option<Version>,
}

impl Draft {
    /// A draft of one group.
    pub fn one(kind: &'static str, id: RecordId, group: &'static str, fields: Fields) -> Self {
        Self { kind, id, groups: vec![(group, fields)], context: None }
    }
}

/// Why an edit could not be made. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The matrix or the table of kinds says no.
    #[error("make the edit: {}", .0.text())]
    Refused(Code),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes the edits of `drafts`, all or none, and returns the records as they stand.
///
/// # Errors
/// [`EditError::Refused`] with the first reason; nothing of any draft is kept then, because the transaction is given up.
pub fn edit(office: &Office, txn: &mut dyn Txn, actor: &Actor, drafts: &[Draft]) -> Result<Vec<Stored>, EditError> {
    let mut door = Door::open(office);
    let mut results = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let mut record = match txn.record(draft.id)? {
            Some(stored) => stored.record,
            None => Record::new(draft.kind, draft.id),
        };
        let mut edits = Vec::with_capacity(draft.groups.len());
        for (group, fields) in &draft.groups {
            let context = draft.context.clone().unwrap_or_else(|| record.version.clone());
            let mut whole = fieldsync_protocol::show::fields(&record, group).cloned().unwrap_or_default();
            whole.extend(fields.clone());
            let edit = stamped(office, &record, group, whole, context, actor.person);
            record.put(&edit);
            edits.push(edit);
        }
        match door.accept(txn, &Author::office(*actor), draft.kind, draft.id, &edits, Action::Accepted)? {
            Accepted::Done { stored, .. } => results.push(*stored),
            Accepted::Refused(refusals) => {
                let code = refusals.first().map_or(Code::InvalidEntry, |refusal| refusal.code);
                return Err(EditError::Refused(code));
            }
            Accepted::Held(code) => return Err(EditError::Refused(code)),
        }
    }
    door.close(txn)?;
    Ok(results)
}

/// Makes the edits of `drafts` in a transaction of their own; see [`edit`].
///
/// # Errors
/// As [`edit`].
pub fn commit(office: &Office, actor: &Actor, drafts: Vec<Draft>) -> Result<Vec<Stored>, EditError> {
    let (inner, actor) = (office.clone(), *actor);
    office.write(move |txn| edit(&inner, txn, &actor, &drafts))
}

/// An edit of the office's with the next dot of this start's replica.
pub(super) fn stamped(
    office: &Office,
    record: &Record,
    group: &str,
    fields: Fields,
    context: Version,
    person: PersonId,
) -> Edit {
    let counter = record.version.get(office.replica) + 1;
    Edit {
        dot: Dot { replica: office.replica, counter },
        group: group.to_owned(),
        fields,
        context,
        stamp: office.stamp(person),
    }
}
