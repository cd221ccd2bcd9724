//! Several people on one device: a folder for each, with a store, photos and keys of its own.
//!
//! Profiles know nothing of each other; what one person holds is never shown to another. The list is made from small
//! files beside the stores, without opening any of them. A profile with work that is still only here is not removed
//! unless the caller names exactly what will be lost. A removal that was cut short is finished when the profiles are
//! opened again; a profile is there whole or not at all.
//!
//! ```
//! use fieldsync::profiles::Profiles;
//! use fieldsync::{Config, Device};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("fieldsync-profiles-{}", std::process::id()));
//! let profiles = Profiles::open(&folder)?;
//! let anna = profiles.add("Anna Berg")?;
//! let device = Device::open(Config::new(&anna.dir))?;
//! assert_eq!(profiles.list()?.len(), 1);
//! device.close();
//! profiles.remove(&anna.id, None)?;
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::device::Device;
use crate::entropy;
use crate::error::Error;
use crate::files::Files;
use crate::summary::Unsent;

/// Begins the name of a profile's folder.
const PREFIX: &str = "profile-";
/// Begins the name of a folder that is being removed.
const GONE: &str = "gone-";
/// What a profile's folder says about itself.
const CARD: &str = "profile.json";
/// Longest label, characters.
const LABEL_CHARACTERS_MAX: usize = 200;
/// Larger is none of ours.
const CARD_BYTES_MAX: usize = 8_192;

/// The profiles of one device. Cheap to clone.
#[derive(Clone)]
pub struct Profiles {
    base: Config,
    config: Arc<dyn Fn(&Path) -> Config + Send + Sync>,
}

/// One person's profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its id, made when the profile is added.
    pub id: String,
    /// The folder to open a [`Device`] in.
    pub dir: PathBuf,
    /// What the app called it: whose it is, for choosing.
    pub label: String,
    /// What is still only here, as of the last orderly write; `None` when that is not known.
    pub unsent: Option<Unsent>,
    /// Whether the office had it wiped.
    pub is_wiped: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Card {
    label: String,
}

impl Profiles {
    /// The profiles in the folder `dir`, which is made when it is not there. Their devices are opened with
    /// [`Config::new`]; see [`Profiles::open_with`].
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::StorageFull`].
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::open_with(dir, |folder: &Path| Config::new(folder))
    }

    /// Like [`Profiles::open`], with the configuration under which the device in a folder is opened: its key and anchor
    /// above all.
    ///
    /// # Errors
    /// Like [`Profiles::open`].
    pub fn open_with(
        dir: impl Into<PathBuf>,
        config: impl Fn(&Path) -> Config + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let dir = dir.into();
        let base = Config { dir: dir.clone(), ..config(&dir) };
        let profiles = Self { base, config: Arc::new(config) };
        profiles.files().make_dir(&dir)?;
        profiles.sweep()?;
        Ok(profiles)
    }

    /// All profiles, in the order of their labels. No store is opened.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn list(&self) -> Result<Vec<Profile>, Error> {
        let mut profiles: Vec<Profile> =
            self.files().list(&self.base.dir)?.iter().filter_map(|dir| self.look(dir)).collect();
        profiles.sort_by(|one, other| (&one.label, &one.id).cmp(&(&other.label, &other.id)));
        Ok(profiles)
    }

    /// One profile.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none with this id.
    pub fn profile(&self, id: &str) -> Result<Profile, Error> {
        let is_id = !id.is_empty() && id.chars().all(|character| character.is_ascii_alphanumeric());
        let dir = self.base.dir.join(format!("{PREFIX}{id}"));
        (is_id).then(|| self.look(&dir)).flatten().ok_or(Error::NotFound)
    }

    /// Adds a profile. The label is what people choose it by; it stands in plain text. The device in it is enrolled like
    /// any other.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::StorageFull`]; nothing is added then.
    pub fn add(&self, label: &str) -> Result<Profile, Error> {
        let id = entropy::uuid(self.base.entropy.as_ref()).simple().to_string();
        let dir = self.base.dir.join(format!("{PREFIX}{id}"));
        let card = Card { label: label.chars().take(LABEL_CHARACTERS_MAX).collect() };
        // Without its card a folder is no profile yet, so there is nothing to undo after a crash.
        self.files().make_dir(&dir)?;
        self.files().replace(&dir.join(CARD), &serde_json::to_vec(&card).unwrap_or_default())?;
        Ok(Profile { id, dir, label: card.label, unsent: Some(Unsent::default()), is_wiped: false })
    }

    /// Removes a profile with everything in it: store, photos, keys. Nothing of it can be brought back.
    ///
    /// What is still only there must be named: `losing` is `None` for a profile that holds nothing, and otherwise the
    /// very counts the person was told and agreed to lose. The store itself is asked; when it cannot be opened, the counts
    /// beside it.
    ///
    /// # Errors
    /// [`Error::StillHolds`] with what is there when that is not what `losing` says, [`Error::InUse`] while its device is
    /// open, [`Error::NotFound`]. Nothing is removed then.
    pub fn remove(&self, id: &str, losing: Option<Unsent>) -> Result<(), Error> {
        let profile = self.profile(id)?;
        let found = self.unsent(&profile)?;
        if found != losing.unwrap_or_default() {
            return Err(Error::StillHolds { unsent: found });
        }
        let gone = self.base.dir.join(format!("{GONE}{id}"));
        self.files().rename(&profile.dir, &gone)?;
        self.remove_folder(&gone)
    }

    /// What is only there. Opening the store tells, and holds it against anybody who would add to it.
    fn unsent(&self, profile: &Profile) -> Result<Unsent, Error> {
        let is_of_store = |path: &PathBuf| {
            let name = name_of(path);
            name.starts_with(crate::store::FILE) || name.starts_with(crate::store::KEPT)
        };
        if !self.files().list(&profile.dir)?.iter().any(is_of_store) {
            return Ok(Unsent::default());
        }
        match Device::open((self.config)(&profile.dir)) {
            Ok(device) => {
                let unsent = device.read(Unsent::of).and_then(|unsent| {
                    let kept = device.set_aside()?;
                    Ok(kept.iter().filter_map(|kept| kept.unsent).fold(unsent, Unsent::with))
                });
                device.close();
                unsent
            }
            Err(Error::InUse) => Err(Error::InUse),
            Err(Error::Wiped) => Ok(Unsent::default()),
            Err(error) => {
                let Some(unsent) = profile.unsent else { return Err(error) };
                Ok(unsent)
            }
        }
    }

    /// Finishes removals that were cut short.
    fn sweep(&self) -> Result<(), Error> {
        for dir in self.files().list(&self.base.dir)? {
            if name_of(&dir).starts_with(GONE) {
                self.remove_folder(&dir)?;
            }
        }
        Ok(())
    }

    fn remove_folder(&self, dir: &Path) -> Result<(), Error> {
        for entry in self.files().list(dir)? {
            if self.files().remove(&entry).is_err() {
                self.remove_folder(&entry)?;
            }
        }
        Ok(self.files().remove_dir(dir)?)
    }

    fn look(&self, dir: &Path) -> Option<Profile> {
        let id = name_of(dir).strip_prefix(PREFIX)?.to_owned();
        let card = self.files().read(&dir.join(CARD), 0, CARD_BYTES_MAX).ok()?;
        let card: Card = serde_json::from_slice(&card).unwrap_or_default();
        let is_wiped = self.files().exists(&dir.join(crate::store::WIPED));
        let unsent = self.look_unsent(dir);
        Some(Profile { id, dir: dir.to_owned(), label: card.label, unsent, is_wiped })
    }

    /// What the counts say, those of stores that were set aside included; `None` when some are missing.
    fn look_unsent(&self, dir: &Path) -> Option<Unsent> {
        let is_begun = self.files().exists(&dir.join(crate::store::FILE));
        let mut unsent = match Unsent::read(self.files(), dir) {
            None if is_begun => return None,
            unsent => unsent.unwrap_or_default(),
        };
        for path in self.files().list(dir).ok()? {
            let Some(stem) = name_of(&path).strip_suffix(crate::store::FILE) else { continue };
            if stem.starts_with(crate::store::KEPT) {
                let counts = dir.join(format!("{stem}{}", crate::summary::FILE));
                unsent = unsent.with(Unsent::read_file(self.files(), &counts)?);
            }
        }
        Some(unsent)
    }

    fn files(&self) -> &dyn Files {
        self.base.medium.files.as_ref()
    }
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

impl fmt::Debug for Profiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profiles").field("dir", &self.base.dir).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use fieldsync_protocol::fields;

    use super::*;
    use crate::fixture::{Fixture, id};
    use crate::{Draft, Error};

    /// Profiles, one of them with the store of an enrolled device that holds an unsent note.
    fn with_work(dir: &Path) -> (Profiles, Profile) {
        let profiles = Profiles::open(dir).unwrap();
        let profile = profiles.add("Anna Berg").unwrap();
        let fixture = Fixture::with_job();
        let text = fields! { "work_order" => id(50), "text" => "nobody knows yet" };
        fixture.device.edit(Draft::new("note").set("text", text)).unwrap();
        fixture.device.close();
        for name in ["fieldsync.db", "counts"] {
            std::fs::copy(fixture.device.dir().join(name), profile.dir.join(name)).unwrap();
        }
        (profiles, profile)
    }

    #[test]
    fn the_list_says_what_each_holds_without_opening_a_store() {
        let dir = tempfile::tempdir().unwrap();
        let (profiles, anna) = with_work(dir.path());
        let bert = profiles.add("Bert Holm").unwrap();
        // Whatever opens it would fail.
        std::fs::write(anna.dir.join("fieldsync.db"), b"nonsense").unwrap();

        let list = Profiles::open(dir.path()).unwrap().list().unwrap();

        assert_eq!(list.iter().map(|profile| &*profile.label).collect::<Vec<_>>(), ["Anna Berg", "Bert Holm"]);
        assert_eq!(list[0].unsent, Some(Unsent { pending: 1, refused: 0, blobs: 0 }));
        assert_eq!(list[1], bert);
    }

    #[test]
    fn a_profile_with_unsent_work_goes_only_when_exactly_that_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (profiles, anna) = with_work(dir.path());
        let there = Unsent { pending: 1, refused: 0, blobs: 0 };

        for wrong in [None, Some(Unsent { pending: 2, ..there })] {
            let kept = profiles.remove(&anna.id, wrong).unwrap_err();
            assert!(matches!(kept, Error::StillHolds { unsent } if unsent == there), "{kept:?}");
        }
        let device = Device::open(Config::new(&anna.dir)).unwrap();
        assert!(matches!(profiles.remove(&anna.id, Some(there)), Err(Error::InUse)));
        device.close();
        profiles.remove(&anna.id, Some(there)).unwrap();

        assert!(profiles.list().unwrap().is_empty());
        assert!(matches!(profiles.profile(&anna.id), Err(Error::NotFound)));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_damaged_store_is_removed_by_the_counts_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let (profiles, anna) = with_work(dir.path());
        std::fs::write(anna.dir.join("fieldsync.db"), [7; 4_096]).unwrap();

        assert!(matches!(profiles.remove(&anna.id, None), Err(Error::StillHolds { .. })));
        assert_eq!(profiles.list().unwrap()[0].unsent, Some(Unsent { pending: 1, refused: 0, blobs: 0 }));
        Device::open(Config { start_over: true, ..Config::new(&anna.dir) }).unwrap().close();
        assert!(matches!(profiles.remove(&anna.id, None), Err(Error::StillHolds { .. })), "nobody brought it over yet");
        profiles.remove(&anna.id, Some(Unsent { pending: 1, refused: 0, blobs: 0 })).unwrap();
    }

    #[test]
    fn a_removal_that_was_cut_short_is_finished_and_an_addition_is_there_or_not() {
        let dir = tempfile::tempdir().unwrap();
        let profiles = Profiles::open(dir.path()).unwrap();
        let anna = profiles.add("Anna Berg").unwrap();
        Device::open(Config::new(&anna.dir)).unwrap().close();
        std::fs::rename(&anna.dir, dir.path().join(format!("gone-{}", anna.id))).unwrap();
        std::fs::create_dir(dir.path().join("profile-half")).unwrap();

        assert!(Profiles::open(dir.path()).unwrap().list().unwrap().is_empty());
        assert!(!dir.path().join(format!("gone-{}", anna.id)).exists());
        assert!(matches!(profiles.profile("../elsewhere"), Err(Error::NotFound)));
    }
}
