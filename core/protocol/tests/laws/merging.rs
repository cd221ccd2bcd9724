//! Merge: the same set of edits gives the same bytes whatever the order, and nothing is lost without having been seen.

use std::collections::BTreeSet;

use fieldsync_protocol::{Dot, Record, ReplicaId, encode, show};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, Selector};

use crate::history::{GROUPS, REPLICAS, both, edit, history, merged};

proptest! {
    #[test]
    fn merging_is_commutative_associative_and_idempotent(
        history in history(), a in any::<Index>(), b in any::<Index>(), c in any::<Index>(),
    ) {
        let [a, b, c] = [a, b, c].map(|index| index.get(&history.copies));

        prop_assert_eq!(both(a, b), both(b, a));
        prop_assert_eq!(both(&both(a, b), c), both(a, &both(b, c)));
        prop_assert_eq!(&both(a, a), a);
        prop_assert_eq!(both(&both(a, b), b), both(a, b));
    }

    #[test]
    fn every_order_and_repetition_of_copies_gives_the_same_bytes(
        history in history(), order in any::<Selector>(), repeats in vec(any::<Index>(), 0..8),
    ) {
        let expected = encode::cbor(&merged(&history.copies));
        let count = history.copies.len();

        let mut shuffled: Vec<usize> = Vec::new();
        let mut left: Vec<usize> = (0..count).collect();
        while !left.is_empty() {
            let next = order.select(0..left.len());
            shuffled.push(left.swap_remove(next));
        }
        shuffled.extend(repeats.iter().map(|index| index.index(count)));
        let again = merged(shuffled.into_iter().map(|place| &history.copies[place]));

        prop_assert_eq!(encode::cbor(&again), expected);
    }

    #[test]
    fn a_prefix_merged_early_changes_nothing(history in history(), cut in any::<Index>()) {
        let cut = cut.index(history.copies.len());
        let (prefix, rest) = history.copies.split_at(cut);
        let early = merged(prefix);

        prop_assert_eq!(merged(std::iter::once(&early).chain(rest)), merged(&history.copies));
    }

    #[test]
    fn an_edit_commutes_with_a_merge_of_what_its_author_could_know(
        history in history(), a in any::<Index>(), b in any::<Index>(), group in 0..GROUPS.len(),
    ) {
        let (a, b) = (a.get(&history.copies), b.get(&history.copies));
        // A replica that no history knows: its dot is in neither copy. Its author has seen copy `a`.
        let edit = edit(a, REPLICAS, GROUPS[group], 9, a.version.clone());

        let mut put_first = a.clone();
        put_first.put(&edit);
        put_first.merge(b);
        let mut merged_first = both(a, b);
        merged_first.put(&edit);

        prop_assert_eq!(put_first, merged_first);
    }

    #[test]
    fn a_context_that_claims_too_much_never_removes_what_only_others_hold(
        history in history(), a in any::<Index>(), b in any::<Index>(), group in 0..GROUPS.len(),
    ) {
        let (a, b) = (a.get(&history.copies), b.get(&history.copies));
        let everything = merged(&history.copies).version;
        let edit = edit(a, REPLICAS, GROUPS[group], 9, everything);

        let mut copy = a.clone();
        copy.put(&edit);
        let claimed = copy.version.clone();
        copy.merge(b);

        let mut own = a.version.clone();
        own.add(edit.dot);
        prop_assert_eq!(claimed, own, "a version grows by the edit's dot alone");
        for (dot, _) in b.siblings(GROUPS[group]) {
            let known_to_a = a.version.covers(dot);
            prop_assert!(known_to_a || copy.siblings(GROUPS[group]).any(|(alive, _)| alive == dot));
        }
    }

    #[test]
    fn every_edit_is_alive_or_was_seen_by_one_that_replaced_it(history in history()) {
        let all = merged(&history.copies);

        for edit in &history.edits {
            let alive = all.siblings(&edit.group).any(|(dot, _)| dot == edit.dot);
            let replaced = history.edits.iter().any(|other| {
                other.dot != edit.dot && other.group == edit.group && other.context.covers(edit.dot)
            });
            prop_assert!(all.version.covers(edit.dot));
            prop_assert_ne!(alive, replaced, "edit {:?} of {}", edit.dot, edit.group);
            if alive {
                prop_assert_eq!(&all.groups[&edit.group][&edit.dot].fields, &edit.fields);
                prop_assert_eq!(&all.groups[&edit.group][&edit.dot].stamp, &edit.stamp);
            }
        }
        let authors: BTreeSet<ReplicaId> = history.edits.iter().map(|edit| edit.dot.replica).collect();
        prop_assert_eq!(all.version.len(), authors.len());
    }

    #[test]
    fn no_outcome_depends_on_a_clock(history in history(), shift in -1_000_000_000..1_000_000_000_i64) {
        let moved: Vec<Record> = history.copies.iter().map(|copy| {
            let mut copy = copy.clone();
            for sibling in copy.groups.values_mut().flat_map(|siblings| siblings.values_mut()) {
                sibling.stamp.at_ms = shift;
                sibling.stamp.offset_ms = -shift;
            }
            copy
        }).collect();

        let (before, after) = (merged(&history.copies), merged(&moved));

        prop_assert_eq!(&before.version, &after.version);
        let dots = |record: &Record| -> Vec<(String, Vec<Dot>)> {
            record.groups.iter().map(|(name, siblings)| (name.clone(), siblings.keys().copied().collect())).collect()
        };
        prop_assert_eq!(dots(&before), dots(&after));
        for group in GROUPS {
            let shown = |record: &Record| show::shown(record, group).map(|(dot, _)| dot);
            prop_assert_eq!(shown(&before), shown(&after));
        }
    }
}
