//! The carried bundle: pending work in one file that somebody carries to the office by hand, or another phone takes
//! along.
//!
//! Promises: only the office reads it; it says whose work it is, and not one byte of it can be changed, left out or put
//! in another file without being noticed; a reader holds one part at a time, however large the file; its edits carry
//! dots of a replica id minted for this bundle alone, so that it never meets the author's own pushes.
//!
//! The file is a clear [`Header`], then segments. Each is one [`Part`] in CBOR under ChaCha20-Poly1305, with a key agreed
//! between a secret made for this file and the office's X25519 key ([`OfficeKey`]). The segments are counted and the last
//! one is marked, so none can be lost or moved. The last part is the device's signature over header and parts. [`seal`]
//! closes and opens; [`Outline`] lets a courier see that a file is whole without reading it.

pub mod seal;

use ed25519_dalek::{Signer, SigningKey};
use serde::{Deserialize, Serialize};

use crate::edit::Edit;
use crate::enrol::{Certificate, verifies};
use crate::exchange::{Offer, Sealed, SentDot};
use crate::ids::{BoxKey, Hash, PublicKey, RecordId, ReplicaId, SignatureBytes};
use crate::limits::BUNDLE_PART_BYTES_MAX;

pub use seal::{Closer, Opener, public_half};

/// Version of the file's format.
pub const FORMAT: u16 = 1;
/// What every bundle begins with.
pub const MAGIC: [u8; 8] = *b"FSBUNDLE";
/// Bytes of the header.
pub const HEADER_BYTES: usize = MAGIC.len() + 2 + 16 + 32 + 32;
/// Bytes that closing adds to a part.
pub(crate) const TAG_BYTES: usize = 16;
/// Marks the length of the last segment.
pub(crate) const LAST: u32 = 1 << 31;

/// Why a file is not a bundle for this office. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// It does not begin like a bundle.
    #[error("read the file: it is no carried bundle")]
    NoBundle,
    /// A newer app wrote it.
    #[error("understand the bundle: its format {0} is newer than this program")]
    TooNew(u16),
    /// It is closed to another office's key.
    #[error("open the bundle: it is for another office")]
    OtherOffice,
    /// It ends too early.
    #[error("read the bundle: its end is missing. Copy the file again")]
    Truncated,
    /// Something in it was changed, or it was not made by an honest device.
    #[error("trust the bundle: it was changed on the way. Copy the file again, or export a new one")]
    Damaged,
    /// It is larger than a bundle may be.
    #[error("take a bundle this large")]
    TooLarge,
    /// Its device has no certificate of this office.
    #[error("trust the bundle: its device is not one of this office")]
    UnknownAuthor,
}

/// What the office durably says about a bundle that somebody brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Its content is at the office: applied, refused or held edit by edit. The file is needed no more.
    Taken,
    /// It is no bundle, or was changed on the way.
    Damaged,
    /// It is for another office.
    OtherOffice,
    /// Its device has no certificate of this office.
    UnknownAuthor,
    /// A newer app wrote it: the office must be updated.
    TooNew,
    /// It is larger than a bundle may be.
    TooLarge,
}

impl Verdict {
    const ALL: [Verdict; 6] =
        [Self::Taken, Self::Damaged, Self::OtherOffice, Self::UnknownAuthor, Self::TooNew, Self::TooLarge];

    /// The verdict's name in headers and SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Damaged => "damaged",
            Self::OtherOffice => "other_office",
            Self::UnknownAuthor => "unknown_author",
            Self::TooNew => "too_new",
            Self::TooLarge => "too_large",
        }
    }

    /// The verdict with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }

    /// What happened, in plain words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Taken => "the office has it",
            Self::Damaged => "the file was changed on the way: ask for it again",
            Self::OtherOffice => "it is for another office",
            Self::UnknownAuthor => "its phone is not one of this office",
            Self::TooNew => "the office must be updated to read it",
            Self::TooLarge => "it is larger than a bundle may be",
        }
    }
}

impl From<BundleError> for Verdict {
    fn from(error: BundleError) -> Self {
        match error {
            BundleError::NoBundle | BundleError::Truncated | BundleError::Damaged => Self::Damaged,
            BundleError::TooNew(_) => Self::TooNew,
            BundleError::OtherOffice => Self::OtherOffice,
            BundleError::TooLarge => Self::TooLarge,
            BundleError::UnknownAuthor => Self::UnknownAuthor,
        }
    }
}

/// The key that bundles are closed to, on the word of the tenant's root: a device closes nothing to any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficeKey {
    /// The key.
    pub key: BoxKey,
    /// The root's signature over it and the tenant's name.
    pub signature: SignatureBytes,
}

impl OfficeKey {
    /// Issues the key of a tenant.
    pub fn issue(root: &SigningKey, tenant: &str, key: BoxKey) -> Self {
        Self { key, signature: SignatureBytes(root.sign(&Self::signed_bytes(tenant, &key)).to_bytes()) }
    }

    /// Whether the root signed it for this tenant.
    pub fn is_valid(&self, root: &PublicKey, tenant: &str) -> bool {
        verifies(root, &Self::signed_bytes(tenant, &self.key), &self.signature)
    }

    /// What the root signs: canonical JSON (RFC 8785), as for certificates.
    fn signed_bytes(tenant: &str, key: &BoxKey) -> Vec<u8> {
        let content = serde_json::json!({ "key": key, "purpose": "fieldsync office key v1", "tenant": tenant });
        serde_json_canonicalizer::to_vec(&content).expect("plain JSON always has a canonical form")
    }
}

/// What stands in the clear at the beginning: nothing about people or work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Names the bundle, and is the replica id of the dots in it.
    pub bundle: ReplicaId,
    /// The office's key it is closed to.
    pub office: BoxKey,
    /// The public half of the secret made for this file.
    pub made_with: BoxKey,
}

impl Header {
    /// The header's bytes.
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let parts: [&[u8]; 5] = [&MAGIC, &FORMAT.to_be_bytes(), &self.bundle.0, &self.office.0, &self.made_with.0];
        let mut bytes = [0; HEADER_BYTES];
        let mut at = 0;
        for part in parts {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        bytes
    }

    /// Reads a header.
    ///
    /// # Errors
    /// [`BundleError::NoBundle`], [`BundleError::TooNew`].
    pub fn read(bytes: &[u8; HEADER_BYTES]) -> Result<Self, BundleError> {
        let (magic, rest) = bytes.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(BundleError::NoBundle);
        }
        let format = u16::from_be_bytes([rest[0], rest[1]]);
        if format != FORMAT {
            return Err(BundleError::TooNew(format));
        }
        let field = |from: usize, size: usize| &rest[2 + from..2 + from + size];
        let whole = "the places above have the lengths asked for";
        Ok(Self {
            bundle: ReplicaId::from_slice(field(0, 16)).expect(whole),
            office: BoxKey::from_slice(field(16, 32)).expect(whole),
            made_with: BoxKey::from_slice(field(48, 32)).expect(whole),
        })
    }
}

/// One closed part of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Whose it is and what is in it; always the first part.
    Manifest(Box<Manifest>),
    /// A record of the office's on which the edits after it stand, with the office's own seal.
    Theirs(Box<Offer>),
    /// Pending edits of one record; a record with much may have several parts.
    Edits(CarriedRecord),
    /// A piece of a photo or file, in the order of its offsets.
    Content(Content),
    /// The device's signature over everything before; always the last part.
    End(SignatureBytes),
}

/// Whose bundle it is and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The author's device, on the office's own word.
    pub certificate: Certificate,
    /// The incarnation of the store that made it; its own dots occur in contexts.
    pub replica: ReplicaId,
    /// The how manieth bundle of this device.
    pub number: u64,
    /// When it was made, on the device's clock, milliseconds since 1970 UTC.
    pub made_ms: i64,
    /// Office clock minus device clock when last compared, milliseconds.
    pub offset_ms: i64,
    /// Version of the device's table of kinds.
    pub table: u32,
    /// Where the device's pull stood: its late work is judged by the access it had there.
    pub cursor: Option<Sealed>,
    /// Records with edits in this bundle.
    pub records: u64,
    /// Edits in this bundle.
    pub edits: u64,
    /// Photos and files in this bundle, in the order in which they follow.
    pub blobs: Vec<CarriedBlob>,
}

/// A photo or file in a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarriedBlob {
    /// The attachment it is the content of.
    pub attachment: RecordId,
    /// SHA-256 of the content.
    pub hash: Hash,
    /// Bytes.
    pub size: u64,
}

/// Pending edits of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarriedRecord {
    /// The record's kind.
    pub kind: String,
    /// The record.
    pub id: RecordId,
    /// The edits in dot order, each with a dot of the bundle's, in the context their author was shown. Of the author's own
    /// dots in it, only those count that the office has with the same content.
    pub edits: Vec<Edit>,
    /// Own dots of this record that were pushed and not answered.
    pub sent: Vec<SentDot>,
}

/// A piece of a photo or file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The attachment.
    pub attachment: RecordId,
    /// Where the piece begins.
    pub offset: u64,
    /// The piece.
    pub bytes: serde_bytes::ByteBuf,
}

/// Looks at a file from outside, as a courier may: whether it is a bundle, for which office, and whole.
#[derive(Debug, Default)]
pub struct Outline {
    start: Vec<u8>,
    header: Option<Header>,
    /// Bytes of the length that is being read.
    length: Vec<u8>,
    /// Bytes of the segment that are still to come.
    left: u64,
    is_last: bool,
    is_over: bool,
}

impl Outline {
    /// Looks at the next bytes of the file.
    ///
    /// # Errors
    /// [`BundleError`] as soon as the file cannot be a bundle.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), BundleError> {
        while !bytes.is_empty() {
            if self.header.is_none() {
                let (now, rest) = bytes.split_at(bytes.len().min(HEADER_BYTES - self.start.len()));
                self.start.extend_from_slice(now);
                bytes = rest;
                if let Ok(start) = self.start.as_slice().try_into() {
                    self.header = Some(Header::read(start)?);
                }
            } else if self.is_over {
                return Err(BundleError::Damaged);
            } else if self.left > 0 {
                let now = (bytes.len() as u64).min(self.left);
                self.left -= now;
                bytes = &bytes[now as usize..];
                self.is_over = self.is_last && self.left == 0;
            } else {
                let (now, rest) = bytes.split_at(bytes.len().min(4 - self.length.len()));
                self.length.extend_from_slice(now);
                bytes = rest;
                if let Ok(length) = self.length.as_slice().try_into() {
                    (self.left, self.is_last) = segment(length)?;
                    self.length.clear();
                }
            }
        }
        Ok(())
    }

    /// The header of a file that was whole.
    ///
    /// # Errors
    /// [`BundleError::NoBundle`], [`BundleError::Truncated`].
    pub fn finish(self) -> Result<Header, BundleError> {
        match self.header {
            Some(header) if self.is_over => Ok(header),
            Some(_) => Err(BundleError::Truncated),
            None => Err(BundleError::NoBundle),
        }
    }
}

/// Bytes of a segment, and whether it is the last.
pub(crate) fn segment(length: [u8; 4]) -> Result<(u64, bool), BundleError> {
    let length = u32::from_be_bytes(length);
    let bytes = (length & !LAST) as usize;
    if (TAG_BYTES + 1..=BUNDLE_PART_BYTES_MAX + TAG_BYTES).contains(&bytes) {
        Ok((bytes as u64, length & LAST != 0))
    } else {
        Err(BundleError::Damaged)
    }
}
