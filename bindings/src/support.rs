//! What support asks for: how the engine stands, without anything personal.

use fieldsync::protocol::encode;
use uuid::Uuid;

use crate::device::Device;
use crate::error::FieldsyncError;
use crate::values::Field;

/// How the engine stands, for a person to read and send. It holds no content, no name, no address and no key.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Diagnostics {
    /// One line a value, to be shown before it is sent.
    pub text: String,
    /// The same as a JSON document, for support.
    pub json: String,
    /// Whether the structure of the database is whole.
    pub is_whole: bool,
    /// Whether device and office held the same at the last complete sync.
    pub agrees: Option<bool>,
    /// When the oldest entry that is still only here was made, on the device's clock.
    pub oldest_pending_ms: Option<i64>,
    /// Bytes of the database with its log.
    pub database_bytes: i64,
    /// Bytes of photos and files on the device.
    pub photo_bytes: i64,
    /// Stores set aside here because they were damaged.
    pub set_aside: u32,
}

/// What a look at the whole store found, and did.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct CheckReport {
    /// Copies of the office's records looked at.
    pub records: i64,
    /// Own entries looked at.
    pub pending: i64,
    /// Copies that are not what the office delivered. They are asked for whole at the next sync.
    pub damaged_records: Vec<Uuid>,
    /// Own entries that are not what was entered; set aside, see `damaged`.
    pub damaged_edits: u32,
    /// Whether the sums that are compared with the office's had to be put right.
    pub sums_were_wrong: bool,
    /// Whether nothing was wrong.
    pub is_sound: bool,
}

/// An own entry that is not what was entered: one bit or more of it turned. It was sent to nobody.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DamagedEdit {
    /// Names it on this device.
    pub id: i64,
    /// The record.
    pub record: Uuid,
    /// Its kind.
    pub kind: String,
    /// The group; none when it cannot be read at all.
    pub group: Option<String>,
    /// What it says now, as far as it can be read.
    pub fields: Vec<Field>,
    /// When the damage was found, on the device's clock.
    pub at_ms: i64,
}

#[uniffi::export]
impl Device {
    /// Looks at every copy, every own entry and the sums over them; sets aside what is damaged and remembers what to ask
    /// the office for. Reads all of the store once. Works offline; syncs look at a part of it each time by themselves.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`, `Defect` when the store cannot be used. Damage is no error; it is in the report.
    pub async fn check_store(&self) -> Result<CheckReport, FieldsyncError> {
        let engine = self.engine.clone();
        self.runtime
            .blocking(move || {
                let report = engine.check()?;
                let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
                Ok(CheckReport {
                    is_sound: report.is_sound(),
                    records: count(report.records),
                    pending: count(report.pending),
                    damaged_records: report.damaged_records.into_iter().map(|id| id.0).collect(),
                    damaged_edits: report.damaged_edits,
                    sums_were_wrong: report.sums_were_wrong,
                })
            })
            .await
    }

    /// Own entries that were set aside because they are not what was entered, oldest first: show them, so that their author
    /// enters them again.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`, `Defect` when the store cannot be read.
    pub fn damaged(&self) -> Result<Vec<DamagedEdit>, FieldsyncError> {
        self.call(|engine| {
            let damaged = |damaged: fieldsync::Damaged| {
                let fields = damaged.said.as_ref().map(|(group, fields)| Field::all(group, fields));
                DamagedEdit {
                    id: damaged.id,
                    record: damaged.record.0,
                    kind: damaged.kind,
                    fields: fields.unwrap_or_default(),
                    group: damaged.said.map(|(group, _)| group),
                    at_ms: damaged.at_ms,
                }
            };
            Ok(engine.damaged()?.into_iter().map(damaged).collect())
        })
    }

    /// Throws a damaged entry away, because its author has entered it again or does not need it.
    ///
    /// # Errors
    /// `NotNow` with `not_found` when there is none of that name.
    pub fn forget_damaged(&self, id: i64) -> Result<(), FieldsyncError> {
        self.call(|engine| Ok(engine.forget_damaged(id)?))
    }

    /// How the engine stands. Checks the whole database, which takes about a second for each 100 megabytes; entering and
    /// reading go on meanwhile. Works offline.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`, `Defect` when the store cannot be read. A damaged store is no error: `is_whole` says so.
    pub async fn diagnostics(&self) -> Result<Diagnostics, FieldsyncError> {
        let engine = self.engine.clone();
        self.runtime
            .blocking(move || {
                let found = engine.diagnostics()?;
                let bytes = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
                Ok(Diagnostics {
                    text: found.to_string(),
                    json: String::from_utf8_lossy(&encode::json(&found)).into_owned(),
                    is_whole: found.is_whole,
                    agrees: found.agrees,
                    oldest_pending_ms: found.oldest_pending_ms,
                    database_bytes: bytes(found.database_bytes.saturating_add(found.log_bytes)),
                    photo_bytes: bytes(found.blob_bytes),
                    set_aside: found.set_aside,
                })
            })
            .await
    }
}
