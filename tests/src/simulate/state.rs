//! What really stands in a device's or the office's database, read with plain SQL beside the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context as _;
use fieldsync_disk::{Disk, Image, Process};
use fieldsync_protocol::version::Dot;
use fieldsync_protocol::{Edit, Fields, FieldsExt, Hash, Record, RecordId, ReplicaId, Value, encode};
use rusqlite::{Connection, OpenFlags};

/// The field in which every value of the simulation carries its number.
pub(crate) const NUMBER: &str = "sim";

/// The number a value carries; a proposal carries it inside.
pub(crate) fn number(fields: &Fields) -> Option<u64> {
    let inner = || match fields.get("fields") {
        Some(Value::Map(inner)) => inner.int(NUMBER),
        _ => None,
    };
    fields.int(NUMBER).or_else(inner).and_then(|number| u64::try_from(number).ok())
}

/// The numbers that stand in a group: one a sibling.
pub(crate) fn numbers(record: &Record, group: &str) -> BTreeSet<u64> {
    record.siblings(group).filter_map(|(_, sibling)| number(&sibling.fields)).collect()
}

/// Every number in a record, with its group.
pub(crate) fn all_numbers(record: &Record) -> impl Iterator<Item = (&str, u64)> {
    record.groups.iter().flat_map(|(group, siblings)| {
        siblings.values().filter_map(move |sibling| Some((group.as_str(), number(&sibling.fields)?)))
    })
}

/// A connection to a database on a copy of a disk: looking neither waits for the engine nor meets its faults.
struct Look {
    connection: Connection,
    // The VFS must outlive the connection.
    _process: Process,
}

fn open(image: &Image, file: &str) -> anyhow::Result<Look> {
    let process = Disk::from_image(image).process();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = process.medium().connect(Path::new(file), flags).with_context(|| format!("look into {file}"))?;
    Ok(Look { connection, _process: process })
}

fn id(bytes: &[u8]) -> anyhow::Result<RecordId> {
    RecordId::from_slice(bytes).context("read an id")
}

/// A device's store.
#[derive(Debug, Default)]
pub(crate) struct DeviceState {
    /// *Theirs*, byte for byte, and whether it is leaving.
    pub(crate) theirs: BTreeMap<RecordId, (Vec<u8>, bool)>,
    /// Every record of which the device holds anything.
    pub(crate) records: BTreeSet<RecordId>,
    pub(crate) pending: Vec<(RecordId, Edit)>,
    pub(crate) drawer: Vec<(RecordId, Edit, String)>,
    pub(crate) offers: Vec<Record>,
    /// Attachments whose content waits for its upload.
    pub(crate) uploads: Vec<RecordId>,
}

impl DeviceState {
    pub(crate) fn read(image: &Image) -> anyhow::Result<Self> {
        let look = open(image, "/phone/fieldsync.db")?;
        let connection = &look.connection;
        let mut state = Self::default();
        let mut statement = connection.prepare("select id, theirs, leaving from record")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let record = id(row.get_ref(0)?.as_blob()?)?;
            state.records.insert(record);
            if let Some(theirs) = row.get::<_, Option<Vec<u8>>>(1)? {
                state.theirs.insert(record, (theirs, row.get(2)?));
            }
        }
        let mut statement = connection.prepare("select record, edit from pending")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let edit = encode::from_cbor(row.get_ref(1)?.as_blob()?)?;
            state.pending.push((id(row.get_ref(0)?.as_blob()?)?, edit));
        }
        let mut statement = connection.prepare("select record, edit, state from drawer")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let edit = encode::from_cbor(row.get_ref(1)?.as_blob()?)?;
            state.drawer.push((id(row.get_ref(0)?.as_blob()?)?, edit, row.get(2)?));
        }
        let mut statement =
            connection.prepare("select attachment from blob where direction = 'up' and state = 'waiting'")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            state.uploads.push(id(row.get_ref(0)?.as_blob()?)?);
        }
        let mut statement = connection.prepare("select body from offer")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            state.offers.push(encode::from_cbor(row.get_ref(0)?.as_blob()?)?);
        }
        Ok(state)
    }

    /// The numbers that are on this device and perhaps nowhere else: pending and in the drawer.
    pub(crate) fn own_numbers(&self) -> BTreeSet<u64> {
        let pending = self.pending.iter().filter_map(|(_, edit)| number(&edit.fields));
        pending.chain(self.drawer.iter().filter_map(|(_, edit, _)| number(&edit.fields))).collect()
    }

    /// Every number that this device could bring back.
    pub(crate) fn held_numbers(&self) -> anyhow::Result<BTreeSet<u64>> {
        let mut found = self.own_numbers();
        for (theirs, _) in self.theirs.values() {
            let record: Record = encode::from_cbor(theirs)?;
            found.extend(all_numbers(&record).map(|(_, number)| number));
        }
        for offer in &self.offers {
            found.extend(all_numbers(offer).map(|(_, number)| number));
        }
        Ok(found)
    }

    /// Uploads that nothing keeps here: neither was their attachment refused, nor did the office decide against it.
    pub(crate) fn stuck_uploads(&self, office: &OfficeState) -> usize {
        let is_refused = |id: &RecordId| self.drawer.iter().any(|(record, _, how)| record == id && how != "held");
        let is_decided = |id: &RecordId| office.held.iter().any(|held| held.record == *id && held.decision.is_some());
        self.uploads.iter().filter(|id| !is_refused(id) && !is_decided(id)).count()
    }

    /// The sum of the hashes of *theirs* modulo 2^256, as the design says, and how many there are.
    pub(crate) fn sum(&self) -> ([u8; 32], u64) {
        let mut sum = [0_u8; 32];
        let mut count = 0;
        for (theirs, leaving) in self.theirs.values() {
            if *leaving {
                continue;
            }
            count += 1;
            let mut carry = 0_u16;
            for (place, byte) in sum.iter_mut().zip(Hash::blake3(theirs).0) {
                carry += u16::from(*place) + u16::from(byte);
                *place = carry.to_le_bytes()[0];
                carry >>= 8;
            }
        }
        (sum, count)
    }
}

/// One line of the office's history.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) record: RecordId,
    pub(crate) dot: Dot,
    pub(crate) edit: Option<Edit>,
    pub(crate) action: String,
}

/// A held edit and what was decided about it.
#[derive(Debug)]
pub(crate) struct HeldLine {
    pub(crate) record: RecordId,
    pub(crate) edit: Edit,
    pub(crate) decision: Option<String>,
    pub(crate) code: String,
}

/// The office's store.
#[derive(Debug, Default)]
pub(crate) struct OfficeState {
    /// Kind, bytes and content of every record.
    pub(crate) records: BTreeMap<RecordId, (Vec<u8>, Record)>,
    pub(crate) held: Vec<HeldLine>,
    pub(crate) history: Vec<Line>,
}

impl OfficeState {
    /// Reads records alone, or everything.
    pub(crate) fn read(image: &Image, with_history: bool) -> anyhow::Result<Self> {
        let look = open(image, "/office/office.sqlite")?;
        let connection = &look.connection;
        let mut state = Self::default();
        let mut statement = connection.prepare("select id, body from record")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let body: Vec<u8> = row.get(1)?;
            let record = encode::from_cbor(&body)?;
            state.records.insert(id(row.get_ref(0)?.as_blob()?)?, (body, record));
        }
        if !with_history {
            return Ok(state);
        }
        let mut statement = connection.prepare("select edit, decision, record, code from held")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let edit = encode::from_cbor(row.get_ref(0)?.as_blob()?)?;
            let record = id(row.get_ref(2)?.as_blob()?)?;
            state.held.push(HeldLine { record, edit, decision: row.get(1)?, code: row.get(3)? });
        }
        let mut statement =
            connection.prepare("select record, replica, counter, content, action from history order by sequence")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let replica = ReplicaId::from_slice(row.get_ref(1)?.as_blob()?).context("read a replica id")?;
            let content: Option<Vec<u8>> = row.get(3)?;
            state.history.push(Line {
                record: id(row.get_ref(0)?.as_blob()?)?,
                dot: Dot { replica, counter: row.get::<_, i64>(2)?.unsigned_abs() },
                edit: content.map(|content| encode::from_cbor(&content)).transpose()?,
                action: row.get(4)?,
            });
        }
        Ok(state)
    }

    /// Every number that an accepted edit ever carried here.
    pub(crate) fn history_numbers(&self) -> BTreeSet<u64> {
        self.history.iter().filter_map(|line| number(&line.edit.as_ref()?.fields)).collect()
    }

    /// The numbers of held edits.
    pub(crate) fn held_numbers(&self) -> BTreeSet<u64> {
        self.held.iter().filter_map(|held| number(&held.edit.fields)).collect()
    }
}
