//! Encryption at rest: the app gives a key, kept in the phone's own key store, and the database is encrypted with it.
//!
//! With a key, everything SQLite writes is encrypted: the database, its write-ahead log, its journal; temporary tables
//! stay in memory. Photos and files beside it are *not* encrypted here: the phone's own file encryption protects them
//! while it is locked (iOS data protection, Android file-based encryption). The counts beside the store are plain numbers.
//!
//! Needs a build with the feature `encryption`. A key given to a build without it is refused, never ignored.
//!
//! Keys get lost: a key store is reset, a backup brings the file and not the key. That is told apart from damage by a
//! check value beside the store, which says nothing about the key. A store whose key is wrong or lost stays where it is,
//! untouched, until the app says to start over; then it is set aside like a damaged one. How much was unsent in it is
//! known from the counts.

use std::error::Error as StdError;
use std::fmt;

use crate::error::Error;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// Where an app keeps the key of one store: the Keychain of this device only, a key wrapped by the Android Keystore.
///
/// Called when the store is opened, also after a pause, on the thread that does so.
pub trait KeyProvider: Send + Sync {
    /// The key: 256 random bits, made the first time and the same ever after.
    ///
    /// # Errors
    /// [`KeyError::Lost`] when there was one and it is gone for good; [`KeyError::Unavailable`] when it cannot be read
    /// now, for example because the phone was not unlocked since it started.
    fn key(&self) -> Result<[u8; KEY_BYTES], KeyError>;

    /// Destroys the key, because the office had the device wiped. Without it, whatever the disk still holds of the store
    /// is noise. Afterwards [`KeyProvider::key`] makes a new one. Called once more when that was cut short. Does nothing by
    /// default.
    ///
    /// # Errors
    /// When it may still be there.
    fn destroy(&self) -> Result<(), KeyError> {
        Ok(())
    }
}

/// The key could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It is gone for good.
    #[error("find the key of the store: it is lost")]
    Lost,
    /// It cannot be read now; later it may.
    #[error("read the key of the store now")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
}

/// A key in memory. It is never shown.
#[derive(Clone)]
pub(crate) struct Key([u8; KEY_BYTES]);

impl Key {
    pub(crate) fn of(provider: &dyn KeyProvider) -> Result<Self, KeyError> {
        provider.key().map(Self)
    }

    /// Recognises the key without telling anything about it.
    pub(crate) fn check(&self) -> String {
        hex::encode(&blake3::keyed_hash(&self.0, b"fieldsync store key check v1").as_bytes()[..16])
    }

    /// Makes a connection use the key. To be called before anything else.
    #[cfg(feature = "encryption")]
    pub(crate) fn unlock(&self, connection: &rusqlite::Connection) -> Result<(), Error> {
        // In raw form no key derivation costs time; the key has all the randomness there is.
        Ok(connection.pragma_update(None, "key", format!("x'{}'", hex::encode(self.0)))?)
    }

    /// Makes a connection use the key: this build cannot.
    #[cfg(not(feature = "encryption"))]
    pub(crate) fn unlock(&self, _: &rusqlite::Connection) -> Result<(), Error> {
        Err(Error::CannotEncrypt)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::{Config, Device, Unsent};

    /// A key store that can lose its key and be locked.
    #[derive(Debug)]
    struct Chain(Mutex<Option<[u8; KEY_BYTES]>>);

    impl KeyProvider for Chain {
        fn key(&self) -> Result<[u8; KEY_BYTES], KeyError> {
            self.0.lock().unwrap().ok_or(KeyError::Lost)
        }

        fn destroy(&self) -> Result<(), KeyError> {
            *self.0.lock().unwrap() = None;
            Ok(())
        }
    }

    fn config(dir: &Path, key: Option<u8>) -> Config {
        Config { key: Some(Arc::new(Chain(Mutex::new(key.map(|byte| [byte; KEY_BYTES]))))), ..Config::new(dir) }
    }

    #[cfg(not(feature = "encryption"))]
    #[test]
    fn a_build_that_cannot_encrypt_does_not_pretend_to() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Device::open(config(dir.path(), Some(1))), Err(Error::CannotEncrypt)));
        assert!(!dir.path().join("fieldsync.db").exists());
    }

    #[test]
    fn a_lost_key_is_told_with_what_was_unsent() {
        let dir = tempfile::tempdir().unwrap();
        Unsent { pending: 3, refused: 1, blobs: 0 }.write(&crate::SystemFiles, dir.path());

        let lost = Device::open(config(dir.path(), None)).unwrap_err();

        assert_eq!(lost.code(), "key_lost");
        assert!(matches!(lost, Error::KeyLost { unsent: Some(unsent) } if unsent.pending == 3));
    }

    #[cfg(feature = "encryption")]
    mod encrypted {
        use fieldsync_protocol::fields;

        use super::*;
        use crate::Draft;
        use crate::fixture::id;

        const CANARY: &str = "canary 4711 in the quarry";

        fn with_note(dir: &Path) -> Device {
            let device = Device::open(config(dir, Some(7))).unwrap();
            crate::fixture::enrol(&device);
            let text = fields! { "work_order" => id(50), "text" => CANARY };
            let order = crate::fixture::order(50, "WO-50", CANARY);
            let plan = crate::fixture::assignment(60, 50, crate::fixture::ME, 0);
            let deliver = [crate::fixture::technician(crate::fixture::ME, "Anna Berg"), order, plan];
            device.change(|work| deliver.iter().try_for_each(|record| work.set_theirs(record, None))).unwrap();
            device.edit(Draft::new("note").set("text", text)).unwrap();
            device
        }

        fn files(dir: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
            let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
            entries.filter(|path| path.is_file()).map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect()
        }

        #[test]
        fn nothing_on_the_disk_shows_what_was_entered() {
            let dir = tempfile::tempdir().unwrap();
            let device = with_note(dir.path());
            for is_closed in [false, true] {
                if is_closed {
                    device.close();
                }
                let files = files(dir.path());
                assert!(files.iter().any(|(path, _)| path.ends_with("fieldsync.db")));
                assert_eq!(files.iter().any(|(path, _)| path.ends_with("fieldsync.db-wal")), !is_closed);
                for (path, bytes) in files {
                    for canary in [CANARY, "Anna Berg", "WO-50", "SQLite format", "create table", &hex::encode([7; 32])]
                    {
                        let is_there = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
                        assert!(!is_there, "{canary} stands in {}", path.display());
                    }
                    assert!(!bytes.windows(32).any(|window| window == [7; 32]), "the key in {}", path.display());
                }
            }
        }

        #[test]
        fn the_right_key_opens_it_and_a_wrong_one_leaves_it_alone() {
            let dir = tempfile::tempdir().unwrap();
            with_note(dir.path()).close();
            let before = files(dir.path());

            for wrong in [config(dir.path(), Some(8)), Config::new(dir.path())] {
                let refused = Device::open(wrong).unwrap_err();
                assert!(
                    matches!(refused, Error::WrongKey { unsent: Some(unsent) } if unsent.pending == 1),
                    "{refused:?}"
                );
            }
            assert!(matches!(Device::open(config(dir.path(), None)), Err(Error::KeyLost { .. })));
            let kept = |files: Vec<(std::path::PathBuf, Vec<u8>)>| {
                files.into_iter().find(|(path, _)| path.ends_with("fieldsync.db")).unwrap().1
            };
            assert_eq!(kept(files(dir.path())), kept(before), "not a byte of it was touched");

            let device = Device::open(config(dir.path(), Some(7))).unwrap();
            assert_eq!(device.pending().unwrap().len(), 1);
            assert!(device.diagnostics().unwrap().is_encrypted);
            device.pause().unwrap();
            device.resume().unwrap();
            assert_eq!(device.pending().unwrap().len(), 1);
        }

        #[test]
        fn starting_over_with_another_key_sets_the_old_store_aside() {
            let dir = tempfile::tempdir().unwrap();
            with_note(dir.path()).close();

            let anew = Config { start_over: true, ..config(dir.path(), Some(9)) };
            let device = Device::open(anew).unwrap();

            assert_eq!(device.status().unwrap().pending, 0);
            device.close();
            Device::open(config(dir.path(), Some(9))).unwrap().close();
            assert!(files(dir.path()).iter().any(|(path, bytes)| {
                path.file_name().unwrap().to_string_lossy().starts_with("damaged-") && bytes.len() > 4_096
            }));
        }

        #[test]
        fn a_store_that_was_never_encrypted_is_not_taken_for_one() {
            let dir = tempfile::tempdir().unwrap();
            Device::open(Config::new(dir.path())).unwrap().close();

            assert!(matches!(Device::open(config(dir.path(), Some(7))), Err(Error::NotEncrypted)));
        }

        #[test]
        fn damage_under_the_right_key_is_set_aside_as_damage() {
            let dir = tempfile::tempdir().unwrap();
            with_note(dir.path()).close();
            let file = dir.path().join("fieldsync.db");
            let mut bytes = std::fs::read(&file).unwrap();
            bytes[..64].fill(7);
            std::fs::write(&file, bytes).unwrap();

            assert!(matches!(Device::open(config(dir.path(), Some(7))), Err(Error::StorageDamaged { .. })));
        }
    }
}
