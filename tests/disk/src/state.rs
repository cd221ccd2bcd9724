//! Everything a disk holds, behind one lock: files, names, who has what open, faults, pictures taken on the way.

use std::collections::BTreeMap;

use crate::content::File;
use crate::disk::{Image, Point};
use crate::fault::{Call, Effect, Faults, Numbers};
use crate::lock::{HandleId, Holder, Opened};
use crate::names::{Names, Node};

/// Why a call did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// An I/O error.
    Broken,
    /// No room.
    Full,
    /// Nothing there.
    Missing,
    /// The process was killed, or the power went.
    Gone,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) names: Names,
    pub(crate) opened: BTreeMap<Node, Opened>,
    pub(crate) faults: Faults,
    pub(crate) quota: Option<u64>,
    pub(crate) record: Option<Vec<Point>>,
    /// Processes that run.
    pub(crate) processes: std::collections::BTreeSet<u64>,
    /// Files that are held, by whom, and the number of the guard.
    pub(crate) held: BTreeMap<String, (u64, u64)>,
    pub(crate) next: u64,
    pub(crate) slept_us: u64,
}

impl State {
    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Begins a call of a process that must run.
    pub(crate) fn begin(&mut self, process: u64, call: Call) -> Result<Option<Effect>, Failure> {
        if !self.processes.contains(&process) {
            return Err(Failure::Gone);
        }
        if call.changes()
            && let Some(record) = &mut self.record
        {
            record.push(Point { call, image: Image { names: self.names.clone() } });
        }
        match self.faults.enter(call) {
            Some(Effect::Fail) => Err(Failure::Broken),
            Some(Effect::Full) => Err(Failure::Full),
            Some(Effect::Half) if call != Call::Write => Err(Failure::Broken),
            Some(Effect::Short) if call != Call::Read => Err(Failure::Broken),
            effect => Ok(effect),
        }
    }

    pub(crate) fn file(&self, node: Node) -> Result<&File, Failure> {
        self.names.files.get(&node).map(AsRef::as_ref).ok_or(Failure::Gone)
    }

    fn file_mut(&mut self, node: Node) -> Result<&mut File, Failure> {
        self.names.file_mut(node).ok_or(Failure::Gone)
    }

    /// Opens a file under a name, or a nameless one; makes it when that is asked for and nothing is there.
    pub(crate) fn open(
        &mut self,
        process: u64,
        name: Option<&str>,
        is_made: bool,
    ) -> Result<(Node, HandleId), Failure> {
        self.begin(process, Call::Open)?;
        let found = name.and_then(|name| self.names.get(name));
        let node = match (found, name) {
            (Some(node), _) => node,
            (None, Some(name)) if is_made => {
                let node = self.names.make();
                self.names.link(name, node);
                node
            }
            (None, None) => self.names.make(),
            (None, Some(_)) => return Err(Failure::Missing),
        };
        let handle = self.number();
        let holder = Holder { process, ..Holder::default() };
        self.opened.entry(node).or_default().holders.insert(handle, holder);
        Ok((node, handle))
    }

    /// Closes what a process has open; nothing happens when it was killed.
    pub(crate) fn close(&mut self, node: Node, handle: HandleId) {
        if let Some(opened) = self.opened.get_mut(&node) {
            opened.leave(|id, _| id == handle);
            if opened.holders.is_empty() {
                self.opened.remove(&node);
                self.tidy();
            }
        }
    }

    pub(crate) fn holds(&self, node: Node, handle: HandleId) -> bool {
        self.opened.get(&node).is_some_and(|opened| opened.holders.contains_key(&handle))
    }

    fn tidy(&mut self) {
        let opened = &self.opened;
        self.names.tidy(|node| opened.contains_key(&node));
    }

    pub(crate) fn kill(&mut self, process: u64) {
        self.processes.remove(&process);
        self.held.retain(|_, (holder, _)| *holder != process);
        for opened in self.opened.values_mut() {
            opened.leave(|_, holder| holder.process == process);
        }
        self.opened.retain(|_, opened| !opened.holders.is_empty());
        self.tidy();
    }

    /// Fills `into` from `offset`; how much was there.
    pub(crate) fn read(&mut self, process: u64, node: Node, offset: usize, into: &mut [u8]) -> Result<usize, Failure> {
        let effect = self.begin(process, Call::Read)?;
        let mut length = self.file(node)?.current.read(offset, into);
        match effect {
            Some(Effect::Short) => {
                length /= 2;
                into[length..].fill(0);
            }
            Some(Effect::Flip) if length > 0 => {
                let number = Numbers(self.faults.counts.all()).next() as usize;
                into[number % length] ^= 1 << (number >> 32 & 7);
            }
            _ => {}
        }
        Ok(length)
    }

    pub(crate) fn write(&mut self, process: u64, node: Node, offset: usize, bytes: &[u8]) -> Result<(), Failure> {
        let effect = self.begin(process, Call::Write)?;
        self.has_room(node, offset + bytes.len())?;
        let bytes = if effect == Some(Effect::Half) { &bytes[..bytes.len() / 2] } else { bytes };
        self.file_mut(node)?.write(offset, bytes);
        if effect == Some(Effect::Half) { Err(Failure::Broken) } else { Ok(()) }
    }

    pub(crate) fn set_len(&mut self, process: u64, node: Node, length: usize) -> Result<(), Failure> {
        self.begin(process, Call::Truncate)?;
        self.has_room(node, length)?;
        self.file_mut(node)?.set_len(length);
        Ok(())
    }

    fn has_room(&self, node: Node, end: usize) -> Result<(), Failure> {
        let Some(quota) = self.quota else { return Ok(()) };
        let more = end.saturating_sub(self.file(node)?.current.len()) as u64;
        if more > 0 && self.names.used() + more > quota { Err(Failure::Full) } else { Ok(()) }
    }

    pub(crate) fn sync(&mut self, process: u64, node: Node) -> Result<(), Failure> {
        self.begin(process, Call::Sync)?;
        self.names.sync(node);
        Ok(())
    }

    pub(crate) fn sync_names(&mut self, process: u64) -> Result<(), Failure> {
        self.begin(process, Call::Sync)?;
        self.names.sync_names();
        self.tidy();
        Ok(())
    }

    pub(crate) fn delete(&mut self, process: u64, name: &str) -> Result<(), Failure> {
        self.begin(process, Call::Delete)?;
        if self.names.unlink(name) { Ok(()) } else { Err(Failure::Missing) }
    }

    pub(crate) fn rename(&mut self, process: u64, from: &str, to: &str) -> Result<(), Failure> {
        self.begin(process, Call::Rename)?;
        if self.names.rename(from, to) { Ok(()) } else { Err(Failure::Missing) }
    }

    /// Bytes of a file; `None` when there is none.
    pub(crate) fn len(&mut self, process: u64, name: &str) -> Result<Option<u64>, Failure> {
        self.begin(process, Call::Look)?;
        Ok(self.names.file(name).map(|file| file.current.len() as u64))
    }
}
