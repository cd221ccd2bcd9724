//! Devices come and go: one-time codes, enrolment, revocation, retirement.

use std::sync::Arc;

use fieldsync_protocol::enrol::{Certificate, Enrol, EnrolAnswer, format_code, normalise_code};
use fieldsync_protocol::limits::ENROL_CODE_MINUTES;
use fieldsync_protocol::rights::{self, Actor, Code, Deed};
use fieldsync_protocol::{DeviceId, Hash, PersonId, RecordId, show};

use crate::office::Office;
use crate::revocations;
use crate::store::{Device, StoreError, Txn};
use crate::sync::edit::EditError;

/// Longest name of a device, characters.
const NAME_CHARACTERS_MAX: usize = 80;

/// Why a device could not be enrolled or a code made.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The code is unknown, used or expired. Which of these is not told.
    #[error("enrol the device: the code is not valid")]
    BadCode,
    /// There is no such technician.
    #[error("find the technician")]
    NoTechnician,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a one-time code for a technician's next device. Only its hash is stored; the code lives ten minutes.
///
/// # Errors
/// [`EnrolError::NoTechnician`] when there is no such technician.
pub fn new_code(office: &Office, technician: RecordId) -> Result<String, EnrolError> {
    let code = format_code(&office.random());
    let hash = code_hash(&code);
    let expires_ms = office.now_ms() + ENROL_CODE_MINUTES * 60_000;
    office.write(move |txn| {
        name_of(txn, technician)?;
        Ok::<_, EnrolError>(txn.put_code(&hash, PersonId(technician.0), expires_ms)?)
    })?;
    Ok(code)
}

/// Enrols a device: uses the code up, and certifies the device's key. Asking again with the same code and key gives the
/// same certificate.
///
/// # Errors
/// [`EnrolError::BadCode`]; the code is not used up by a failure.
pub fn enrol(office: &Office, request: &Enrol) -> Result<EnrolAnswer, EnrolError> {
    let (inner, request) = (office.clone(), request.clone());
    office.write(move |txn| {
        let now_ms = inner.now_ms();
        let person =
            txn.use_code(&code_hash(&request.code), &request.public_key, now_ms)?.ok_or(EnrolError::BadCode)?;
        let technician = name_of(txn, RecordId(person.0))?;
        let tenant = txn.tenant()?;
        // Asked again after a lost answer: the same key is the same device.
        let known = txn.devices()?.into_iter().find(|device| device.public_key == request.public_key);
        let (device, issued_ms) =
            known.as_ref().map_or((DeviceId(inner.new_id().0), now_ms), |device| (device.id, device.enrolled_ms));
        let certificate =
            Certificate::issue(inner.keys.root(), &tenant.name, device, person, request.public_key, issued_ms);
        if known.is_none() {
            let name = request.device_name.chars().take(NAME_CHARACTERS_MAX).collect();
            txn.put_device(&new_device(&certificate, name))?;
        }
        let office_key = Some(inner.keys.office_key(&tenant.name));
        let (root, epoch) = (inner.keys.public_root(), tenant.epoch);
        Ok(EnrolAnswer { certificate, root, person_name: technician, epoch, office_key })
    })
}

/// Takes a device back that a restored database does not know any more, on the word of its certificate.
///
/// Returns `None` when the certificate is not this office's.
///
/// # Errors
/// [`StoreError`] of the store.
pub fn readmit(office: &Office, certificate: &Certificate) -> Result<Option<Device>, StoreError> {
    if !certificate.is_valid(&office.keys.public_root()) {
        return Ok(None);
    }
    let (certificate, revocations) = (certificate.clone(), Arc::clone(&office.revocations));
    office.write(move |txn| {
        if txn.tenant()?.name != certificate.tenant {
            return Ok(None);
        }
        if let Some(device) = txn.device(certificate.device)? {
            return Ok(Some(device));
        }
        let device = Device {
            revoked_ms: revocations.at_ms(certificate.device),
            wipe_ms: revocations.wipe_ms(certificate.device),
            wiped_ms: revocations.wiped_ms(certificate.device),
            retired_ms: revocations.retired_ms(certificate.device),
            ..new_device(&certificate, "enrolled before a restore".to_owned())
        };
        txn.put_device(&device)?;
        Ok(Some(device))
    })
}

/// Revokes a device: from its next request on it gets nothing; what it still pushes is held. Twice changes nothing.
///
/// # Errors
/// [`StoreError`] of the store, or of the log outside it, which is written first.
pub fn revoke(office: &Office, device: DeviceId) -> Result<(), StoreError> {
    let now_ms = office.now_ms();
    if office.read(|txn| txn.device(device))?.is_none() {
        return Ok(());
    }
    office.revocations.note(device, now_ms).map_err(|error| StoreError::Database(error.into()))?;
    office.write(move |txn| match txn.device(device)? {
        Some(device) if device.revoked_ms.is_none() => txn.put_device(&Device { revoked_ms: Some(now_ms), ..device }),
        _ => Ok(()),
    })
}

/// Asks that a device be wiped: it is revoked, and at its next contact it hands over what only it has, which is held, and
/// destroys its store, its photos and its keys. Who asked is noted in the log outside the database. Twice changes nothing.
///
/// # Errors
/// [`EditError::Refused`] when `by` is in no role that may; nothing is changed then. [`StoreError`] of the store, or of the
/// log outside it, which is written first.
pub fn wipe(office: &Office, device: DeviceId, by: &Actor) -> Result<(), EditError> {
    if !rights::may(by, Deed::Wipe) {
        return Err(EditError::Refused(Code::NotYourRole));
    }
    revoke(office, device)?;
    let now_ms = office.now_ms();
    if office.read(|txn| txn.device(device))?.is_none() {
        return Ok(());
    }
    office.revocations.note_wipe(device, now_ms, by.person).map_err(|error| StoreError::Database(error.into()))?;
    office.write(move |txn| match txn.device(device)? {
        Some(device) if device.wipe_ms.is_none() => txn.put_device(&Device { wipe_ms: Some(now_ms), ..device }),
        _ => Ok(()),
    })?;
    Ok(())
}

/// Gives a device up that never returns: nobody waits for it any more when something is to be forgotten, and what its
/// stores still send under an id they had is held. It gets what it always got; one that must not is to be revoked. When it
/// is heard of again it counts again, under a fresh replica id. Twice changes nothing; a revoked device counts for nothing
/// already and is left as it is.
///
/// # Errors
/// [`StoreError`] of the store, or of the log outside it, which is written first.
pub fn retire(office: &Office, device: DeviceId) -> Result<(), StoreError> {
    let now_ms = office.now_ms();
    let found = office.read(|txn| txn.device(device))?;
    if found.is_none_or(|device| device.revoked_ms.is_some() || device.retired_ms.is_some()) {
        return Ok(());
    }
    office.revocations.note_retired(device, now_ms).map_err(|error| StoreError::Database(error.into()))?;
    office.write(move |txn| match txn.device(device)? {
        Some(device) => revocations::retire(txn, device, now_ms),
        None => Ok(()),
    })
}

fn new_device(certificate: &Certificate, name: String) -> Device {
    Device {
        id: certificate.device,
        person: certificate.person,
        name,
        public_key: certificate.public_key,
        enrolled_ms: certificate.issued_ms,
        contact_ms: None,
        position: 0,
        offset_ms: None,
        holding: Default::default(),
        table_version: 0,
        revoked_ms: None,
        wipe_ms: None,
        wiped_ms: None,
        retired_ms: None,
    }
}

fn code_hash(code: &str) -> Hash {
    Hash::blake3(normalise_code(code).as_bytes())
}

fn name_of(txn: &mut dyn Txn, technician: RecordId) -> Result<String, EnrolError> {
    let stored = txn.record(technician)?.filter(|stored| stored.record.kind == "technician");
    let record = stored.ok_or(EnrolError::NoTechnician)?.record;
    Ok(show::name(&record).unwrap_or_default().to_owned())
}
