//! The laws of what both ends agree on, as properties over random histories.
//!
//! `PROPTEST_CASES=10000 cargo test -p fieldsync-protocol --test laws` digs deeper than a usual run.

mod deleting;
mod delivering;
mod encoding;
mod history;
mod merging;
mod versions;
