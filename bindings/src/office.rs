//! Enrolment: whose device this becomes.

use std::sync::Arc;

use uuid::Uuid;

use crate::device::Device;
use crate::error::FieldsyncError;
use crate::runtime::{CancelHandle, cancel_of, guard, unless_cancelled};

/// Whose device this is.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Identity {
    /// The device.
    pub device: Uuid,
    /// The technician's record.
    pub person: Uuid,
    /// The technician's name.
    pub person_name: String,
    /// The office's short name.
    pub tenant: String,
}

impl From<fieldsync::Identity> for Identity {
    fn from(identity: fieldsync::Identity) -> Self {
        Self {
            device: identity.device.0,
            person: identity.person.0,
            person_name: identity.person_name,
            tenant: identity.tenant,
        }
    }
}

/// What the office's QR code says.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Invitation {
    /// Where the office is.
    pub server_url: String,
    /// The one-time code.
    pub code: String,
}

/// Reads the link of the office's QR code, `fieldsync://enrol?…`, so that a person can be shown where it leads.
///
/// # Errors
/// `FixEntry` with the code `bad_link` for anything else.
#[uniffi::export]
pub fn read_link(link: String) -> Result<Invitation, FieldsyncError> {
    guard(|| {
        let fieldsync::Invitation { server_url, code } = fieldsync::Invitation::from_link(&link)?;
        Ok(Invitation { server_url, code })
    })
}

#[uniffi::export]
impl Device {
    /// Whose device this is; none before enrolment.
    ///
    /// # Errors
    /// `Defect` when the store cannot be read.
    pub fn identity(&self) -> Result<Option<Identity>, FieldsyncError> {
        self.call(|engine| Ok(engine.identity()?.map(Identity::from)))
    }

    /// Enrols this device at the office at `server_url` with a one-time code; dashes and case do not matter.
    /// `device_name` is what the dispatcher sees in the list of devices. Needs the network. Asking again with the same
    /// code after a lost answer is safe. The first sync brings the jobs.
    ///
    /// # Errors
    /// `FixEntry` with `bad_code` or `bad_address`; `TryLater` when the office was not reached; `NotNow` when it is not to
    /// be trusted, or the store belongs to somebody else; `Cancelled`.
    #[uniffi::method(default(cancel = None))]
    pub async fn enrol(
        &self,
        server_url: String,
        code: String,
        device_name: String,
        cancel: Option<Arc<CancelHandle>>,
    ) -> Result<Identity, FieldsyncError> {
        let (engine, cancel) = (self.engine.clone(), cancel_of(cancel));
        self.runtime
            .run(async move {
                let enrol = engine.enrol(&server_url, &code, &device_name);
                Ok(unless_cancelled(cancel, enrol).await?.into())
            })
            .await
    }

    /// Like `enrol`, with the link of the office's QR code.
    ///
    /// # Errors
    /// Like `enrol`; `FixEntry` with `bad_link`.
    #[uniffi::method(default(cancel = None))]
    pub async fn enrol_link(
        &self,
        link: String,
        device_name: String,
        cancel: Option<Arc<CancelHandle>>,
    ) -> Result<Identity, FieldsyncError> {
        let Invitation { server_url, code } = read_link(link)?;
        self.enrol(server_url, code, device_name, cancel).await
    }
}
