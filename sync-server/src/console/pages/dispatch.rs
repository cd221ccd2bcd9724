//! Who is to do a job.

use axum::Form;
use axum::extract::Path;
use axum::response::Response;
use fieldsync_protocol::{Fields, RecordId, Value, Version, fields};

use super::board::{LONG_AGO_MS, Mate, team};
use crate::console::desk::Desk;
use crate::console::failure::Failure;
use crate::console::view::frame::Place;
use crate::console::view::job_form::{Candidate, Dispatch};
use crate::console::view::show::{priority, span, status};
use crate::console::words::{parse_version, version_field};
use crate::store::{JobQuery, Txn};
use crate::sync::board::{Loaded, load};
use crate::sync::edit::{Draft, edit};

const DAY_MS: i64 = 86_400_000;

pub(super) async fn show(desk: Desk, Path(order): Path<RecordId>) -> Result<Response, Failure> {
    let page = desk.read(move |desk, txn| page(desk, txn, order)).await?;
    Ok(desk.page(&page))
}

fn page(desk: &Desk, txn: &mut dyn Txn, order: RecordId) -> Result<Dispatch, Failure> {
    let loaded = load(txn, order)?.ok_or(Failure::NotFound)?;
    let row = txn.job(order)?.ok_or(Failure::NotFound)?;
    let word = loaded.job.group("plan").map(|plan| text(plan, "priority")).unwrap_or_default();
    let assigned = loaded.job.technicians();
    let planned =
        loaded.job.assignments.iter().filter(|known| known.is_live()).filter_map(|known| known.planned_from_ms).min();
    Ok(Dispatch {
        frame: desk.frame(txn, format!("Dispatch {}", row.number), Place::Board)?,
        job_href: format!("/jobs/{order}"),
        action: format!("/jobs/{order}/dispatch"),
        version: assignments_seen(&loaded),
        status: status(row.status),
        priority: priority(&word),
        due: row.due_ms.map(|ms| desk.zone.due(ms, desk.now_ms(), true)),
        technicians: candidates(desk, txn, &assigned)?,
        start: planned.map(|ms| desk.zone.time_field(ms)).unwrap_or_default(),
        number: row.number,
        problem: row.problem,
        customer: row.customer,
        site: row.site,
    })
}

fn candidates(desk: &Desk, txn: &mut dyn Txn, assigned: &[RecordId]) -> Result<Vec<Candidate>, Failure> {
    let now_ms = desk.now_ms();
    let today = desk.zone.start_of_day(now_ms);
    let load = txn.load()?;
    let busiest = load.values().copied().max().unwrap_or(0).max(1);
    let mut candidates = Vec::new();
    for mate in team(txn)?.into_iter().filter(|mate| mate.is_active || assigned.contains(&mate.id)) {
        let open = load.get(&mate.id).copied().unwrap_or(0);
        let query = JobQuery {
            technician: Some(mate.id),
            from_ms: Some(today),
            to_ms: Some(today + DAY_MS),
            ..JobQuery::default()
        };
        candidates.push(Candidate {
            value: mate.id.to_string(),
            warning: warning(&mate, now_ms),
            is_assigned: assigned.contains(&mate.id),
            open_jobs: usize::try_from(open).unwrap_or(usize::MAX),
            today_jobs: usize::try_from(txn.count_jobs(&query)?).unwrap_or(usize::MAX),
            load_percent: u8::try_from(open * 100 / busiest).unwrap_or(100),
            heard: mate.contact_ms.map(|ms| desk.zone.ago(ms, now_ms)),
            is_silent: mate.contact_ms.is_none_or(|ms| now_ms - ms > LONG_AGO_MS),
            name: mate.name,
            skills: mate.skills,
        });
    }
    Ok(candidates)
}

fn warning(mate: &Mate, now_ms: i64) -> Option<String> {
    match mate.contact_ms {
        _ if !mate.is_active => Some("not active any more".to_owned()),
        _ if !mate.has_device => Some("no device enrolled".to_owned()),
        None => Some("his device never called".to_owned()),
        Some(ms) if now_ms - ms > LONG_AGO_MS => Some(format!("not heard for {}", span(now_ms - ms))),
        Some(_) => None,
    }
}

pub(super) async fn dispatch(
    desk: Desk,
    Path(order): Path<RecordId>,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let value = |name: &str| form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let chosen: Result<Vec<RecordId>, _> =
        form.iter().filter(|(name, _)| name == "technician").map(|(_, value)| value.parse()).collect();
    let chosen = chosen.map_err(|_| Failure::NotFound)?;
    let seen = parse_version(value("version").unwrap_or_default()).unwrap_or_default();
    let start_ms = value("start").and_then(|start| desk.zone.parse_time(start));
    let outcome = desk
        .write(move |desk, txn| {
            let loaded = load(txn, order)?.ok_or(Failure::NotFound)?;
            let drafts = changes(desk, &loaded, &chosen, start_ms, &seen);
            edit(&desk.state().office, txn, &desk.actor, &drafts)?;
            said(drafts.len(), &chosen, &loaded, txn)
        })
        .await;
    desk.outcome(&format!("/jobs/{order}"), outcome)
}

/// New assignments for whoever is new, withdrawals for whoever was unticked, and another start where it changed.
fn changes(desk: &Desk, loaded: &Loaded, chosen: &[RecordId], start_ms: Option<i64>, seen: &Version) -> Vec<Draft> {
    let job = &loaded.job;
    let mut drafts = Vec::new();
    for assignment in job.assignments.iter().filter(|assignment| assignment.is_live()) {
        let stays = assignment.technicians.iter().any(|technician| chosen.contains(technician));
        let (group, fields) = match stays {
            false => ("withdrawn", fields! { "withdrawn" => true }),
            true if assignment.planned_from_ms != start_ms => ("plan", fields! { "planned_from_ms" => start_ms }),
            true => continue,
        };
        let record = loaded.below.iter().find(|record| record.id == assignment.id);
        let context = record.map(|record| met(&record.version, seen));
        drafts.push(Draft { kind: "assignment", id: assignment.id, groups: vec![(group, fields)], context });
    }
    let known = job.technicians();
    for technician in chosen.iter().filter(|technician| !known.contains(technician)) {
        let plan = fields! {
            "work_order" => job.order.id,
            "technician" => *technician,
            "planned_from_ms" => start_ms,
            "lead" => known.is_empty() && chosen.first() == Some(technician),
        };
        drafts.push(Draft::one("assignment", desk.state().office.new_id(), "plan", plan));
    }
    drafts
}

/// What the page had shown of all assignments, as one version: replicas count per record, so it is only an upper bound
/// and is cut down to each record's own version.
fn assignments_seen(loaded: &Loaded) -> String {
    let mut seen = Version::new();
    loaded.below.iter().filter(|record| record.kind == "assignment").for_each(|record| seen.join(&record.version));
    version_field(&seen)
}

fn met(version: &Version, seen: &Version) -> Version {
    version.iter().map(|(replica, counter)| (replica, counter.min(seen.get(replica)))).collect()
}

fn said(count: usize, chosen: &[RecordId], loaded: &Loaded, txn: &mut dyn Txn) -> Result<String, Failure> {
    if count == 0 {
        return Ok("Nothing was different, so nothing was written.".to_owned());
    }
    let mut names = Vec::new();
    for technician in chosen {
        let stored = txn.record(*technician)?;
        let name = stored.as_ref().and_then(|stored| fieldsync_protocol::show::name(&stored.record));
        names.extend(name.map(str::to_owned).or_else(|| loaded.names.get(technician).cloned()));
    }
    Ok(match names.is_empty() {
        true => "Nobody is assigned any more.".to_owned(),
        false => format!("Dispatched to {}.", names.join(", ")),
    })
}

fn text(fields: &Fields, name: &str) -> String {
    fields.get(name).and_then(Value::as_text).unwrap_or_default().to_owned()
}
