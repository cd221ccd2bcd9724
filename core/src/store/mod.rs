//! The local store: one SQLite file, one writer connection, readers on WAL snapshots.
//!
//! Promises: a committed transaction survives a kill and a power cut; opening gives either a working store or a clear
//! error, and a damaged file is set aside, never deleted, never replaced by an empty store that passes for it. Nothing
//! here knows a network; the rules of merging are called, not written, here.

pub(crate) mod blob;
pub(crate) mod drawer;
pub(crate) mod meta;
pub(crate) mod offer;
mod open;
pub(crate) mod pending;
pub(crate) mod record;

use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::config::Config;
use crate::error::Error;

pub(crate) use record::{all_of_kind, below, shown};

/// Readers kept open between reads: screens rarely ask more at once, and each costs a page cache.
const READERS_KEPT: usize = 4;

/// An open store.
pub(crate) struct Store {
    place: open::Place,
    writer: Mutex<Option<Connection>>,
    readers: Mutex<Vec<Connection>>,
}

impl Store {
    /// Opens the store in the folder of `config`, making it when there is none.
    pub(crate) fn open(config: &Config) -> Result<Self, Error> {
        let place = open::Place::of(config);
        let writer = place.open(config.clock.now_ms(), config.start_over)?;
        Ok(Self { place, writer: Mutex::new(Some(writer)), readers: Mutex::default() })
    }

    /// Reads one snapshot: whatever commits meanwhile is not seen.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
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
        let mut writer = lock(&self.writer);
        let connection = writer.as_mut().ok_or(Error::Closed)?;
        let result = transact(connection, work);
        drop(writer);
        self.note_damage(result)
    }

    /// Closes every connection; later calls fail with [`Error::Closed`].
    pub(crate) fn close(&self) {
        lock(&self.readers).clear();
        lock(&self.writer).take();
    }

    fn reader(&self) -> Result<Connection, Error> {
        if lock(&self.writer).is_none() {
            return Err(Error::Closed);
        }
        match lock(&self.readers).pop() {
            Some(connection) => Ok(connection),
            None => self.place.reader(),
        }
    }

    /// Damage found while working makes the next opening examine the whole file.
    fn note_damage<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result
            && error.is_damage()
        {
            self.place.mark_suspect();
        }
        result
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
