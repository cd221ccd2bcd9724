//! Closing a bundle and opening it again.
//!
//! The key is agreed as in an anonymous sealed box: X25519 between a secret made for this file and the office's key, then
//! BLAKE3's key derivation over the shared secret and the whole header, which binds the header too. Segment *n* has the
//! nonce *n* with a last byte of 1 for the last segment; a key is used for one file only, so no nonce comes twice.

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};
use x25519_dalek::{PublicKey as Point, StaticSecret};

use super::{BundleError, HEADER_BYTES, Header, LAST, Manifest, Part, TAG_BYTES, segment};
use crate::encode;
use crate::enrol::verifies;
use crate::ids::{BoxKey, PublicKey, ReplicaId, SignatureBytes};
use crate::limits::{BUNDLE_BLOBS_MAX, BUNDLE_PART_BYTES_MAX};

const PURPOSE: &str = "fieldsync 2026 carried bundle v1";

/// The public half of an X25519 secret.
pub fn public_half(secret: [u8; 32]) -> BoxKey {
    BoxKey(Point::from(&StaticSecret::from(secret)).to_bytes())
}

fn cipher(secret: [u8; 32], other: &BoxKey, header: &[u8; HEADER_BYTES]) -> ChaCha20Poly1305 {
    let shared = StaticSecret::from(secret).diffie_hellman(&Point::from(other.0));
    let key = blake3::derive_key(PURPOSE, &[shared.as_bytes().as_slice(), header].concat());
    ChaCha20Poly1305::new(&Key::from(key))
}

fn nonce(place: u64, is_last: bool) -> Nonce {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&place.to_be_bytes());
    bytes[11] = u8::from(is_last);
    Nonce::from(bytes)
}

/// What the device signs: the purpose and the hash of header and parts, each part with its length.
fn signed_bytes(hasher: Sha256) -> Vec<u8> {
    [b"fieldsync carried bundle v1\n".as_slice(), &hasher.finalize()].concat()
}

fn note(hasher: &mut Sha256, part: &[u8]) {
    hasher.update((part.len() as u64).to_be_bytes());
    hasher.update(part);
}

/// Writes a bundle, part by part.
pub struct Closer {
    cipher: ChaCha20Poly1305,
    hasher: Sha256,
    place: u64,
}

impl Closer {
    /// Begins a bundle for the office with this key; its header is appended to `out`. `secret` is 32 random bytes that
    /// are used for nothing else.
    pub fn begin(bundle: ReplicaId, office: BoxKey, secret: [u8; 32], out: &mut Vec<u8>) -> Self {
        let header = Header { bundle, office, made_with: public_half(secret) }.to_bytes();
        out.extend_from_slice(&header);
        Self { cipher: cipher(secret, &office, &header), hasher: Sha256::new_with_prefix(header), place: 0 }
    }

    /// Appends a part, closed, to `out`; `false`, and nothing appended, when it is larger than a part may be.
    pub fn part(&mut self, part: &Part, out: &mut Vec<u8>) -> bool {
        let bytes = encode::cbor(part);
        if bytes.len() > BUNDLE_PART_BYTES_MAX {
            return false;
        }
        note(&mut self.hasher, &bytes);
        self.close(&bytes, false, out);
        true
    }

    /// Signs the bundle and appends its end to `out`.
    pub fn end(mut self, device: &SigningKey, out: &mut Vec<u8>) {
        let hasher = std::mem::take(&mut self.hasher);
        let signature = SignatureBytes(device.sign(&signed_bytes(hasher)).to_bytes());
        self.close(&encode::cbor(&Part::End(signature)), true, out);
    }

    fn close(&mut self, bytes: &[u8], is_last: bool, out: &mut Vec<u8>) {
        let closed = self.cipher.encrypt(&nonce(self.place, is_last), bytes);
        let closed = closed.expect("a part is far smaller than the cipher's limit");
        let length = closed.len() as u32 | if is_last { LAST } else { 0 };
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&closed);
        self.place += 1;
    }
}

/// Reads a bundle, part by part. **Nothing it gives out may be believed before [`Opener::finish`] agreed**: the signature
/// stands at the end.
pub struct Opener {
    secret: [u8; 32],
    root: PublicKey,
    tenant: String,
    waiting: Vec<u8>,
    header: Option<Header>,
    cipher: Option<ChaCha20Poly1305>,
    hasher: Sha256,
    place: u64,
    author: Option<PublicKey>,
    is_over: bool,
}

impl Opener {
    /// An opener for the office whose key has this secret half, which believes certificates of `root` for `tenant`.
    pub fn new(secret: [u8; 32], root: PublicKey, tenant: impl Into<String>) -> Self {
        Self {
            secret,
            root,
            tenant: tenant.into(),
            waiting: Vec::new(),
            header: None,
            cipher: None,
            hasher: Sha256::new(),
            place: 0,
            author: None,
            is_over: false,
        }
    }

    /// Takes the next bytes of the file. Read all parts with [`Opener::part`] before feeding on, so that no more than
    /// one part waits in memory.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// The next part, when all of it was fed. The end is verified here and not given out.
    ///
    /// # Errors
    /// [`BundleError`]; the file is of no use then.
    pub fn part(&mut self) -> Result<Option<Part>, BundleError> {
        if self.header.is_none() && !self.begin()? {
            return Ok(None);
        }
        if self.is_over {
            return if self.waiting.is_empty() { Ok(None) } else { Err(BundleError::Damaged) };
        }
        let Some(length) = self.waiting.first_chunk::<4>() else { return Ok(None) };
        let (size, is_last) = segment(*length)?;
        let end = 4 + size as usize;
        if self.waiting.len() < end {
            return Ok(None);
        }
        let cipher = self.cipher.as_ref().ok_or(BundleError::NoBundle)?;
        let opened = cipher.decrypt(&nonce(self.place, is_last), &self.waiting[4..end]);
        let bytes = opened.map_err(|_| BundleError::Damaged)?;
        debug_assert_eq!(bytes.len() + TAG_BYTES, size as usize);
        self.waiting.drain(..end);
        self.place += 1;
        let part: Part = encode::from_cbor(&bytes).map_err(|_| BundleError::Damaged)?;
        match (&part, is_last) {
            (Part::End(signature), true) => {
                let author = self.author.ok_or(BundleError::Damaged)?;
                let signed = signed_bytes(std::mem::take(&mut self.hasher));
                if !verifies(&author, &signed, signature) {
                    return Err(BundleError::Damaged);
                }
                self.is_over = true;
                return self.part();
            }
            (Part::End(_), false) | (_, true) => return Err(BundleError::Damaged),
            (Part::Manifest(manifest), false) => self.believe(manifest)?,
            (_, false) if self.author.is_none() => return Err(BundleError::Damaged),
            (Part::Edits(record), false) => self.check_dots(record)?,
            _ => {}
        }
        note(&mut self.hasher, &bytes);
        Ok(Some(part))
    }

    /// The header, once it was read.
    pub fn header(&self) -> Option<Header> {
        self.header
    }

    /// Whether the whole file was read, and its author's device signed exactly that.
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

    fn begin(&mut self) -> Result<bool, BundleError> {
        let Some(bytes) = self.waiting.first_chunk::<HEADER_BYTES>().copied() else { return Ok(false) };
        let header = Header::read(&bytes)?;
        if header.office != public_half(self.secret) {
            return Err(BundleError::OtherOffice);
        }
        self.waiting.drain(..HEADER_BYTES);
        self.cipher = Some(cipher(self.secret, &header.made_with, &bytes));
        self.hasher.update(bytes);
        self.header = Some(header);
        Ok(true)
    }

    /// The first part says who signs; nobody may say so twice.
    fn believe(&mut self, manifest: &Manifest) -> Result<(), BundleError> {
        if self.author.is_some() || manifest.blobs.len() > BUNDLE_BLOBS_MAX {
            return Err(BundleError::Damaged);
        }
        let certificate = &manifest.certificate;
        if certificate.tenant != self.tenant || !certificate.is_valid(&self.root) {
            return Err(BundleError::UnknownAuthor);
        }
        self.author = Some(certificate.public_key);
        Ok(())
    }

    /// Every dot is the bundle's own: no edit in a file passes for one that a device pushed.
    fn check_dots(&self, record: &super::CarriedRecord) -> Result<(), BundleError> {
        let bundle = self.header.map(|header| header.bundle);
        let is_own = |edit: &crate::Edit| Some(edit.dot.replica) == bundle;
        if !record.edits.is_empty() && record.edits.iter().all(is_own) { Ok(()) } else { Err(BundleError::Damaged) }
    }
}

#[cfg(test)]
mod tests;
