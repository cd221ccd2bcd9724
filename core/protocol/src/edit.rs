//! An edit: one person's change to one group of one record, and what they had been shown when they made it.

use serde::{Deserialize, Serialize};

use crate::encode;
use crate::ids::Hash;
use crate::limits::{COUNTER_MAX, GROUP_BYTES_MAX, NAME_BYTES_MAX, VERSION_ENTRIES_MAX};
use crate::stamp::Stamp;
use crate::value::{Fields, Value};
use crate::version::{Dot, Version};

/// One change to one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// Names this edit for ever.
    pub dot: Dot,
    /// The group it writes.
    pub group: String,
    /// All fields of the group as the author wants them, unknown ones included.
    pub fields: Fields,
    /// The version its author was shown. It selects which siblings this edit replaces, and nothing else.
    pub context: Version,
    /// Who, where, when.
    pub stamp: Stamp,
}

impl Edit {
    /// Hash of everything but the context: what a dot means. Two contents under one dot prove a copied store.
    pub fn content(&self) -> Hash {
        Hash::blake3(&encode::cbor(&(&self.dot, &self.group, &self.fields, &self.stamp)))
    }

    /// Hash of group and fields alone: what a person said, whatever its dot. Recognises work that came another way.
    pub fn meaning(&self) -> Hash {
        Hash::blake3(&encode::cbor(&(&self.group, &self.fields)))
    }

    /// Hash of group, fields and stamp: one thing that one person said at one time, whatever its dot. Recognises an edit
    /// that arrived another way, under a dot minted for that way.
    pub fn said(&self) -> Hash {
        Hash::blake3(&encode::cbor(&(&self.group, &self.fields, &self.stamp)))
    }

    /// Whether everything is within the limits a peer must keep.
    pub fn within_limits(&self) -> bool {
        let weight: usize = self.fields.iter().map(|(name, value)| name.len() + 3 + value.weight()).sum();
        (1..=COUNTER_MAX).contains(&self.dot.counter)
            && is_name(&self.group)
            && self.fields.keys().all(|name| is_name(name))
            && self.fields.values().map(Value::depth).max().unwrap_or(0) <= crate::limits::VALUE_DEPTH_MAX
            && weight <= GROUP_BYTES_MAX
            && self.context.len() <= VERSION_ENTRIES_MAX
            && self.context.iter().all(|(_, counter)| counter <= COUNTER_MAX)
    }
}

/// Whether `name` may name a kind, group or field: lower-case ASCII words joined by `_`.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
