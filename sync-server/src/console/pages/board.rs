//! The board, read from the store's rows.

use std::collections::BTreeMap;

use axum::extract::Query;
use axum::response::Response;
use fieldsync_protocol::kinds::PRIORITIES;
use fieldsync_protocol::status::Status;
use fieldsync_protocol::{RecordId, search, show as shown};
use serde::Deserialize;

use crate::console::desk::Desk;
use crate::console::failure::Failure;
use crate::console::view::board::{Board, Column, Filter, Heard, PageLink, Pages, Row, Tab, page_numbers};
use crate::console::view::frame::{Choice, Place};
use crate::console::view::show::{Chip, Due, counted, grouped, priority, status, tone};
use crate::console::words::encoded;
use crate::store::{JobQuery, JobRow, Sort, Txn};

/// Rows on one page.
const PAGE_ROWS: u64 = 50;
const DAY_MS: i64 = 86_400_000;
/// A device not heard for this long is worth a call.
pub(super) const LONG_AGO_MS: i64 = 2 * DAY_MS;

/// The board's address: everything that is filtered and sorted by.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    status: String,
    q: String,
    technician: String,
    due: String,
    day: String,
    sort: String,
    page: String,
}

impl Asked {
    /// The address with one part changed; changing anything but the page goes back to the first page.
    fn with(&self, name: &str, value: &str) -> String {
        let parts = [
            ("status", &self.status),
            ("q", &self.q),
            ("technician", &self.technician),
            ("due", &self.due),
            ("day", &self.day),
            ("sort", &self.sort),
        ];
        let kept = parts.into_iter().filter(|(part, text)| *part != name && !text.is_empty());
        let mut pairs: Vec<String> = kept.map(|(part, text)| format!("{part}={}", encoded(text))).collect();
        if !value.is_empty() {
            pairs.push(format!("{name}={}", encoded(value)));
        }
        if pairs.is_empty() { "/board".to_owned() } else { format!("/board?{}", pairs.join("&")) }
    }

    fn is_filtered(&self) -> bool {
        [&self.q, &self.technician, &self.due, &self.day].iter().any(|text| !text.is_empty())
    }

    fn sort(&self) -> Sort {
        match self.sort.as_str() {
            "number" => Sort::Number,
            "status" => Sort::Status,
            "priority" => Sort::Priority,
            "customer" => Sort::Customer,
            "due" => Sort::Due,
            _ => Sort::Changed,
        }
    }

    /// The filter without status and paging.
    fn query(&self, desk: &Desk) -> JobQuery {
        let today = desk.zone.start_of_day(desk.now_ms());
        let (from_ms, to_ms) = match (desk.zone.parse_date(&self.day), self.due.as_str()) {
            (Some(day), _) => (Some(day), Some(day + DAY_MS)),
            (None, "past") => (None, Some(today)),
            (None, "today") => (Some(today), Some(today + DAY_MS)),
            (None, "tomorrow") => (Some(today + DAY_MS), Some(today + 2 * DAY_MS)),
            (None, "week") => (Some(today), Some(today + 7 * DAY_MS)),
            (None, _) => (None, None),
        };
        JobQuery {
            technician: self.technician.parse().ok(),
            from_ms,
            to_ms,
            text: search::match_expression(&self.q),
            sort: self.sort(),
            limit: PAGE_ROWS,
            ..JobQuery::default()
        }
    }
}

pub(super) async fn show(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let page = desk.read(move |desk, txn| board(desk, txn, &asked)).await?;
    Ok(desk.page(&page))
}

fn board(desk: &Desk, txn: &mut dyn Txn, asked: &Asked) -> Result<Board, Failure> {
    let mut query = asked.query(desk);
    let counts = txn.count_by_status(&query)?;
    let (tabs, attention) = tabs(txn, asked, &query, &counts)?;
    match asked.status.as_str() {
        "needs_person" => query.needs_person = true,
        "late" => query.late = true,
        name => query.statuses = Status::from_name(name).into_iter().collect(),
    }
    let total = txn.count_jobs(&query)?;
    let last = usize::try_from(total.div_ceil(PAGE_ROWS)).unwrap_or(usize::MAX).max(1);
    let number = asked.page.parse().unwrap_or(1_usize).clamp(1, last);
    query.offset = (number as u64 - 1) * PAGE_ROWS;
    let team = team(txn)?;
    let rows: Vec<Row> = txn.jobs(&query)?.into_iter().map(|job| row(desk, &team, job)).collect();
    let is_new_office = rows.is_empty() && !asked.is_filtered() && counts.values().sum::<u64>() == 0;
    Ok(Board {
        frame: desk.frame(txn, "Board", Place::Board)?,
        tabs,
        attention,
        filter: filter(asked, &team),
        columns: columns(asked),
        pages: pages(asked, number, last, total, rows.len()),
        rows,
        is_new_office,
    })
}

fn tabs(
    txn: &mut dyn Txn,
    asked: &Asked,
    query: &JobQuery,
    counts: &BTreeMap<Status, u64>,
) -> Result<(Vec<Tab>, Vec<Tab>), Failure> {
    let tab = |tone, label: &str, name: &str, count: u64| Tab {
        tone,
        label: label.to_owned(),
        count: grouped(i64::try_from(count).unwrap_or(i64::MAX)),
        href: asked.with("status", name),
        is_current: asked.status == name,
        is_empty: count == 0,
    };
    let mut tabs = vec![tab("slate", "All", "", counts.values().sum())];
    tabs.extend(
        Status::ALL
            .into_iter()
            .map(|status| tab(tone(status), status.label(), status.name(), counts.get(&status).copied().unwrap_or(0))),
    );
    let needs_person = txn.count_jobs(&JobQuery { needs_person: true, ..query.clone() })?;
    let late = txn.count_jobs(&JobQuery { late: true, ..query.clone() })?;
    let attention =
        vec![tab("red", "Needs a person", "needs_person", needs_person), tab("orange", "Late work", "late", late)];
    Ok((tabs, attention))
}

fn filter(asked: &Asked, team: &[Mate]) -> Filter {
    let choice = |value: &str, label: &str, chosen: &str| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        is_chosen: value == chosen,
    };
    let mut technicians = vec![choice("", "Anyone", &asked.technician)];
    technicians.extend(team.iter().map(|mate| choice(&mate.id.to_string(), &mate.name, &asked.technician)));
    let dues = [
        ("", "Any time"),
        ("past", "Before today"),
        ("today", "Today"),
        ("tomorrow", "Tomorrow"),
        ("week", "Next 7 days"),
    ];
    let cleared = Asked { status: asked.status.clone(), sort: asked.sort.clone(), ..Asked::default() };
    Filter {
        status: asked.status.clone(),
        sort: asked.sort.clone(),
        text: asked.q.clone(),
        technicians,
        dues: Choice::of(&dues, &asked.due),
        day: asked.day.clone(),
        clear_href: asked.is_filtered().then(|| cleared.with("", "")),
    }
}

fn columns(asked: &Asked) -> Vec<Column> {
    let table: [(&'static str, &'static str, &str); 8] = [
        ("c-number", "Order", "number"),
        ("c-status", "Status", "status"),
        ("c-priority", "Priority", "priority"),
        ("c-customer", "Customer, site", "customer"),
        ("c-asset", "Asset", ""),
        ("c-problem", "Problem", ""),
        ("c-due", "Due", "due"),
        ("c-technicians", "Technicians", ""),
    ];
    let column = |(class, label, sort): (&'static str, &'static str, &str)| {
        let is_sorted = !sort.is_empty() && asked.sort == sort;
        Column {
            class,
            label,
            // The second click leads back to what changed last.
            href: (!sort.is_empty()).then(|| asked.with("sort", if is_sorted { "" } else { sort })),
            sorted: if is_sorted { "ascending" } else { "none" },
        }
    };
    table.into_iter().map(column).collect()
}

fn pages(asked: &Asked, number: usize, last: usize, total: u64, rows: usize) -> Pages {
    let href = |number: usize| asked.with("page", &if number == 1 { String::new() } else { number.to_string() });
    let from = (number as u64 - 1) * PAGE_ROWS;
    let text = |count: u64| grouped(i64::try_from(count).unwrap_or(i64::MAX));
    Pages {
        from: text(from + 1),
        to: text(from + rows as u64),
        total: text(total),
        previous: (number > 1).then(|| href(number - 1)),
        next: (number < last).then(|| href(number + 1)),
        numbers: page_numbers(number, last)
            .into_iter()
            .map(|page| page.map(|page| PageLink { number: page, href: href(page), is_current: page == number }))
            .collect(),
    }
}

fn row(desk: &Desk, team: &[Mate], job: JobRow) -> Row {
    let now_ms = desk.now_ms();
    let is_open = !matches!(job.status, Status::Approved | Status::Cancelled);
    let names: Vec<String> = job.technicians.split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let contacts = team.iter().filter(|mate| names.contains(&mate.name)).filter_map(|mate| mate.contact_ms);
    let heard = contacts
        .max()
        .filter(|_| is_open)
        .map(|ms| Heard { when: desk.zone.ago(ms, now_ms), is_long_ago: now_ms - ms > LONG_AGO_MS });
    Row {
        href: format!("/jobs/{}", job.id),
        status: status(job.status),
        priority: priority(PRIORITIES.get(usize::from(job.priority)).copied().unwrap_or("")),
        due: due(desk, &job, is_open),
        heard,
        marks: marks(&job),
        technicians: names,
        number: job.number,
        customer: job.customer,
        site: job.site,
        asset: job.asset,
        problem: job.problem,
    }
}

/// When it is due, or planned, or was asked for: the first of these that is known, named by its hint.
fn due(desk: &Desk, job: &JobRow, is_open: bool) -> Option<Due> {
    let now_ms = desk.now_ms();
    if let Some(ms) = job.due_ms {
        return Some(desk.zone.due(ms, now_ms, is_open));
    }
    let calm = |ms, hint: &str| Due { when: desk.zone.brief(ms, now_ms), tone: "calm", hint: hint.to_owned() };
    job.planned_ms.map(|ms| calm(ms, "planned")).or_else(|| job.requested_ms.map(|ms| calm(ms, "asked for")))
}

fn marks(job: &JobRow) -> Vec<Chip> {
    let mut marks = Vec::new();
    let mut mark = |tone, text: String| marks.push(Chip::new(tone, text));
    if job.conflicts > 0 {
        mark("red", counted(job.conflicts.into(), "conflict", "conflicts"));
    }
    if job.is_late {
        mark("orange", "late work".to_owned());
    }
    if job.held > 0 {
        mark("orange", format!("{} held", job.held));
    }
    if job.differs {
        mark("amber", "differs from signed".to_owned());
    }
    if job.proposals > 0 {
        mark("amber", counted(job.proposals.into(), "proposal", "proposals"));
    }
    if job.missing_blobs > 0 {
        mark("slate", format!("{} not arrived", counted(job.missing_blobs.into(), "photo", "photos")));
    }
    marks
}

/// A technician and when one of his devices was last heard.
#[derive(Debug, Clone)]
pub(super) struct Mate {
    pub(super) id: RecordId,
    pub(super) name: String,
    pub(super) skills: String,
    pub(super) contact_ms: Option<i64>,
    pub(super) has_device: bool,
    pub(super) is_active: bool,
}

/// The team in order of name.
pub(super) fn team(txn: &mut dyn Txn) -> Result<Vec<Mate>, Failure> {
    use fieldsync_protocol::FieldsExt;
    let devices = txn.devices()?;
    let mut team = Vec::new();
    for record in txn.of_kind("technician")? {
        let own = || devices.iter().filter(|device| device.person.0 == record.id.0 && device.revoked_ms.is_none());
        let skills = shown::fields(&record, "profile").and_then(|profile| profile.text("skills")).unwrap_or_default();
        team.push(Mate {
            id: record.id,
            name: shown::name(&record).unwrap_or("without a name").to_owned(),
            skills: skills.to_owned(),
            contact_ms: own().filter_map(|device| device.contact_ms).max(),
            has_device: own().next().is_some(),
            is_active: shown::fields(&record, "standing").is_none_or(|standing| standing.flag("active")),
        });
    }
    team.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(team)
}
