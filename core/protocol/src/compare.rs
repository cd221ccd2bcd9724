//! Finding out *where* two sides differ: ranges of record ids, compared by their sums, then by checks.
//!
//! When fingerprints differ, the device names ranges it wants to compare, the whole range first. Of each the office says
//! what it holds there: sums of a few parts that cover the range exactly, or, when little is left, every record with its
//! check. The device compares with what it holds itself and names the parts that differ, until it knows the records. So a
//! difference costs bytes in proportion to itself, not to what both sides have in common.
//!
//! A range never reaches beyond one audience of the device's own, so a sum tells nothing but what it may see anyway.
//!
//! Source: range-based set reconciliation (Meyer, *Range-Based Set Reconciliation*, 2022), with the office leading because
//! its word is what the device must hold.

use serde::{Deserialize, Serialize};

use crate::exchange::SetHash;
use crate::ids::{Hash, RecordId};
use crate::limits::{RANGE_CHECKS_MAX, RANGE_PARTS};

/// Which of a device's audiences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Own jobs and what they refer to.
    Own,
    /// Catalogue and team.
    Shared,
}

/// A stretch of record ids of one audience, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The audience.
    pub side: Side,
    /// The lowest id in it.
    pub from: RecordId,
    /// The highest id in it.
    pub to: RecordId,
}

impl Range {
    /// Everything of an audience.
    pub fn whole(side: Side) -> Self {
        Self { side, from: RecordId::from_bytes([0; 16]), to: RecordId::from_bytes([0xff; 16]) }
    }

    /// Whether it is everything.
    pub fn is_whole(&self) -> bool {
        *self == Self::whole(self.side)
    }
}

/// What the office holds in a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ranged {
    /// The range that was asked about.
    pub range: Range,
    /// What is in it.
    pub content: Content,
}

/// The content of a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Sums of parts that follow one another and cover the range exactly.
    Sums(Vec<Part>),
    /// Every record with its check, in order of id.
    Checks(Vec<(RecordId, Hash)>),
}

/// One part of a range. It begins after the part before it, the first one with the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The highest id in it.
    pub to: RecordId,
    /// The sum over the checks of its records.
    pub set: SetHash,
}

impl Ranged {
    /// What a holder of `members`, all its records in `range` in order of id, says about it.
    pub fn of(range: Range, members: &[(RecordId, Hash)]) -> Self {
        if members.len() <= RANGE_CHECKS_MAX {
            return Self { range, content: Content::Checks(members.to_vec()) };
        }
        let chunk = members.len().div_ceil(RANGE_PARTS);
        let mut parts: Vec<Part> = members
            .chunks(chunk)
            .map(|chunk| Part { to: chunk.last().map_or(range.to, |last| last.0), set: sum(chunk) })
            .collect();
        if let Some(last) = parts.last_mut() {
            last.to = range.to;
        }
        Self { range, content: Content::Sums(parts) }
    }

    /// The parts as ranges of their own with their sums; empty for checks. `None` when they do not cover the range, or
    /// are out of order: nothing can be concluded then.
    pub fn parts(&self) -> Option<Vec<(Range, SetHash)>> {
        let Content::Sums(parts) = &self.content else { return Some(Vec::new()) };
        let mut from = Some(self.range.from);
        let mut ranges = Vec::with_capacity(parts.len());
        for part in parts {
            let begin = from.filter(|begin| *begin <= part.to && part.to <= self.range.to)?;
            ranges.push((Range { side: self.range.side, from: begin, to: part.to }, part.set));
            from = after(part.to);
        }
        (parts.last()?.to == self.range.to).then_some(ranges)
    }
}

/// The sum over the checks of records.
pub fn sum(members: &[(RecordId, Hash)]) -> SetHash {
    let mut set = SetHash::default();
    members.iter().for_each(|(_, check)| set.add(check));
    set
}

/// The next id; none after the last.
fn after(id: RecordId) -> Option<RecordId> {
    let next = u128::from_be_bytes(*id.as_bytes()).checked_add(1)?;
    Some(RecordId::from_bytes(next.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Held = BTreeMap<RecordId, Hash>;

    fn held(count: u32) -> Held {
        let id = |n: u32| RecordId::from_bytes(*Hash::blake3(&n.to_le_bytes()).0.first_chunk().expect("32 bytes"));
        (0..count).map(|n| (id(n), Hash::blake3(&n.to_be_bytes()))).collect()
    }

    fn within(held: &Held, range: Range) -> Vec<(RecordId, Hash)> {
        held.range(range.from..=range.to).map(|(id, check)| (*id, *check)).collect()
    }

    /// Finds what differs as a device does; the ids, and how many bytes of CBOR it took.
    fn differing(device: &Held, office: &Held) -> (Vec<RecordId>, usize) {
        let (mut found, mut bytes) = (Vec::new(), 0);
        let mut front = vec![Range::whole(Side::Own)];
        while let Some(range) = front.pop() {
            let said = Ranged::of(range, &within(office, range));
            bytes += crate::encode::cbor(&range).len() + crate::encode::cbor(&said).len();
            for (part, set) in said.parts().expect("parts cover their range") {
                if sum(&within(device, part)) != set {
                    front.push(part);
                }
            }
            if let Content::Checks(checks) = &said.content {
                let theirs: Held = checks.iter().copied().collect();
                let ours: Held = within(device, range).into_iter().collect();
                let ids = theirs.keys().chain(ours.keys()).filter(|id| theirs.get(id) != ours.get(id));
                found.extend(ids.copied());
            }
        }
        found.sort();
        found.dedup();
        (found, bytes)
    }

    #[test]
    fn one_difference_among_ten_thousand_records_is_found_with_a_few_kilobytes() {
        let office = held(10_000);
        let ids: Vec<RecordId> = office.keys().copied().collect();
        for id in [ids[0], ids[4_999], ids[9_999]] {
            let mut flipped = office.clone();
            flipped.insert(id, Hash([0; 32]));
            let mut missing = office.clone();
            missing.remove(&id);
            for device in [flipped, missing] {
                let (found, bytes) = differing(&device, &office);
                assert_eq!(found, [id]);
                assert!(bytes < 6_000, "{bytes} bytes");
            }
        }
        let mut extra = office.clone();
        extra.insert(RecordId::from_bytes([0xff; 16]), Hash([1; 32]));
        extra.insert(RecordId::from_bytes([0; 16]), Hash([2; 32]));
        assert_eq!(differing(&extra, &office).0.len(), 2, "beyond both ends");
    }

    #[test]
    fn parts_that_do_not_cover_their_range_are_not_believed() {
        let office = held(100);
        let mut said = Ranged::of(Range::whole(Side::Own), &within(&office, Range::whole(Side::Own)));
        assert!(said.parts().is_some());
        let Content::Sums(parts) = &mut said.content else { panic!("a hundred records are divided") };
        parts.pop();
        assert_eq!(said.parts(), None);
        let Content::Sums(parts) = &mut said.content else { panic!("as before") };
        parts.reverse();
        assert_eq!(said.parts(), None);
    }
}
