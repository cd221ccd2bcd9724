//! What a list of photos shows: small pictures, and where the content of each photo is.
//!
//! Small pictures are made by the app, which has the decoders, and kept beside the content. They never travel, and go
//! with the content.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fieldsync_protocol::{Hash, RecordId};

use crate::device::Device;
use crate::entropy;
use crate::error::Error;
use crate::store;

/// Largest small picture, bytes: enough for a list, too small to be taken for the photo.
pub const THUMBNAIL_BYTES_MAX: usize = 65_536;

/// Where the content of an attachment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhotoState {
    /// Whether it is on this device.
    pub is_here: bool,
    /// How far it is on its way to the office.
    pub upload: Upload,
}

/// How far content is on its way from this device to the office.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upload {
    /// It does not come from this device: there is nothing to send.
    None,
    /// It waits, or is on its way; so many bytes have arrived.
    Waiting {
        /// Bytes the office is known to have.
        sent: u64,
    },
    /// The office has it.
    Done,
    /// The office does not take it. It stays here.
    Refused,
}

impl Device {
    /// Where the content of these attachments is; one that is not on this device is left out.
    ///
    /// # Errors
    /// As for every read, when the store cannot be used.
    pub fn photo_states(
        &self,
        attachments: impl IntoIterator<Item = RecordId>,
    ) -> Result<BTreeMap<RecordId, PhotoState>, Error> {
        let mut states = BTreeMap::new();
        self.read(|connection| {
            for id in attachments {
                let Some(hash) = crate::blob::hash_of_attachment(connection, id)? else { continue };
                let is_here = self.files().exists(&self.blob_file(&hash.to_string()));
                states.insert(id, PhotoState { is_here, upload: store::blob::upload(connection, id)? });
            }
            Ok(states)
        })
    }

    /// Keeps a small picture of an attachment's content, in any format the app shows. Another one takes its place.
    ///
    /// # Errors
    /// [`Error::FileTooLarge`] beyond [`THUMBNAIL_BYTES_MAX`], [`Error::NotFound`] when the device holds no such attachment,
    /// [`Error::StorageFull`].
    pub fn set_thumbnail(&self, attachment: RecordId, content: &[u8]) -> Result<(), Error> {
        if content.len() > THUMBNAIL_BYTES_MAX {
            return Err(Error::FileTooLarge);
        }
        let hash = self.hash(attachment)?;
        let draft = self.blob_file(&format!("{}.new", entropy::uuid(self.entropy()).simple()));
        let files = self.files();
        let written = files.write(&draft, content).and_then(|()| files.rename(&draft, &thumbnail_file(self, hash)));
        if written.is_err() {
            // What is left of it is of no use to anybody.
            let _ = files.remove(&draft);
        }
        Ok(written?)
    }

    /// The small picture of an attachment's content; `None` when nobody made one here.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the device holds no such attachment, [`Error::File`] when it cannot be read.
    pub fn thumbnail(&self, attachment: RecordId) -> Result<Option<Vec<u8>>, Error> {
        let file = thumbnail_file(self, self.hash(attachment)?);
        if !self.files().exists(&file) {
            return Ok(None);
        }
        Ok(Some(self.files().read(&file, 0, THUMBNAIL_BYTES_MAX)?))
    }

    fn hash(&self, attachment: RecordId) -> Result<Hash, Error> {
        self.read(|connection| crate::blob::hash_of_attachment(connection, attachment)?.ok_or(Error::NotFound))
    }
}

/// Where the small picture of this content lies.
pub(crate) fn thumbnail_file(device: &Device, hash: Hash) -> PathBuf {
    device.blob_file(&format!("{hash}.thumb"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, id};

    #[test]
    fn a_small_picture_is_kept_beside_the_photo_and_replaced_by_a_later_one() {
        let fixture = Fixture::with_job();
        let device = &fixture.device;
        let photo = device.add_attachment(id(50), "image/jpeg", b"a photo", None).unwrap();

        assert_eq!(device.thumbnail(photo).unwrap(), None);
        device.set_thumbnail(photo, b"small").unwrap();
        device.set_thumbnail(photo, b"smaller").unwrap();

        assert_eq!(device.thumbnail(photo).unwrap().unwrap(), b"smaller");
        assert!(matches!(device.set_thumbnail(photo, &[0; THUMBNAIL_BYTES_MAX + 1]), Err(Error::FileTooLarge)));
        assert!(matches!(device.set_thumbnail(id(99), b"x"), Err(Error::NotFound)));
        assert!(matches!(device.thumbnail(id(50)), Err(Error::NotFound)));
    }

    #[test]
    fn a_photo_taken_here_waits_and_one_of_a_colleague_has_nothing_to_send() {
        let fixture = Fixture::with_job();
        let device = &fixture.device;
        let mine = device.add_attachment(id(50), "image/jpeg", b"a photo", None).unwrap();
        let blob = fieldsync_protocol::fields! {
            "work_order" => id(50), "hash" => Hash::sha256(b"elsewhere"), "media_type" => "image/jpeg", "size" => 9_i64,
        };
        fixture.deliver(&[crate::fixture::record("attachment", 80, "blob", blob)]);

        let states = device.photo_states([mine, id(80), id(99)]).unwrap();

        assert_eq!(states.len(), 2);
        assert_eq!(states[&mine], PhotoState { is_here: true, upload: Upload::Waiting { sent: 0 } });
        assert_eq!(states[&id(80)], PhotoState { is_here: false, upload: Upload::None });
    }
}
