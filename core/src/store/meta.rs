//! What the store knows about itself: one CBOR value per name.

use fieldsync_protocol::encode;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// This incarnation of the store.
pub(crate) const REPLICA: &str = "replica";
/// What the store accepts as its anchor.
pub(crate) const ANCHOR: &str = "anchor";
/// The server epoch the replica id belongs to; 0 for none yet.
pub(crate) const EPOCH: &str = "epoch";
/// The sealed token of the last acknowledged push.
pub(crate) const TOKEN: &str = "token";
/// Where the pull stands.
pub(crate) const CURSOR: &str = "cursor";
/// The last nonce the office gave.
pub(crate) const NONCE: &str = "nonce";
/// The rights stamp of the last answer.
pub(crate) const RIGHTS: &str = "rights";
/// Highest own counter of any record ever evicted.
pub(crate) const FLOOR: &str = "floor";
/// Sums over *theirs*, per audience.
pub(crate) const FINGERPRINT: &str = "fingerprint";
/// Whether the last comparison of fingerprints agreed.
pub(crate) const AGREES: &str = "agrees";
/// After which record the next look for damaged rows begins.
pub(crate) const EXAMINED: &str = "examined";
/// Repairs that did not make both sides agree, and syncs to go before the next is tried.
pub(crate) const REPAIR: &str = "repair";
/// Office clock minus device clock at the last answer.
pub(crate) const OFFSET_MS: &str = "offset_ms";
/// When the office last answered, on this device's clock.
pub(crate) const CONTACT_MS: &str = "contact_ms";
/// The secret half of the device's key.
pub(crate) const SECRET_KEY: &str = "secret_key";
/// The office's certificate for the device.
pub(crate) const CERTIFICATE: &str = "certificate";
/// The tenant's public root.
pub(crate) const ROOT: &str = "root";
/// The key that carried bundles are closed to, signed by the root.
pub(crate) const OFFICE_KEY: &str = "office_key";
/// How many bundles this device has exported.
pub(crate) const BUNDLES: &str = "bundles";
/// The name of the person the device belongs to.
pub(crate) const PERSON_NAME: &str = "person_name";
/// How many provisional order numbers this device has given.
pub(crate) const PROVISIONAL: &str = "provisional";
/// Names of the stores that were set aside and brought over.
pub(crate) const SALVAGED: &str = "salvaged";
/// Whether the office asked for a wipe, so that what is here is being handed over.
pub(crate) const WIPING: &str = "wiping";
/// Where the office is.
pub(crate) const SERVER_URL: &str = "server_url";
/// Whether the walk under way starts over: what it does not name leaves, instead of being offered back.
pub(crate) const STARTS_OVER: &str = "starts_over";
/// What the office said that codes mean which this version does not know.
pub(crate) const WORDS: &str = "words";
/// Whether something was erased since the free space of the files was wiped last.
pub(crate) const SCRUB: &str = "scrub";

/// The value of `name`; `None` when it was never set.
pub(crate) fn get<T: DeserializeOwned>(connection: &Connection, name: &str) -> Result<Option<T>, Error> {
    let bytes: Option<Vec<u8>> = connection
        .prepare_cached("select value from meta where name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    Ok(bytes.map(|bytes| encode::from_cbor(&bytes)).transpose()?)
}

/// Whether `name` was ever set.
pub(crate) fn has(connection: &Connection, name: &str) -> Result<bool, Error> {
    let mut statement = connection.prepare_cached("select exists (select 1 from meta where name = ?1)")?;
    Ok(statement.query_row([name], |row| row.get(0))?)
}

/// Sets `name` to `value`.
pub(crate) fn set<T: Serialize>(connection: &Connection, name: &str, value: &T) -> Result<(), Error> {
    connection
        .prepare_cached(
            "insert into meta (name, value) values (?1, ?2)
             on conflict (name) do update set value = excluded.value where value is not excluded.value",
        )?
        .execute(params![name, encode::cbor(value)])?;
    Ok(())
}

/// Forgets `name`.
pub(crate) fn clear(connection: &Connection, name: &str) -> Result<(), Error> {
    connection.prepare_cached("delete from meta where name = ?1")?.execute([name])?;
    Ok(())
}
