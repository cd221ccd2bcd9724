//! What people do in the office, through the same door as the console.

use fieldsync::{FieldsExt, fields};
use fieldsync_protocol::record::{DELETED, delete_fields};
use fieldsync_protocol::{RecordId, Value, show};
use fieldsync_server::people::OPERATOR;
use fieldsync_server::sync::held;

use super::phone::Phone;
use super::state::{number, numbers};
use super::world::{Assignment, World};

impl World<'_> {
    fn stored(&self, record: RecordId) -> anyhow::Result<Option<fieldsync_protocol::Record>> {
        Ok(self.site.office()?.read(|txn| txn.record(record))?.map(|stored| stored.record))
    }

    /// The contended group, sometimes from a page that stood open.
    pub(crate) fn office_day(&mut self, pick: u64, how: u64) -> anyhow::Result<()> {
        let assignment = self.assignments[pick as usize % self.assignments.len()];
        let Some(record) = self.stored(assignment.id)? else { return Ok(()) };
        let key = (assignment.id, "day");
        let page = if how.is_multiple_of(3) { self.office_pages.remove(&key) } else { None };
        self.office_pages.insert(key, (record.version.clone(), numbers(&record, "day")));
        let day = fields! { "place_in_day" => how as i64 };
        self.office_enter("assignment", assignment.id, vec![("day", day)], page).map(drop)
    }

    pub(crate) fn office_order(&mut self, customer: usize, technician: usize) -> anyhow::Result<()> {
        if self.orders.len() >= 16 {
            return Ok(());
        }
        let id = self.site.office()?.new_id();
        let customer = self.customers[customer % self.customers.len()];
        let place = self.orders.len();
        let problem = format!("pump leaks {}", self.canary(place));
        self.orders.push(id);
        let groups = vec![
            ("origin", fields! { "channel" => "phone" }),
            ("parties", fields! { "customer" => customer }),
            ("problem", fields! { "text" => problem }),
            ("plan", fields! { "priority" => "normal" }),
        ];
        self.office_enter("work_order", id, groups, None)?;
        self.office_assign(place as u64, technician as u64)
    }

    pub(crate) fn office_assign(&mut self, order: u64, technician: u64) -> anyhow::Result<()> {
        if self.assignments.len() >= 40 {
            return Ok(());
        }
        let order = order as usize % self.orders.len();
        let technician = technician as usize % self.technicians.len();
        if self.stored(self.orders[order])?.is_none() {
            return Ok(());
        }
        let id = self.site.office()?.new_id();
        let plan = fields! { "work_order" => self.orders[order], "technician" => self.technicians[technician] };
        if self.office_enter("assignment", id, vec![("plan", plan)], None)? {
            self.assignments.push(Assignment { id, order, technician, is_withdrawn: false });
        }
        Ok(())
    }

    /// Takes an assignment away, or gives it back.
    pub(crate) fn withdraw(&mut self, pick: usize) -> anyhow::Result<()> {
        let place = pick % self.assignments.len();
        let assignment = self.assignments[place];
        let Some(record) = self.stored(assignment.id)? else { return Ok(()) };
        let is_withdrawn = show::fields(&record, "withdrawn").is_some_and(|fields| fields.flag("withdrawn"));
        let fields = fields! { "withdrawn" => !is_withdrawn };
        if self.office_enter("assignment", assignment.id, vec![("withdrawn", fields)], None)? {
            self.assignments[place].is_withdrawn = !is_withdrawn;
            if is_withdrawn {
                self.marks.hit("returned");
            } else {
                self.mark_leaving(assignment);
            }
        }
        Ok(())
    }

    fn mark_leaving(&mut self, assignment: Assignment) {
        // A phone whose disk fails says nothing.
        let waits = |phone: &Phone| phone.device.status().is_ok_and(|status| status.pending > 0);
        if self.phones.iter().any(|phone| phone.technician == assignment.technician && waits(phone)) {
            self.marks.hit("left-pending");
        }
    }

    /// Every job is given back, so that what waits for it can go on.
    pub(crate) fn give_back(&mut self) -> anyhow::Result<()> {
        for place in 0..self.assignments.len() {
            let Some(record) = self.stored(self.assignments[place].id)? else { continue };
            if show::fields(&record, "withdrawn").is_some_and(|fields| fields.flag("withdrawn")) {
                self.withdraw(place)?;
            }
        }
        Ok(())
    }

    pub(crate) fn office_problem(&mut self, pick: u64) -> anyhow::Result<()> {
        let place = pick as usize % self.orders.len();
        if self.stored(self.orders[place])?.is_none() {
            return Ok(());
        }
        let problem = fields! { "text" => format!("pump leaks badly {}", self.canary(place)) };
        self.office_enter("work_order", self.orders[place], vec![("problem", problem)], None).map(drop)
    }

    pub(crate) fn office_plan(&mut self, pick: u64) -> anyhow::Result<()> {
        let place = pick as usize % self.orders.len();
        if self.stored(self.orders[place])?.is_none() {
            return Ok(());
        }
        let groups = match pick % 2 {
            0 => vec![("plan", fields! { "priority" => "emergency" })],
            _ => vec![("instructions", fields! { "text" => "ring twice" })],
        };
        self.office_enter("work_order", self.orders[place], groups, None).map(drop)
    }

    pub(crate) fn office_parties(&mut self, order: u64, customer: u64) -> anyhow::Result<()> {
        let order = self.orders[order as usize % self.orders.len()];
        let customer = self.customers[customer as usize % self.customers.len()];
        if self.stored(order)?.is_none() || self.stored(customer)?.is_none() {
            return Ok(());
        }
        self.office_enter("work_order", order, vec![("parties", fields! { "customer" => customer })], None).map(drop)
    }

    pub(crate) fn office_customer(&mut self, pick: u64) -> anyhow::Result<()> {
        let place = pick as usize % self.customers.len();
        if self.stored(self.customers[place])?.is_none() {
            return Ok(());
        }
        let address = fields! { "street" => format!("Quay 1 canary-c{place};") };
        self.office_enter("customer", self.customers[place], vec![("address", address)], None).map(drop)
    }

    pub(crate) fn office_delete(&mut self, pick: u64) -> anyhow::Result<()> {
        let customer = self.customers[pick as usize % self.customers.len()];
        let Some(record) = self.stored(customer)? else { return Ok(()) };
        let group = if record.is_deleted() {
            fields! { "deleted" => false }
        } else {
            delete_fields(&record.version)
        };
        if self.office_enter("customer", customer, vec![(DELETED, group)], None)? {
            self.marks.hit("customer-deleted");
        }
        Ok(())
    }

    pub(crate) fn office_catalogue(&mut self, pick: u64) -> anyhow::Result<()> {
        let part = self.parts[pick as usize % self.parts.len()];
        if self.stored(part)?.is_none() {
            return Ok(());
        }
        let catalogue = fields! { "number" => format!("P-{pick}"), "name" => "seal ring", "unit" => "pc" };
        self.office_enter("part", part, vec![("catalogue", catalogue)], None).map(drop)
    }

    pub(crate) fn office_decide(&mut self, pick: u64) -> anyhow::Result<()> {
        let mut found = Vec::new();
        let reports = self.reports.iter().map(|report| ("work_report", report.0));
        let customers = self.customers.iter().map(|customer| ("customer", *customer));
        let orders = self.orders.iter().map(|order| ("work_order", *order));
        for (kind, id) in reports.chain(customers).chain(orders) {
            if let Some(record) = self.stored(id)? {
                found.extend(show::conflicts(&record).into_iter().map(|conflict| (kind, id, conflict)));
            }
        }
        const DECIDED: [&str; 8] =
            ["finding", "action", "hazards", "outcome", "address", "identity", "problem", "parties"];
        found.retain(|(_, _, conflict)| DECIDED.contains(&conflict.group.as_str()));
        if found.is_empty() {
            return Ok(());
        }
        let (kind, id, conflict) = &found[pick as usize % found.len()];
        let Some(group) = DECIDED.into_iter().find(|group| *group == conflict.group) else { return Ok(()) };
        let fields = conflict.values[0].sibling.fields.clone();
        if self.office_enter(kind, *id, vec![(group, fields)], None)? {
            self.marks.hit("conflict-decided-office");
        }
        Ok(())
    }

    pub(crate) fn office_review(&mut self, pick: u64, how: u64) -> anyhow::Result<()> {
        let order = self.orders[pick as usize % self.orders.len()];
        if self.stored(order)?.is_none() {
            return Ok(());
        }
        let id = self.site.office()?.new_id();
        let decision = if how.is_multiple_of(3) { "approved" } else { "returned" };
        let review = fields! { "work_order" => order, "decision" => decision, "seen" => Value::List(Vec::new()) };
        self.office_enter("review", id, vec![("decision", review)], None).map(drop)
    }

    /// A person decides about a held edit.
    pub(crate) fn office_held(&mut self, pick: u64, is_released: bool) -> anyhow::Result<()> {
        let office = self.site.office()?.clone();
        let waiting = office.read(|txn| txn.all_held(true))?;
        if waiting.is_empty() {
            return Ok(());
        }
        let held = &waiting[pick as usize % waiting.len()];
        let (inner, id) = (office.clone(), held.id);
        let number = number(&held.edit.fields);
        if is_released {
            let result = office.write(move |txn| held::release(&inner, txn, &OPERATOR, id));
            match result {
                Ok(()) => {
                    self.marks.hit("released");
                    self.oracle.out_of_order.extend(number);
                }
                Err(fieldsync_server::sync::edit::EditError::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        } else {
            office.write(move |txn| held::discard(&inner, txn, &OPERATOR, id))?;
            self.marks.hit("discarded-held");
            if let Some(number) = number {
                self.oracle.excuse(number, "the office discarded it");
            }
        }
        Ok(())
    }
}
