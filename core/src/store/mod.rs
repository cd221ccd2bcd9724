//! The local store: one SQLite file, one writer connection that everybody gets in turn, readers on WAL snapshots.
//!
//! Promises: a committed transaction survives a kill and a power cut; opening gives either a working store or a clear
//! error, and a damaged file is set aside, never deleted, never replaced by an empty store that passes for it. Nothing
//! here knows a network; the rules of merging are called, not written, here.

pub(crate) mod asked;
pub(crate) mod blob;
pub(crate) mod bundle;
pub(crate) mod drawer;
pub(crate) mod envelope;
pub(crate) mod meta;
mod migrate;
pub(crate) mod offer;
mod open;
pub(crate) mod pending;
pub(crate) mod piece;
pub(crate) mod record;
pub(crate) mod repair;
mod sound;
pub(crate) mod stuck;
mod turn;
pub(crate) mod words;

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::clock::Clock;
use crate::config::Config;
use crate::error::Error;
use crate::files::Hold;

use turn::Turns;

pub(crate) use open::{FILE, KEPT, WIPED};
pub(crate) use record::{all_of_kind, below, shown};

/// Readers kept open between reads: screens rarely ask more at once, and each costs a page cache.
const READERS_KEPT: usize = 4;

/// An open store.
pub(crate) struct Store {
    place: open::Place,
    clock: Arc<dyn Clock>,
    gate: Mutex<Gate>,
    idle: Condvar,
    // Before the writer, so that the writer closes last: only a connection that may write leaves one file behind.
    readers: Mutex<Vec<Connection>>,
    turns: Turns,
    writer: Mutex<Option<Connection>>,
    hold: Mutex<Option<Hold>>,
}

/// Who may work in the store, and how many do.
#[derive(Debug, Default)]
struct Gate {
    mode: Mode,
    inside: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Open,
    Paused,
    Closed,
    Wiped,
}

impl Store {
    /// Opens the store in the folder of `config`, making it when there is none.
    pub(crate) fn open(config: &Config) -> Result<Self, Error> {
        let place = open::Place::of(config);
        let hold = place.hold()?;
        let writer = place.open(config.clock.now_ms(), config.start_over)?;
        Ok(Self {
            place,
            clock: Arc::clone(&config.clock),
            gate: Mutex::default(),
            idle: Condvar::new(),
            readers: Mutex::default(),
            turns: Turns::default(),
            writer: Mutex::new(Some(writer)),
            hold: Mutex::new(Some(hold)),
        })
    }

    /// Reads one snapshot: whatever commits meanwhile is not seen.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        let _inside = self.enter()?;
        let mut connection = self.reader()?;
        let result = {
            let snapshot = connection.transaction().map_err(Error::from);
            snapshot.and_then(|snapshot| work(&snapshot))
        };
        if result.is_ok() {
            let mut readers = lock(&self.readers);
            if readers.len() < READERS_KEPT {
                readers.push(connection);
            }
        }
        self.note_damage(result)
    }

    /// Writes one transaction: everything `work` did is committed, or nothing.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let _inside = self.enter()?;
        let _turn = self.turns.take();
        let result = self.writer().and_then(|mut writer| {
            let connection = writer.as_mut().ok_or(Error::Closed)?;
            transact(connection, work)
        });
        self.note_damage(result)
    }

    /// Whether somebody waits for the transaction under way to end.
    pub(crate) fn is_awaited(&self) -> bool {
        self.turns.is_awaited()
    }

    /// How many stores were set aside here.
    pub(crate) fn set_aside(&self) -> Result<usize, Error> {
        self.place.set_aside_count()
    }

    /// Wipes what deleted rows left in the files: rewrites the database without free space and empties its journal.
    pub(crate) fn scrub(&self) -> Result<(), Error> {
        let _inside = self.enter()?;
        let _turn = self.turns.take();
        let result = self.writer().and_then(|writer| {
            let connection = writer.as_ref().ok_or(Error::Closed)?;
            lock(&self.readers).clear();
            connection.execute("insert into job_text (job_text) values ('optimize')", [])?;
            connection.execute("insert into directory_text (directory_text) values ('optimize')", [])?;
            connection.execute_batch("vacuum")?;
            connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))?;
            Ok(())
        });
        self.note_damage(result)
    }

    /// Opens a database that was set aside, to read it.
    pub(crate) fn look_into(&self, file: &Path, flags: OpenFlags) -> Result<Connection, Error> {
        self.place.connect(file, flags)
    }

    /// Waits for what is under way, then closes every connection and lets go of every file. Until [`Store::resume`],
    /// calls fail with [`Error::Paused`].
    pub(crate) fn pause(&self) -> Result<(), Error> {
        self.shut(Mode::Paused)
    }

    /// Lets calls in again; the first of them opens the store.
    pub(crate) fn resume(&self) -> Result<(), Error> {
        let mut gate = lock(&self.gate);
        match gate.mode {
            Mode::Closed => Err(Error::Closed),
            Mode::Wiped => Err(Error::Wiped),
            Mode::Paused | Mode::Open => {
                gate.mode = Mode::Open;
                Ok(())
            }
        }
    }

    /// Whether the store is paused.
    pub(crate) fn is_paused(&self) -> bool {
        lock(&self.gate).mode == Mode::Paused
    }

    /// Closes every connection; later calls fail with [`Error::Closed`].
    pub(crate) fn close(&self) {
        let _ = self.shut(Mode::Closed);
    }

    /// Closes the store for good and destroys it with everything beside it.
    pub(crate) fn destroy(&self) -> Result<(), Error> {
        let hold = lock(&self.hold).take();
        self.shut(Mode::Wiped)?;
        let destroyed = self.place.destroy(self.clock.now_ms());
        drop(hold);
        destroyed
    }

    fn shut(&self, mode: Mode) -> Result<(), Error> {
        let mut gate = lock(&self.gate);
        match gate.mode {
            Mode::Closed if mode == Mode::Closed => return Ok(()),
            Mode::Closed => return Err(Error::Closed),
            Mode::Wiped => return Err(Error::Wiped),
            Mode::Open | Mode::Paused => {}
        }
        gate.mode = mode;
        while gate.inside > 0 {
            gate = self.idle.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
        // Under the gate, so that nobody who was let in again finds half of it.
        if gate.mode != Mode::Open {
            lock(&self.readers).clear();
            lock(&self.writer).take();
            lock(&self.hold).take();
            self.place.forget_key();
        }
        Ok(())
    }

    fn enter(&self) -> Result<Inside<'_>, Error> {
        let mut gate = lock(&self.gate);
        match gate.mode {
            Mode::Open => gate.inside += 1,
            Mode::Paused => return Err(Error::Paused),
            Mode::Closed => return Err(Error::Closed),
            Mode::Wiped => return Err(Error::Wiped),
        }
        Ok(Inside(self))
    }

    /// The writer, opened again when the store was paused meanwhile.
    fn writer(&self) -> Result<MutexGuard<'_, Option<Connection>>, Error> {
        let mut writer = lock(&self.writer);
        if writer.is_none() {
            let hold = self.place.hold()?;
            *writer = Some(self.place.open_again(self.clock.now_ms())?);
            *lock(&self.hold) = Some(hold);
        }
        Ok(writer)
    }

    fn reader(&self) -> Result<Connection, Error> {
        if let Some(connection) = lock(&self.readers).pop() {
            return Ok(connection);
        }
        // A writer is there before any reader: it recovers what a kill left behind.
        if lock(&self.hold).is_none() {
            drop(self.writer()?);
        }
        self.place.reader()
    }

    /// Damage found while working makes the next opening examine the whole file.
    fn note_damage<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result
            && (error.is_damage() || error.is_misunderstood())
        {
            self.place.mark_suspect();
        }
        result
    }
}

/// A call that works in the store.
struct Inside<'s>(&'s Store);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let mut gate = lock(&self.0.gate);
        gate.inside -= 1;
        if gate.inside == 0 {
            self.0.idle.notify_all();
        }
    }
}

fn transact<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = work(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

/// A panic while the lock was held rolled the transaction back, so what the lock guards is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
