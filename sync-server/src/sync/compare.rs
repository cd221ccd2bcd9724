//! The server's half of finding a difference: what it holds in the ranges a device asks about.
//!
//! Only the device's own audiences are ever looked at. When a device asks about all of one, the office first counts it
//! again: a difference may as well be its own, in the index or in the sum.

use fieldsync_protocol::RecordId;
use fieldsync_protocol::compare::{Range, Ranged, Side};

use crate::store::{Audience, Device, StoreError, Txn};

/// What the office holds in each range.
pub(super) fn answer(txn: &mut dyn Txn, device: &Device, ranges: &[Range]) -> Result<Vec<Ranged>, StoreError> {
    let mut ranged = Vec::with_capacity(ranges.len());
    for range in ranges {
        let audience = match range.side {
            Side::Own => Audience::of(RecordId(device.person.0)),
            Side::Shared => Audience::SHARED,
        };
        if range.is_whole() && txn.recount(audience)? {
            metrics::counter!("fieldsync_index_repaired_total").increment(1);
            tracing::error!("the index of an audience did not say what its records are, and was counted again");
        }
        let members = txn.members(audience, range.from, range.to)?;
        ranged.push(Ranged::of(*range, &members));
    }
    metrics::counter!("fieldsync_ranges_compared_total").increment(ranges.len() as u64);
    Ok(ranged)
}
