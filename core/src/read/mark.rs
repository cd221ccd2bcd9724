//! Pages, and the marks by which the next one is found.

use std::fmt;
use std::str::FromStr;

use fieldsync_protocol::{RecordId, Value, encode};
use serde::Serialize;

use crate::error::Error;

/// Part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The rows, in the order asked for.
    pub items: Vec<T>,
    /// Where the next page begins; `None` when this is the last.
    pub next: Option<PageMark>,
}

/// Where a page ended: the last row's place in the order. Opaque to apps, which may keep it as text.
///
/// Rows that come or go elsewhere do not move it; no row is skipped or shown twice unless its own place changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct PageMark(String);

/// What a mark says: which order, the two sorting values and the id of the last row.
pub(super) type Place = (u8, Value, i64, RecordId);

impl PageMark {
    pub(super) fn new(place: &Place) -> Self {
        Self(hex::encode(encode::cbor(place)))
    }

    /// The place, when it belongs to the order named `order`.
    pub(super) fn place(&self, order: u8) -> Result<Place, Error> {
        let bytes = hex::decode(&self.0).map_err(|_| Error::BadMark)?;
        let place: Place = encode::from_cbor(&bytes).map_err(|_| Error::BadMark)?;
        if place.0 == order { Ok(place) } else { Err(Error::BadMark) }
    }
}

impl fmt::Display for PageMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PageMark {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mark = Self(text.to_owned());
        let bytes = hex::decode(text).map_err(|_| Error::BadMark)?;
        encode::from_cbor::<Place>(&bytes).map_err(|_| Error::BadMark)?;
        Ok(mark)
    }
}

impl<T> Page<T> {
    /// Cuts `rows`, read with one row more than `limit`, into a page.
    pub(super) fn cut(mut rows: Vec<(T, Place)>, limit: u32) -> Page<T> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| has_more).map(|(_, place)| PageMark::new(place));
        Page { items: rows.into_iter().map(|(item, _)| item).collect(), next }
    }
}
