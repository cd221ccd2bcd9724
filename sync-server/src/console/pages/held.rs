//! Held work: what waits for a person, and what was refused.

use std::collections::BTreeMap;

use axum::Form;
use axum::extract::Query;
use axum::response::Response;
use fieldsync_protocol::rights::Code;
use fieldsync_protocol::{DeviceId, Fields, PersonId, RecordId, show as shown};
use serde::Deserialize;

use super::job::people::People;
use crate::console::desk::Desk;
use crate::console::failure::Failure;
use crate::console::view::board::Tab;
use crate::console::view::frame::Place;
use crate::console::view::held::{Held, HeldChange, HeldPage, JobLink};
use crate::console::view::show::{Chip, grouped, status};
use crate::console::words::{Names, Speaker, group_label, kind_label};
use crate::store::{self, RefusedRow, Txn};
use crate::sync::edit::EditError;
use crate::sync::held::{discard as put_away, release as let_in};

/// Refusals listed: the latest; the devices keep the content of all of them.
const REFUSED_SHOWN: u64 = 200;
/// Edits decided in one click.
const IDS_MAX: usize = 1_000;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    show: String,
}

#[derive(Deserialize)]
pub(super) struct Chosen {
    ids: String,
}

impl Chosen {
    fn ids(&self) -> Result<Vec<RecordId>, Failure> {
        let ids: Result<Vec<RecordId>, _> = self.ids.split_whitespace().take(IDS_MAX).map(str::parse).collect();
        ids.map_err(|_| Failure::NotFound)
    }
}

pub(super) async fn show(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let page = desk
        .read(move |desk, txn| {
            let waiting = bundles(txn.all_held(true)?);
            let refused = txn.refused(REFUSED_SHOWN)?;
            let is_refused = asked.show == "refused";
            let tab = |tone, label: &str, href: &str, count: usize, is_current| Tab {
                tone,
                label: label.to_owned(),
                count: grouped(count as i64),
                href: href.to_owned(),
                is_current,
                is_empty: count == 0,
            };
            let tabs = vec![
                tab("orange", "Waiting for you", "/held", waiting.len(), !is_refused),
                tab("slate", "Refused", "/held?show=refused", refused.len(), is_refused),
            ];
            let mut people = People::default();
            let mut items = Vec::new();
            if is_refused {
                for row in &refused {
                    items.push(refusal(desk, txn, &mut people, row)?);
                }
            } else {
                for bundle in &waiting {
                    items.push(bundle_item(desk, txn, &mut people, bundle)?);
                }
            }
            Ok(HeldPage { frame: desk.frame(txn, "Held work", Place::Held)?, tabs, items })
        })
        .await?;
    Ok(desk.page(&page))
}

pub(super) async fn release(desk: Desk, Form(chosen): Form<Chosen>) -> Result<Response, Failure> {
    let ids = chosen.ids()?;
    let outcome = desk.write(move |desk, txn| decide_all(desk, txn, &ids, let_in)).await;
    desk.outcome("/held", outcome.map(|()| "Released: it is applied as its author's work."))
}

pub(super) async fn discard(desk: Desk, Form(chosen): Form<Chosen>) -> Result<Response, Failure> {
    let ids = chosen.ids()?;
    let outcome = desk.write(move |desk, txn| decide_all(desk, txn, &ids, put_away)).await;
    desk.outcome(
        "/held",
        outcome.map(|()| "Discarded: it stays readable in the office's store and is applied to nothing."),
    )
}

type Decide =
    fn(&crate::office::Office, &mut dyn Txn, &fieldsync_protocol::rights::Actor, RecordId) -> Result<(), EditError>;

fn decide_all(desk: &Desk, txn: &mut dyn Txn, ids: &[RecordId], decide: Decide) -> Result<(), Failure> {
    // Ids grow with arrival, so what a record needs first comes first.
    let mut ids = ids.to_vec();
    ids.sort();
    for id in ids {
        decide(&desk.state().office, txn, &desk.actor, id)?;
    }
    Ok(())
}

/// Held edits that a person decides together: one job's, from one device, held for one reason.
fn bundles(held: Vec<store::Held>) -> Vec<Vec<store::Held>> {
    let mut bundles: BTreeMap<(RecordId, DeviceId, Code), Vec<store::Held>> = BTreeMap::new();
    for edit in held {
        bundles.entry((edit.work_order.unwrap_or(edit.record), edit.device, edit.code)).or_default().push(edit);
    }
    let mut bundles: Vec<_> = bundles.into_values().collect();
    bundles.sort_by_key(|bundle| std::cmp::Reverse(bundle.iter().map(|edit| edit.arrived_ms).max()));
    bundles
}

fn bundle_item(desk: &Desk, txn: &mut dyn Txn, people: &mut People, bundle: &[store::Held]) -> Result<Held, Failure> {
    let first = bundle.first().ok_or(Failure::NotFound)?;
    let mut changes = Vec::new();
    for held in bundle {
        let record = txn.record(held.record)?.map(|stored| stored.record);
        let now = record.as_ref().and_then(|record| shown::fields(record, &held.edit.group));
        changes.extend(changes_of(desk, txn, people, held, now)?);
    }
    let author = people.name(txn, first.person)?;
    let now_ms = desk.now_ms();
    let happened = bundle.iter().map(|held| held.edit.stamp.happened_ms()).max().unwrap_or_default();
    Ok(Held {
        id: format!("held-{}", first.id),
        reason: reason(first.code),
        why: why(first.code).to_owned(),
        person: author.clone(),
        device: people.device(txn, first.device)?,
        happened: desk.zone.brief(happened, now_ms),
        arrived: desk.zone.brief(first.arrived_ms, now_ms),
        what: kind_label(&first.kind),
        job: job_link(txn, first.work_order.unwrap_or(first.record))?,
        changes,
        effect: format!(
            "Release applies it as {author}'s work, beside what the office has now. Discard applies nothing; it stays \
             in the office's store and on the device."
        ),
        ids: bundle.iter().map(|held| held.id.to_string()).collect::<Vec<_>>().join(" "),
    })
}

fn changes_of(
    desk: &Desk,
    txn: &mut dyn Txn,
    people: &mut People,
    held: &store::Held,
    now: Option<&Fields>,
) -> Result<Vec<HeldChange>, Failure> {
    let names: Names = people.names_in(txn, &held.edit.fields)?;
    let speaker = Speaker { zone: desk.zone, names: &names };
    let kind = kind_label(&held.kind);
    let facts = speaker.facts(&held.kind, &held.edit.group, &held.edit.fields);
    let current: BTreeMap<String, String> =
        now.map(|now| speaker.facts(&held.kind, &held.edit.group, now)).unwrap_or_default().into_iter().collect();
    let hidden = ["Work order", "Technician", "Seen"];
    Ok(facts
        .into_iter()
        .filter(|(label, _)| !hidden.contains(&label.as_str()))
        .map(|(label, value)| HeldChange {
            now: current.get(&label).cloned().unwrap_or_default(),
            field: if label == kind { label } else { format!("{kind}: {}", label.to_lowercase()) },
            held: value,
        })
        .collect())
}

fn refusal(desk: &Desk, txn: &mut dyn Txn, people: &mut People, row: &RefusedRow) -> Result<Held, Failure> {
    let when = desk.zone.brief(row.at_ms, desk.now_ms());
    let order = txn.record(row.record)?.and_then(|stored| {
        use fieldsync_protocol::FieldsExt;
        shown::main_fields(&stored.record).and_then(|main| main.id("work_order"))
    });
    Ok(Held {
        id: format!("refused-{}-{}-{}", row.record, row.dot.replica, row.dot.counter),
        reason: Chip::new("slate", "refused"),
        why: format!("{}, {}: {}.", kind_label(&row.kind), group_label(&row.group).to_lowercase(), row.code.text()),
        person: people.name(txn, row.person)?,
        device: people.device(txn, row.device)?,
        happened: when.clone(),
        arrived: when,
        what: kind_label(&row.kind),
        job: job_link(txn, order.unwrap_or(row.record))?,
        changes: Vec::new(),
        effect: format!("It is kept on the device, with this reason. What helps: {}.", row.code.remedy()),
        ids: String::new(),
    })
}

fn job_link(txn: &mut dyn Txn, order: RecordId) -> Result<Option<JobLink>, Failure> {
    Ok(txn.job(order)?.map(|job| JobLink {
        href: format!("/jobs/{order}"),
        number: job.number,
        title: job.problem,
        status: status(job.status),
    }))
}

fn reason(code: Code) -> Chip {
    match code {
        Code::Withdrawn => Chip::new("orange", "late work"),
        Code::Revoked => Chip::new("violet", "revoked device"),
        Code::Retired => Chip::new("violet", "retired device"),
        Code::Collected => Chip::new("slate", "deleted record"),
        Code::OutOfScope => Chip::new("amber", "refill without seal"),
        _ => Chip::new("amber", "held"),
    }
}

fn why(code: Code) -> &'static str {
    match code {
        Code::Withdrawn => "The job had been taken away, and the device had been told, when this was written.",
        Code::Revoked => "The device was revoked. What it still pushed is kept here.",
        Code::Retired => "The device had been given up, and came back. What it had not sent by then is kept here.",
        Code::Collected => {
            "The record was deleted, every device was told, and it is kept no more. It cannot come back: what is here can \
             be read, entered anew elsewhere, or put away."
        }
        Code::OutOfScope => {
            "The device offered something back that the office does not know, and the office's seal on it does not \
             hold. It may come from a time that a restore lost, or from elsewhere."
        }
        other => other.text(),
    }
}

/// Names of a person in a list of held work.
impl People {
    fn names_in(&mut self, txn: &mut dyn Txn, fields: &Fields) -> Result<Names, Failure> {
        let mut names = Names::new();
        for value in fields.values() {
            if let Some(id) = value.as_uuid() {
                let name = self.name(txn, PersonId(id))?;
                names.insert(RecordId(id), name);
            }
        }
        Ok(names)
    }
}
