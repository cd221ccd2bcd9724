//! Deliveries: a delta builds the office's record exactly or is noticed. Set hashes: order and what came and went do not
//! count, everything else does.

use std::collections::BTreeSet;

use fieldsync_protocol::exchange::{Delivery, SetHash};
use fieldsync_protocol::record::Siblings;
use fieldsync_protocol::{Hash, Record, Seal};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, Selector};

use crate::history::{history, merged};

/// The delta that takes a device from `old` to `new`.
fn delta(old: &Record, new: &Record) -> Delivery {
    let mut record = new.clone();
    record.groups.retain(|name, siblings| old.groups.get(name) != Some(siblings));
    let emptied = old.groups.keys().filter(|name| !new.groups.contains_key(*name)).cloned().collect();
    Delivery { record, emptied, is_whole: false, check: new.check(), seal: Seal([0; 16]), rest: 0 }
}

fn whole(record: &Record) -> Delivery {
    Delivery { is_whole: true, ..delta(&Record::new(record.kind.clone(), record.id), record) }
}

fn sum<'a>(members: impl IntoIterator<Item = &'a Hash>) -> SetHash {
    members.into_iter().fold(SetHash::default(), |mut sum, member| {
        sum.add(member);
        sum
    })
}

proptest! {
    #[test]
    fn a_delta_builds_the_offices_record_on_what_it_was_made_for(history in history(), old in any::<Index>()) {
        let new = merged(&history.copies);
        let old = old.get(&history.copies);

        prop_assert_eq!(delta(old, &new).onto(Some(old)), Some(new.clone()));
        prop_assert_eq!(whole(&new).onto(Some(old)), Some(new.clone()));
        prop_assert_eq!(whole(&new).onto(None), Some(new));
    }

    #[test]
    fn a_delta_on_anything_else_is_right_or_noticed(
        history in history(), old in any::<Index>(), new in any::<Index>(), held in any::<Index>(),
    ) {
        let [old, new, held] = [old, new, held].map(|index| index.get(&history.copies));

        if let Some(built) = delta(old, new).onto(Some(held)) {
            prop_assert_eq!(&built, new);
        }
    }

    #[test]
    fn a_delivery_that_lost_or_gained_something_is_noticed(
        history in history(), group in any::<Index>(), word in any::<i64>(),
    ) {
        let new = merged(&history.copies);
        prop_assume!(!new.groups.is_empty());
        let name = group.get(&new.groups.keys().cloned().collect::<Vec<_>>()).clone();

        let mut lost = whole(&new);
        lost.record.groups.remove(&name);
        prop_assert_eq!(lost.onto(None), None);

        let mut emptied = whole(&new);
        emptied.emptied.push(name.clone());
        prop_assert_eq!(emptied.onto(None), None);

        let mut changed = whole(&new);
        for siblings in changed.record.groups.get_mut(&name).into_iter() {
            for sibling in siblings.values_mut() {
                sibling.fields.insert("slipped_in".to_owned(), word.into());
            }
        }
        prop_assert_eq!(changed.onto(None), None);
    }

    #[test]
    fn a_delivery_whose_version_does_not_cover_its_dots_is_never_applied(history in history()) {
        let new = merged(&history.copies);
        let replicas: BTreeSet<_> = new.groups.values().flat_map(Siblings::keys).map(|dot| dot.replica).collect();

        for replica in replicas {
            let mut delivery = whole(&new);
            delivery.record.version.set(replica, 0);
            // Even with a check that fits: a record with a dot outside its version cannot be merged safely.
            delivery.check = delivery.record.check();
            prop_assert_eq!(delivery.onto(None), None);
        }
    }

    #[test]
    fn a_set_hash_forgets_order_and_detours(
        members in vec(any::<[u8; 32]>(), 0..12), detour in vec(any::<[u8; 32]>(), 0..6), order in any::<Selector>(),
    ) {
        let members: Vec<Hash> = members.into_iter().map(Hash).collect();
        let straight = sum(&members);

        let mut roundabout = SetHash::default();
        let mut left = members;
        for extra in &detour {
            roundabout.add(&Hash(*extra));
        }
        while !left.is_empty() {
            let next = order.select(0..left.len());
            roundabout.add(&left.swap_remove(next));
        }
        for extra in &detour {
            roundabout.remove(&Hash(*extra));
        }

        prop_assert_eq!(roundabout, straight);
    }

    #[test]
    fn a_set_hash_notices_a_missing_a_doubled_and_an_exchanged_member(
        members in vec(any::<[u8; 32]>(), 1..12), one in any::<Index>(), other in any::<[u8; 32]>(),
    ) {
        let members: Vec<Hash> = members.into_iter().map(Hash).collect();
        let one = *one.get(&members);
        prop_assume!(one.0 != other && one.0 != [0; 32]);
        let right = sum(&members);

        let (mut missing, mut doubled, mut exchanged) = (right, right, right);
        missing.remove(&one);
        doubled.add(&one);
        doubled.add(&one);
        exchanged.remove(&one);
        exchanged.add(&Hash(other));

        prop_assert_ne!(missing, right);
        prop_assert_ne!(doubled.sum, right.sum);
        prop_assert_ne!(exchanged, right);
    }
}
