//! Customers, contacts, sites, assets and technicians by name, and the catalogue of parts.

use fieldsync_protocol::{FieldsExt, RecordId, show};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};
use serde::Serialize;

use super::bounded;
use crate::error::Error;
use crate::projection::{id_column, optional_id_column};
use crate::{search, store};

/// Which entries of the directory to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectoryFilter {
    /// Only this kind: `customer`, `contact`, `site`, `asset`, `technician` or `part`.
    pub kind: Option<String>,
    /// Only what belongs to this customer.
    pub customer: Option<RecordId>,
    /// Only what this finds by name, number, address, model or skill, best first; everything by name when empty.
    pub text: String,
    /// Most entries; [`super::LIMIT_DEFAULT`] when 0.
    pub limit: u32,
}

/// One entry of the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DirectoryEntry {
    /// The record.
    pub id: RecordId,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Customer number, serial number or part number; empty for none.
    pub number: String,
    /// Whose site, asset or contact it is.
    pub customer: Option<RecordId>,
    /// That customer's name; empty when unknown.
    pub customer_name: String,
    /// Where the asset stands.
    pub site: Option<RecordId>,
}

/// A part of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// The record.
    pub id: RecordId,
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

pub(crate) fn list(conn: &Connection, filter: &DirectoryFilter) -> Result<Vec<DirectoryEntry>, Error> {
    let (mut conditions, mut values) = (vec!["true"], Vec::new());
    if let Some(kind) = &filter.kind {
        conditions.push("entry.kind = ?");
        values.push(Sql::Text(kind.clone()));
    }
    if let Some(customer) = &filter.customer {
        conditions.push("entry.customer = ?");
        values.push(Sql::Blob(customer.as_bytes().to_vec()));
    }
    let mut source = "directory as entry";
    let mut order = "entry.name collate nocase, entry.id";
    if !filter.text.trim().is_empty() {
        let Some(wanted) = search::Wanted::understand(conn, &search::DIRECTORY, &filter.text)? else {
            return Ok(Vec::new());
        };
        source = "directory_text join directory as entry on entry.place = directory_text.rowid";
        conditions.push("directory_text match ?");
        values.push(Sql::Text(wanted.expression));
        order = "directory_text.rank, entry.name collate nocase, entry.id";
    }
    values.push(Sql::Integer(i64::from(bounded(filter.limit))));
    let text = format!(
        "select entry.*,
             coalesce((select owner.name from directory as owner where owner.id = entry.customer), '') as customer_name
         from {source} where {} order by {order} limit ?",
        conditions.join(" and ")
    );
    let mut select = conn.prepare_cached(&text)?;
    let rows = select.query_map(params_from_iter(values), |row| {
        Ok(DirectoryEntry {
            id: id_column(row, "id")?,
            kind: row.get("kind")?,
            name: row.get("name")?,
            number: row.get("number")?,
            customer: optional_id_column(row, "customer")?,
            customer_name: row.get("customer_name")?,
            site: optional_id_column(row, "site")?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn catalogue(conn: &Connection, text: &str, limit: u32) -> Result<Vec<Part>, Error> {
    let filter = DirectoryFilter { kind: Some("part".to_owned()), text: text.to_owned(), limit, customer: None };
    let mut parts = Vec::new();
    for entry in list(conn, &filter)? {
        parts.extend(part(conn, entry.id)?);
    }
    Ok(parts)
}

/// The catalogue's part with this id; none when it is not on this device.
fn part(conn: &Connection, id: RecordId) -> Result<Option<Part>, Error> {
    let Some(record) = store::shown(conn, id)?.filter(|record| record.kind == "part") else { return Ok(None) };
    let Some(fields) = show::main_fields(&record) else { return Ok(None) };
    let text = |name: &str| fields.text(name).unwrap_or_default().to_owned();
    Ok(Some(Part {
        id,
        number: text("number"),
        name: text("name"),
        unit: text("unit"),
        price_minor: fields.int("price_minor"),
        currency: fields.text("currency").map(str::to_owned),
    }))
}
