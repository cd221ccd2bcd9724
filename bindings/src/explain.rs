//! Why a record is on the device, or is not.

use fieldsync::RecordId;
use uuid::Uuid;

use crate::device::Device;
use crate::error::FieldsyncError;

/// Why a record is on this device, or is not.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Explanation {
    /// The record.
    pub record: Uuid,
    /// Its kind; none when nothing of it is here.
    pub kind: Option<String>,
    /// What people call it: a number or a name.
    pub name: Option<String>,
    /// Whether it is here.
    pub presence: Presence,
    /// Every reason in words, for a person who wonders and for support.
    pub text: String,
}

/// Whether a record is on this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum Presence {
    /// The office delivered it.
    Here,
    /// It was made here and the office has not answered yet.
    OnlyHere,
    /// The office took it away; it goes as soon as nothing of it waits for an answer.
    Leaving,
    /// It is not here.
    Absent,
}

#[uniffi::export]
impl Device {
    /// Says why a record is on this device or not. Works offline; why something is not here only the office can say in
    /// full.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`, `Defect` when the store cannot be read. An unknown record is explained as absent.
    pub fn explain(&self, record: Uuid) -> Result<Explanation, FieldsyncError> {
        self.call(|engine| {
            let explanation = engine.explain(RecordId(record))?;
            Ok(Explanation {
                record,
                text: explanation.to_string(),
                kind: explanation.kind,
                name: explanation.name,
                presence: match explanation.presence {
                    fieldsync::read::Presence::Here => Presence::Here,
                    fieldsync::read::Presence::OnlyHere => Presence::OnlyHere,
                    fieldsync::read::Presence::Leaving => Presence::Leaving,
                    fieldsync::read::Presence::Absent => Presence::Absent,
                },
            })
        })
    }
}
