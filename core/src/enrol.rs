//! Enrolment: a one-time code becomes a key pair made here and a certificate from the office.
//!
//! The key is stored before it is sent, so that a lost answer is asked for again with the same key. Until the phone's own
//! key store takes it over, the secret half lies in the store.

use std::fmt;
use std::sync::{Arc, OnceLock};

use ed25519_dalek::SigningKey;
use fieldsync_protocol::bundle::OfficeKey;
use fieldsync_protocol::enrol::{Certificate, Enrol, EnrolAnswer};
use fieldsync_protocol::fault::FaultCode;
use fieldsync_protocol::request::ENROL_PATH;
use fieldsync_protocol::rights::{Actor, Role};
use fieldsync_protocol::{DeviceId, PersonId, PublicKey, RecordId, wire};
use rusqlite::Connection;
use zeroize::Zeroizing;

use crate::device::Device;
use crate::entropy;
use crate::error::Error;
use crate::http::{HttpTransport, Transport};
use crate::store::meta;
use crate::sync::message::{Request, Response, retry_after_ms};

/// Whose device this is, and how it proves it.
#[derive(Clone)]
pub struct Identity {
    /// The device.
    pub device: DeviceId,
    /// Whose device it is.
    pub person: PersonId,
    /// That person's name.
    pub person_name: String,
    /// The tenant.
    pub tenant: String,
    /// The office's certificate for the device.
    pub certificate: Certificate,
    /// The tenant's public root.
    pub root: PublicKey,
    secret: Zeroizing<[u8; 32]>,
    // Made when something is signed: most who ask whose device this is sign nothing, and a key costs more than their answer.
    key: OnceLock<SigningKey>,
}

impl Identity {
    /// The person's technician record.
    pub fn technician(&self) -> RecordId {
        RecordId(self.person.0)
    }

    /// The device's own key.
    pub(crate) fn key(&self) -> &SigningKey {
        self.key.get_or_init(|| SigningKey::from_bytes(&self.secret))
    }

    /// Who edits on this device.
    pub(crate) fn actor(&self) -> Actor {
        Actor { person: self.person, role: Role::Technician }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("device", &self.device).field("person", &self.person).finish_non_exhaustive()
    }
}

/// What the office's QR code says: where it is, and the one-time code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Where the office is.
    pub server_url: String,
    /// The one-time code.
    pub code: String,
}

impl Invitation {
    /// Reads a link as the office's QR code carries it: `fieldsync://enrol?server=…&code=…`. What a newer office adds to
    /// it is passed over.
    ///
    /// # Errors
    /// [`Error::BadLink`] for anything else.
    pub fn from_link(link: &str) -> Result<Self, Error> {
        let url = reqwest::Url::parse(link.trim()).map_err(|_| Error::BadLink)?;
        if url.scheme() != "fieldsync" || url.host_str() != Some("enrol") {
            return Err(Error::BadLink);
        }
        let said = |name: &str| {
            let value = url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
            value.filter(|value| !value.is_empty()).ok_or(Error::BadLink)
        };
        Ok(Self { server_url: said("server")?, code: said("code")? })
    }
}

/// The identity as stored; `None` before enrolment.
pub(crate) fn identity(connection: &Connection) -> Result<Option<Identity>, Error> {
    let Some(certificate) = meta::get::<Certificate>(connection, meta::CERTIFICATE)? else { return Ok(None) };
    let root = meta::get(connection, meta::ROOT)?.ok_or(Error::Defect("root_missing"))?;
    let secret = meta::get::<[u8; 32]>(connection, meta::SECRET_KEY)?.ok_or(Error::Defect("key_missing"))?;
    Ok(Some(Identity {
        device: certificate.device,
        person: certificate.person,
        person_name: meta::get(connection, meta::PERSON_NAME)?.unwrap_or_default(),
        tenant: certificate.tenant.clone(),
        certificate,
        root,
        secret: Zeroizing::new(secret),
        key: OnceLock::new(),
    }))
}

/// Keeps the key that bundles are closed to, if the root signed it for this tenant; anything else is left aside.
pub(crate) fn keep_office_key(
    connection: &Connection,
    key: Option<&OfficeKey>,
    root: &PublicKey,
    tenant: &str,
) -> Result<(), Error> {
    match key.filter(|key| key.is_valid(root, tenant)) {
        Some(key) => meta::set(connection, meta::OFFICE_KEY, key),
        None => Ok(()),
    }
}

impl Device {
    /// Whose device this is; `None` before enrolment.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn identity(&self) -> Result<Option<Identity>, Error> {
        self.read(identity)
    }

    /// Enrols this device with a one-time code at the office at `server_url` (`https://…`, or `http://` on loopback).
    /// Asking again with the same code after a lost answer is safe.
    ///
    /// # Errors
    /// [`Error::BadCode`], [`Error::Offline`], [`Error::Untrusted`], [`Error::BadAddress`], or
    /// [`Error::OtherOwner`] when the store already belongs to somebody else.
    pub async fn enrol(&self, server_url: &str, code: &str, device_name: &str) -> Result<Identity, Error> {
        let transport = Arc::new(HttpTransport::new(server_url, self)?);
        self.enrol_over(transport, server_url, code, device_name).await
    }

    /// Like [`Device::enrol`], over a transport of the caller's.
    ///
    /// # Errors
    /// Like [`Device::enrol`].
    pub async fn enrol_over(
        &self,
        transport: Arc<dyn Transport>,
        server_url: &str,
        code: &str,
        device_name: &str,
    ) -> Result<Identity, Error> {
        let (device, code, name) = (self.clone(), code.to_owned(), device_name.to_owned());
        let request = self.blocking(move || device.enrol_request(&code, &name)).await?;
        let response = self
            .run(async move { transport.send(request).await })
            .await?
            .map_err(|_| Error::Offline { retry_after_ms: None })?;
        let (device, server_url) = (self.clone(), server_url.to_owned());
        self.blocking(move || device.enrol_answer(&server_url, &response)).await
    }

    /// The request that enrols this device. The key is stored when this returns.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn enrol_request(&self, code: &str, device_name: &str) -> Result<Request, Error> {
        let secret = self.write(|tx, _| match meta::get::<[u8; 32]>(tx, meta::SECRET_KEY)? {
            Some(secret) => Ok(secret),
            None => {
                let secret = entropy::secret_key(self.entropy());
                meta::set(tx, meta::SECRET_KEY, &secret)?;
                Ok(secret)
            }
        })?;
        let public_key = PublicKey(SigningKey::from_bytes(&secret).verifying_key().to_bytes());
        let enrol = Enrol { code: code.to_owned(), public_key, device_name: device_name.to_owned() };
        let headers = vec![("content-type".to_owned(), wire::MEDIA_TYPE.to_owned())];
        Ok(Request { method: "POST", path: ENROL_PATH.to_owned(), headers, body: wire::pack(&enrol) })
    }

    /// Takes the office's answer to [`Device::enrol_request`].
    ///
    /// # Errors
    /// Like [`Device::enrol`].
    pub fn enrol_answer(&self, server_url: &str, response: &Response) -> Result<Identity, Error> {
        if !(200..300).contains(&response.status) {
            return Err(match response.fault().map(|fault| fault.code) {
                Some(FaultCode::BadCode | FaultCode::Revoked) => Error::BadCode,
                Some(FaultCode::Outdated) => Error::Outdated,
                Some(FaultCode::BadRequest | FaultCode::TooLarge) => Error::Defect("enrol_refused"),
                _ => Error::Offline { retry_after_ms: retry_after_ms(response) },
            });
        }
        let answer: EnrolAnswer = wire::unpack(&response.body)?;
        self.write(|tx, _| {
            let secret: [u8; 32] = meta::get(tx, meta::SECRET_KEY)?.ok_or(Error::Defect("key_missing"))?;
            let public_key = PublicKey(SigningKey::from_bytes(&secret).verifying_key().to_bytes());
            let certificate = &answer.certificate;
            if certificate.public_key != public_key || !certificate.is_valid(&answer.root) {
                return Err(Error::Untrusted);
            }
            if let Some(before) = identity(tx)? {
                let is_same = before.person == certificate.person
                    && before.tenant == certificate.tenant
                    && before.root == answer.root;
                if !is_same {
                    return Err(Error::OtherOwner);
                }
            } else {
                meta::set(tx, meta::EPOCH, &answer.epoch)?;
            }
            meta::set(tx, meta::CERTIFICATE, certificate)?;
            meta::set(tx, meta::ROOT, &answer.root)?;
            keep_office_key(tx, answer.office_key.as_ref(), &answer.root, &certificate.tenant)?;
            meta::set(tx, meta::PERSON_NAME, &answer.person_name)?;
            meta::set(tx, meta::SERVER_URL, &server_url)?;
            identity(tx)?.ok_or(Error::Defect("identity_missing"))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fieldsync_protocol::fault::Fault;

    use super::*;
    use crate::Config;
    use crate::entropy::SeededEntropy;

    fn office(device: &Device, root: &SigningKey, person: u8) -> Response {
        let request = device.enrol_request("AAAA-BBBB", "a phone").unwrap();
        let enrol: Enrol = wire::unpack(&request.body).unwrap();
        let certificate = Certificate::issue(
            root,
            "acme",
            DeviceId::from_bytes([4; 16]),
            PersonId::from_bytes([person; 16]),
            enrol.public_key,
            7,
        );
        let root = PublicKey(root.verifying_key().to_bytes());
        let answer = EnrolAnswer { certificate, root, person_name: "Anna".into(), epoch: 3, office_key: None };
        Response { status: 200, headers: Vec::new(), body: wire::pack(&answer) }
    }

    fn device(dir: &std::path::Path) -> Device {
        Device::open(Config { entropy: Arc::new(SeededEntropy::new(5)), ..Config::new(dir) }).unwrap()
    }

    #[test]
    fn a_lost_answer_is_asked_for_again_with_the_same_key() {
        let dir = tempfile::tempdir().unwrap();
        let root = SigningKey::from_bytes(&[5; 32]);
        let first = device(dir.path()).enrol_request("AAAA-BBBB", "a phone").unwrap();

        let device = device(dir.path());
        assert_eq!(device.enrol_request("AAAA-BBBB", "a phone").unwrap().body, first.body);
        let identity = device.enrol_answer("http://localhost", &office(&device, &root, 1)).unwrap();

        assert_eq!(identity.technician(), RecordId::from_bytes([1; 16]));
        assert_eq!(device.status().unwrap().epoch, 3);
        assert_eq!(device.identity().unwrap().unwrap().person_name, "Anna");
    }

    #[test]
    fn an_answer_that_the_root_did_not_sign_for_this_key_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let device = device(dir.path());
        let root = SigningKey::from_bytes(&[5; 32]);
        let mut answer: EnrolAnswer = wire::unpack(&office(&device, &root, 1).body).unwrap();
        answer.certificate.tenant = "other".into();
        let forged = Response { status: 200, headers: Vec::new(), body: wire::pack(&answer) };
        assert!(matches!(device.enrol_answer("http://localhost", &forged), Err(Error::Untrusted)));
        assert!(device.identity().unwrap().is_none());
    }

    #[test]
    fn the_link_of_the_qr_code_says_where_the_office_is_and_the_code() {
        let invitation =
            Invitation::from_link("fieldsync://enrol?server=https%3A%2F%2Foffice.example%3A8470&code=ABCD-EFGH&new=1")
                .unwrap();
        assert_eq!(invitation.server_url, "https://office.example:8470");
        assert_eq!(invitation.code, "ABCD-EFGH");
        for link in ["", "https://office.example/enrol?code=A", "fieldsync://enrol?server=x", "fieldsync://enrol?code="]
        {
            assert!(matches!(Invitation::from_link(link), Err(Error::BadLink)), "{link}");
        }
    }

    #[test]
    fn a_store_belongs_to_one_person() {
        let dir = tempfile::tempdir().unwrap();
        let device = device(dir.path());
        let root = SigningKey::from_bytes(&[5; 32]);
        device.enrol_answer("http://localhost", &office(&device, &root, 1)).unwrap();
        device.enrol_answer("http://localhost", &office(&device, &root, 1)).unwrap();
        let other = device.enrol_answer("http://localhost", &office(&device, &root, 2));
        assert!(matches!(other, Err(Error::OtherOwner)));
    }

    #[test]
    fn a_wrong_code_is_told_apart_from_a_missing_network() {
        let dir = tempfile::tempdir().unwrap();
        let device = device(dir.path());
        let body = serde_json::to_vec(&Fault::new(FaultCode::BadCode)).unwrap();
        let wrong = Response { status: 403, headers: Vec::new(), body };
        assert!(matches!(device.enrol_answer("http://localhost", &wrong), Err(Error::BadCode)));
        let portal = Response { status: 200, headers: Vec::new(), body: b"<html>".to_vec() };
        assert!(matches!(device.enrol_answer("http://localhost", &portal), Err(Error::Answer(_))));
    }
}
