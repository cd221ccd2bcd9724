//! The keys that stand outside the database: the root that signs certificates and counter-signatures, and the key that
//! seals records, cursors and push tokens. A restored database goes on with the same keys.

use std::io;
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use fieldsync::{Entropy, Files};
use fieldsync_protocol::bundle::{OfficeKey, public_half};
use fieldsync_protocol::{Hash, PublicKey, RecordId, Seal};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

/// A key file is 64 digits and the end of its line.
const KEY_FILE_MAX: usize = 256;

/// Why keys could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file cannot be read or written.
    #[error("use the key file {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file does not hold 64 hexadecimal digits.
    #[error("read the key file {}: it does not hold a key", .0.display())]
    Damaged(PathBuf),
}

/// The office's keys.
pub struct Keys {
    root: SigningKey,
    seal: [u8; 32],
    bundle: [u8; 32],
    cipher: LessSafeKey,
}

impl Keys {
    /// Loads the keys from `folder`. Where `may_make` says so, those that are missing are made: there is no office yet, and
    /// a first start may have been cut between one and the other.
    ///
    /// # Errors
    /// [`KeysError`] when a file is damaged or cannot be used. A missing key of an office is an error too: a new one would
    /// make everything sealed or signed so far unrecognisable.
    pub fn load_or_make(
        folder: &Path,
        files: &dyn Files,
        entropy: &dyn Entropy,
        may_make: bool,
    ) -> Result<Self, KeysError> {
        let (root_path, seal_path) = (folder.join("root.key"), folder.join("seal.key"));
        if may_make {
            files.make_dir(folder).map_err(|source| KeysError::File { path: folder.into(), source })?;
            for path in [&root_path, &seal_path] {
                let length = files.len(path).map_err(|source| KeysError::File { path: path.into(), source })?;
                if length.is_some() {
                    continue;
                }
                let mut bytes = [0; 32];
                entropy.fill(&mut bytes);
                write_secret(files, path, &hex::encode(bytes))?;
            }
        }
        Ok(Self::from_bytes(read_secret(files, &root_path)?, read_secret(files, &seal_path)?))
    }

    /// Keys from their bytes.
    pub fn from_bytes(root: [u8; 32], seal: [u8; 32]) -> Self {
        let derived = blake3::derive_key("fieldsync 2026 cursor and token cipher", &seal);
        let cipher = UnboundKey::new(&CHACHA20_POLY1305, &derived).expect("the key has the cipher's length");
        // Of the root, which no device trusts without: whoever has the keys reads what was closed to them, also after a move.
        let bundle = blake3::derive_key("fieldsync 2026 office key for bundles", &root);
        Self { root: SigningKey::from_bytes(&root), seal, bundle, cipher: LessSafeKey::new(cipher) }
    }

    /// The root key.
    pub fn root(&self) -> &SigningKey {
        &self.root
    }

    /// The root's public half: what anybody needs to verify certificates and signatures.
    pub fn public_root(&self) -> PublicKey {
        PublicKey(self.root.verifying_key().to_bytes())
    }

    /// The secret half of the key that carried bundles are closed to.
    pub fn bundle_secret(&self) -> [u8; 32] {
        self.bundle
    }

    /// The key that a tenant's devices close bundles to, on the word of the root.
    pub fn office_key(&self, tenant: &str) -> OfficeKey {
        OfficeKey::issue(&self.root, tenant, public_half(self.bundle))
    }

    /// The seal over a record: what the office recognises as its own word.
    pub fn seal_record(&self, id: RecordId, check: &Hash) -> Seal {
        self.mac("record", &[id.as_bytes().as_slice(), check.as_bytes().as_slice()])
    }

    /// A keyed hash over parts, for one purpose.
    pub fn mac(&self, purpose: &str, parts: &[&[u8]]) -> Seal {
        let mut hasher = blake3::Hasher::new_keyed(&self.seal);
        hasher.update(purpose.as_bytes());
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut seal = [0; 16];
        hasher.finalize_xof().fill(&mut seal);
        Seal(seal)
    }

    /// Encrypts and authenticates something only the office may read.
    pub fn close(&self, content: &[u8], purpose: &str, entropy: &dyn Entropy) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce);
        let mut sealed = content.to_vec();
        self.cipher
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose.as_bytes()), &mut sealed)
            .expect("a short message is within the cipher's limits");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Opens what [`Keys::close`] closed; `None` for anything else.
    pub fn open(&self, sealed: &[u8], purpose: &str) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut rest = rest.to_vec();
        let content = self.cipher.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut rest).ok()?;
        Some(content.to_vec())
    }
}

fn read_secret(files: &dyn Files, path: &Path) -> Result<[u8; 32], KeysError> {
    let text = files.read(path, 0, KEY_FILE_MAX).map_err(|source| KeysError::File { path: path.into(), source })?;
    let mut key = [0; 32];
    hex::decode_to_slice(text.trim_ascii(), &mut key).map_err(|_| KeysError::Damaged(path.into()))?;
    Ok(key)
}

fn write_secret(files: &dyn Files, path: &Path, text: &str) -> Result<(), KeysError> {
    // Whole or not at all: a key cut short by a crash would never be replaced.
    files.replace(path, format!("{text}\n").as_bytes()).map_err(|source| KeysError::File { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use fieldsync::{SystemEntropy, SystemFiles};

    #[test]
    fn what_is_closed_opens_for_the_same_purpose_only() {
        let keys = Keys::from_bytes([1; 32], [2; 32]);
        let sealed = keys.close(b"place 7", "cursor", &SystemEntropy);
        assert_eq!(keys.open(&sealed, "cursor").as_deref(), Some(b"place 7".as_slice()));
        assert_eq!(keys.open(&sealed, "token"), None);
        assert_eq!(keys.open(&sealed[..5], "cursor"), None);
        assert_eq!(Keys::from_bytes([1; 32], [3; 32]).open(&sealed, "cursor"), None);
    }

    #[test]
    fn keys_are_made_once_and_a_missing_one_of_an_office_is_never_replaced() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let load = |may_make| Keys::load_or_make(folder.path(), &SystemFiles, &SystemEntropy, may_make);
        let first = load(true).expect("make").public_root();
        assert_eq!(first, load(true).expect("load").public_root());
        assert_eq!(first, load(false).expect("load").public_root());
        std::fs::remove_file(folder.path().join("seal.key")).expect("remove");
        assert!(matches!(load(false), Err(KeysError::File { .. })));
        assert_eq!(first, load(true).expect("a start that was cut goes on").public_root());
    }
}
