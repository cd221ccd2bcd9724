//! The office's side of the day: master data in the morning, dispatching, and what changes while phones are offline.

use std::collections::BTreeMap;

use fieldsync_protocol::job::Job;
use fieldsync_protocol::rights::Actor;
use fieldsync_protocol::{Fields, RecordId, Value, fields};

use super::cast::{CATALOGUE, CUSTOMERS, MACHINES, PROBLEMS, TEAM};
use crate::office::Office;
use crate::people;
use crate::store::{JobQuery, Sort, Stored};
use crate::sync::board;
use crate::sync::edit::{Draft, commit};

/// The dispatcher at work.
pub(super) struct Desk {
    pub(super) office: Office,
    pub(super) actor: Actor,
}

impl Desk {
    pub(super) fn edit(&self, drafts: Vec<Draft>) -> anyhow::Result<Vec<Stored>> {
        Ok(commit(&self.office, &self.actor, drafts)?)
    }

    fn write(&self, kind: &'static str, id: RecordId, group: &'static str, fields: Fields) -> anyhow::Result<()> {
        self.edit(vec![Draft::one(kind, id, group, fields)]).map(drop)
    }

    /// The team, and the catalogue of parts.
    pub(super) fn found(&self) -> anyhow::Result<Vec<RecordId>> {
        let mut drafts = Vec::new();
        for (number, name, unit, price_minor) in CATALOGUE {
            let part = fields! {
                "number" => number, "name" => name, "unit" => unit, "price_minor" => price_minor, "currency" => "AUD",
            };
            drafts.push(Draft::one("part", self.office.new_id(), "catalogue", part));
        }
        self.edit(drafts)?;
        TEAM.iter()
            .map(|person| Ok(people::add_technician(&self.office, person.name, person.phone, person.skills)?))
            .collect()
    }

    /// Work orders for a day without an imported file.
    pub(super) fn make_orders(&self, count: usize, requested_ms: i64) -> anyhow::Result<()> {
        let office = &self.office;
        let mut drafts = Vec::new();
        let mut places = Vec::new();
        for customer in &CUSTOMERS {
            let (id, site) = (office.new_id(), office.new_id());
            drafts.push(Draft {
                kind: "customer",
                id,
                groups: vec![
                    ("identity", fields! { "name" => customer.name, "class" => "a" }),
                    ("reach", fields! { "phone" => customer.phone }),
                    ("address", fields! { "city" => customer.city }),
                ],
                context: None,
            });
            drafts.push(Draft {
                kind: "site",
                id: site,
                groups: vec![
                    ("place", fields! { "name" => customer.site, "customer" => id }),
                    ("access", fields! { "steps" => customer.access }),
                ],
                context: None,
            });
            places.push((id, site));
        }
        let mut machines = Vec::new();
        for (owner, name, model, serial) in MACHINES {
            let id = office.new_id();
            let (customer, site) = places[owner];
            drafts.push(Draft {
                kind: "asset",
                id,
                groups: vec![
                    ("identity", fields! { "name" => name, "model" => model, "serial" => serial }),
                    ("place", fields! { "customer" => customer, "site" => site }),
                ],
                context: None,
            });
            machines.push((customer, site, id));
        }
        for place in 0..count {
            let (customer, site, asset) = machines[place % machines.len()];
            let priority = ["normal", "normal", "high", "low", "normal", "emergency"][place % 6];
            drafts.push(Draft {
                kind: "work_order",
                id: office.new_id(),
                groups: vec![
                    ("origin", fields! { "channel" => "phone", "requested_ms" => requested_ms }),
                    ("parties", fields! { "customer" => customer, "site" => site, "asset" => asset }),
                    ("problem", fields! { "text" => PROBLEMS[place % PROBLEMS.len()], "confirmed" => true }),
                    (
                        "plan",
                        fields! {
                            "priority" => priority, "due_ms" => requested_ms + 36 * 3_600_000,
                            "signature_required" => true,
                        },
                    ),
                    ("instructions", fields! { "text" => "Call the site contact before arrival." }),
                    ("category", fields! { "category" => ["a_paid", "b_contract", "c_warranty"][place % 3] }),
                ],
                context: None,
            });
        }
        self.edit(drafts).map(drop)
    }

    /// The orders that wait, latest asked for first.
    pub(super) fn waiting(&self, count: usize) -> anyhow::Result<Vec<RecordId>> {
        let query = JobQuery {
            statuses: vec![fieldsync_protocol::status::Status::Registered],
            sort: Sort::Number,
            limit: u64::MAX >> 1,
            ..JobQuery::default()
        };
        let mut rows = self.office.read(|txn| txn.jobs(&query))?;
        rows.sort_by(|a, b| b.requested_ms.cmp(&a.requested_ms).then(b.number.cmp(&a.number)));
        Ok(rows.into_iter().take(count).map(|row| row.id).collect())
    }

    /// Assigns a technician.
    pub(super) fn assign(
        &self,
        order: RecordId,
        technician: RecordId,
        from_ms: i64,
        is_lead: bool,
    ) -> anyhow::Result<RecordId> {
        let id = self.office.new_id();
        let plan = fields! {
            "work_order" => order, "technician" => technician, "planned_from_ms" => from_ms,
            "planned_to_ms" => from_ms + 90 * 60_000, "lead" => is_lead,
        };
        self.write("assignment", id, "plan", plan)?;
        Ok(id)
    }

    /// Takes a job away.
    pub(super) fn withdraw(&self, assignment: RecordId, reason: &str) -> anyhow::Result<()> {
        self.write("assignment", assignment, "withdrawn", fields! { "withdrawn" => true, "reason" => reason })
    }

    /// Moves a planned visit.
    pub(super) fn replan(&self, assignment: RecordId, from_ms: i64) -> anyhow::Result<()> {
        let plan = fields! { "planned_from_ms" => from_ms, "planned_to_ms" => from_ms + 60 * 60_000 };
        self.write("assignment", assignment, "plan", plan)
    }

    /// Changes how urgent an order is.
    pub(super) fn prioritise(&self, order: RecordId, priority: &str) -> anyhow::Result<()> {
        self.write("work_order", order, "plan", fields! { "priority" => priority })
    }

    /// Changes the instructions.
    pub(super) fn instruct(&self, order: RecordId, text: &str) -> anyhow::Result<()> {
        self.write("work_order", order, "instructions", fields! { "text" => text })
    }

    /// Changes the problem as the office understood it.
    pub(super) fn restate(&self, order: RecordId, text: &str) -> anyhow::Result<()> {
        self.write("work_order", order, "problem", fields! { "text" => text })
    }

    /// Cancels an order.
    pub(super) fn cancel(&self, order: RecordId, reason: &str) -> anyhow::Result<()> {
        self.write("work_order", order, "cancelled", fields! { "cancelled" => true, "reason" => reason })
    }

    /// Approves what was done.
    pub(super) fn approve(&self, order: RecordId) -> anyhow::Result<()> {
        let job = self.job(order)?;
        let seen: Vec<Value> = job.seen_by_review().into_iter().map(Value::from).collect();
        let mut decision = fields! { "work_order" => order, "decision" => "approved", "seen" => seen };
        if let Some(document) = job.latest_document() {
            decision.insert("document".into(), document.hash.into());
        }
        self.write("review", self.office.new_id(), "decision", decision)
    }

    /// A job as the office sees it.
    pub(super) fn job(&self, order: RecordId) -> anyhow::Result<Job> {
        let loaded = self.office.read(|txn| board::load(txn, order))?;
        Ok(loaded.ok_or_else(|| anyhow::anyhow!("find a work order of the day"))?.job)
    }

    /// Verifies every signature at the office: how many hold, and what is wrong with those that do not.
    pub(super) fn verify_signatures(&self) -> anyhow::Result<(u64, Vec<String>)> {
        let root = self.office.keys.public_root();
        let orders: BTreeMap<RecordId, ()> = self.office.read(|txn| {
            let signatures = txn.of_kind("signature")?;
            let order = |record: &fieldsync_protocol::Record| {
                use fieldsync_protocol::FieldsExt;
                fieldsync_protocol::show::main_fields(record).and_then(|fields| fields.id("work_order"))
            };
            Ok::<_, crate::store::StoreError>(signatures.iter().filter_map(order).map(|id| (id, ())).collect())
        })?;
        let (mut verified, mut wrong) = (0, Vec::new());
        for order in orders.into_keys() {
            let job = self.job(order)?;
            for signature in &job.signatures {
                match fieldsync_protocol::document::verify_in(&job, signature, &root) {
                    Ok(_) => verified += 1,
                    Err(error) => wrong.push(format!("{}: failed to {error}", job.number().unwrap_or("?"))),
                }
            }
        }
        Ok((verified, wrong))
    }
}
