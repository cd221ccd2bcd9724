//! What the office said that codes mean which this version does not know: an older app shows them all the same.

use std::collections::BTreeMap;

use fieldsync_protocol::exchange::Words;
use rusqlite::Connection;

use super::meta;
use crate::error::Error;

/// As many are kept.
const NAMES_MAX: usize = 64;
/// No text is longer, in bytes: it is a sentence.
const TEXT_MAX: usize = 1_000;

/// Keeps words for later use. What is too long to be a sentence is not kept, and of too many names not the last ones.
pub(crate) fn learn(connection: &Connection, words: &BTreeMap<String, Words>) -> Result<(), Error> {
    if words.is_empty() {
        return Ok(());
    }
    let mut known = all(connection)?;
    for (name, words) in words {
        let fits = words.text.len() <= TEXT_MAX && words.remedy.len() <= TEXT_MAX;
        if fits && (known.len() < NAMES_MAX || known.contains_key(name)) {
            known.insert(name.clone(), words.clone());
        }
    }
    meta::set(connection, meta::WORDS, &known)
}

/// Everything kept, by name.
pub(crate) fn all(connection: &Connection) -> Result<BTreeMap<String, Words>, Error> {
    Ok(meta::get(connection, meta::WORDS)?.unwrap_or_default())
}
