//! The directory: whom and what a technician may need to know, and the catalogue of parts.

use fieldsync::RecordId;
use fieldsync::read;
use uuid::Uuid;

use crate::device::Device;
use crate::error::FieldsyncError;
use crate::jobs::all;

/// Which entries of the directory to list.
#[derive(Debug, Clone, uniffi::Record)]
pub struct DirectoryFilter {
    /// Only this kind: `customer`, `contact`, `site`, `asset`, `technician` or `part`.
    #[uniffi(default)]
    pub kind: Option<String>,
    /// Only what belongs to this customer.
    #[uniffi(default)]
    pub customer: Option<Uuid>,
    /// Only what this finds by name, number, address, model or skill, best first; everything by name when empty.
    #[uniffi(default)]
    pub text: String,
    /// Most entries; 50 when 0, at most 500.
    #[uniffi(default)]
    pub limit: u32,
}

/// One entry of the directory.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DirectoryEntry {
    /// The record.
    pub id: Uuid,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Customer number, serial number or part number; empty for none.
    pub number: String,
    /// Whose site, asset or contact it is.
    pub customer: Option<Uuid>,
    /// That customer's name; empty when unknown.
    pub customer_name: String,
    /// Where the asset stands.
    pub site: Option<Uuid>,
}

impl From<read::DirectoryEntry> for DirectoryEntry {
    fn from(entry: read::DirectoryEntry) -> Self {
        Self {
            id: entry.id.0,
            kind: entry.kind,
            name: entry.name,
            number: entry.number,
            customer: entry.customer.map(|customer| customer.0),
            customer_name: entry.customer_name,
            site: entry.site.map(|site| site.0),
        }
    }
}

/// A part of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Part {
    /// The record.
    pub id: Uuid,
    /// Part number.
    pub number: String,
    /// What it is.
    pub name: String,
    /// Unit in which it is counted.
    pub unit: String,
    /// Price of one unit, minor units.
    pub price_minor: Option<i64>,
    /// Currency of the price.
    pub currency: Option<String>,
}

#[uniffi::export]
impl Device {
    /// The parts of the catalogue that `text` finds, best first; in order of name for an empty text. At most `limit`, 50
    /// when 0.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`, `Defect` when the store cannot be read.
    pub fn catalogue(&self, text: String, limit: u32) -> Result<Vec<Part>, FieldsyncError> {
        self.call(|engine| {
            let part = |part: read::Part| Part {
                id: part.id.0,
                number: part.number,
                name: part.name,
                unit: part.unit,
                price_minor: part.price_minor,
                currency: part.currency,
            };
            Ok(engine.catalogue(&text, limit)?.into_iter().map(part).collect())
        })
    }

    /// The customers, contacts, sites, assets and technicians that the filter names.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`, `Defect` when the store cannot be read.
    pub fn directory(&self, filter: DirectoryFilter) -> Result<Vec<DirectoryEntry>, FieldsyncError> {
        self.call(|engine| {
            Ok(all(engine.directory(&read::DirectoryFilter {
                kind: filter.kind,
                customer: filter.customer.map(RecordId),
                text: filter.text,
                limit: filter.limit,
            })?))
        })
    }
}
