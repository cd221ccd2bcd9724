//! Rescue: what was only on this device is read out of a store that was set aside, as far as it can be read.
//!
//! A damaged store is never deleted. After the person was told, a new store begun and the device enrolled again, its
//! pending edits, its drawer and its unsent photos can be brought over. An edit becomes pending again in its original
//! context, under a new dot; which of the old dots the office has is asked before anything is pushed, as after a copy, so
//! nothing arrives twice. What cannot be placed soundly, because the new store has unsent work on the same record or the
//! record's kind cannot be read, goes into the drawer for a person. What cannot be read is counted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use fieldsync_protocol::exchange::SentDot;
use fieldsync_protocol::version::Dot;
use fieldsync_protocol::{Edit, Hash, PersonId, Record, RecordId, ReplicaId, encode};
use rusqlite::{Connection, OpenFlags, Row};

use crate::device::Device;
use crate::drawer::{self, DrawerEntry, DrawerState};
use crate::error::Error;
use crate::store::{self, meta};
use crate::summary::Unsent;
use crate::sync::identity;
use crate::{enrol, entropy};

/// A store that was set aside and of which nothing was brought over yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// The database's file.
    pub path: PathBuf,
    /// What was only in it, as of its last orderly write; `None` when that is not known.
    pub unsent: Option<Unsent>,
}

/// What was brought over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Salvage {
    /// Edits that are pending again.
    pub pending: u32,
    /// Edits of the old drawer, and such as could not be placed, that are in the drawer now.
    pub drawer: u32,
    /// Photos and files that will be sent.
    pub blobs: u32,
    /// What was only there and could not be read: known when the counts beside the store are.
    pub missing: Unsent,
    /// Whether everything that mattered could be read to its end.
    pub is_whole: bool,
}

/// What could be read of a store.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) replica: Option<ReplicaId>,
    pub(crate) pending: Vec<(RecordId, Option<String>, Edit)>,
    pub(crate) sent: Vec<SentDot>,
    /// How far *theirs* included the old replica id.
    pub(crate) tops: BTreeMap<RecordId, u64>,
    drawer: Vec<DrawerEntry>,
    uploads: Vec<(RecordId, Hash, u64)>,
    person: Option<PersonId>,
    is_whole: bool,
}

impl Device {
    /// The stores that were set aside in this device's folder and of which nothing was brought over, oldest first.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn set_aside(&self) -> Result<Vec<SetAside>, Error> {
        let done: BTreeSet<String> = self.read(|connection| meta::get(connection, meta::SALVAGED))?.unwrap_or_default();
        let mut found = Vec::new();
        for path in self.files().list(self.dir())? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(stem) =
                name.strip_suffix(&format!("-{}", store::FILE)).filter(|stem| stem.starts_with(store::KEPT))
            else {
                continue;
            };
            if !done.contains(name) {
                let counts = self.dir().join(format!("{stem}-{}", crate::summary::FILE));
                let unsent = Unsent::read_file(self.files(), &counts);
                found.push(SetAside { path: path.clone(), unsent });
            }
        }
        found.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(found)
    }

    /// Brings over what can be read of a store that was set aside. The device must be enrolled for the same person. The
    /// file itself is not changed. Doing it twice changes nothing the second time.
    ///
    /// # Errors
    /// [`Error::NotFound`] when this is no store of [`Device::set_aside`], [`Error::SignedOut`] before enrolment,
    /// [`Error::OtherOwner`] when the store was somebody else's. Nothing is brought over then. That little or nothing can
    /// be read is no error: it is in the answer.
    pub fn salvage(&self, file: &Path) -> Result<Salvage, Error> {
        let kept = self.set_aside()?.into_iter().find(|kept| kept.path == file).ok_or(Error::NotFound)?;
        let found = self.look_into(file);
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let there = Unsent {
            pending: found.pending.len() as u32,
            refused: found.drawer.iter().filter(|entry| entry.state != DrawerState::Held).count() as u32,
            blobs: found.uploads.len() as u32,
        };
        let now_ms = self.now_ms();
        let new = entropy::replica_id(self.entropy());
        self.change(|work| {
            let identity = enrol::identity(work.tx)?.ok_or(Error::SignedOut)?;
            let authors = found.pending.iter().map(|(_, _, edit)| edit.stamp.person).chain(found.person);
            if authors.into_iter().any(|person| person != identity.person) {
                return Err(Error::OtherOwner);
            }
            let mut done: BTreeSet<String> = meta::get(work.tx, meta::SALVAGED)?.unwrap_or_default();
            done.insert(name.clone());
            meta::set(work.tx, meta::SALVAGED, &done)?;
            let unplaced = identity::adopt(work, new, &found)?;
            let mut salvage = Salvage {
                pending: there.pending - unplaced.len() as u32,
                drawer: (unplaced.len() + found.drawer.len()) as u32,
                blobs: 0,
                missing: kept.unsent.map_or_else(Unsent::default, |unsent| unsent.without(there)),
                is_whole: found.is_whole,
            };
            for (record, kind, edit) in unplaced {
                let kind = kind.unwrap_or_else(|| "unknown".to_owned());
                let entry = DrawerEntry {
                    id: 0,
                    record,
                    kind,
                    work_order: None,
                    edit,
                    state: DrawerState::Superseded,
                    code: drawer::SALVAGED.to_owned(),
                    words: None,
                    at_ms: now_ms,
                };
                store::drawer::add(work.tx, &entry)?;
            }
            for entry in &found.drawer {
                store::drawer::add(work.tx, entry)?;
            }
            for (attachment, hash, size) in &found.uploads {
                if self.files().len(&self.blob_file(&hash.to_string()))? == Some(*size) {
                    store::blob::add_upload(work.tx, *attachment, *hash, *size)?;
                    salvage.blobs += 1;
                } else {
                    salvage.missing.blobs += 1;
                }
            }
            Ok(salvage)
        })
    }

    /// Everything of a damaged store that can be read, first as it is, then with a new header.
    fn look_into(&self, file: &Path) -> Found {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let read = |path: &Path| {
            let connection = self.inner.store.look_into(path, flags)?;
            read(&connection)
        };
        match read(file) {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "failed to read a store that was set aside; trying with a new header");
                let copy = self.dir().join(COPY);
                let mended = self.with_new_header(file, &copy).and_then(|()| read(&copy));
                for suffix in ["", "-wal", "-shm"] {
                    let _ = self.files().remove(&self.dir().join(format!("{COPY}{suffix}")));
                }
                mended.unwrap_or_default()
            }
        }
    }

    /// A copy of a database with the header that all of ours have: where only the first bytes were hit, the rest reads.
    fn with_new_header(&self, file: &Path, copy: &Path) -> Result<(), Error> {
        let mut bytes = self.files().read(file, 0, usize::MAX)?;
        if bytes.len() < PAGE {
            return Err(Error::NotFound);
        }
        let pages = (bytes.len() / PAGE) as u32;
        let mut header = Vec::with_capacity(100);
        header.extend_from_slice(b"SQLite format 3\0");
        header.extend_from_slice(&(PAGE as u16).to_be_bytes());
        // As with a rollback journal: the copy has no log of its own.
        header.extend_from_slice(&[1, 1, 0, 64, 32, 32]);
        for number in [1, pages, 0, 0, 1, 4, 0, 0, 1, 0, 0] {
            header.extend_from_slice(&u32::to_be_bytes(number));
        }
        header.resize(92, 0);
        header.extend_from_slice(&1_u32.to_be_bytes());
        header.extend_from_slice(&3_054_000_u32.to_be_bytes());
        bytes[..100].copy_from_slice(&header);
        Ok(self.files().write(copy, &bytes)?)
    }
}

/// Where a copy with a new header is read from.
const COPY: &str = "salvage.tmp";
/// Bytes of a page of our databases.
const PAGE: usize = 4_096;

fn read(connection: &Connection) -> Result<Found, Error> {
    // Whatever cannot even say which tables there are is not worth more questions.
    connection.query_row("select count(*) from sqlite_schema", [], |row| row.get::<_, i64>(0))?;
    let mut found = Found { is_whole: true, ..Found::default() };
    found.replica = meta::get(connection, meta::REPLICA).ok().flatten();
    found.person = enrol::identity(connection).ok().flatten().map(|identity| identity.person);
    let edits = both_ways(
        connection,
        "select record, edit from pending order by record",
        ", replica, counter",
        |row| Ok((store::record::id(row, 0)?, row.get::<_, Vec<u8>>(1)?)),
        &mut found.is_whole,
    );
    for (id, body) in edits {
        let Ok(edit) = encode::from_cbor::<Edit>(&body) else {
            found.is_whole = false;
            continue;
        };
        let kind = store::record::kind_of(connection, id).ok().flatten();
        found.pending.push((id, kind, edit));
    }
    let sent = both_ways(
        connection,
        "select record, replica, counter, content from sent_dot order by record",
        ", replica, counter",
        |row| {
            let counter: i64 = row.get(2)?;
            let dot = Dot { replica: ReplicaId(row.get(1)?), counter: u64::try_from(counter).unwrap_or(0) };
            Ok((store::record::id(row, 0)?, dot, Hash(row.get(3)?)))
        },
        &mut found.is_whole,
    );
    found.sent = sent.into_iter().map(|(record, dot, content)| SentDot { record, dot, content }).collect();
    let keys =
        both_ways(connection, "select id from drawer order by id", "", |row| row.get::<_, i64>(0), &mut found.is_whole);
    for key in keys {
        match store::drawer::one(connection, key) {
            Ok(Some(entry)) => found.drawer.push(entry),
            _ => found.is_whole = false,
        }
    }
    found.uploads = both_ways(
        connection,
        "select attachment, hash, size from blob where direction = 'up' and state <> 'done' order by attachment",
        "",
        |row| {
            let size: i64 = row.get(2)?;
            Ok((store::record::id(row, 0)?, Hash(row.get(1)?), u64::try_from(size).unwrap_or(0)))
        },
        &mut found.is_whole,
    );
    if let Some(replica) = found.replica {
        let ids: BTreeSet<RecordId> = found.pending.iter().map(|(id, ..)| *id).collect();
        for id in ids {
            let theirs: Option<Record> =
                store::record::theirs(connection, id).ok().flatten().map(|theirs| theirs.record);
            let top = theirs.map_or(0, |record| record.version.get(replica));
            if top > 0 {
                found.tops.insert(id, top);
            }
        }
    }
    Ok(found)
}

/// The rows of a query, from both ends: a damaged page in the middle hides neither.
fn both_ways<T: Ord + Clone>(
    connection: &Connection,
    query: &str,
    then: &str,
    row: impl Fn(&Row<'_>) -> Result<T, rusqlite::Error>,
    is_whole: &mut bool,
) -> Vec<T> {
    let mut found: BTreeSet<T> = BTreeSet::new();
    for order in [String::new(), " desc".to_owned()] {
        let then = then.replace(',', &format!("{order},"));
        let sql = if then.is_empty() { format!("{query}{order}") } else { format!("{query}{then}{order}") };
        let mut has_ended = false;
        if let Ok(mut statement) = connection.prepare(&sql)
            && let Ok(rows) = statement.query_map([], &row)
        {
            has_ended = true;
            for row in rows {
                match row {
                    Ok(row) => {
                        found.insert(row);
                    }
                    Err(_) => {
                        has_ended = false;
                        break;
                    }
                }
            }
        }
        if has_ended {
            return found.into_iter().collect();
        }
        *is_whole = false;
    }
    found.into_iter().collect()
}
