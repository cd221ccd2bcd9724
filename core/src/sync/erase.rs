//! Privacy erasure on the device: what the office names is gone at once, with everything still pending for it, and its
//! bytes are wiped from the store's files.

use fieldsync_protocol::{Hash, RecordId};

use super::Receipt;
use crate::device::Device;
use crate::error::Error;
use crate::store::record::Work;
use crate::store::{self, meta};

/// Takes a record off the device, whatever waits for it. Returns the file that goes with it.
pub(super) fn erase(work: &mut Work<'_>, id: RecordId, receipt: &mut Receipt) -> Result<Option<Hash>, Error> {
    receipt.erased += u32::from(store::record::kind_of(work.tx, id)?.is_some());
    for sql in [
        "delete from pending where record = ?1",
        "delete from drawer where record = ?1 or work_order = ?1",
        "delete from offer where record = ?1",
        "delete from stuck where record = ?1",
        "delete from unnamed where record = ?1",
        "delete from repair where record = ?1",
        "delete from damaged where record = ?1",
        "delete from piece where record = ?1",
    ] {
        work.tx.prepare_cached(sql)?.execute([id.as_bytes()])?;
    }
    work.remove(id)?;
    meta::set(work.tx, meta::SCRUB, &true)?;
    store::blob::remove(work.tx, id)
}

/// Wipes what deleted rows left in the store's files, when something was erased since that was done last: it rewrites the
/// whole store, so it is done when the records are through, not after every answer. A failure, or a sync that was cut
/// before, is made good by the next one.
pub(super) fn scrub(device: &Device) -> Result<(), Error> {
    if device.read(|connection| meta::get::<bool>(connection, meta::SCRUB))?.is_none() {
        return Ok(());
    }
    match device.scrub() {
        Ok(()) => device.write(|tx, _| meta::clear(tx, meta::SCRUB)),
        Err(error) => {
            tracing::warn!(%error, "failed to wipe the store's free space, trying again at the next sync");
            Ok(())
        }
    }
}
