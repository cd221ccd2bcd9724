//! The disk of one machine.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fault::{Call, Counts, Fault};
use crate::names::{Loss, Names};
use crate::process::Process;
use crate::state::State;

/// The disk of one machine, in memory. Clones are the same disk. Safe to share between threads: every call is whole.
#[derive(Clone, Default)]
pub struct Disk {
    state: Arc<Mutex<State>>,
}

/// A picture of a disk: every file, with what was synced and what was not. Cheap to take, to clone and to keep.
#[derive(Debug, Clone, Default)]
pub struct Image {
    pub(crate) names: Names,
}

/// A disk just before a call that may change it.
#[derive(Debug, Clone)]
pub struct Point {
    /// The call that came next.
    pub call: Call,
    /// The disk before it.
    pub image: Image,
}

impl Image {
    /// What is found after the power went at this moment. The same seed finds the same.
    pub fn crash(&self, loss: Loss, seed: u64) -> Self {
        Self { names: self.names.crash(loss, seed) }
    }

    /// The names of all files, in order.
    pub fn list(&self) -> Vec<String> {
        self.names.current.keys().map(ToString::to_string).collect()
    }

    /// The content of a file; `None` when there is none.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        let file = self.names.file(name)?;
        let mut content = vec![0; file.current.len()];
        file.current.read(0, &mut content);
        Some(content)
    }
}

impl Disk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// A disk as the picture shows it. What the picture had not synced is still not synced.
    pub fn from_image(image: &Image) -> Self {
        let disk = Self::new();
        disk.restore(image);
        disk
    }

    /// Somebody who works on this disk. A machine usually has one at a time; two share locks and memory as two apps do.
    pub fn process(&self) -> Process {
        let number = {
            let mut state = self.state();
            let number = state.number();
            state.processes.insert(number);
            number
        };
        Process::start(self.clone(), number)
    }

    /// A picture of the disk as it is.
    pub fn image(&self) -> Image {
        Image { names: self.state().names.clone() }
    }

    /// Puts a picture in the place of everything. Every process is killed first.
    pub fn restore(&self, image: &Image) {
        let mut state = self.state();
        state.processes.clear();
        state.opened.clear();
        state.held.clear();
        state.names = image.names.clone();
    }

    /// Puts some files of a picture in the place of those here, as somebody does who restores a database and nothing
    /// beside it: all that `is_meant` names are as in the picture afterwards, or not there. Every process is killed first.
    pub fn restore_some(&self, image: &Image, is_meant: impl Fn(&str) -> bool) {
        let mut state = self.state();
        state.processes.clear();
        state.opened.clear();
        state.held.clear();
        state.names.put(&image.names, is_meant);
    }

    /// Cuts the power: every process is killed, and of what was not synced remains what `loss` says. The same seed leaves
    /// the same.
    pub fn crash(&self, loss: Loss, seed: u64) {
        self.restore(&self.image().crash(loss, seed));
    }

    /// Begins to take a picture before every call that may change the disk; see [`Disk::recorded`].
    pub fn record(&self) {
        self.state().record.get_or_insert_default();
    }

    /// How many pictures were taken since [`Disk::record`].
    pub fn recorded(&self) -> usize {
        self.state().record.as_ref().map_or(0, Vec::len)
    }

    /// Ends the taking of pictures and returns them.
    pub fn take_record(&self) -> Vec<Point> {
        self.state().record.take().unwrap_or_default()
    }

    /// Lets a coming call go wrong. Several faults wait side by side.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.inject(fault);
    }

    /// Takes back every fault that waits or lasts. The quota stays, and so does what happened.
    pub fn heal(&self) {
        self.state().faults.heal();
    }

    /// How many calls went wrong so far.
    pub fn struck(&self) -> u64 {
        self.state().faults.struck
    }

    /// How many bytes all files together may have; `None` is no limit. Less than is there keeps files from growing.
    pub fn set_quota(&self, bytes: Option<u64>) {
        self.state().quota = bytes;
    }

    /// Bytes of all files together.
    pub fn used(&self) -> u64 {
        self.state().names.used()
    }

    /// How often what was called.
    pub fn counts(&self) -> Counts {
        self.state().faults.counts
    }

    /// How long SQLite waited for locks, had it waited, in microseconds.
    pub fn slept_us(&self) -> u64 {
        self.state().slept_us
    }

    /// Bytes of a file; `None` when there is none.
    pub fn len(&self, name: &str) -> Option<u64> {
        self.state().names.file(name).map(|file| file.current.len() as u64)
    }

    /// The names of all files, in order.
    pub fn list(&self) -> Vec<String> {
        self.image().list()
    }

    /// Turns the bits of `mask` in one byte of a file, synced content included, as a failing disk does. `false` when the
    /// file has no such byte.
    pub fn flip(&self, name: &str, offset: u64, mask: u8) -> bool {
        self.overwrite(name, offset, |byte| *byte ^= mask)
    }

    /// Fills a range of a file with one byte, synced content included; what lies behind its end is not touched.
    pub fn smash(&self, name: &str, range: std::ops::Range<u64>, with: u8) -> bool {
        range.filter(|offset| self.overwrite(name, *offset, |byte| *byte = with)).count() > 0
    }

    fn overwrite(&self, name: &str, offset: u64, change: impl FnOnce(&mut u8)) -> bool {
        let mut state = self.state();
        let Some(node) = state.names.get(name) else { return false };
        let Some(file) = state.names.file_mut(node) else { return false };
        let (offset, mut byte) = (offset as usize, [0]);
        if file.current.read(offset, &mut byte) == 0 {
            return false;
        }
        change(&mut byte[0]);
        file.current.write(offset, &byte);
        if offset < file.durable.len() {
            file.durable.write(offset, &byte);
        }
        true
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is whole before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("files", &self.list()).finish_non_exhaustive()
    }
}
