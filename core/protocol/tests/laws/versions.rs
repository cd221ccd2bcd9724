//! Version vectors: a partial order with joins, where including nothing has exactly one form.

use fieldsync_protocol::{Dot, ReplicaId, Version, encode};
use proptest::collection::vec;
use proptest::prelude::*;

fn dot() -> impl Strategy<Value = Dot> {
    (0..4u8, 0..5u64).prop_map(|(replica, counter)| Dot { replica: ReplicaId([replica; 16]), counter })
}

fn version() -> impl Strategy<Value = Version> {
    vec(dot(), 0..6).prop_map(|dots| {
        let mut version = Version::new();
        dots.into_iter().for_each(|dot| version.add(dot));
        version
    })
}

fn joined(a: &Version, b: &Version) -> Version {
    let mut sum = a.clone();
    sum.join(b);
    sum
}

proptest! {
    #[test]
    fn within_is_a_partial_order(a in version(), b in version(), c in version()) {
        prop_assert!(a.within(&a));
        prop_assert!(Version::new().within(&a));
        if a.within(&b) && b.within(&a) {
            prop_assert_eq!(&a, &b);
        }
        if a.within(&b) && b.within(&c) {
            prop_assert!(a.within(&c));
        }
    }

    #[test]
    fn a_join_is_the_smallest_version_that_includes_both(a in version(), b in version(), c in version()) {
        let join = joined(&a, &b);

        prop_assert!(a.within(&join) && b.within(&join));
        if a.within(&c) && b.within(&c) {
            prop_assert!(join.within(&c));
        }
        prop_assert_eq!(&join, &joined(&b, &a));
        prop_assert_eq!(joined(&join, &c), joined(&a, &joined(&b, &c)));
        prop_assert_eq!(joined(&join, &b), join);
    }

    #[test]
    fn covering_a_dot_means_including_it(a in version(), dot in dot()) {
        let mut with = a.clone();
        with.add(dot);

        prop_assert!(with.covers(dot));
        prop_assert_eq!(a.covers(dot), with == a);
        prop_assert!(a.within(&with));
    }

    #[test]
    fn a_peer_cannot_write_nothing_in_two_ways(entries in vec((0..4u8, 0..5u64), 0..6)) {
        let map: std::collections::BTreeMap<ReplicaId, u64> =
            entries.into_iter().map(|(replica, counter)| (ReplicaId([replica; 16]), counter)).collect();
        let read: Version = encode::from_cbor(&encode::cbor(&map)).expect("a map of counters is a version");

        prop_assert_eq!(read.len(), map.values().filter(|counter| **counter > 0).count());
        prop_assert_eq!(read.iter().collect::<Version>(), read);
    }
}
