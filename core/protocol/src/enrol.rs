//! Enrolment: a one-time code becomes a key pair made on the device and a certificate from the office.

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::bundle::OfficeKey;
use crate::ids::{DeviceId, PersonId, PublicKey, SignatureBytes};

/// What a device sends with its one-time code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// The one-time code, as scanned or typed (case and dashes do not matter).
    pub code: String,
    /// The device's public key; the private one never leaves it.
    pub public_key: PublicKey,
    /// What the dispatcher sees in the list of devices.
    pub device_name: String,
}

/// What the office answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolAnswer {
    /// The certificate, also embedded in what customers sign.
    pub certificate: Certificate,
    /// The tenant's public root, to verify certificates and counter-signatures with.
    pub root: PublicKey,
    /// The person's name, for the device's screens.
    pub person_name: String,
    /// The server's epoch.
    pub epoch: u64,
    /// The key that carried bundles are closed to; `None` from an office that takes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub office_key: Option<OfficeKey>,
}

/// The office's word that a key belongs to a device of a person. Signed by a key outside the database, so that a
/// device enrolled in a time that a restore lost is still known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The tenant.
    pub tenant: String,
    /// The device.
    pub device: DeviceId,
    /// Whose device it is; for technicians the id of their technician record.
    pub person: PersonId,
    /// The device's key.
    pub public_key: PublicKey,
    /// When it was issued on the office's clock, milliseconds since 1970 UTC.
    pub issued_ms: i64,
    /// The root's signature over the rest.
    pub signature: SignatureBytes,
}

impl Certificate {
    /// Issues a certificate.
    pub fn issue(
        root: &SigningKey,
        tenant: &str,
        device: DeviceId,
        person: PersonId,
        public_key: PublicKey,
        issued_ms: i64,
    ) -> Self {
        let mut certificate = Certificate {
            tenant: tenant.to_owned(),
            device,
            person,
            public_key,
            issued_ms,
            signature: SignatureBytes([0; 64]),
        };
        certificate.signature = SignatureBytes(root.sign(&certificate.signed_bytes()).to_bytes());
        certificate
    }

    /// Whether the root signed it.
    pub fn is_valid(&self, root: &PublicKey) -> bool {
        verifies(root, &self.signed_bytes(), &self.signature)
    }

    /// What the root signs: canonical JSON (RFC 8785), so that a third party can check it.
    fn signed_bytes(&self) -> Vec<u8> {
        let content = serde_json::json!({
            "device": self.device,
            "issued_ms": self.issued_ms,
            "person": self.person,
            "public_key": self.public_key,
            "purpose": "fieldsync device certificate v1",
            "tenant": self.tenant,
        });
        serde_json_canonicalizer::to_vec(&content).expect("plain JSON always has a canonical form")
    }
}

/// Whether `signature` over `bytes` was made by the holder of `key`.
pub fn verifies(key: &PublicKey, bytes: &[u8], signature: &SignatureBytes) -> bool {
    let Ok(key) = VerifyingKey::from_bytes(&key.0) else { return false };
    key.verify_strict(bytes, &ed25519_dalek::Signature::from_bytes(&signature.0)).is_ok()
}

/// The characters of enrolment codes: none that people confuse.
pub const CODE_ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Characters of a code: 80 bits.
pub const CODE_LENGTH: usize = 16;

/// A code from random bytes, in groups of four.
pub fn format_code(random: &[u8; CODE_LENGTH]) -> String {
    let letters: Vec<char> = random.iter().map(|byte| CODE_ALPHABET[usize::from(byte % 32)] as char).collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// A code as people type it, brought into the one form that is hashed and compared.
pub fn normalise_code(typed: &str) -> String {
    typed.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_verifies_until_one_letter_differs() {
        let root = SigningKey::from_bytes(&[5; 32]);
        let public = PublicKey(root.verifying_key().to_bytes());
        let device = DeviceId::from_bytes([1; 16]);
        let certificate =
            Certificate::issue(&root, "acme", device, PersonId::from_bytes([2; 16]), PublicKey([3; 32]), 7);
        assert!(certificate.is_valid(&public));
        assert!(!Certificate { tenant: "acmf".into(), ..certificate.clone() }.is_valid(&public));
        assert!(!Certificate { issued_ms: 8, ..certificate }.is_valid(&public));
    }

    #[test]
    fn a_code_survives_being_typed_by_a_person() {
        let code = format_code(&[0, 31, 32, 33, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 255]);
        assert_eq!(code.len(), 19);
        assert_eq!(normalise_code(&code.to_lowercase().replace('-', " ")), code.replace('-', ""));
    }
}
