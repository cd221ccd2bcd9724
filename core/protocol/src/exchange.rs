//! The exchange: one message that carries push and pull together, and its answer.
//!
//! Order of checks at the server, before push *and* pull: authentication, epoch, identity. Offers are merged before
//! pushes. The answer to a push is per record, whole, and never fails the batch. Only an answer to a push removes a
//! pending edit; a pulled version that covers an own unanswered dot says nothing.

use std::collections::BTreeMap;

use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::compare::{Range, Ranged};
use crate::edit::{Edit, is_name};
use crate::encode;
use crate::ids::{Hash, PushId, RecordId, ReplicaId, Seal};
use crate::limits::{OFFERS_MAX, PUSH_EDITS_MAX, PUSH_IDS_MAX, PUSH_RECORDS_MAX, RANGES_MAX, VERSION_ENTRIES_MAX};
use crate::record::{Record, Siblings};
use crate::rights::Code;
use crate::version::{Dot, Version};

/// Something only the server can read: a cursor or a push token. Devices keep and present it untouched.
///
/// In CBOR a byte string, in JSON hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&hex::encode(&self.0))
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            hex::decode(text).map(Self).map_err(serde::de::Error::custom)
        } else {
            serde_bytes::ByteBuf::deserialize(deserializer).map(|bytes| Self(bytes.into_vec()))
        }
    }
}

/// What a device sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// The incarnation of the store that sends.
    pub replica: ReplicaId,
    /// The server epoch in which this replica id was minted; 0 before the first answer.
    pub epoch: u64,
    /// Version of the device's table of kinds.
    pub table: u32,
    /// The sealed token of the last acknowledged push.
    pub token: Option<Sealed>,
    /// This push's random id, stored before sending; present exactly when `push` is not empty.
    pub push_id: Option<PushId>,
    /// All push ids sent since the last acknowledged one, this one included.
    pub sent_ids: Vec<PushId>,
    /// Dots sent since then that are not in this push, with the hash of their content.
    pub sent_dots: Vec<SentDot>,
    /// Pending edits, per record.
    pub push: Vec<PushRecord>,
    /// What the office once said and seems to have forgotten.
    pub offers: Vec<Offer>,
    /// Where this device's pull stands; `None` to walk from the start.
    pub cursor: Option<Sealed>,
    /// Records to deliver whole, because a delta did not build on what the device holds.
    pub whole: Vec<RecordId>,
    /// What the device still holds, for the dispatcher's list of devices.
    pub holding: Holding,
    /// What the device's clock says, milliseconds since 1970 UTC.
    pub clock_ms: i64,
    /// The device was told to wipe itself, has handed over what it could, and destroys its store when this is answered.
    #[serde(default, skip_serializing_if = "is_false")]
    pub wiping: bool,
    /// Where the device looks for a difference: what does the office hold there?
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<Range>,
    /// Records larger than a page, of which the device has the first values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pieces: Vec<Piece>,
}

/// The beginning of a record that is larger than a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// The record.
    pub record: RecordId,
    /// The check of the whole record. When it has changed since, the office begins anew.
    pub check: Hash,
    /// How many of its values the device has, counted in order of group and dot.
    pub have: u32,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// A dot that was sent, and the hash of what it said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SentDot {
    /// The record.
    pub record: RecordId,
    /// The dot.
    pub dot: Dot,
    /// [`Edit::content`].
    pub content: Hash,
}

/// One record's pending edits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushRecord {
    /// The record's kind.
    pub kind: String,
    /// The record.
    pub id: RecordId,
    /// The version of *theirs* on which the edits stand. The server does not believe it; it only notices when it does
    /// not know that version.
    pub base: Version,
    /// The edits, in dot order.
    pub edits: Vec<Edit>,
}

/// *Theirs*, offered back to an office that seems to have forgotten it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// The record exactly as the office once delivered it.
    pub record: Record,
    /// The office's own seal over it. Without a valid one the offer waits for a person.
    pub seal: Option<Seal>,
}

/// What a device still holds, as counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holding {
    /// Edits without an answer.
    pub pending: u32,
    /// Refused edits in the drawer.
    pub refused: u32,
    /// Photos and files not yet at the office.
    pub blobs: u32,
}

/// What the server answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeAnswer {
    /// The server's epoch.
    pub epoch: u64,
    /// Present when this replica id may not go on: mint a new one and re-stamp, keeping the dots named here. When
    /// `cursor` is absent too, nothing else in the answer counts.
    pub again: Option<Vec<SentDot>>,
    /// The sealed token of this push, when one was accepted.
    pub token: Option<Sealed>,
    /// One outcome per pushed record.
    pub outcomes: Vec<(RecordId, Outcome)>,
    /// One outcome per offered record.
    pub offered: Vec<(RecordId, Offered)>,
    /// Records in scope that changed after the cursor, in sequence order.
    pub delivered: Vec<Delivery>,
    /// Records that left the scope: clean ones are evicted, others after their pending work is answered.
    pub left: Vec<RecordId>,
    /// Records that were erased for privacy: nothing of them may stay, pending edits included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub erased: Vec<RecordId>,
    /// Where the pull stands after this page.
    pub cursor: Option<Sealed>,
    /// The cursor sent was not usable: this page is the first of a walk from the start.
    pub anew: bool,
    /// More pages follow.
    pub more: bool,
    /// What the device should hold once it has applied this page; only on the last page.
    pub fingerprint: Option<Fingerprint>,
    /// Changes when role or assignments change: refused edits are worth another try.
    pub rights: u64,
    /// What the office's clock says, milliseconds since 1970 UTC.
    pub server_ms: i64,
    /// The device is to be wiped: it hands over what only it has, says so with `wiping`, and destroys its store. Nothing
    /// but `outcomes` counts in such an answer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub wipe: bool,
    /// What the office holds in the ranges asked about, as it stands once this page and all after it are applied. Only on
    /// the last page.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranged: Vec<Ranged>,
    /// This page begins a walk from the start because the office can no longer tell what changed since the cursor sent: the
    /// device was away for too long, or others were waited for no longer. What the walk does not name was deleted or has
    /// left the scope meanwhile: it is not offered back, it leaves when nothing of it waits for an answer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub start_over: bool,
    /// The key that carried bundles are closed to, for a device that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub office_key: Option<crate::bundle::OfficeKey>,
    /// Words for codes and outcomes that the device may not know, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub words: BTreeMap<String, Words>,
}

/// What a code means and what helps, in plain words: for a reader who does not know the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// What happened, as [`Code::text`].
    pub text: String,
    /// What to do about it, as [`Code::remedy`].
    #[serde(default)]
    pub remedy: String,
}

/// What became of one record's push.
///
/// An outcome that a reader does not know counts as [`Outcome::Held`] under its name: an office that sends one has stored
/// what was pushed. Whatever it did not store it refuses, with a new code if need be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The pushed dots are in.
    Accepted {
        /// Seal over the resulting record.
        seal: Seal,
        /// The resulting record, whenever it is not simply *theirs* plus the pushed edits.
        result: Option<Box<Record>>,
        /// The resulting record is too large for this answer and comes with the page; the seal is not for what the device
        /// has until then.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        apart: bool,
    },
    /// Some groups were refused, so nothing of this record was applied. The refused dots are dead.
    Refused {
        /// What was refused, and why.
        refusals: Vec<Refusal>,
        /// The office's whole record, which becomes *theirs*; `None` when there is none for this device.
        theirs: Option<Box<(Record, Seal)>>,
    },
    /// Stored durably at the office, applied to nothing. Counts as delivered.
    Held {
        /// Why.
        code: Code,
    },
    /// The server does not know the version of *theirs* named as base: offer it back.
    Wanted,
}

impl Outcome {
    /// Whether it tells how the record stands. The page of the same answer then leaves the record out, and the device
    /// counts it as named.
    pub fn is_told(&self) -> bool {
        match self {
            Self::Accepted { apart, .. } => !apart,
            Self::Refused { theirs, .. } => theirs.is_some(),
            Self::Held { .. } | Self::Wanted => false,
        }
    }
}

impl<'de> Deserialize<'de> for Outcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OutcomeVisitor)
    }
}

struct OutcomeVisitor;

impl<'de> Visitor<'de> for OutcomeVisitor {
    type Value = Outcome;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an outcome by its name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Outcome, E> {
        Ok(match name {
            "wanted" => Outcome::Wanted,
            name => Outcome::Held { code: Code::named(name) },
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outcome, A::Error> {
        #[derive(Deserialize)]
        struct Accepted {
            seal: Seal,
            result: Option<Box<Record>>,
            #[serde(default)]
            apart: bool,
        }
        #[derive(Deserialize)]
        struct Refused {
            refusals: Vec<Refusal>,
            theirs: Option<Box<(Record, Seal)>>,
        }
        #[derive(Deserialize)]
        struct Held {
            code: Code,
        }
        let name: String = map.next_key()?.ok_or_else(|| A::Error::custom("an outcome without a name"))?;
        let outcome = match name.as_str() {
            "accepted" => {
                let Accepted { seal, result, apart } = map.next_value()?;
                Outcome::Accepted { seal, result, apart }
            }
            "refused" => {
                let Refused { refusals, theirs } = map.next_value()?;
                Outcome::Refused { refusals, theirs }
            }
            "held" => {
                let Held { code } = map.next_value()?;
                Outcome::Held { code }
            }
            name => {
                map.next_value::<IgnoredAny>()?;
                Outcome::Held { code: Code::named(name) }
            }
        };
        match map.next_key::<IgnoredAny>()? {
            None => Ok(outcome),
            Some(_) => Err(A::Error::custom("an outcome with two names")),
        }
    }
}

/// One refused edit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The edit.
    pub dot: Dot,
    /// The group.
    pub group: String,
    /// Why. Text and remedy follow from it.
    pub code: Code,
}

/// What became of an offer. An answer that a reader does not know counts as [`Offered::Held`]: the office keeps the offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Offered {
    /// Merged: the office had forgotten it.
    Merged,
    /// The office already had all of it.
    Known,
    /// It is not for this device to offer.
    Refused,
    /// Its seal does not hold: it waits for a person.
    #[serde(other)]
    Held,
}

/// One record on a page: whole, or the groups that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The record with the groups delivered and the *whole* version.
    pub record: Record,
    /// Groups delivered that have no siblings any more.
    pub emptied: Vec<String>,
    /// Whether all groups are here.
    pub is_whole: bool,
    /// [`Record::check`] of the server's whole record; the device's result must match, or it asks for the whole.
    pub check: Hash,
    /// The server's seal over the whole record.
    pub seal: Seal,
    /// Values of the record that do not fit the page and follow on the next ones. More than 0 only for a record that is
    /// delivered whole and alone; the page is not to be applied before all of them are here.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rest: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_zero(rest: &u32) -> bool {
    *rest == 0
}

impl Delivery {
    /// A piece of `record` that begins after the first `have` values in order of group and dot and takes as many as
    /// weigh up to `limit` bytes, at least one. Check and seal are those of the whole record.
    pub fn piece(record: &Record, check: Hash, seal: Seal, have: u32, limit: usize) -> Self {
        let mut part = Record::new(record.kind.clone(), record.id);
        part.version = record.version.clone();
        let mut weight = encode::cbor(&part).len();
        let all = record.groups.iter().flat_map(|(group, siblings)| siblings.iter().map(move |value| (group, value)));
        let mut rest = all.clone().skip(have as usize).count() as u32;
        for (group, (dot, sibling)) in all.skip(have as usize) {
            let size = encode::cbor(&sibling.fields).len() + 64;
            if weight + size > limit && !part.groups.is_empty() {
                break;
            }
            weight += size;
            part.groups.entry(group.clone()).or_default().insert(*dot, sibling.clone());
            rest -= 1;
        }
        Self { record: part, emptied: Vec::new(), is_whole: true, check, seal, rest }
    }

    /// Adds this piece to those before it.
    pub fn after(mut self, before: Record) -> Self {
        for (group, siblings) in before.groups {
            self.record.groups.entry(group).or_default().extend(siblings);
        }
        self
    }

    /// The whole record, from what the device holds (`None`: nothing) and what was delivered; `None` when the result
    /// does not match the check, so that the record has to be asked for whole.
    pub fn onto(&self, held: Option<&Record>) -> Option<Record> {
        let mut result = match held {
            Some(held) if !self.is_whole => held.clone(),
            _ => Record::new(self.record.kind.clone(), self.record.id),
        };
        for (name, siblings) in &self.record.groups {
            result.groups.insert(name.clone(), siblings.clone());
        }
        for name in &self.emptied {
            result.groups.remove(name);
        }
        result.version = self.record.version.clone();
        let fits = result.groups.values().flat_map(Siblings::keys).all(|dot| result.version.covers(*dot));
        let matches = result.check() == self.check || crate::planted!("delta-unchecked");
        (fits && matches).then_some(result)
    }
}

/// Incremental set hashes over the check hashes of everything delivered, per audience.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// Own jobs and what they refer to.
    pub own: SetHash,
    /// Catalogue and team.
    pub shared: SetHash,
}

/// A sum of hashes modulo 2^256 (addition, never XOR), with the number of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetHash {
    /// The sum, little-endian.
    pub sum: Hash,
    /// Number of members.
    pub count: u64,
}

impl Default for SetHash {
    fn default() -> Self {
        Self { sum: Hash([0; 32]), count: 0 }
    }
}

impl SetHash {
    /// Adds a member.
    pub fn add(&mut self, member: &Hash) {
        if crate::planted!("xor-fingerprint") {
            return self.flip(member, 1);
        }
        self.plus(member, 1);
    }

    /// Takes a member out again.
    pub fn remove(&mut self, member: &Hash) {
        if crate::planted!("xor-fingerprint") {
            return self.flip(member, u64::MAX);
        }
        self.minus(member, 1);
    }

    /// Goes the same way as from `from` to `to`: what was counted wrongly in `from` is corrected, and whatever was added or
    /// taken out since stays so.
    pub fn correct(&mut self, from: &Self, to: &Self) {
        self.plus(&to.sum, to.count);
        self.minus(&from.sum, from.count);
    }

    fn plus(&mut self, sum: &Hash, count: u64) {
        let mut carry = 0;
        for (sum, byte) in self.sum.0.iter_mut().zip(sum.0) {
            let total = u16::from(*sum) + u16::from(byte) + carry;
            *sum = total as u8;
            carry = total >> 8;
        }
        self.count = self.count.wrapping_add(count);
    }

    fn minus(&mut self, sum: &Hash, count: u64) {
        let mut borrow = 0;
        for (sum, byte) in self.sum.0.iter_mut().zip(sum.0) {
            let total = i16::from(*sum) - i16::from(byte) - borrow;
            *sum = total as u8;
            borrow = i16::from(total < 0);
        }
        self.count = self.count.wrapping_sub(count);
    }

    /// What the planted bug does instead.
    fn flip(&mut self, member: &Hash, by: u64) {
        self.sum.0.iter_mut().zip(member.0).for_each(|(sum, byte)| *sum ^= byte);
        self.count = self.count.wrapping_add(by);
    }
}

/// Whether everything in the message is within the limits a device must keep.
pub fn within_limits(exchange: &Exchange) -> bool {
    exchange.push.len() <= PUSH_RECORDS_MAX
        && exchange.sent_ids.len() <= PUSH_IDS_MAX
        && exchange.sent_dots.len() <= PUSH_RECORDS_MAX * PUSH_EDITS_MAX
        && exchange.offers.len() <= OFFERS_MAX
        && exchange.whole.len() <= PUSH_RECORDS_MAX
        && exchange.ranges.len() <= RANGES_MAX
        && exchange.pieces.len() <= RANGES_MAX
        && exchange.push.iter().all(|push| {
            is_name(&push.kind)
                && (1..=PUSH_EDITS_MAX).contains(&push.edits.len())
                && push.base.len() <= VERSION_ENTRIES_MAX
                && push.edits.iter().all(|edit| edit.dot.replica == exchange.replica || !exchange.sent_ids.is_empty())
        })
        && exchange.push.is_empty() == exchange.push_id.is_none()
        && exchange.push_id.is_none_or(|id| exchange.sent_ids.contains(&id))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an office of a later version might answer.
    const LATER: &str = r#"{
        "epoch": 1, "again": null, "token": null,
        "outcomes": [
            ["00000000-0000-0000-0000-000000000001", {"refused": {"theirs": null, "until": 7, "refusals": [
                {"dot": {"replica": "00000000000000000000000000000002", "counter": 3}, "group": "plan", "code": "over_budget", "limit": 5}
            ]}}],
            ["00000000-0000-0000-0000-000000000004", {"held": {"code": "four_eyes"}}],
            ["00000000-0000-0000-0000-000000000005", {"deferred": {"by": [1, {"deep": true}]}}],
            ["00000000-0000-0000-0000-000000000006", "parked"],
            ["00000000-0000-0000-0000-000000000007", "wanted"]
        ],
        "offered": [["00000000-0000-0000-0000-000000000008", "weighed"]],
        "delivered": [], "left": [], "cursor": null, "anew": false, "more": false, "fingerprint": null,
        "rights": 1, "server_ms": 2, "weather": "rain",
        "words": {"over_budget": {"text": "the order's budget is used up", "remedy": "ask for more", "icon": "coin"}}
    }"#;

    #[test]
    fn an_answer_of_a_later_version_is_read_and_what_is_new_in_it_keeps_its_name() {
        let answer: ExchangeAnswer = encode::from_json(LATER.as_bytes()).expect("it is read");

        for answer in [&answer, &encode::from_cbor(&encode::cbor(&answer)).expect("and again, in CBOR")] {
            let Outcome::Refused { refusals, .. } = &answer.outcomes[0].1 else { panic!("{answer:?}") };
            assert_eq!(refusals[0].code.name(), "over_budget");
            assert!(refusals[0].code.text().contains("does not know"));
            let names = answer.outcomes[1..4].iter().map(|(_, outcome)| match outcome {
                Outcome::Held { code } => code.name().to_owned(),
                other => format!("{other:?}"),
            });
            assert_eq!(names.collect::<Vec<_>>(), ["four_eyes", "deferred", "parked"]);
            assert_eq!(answer.outcomes[4].1, Outcome::Wanted);
            assert_eq!(answer.offered[0].1, Offered::Held);
            assert_eq!(answer.words["over_budget"].remedy, "ask for more");
        }
    }

    #[test]
    fn a_set_hash_forgets_order_and_what_was_taken_out() {
        let (a, b) = (Hash::blake3(b"a"), Hash::blake3(b"b"));
        let mut one = SetHash::default();
        one.add(&a);
        one.add(&b);
        let mut two = SetHash::default();
        two.add(&b);
        two.add(&a);
        assert_eq!(one, two);
        two.remove(&b);
        two.remove(&a);
        assert_eq!(two, SetHash::default());
        two.add(&a);
        two.add(&a);
        assert_ne!(two, SetHash::default(), "a member twice must not cancel out");
    }

    #[test]
    fn a_correction_keeps_what_was_added_and_taken_out_since_it_was_counted() {
        let set = |members: &[&[u8]]| {
            let mut set = SetHash::default();
            members.iter().for_each(|member| set.add(&Hash::blake3(member)));
            set
        };
        let (kept, counted) = (set(&[b"a", b"gone"]), set(&[b"a", b"lost", b"old"]));
        let mut now = kept;
        now.add(&Hash::blake3(b"new"));
        now.remove(&Hash::blake3(b"a"));
        now.correct(&kept, &counted);
        assert_eq!(now, set(&[b"lost", b"old", b"new"]));
    }
}
