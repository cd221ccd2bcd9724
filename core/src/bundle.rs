//! Carried bundles: pending work as one file that only the office can read, for the day when a phone finds no network
//! or is about to give up.
//!
//! Exporting changes nothing about the work itself: it stays pending and goes on its own way when it can. The edits in the
//! file carry dots of a replica id minted for it, so that neither way disturbs the other; the office recognises by content
//! what arrived by both. The format is [`fieldsync_protocol::bundle`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fieldsync_protocol::bundle::{CarriedBlob, CarriedRecord, Closer, Content, Manifest, OfficeKey, Part};
use fieldsync_protocol::exchange::{Offer, SentDot};
use fieldsync_protocol::kinds::TABLE_VERSION;
use fieldsync_protocol::limits::{
    BUNDLE_BLOBS_MAX, BUNDLE_BYTES_MAX, BUNDLE_RECORD_BYTES_MAX, CHUNK_BYTES, PAGE_BYTES,
};
use fieldsync_protocol::version::Dot;
use fieldsync_protocol::{Edit, RecordId, ReplicaId, encode};
use rusqlite::Connection;

use crate::device::Device;
use crate::enrol::Identity;
use crate::entropy;
use crate::error::Error;
use crate::files::Files;
use crate::store::blob::Lane;
use crate::store::{self, meta};

/// What was put into a bundle, and what was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleReceipt {
    /// The file.
    pub path: PathBuf,
    /// Names the bundle at the office.
    pub bundle: ReplicaId,
    /// The how manieth bundle of this device: what people call it.
    pub number: u64,
    /// Records with edits in it.
    pub records: u32,
    /// Edits in it.
    pub edits: u32,
    /// Photos and files in it.
    pub blobs: u32,
    /// Bytes of the file.
    pub size: u64,
    /// Edits that found no room. They are still pending, as everything is.
    pub edits_left_out: u32,
    /// Photos and files that found no room, or whose file cannot be read.
    pub blobs_left_out: u32,
}

/// What goes into a bundle.
struct Packed {
    manifest: Manifest,
    records: Vec<CarriedRecord>,
    edits_left_out: u32,
    blobs_left_out: u32,
}

impl Device {
    /// Writes everything that is still only here into one file at `to`, signed by this device and closed to the office:
    /// pending edits with the records they stand on, then photos and files, oldest first, up to
    /// [`BUNDLE_BYTES_MAX`]. A file that is there already is replaced, as a whole or not at all.
    ///
    /// Nothing is taken out of the store: when the network comes back, the same work is pushed and counts once. Exporting
    /// again makes another bundle with what is pending then.
    ///
    /// # Errors
    /// [`Error::NothingToCarry`], [`Error::NoOfficeKey`] before the first sync, [`Error::SignedOut`],
    /// [`Error::StorageFull`], [`Error::File`]. No file is left then.
    pub fn export_bundle(&self, to: &Path) -> Result<BundleReceipt, Error> {
        let to = &std::path::absolute(to)?;
        let identity = self.identity()?.ok_or(Error::SignedOut)?;
        let office: Option<OfficeKey> = self.read(|connection| meta::get(connection, meta::OFFICE_KEY))?;
        let office = office.filter(|key| key.is_valid(&identity.root, &identity.tenant)).ok_or(Error::NoOfficeKey)?;
        let bundle = entropy::replica_id(self.entropy());
        let made_ms = self.now_ms();
        let lanes = self.read(store::blob::uploads)?;
        let packed = self.write(|tx, _| self.pack(tx, &identity, bundle, made_ms, &lanes))?;
        let draft = beside(to, &format!("{}.new", entropy::uuid(self.entropy()).simple()));
        let written = self.write_bundle(&draft, &identity, bundle, &office, &packed).and_then(|size| {
            self.files().rename(&draft, to)?;
            Ok(size)
        });
        if written.is_err() {
            // What is left of it is of no use to anybody.
            let _ = self.files().remove(&draft);
        }
        Ok(BundleReceipt {
            path: to.to_owned(),
            bundle,
            number: packed.manifest.number,
            records: packed.manifest.records as u32,
            edits: packed.manifest.edits as u32,
            blobs: packed.manifest.blobs.len() as u32,
            size: written?,
            edits_left_out: packed.edits_left_out,
            blobs_left_out: packed.blobs_left_out,
        })
    }

    /// Chooses what goes in, and notes which own edit stands there under which dot.
    fn pack(
        &self,
        connection: &Connection,
        identity: &Identity,
        bundle: ReplicaId,
        made_ms: i64,
        lanes: &[Lane],
    ) -> Result<Packed, Error> {
        let number = meta::get::<u64>(connection, meta::BUNDLES)?.unwrap_or(0) + 1;
        let mut sent: BTreeMap<RecordId, Vec<SentDot>> = BTreeMap::new();
        for dot in store::pending::sent_dots(connection)? {
            sent.entry(dot.record).or_default().push(dot);
        }
        let (mut records, mut edits, mut room) = (Vec::new(), 0, BUNDLE_RECORD_BYTES_MAX);
        for id in store::pending::records(connection, usize::MAX >> 1)? {
            let pending = store::pending::of(connection, id)?;
            let weight =
                pending.iter().map(|edit| encode::cbor(edit).len()).sum::<usize>() + theirs_size(connection, id)?;
            if weight > room {
                break;
            }
            room -= weight;
            edits += pending.len() as u64;
            let kind = store::record::kind_of(connection, id)?.ok_or(Error::Defect("pending_without_record"))?;
            let mut carried = Vec::with_capacity(pending.len());
            for (place, edit) in (1..).zip(pending) {
                store::bundle::note(connection, id, edit.dot, bundle, place, number)?;
                carried.push(Edit { dot: Dot { replica: bundle, counter: place }, ..edit });
            }
            records.push(CarriedRecord { kind, id, edits: carried, sent: sent.remove(&id).unwrap_or_default() });
        }
        let blobs = self.blobs_within(lanes, BUNDLE_BYTES_MAX - (BUNDLE_RECORD_BYTES_MAX - room) as u64);
        if records.is_empty() && blobs.is_empty() {
            return Err(Error::NothingToCarry);
        }
        meta::set(connection, meta::BUNDLES, &number)?;
        store::bundle::forget_before(connection, number)?;
        let manifest = Manifest {
            certificate: identity.certificate.clone(),
            replica: meta::get(connection, meta::REPLICA)?.ok_or(Error::Defect("replica_missing"))?,
            number,
            made_ms,
            offset_ms: meta::get(connection, meta::OFFSET_MS)?.unwrap_or(0),
            table: TABLE_VERSION,
            cursor: meta::get(connection, meta::CURSOR)?,
            records: records.len() as u64,
            edits,
            blobs,
        };
        let edits_left_out = store::pending::count(connection)?.saturating_sub(edits as u32);
        let blobs_left_out = (lanes.len() - manifest.blobs.len()) as u32;
        Ok(Packed { manifest, records, edits_left_out, blobs_left_out })
    }

    /// The oldest photos and files that fit; one whose file is not what it should be is left where it is.
    fn blobs_within(&self, lanes: &[Lane], mut room: u64) -> Vec<CarriedBlob> {
        let mut blobs = Vec::new();
        for lane in lanes {
            let file = self.blob_file(&lane.hash.to_string());
            let is_whole = self.files().len(&file).is_ok_and(|length| length == Some(lane.size));
            // What closing adds stays far below a hundredth.
            let size = lane.size + lane.size / 100 + 1_024;
            if is_whole && size <= room && blobs.len() < BUNDLE_BLOBS_MAX {
                room -= size;
                blobs.push(CarriedBlob { attachment: lane.attachment, hash: lane.hash, size: lane.size });
            }
        }
        blobs
    }

    fn write_bundle(
        &self,
        draft: &Path,
        identity: &Identity,
        bundle: ReplicaId,
        office: &OfficeKey,
        packed: &Packed,
    ) -> Result<u64, Error> {
        let mut out = Out { files: self.files(), draft, waiting: Vec::new(), size: 0 };
        let secret = entropy::secret_key(self.entropy());
        let mut closer = Closer::begin(bundle, office.key, secret, &mut out.waiting);
        let mut put = |out: &mut Out<'_>, part: &Part| -> Result<(), Error> {
            if !closer.part(part, &mut out.waiting) {
                return Err(Error::Defect("bundle_part_too_large"));
            }
            if out.waiting.len() >= WRITTEN_AT_ONCE { Ok(out.write()?) } else { Ok(()) }
        };
        put(&mut out, &Part::Manifest(Box::new(packed.manifest.clone())))?;
        for record in &packed.records {
            if let Some(theirs) = self.read(|connection| store::record::theirs(connection, record.id))?
                && encode::cbor(&theirs.record).len() <= THEIRS_BYTES_MAX
            {
                put(&mut out, &Part::Theirs(Box::new(Offer { record: theirs.record, seal: theirs.seal })))?;
            }
            for part in in_parts(record) {
                put(&mut out, &Part::Edits(part))?;
            }
        }
        for blob in &packed.manifest.blobs {
            let file = self.blob_file(&blob.hash.to_string());
            let mut offset = 0;
            while offset < blob.size {
                let bytes = self.files().read(&file, offset, CHUNK_BYTES)?;
                if bytes.is_empty() {
                    return Err(Error::FileDamaged);
                }
                let read = bytes.len() as u64;
                let content = Content { attachment: blob.attachment, offset, bytes: bytes.into() };
                put(&mut out, &Part::Content(content))?;
                offset += read;
            }
        }
        closer.end(identity.key(), &mut out.waiting);
        out.write()?;
        self.files().sync(draft)?;
        Ok(out.size)
    }
}

/// The largest *theirs* that goes along: with its seal and its name it must fit a part. The office has a larger one
/// itself, unless it was restored; then this device offers it back when it syncs.
const THEIRS_BYTES_MAX: usize = fieldsync_protocol::limits::BUNDLE_PART_BYTES_MAX - 1_024;

/// Bytes written at once: a file is opened for each piece.
const WRITTEN_AT_ONCE: usize = 1_048_576;

/// The file being written, what waits to be, and how large it has become.
struct Out<'a> {
    files: &'a dyn Files,
    draft: &'a Path,
    waiting: Vec<u8>,
    size: u64,
}

impl Out<'_> {
    fn write(&mut self) -> std::io::Result<()> {
        self.files.append(self.draft, self.size, &self.waiting)?;
        self.size += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }
}

/// A record's edits, as many a part as a page holds.
fn in_parts(record: &CarriedRecord) -> Vec<CarriedRecord> {
    let mut parts: Vec<CarriedRecord> = Vec::new();
    let mut size = usize::MAX;
    for edit in &record.edits {
        let weight = encode::cbor(edit).len();
        match parts.last_mut().filter(|_| size.saturating_add(weight) <= PAGE_BYTES) {
            Some(part) => {
                part.edits.push(edit.clone());
                size += weight;
            }
            None => {
                let sent = record.sent.clone();
                parts.push(CarriedRecord { kind: record.kind.clone(), id: record.id, edits: vec![edit.clone()], sent });
                size = weight;
            }
        }
    }
    parts
}

fn theirs_size(connection: &Connection, id: RecordId) -> Result<usize, Error> {
    let mut statement = connection.prepare_cached("select coalesce(length(theirs), 0) from record where id = ?1")?;
    Ok(statement.query_row([id.as_bytes()], |row| row.get::<_, i64>(0))?.unsigned_abs() as usize)
}

/// A name beside `file`, on the same disk.
fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    file.with_file_name(name)
}
