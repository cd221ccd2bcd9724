//! Carried bundles at the office: looking at one, and importing it.
//!
//! Promises: a file is read to its end and its author's signature verified before anything is changed; importing one
//! twice, or again after a crash in between, changes nothing more; at most one part of a file and a portion of its records
//! is in memory. What becomes of each edit is decided by [`crate::sync::bundle`]; photos go into the store of blobs under
//! the hash they were promised by.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use fieldsync_protocol::bundle::{BundleError, CarriedBlob, Content, Header, Manifest, Opener, Part};
use fieldsync_protocol::exchange::Offer;
use fieldsync_protocol::limits::{BUNDLE_BYTES_MAX, CHUNK_BYTES};
use fieldsync_protocol::{DeviceId, Hash, PersonId, RecordId, ReplicaId, encode, show};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use crate::blobs::{Appended, BlobError, Blobs};
use crate::enrol;
use crate::office::Office;
use crate::parcels::Parcel;
use crate::store::{Bundle, Device, StoreError};
use crate::sync::blob;
use crate::sync::bundle::{Brought, Fate, take, work_order};

/// Records taken in one transaction: other work of the office waits for it.
const PORTION_RECORDS: usize = 200;
/// Bytes of them.
const PORTION_BYTES: usize = 1_048_576;

/// Why a bundle was not imported, or not looked at. Nothing was changed, unless the office itself failed in the middle;
/// then importing again goes on.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is no bundle for this office.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Another file with the same name was imported: one of them is forged.
    #[error("trust the bundle: another one under its name was imported before")]
    Forged,
    /// The file cannot be read.
    #[error("read the file")]
    File(#[from] std::io::Error),
    /// The store of blobs failed.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where a bundle's bytes come from.
#[derive(Clone)]
pub enum Source {
    /// A file of the operator's.
    File(PathBuf),
    /// A parcel that was uploaded.
    Parcel(Parcel),
}

/// Who brings a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// Somebody at the office imports it.
    Person(PersonId),
    /// Another device brought it along.
    Device(DeviceId),
}

/// What a bundle holds. Read and verified; nothing was changed.
#[derive(Debug, Clone)]
pub struct Look {
    /// Names it.
    pub bundle: ReplicaId,
    /// What it says about itself.
    pub manifest: Manifest,
    /// The author's name; empty when the office does not know them.
    pub author: String,
    /// The author's device as people know it; empty when the office forgot it.
    pub device: String,
    /// Whether the author's device was revoked: all of it would be held.
    pub is_revoked: bool,
    /// The jobs it holds work for, most edits first.
    pub jobs: Vec<LookJob>,
    /// SHA-256 of the file.
    pub file_hash: Hash,
    /// Bytes of the file.
    pub size: u64,
    /// The import, when there was one.
    pub imported: Option<Bundle>,
}

/// What a bundle holds for one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookJob {
    /// The order; `None` for what belongs to none, as a new customer does.
    pub order: Option<RecordId>,
    /// Its number at the office; empty when the office does not know it yet.
    pub number: String,
    /// Its problem, as the office knows it.
    pub problem: String,
    /// Edits by kind of record.
    pub edits: BTreeMap<String, u64>,
}

impl LookJob {
    /// All edits.
    pub fn count(&self) -> u64 {
        self.edits.values().sum()
    }
}

/// Reads and verifies a bundle, and says what it holds.
///
/// # Errors
/// [`ImportError`].
pub async fn look(office: &Office, source: &Source) -> Result<Look, ImportError> {
    let mut parts = Parts::open(office, source).await?;
    let mut manifest = None;
    let mut edits: BTreeMap<Option<RecordId>, BTreeMap<String, u64>> = BTreeMap::new();
    while let Some(part) = parts.next().await? {
        match part {
            Part::Manifest(found) => manifest = Some(*found),
            Part::Edits(record) => {
                let inner = office.clone();
                let (kind, count) = (record.kind.clone(), record.edits.len() as u64);
                let order = blocking(move || inner.read(|txn| work_order(txn, &record))).await?;
                *edits.entry(order).or_default().entry(kind).or_default() += count;
            }
            Part::Theirs(_) | Part::Content(_) | Part::End(_) => {}
        }
    }
    let Read { header, file_hash, size } = parts.finish()?;
    let manifest = manifest.ok_or(BundleError::Damaged)?;
    let inner = office.clone();
    blocking(move || {
        inner.read(|txn| {
            let mut jobs = Vec::with_capacity(edits.len());
            for (order, edits) in edits {
                let row = order.map(|order| txn.job(order)).transpose()?.flatten();
                let (number, problem) = row.map(|row| (row.number, row.problem)).unwrap_or_default();
                jobs.push(LookJob { order, number, problem, edits });
            }
            jobs.sort_by_key(|job| std::cmp::Reverse(job.count()));
            let certificate = &manifest.certificate;
            let person = txn.record(RecordId(certificate.person.0))?;
            let device = txn.device(certificate.device)?;
            Ok(Look {
                bundle: header.bundle,
                author: person.and_then(|person| show::name(&person.record).map(str::to_owned)).unwrap_or_default(),
                is_revoked: device.as_ref().is_some_and(|device| device.revoked_ms.is_some()),
                device: device.map(|device| device.name).unwrap_or_default(),
                jobs,
                file_hash,
                size,
                imported: txn.bundle(header.bundle)?,
                manifest,
            })
        })
    })
    .await
}

/// What an import came to.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The bundle, with what became of each edit.
    pub bundle: Bundle,
    /// Whether it had been imported before: then nothing was changed now.
    pub was_before: bool,
}

impl Imported {
    /// How many edits came to each end.
    pub fn count(&self, is_of: impl Fn(&Fate) -> bool) -> usize {
        self.bundle.count(is_of)
    }
}

impl Bundle {
    /// How many edits came to an end.
    pub fn count(&self, is_of: impl Fn(&Fate) -> bool) -> usize {
        self.report.iter().flat_map(|record| &record.edits).filter(|(_, fate)| is_of(fate)).count()
    }
}

/// Imports a bundle: every edit goes through the one door under its author's rights, every photo into the store of blobs.
///
/// # Errors
/// [`ImportError`].
pub async fn import(
    office: &Office,
    blobs: &Blobs,
    source: &Source,
    carrier: Carrier,
) -> Result<Imported, ImportError> {
    let look = look(office, source).await?;
    if let Some(bundle) = look.imported {
        return if bundle.file_hash == look.file_hash {
            Ok(Imported { bundle, was_before: true })
        } else {
            Err(ImportError::Forged)
        };
    }
    let device = author(office, &look.manifest).await?;
    let mut importing = Importing {
        office,
        blobs,
        device,
        bundle: look.bundle,
        manifest: Arc::new(look.manifest),
        theirs: None,
        portion: Vec::new(),
        portion_bytes: 0,
        report: Vec::new(),
        stored: 0,
    };
    let mut parts = Parts::open(office, source).await?;
    while let Some(part) = parts.next().await? {
        importing.part(part).await?;
    }
    // Read a second time: a file that was exchanged in between is not the one that was verified.
    if parts.finish()?.file_hash != look.file_hash {
        return Err(BundleError::Damaged.into());
    }
    importing.flush().await?;
    let manifest = Arc::clone(&importing.manifest);
    let (by_person, by_device) = match carrier {
        Carrier::Person(person) => (Some(person), None),
        Carrier::Device(device) => (None, Some(device)),
    };
    let bundle = Bundle {
        replica: look.bundle,
        device: manifest.certificate.device,
        person: manifest.certificate.person,
        number: manifest.number,
        made_ms: manifest.made_ms,
        arrived_ms: office.now_ms(),
        by_person,
        by_device,
        file_hash: look.file_hash,
        size: look.size,
        blobs: importing.stored,
        report: importing.report,
    };
    let (inner, kept) = (office.clone(), bundle.clone());
    blocking(move || inner.write(move |txn| txn.put_bundle(&kept))).await?;
    metrics::counter!("fieldsync_bundles_imported_total").increment(1);
    Ok(Imported { bundle, was_before: false })
}

/// The author's device; one that a restore forgot is taken back on the word of its certificate.
async fn author(office: &Office, manifest: &Manifest) -> Result<Device, ImportError> {
    let (inner, certificate) = (office.clone(), manifest.certificate.clone());
    let device = blocking(move || enrol::readmit(&inner, &certificate)).await?;
    let device = device.ok_or(BundleError::UnknownAuthor)?;
    let certificate = &manifest.certificate;
    if device.public_key == certificate.public_key && device.person == certificate.person {
        Ok(device)
    } else {
        Err(BundleError::UnknownAuthor.into())
    }
}

struct Importing<'a> {
    office: &'a Office,
    blobs: &'a Blobs,
    device: Device,
    bundle: ReplicaId,
    manifest: Arc<Manifest>,
    theirs: Option<Offer>,
    portion: Vec<Brought>,
    portion_bytes: usize,
    report: Vec<crate::sync::bundle::RecordFate>,
    stored: u64,
}

impl Importing<'_> {
    async fn part(&mut self, part: Part) -> Result<(), ImportError> {
        match part {
            Part::Manifest(_) | Part::End(_) => Ok(()),
            Part::Theirs(theirs) => {
                self.theirs = Some(*theirs);
                Ok(())
            }
            Part::Edits(record) => {
                let size = encode::cbor(&record).len();
                if self.portion.len() >= PORTION_RECORDS || self.portion_bytes + size > PORTION_BYTES {
                    self.flush().await?;
                }
                self.portion_bytes += size;
                // A record in several parts stands on the same one throughout.
                let theirs = self.theirs.clone().filter(|theirs| theirs.record.id == record.id);
                self.portion.push((theirs, record));
                Ok(())
            }
            Part::Content(content) => {
                self.flush().await?;
                self.content(content).await
            }
        }
    }

    async fn flush(&mut self) -> Result<(), ImportError> {
        if self.portion.is_empty() {
            return Ok(());
        }
        let records = std::mem::take(&mut self.portion);
        self.portion_bytes = 0;
        let (office, device, manifest) = (self.office.clone(), self.device.clone(), Arc::clone(&self.manifest));
        let fates = blocking(move || {
            let inner = office.clone();
            office.write(move |txn| take(&inner, txn, &device, &manifest, &records))
        })
        .await?;
        for fate in fates {
            match self.report.last_mut().filter(|last| last.record == fate.record) {
                Some(last) => last.edits.extend(fate.edits),
                None => self.report.push(fate),
            }
        }
        Ok(())
    }

    /// Stores a piece of a photo; the last piece makes it visible. One whose attachment was refused is left out: it is
    /// still on the author's device. One whose attachment is held waits for it.
    async fn content(&mut self, content: Content) -> Result<(), ImportError> {
        let promised = self.manifest.blobs.iter().find(|blob| blob.attachment == content.attachment);
        let promised = *promised.ok_or(BundleError::Damaged)?;
        if !self.is_wanted(&promised).await? {
            return Ok(());
        }
        let CarriedBlob { attachment, hash, size } = promised;
        // A lane of the bundle's own, so that an upload of the device itself is not disturbed.
        let lane = DeviceId::from_bytes(self.bundle.0);
        let chunk = Bytes::from(content.bytes.into_vec());
        let end = match self.blobs.append(lane, &hash, content.offset, size, chunk).await {
            Ok(Appended::At(end)) => end,
            // An import was interrupted: after the last piece it goes on, before it with the piece that is missing.
            Ok(Appended::Elsewhere(stands)) if stands == size => size,
            Ok(Appended::Elsewhere(_)) => return Ok(()),
            Err(BlobError::WrongContent | BlobError::TooLarge) => return Err(BundleError::Damaged.into()),
            Err(error) => return Err(error.into()),
        };
        if end < size {
            return Ok(());
        }
        match self.blobs.finish(lane, &hash, size).await {
            Ok(()) => {}
            // The device read something else than it had promised; the record stays, the photo is still there.
            Err(BlobError::WrongContent) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        self.blobs.prove(attachment, &hash).await?;
        self.stored += 1;
        let (office, person) = (self.office.clone(), self.device.person);
        blocking(move || {
            let inner = office.clone();
            office.write(move |txn| match blob::attachment(txn, person, attachment)? {
                Some(known) if known.hash == hash && known.is_own => blob::arrived(&inner, txn, &known),
                _ => Ok(()),
            })
        })
        .await?;
        Ok(())
    }

    /// Whether the office wants a photo: it knows the attachment as the author's, or keeps it aside.
    async fn is_wanted(&self, promised: &CarriedBlob) -> Result<bool, ImportError> {
        let (office, device, promised) = (self.office.clone(), self.device.clone(), *promised);
        let known = blocking(move || {
            office.read(|txn| {
                let known = blob::attachment(txn, device.person, promised.attachment)?;
                let is_known = known.is_some_and(|known| known.is_own && known.hash == promised.hash);
                Ok::<_, StoreError>(is_known || !txn.held_of(promised.attachment, device.id)?.is_empty())
            })
        })
        .await?;
        let is_here = self.blobs.size(&promised.hash).await? == Some(promised.size)
            && self.blobs.is_proved(promised.attachment, &promised.hash).await?;
        Ok(known && !is_here)
    }
}

/// What reading a file to its end told.
struct Read {
    header: Header,
    file_hash: Hash,
    size: u64,
}

/// Reads a source part by part.
struct Parts {
    opener: Opener,
    reader: Reader,
    hasher: Sha256,
    size: u64,
}

enum Reader {
    File(tokio::fs::File),
    Parcel(Parcel, Vec<u64>),
}

impl Parts {
    async fn open(office: &Office, source: &Source) -> Result<Self, ImportError> {
        let inner = office.clone();
        let tenant = blocking(move || inner.read(|txn| txn.tenant())).await?.name;
        let opener = Opener::new(office.keys.bundle_secret(), office.keys.public_root(), tenant);
        let reader = match source {
            Source::File(path) => Reader::File(tokio::fs::File::open(path).await?),
            Source::Parcel(parcel) => {
                let pieces = parcel.pieces().await?.into_keys().rev().collect();
                Reader::Parcel(parcel.clone(), pieces)
            }
        };
        Ok(Self { opener, reader, hasher: Sha256::new(), size: 0 })
    }

    async fn next(&mut self) -> Result<Option<Part>, ImportError> {
        loop {
            if let Some(part) = self.opener.part()? {
                return Ok(Some(part));
            }
            let Some(bytes) = self.reader.next().await? else { return Ok(None) };
            self.size += bytes.len() as u64;
            if self.size > BUNDLE_BYTES_MAX {
                return Err(BundleError::TooLarge.into());
            }
            self.hasher.update(&bytes);
            self.opener.feed(&bytes);
        }
    }

    fn finish(self) -> Result<Read, ImportError> {
        let header = self.opener.finish()?;
        Ok(Read { header, file_hash: Hash(self.hasher.finalize().into()), size: self.size })
    }
}

impl Reader {
    async fn next(&mut self) -> Result<Option<Bytes>, ImportError> {
        match self {
            Self::File(file) => {
                let mut bytes = vec![0; CHUNK_BYTES];
                let length = file.read(&mut bytes).await?;
                bytes.truncate(length);
                Ok((length > 0).then(|| bytes.into()))
            }
            Self::Parcel(parcel, pieces) => match pieces.pop() {
                Some(start) => Ok(Some(parcel.piece(start).await?)),
                None => Ok(None),
            },
        }
    }
}

/// Runs `work` where SQL may run.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, ImportError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Aborted)?.map_err(ImportError::Store)
}
