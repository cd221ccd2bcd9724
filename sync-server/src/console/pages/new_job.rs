//! A new work order, with whatever customer, site and asset it needs.

use axum::Form;
use axum::response::Response;
use fieldsync_protocol::{Fields, FieldsExt, Record, RecordId, fields, show};
use serde::Deserialize;

use super::board::team;
use crate::console::desk::Desk;
use crate::console::failure::Failure;
use crate::console::view::frame::{Choice, Place};
use crate::console::view::job_form::{FieldError, NewJob, NewJobValues};
use crate::console::view::show::{CATEGORIES, PRIORITIES};
use crate::store::Txn;
use crate::sync::edit::{Draft, edit};

/// Names suggested while typing; more would make the page heavy, and typing narrows them anyway.
const NAMES_MAX: usize = 500;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Entered {
    customer: String,
    phone: String,
    site: String,
    street: String,
    asset: String,
    problem: String,
    instructions: String,
    priority: String,
    category: String,
    due: String,
    technician: String,
}

pub(super) async fn show(desk: Desk) -> Result<Response, Failure> {
    let page = desk.read(|desk, txn| page(desk, txn, &Entered::default(), Vec::new())).await?;
    Ok(desk.page(&page))
}

pub(super) async fn create(desk: Desk, Form(entered): Form<Entered>) -> Result<Response, Failure> {
    let entered = entered.trimmed();
    let errors = entered.errors(&desk);
    if !errors.is_empty() {
        // The one POST that does not redirect: nothing was changed, and what was entered is given back.
        let page = desk.read(move |desk, txn| page(desk, txn, &entered, errors)).await?;
        return Ok(desk.page(&page));
    }
    let order = desk.state().office.new_id();
    let outcome = desk
        .write(move |desk, txn| {
            let drafts = drafts(desk, txn, order, &entered)?;
            edit(&desk.state().office, txn, &desk.actor, &drafts)?;
            Ok(txn.job(order)?.map(|row| row.number).unwrap_or_default())
        })
        .await;
    match outcome {
        Ok(number) => Ok(desk.done(&format!("/jobs/{order}"), format!("{number} is registered."))),
        Err(failure) => desk.outcome("/jobs/new", Err::<String, _>(failure)),
    }
}

impl Entered {
    fn trimmed(mut self) -> Self {
        for text in [
            &mut self.customer,
            &mut self.phone,
            &mut self.site,
            &mut self.street,
            &mut self.asset,
            &mut self.problem,
            &mut self.instructions,
        ] {
            *text = text.replace("\r\n", "\n").trim().to_owned();
        }
        self
    }

    fn errors(&self, desk: &Desk) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut wrong = |field, text: &str| errors.push(FieldError { field, text: text.to_owned() });
        if self.customer.is_empty() {
            wrong("customer", "Say for whom it is.");
        }
        if self.problem.is_empty() {
            wrong("problem", "Say what is wrong or to be done, in the customer's words.");
        }
        if !self.due.is_empty() && desk.zone.parse_time(&self.due).is_none() {
            wrong("due", "This is no date and time.");
        }
        errors
    }
}

fn page(desk: &Desk, txn: &mut dyn Txn, entered: &Entered, errors: Vec<FieldError>) -> Result<NewJob, Failure> {
    let or = |text: &str, otherwise: &str| if text.is_empty() { otherwise.to_owned() } else { text.to_owned() };
    let mut technicians =
        vec![Choice { value: String::new(), label: "Nobody yet".to_owned(), is_chosen: entered.technician.is_empty() }];
    technicians.extend(team(txn)?.into_iter().filter(|mate| mate.is_active).map(|mate| {
        let value = mate.id.to_string();
        Choice { is_chosen: value == entered.technician, value, label: mate.name }
    }));
    Ok(NewJob {
        frame: desk.frame(txn, "New work order", Place::Elsewhere)?,
        errors,
        values: NewJobValues {
            customer: entered.customer.clone(),
            phone: entered.phone.clone(),
            site: entered.site.clone(),
            street: entered.street.clone(),
            asset: entered.asset.clone(),
            problem: entered.problem.clone(),
            instructions: entered.instructions.clone(),
            due: entered.due.clone(),
        },
        customers: names(txn, "customer")?,
        sites: names(txn, "site")?,
        assets: names(txn, "asset")?,
        priorities: Choice::of(&PRIORITIES, &or(&entered.priority, "normal")),
        categories: Choice::of(&CATEGORIES, &or(&entered.category, "a_paid")),
        technicians,
    })
}

fn names(txn: &mut dyn Txn, kind: &str) -> Result<Vec<String>, Failure> {
    let records = txn.of_kind(kind)?;
    let mut names: Vec<String> = records.iter().filter_map(show::name).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names.truncate(NAMES_MAX);
    Ok(names)
}

/// The order and whatever records it needs that are not known yet, main groups first.
fn drafts(desk: &Desk, txn: &mut dyn Txn, order: RecordId, entered: &Entered) -> Result<Vec<Draft>, Failure> {
    let mut drafts = Vec::new();
    let origin = || ("origin", fields! { "provisional" => false, "source" => "console" });
    let customer = match known(txn, "customer", &entered.customer, |_| true)? {
        Some(customer) => customer,
        None => {
            let mut groups = vec![("identity", fields! { "name" => entered.customer.as_str() }), origin()];
            if !entered.phone.is_empty() {
                groups.push(("reach", fields! { "phone" => entered.phone.as_str() }));
            }
            add(desk, &mut drafts, "customer", groups)
        }
    };
    let of_customer = |group: &'static str| {
        move |record: &Record| {
            show::fields(record, group).is_none_or(|place| place.id("customer").is_none_or(|id| id == customer))
        }
    };
    let site = match entered.site.as_str() {
        "" => None,
        name => Some(match known(txn, "site", name, of_customer("place"))? {
            Some(site) => site,
            None => {
                let mut groups = vec![("place", fields! { "name" => name, "customer" => customer }), origin()];
                if !entered.street.is_empty() {
                    groups.push(("address", fields! { "street" => entered.street.as_str() }));
                }
                add(desk, &mut drafts, "site", groups)
            }
        }),
    };
    let asset = match entered.asset.as_str() {
        "" => None,
        name => Some(match known(txn, "asset", name, of_customer("place"))? {
            Some(asset) => asset,
            None => {
                let place = ("place", fields! { "customer" => customer, "site" => site });
                add(desk, &mut drafts, "asset", vec![("identity", fields! { "name" => name }), origin(), place])
            }
        }),
    };
    let mut groups = vec![
        ("origin", fields! { "channel" => "console", "requested_ms" => desk.now_ms() }),
        ("parties", fields! { "customer" => customer, "site" => site, "asset" => asset }),
        ("problem", fields! { "text" => entered.problem.as_str() }),
        ("plan", fields! { "priority" => entered.priority.as_str(), "due_ms" => desk.zone.parse_time(&entered.due) }),
        ("category", fields! { "category" => entered.category.as_str() }),
    ];
    if !entered.instructions.is_empty() {
        groups.push(("instructions", fields! { "text" => entered.instructions.as_str() }));
    }
    drafts.push(Draft { kind: "work_order", id: order, groups, context: None });
    if let Ok(technician) = entered.technician.parse::<RecordId>() {
        let plan = fields! { "work_order" => order, "technician" => technician, "lead" => true };
        drafts.push(Draft::one("assignment", desk.state().office.new_id(), "plan", plan));
    }
    Ok(drafts)
}

fn add(desk: &Desk, drafts: &mut Vec<Draft>, kind: &'static str, groups: Vec<(&'static str, Fields)>) -> RecordId {
    let id = desk.state().office.new_id();
    drafts.push(Draft { kind, id, groups, context: None });
    id
}

/// The record of that name, whatever its case; the oldest when there are several.
fn known(
    txn: &mut dyn Txn,
    kind: &str,
    name: &str,
    fits: impl Fn(&Record) -> bool,
) -> Result<Option<RecordId>, Failure> {
    let wanted = name.to_lowercase();
    let records = txn.of_kind(kind)?;
    let same = records.iter().filter(|record| show::name(record).is_some_and(|known| known.to_lowercase() == wanted));
    Ok(same.filter(|record| fits(record)).map(|record| record.id).min())
}
