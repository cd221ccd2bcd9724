//! Customers, contacts, sites, assets, parts and technicians by name, and the words they are found by.

use fieldsync_protocol::search::index_tokens;
use fieldsync_protocol::{Fields, FieldsExt, Record, RecordId, show};
use rusqlite::{Transaction, params};

use super::{place, text};
use crate::error::Error;

/// What one line of the directory says.
struct Line {
    name: String,
    number: String,
    customer: Option<RecordId>,
    site: Option<RecordId>,
    words: String,
}

/// Replaces the line of `record` by what it shows now; records of other kinds have none.
pub(super) fn put(tx: &Transaction<'_>, record: &Record) -> Result<(), Error> {
    let Some(line) = line(record) else { return remove(tx, record.id) };
    let (customer, site) = (line.customer.as_ref().map(RecordId::as_bytes), line.site.as_ref().map(RecordId::as_bytes));
    let place: i64 = tx
        .prepare_cached(
            "insert into directory (id, kind, name, number, customer, site) values (?1, ?2, ?3, ?4, ?5, ?6)
             on conflict (id) do update set kind = excluded.kind, name = excluded.name, number = excluded.number,
                 customer = excluded.customer, site = excluded.site
             returning place",
        )?
        .query_row(params![record.id.as_bytes(), record.kind, line.name, line.number, customer, site], |row| {
            row.get(0)
        })?;
    tx.prepare_cached("delete from directory_text where rowid = ?1")?.execute(params![place])?;
    tx.prepare_cached("insert into directory_text (rowid, words) values (?1, ?2)")?
        .execute(params![place, index_tokens(&line.words)])?;
    Ok(())
}

/// Forgets a record that is gone.
pub(super) fn remove(tx: &Transaction<'_>, id: RecordId) -> Result<(), Error> {
    if let Some(place) = place(tx, "select place from directory where id = ?1", id)? {
        tx.prepare_cached("delete from directory_text where rowid = ?1")?.execute(params![place])?;
        tx.prepare_cached("delete from directory where place = ?1")?.execute(params![place])?;
    }
    Ok(())
}

fn line(record: &Record) -> Option<Line> {
    let main = show::main_fields(record)?;
    let group = |name: &str| show::fields(record, name);
    let text = |fields: Option<&Fields>, name: &str| {
        fields.and_then(|fields| fields.text(name)).unwrap_or_default().to_owned()
    };
    let name = main.text("name").unwrap_or_default().to_owned();
    let mut line =
        Line { name, number: String::new(), customer: main.id("customer"), site: None, words: String::new() };
    let more = match record.kind.as_str() {
        "customer" => {
            line.number = text(Some(main), "number");
            line.customer = None;
            vec![text(group("reach"), "phone"), address(group("address"))]
        }
        "contact" => vec![text(Some(main), "role"), text(Some(main), "phone")],
        "site" => vec![address(group("address"))],
        "asset" => {
            line.number = text(Some(main), "serial");
            line.customer = group("place").and_then(|fields| fields.id("customer"));
            line.site = group("place").and_then(|fields| fields.id("site"));
            vec![text(Some(main), "model")]
        }
        "part" => {
            line.number = text(Some(main), "number");
            Vec::new()
        }
        "technician" => vec![text(Some(main), "skills")],
        _ => return None,
    };
    line.words =
        text::joined([line.name.as_str(), line.number.as_str()].into_iter().chain(more.iter().map(String::as_str)));
    Some(line)
}

fn address(fields: Option<&Fields>) -> String {
    let part = |name: &str| fields.and_then(|fields| fields.text(name)).unwrap_or_default();
    text::joined([part("street"), part("postcode"), part("city")])
}
