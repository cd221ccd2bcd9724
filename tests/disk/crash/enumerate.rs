//! Every moment, every loss: each picture of a disk is crashed, opened, and compared with what was acknowledged.
//!
//! A recovered store must be one that existed: the same tables as at some moment between the last call that had returned
//! and the power cut. So a transaction is whole or not there, and none that was acknowledged is missing. Each store that
//! differs from all before it is examined by people's eyes: [`Examine`].

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use fieldsync_disk::{Disk, Image, Loss, Process};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

/// One image in so many is checked page by page.
const INTEGRITY: usize = 20;

/// What is enumerated: how a store is opened after a crash, and what it must fulfil.
pub(crate) trait Examine {
    /// The database.
    const FILE: &'static str;
    /// What is open while the store is looked at.
    type Open;
    /// Opens it as the product does.
    fn open(&self, disk: &Disk, process: &Process) -> Result<Self::Open, String>;
    /// Looks at a store that was recovered from the picture with this number. Promises that it breaks.
    fn examine(&self, open: Self::Open, at: usize) -> Vec<String>;
}

/// What an enumeration came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Stores crashed and opened.
    pub(crate) images: usize,
    /// Different stores among them.
    pub(crate) states: usize,
    /// Checked page by page.
    pub(crate) integrity: usize,
    /// What is wrong, the first few.
    pub(crate) broken: Vec<String>,
}

impl Tally {
    fn note(&mut self, at: usize, loss: Loss, what: String) {
        if self.broken.len() < 20 {
            self.broken.push(format!("call {at}, {loss:?}: {what}"));
        }
    }
}

/// Crashes every picture in every mode. `returned` are the numbers of pictures there were whenever a call had returned.
pub(crate) fn enumerate<E: Examine>(subject: &E, images: &[Image], returned: &[usize]) -> Tally {
    let mut tally = Tally::default();
    // What each moment looks like when nothing is lost, and at which moments each look was there.
    let mut seen: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (at, image) in images.iter().enumerate() {
        for loss in Loss::ALL {
            let disk = Disk::from_image(&image.crash(loss, at as u64 ^ 0x5EED));
            let process = disk.process();
            tally.images += 1;
            let open = match subject.open(&disk, &process) {
                Ok(open) => open,
                Err(error) => {
                    tally.note(at, loss, error);
                    continue;
                }
            };
            let connection = connect::<E>(&process);
            if tally.images.is_multiple_of(INTEGRITY) {
                tally.integrity += 1;
                if let Some(line) = integrity(&connection) {
                    tally.note(at, loss, line);
                }
            }
            let look = look(&connection);
            drop(connection);
            if loss == Loss::Nothing {
                let moments = seen.entry(look).or_default();
                moments.push(at);
                if moments.len() == 1 {
                    tally.states += 1;
                    for broken in subject.examine(open, at) {
                        tally.note(at, loss, broken);
                    }
                }
                continue;
            }
            let acknowledged = returned.iter().filter(|returned| **returned <= at).max().copied().unwrap_or(0);
            let moments = seen.get(&look).map(Vec::as_slice).unwrap_or_default();
            match moments.last() {
                Some(latest) if *latest >= acknowledged => {}
                Some(latest) => {
                    tally.note(at, loss, format!("a store as of call {latest}, {acknowledged} had returned"))
                }
                None => tally.note(at, loss, "a store that never was".to_owned()),
            }
        }
    }
    tally
}

fn connect<E: Examine>(process: &Process) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    process.medium().connect(Path::new(E::FILE), flags).expect("it was opened just now")
}

fn integrity(connection: &Connection) -> Option<String> {
    let verdict: Result<String, _> = connection.query_row("pragma integrity_check(1)", [], |row| row.get(0));
    match verdict {
        Ok(verdict) if verdict == "ok" => None,
        Ok(verdict) => Some(verdict),
        Err(error) => Some(error.to_string()),
    }
}

/// A number for everything in every table, but for when migrations ran and what is minted at every opening.
fn look(connection: &Connection) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut statement = connection
        .prepare(
            "select name from sqlite_schema where type = 'table' and sql not like 'create virtual%'
               and name not like 'sqlite_%' and name not like 'refinery%' order by name",
        )
        .expect("the schema reads");
    let tables = statement.query_map([], |row| row.get::<_, String>(0)).expect("the schema reads");
    for table in tables.map(|table| table.expect("the schema reads")) {
        table.hash(&mut hasher);
        let is_meta = table == "meta";
        let mut rows = connection.prepare(&format!("select * from \"{table}\"")).expect("the table reads");
        let columns = rows.column_count();
        let mut rows = rows.query([]).expect("the table reads");
        // Rows in no order: the sum of their hashes.
        let mut sum = 0_u64;
        while let Some(row) = rows.next().expect("the table reads") {
            let is_minted =
                is_meta && matches!(row.get_ref(0), Ok(ValueRef::Text(name)) if name.starts_with(b"anchor"));
            if is_minted {
                continue;
            }
            let mut hasher = DefaultHasher::new();
            for column in 0..columns {
                match row.get_ref(column).expect("the row reads") {
                    ValueRef::Null => 0_u8.hash(&mut hasher),
                    ValueRef::Integer(number) => number.hash(&mut hasher),
                    ValueRef::Real(number) => number.to_bits().hash(&mut hasher),
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.hash(&mut hasher),
                }
            }
            sum = sum.wrapping_add(hasher.finish());
        }
        sum.hash(&mut hasher);
    }
    hasher.finish()
}
