//! Lists: jobs, days, histories, search.

use fieldsync::Device;
use fieldsync::protocol::amount::{money, quantity};
use fieldsync::read::{JobFilter, JobSummary, Missing};
use serde_json::json;

use crate::args::{DayOf, Find, JobOf, Jobs, Search, Why};
use crate::failure::Failure;
use crate::text::{Table, Zone, short};
use crate::{Answer, lookup};

pub(crate) fn jobs(device: &Device, arguments: &Jobs, zone: Zone) -> Result<Answer, Failure> {
    let day = arguments.day.as_deref().map(|day| zone.day(day, device.now_ms())).transpose()?;
    let after = arguments.after.as_deref().map(str::parse).transpose()?;
    let page = device.jobs(&JobFilter {
        statuses: arguments.status.clone(),
        day,
        priority: arguments.priority.clone(),
        text: arguments.text.clone(),
        mine_only: arguments.mine,
        sort: arguments.sort.into(),
        limit: arguments.limit,
        after,
    })?;
    let counts = device.job_counts()?;
    let mut text = table(&page.items, zone);
    if !counts.is_empty() {
        let counted = counts.iter().map(|(status, count)| format!("{count} {}", status.label().to_lowercase()));
        text.push_str(&format!("\non this device: {}\n", counted.collect::<Vec<_>>().join(", ")));
    }
    if let Some(next) = &page.next {
        text.push_str(&format!("more: --after {next}\n"));
    }
    let counts: serde_json::Map<String, serde_json::Value> =
        counts.into_iter().map(|(status, count)| (status.name().to_owned(), count.into())).collect();
    Ok(Answer::new(json!({ "jobs": page.items, "next": page.next, "counts": counts }), text))
}

/// Jobs lined up. Marks: `*` still only here, `!` needs a decision, `x` not accepted, `~` differs from what was signed.
pub(crate) fn table(jobs: &[JobSummary], zone: Zone) -> String {
    let mut table = Table::new(&["NUMBER", "", "STATUS", "PRIORITY", "PLANNED", "DUE", "CUSTOMER", "PROBLEM"]);
    for job in jobs {
        let marks =
            [(job.has_pending, '*'), (job.has_conflict, '!'), (job.has_refused, 'x'), (job.differs_from_signed, '~')];
        table.row([
            job.number.clone(),
            marks.iter().filter(|(is_so, _)| *is_so).map(|(_, mark)| mark).collect(),
            job.status.label().to_owned(),
            job.priority.clone(),
            zone.some_time(job.planned_from_ms),
            zone.some_time(job.due_ms),
            short(&job.customer, 24),
            short(&job.problem, 48),
        ]);
    }
    table.text("no jobs")
}

pub(crate) fn day(device: &Device, arguments: &DayOf, zone: Zone) -> Result<Answer, Failure> {
    let plan = device.day_plan(zone.day(&arguments.day, device.now_ms())?)?;
    let mut text = format!("planned\n{}", table(&plan.planned, zone));
    if !plan.due.is_empty() {
        text.push_str(&format!("\ndue, not planned\n{}", table(&plan.due, zone)));
    }
    Ok(Answer::new(json!(plan), text))
}

pub(crate) fn history(device: &Device, arguments: &JobOf, zone: Zone) -> Result<Answer, Failure> {
    let page = device.job(lookup::job(device, &arguments.job)?)?;
    let asset = page.asset.ok_or_else(|| Failure::Usage("the work order names no machine".to_owned()))?;
    let visits = device.asset_history(asset.id, 100, None)?;
    let mut table = Table::new(&["NUMBER", "STATUS", "VISITED", "OUTCOME", "PROBLEM", "DONE", "PARTS"]);
    for visit in &visits.items {
        let parts = visit.parts.iter().map(|part| format!("{} {}", quantity(part.quantity_milli), part.number));
        table.row([
            visit.number.clone(),
            visit.status.label().to_owned(),
            zone.some_time(visit.visited_ms),
            visit.outcome.clone().unwrap_or_else(|| "-".to_owned()),
            short(&visit.problem, 40),
            short(&visit.summary, 48),
            parts.collect::<Vec<_>>().join(", "),
        ]);
    }
    let text = format!("{}\n{}", asset.name, table.text("nothing was done on it"));
    Ok(Answer::new(json!({ "asset": asset.id, "name": asset.name, "visits": visits.items }), text))
}

pub(crate) fn search(device: &Device, arguments: &Search) -> Result<Answer, Failure> {
    let found = device.search(&arguments.words.join(" "), arguments.limit)?;
    let mut text = String::new();
    for correction in &found.corrections {
        text.push_str(&format!("nothing says {}; found {}\n", correction.typed, correction.taken.join(", ")));
    }
    let mut jobs = Table::new(&["NUMBER", "STATUS", "WHERE", "FOUND"]);
    for hit in &found.jobs {
        let snippet =
            hit.snippet.iter().map(|part| if part.is_match { format!("[{}]", part.text) } else { part.text.clone() });
        jobs.row([
            hit.job.number.clone(),
            hit.job.status.label().to_owned(),
            hit.place.to_owned(),
            snippet.collect::<String>(),
        ]);
    }
    text.push_str(&jobs.text("no job says that"));
    if !found.directory.is_empty() {
        let mut entries = Table::new(&["KIND", "NAME", "NUMBER", "CUSTOMER"]);
        for entry in &found.directory {
            entries.row([entry.kind.clone(), entry.name.clone(), entry.number.clone(), entry.customer_name.clone()]);
        }
        text.push_str(&format!("\n{}", entries.text("")));
    }
    Ok(Answer::new(json!(found), text))
}

pub(crate) fn why(device: &Device, arguments: &Why) -> Result<Answer, Failure> {
    let explanation = device.explain(lookup::any(device, &arguments.record)?)?;
    Ok(Answer::new(json!(explanation), explanation.to_string()))
}

pub(crate) fn catalogue(device: &Device, arguments: &Find) -> Result<Answer, Failure> {
    let parts = device.catalogue(&arguments.words.join(" "), arguments.limit)?;
    let mut table = Table::new(&["NUMBER", "NAME", "UNIT", "PRICE"]);
    for part in &parts {
        let price = part.price_minor.map(|minor| money(minor, part.currency.as_deref().unwrap_or("")));
        table.row([part.number.clone(), part.name.clone(), part.unit.clone(), price.unwrap_or_default()]);
    }
    Ok(Answer::new(json!(parts), table.text("no part is called that")))
}

pub(crate) fn customers(device: &Device, arguments: &Find) -> Result<Answer, Failure> {
    let customers = device.customers(&arguments.words.join(" "), arguments.limit)?;
    let mut table = Table::new(&["NAME", "NUMBER", "ID"]);
    for customer in &customers {
        table.row([customer.name.clone(), customer.number.clone(), customer.id.to_string()]);
    }
    Ok(Answer::new(json!(customers), table.text("no customer is called that")))
}

/// What a job still needs, for people.
pub(crate) fn missing(missing: &[Missing]) -> String {
    missing.iter().map(|missing| missing.text()).collect::<Vec<_>>().join("; ")
}
