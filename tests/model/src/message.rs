//! What device and office say to each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::{Dot, Edit, Record, RecordId, Replica, Version};

/// Names one push; unique because it holds the replica.
pub type PushId = (Replica, u8);

/// How far a device has read, sealed by the office.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// In which time of the office.
    pub epoch: u8,
    /// Up to which commit.
    pub position: u8,
    /// The highest commit that any answer had seen, and its check value.
    pub highest: (u8, u64),
    /// The check value of the commit at `position`.
    pub check: u64,
}

/// What the office gave for the last push it accepted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    /// How many pushes of this replica were accepted.
    pub serial: u8,
    /// The last of them.
    pub push: PushId,
}

/// What a device says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Exchange {
    /// Who says it.
    pub replica: Replica,
    /// The time of the office in which that id lives.
    pub epoch: u8,
    /// The token of the last answered push.
    pub token: Option<Token>,
    /// This push.
    pub id: PushId,
    /// All pushes since the last answered one, this one included.
    pub sent: BTreeSet<PushId>,
    /// The dots in them.
    pub sent_dots: BTreeSet<(RecordId, Dot)>,
    /// Pending edits per record, with the version of *theirs* they stand on.
    pub push: BTreeMap<RecordId, (Version, Vec<Edit>)>,
    /// What the office once said and has forgotten.
    pub offers: BTreeMap<RecordId, Vec<Record>>,
    /// How far it has read.
    pub cursor: Cursor,
}

/// What the office did with a record's edits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// They are in, and the record is *theirs* with them.
    Accepted,
    /// They are in, and this is the record.
    Merged(Record),
    /// The office does not know the version they stand on.
    Wanted,
    /// They are kept for a person: the record was collected.
    Held,
}

/// What a device learns when its replica id ends: the id's dots that the office has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Again {
    /// The office's time.
    pub epoch: u8,
    /// Of the dots sent, those it has.
    pub known: BTreeSet<(RecordId, Dot)>,
}

/// A page of the office's records.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Page {
    /// The records in it: one at most, so that there are always pages.
    pub records: BTreeMap<RecordId, Record>,
    /// Records that were collected.
    pub left: BTreeSet<RecordId>,
    /// How far the device has read when it applied the page.
    pub cursor: Cursor,
    /// Whether the walk begins anew with this page.
    pub is_anew: bool,
    /// Whether there are more.
    pub more: bool,
}

/// What the office says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Answer {
    /// The device must take a new replica id.
    pub again: Option<Again>,
    /// What became of the push.
    pub outcomes: BTreeMap<RecordId, Outcome>,
    /// The token for it.
    pub token: Option<Token>,
    /// Per record, how many offers were taken.
    pub taken: BTreeMap<RecordId, usize>,
    /// Of these, what was collected and is not here any more.
    pub refused: BTreeSet<RecordId>,
    /// The page; none for a copy.
    pub page: Option<Page>,
}
