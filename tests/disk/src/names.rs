//! Which files a disk holds under which names, and what of that a power cut leaves.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::content::{Change, Content, File, SECTOR};
use crate::fault::Numbers;

/// A file, whatever its name.
pub(crate) type Node = u64;

/// What a power cut does to everything that was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loss {
    /// All of it had reached the disk: as after a killed process.
    Nothing,
    /// None of it had.
    Everything,
    /// Some writes had, some not, in no order.
    Some,
    /// Like [`Loss::Some`], and of a write that had, some sectors of 512 bytes only.
    Torn,
}

impl Loss {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::Nothing, Self::Everything, Self::Some, Self::Torn];
}

/// A name that was given or taken and not synced.
#[derive(Debug, Clone)]
pub(crate) enum Naming {
    Link(Arc<str>, Node),
    Unlink(Arc<str>),
    Rename(Arc<str>, Arc<str>),
}

/// The files of a disk, named and not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    pub(crate) files: BTreeMap<Node, Arc<File>>,
    pub(crate) current: BTreeMap<Arc<str>, Node>,
    durable: BTreeMap<Arc<str>, Node>,
    changes: Vec<Naming>,
    pub(crate) folders: std::collections::BTreeSet<Arc<str>>,
    next: Node,
}

impl Names {
    pub(crate) fn get(&self, name: &str) -> Option<Node> {
        self.current.get(name).copied()
    }

    pub(crate) fn file(&self, name: &str) -> Option<&File> {
        self.files.get(&self.get(name)?).map(Arc::as_ref)
    }

    pub(crate) fn file_mut(&mut self, node: Node) -> Option<&mut File> {
        self.files.get_mut(&node).map(Arc::make_mut)
    }

    /// A new file without a name.
    pub(crate) fn make(&mut self) -> Node {
        self.next += 1;
        self.files.insert(self.next, Arc::default());
        self.next
    }

    pub(crate) fn link(&mut self, name: &str, node: Node) {
        let name: Arc<str> = name.into();
        self.current.insert(name.clone(), node);
        self.changes.push(Naming::Link(name, node));
    }

    pub(crate) fn unlink(&mut self, name: &str) -> bool {
        let was_there = self.current.remove(name).is_some();
        if was_there {
            self.changes.push(Naming::Unlink(name.into()));
        }
        was_there
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str) -> bool {
        let Some(node) = self.current.remove(from) else { return false };
        let (from, to): (Arc<str>, Arc<str>) = (from.into(), to.into());
        self.current.insert(to.clone(), node);
        self.changes.push(Naming::Rename(from, to));
        true
    }

    /// Brings every name to the disk.
    pub(crate) fn sync_names(&mut self) {
        self.changes.clear();
        self.durable.clone_from(&self.current);
    }

    /// Brings a file to the disk, with the name it was made under.
    pub(crate) fn sync(&mut self, node: Node) {
        if let Some(file) = self.files.get_mut(&node)
            && !file.changes.is_empty()
        {
            Arc::make_mut(file).sync();
        }
        let made = self.changes.iter().position(|change| matches!(change, Naming::Link(_, linked) if *linked == node));
        if let Some(Naming::Link(name, _)) = made.map(|made| self.changes[made].clone())
            && self.current.get(&name) == Some(&node)
        {
            self.durable.insert(name.clone(), node);
            self.changes.retain(|change| match change {
                Naming::Link(other, _) | Naming::Unlink(other) => *other != name,
                Naming::Rename(..) => true,
            });
        }
    }

    /// Forgets files that no name leads to; `is_open` says which a process still holds.
    pub(crate) fn tidy(&mut self, is_open: impl Fn(Node) -> bool) {
        let Self { files, current, durable, changes, .. } = self;
        files.retain(|node, _| {
            is_open(*node)
                || current.values().any(|named| named == node)
                || durable.values().any(|named| named == node)
                || changes.iter().any(|change| matches!(change, Naming::Link(_, linked) if linked == node))
        });
    }

    /// Puts those files of `other` that `is_meant` names in the place of all that it names here; everything is synced then.
    pub(crate) fn put(&mut self, other: &Self, is_meant: impl Fn(&str) -> bool) {
        self.current.retain(|name, _| !is_meant(name));
        for (name, node) in other.current.iter().filter(|(name, _)| is_meant(name)) {
            if let Some(file) = other.files.get(node) {
                let made = self.make();
                self.files.insert(made, Arc::new(File::settled(file.current.clone())));
                self.current.insert(name.clone(), made);
            }
        }
        self.sync_names();
        self.tidy(|_| false);
    }

    /// Bytes of all files that have a name.
    pub(crate) fn used(&self) -> u64 {
        self.current.values().filter_map(|node| self.files.get(node)).map(|file| file.current.len() as u64).sum()
    }

    /// What is found after a power cut.
    pub(crate) fn crash(&self, loss: Loss, seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        let mut keeps = move || match loss {
            Loss::Nothing => true,
            Loss::Everything => false,
            Loss::Some | Loss::Torn => numbers.coin(),
        };
        let mut names = self.durable.clone();
        for change in &self.changes {
            if !keeps() {
                continue;
            }
            match change {
                Naming::Link(name, node) => drop(names.insert(name.clone(), *node)),
                Naming::Unlink(name) => drop(names.remove(name)),
                Naming::Rename(from, to) => {
                    if let Some(node) = names.remove(from) {
                        names.insert(to.clone(), node);
                    }
                }
            }
        }
        let mut files = BTreeMap::new();
        for node in names.values() {
            if let Some(file) = self.files.get(node) {
                let content = match loss {
                    Loss::Nothing => file.current.clone(),
                    _ => survivors(file, loss, &mut keeps),
                };
                files.insert(*node, Arc::new(File::settled(content)));
            }
        }
        Self {
            files,
            current: names.clone(),
            durable: names,
            changes: Vec::new(),
            folders: self.folders.clone(),
            next: self.next,
        }
    }
}

fn survivors(file: &File, loss: Loss, mut keeps: impl FnMut() -> bool) -> Content {
    let mut content = file.durable.clone();
    for change in &file.changes {
        match change {
            Change::Length(length) if keeps() => content.set_len(*length),
            Change::Write(offset, bytes) if loss == Loss::Torn => {
                let mut start = 0;
                while start < bytes.len() {
                    let end = (start + SECTOR - (offset + start) % SECTOR).min(bytes.len());
                    if keeps() {
                        content.write(offset + start, &bytes[start..end]);
                    }
                    start = end;
                }
            }
            Change::Write(offset, bytes) if keeps() => content.write(*offset, bytes),
            Change::Length(_) | Change::Write(..) => {}
        }
    }
    content
}
