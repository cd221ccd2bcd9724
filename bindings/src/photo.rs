//! Photos and files: taken here, fetched from colleagues.

use std::path::Path;
use std::sync::Arc;

use fieldsync::{Fetched, RecordId};
use uuid::Uuid;

use crate::device::Device;
use crate::error::FieldsyncError;
use crate::runtime::{CancelHandle, cancel_of};

/// How far content is on its way from this device to the office.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
pub enum UploadState {
    /// It does not come from this device: there is nothing to send.
    NotOurs,
    /// It waits, or is on its way.
    Waiting,
    /// The office has it.
    Done,
    /// The office does not take it. It stays here.
    Refused,
}

/// The content of a photo or file, on this device.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PhotoFile {
    /// Where it lies. The file belongs to the device: show or copy it, do not change or move it.
    pub path: String,
    /// Its media type.
    pub media_type: String,
    /// Bytes.
    pub size: i64,
}

impl From<Fetched> for PhotoFile {
    fn from(fetched: Fetched) -> Self {
        Self {
            path: fetched.path.to_string_lossy().into_owned(),
            media_type: fetched.media_type,
            size: i64::try_from(fetched.size).unwrap_or(i64::MAX),
        }
    }
}

#[uniffi::export]
impl Device {
    /// Adds a photo or file to an order and returns its record. When this returns, record and content are safe here; the
    /// content travels after the records. At most 32 MiB. `thumbnail` is a small picture of it, at most 64 KiB, for lists;
    /// one that cannot be kept is left out. For anything large prefer `add_photo_file`.
    ///
    /// # Errors
    /// `FixEntry` with `file_too_large`; `FreeSpace`; `NotNow` without the order or the right.
    #[uniffi::method(default(caption = None, thumbnail = None))]
    pub fn add_photo(
        &self,
        order: Uuid,
        media_type: String,
        content: Vec<u8>,
        caption: Option<String>,
        thumbnail: Option<Vec<u8>>,
    ) -> Result<Uuid, FieldsyncError> {
        self.call(|engine| {
            let photo = engine.add_attachment(RecordId(order), &media_type, &content, caption.as_deref())?;
            keep(engine, photo, thumbnail);
            Ok(photo.0)
        })
    }

    /// Like `add_photo`, with the content of a file, which is copied: the app may delete it afterwards.
    ///
    /// # Errors
    /// Like `add_photo`; `Defect` with `file` when it cannot be read.
    #[uniffi::method(default(caption = None, thumbnail = None))]
    pub fn add_photo_file(
        &self,
        order: Uuid,
        media_type: String,
        path: String,
        caption: Option<String>,
        thumbnail: Option<Vec<u8>>,
    ) -> Result<Uuid, FieldsyncError> {
        self.call(|engine| {
            let file = Path::new(&path);
            let photo = engine.add_attachment_file(RecordId(order), &media_type, file, caption.as_deref())?;
            keep(engine, photo, thumbnail);
            Ok(photo.0)
        })
    }

    /// Keeps a small picture of a photo, at most 64 KiB, for a photo that was fetched for example. Another one takes its
    /// place. It never travels.
    ///
    /// # Errors
    /// `FixEntry` with `file_too_large`; `NotNow` with `not_found`; `FreeSpace`.
    pub fn set_thumbnail(&self, attachment: Uuid, content: Vec<u8>) -> Result<(), FieldsyncError> {
        self.call(|engine| Ok(engine.set_thumbnail(RecordId(attachment), &content)?))
    }

    /// The small picture of a photo; none when nobody made one here.
    ///
    /// # Errors
    /// `NotNow` with `not_found` when the device holds no such attachment.
    pub fn thumbnail(&self, attachment: Uuid) -> Result<Option<Vec<u8>>, FieldsyncError> {
        self.call(|engine| Ok(engine.thumbnail(RecordId(attachment))?))
    }

    /// The content of a photo or file, when it is on this device; fetch it otherwise.
    ///
    /// # Errors
    /// `NotNow` with `not_found` when the device holds no such attachment.
    pub fn photo_file(&self, attachment: Uuid) -> Result<Option<PhotoFile>, FieldsyncError> {
        self.call(|engine| Ok(engine.attachment_file(RecordId(attachment))?.map(PhotoFile::from)))
    }

    /// Brings the content of a photo or file here, when it is not here yet, and says where it lies. Needs the network; a
    /// download that was cut or cancelled goes on where it stood.
    ///
    /// # Errors
    /// `NotNow` with `not_found` when the office has no content yet; `TryLater`; `SignIn`; `FreeSpace`; `Cancelled`.
    #[uniffi::method(default(cancel = None))]
    pub async fn fetch_photo(
        &self,
        attachment: Uuid,
        cancel: Option<Arc<CancelHandle>>,
    ) -> Result<PhotoFile, FieldsyncError> {
        let (engine, cancel) = (self.engine.clone(), cancel_of(cancel));
        self.runtime.run(async move { Ok(engine.fetch_blob(RecordId(attachment), cancel).await?.into()) }).await
    }
}

/// Keeps the small picture of a photo that is stored already: the photo matters, the picture does not.
fn keep(engine: &fieldsync::Device, photo: RecordId, thumbnail: Option<Vec<u8>>) {
    if let Some(thumbnail) = thumbnail
        && let Err(error) = engine.set_thumbnail(photo, &thumbnail)
    {
        tracing::warn!(code = error.code(), "failed to keep the small picture of a photo");
    }
}
