//! Search over everything.

use axum::extract::Query;
use axum::response::Response;
use fieldsync_protocol::status::Status;
use fieldsync_protocol::{FieldsExt, Record, search, show};
use serde::Deserialize;

use crate::console::desk::Desk;
use crate::console::failure::Failure;
use crate::console::view::frame::Place;
use crate::console::view::search::{Hit, Search, Section};
use crate::console::view::show::{counted, grouped, status};
use crate::console::words::encoded;
use crate::store::{JobQuery, Txn};

/// Hits shown of each kind; the board and a longer query show the rest.
const HITS_SHOWN: usize = 10;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
}

pub(super) async fn show(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let query: String = asked.q.trim().chars().take(200).collect();
    let page = desk
        .read(move |desk, txn| {
            let mut frame = desk.frame(txn, "Search", Place::Elsewhere)?;
            frame.query.clone_from(&query);
            let sections = if query.is_empty() { Vec::new() } else { sections(desk, txn, &query)? };
            let found = sections.iter().map(|(count, _)| *count).sum::<i64>();
            let total = if query.is_empty() { String::new() } else { counted(found, "result", "results") };
            Ok(Search { frame, total, sections: sections.into_iter().map(|(_, section)| section).collect() })
        })
        .await?;
    Ok(desk.page(&page))
}

fn sections(desk: &Desk, txn: &mut dyn Txn, query: &str) -> Result<Vec<(i64, Section)>, Failure> {
    let mut sections = Vec::new();
    sections.extend(orders(desk, txn, query)?);
    let kinds = [
        ("Customers", "customer", &["number", "phone", "email", "street", "city"][..]),
        ("Sites", "site", &["street", "city"]),
        ("Assets", "asset", &["model", "serial"]),
        ("Contacts", "contact", &["role", "phone"]),
        ("Technicians", "technician", &["skills", "phone"]),
        ("Parts", "part", &["number"]),
    ];
    for (title, kind, fields) in kinds {
        let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
        let mut hits = Vec::new();
        for record in txn.of_kind(kind)? {
            let (Some(name), details) = (show::name(&record), details(&record, fields)) else { continue };
            let text = format!("{name} {details}").to_lowercase();
            if words.iter().all(|word| text.contains(word.as_str())) {
                let href = format!("/board?q={}", encoded(name));
                hits.push(Hit { href, title: name.to_owned(), detail: details, status: None, aside: String::new() });
            }
        }
        hits.sort_by(|one, other| one.title.cmp(&other.title));
        let count = i64::try_from(hits.len()).unwrap_or(i64::MAX);
        hits.truncate(HITS_SHOWN);
        if count > 0 {
            sections.push((count, Section { title, count: grouped(count), hits, all_href: None }));
        }
    }
    Ok(sections)
}

fn orders(desk: &Desk, txn: &mut dyn Txn, query: &str) -> Result<Option<(i64, Section)>, Failure> {
    let Some(text) = search::match_expression(query) else { return Ok(None) };
    let asked = JobQuery { text: Some(text), limit: HITS_SHOWN as u64, ..JobQuery::default() };
    let count = i64::try_from(txn.count_jobs(&asked)?).unwrap_or(i64::MAX);
    if count == 0 {
        return Ok(None);
    }
    let hits = txn.jobs(&asked)?.into_iter().map(|row| {
        let is_open = !matches!(row.status, Status::Approved | Status::Cancelled);
        let due = row.due_ms.map(|ms| desk.zone.due(ms, desk.now_ms(), is_open).when.text);
        let aside: Vec<String> =
            [Some(row.customer), due].into_iter().flatten().filter(|text| !text.is_empty()).collect();
        Hit {
            href: format!("/jobs/{}", row.id),
            title: row.number,
            detail: row.problem,
            status: Some(status(row.status)),
            aside: aside.join(" · "),
        }
    });
    let all_href = (count > HITS_SHOWN as i64).then(|| format!("/board?q={}", encoded(query)));
    Ok(Some((count, Section { title: "Work orders", count: grouped(count), hits: hits.collect(), all_href })))
}

/// What else identifies a record, out of whichever groups hold it.
fn details(record: &Record, fields: &[&str]) -> String {
    let text = |field: &&str| {
        let groups = record.groups.keys().filter_map(|group| show::fields(record, group));
        groups.filter_map(|group| group.text(field)).find(|text| !text.is_empty()).map(str::to_owned)
    };
    fields.iter().filter_map(text).collect::<Vec<_>>().join(" · ")
}
