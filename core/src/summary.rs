//! How much is still only here, in a small file beside the store: readable when the store itself is not.
//!
//! A store may be unreadable because its key is lost or the file is damaged, and a list of profiles should not open every
//! store to say what is in it. So the counts stand in a file of their own, in plain text, and nothing else that could be
//! read out of it: no id, no name, no content. The file is a hint, never the truth: it is not on the disk before the
//! edit it counts is, and what cannot be read counts as unknown.

use std::path::Path;

use serde::{Deserialize, Serialize};

use rusqlite::Connection;

use crate::drawer::DrawerState;
use crate::error::Error;
use crate::files::Files;
use crate::store;

/// The file's name in the device's folder.
pub(crate) const FILE: &str = "counts";
/// Larger is none of ours.
const BYTES_MAX: usize = 1_024;

/// What is still only on a device, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Unsent {
    /// Edits the office has not answered.
    pub pending: u32,
    /// Refused edits in the drawer.
    pub refused: u32,
    /// Photos and files that are not at the office.
    pub blobs: u32,
}

impl Unsent {
    /// Whether nothing is still only on the device.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Both together.
    pub(crate) fn with(self, other: Self) -> Self {
        Self {
            pending: self.pending.saturating_add(other.pending),
            refused: self.refused.saturating_add(other.refused),
            blobs: self.blobs.saturating_add(other.blobs),
        }
    }

    /// What is left when `other` is taken out.
    pub(crate) fn without(self, other: Self) -> Self {
        Self {
            pending: self.pending.saturating_sub(other.pending),
            refused: self.refused.saturating_sub(other.refused),
            blobs: self.blobs.saturating_sub(other.blobs),
        }
    }

    pub(crate) fn of(connection: &Connection) -> Result<Self, Error> {
        Ok(Self {
            pending: store::pending::count(connection)?,
            refused: store::drawer::count(connection, DrawerState::Refused)?
                + store::drawer::count(connection, DrawerState::Superseded)?,
            blobs: store::blob::waiting(connection)?,
        })
    }

    /// What the file beside the store says; `None` when it is not there or cannot be read.
    pub(crate) fn read(files: &dyn Files, dir: &Path) -> Option<Self> {
        Self::read_file(files, &dir.join(FILE))
    }

    /// Like [`Unsent::read`], of a file under another name.
    pub(crate) fn read_file(files: &dyn Files, file: &Path) -> Option<Self> {
        let bytes = files.read(file, 0, BYTES_MAX).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Writes the file. A failure changes nothing but the hint.
    pub(crate) fn write(self, files: &dyn Files, dir: &Path) {
        let text = serde_json::to_vec(&self).unwrap_or_default();
        if let Err(error) = files.append(&dir.join(FILE), 0, &text) {
            tracing::warn!(%error, "failed to write the counts beside the store");
        }
    }
}
