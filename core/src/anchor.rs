//! The anchor: a few bytes kept where no backup of the phone reaches, which tell whether the store is still the one that
//! was opened last.
//!
//! A phone that is replaced comes back with yesterday's store; a folder is copied; an image is put back on the same
//! phone. Each of these would go on counting where the original went on as well, and one dot would name two contents. So
//! the anchor changes at every opening, in three steps: the store writes {old, new}, the anchor becomes new, the store
//! writes {new}. Either value is accepted, so a crash between any two steps is no alarm. Any other value, or none, means
//! that this store is a copy: it gets a new replica id before anything can be entered, and asks the office which of its
//! earlier dots it has before it pushes anything ([`crate::sync`]). Nothing is lost by an alarm, a false one included.
//!
//! What the anchor cannot see, an image put back within one opening, the office notices by the ids of the pushes.

use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::device::Device;
use crate::entropy;
use crate::error::Error;
use crate::files::{Files, SystemFiles};
use crate::store::meta;
use crate::store::record::Work;
use crate::sync::identity;

/// Largest anchor that is believed to be one, bytes.
const BYTES_MAX: usize = 1_024;

/// Where an app keeps the anchor of one store: the keychain of this device only, a file that backups leave out.
///
/// One anchor belongs to one folder. Both calls happen while the device is opened, on the thread that opens it.
pub trait Anchor: Send + Sync {
    /// What was saved last; `None` when nothing ever was.
    ///
    /// # Errors
    /// When that cannot be told, for example because the phone was not unlocked since it started. The device is not
    /// opened then: it might be a copy.
    fn load(&self) -> Result<Option<Vec<u8>>, AnchorError>;

    /// Saves `value` in place of what was there; durable when this returns. At most 64 bytes.
    ///
    /// # Errors
    /// When it may not have been saved. The device opens nevertheless, and accepts the old value the next time.
    fn save(&self, value: &[u8]) -> Result<(), AnchorError>;
}

/// The anchor could not be used.
#[derive(Debug, thiserror::Error)]
#[error("use the anchor of the store")]
pub struct AnchorError(#[source] Box<dyn StdError + Send + Sync>);

impl AnchorError {
    /// Because of `source`.
    pub fn new(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

/// An anchor in a file of its own. The file must lie outside the device's folder, and where no backup reaches it.
#[derive(Debug, Clone)]
pub struct FileAnchor(PathBuf);

impl FileAnchor {
    /// The anchor in this file, which is made with the first opening.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

impl Anchor for FileAnchor {
    fn load(&self) -> Result<Option<Vec<u8>>, AnchorError> {
        let length = SystemFiles.len(&self.0).map_err(AnchorError::new)?;
        let value = length.map(|_| SystemFiles.read(&self.0, 0, BYTES_MAX)).transpose();
        value.map_err(AnchorError::new)
    }

    fn save(&self, value: &[u8]) -> Result<(), AnchorError> {
        let saved = (|| {
            if let Some(folder) = self.0.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                SystemFiles.make_dir(folder)?;
            }
            SystemFiles.replace(&self.0, value)
        })();
        saved.map_err(AnchorError::new)
    }
}

/// What the store accepts as its anchor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Moored {
    /// What the anchor was, or still is; `None` when there was none.
    old: Option<Vec<u8>>,
    /// What it becomes, or is already.
    new: Vec<u8>,
}

/// Compares what the anchor says with what the store accepts, and gives a copy its new replica id.
pub(crate) fn compare(work: &mut Work<'_>, device: &Device, held: Option<&[u8]>, is_new: bool) -> Result<(), Error> {
    let is_own = match meta::get::<Moored>(work.tx, meta::ANCHOR)? {
        Some(moored) => held == moored.old.as_deref() || held == Some(&moored.new),
        // A store that knew no anchor meets one: only an image from before there were anchors finds one that is set.
        None => is_new || held.is_none(),
    };
    if !is_own {
        tracing::warn!("the store is a copy or an old image: it goes on under a new replica id");
        identity::doubt(work, entropy::replica_id(device.entropy()))?;
    }
    Ok(())
}

/// Whether an opening turns the anchor. One on a full disk does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// As ever.
    Yes,
    /// It stays what it is.
    No,
}

/// The first step: writes what will be accepted. Gives the anchor's next value.
pub(crate) fn cast_off(work: &Work<'_>, device: &Device, held: Option<&[u8]>) -> Result<Vec<u8>, Error> {
    let new = entropy::uuid(device.entropy()).into_bytes().to_vec();
    meta::set(work.tx, meta::ANCHOR, &Moored { old: held.map(<[u8]>::to_vec), new: new.clone() })?;
    Ok(new)
}

/// The second and third step. An anchor that cannot be saved stays what it was: both values are accepted.
pub(crate) fn moor(device: &Device, anchor: &dyn Anchor, new: Vec<u8>) -> Result<(), Error> {
    if let Err(error) = anchor.save(&new) {
        tracing::warn!(error = &error as &dyn StdError, "failed to move the anchor of the store");
        return Ok(());
    }
    let moored = device.write(|tx, _| meta::set(tx, meta::ANCHOR, &Moored { old: Some(new.clone()), new }));
    match moored {
        Err(Error::StorageFull) => Ok(()),
        moored => moored,
    }
}

impl fmt::Debug for dyn Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Anchor")
    }
}
