//! Several people on one device, each with a folder, a store, photos and keys of their own.

use std::sync::Arc;

use fieldsync::profiles;

use crate::error::FieldsyncError;
use crate::runtime::guard;

/// The profiles of one device: nobody is shown what another holds.
#[derive(Debug, uniffi::Object)]
pub struct Profiles {
    inner: profiles::Profiles,
}

/// One person's profile.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Profile {
    /// Its id, made when the profile is added.
    pub id: String,
    /// The folder to open a device in.
    pub dir: String,
    /// What the app called it: whose it is, for choosing. It stands in plain text.
    pub label: String,
    /// What is still only here, as last written; none when that is not known.
    pub unsent: Option<Unsent>,
    /// Whether the office had it wiped.
    pub is_wiped: bool,
}

/// What is still only on a device, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct Unsent {
    /// Entries the office has not answered.
    pub pending: u32,
    /// Refused entries in the drawer.
    pub refused: u32,
    /// Photos and files that are not at the office.
    pub photos: u32,
}

impl From<fieldsync::Unsent> for Unsent {
    fn from(unsent: fieldsync::Unsent) -> Self {
        Self { pending: unsent.pending, refused: unsent.refused, photos: unsent.blobs }
    }
}

impl From<profiles::Profile> for Profile {
    fn from(profile: profiles::Profile) -> Self {
        Self {
            id: profile.id,
            dir: profile.dir.to_string_lossy().into_owned(),
            label: profile.label,
            unsent: profile.unsent.map(Unsent::from),
            is_wiped: profile.is_wiped,
        }
    }
}

#[uniffi::export]
impl Profiles {
    /// The profiles in a folder, which is made when it is not there. Finishes removals that were cut short.
    ///
    /// # Errors
    /// `FreeSpace`; `Defect` when the disk does not work.
    #[uniffi::constructor]
    pub fn open(dir: String) -> Result<Arc<Self>, FieldsyncError> {
        guard(|| Ok(Arc::new(Self { inner: profiles::Profiles::open(dir)? })))
    }

    /// All profiles, in the order of their labels. Opens no store.
    ///
    /// # Errors
    /// `Defect` when the disk does not work.
    pub fn list(&self) -> Result<Vec<Profile>, FieldsyncError> {
        guard(|| Ok(self.inner.list()?.into_iter().map(Profile::from).collect()))
    }

    /// Adds a profile. Its device is enrolled like any other.
    ///
    /// # Errors
    /// `FreeSpace`; `Defect` when the disk does not work. Nothing is added then.
    pub fn add(&self, label: String) -> Result<Profile, FieldsyncError> {
        guard(|| Ok(self.inner.add(&label)?.into()))
    }

    /// Removes a profile with everything in it: store, photos, keys. Nothing of it can be brought back. What is still only
    /// there must be named: `losing` is none for a profile that holds nothing, otherwise the very numbers the person was
    /// told and agreed to lose.
    ///
    /// # Errors
    /// `NotNow` with `still_holds` when something else is there, or with `not_found`; `TryLater` with `in_use` while its
    /// device is open. Nothing is removed then.
    #[uniffi::method(default(losing = None))]
    pub fn remove(&self, id: String, losing: Option<Unsent>) -> Result<(), FieldsyncError> {
        guard(|| {
            let losing = losing.map(|unsent| fieldsync::Unsent {
                pending: unsent.pending,
                refused: unsent.refused,
                blobs: unsent.photos,
            });
            Ok(self.inner.remove(&id, losing)?)
        })
    }
}
