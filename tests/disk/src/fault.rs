//! What a disk does wrong on purpose, and how often it was asked for what.

/// What a process asks of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// Opening a file, or making it.
    Open,
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Cutting a file off or filling it up.
    Truncate,
    /// Bringing a file or a folder to the disk.
    Sync,
    /// Removing a file.
    Delete,
    /// Giving a file another name.
    Rename,
    /// Looking: whether a file is there, how long it is, what a folder holds.
    Look,
    /// Taking a lock on a file.
    Lock,
    /// Mapping a piece of the memory that the connections of a database share.
    Map,
}

impl Call {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Open,
        Self::Read,
        Self::Write,
        Self::Truncate,
        Self::Sync,
        Self::Delete,
        Self::Rename,
        Self::Look,
        Self::Lock,
        Self::Map,
    ];

    /// Whether it may change what a power cut leaves behind.
    pub fn changes(self) -> bool {
        matches!(self, Self::Open | Self::Write | Self::Truncate | Self::Sync | Self::Delete | Self::Rename)
    }
}

/// Some kinds of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calls(u16);

impl Calls {
    /// Every kind.
    pub const ALL: Self = Self((1 << Call::ALL.len()) - 1);

    /// These kinds.
    pub fn of(calls: &[Call]) -> Self {
        Self(calls.iter().fold(0, |mask, call| mask | 1 << *call as u16))
    }

    /// Whether this kind is among them.
    pub fn contains(self, call: Call) -> bool {
        self.0 & 1 << call as u16 != 0
    }
}

/// How often each kind was called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts([u64; Call::ALL.len()]);

impl Counts {
    /// Calls of one kind.
    pub fn of(&self, call: Call) -> u64 {
        self.0[call as usize]
    }

    /// Calls of these kinds.
    pub fn among(&self, calls: Calls) -> u64 {
        Call::ALL.into_iter().filter(|call| calls.contains(*call)).map(|call| self.of(call)).sum()
    }

    /// All calls.
    pub fn all(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(crate) fn add(&mut self, call: Call) {
        self.0[call as usize] += 1;
    }
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// An I/O error; nothing is done.
    Fail,
    /// The disk says that it is full; nothing is done.
    Full,
    /// An I/O error after half of a write was done; other calls fail as with [`Effect::Fail`].
    Half,
    /// A read gets less than is there, which to SQLite means that the file ends there; other calls fail as with
    /// [`Effect::Fail`].
    Short,
    /// One bit of what is read is turned, on the way and not on the disk; other calls are not touched.
    Flip,
}

/// For how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// Once.
    Once,
    /// From then on, until [`crate::Disk::heal`].
    ForEver,
}

/// A fault that waits for its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The kinds of calls it counts.
    pub calls: Calls,
    /// Which of them it hits, counted from the moment it is injected; 1 is the next one.
    pub nth: u64,
    /// For how long.
    pub times: Times,
    /// How the call goes wrong.
    pub effect: Effect,
}

/// The faults that wait, and what was asked so far.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) counts: Counts,
    pub(crate) struck: u64,
    waiting: Vec<Fault>,
}

impl Faults {
    pub(crate) fn inject(&mut self, fault: Fault) {
        self.waiting.push(fault);
    }

    pub(crate) fn heal(&mut self) {
        self.waiting.clear();
    }

    /// Counts a call; how it goes wrong, if it does.
    pub(crate) fn enter(&mut self, call: Call) -> Option<Effect> {
        self.counts.add(call);
        let mut effect = None;
        for fault in self.waiting.iter_mut().filter(|fault| fault.calls.contains(call)) {
            fault.nth = fault.nth.saturating_sub(1);
            if fault.nth == 0 {
                effect = Some(fault.effect);
            }
        }
        self.waiting.retain(|fault| fault.nth > 0 || fault.times == Times::ForEver);
        self.struck += u64::from(effect.is_some());
        effect
    }
}

/// A generator of numbers that a seed decides; SplitMix64.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }
}
