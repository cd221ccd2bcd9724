//! What a user can send to support: how the engine stands, in numbers, codes and versions, and nothing else.
//!
//! Promises: no name, no text that anybody entered, no id of a person, customer, job or device, no address, no key, no
//! path. What is in it is listed in [`Diagnostics`], field by field; a test looks for planted texts and ids.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use fieldsync_protocol::Trust;
use fieldsync_protocol::kinds::TABLE_VERSION;
use rusqlite::Connection;
use serde::Serialize;

use crate::device::Device;
use crate::drawer::DrawerState;
use crate::error::Error;
use crate::store::{self, meta};

/// Different codes remembered.
const CODES_MAX: usize = 32;

/// How the engine stands. Serialises to JSON; displays as text to read and send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diagnostics {
    /// Version of the engine.
    pub engine: &'static str,
    /// Version of the table of kinds.
    pub table: u32,
    /// Schema of the store.
    pub schema: i64,
    /// Version of SQLite.
    pub sqlite: &'static str,
    /// Whether the store is encrypted.
    pub is_encrypted: bool,
    /// Operating system and processor, as the compiler names them.
    pub platform: &'static str,
    /// Now, on the device's clock, milliseconds since 1970 UTC.
    pub now_ms: i64,
    /// Whether the device is enrolled.
    pub is_enrolled: bool,
    /// When the office last answered, on the device's clock.
    pub last_contact_ms: Option<i64>,
    /// Office clock minus device clock then.
    pub clock_offset_ms: Option<i64>,
    /// How far the device's times are believed: `compared` after a contact, `unknown` before.
    pub clock_trust: Trust,
    /// Server epoch.
    pub epoch: u64,
    /// Records held.
    pub records: u32,
    /// Edits that are still only here.
    pub pending: u32,
    /// When the oldest of them was entered, on the device's clock.
    pub oldest_pending_ms: Option<i64>,
    /// Records that do not get through, by what happens to them.
    pub stuck_codes: BTreeMap<String, u32>,
    /// Refused edits in the drawer.
    pub refused: u32,
    /// Edits in the drawer that are at the office, not accepted.
    pub held: u32,
    /// Entries of the drawer by the office's code.
    pub drawer_codes: BTreeMap<String, u32>,
    /// Photos and files still only here.
    pub blobs: u32,
    /// Records being offered back to an office that forgot them.
    pub offers: u32,
    /// Groups in which a person must decide.
    pub conflicts: u32,
    /// Dots that the office is still to be asked about, after this store was found to be a copy.
    pub asked: u32,
    /// Changes of the replica id that are remembered.
    pub replica_changes: u32,
    /// The first bytes of the sums over everything the office delivered, own and shared.
    pub fingerprint: String,
    /// Whether the office's were the same at the last complete sync.
    pub agrees: Option<bool>,
    /// Bytes of the database.
    pub database_bytes: u64,
    /// Bytes of its write-ahead log.
    pub log_bytes: u64,
    /// Photos and files on the device.
    pub blob_files: u32,
    /// Their bytes.
    pub blob_bytes: u64,
    /// Stores set aside here because they were damaged.
    pub set_aside: u32,
    /// Whether the structure of the database is whole.
    pub is_whole: bool,
    /// Errors of calls and troubles of syncs since the device was opened, by code: how often, and when last.
    pub errors: BTreeMap<String, Seen>,
}

/// How often something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// How often.
    pub count: u32,
    /// When last, on the device's clock.
    pub last_ms: i64,
}

impl Device {
    /// How the engine stands, for support: see [`Diagnostics`]. Works offline. Checking the whole database takes about a
    /// second for each 100 megabytes; edits and reads go on meanwhile.
    ///
    /// # Errors
    /// When the store cannot be read. A damaged one is no error: [`Diagnostics::is_whole`] says so.
    pub fn diagnostics(&self) -> Result<Diagnostics, Error> {
        let mut found = self.read(|connection| self.diagnose(connection))?;
        let dir = self.dir();
        let files = self.files();
        found.database_bytes = files.len(&dir.join(store::FILE))?.unwrap_or(0);
        found.log_bytes = files.len(&dir.join(format!("{}-wal", store::FILE)))?.unwrap_or(0);
        for file in files.list(&self.blob_file(""))? {
            found.blob_files += 1;
            found.blob_bytes += files.len(&file)?.unwrap_or(0);
        }
        found.set_aside = self.inner.store.set_aside()? as u32;
        found.errors = self.inner.errors.all();
        Ok(found)
    }

    fn diagnose(&self, connection: &Connection) -> Result<Diagnostics, Error> {
        let count = |query: &str| Ok::<u32, Error>(connection.query_row(query, [], |row| row.get(0))?);
        let offset_ms: Option<i64> = meta::get(connection, meta::OFFSET_MS)?;
        let sums: fieldsync_protocol::exchange::Fingerprint =
            meta::get(connection, meta::FINGERPRINT)?.unwrap_or_default();
        let verdict: Result<String, _> = connection.query_row("pragma quick_check(1)", [], |row| row.get(0));
        let mut stuck_codes = BTreeMap::new();
        for stuck in store::stuck::all(connection)? {
            *stuck_codes.entry(stuck.code.name().to_owned()).or_insert(0) += 1;
        }
        let mut drawer_codes = BTreeMap::new();
        for entry in store::drawer::all(connection)? {
            *drawer_codes.entry(entry.code).or_insert(0) += 1;
        }
        Ok(Diagnostics {
            engine: env!("CARGO_PKG_VERSION"),
            table: TABLE_VERSION,
            schema: connection.query_row("select max(version) from refinery_schema_history", [], |row| row.get(0))?,
            sqlite: rusqlite::version(),
            is_encrypted: self.inner.config.key.is_some(),
            platform: PLATFORM,
            now_ms: self.now_ms(),
            is_enrolled: crate::enrol::identity(connection)?.is_some(),
            last_contact_ms: meta::get(connection, meta::CONTACT_MS)?,
            clock_offset_ms: offset_ms,
            clock_trust: if offset_ms.is_some() { Trust::Compared } else { Trust::Unknown },
            epoch: meta::get(connection, meta::EPOCH)?.unwrap_or(0),
            records: count("select count(*) from record")?,
            stuck_codes,
            pending: store::pending::count(connection)?,
            oldest_pending_ms: store::pending::all(connection)?.iter().map(|(_, _, edit)| edit.stamp.at_ms).min(),
            refused: store::drawer::count(connection, DrawerState::Refused)?
                + store::drawer::count(connection, DrawerState::Superseded)?,
            held: store::drawer::count(connection, DrawerState::Held)?,
            drawer_codes,
            blobs: store::blob::waiting(connection)?,
            offers: store::offer::count(connection)?,
            conflicts: store::record::conflict_count(connection)?,
            asked: store::asked::count(connection)?,
            replica_changes: count("select count(*) from restamp")?,
            fingerprint: format!("{} {}", shortened(&sums.own), shortened(&sums.shared)),
            agrees: meta::get(connection, meta::AGREES)?,
            database_bytes: 0,
            log_bytes: 0,
            blob_files: 0,
            blob_bytes: 0,
            set_aside: 0,
            is_whole: verdict.is_ok_and(|verdict| verdict == "ok"),
            errors: BTreeMap::new(),
        })
    }
}

const PLATFORM: &str = if cfg!(target_os = "android") {
    "android"
} else if cfg!(target_os = "ios") {
    "ios"
} else if cfg!(target_os = "linux") {
    "linux"
} else if cfg!(target_os = "macos") {
    "macos"
} else {
    "other"
};

/// Enough of a sum to see whether two of them are the same, with the number of members.
fn shortened(sum: &fieldsync_protocol::exchange::SetHash) -> String {
    format!("{}/{}", &sum.sum.to_string()[..12], sum.count)
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One line a value, under the names of the JSON.
        let json = serde_json::to_value(self).map_err(|_| fmt::Error)?;
        writeln!(f, "fieldsync diagnostics v1")?;
        let serde_json::Value::Object(values) = json else { return Err(fmt::Error) };
        for (name, value) in &values {
            writeln!(f, "{name}: {value}")?;
        }
        Ok(())
    }
}

/// The errors that calls returned since the device was opened.
#[derive(Debug, Default)]
pub(crate) struct Errors(Mutex<BTreeMap<String, Seen>>);

impl Errors {
    /// Notes an error by its code. What the app asked for by pausing or closing is none.
    pub(crate) fn note(&self, code: &str, now_ms: i64) {
        let mut errors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if errors.len() >= CODES_MAX && !errors.contains_key(code) {
            return;
        }
        let seen = errors.entry(code.to_owned()).or_insert(Seen { count: 0, last_ms: now_ms });
        seen.count = seen.count.saturating_add(1);
        seen.last_ms = now_ms;
    }

    fn all(&self) -> BTreeMap<String, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use fieldsync_protocol::fields;

    use crate::fixture::{Fixture, id};
    use crate::{Draft, Error};

    #[test]
    fn diagnostics_say_how_the_engine_stands_and_nothing_about_anybody() {
        let fixture = Fixture::with_job();
        let device = &fixture.device;
        let text = fields! { "work_order" => id(50), "text" => "canary: gate code 4711" };
        device.edit(Draft::new("note").set("text", text)).unwrap();
        device.add_attachment(id(50), "image/jpeg", b"canary photo", Some("canary caption")).unwrap();
        assert!(matches!(device.record(id(99)), Err(Error::NotFound)));
        assert!(device.edit(Draft::new("part").set("catalogue", fields! { "number" => "canary" })).is_err());

        let found = device.diagnostics().unwrap();

        assert_eq!((found.pending, found.blobs, found.blob_files, found.blob_bytes), (2, 1, 1, 12));
        assert!(found.is_whole && found.is_enrolled && found.database_bytes > 0);
        assert!(found.schema >= 3 && found.oldest_pending_ms.is_some());
        assert_eq!(found.errors["not_found"].count, 1);
        let status = device.status().unwrap();
        let identity = device.identity().unwrap().unwrap();
        let ids = [0_u8, 1, 2, 4, 20, 21, 22, 30, 31, 50, 60].map(|number| id(number).to_string());
        let secrets = [
            "canary".to_owned(),
            "4711".to_owned(),
            "Anna".to_owned(),
            "Steinbruch".to_owned(),
            "WO-50".to_owned(),
            "127.0.0.1".to_owned(),
            identity.device.to_string(),
            status.replica.to_string(),
            hex::encode(identity.key().to_bytes()),
            device.dir().display().to_string(),
        ];
        for text in [found.to_string(), serde_json::to_string(&found).unwrap(), format!("{found:?}")] {
            for secret in ids.iter().chain(&secrets) {
                assert!(!text.contains(secret.as_str()), "{secret} stands in {text}");
            }
        }
        assert!(found.to_string().starts_with("fieldsync diagnostics v1\n"));
        assert!(found.to_string().contains("pending: 2\n"));
    }
}
