//! What is still only here, and what the office did not accept: pending edits and the drawer.
//!
//! Nothing in the drawer is ever dropped by the engine: a refused edit is tried again when the reason may have gone
//! away, and leaves only when it is accepted or a person discards it.

use fieldsync_protocol::exchange::Words;
use fieldsync_protocol::rights::Code;
use fieldsync_protocol::version::Dot;
use fieldsync_protocol::{DeviceId, Edit, Fields, FieldsExt, RecordId, encode, show};
use rusqlite::Connection;
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
    /// The office's code; it may be one of a newer office.
    pub code: String,
    /// What the office said the code means, when this version does not know it.
    #[serde(skip)]
    pub words: Option<Words>,
    /// When it came here, on the device's clock.
    pub at_ms: i64,
}

impl DrawerEntry {
    /// What happened, in words; the code itself where neither this version nor the office has any.
    pub fn reason(&self) -> &str {
        match Code::from_name(&self.code) {
            Some(code) => code.text(),
            None => self.words.as_ref().map_or(&self.code, |words| &words.text),
        }
    }

    /// What helps, in words.
    pub fn remedy(&self) -> &str {
        match &self.words {
            Some(words) if Code::from_name(&self.code).is_none() && !words.remedy.is_empty() => &words.remedy,
            _ => Code::named(&self.code).remedy(),
        }
    }
}

/// The drawer as a file.
#[derive(Serialize)]
struct Export {
    format: &'static str,
    person: Option<String>,
    device: Option<DeviceId>,
    made_ms: i64,
    entries: Vec<Told>,
}

/// An entry with what a person needs to understand it.
#[derive(Serialize)]
struct Told {
    /// The number of its order.
    order_number: Option<String>,
    /// Why it was not accepted.
    reason: String,
    /// What helps.
    remedy: String,
    /// When it was entered, on the office's clock as far as that was known.
    entered_ms: i64,
    /// The entry as it stands in the drawer.
    #[serde(flatten)]
    entry: DrawerEntry,
}

impl Told {
    fn of(connection: &Connection, entry: DrawerEntry) -> Result<Self, Error> {
        let order = entry.work_order.map(|order| store::shown(connection, order)).transpose()?.flatten();
        let named = |group: &str, field: &str| {
            let fields = show::fields(order.as_ref()?, group)?;
            fields.text(field).map(str::to_owned)
        };
        Ok(Self {
            order_number: named("number", "number").or_else(|| named("origin", "provisional_number")),
            reason: entry.reason().to_owned(),
            remedy: entry.remedy().to_owned(),
            entered_ms: entry.edit.stamp.happened_ms(),
            entry,
        })
    }
}

/// The code of what was found in a damaged store without the record it stood on. No office says it.
pub(crate) const SALVAGED: &str = "salvaged";

/// Everything in the drawer with the words for it.
fn entries(connection: &Connection) -> Result<Vec<DrawerEntry>, Error> {
    let mut words = store::words::all(connection)?;
    let salvaged = Words {
        text: "this was found in a damaged store without what it stood on".to_owned(),
        remedy: "look whether it is still missing, and try it again or enter it anew".to_owned(),
    };
    words.insert(SALVAGED.to_owned(), salvaged);
    let mut entries = store::drawer::all(connection)?;
    entries.iter_mut().for_each(|entry| entry.words = words.get(&entry.code).cloned());
    Ok(entries)
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
        self.read(entries)
    }

    /// The drawer as JSON, complete: what was entered, on what it stood, why it was not accepted and what helps, in words a
    /// person can read who has no fieldsync, with the order's number as paper and people know it.
    ///
    /// What is pending is no part of it: [`Device::export_bundle`] carries that.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn export_drawer(&self) -> Result<Vec<u8>, Error> {
        let (made_ms, identity) = (self.now_ms(), self.identity()?);
        let entries = self.read(|connection| {
            let entries = entries(connection)?.into_iter();
            entries.map(|entry| Told::of(connection, entry)).collect::<Result<Vec<_>, Error>>()
        })?;
        Ok(encode::json(&Export {
            format: "fieldsync drawer v1",
            person: identity.as_ref().map(|identity| identity.person_name.clone()),
            device: identity.map(|identity| identity.device),
            made_ms,
            entries,
        }))
    }

    /// Tries an edit from the drawer again: it becomes a pending edit in its original context under a new dot. What the
    /// office said may only be proposed is put to the rules again, and becomes a proposal if they still say so.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such entry; [`Error::Refused`] for one that the office holds: it has the edit,
    /// a person there decides, and tried again it could stand twice; [`Error::ProposalNeedsOrder`] when no order on this
    /// device is about the record: propose it by hand then. The entry stays.
    pub fn retry(&self, entry: i64) -> Result<(), Error> {
        self.change(|work| {
            let entry = store::drawer::one(work.tx, entry)?.ok_or(Error::NotFound)?;
            if entry.state == DrawerState::Held && !fieldsync_protocol::planted!("retry-held") {
                let code = Code::named(&entry.code);
                return Err(Error::Refused { code, kind: entry.kind, group: entry.edit.group });
            }
            crate::sync::drawer::try_again(self, work, &entry)
        })
    }

    /// Throws an edit of the drawer away, because its author decided so. A photo whose attachment was refused goes with it;
    /// one whose attachment the office holds is still sent there.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such entry.
    pub fn discard(&self, entry: i64) -> Result<(), Error> {
        let gone = self.change(|work| {
            let entry = store::drawer::one(work.tx, entry)?.ok_or(Error::NotFound)?;
            let id = entry.record;
            work.touched.insert(id);
            store::drawer::remove(work.tx, entry.id)?;
            let is_needed = entry.state == DrawerState::Held
                || store::record::theirs(work.tx, id)?.is_some()
                || !store::pending::of(work.tx, id)?.is_empty()
                || !store::drawer::of(work.tx, id)?.is_empty()
                || fieldsync_protocol::planted!("discarded-photo-waits");
            if is_needed { Ok(None) } else { store::blob::remove(work.tx, id) }
        })?;
        self.remove_blob_files(gone.as_slice());
        Ok(())
    }
}
