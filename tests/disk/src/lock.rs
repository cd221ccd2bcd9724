//! Locks on a database and the memory its connections share, as POSIX has them: they belong to a process and end with it.

use std::cell::UnsafeCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An open file.
pub(crate) type HandleId = u64;

/// SQLite's levels of a lock on a database, in their order.
pub(crate) type Level = i32;
pub(crate) const SHARED: Level = 1;
pub(crate) const RESERVED: Level = 2;
pub(crate) const PENDING: Level = 3;
pub(crate) const EXCLUSIVE: Level = 4;

/// 64-bit words of a region: SQLite maps 32 KiB at a time.
pub(crate) const REGION_BYTES: usize = 32_768;

/// A piece of shared memory. Only SQLite reads and writes it, through the pointer it was given.
pub(crate) struct Region(Box<UnsafeCell<[u64; REGION_BYTES / 8]>>);

impl Region {
    fn new() -> Self {
        Self(Box::new(UnsafeCell::new([0; REGION_BYTES / 8])))
    }

    pub(crate) fn pointer(&self) -> *mut u64 {
        self.0.get().cast()
    }
}

#[expect(unsafe_code, reason = "shared memory is shared")]
// SAFETY: this crate never reads or writes what lies in a region, it only hands out its address; SQLite, to which the
// address goes, guards every access with the locks below and with barriers, as it does with memory mapped by the system.
unsafe impl Send for Region {}
#[expect(unsafe_code, reason = "shared memory is shared")]
// SAFETY: as above.
unsafe impl Sync for Region {}

/// Who has a file open, and what each of them holds.
#[derive(Default)]
pub(crate) struct Opened {
    pub(crate) holders: BTreeMap<HandleId, Holder>,
    regions: Vec<Arc<Region>>,
}

/// What one open file holds.
#[derive(Default)]
pub(crate) struct Holder {
    pub(crate) process: u64,
    pub(crate) level: Level,
    pub(crate) is_attached: bool,
    pub(crate) shared: u8,
    pub(crate) exclusive: u8,
}

impl Opened {
    fn others(&self, me: HandleId) -> impl Iterator<Item = &Holder> {
        self.holders.iter().filter(move |(id, _)| **id != me).map(|(_, holder)| holder)
    }

    /// Takes a lock on the database; `false` when somebody else is in the way.
    pub(crate) fn lock(&mut self, me: HandleId, level: Level) -> bool {
        let Some(mine) = self.holders.get(&me).map(|holder| holder.level) else { return false };
        if mine >= level {
            return true;
        }
        let highest = self.others(me).map(|holder| holder.level).max().unwrap_or(0);
        let (granted, is_free) = match level {
            SHARED => (SHARED, highest < PENDING),
            RESERVED => (RESERVED, highest < RESERVED),
            // Whoever waits for readers to leave lets no new ones in.
            _ if highest >= RESERVED => (mine, false),
            _ if highest >= SHARED => (PENDING, false),
            _ => (EXCLUSIVE, true),
        };
        if let Some(holder) = self.holders.get_mut(&me)
            && (is_free || granted == PENDING)
        {
            holder.level = granted;
        }
        is_free
    }

    pub(crate) fn unlock(&mut self, me: HandleId, level: Level) {
        if let Some(holder) = self.holders.get_mut(&me) {
            holder.level = holder.level.min(level);
        }
    }

    pub(crate) fn is_reserved(&self) -> bool {
        self.holders.values().any(|holder| holder.level >= RESERVED)
    }

    /// The region of shared memory with this number, made when `extend` says so.
    pub(crate) fn map(&mut self, me: HandleId, number: usize, extend: bool) -> Option<Arc<Region>> {
        self.holders.get_mut(&me)?.is_attached = true;
        if extend {
            let wanted = self.regions.len().max(number + 1);
            self.regions.resize_with(wanted, || Arc::new(Region::new()));
        }
        self.regions.get(number).cloned()
    }

    pub(crate) fn unmap(&mut self, me: HandleId) {
        if let Some(holder) = self.holders.get_mut(&me) {
            (holder.is_attached, holder.shared, holder.exclusive) = (false, 0, 0);
        }
        self.settle();
    }

    /// Takes some of the eight locks of the shared memory; `false` when somebody else is in the way.
    pub(crate) fn lock_memory(&mut self, me: HandleId, mask: u8, is_exclusive: bool) -> bool {
        let is_taken = self.others(me).any(|holder| {
            let held = if is_exclusive { holder.shared | holder.exclusive } else { holder.exclusive };
            held & mask != 0
        });
        if is_taken {
            return false;
        }
        if let Some(holder) = self.holders.get_mut(&me) {
            if is_exclusive {
                holder.exclusive |= mask;
            } else {
                holder.shared |= mask;
            }
        }
        true
    }

    pub(crate) fn unlock_memory(&mut self, me: HandleId, mask: u8) {
        if let Some(holder) = self.holders.get_mut(&me) {
            holder.shared &= !mask;
            holder.exclusive &= !mask;
        }
    }

    /// Somebody closed the file, or was killed.
    pub(crate) fn leave(&mut self, is_gone: impl Fn(HandleId, &Holder) -> bool) {
        self.holders.retain(|id, holder| !is_gone(*id, holder));
        self.settle();
    }

    /// The memory goes with the last who had it.
    fn settle(&mut self) {
        if !self.holders.values().any(|holder| holder.is_attached) {
            self.regions.clear();
        }
    }
}
