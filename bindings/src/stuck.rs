//! What does not get through to the office, why, and what helps.

use uuid::Uuid;

use crate::device::Device;
use crate::error::FieldsyncError;

/// A record that does not get through: the office, or something on the way to it, fails whenever it is sent. It delays
/// nothing else; its entries wait and are tried again at every sync.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct StuckRecord {
    /// The record.
    pub record: Uuid,
    /// Its kind.
    pub kind: String,
    /// Stable: `office_fails`, `too_large_on_the_way` or `refused_on_the_way`.
    pub code: String,
    /// What happens to it, in words.
    pub reason: String,
    /// What helps, in words.
    pub remedy: String,
    /// Since when, on the device's clock.
    pub since_ms: i64,
    /// How many of its entries wait.
    pub entries: u32,
}

impl From<fieldsync::Stuck> for StuckRecord {
    fn from(stuck: fieldsync::Stuck) -> Self {
        Self {
            record: stuck.record.0,
            kind: stuck.kind,
            code: stuck.code.name().to_owned(),
            reason: stuck.code.text().to_owned(),
            remedy: stuck.code.remedy().to_owned(),
            since_ms: stuck.since_ms,
            entries: stuck.edits,
        }
    }
}

#[uniffi::export]
impl Device {
    /// Records that do not get through to the office, longest first; what they say also leaves the device with
    /// `export_bundle`. Works offline.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`, `Defect` when the store cannot be read.
    pub fn stuck(&self) -> Result<Vec<StuckRecord>, FieldsyncError> {
        self.call(|engine| Ok(engine.stuck()?.into_iter().map(StuckRecord::from).collect()))
    }
}
