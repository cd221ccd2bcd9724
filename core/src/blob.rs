//! Photos and files on the device: content-addressed files beside the store, verified before they are visible.
//!
//! A photo is stored with its attachment record: the file first, then record and place in the lane in one transaction.
//! It travels after the records ([`crate::sync`]); what colleagues took is fetched on demand, in chunks, and goes on
//! where it was cut. What the contents take is kept within a quota: beyond it, what the office has and nobody used for
//! longest is let go, and comes again when it is asked for.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use fieldsync_protocol::limits::{BLOB_BYTES_MAX, CHUNK_BYTES};
use fieldsync_protocol::request::{NONCE_HEADER, blob_path};
use fieldsync_protocol::{FieldsExt, Hash, RecordId, fields, show};

use sha2::Digest;

use crate::device::Device;
use crate::edit::Draft;
use crate::enrol::Identity;
use crate::entropy;
use crate::error::Error;
use crate::files::Files;
use crate::http::Machine;
use crate::store;
use crate::sync::message::{Challenges, Response, Unsigned, retry_after_ms, signed};
use crate::sync::{Progress, Step};

/// The content of an attachment, on this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The file. It belongs to the device: copy it, do not change or move it.
    pub path: PathBuf,
    /// Its media type.
    pub media_type: String,
    /// Bytes.
    pub size: u64,
}

impl Device {
    /// Adds a photo or file to a work order. When this returns, record and content are safe here; the content travels
    /// after the records.
    ///
    /// # Errors
    /// [`Error::FileTooLarge`], [`Error::StorageFull`], and like [`Device::edit`].
    pub fn add_attachment(
        &self,
        work_order: RecordId,
        media_type: &str,
        content: &[u8],
        caption: Option<&str>,
    ) -> Result<RecordId, Error> {
        let size = content.len() as u64;
        if size > BLOB_BYTES_MAX {
            return Err(Error::FileTooLarge);
        }
        let hash = Hash::sha256(content);
        self.keep_file(hash, content)?;
        let blob = fields! {
            "work_order" => work_order,
            "hash" => hash,
            "media_type" => media_type,
            "size" => size as i64,
            "caption" => caption,
        };
        let added = self.change(|work| {
            let edited = self.edit_in(work, vec![Draft::new("attachment").set("blob", blob)])?;
            let attachment = edited.first().ok_or(Error::Defect("edit_without_result"))?.record;
            store::blob::add_upload(work.tx, attachment, hash, size)?;
            Ok(attachment)
        });
        match added {
            Ok(_) => self.keep_quota(hash),
            Err(_) => self.forget_file(hash),
        }
        added
    }

    /// Like [`Device::add_attachment`], with the content of a file, which is copied.
    ///
    /// # Errors
    /// Like [`Device::add_attachment`], and [`Error::File`] when it cannot be read.
    pub fn add_attachment_file(
        &self,
        work_order: RecordId,
        media_type: &str,
        file: &Path,
        caption: Option<&str>,
    ) -> Result<RecordId, Error> {
        if fs::metadata(file)?.len() > BLOB_BYTES_MAX {
            return Err(Error::FileTooLarge);
        }
        self.add_attachment(work_order, media_type, &fs::read(file)?, caption)
    }

    /// The content of an attachment, when it is on this device; see [`Device::fetch_blob`] otherwise.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the device holds no such attachment.
    pub fn attachment_file(&self, attachment: RecordId) -> Result<Option<Fetched>, Error> {
        let wanted = self.read(|connection| wanted(connection, attachment))?;
        let path = self.blob_file(&wanted.hash.to_string());
        if self.read(|connection| store::blob::is_stale(connection, wanted.hash))? {
            self.write(|tx, _| store::blob::touch(tx, wanted.hash))?;
        }
        Ok(self.files().exists(&path).then_some(Fetched { path, media_type: wanted.media_type, size: wanted.size }))
    }

    /// Lets go of what the office has and nobody used for longest, until the rest is within the quota. `except` was used
    /// just now and stays. A failure here costs space, nothing else, and is only logged.
    pub(crate) fn keep_quota(&self, except: Hash) {
        let quota = self.inner.config.blob_quota;
        let next = |connection: &rusqlite::Connection| {
            let over = store::blob::bytes_here(connection)? > quota;
            if over { store::blob::least_used(connection, except) } else { Ok(None) }
        };
        loop {
            let gone = match self.read(next) {
                Ok(Some((hash, _))) => {
                    // Noted first: a file that stays behind is found by its hash, one that is missing is fetched again.
                    self.write(|tx, _| store::blob::let_go(tx, hash))
                        .and_then(|()| Ok(self.files().remove(&self.blob_file(&hash.to_string()))?))
                }
                Ok(None) => return,
                Err(error) => Err(error),
            };
            match gone {
                Err(Error::File(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return tracing::warn!(%error, "failed to let go of a file beyond the quota"),
                Ok(()) => {}
            }
        }
    }

    /// Removes the file of an attachment that was refused, unless another attachment has the same content.
    fn forget_file(&self, hash: Hash) {
        let is_needed = self.read(|connection| store::blob::is_needed(connection, hash)).unwrap_or(true);
        if !is_needed && let Err(error) = self.files().remove(&self.blob_file(&hash.to_string())) {
            tracing::warn!(%error, "failed to remove the file of a refused attachment");
        }
    }

    /// Writes a file under its hash: under another name until all of it is on the disk.
    fn keep_file(&self, hash: Hash, content: &[u8]) -> Result<(), Error> {
        let target = self.blob_file(&hash.to_string());
        if self.files().len(&target)? == Some(content.len() as u64) {
            return Ok(());
        }
        let draft = self.blob_file(&format!("{}.new", entropy::uuid(self.entropy()).simple()));
        let written = self.files().write(&draft, content).and_then(|()| self.files().rename(&draft, &target));
        if written.is_err() {
            // What is left of it is of no use to anybody.
            let _ = self.files().remove(&draft);
        }
        Ok(written?)
    }
}

/// What is known of an attachment's content.
struct Wanted {
    hash: Hash,
    size: u64,
    media_type: String,
}

fn wanted(connection: &rusqlite::Connection, attachment: RecordId) -> Result<Wanted, Error> {
    let record = store::shown(connection, attachment)?.filter(|record| record.kind == "attachment");
    let record = record.ok_or(Error::NotFound)?;
    let blob = show::fields(&record, "blob").ok_or(Error::NotFound)?;
    let size = blob.int("size").and_then(|size| u64::try_from(size).ok()).ok_or(Error::NotFound)?;
    if size > BLOB_BYTES_MAX {
        return Err(Error::FileTooLarge);
    }
    let hash = blob.hash("hash").ok_or(Error::NotFound)?;
    Ok(Wanted { hash, size, media_type: blob.text("media_type").unwrap_or_default().to_owned() })
}

/// SHA-256 of an attachment's content; none when there is no such attachment here.
pub(crate) fn hash_of_attachment(
    connection: &rusqlite::Connection,
    attachment: RecordId,
) -> Result<Option<Hash>, Error> {
    let record = store::shown(connection, attachment)?.filter(|record| record.kind == "attachment");
    Ok(record.as_ref().and_then(|record| show::fields(record, "blob")).and_then(|blob| blob.hash("hash")))
}

/// The download of one blob, driven like a session.
pub(crate) struct Fetch {
    device: Device,
    identity: Identity,
    attachment: RecordId,
    wanted: Wanted,
    offset: u64,
    challenges: Challenges,
    tries: u32,
    pause_ms: Option<u64>,
    is_cancelled: bool,
}

/// Attempts without an answer before a download gives up; the person is waiting for it.
const TRIES_MAX: u32 = 4;
/// The pause between them.
const PAUSE_MS: u64 = 1_000;

impl Fetch {
    pub(crate) fn begin(device: &Device, attachment: RecordId) -> Result<Self, Error> {
        let identity = device.identity()?.ok_or(Error::SignedOut)?;
        let wanted = device.read(|connection| wanted(connection, attachment))?;
        let part = part_file(device, wanted.hash);
        let offset = device.files().len(&part)?.unwrap_or(0);
        let mut fetch = Self {
            device: device.clone(),
            identity,
            attachment,
            wanted,
            offset,
            challenges: Challenges::default(),
            tries: 0,
            pause_ms: None,
            is_cancelled: false,
        };
        if fetch.offset > fetch.wanted.size {
            fetch.offset = 0;
        }
        Ok(fetch)
    }

    fn path(&self) -> PathBuf {
        self.device.blob_file(&self.wanted.hash.to_string())
    }

    fn is_there(&self) -> bool {
        self.device.files().exists(&self.path())
    }

    fn finish(&self) -> Result<(), Error> {
        let files = self.device.files();
        let part = part_file(&self.device, self.wanted.hash);
        if self.wanted.size == 0 {
            files.write(&part, &[])?;
        }
        if hash_of(files, &part)? != self.wanted.hash {
            files.remove(&part)?;
            return Err(Error::FileDamaged);
        }
        files.sync(&part)?;
        files.rename(&part, &self.path())?;
        let hash = self.wanted.hash;
        self.device.write(|tx, _| store::blob::add_download(tx, self.attachment, hash, self.wanted.size))?;
        self.device.keep_quota(hash);
        Ok(())
    }

    fn pause(&mut self, retry_after_ms: Option<u64>) -> Result<(), Error> {
        self.tries += 1;
        if self.tries >= TRIES_MAX || retry_after_ms.is_some_and(|wish| wish > PAUSE_MS * 10) {
            return Err(Error::Offline { retry_after_ms });
        }
        self.pause_ms = Some(retry_after_ms.unwrap_or(PAUSE_MS));
        Ok(())
    }
}

impl Machine for Fetch {
    type Output = Fetched;

    fn next(&mut self) -> Result<Step<Fetched>, Error> {
        if self.is_cancelled {
            return Err(Error::Cancelled);
        }
        if let Some(pause_ms) = self.pause_ms.take() {
            return Ok(Step::Wait(pause_ms));
        }
        if !self.is_there() && self.offset < self.wanted.size {
            let last = self.wanted.size.min(self.offset + CHUNK_BYTES as u64) - 1;
            let unsigned =
                Unsigned { range: Some((self.offset, last)), ..Unsigned::new("GET", blob_path(self.attachment)) };
            let nonce = self.device.nonce();
            return Ok(Step::Send(signed(&self.identity, nonce.as_deref(), self.challenges, unsigned)));
        }
        if !self.is_there() {
            self.finish()?;
        }
        let (media_type, size) = (self.wanted.media_type.clone(), self.wanted.size);
        Ok(Step::Done(Fetched { path: self.path(), media_type, size }))
    }

    fn answer(&mut self, response: Response) -> Result<(), Error> {
        let nonce = response.header(NONCE_HEADER);
        if let Some(nonce) = nonce {
            self.device.set_nonce(nonce);
        }
        match response.status {
            200 | 206 if !response.body.is_empty() => {
                self.tries = 0;
                self.challenges = Challenges::default();
                if response.status == 200 {
                    self.offset = 0;
                }
                let part = part_file(&self.device, self.wanted.hash);
                self.device.files().append(&part, self.offset, &response.body)?;
                // What was received is received, also after a power cut: a chunk is fetched twice only when it was cut.
                self.device.files().sync(&part)?;
                self.offset += response.body.len() as u64;
                Ok(())
            }
            401 if nonce.is_some() && !self.challenges.is_verdict() => {
                self.challenges.add();
                Ok(())
            }
            401 if response.fault().is_some() => Err(Error::SignedOut),
            403 if response.fault().is_some() => Err(Error::SignedOut),
            404 if response.fault().is_some() => Err(Error::NotFound),
            _ => self.pause(retry_after_ms(&response)),
        }
    }

    fn failed(&mut self) -> Result<(), Error> {
        self.pause(None)
    }

    fn cancel(&mut self) {
        self.is_cancelled = true;
    }

    fn progress(&self) -> Option<Progress> {
        None
    }
}

fn part_file(device: &Device, hash: Hash) -> PathBuf {
    device.blob_file(&format!("{hash}.part"))
}

/// SHA-256 of a file, read in pieces: a phone has better use for its memory.
fn hash_of(files: &dyn Files, file: &Path) -> io::Result<Hash> {
    let mut hasher = sha2::Sha256::new();
    let mut offset = 0;
    loop {
        let piece = files.read(file, offset, CHUNK_BYTES)?;
        if piece.is_empty() {
            return Ok(Hash(hasher.finalize().into()));
        }
        hasher.update(&piece);
        offset += piece.len() as u64;
    }
}
