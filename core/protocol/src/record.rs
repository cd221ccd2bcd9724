//! A record: groups of fields, each with one value or several concurrent ones, under one version vector.
//!
//! Promises: merging is commutative, associative and idempotent; no sibling disappears unless the other side's version
//! covers its dot, that is, unless somebody who had seen it replaced it; nothing here reads a clock or the table of
//! kinds, so records from a newer version merge and round-trip untouched.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::edit::Edit;
use crate::encode;
use crate::ids::{Hash, RecordId, ReplicaId};
use crate::limits::COUNTER_MAX;
use crate::stamp::Stamp;
use crate::value::Fields;
use crate::version::{Dot, Version};

/// One value of a group: what one edit wrote, alive as long as nobody who saw it replaced it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sibling {
    /// The fields as that edit left them.
    pub fields: Fields,
    /// Who wrote it, on what, when: minted with the dot, immutable.
    pub stamp: Stamp,
}

/// The siblings of one group, in dot order.
pub type Siblings = BTreeMap<Dot, Sibling>;

/// A record as stored, merged, hashed and sent.
///
/// In CBOR and JSON the replicas and stamps that occur are listed once and referred to by their place, so that a
/// version entry costs a few bytes; the lists are in canonical order and every place is checked when reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct Record {
    /// The kind's name from [`crate::kinds`], or one this version does not know.
    pub kind: String,
    /// The record's name for ever.
    pub id: RecordId,
    /// Each group's siblings. A group without siblings is absent.
    pub groups: BTreeMap<String, Siblings>,
    /// Which edits are included. Grows by accepted dots only.
    pub version: Version,
}

impl Record {
    /// A record nobody has written yet.
    pub fn new(kind: impl Into<String>, id: RecordId) -> Self {
        Self { kind: kind.into(), id, groups: BTreeMap::new(), version: Version::new() }
    }

    /// Whether nobody has written it yet.
    pub fn is_empty(&self) -> bool {
        self.version.is_empty()
    }

    /// The siblings of `group`; none when nobody wrote it.
    pub fn siblings(&self, group: &str) -> impl DoubleEndedIterator<Item = (Dot, &Sibling)> {
        self.groups.get(group).into_iter().flatten().map(|(&dot, sibling)| (dot, sibling))
    }

    /// Merges `other` into this: group by group, a sibling stays if both sides have it, or if the other side's version
    /// does not cover its dot. Versions join by maximum.
    pub fn merge(&mut self, other: &Record) {
        let names: BTreeSet<String> = self.groups.keys().chain(other.groups.keys()).cloned().collect();
        for name in names {
            let mine = self.groups.remove(&name).unwrap_or_default();
            let empty = Siblings::new();
            let theirs = other.groups.get(&name).unwrap_or(&empty);
            let mut kept = Siblings::new();
            for (dot, sibling) in &mine {
                if theirs.contains_key(dot) || !other.version.covers(*dot) {
                    kept.insert(*dot, sibling.clone());
                }
            }
            for (dot, sibling) in theirs {
                if crate::planted!("merge-drops-sibling") && !kept.is_empty() && !mine.contains_key(dot) {
                    continue;
                }
                if mine.contains_key(dot) || !self.version.covers(*dot) {
                    kept.entry(*dot).or_insert_with(|| sibling.clone());
                }
            }
            if !kept.is_empty() {
                self.groups.insert(name, kept);
            }
        }
        self.version.join(&other.version);
    }

    /// Applies one edit: it replaces exactly the siblings of its group that its context covers, and the version grows by
    /// its dot alone, whatever its context claims to have seen.
    pub fn put(&mut self, edit: &Edit) {
        let siblings = self.groups.entry(edit.group.clone()).or_default();
        siblings.retain(|dot, _| !edit.context.covers(*dot));
        if crate::planted!("put-replaces-unseen") {
            siblings.clear();
        }
        if crate::planted!("clock-decides") {
            siblings.retain(|_, sibling| sibling.stamp.at_ms > edit.stamp.at_ms);
        }
        siblings.insert(edit.dot, Sibling { fields: edit.fields.clone(), stamp: edit.stamp.clone() });
        self.version.add(edit.dot);
    }

    /// The check hash both sides compare: over kind, id, version and content, in canonical CBOR with full replica ids.
    pub fn check(&self) -> Hash {
        Hash::blake3(&encode::cbor(self))
    }

    /// Whether the record was deleted by somebody who had seen everything that is alive in it.
    ///
    /// The value of the `deleted` group contains the version its author saw; a sibling of another group that this
    /// version does not cover keeps the record and is the conflict.
    pub fn is_deleted(&self) -> bool {
        self.siblings(DELETED).any(|(_, sibling)| {
            let Some(seen) = seen_by_delete(&sibling.fields) else { return false };
            self.groups
                .iter()
                .filter(|(name, _)| name.as_str() != DELETED)
                .all(|(_, siblings)| siblings.keys().all(|dot| seen.covers(*dot)))
        })
    }
}

/// Name of the group that deletes a record of any kind.
pub const DELETED: &str = "deleted";

/// The fields of a delete: the version its author was shown.
pub fn delete_fields(seen: &Version) -> Fields {
    crate::fields! { "deleted" => true, "seen" => encode::cbor(seen) }
}

fn seen_by_delete(fields: &Fields) -> Option<Version> {
    use crate::value::FieldsExt;
    if !fields.flag("deleted") {
        return None;
    }
    encode::from_cbor(fields.get("seen")?.as_bytes()?).ok()
}

/// How a record stands in CBOR and JSON.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    v: u8,
    kind: String,
    id: RecordId,
    replicas: Vec<ReplicaId>,
    version: Vec<u64>,
    stamps: Vec<Stamp>,
    groups: BTreeMap<String, Vec<FormSibling>>,
}

/// (replica's place, counter, stamp's place, fields)
type FormSibling = (u32, u64, u32, Fields);

/// The version of the record format.
const FORM_VERSION: u8 = 1;

impl From<Record> for Form {
    fn from(record: Record) -> Self {
        let mut replicas: BTreeSet<ReplicaId> = record.version.iter().map(|(replica, _)| replica).collect();
        let mut stamps = BTreeSet::new();
        for (dot, sibling) in record.groups.values().flatten() {
            replicas.insert(dot.replica);
            stamps.insert(sibling.stamp.clone());
        }
        let replicas: Vec<ReplicaId> = replicas.into_iter().collect();
        let stamps: Vec<Stamp> = stamps.into_iter().collect();
        let replica_place = |replica: ReplicaId| replicas.partition_point(|known| *known < replica) as u32;
        let stamp_place = |stamp: &Stamp| stamps.partition_point(|known| known < stamp) as u32;
        let groups = record
            .groups
            .iter()
            .map(|(name, siblings)| {
                let form = siblings.iter().map(|(dot, sibling)| {
                    (replica_place(dot.replica), dot.counter, stamp_place(&sibling.stamp), sibling.fields.clone())
                });
                (name.clone(), form.collect())
            })
            .collect();
        let version = replicas.iter().map(|replica| record.version.get(*replica)).collect();
        Form { v: FORM_VERSION, kind: record.kind, id: record.id, version, groups, replicas, stamps }
    }
}

/// Why bytes are not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The record's format is newer than this version understands.
    #[error("understand record format {0}")]
    Format(u8),
    /// A place points outside its list, a list is not in canonical order or has an entry that nothing refers to, or a
    /// counter is out of bounds.
    #[error("read the record: its lists do not fit together")]
    Shape,
}

impl TryFrom<Form> for Record {
    type Error = RecordError;

    fn try_from(form: Form) -> Result<Self, RecordError> {
        if form.v != FORM_VERSION {
            return Err(RecordError::Format(form.v));
        }
        let sorted = |ok: bool| if ok { Ok(()) } else { Err(RecordError::Shape) };
        sorted(form.replicas.len() == form.version.len())?;
        sorted(form.replicas.windows(2).all(|pair| pair[0] < pair[1]))?;
        sorted(form.stamps.windows(2).all(|pair| pair[0] < pair[1]))?;
        sorted(form.version.iter().all(|counter| (1..=COUNTER_MAX).contains(counter)))?;
        let version: Version = form.replicas.iter().copied().zip(form.version).collect();
        let mut used_stamps = BTreeSet::new();
        let mut groups = BTreeMap::new();
        for (name, list) in form.groups {
            let mut siblings = Siblings::new();
            for (replica, counter, stamp, fields) in list {
                let replica = *form.replicas.get(replica as usize).ok_or(RecordError::Shape)?;
                used_stamps.insert(stamp);
                let stamp = form.stamps.get(stamp as usize).ok_or(RecordError::Shape)?.clone();
                let dot = Dot { replica, counter };
                sorted(counter > 0 && version.covers(dot))?;
                sorted(siblings.keys().next_back().is_none_or(|last| *last < dot))?;
                siblings.insert(dot, Sibling { fields, stamp });
            }
            sorted(!siblings.is_empty())?;
            groups.insert(name, siblings);
        }
        sorted(used_stamps.len() == form.stamps.len())?;
        Ok(Record { kind: form.kind, id: form.id, groups, version })
    }
}
