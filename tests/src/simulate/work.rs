//! What people do on phones.

use std::collections::BTreeSet;

use fieldsync::edit::Context;
use fieldsync::{Draft, Error, Fields, FieldsExt, RecordId, fields};
use fieldsync_protocol::Record;

use super::oracle::Entry;
use super::phone::Screen;
use super::state::{NUMBER, numbers};
use super::world::{Assignment, Entering, World};

/// The groups of a report that people write.
const REPORT_GROUPS: [&str; 4] = ["finding", "action", "hazards", "outcome"];

impl World<'_> {
    /// What a phone shows of a record.
    fn shown(&self, phone: usize, record: RecordId) -> anyhow::Result<Option<(Record, Context)>> {
        match self.phones[phone].device.record(record) {
            Ok(shown) => Ok(Some((shown.record, shown.context))),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// An order that the phone shows, by any number.
    fn order_on(&self, phone: usize, pick: u64) -> anyhow::Result<Option<(usize, RecordId)>> {
        let count = self.orders.len();
        for step in 0..count {
            let place = (pick as usize + step) % count;
            if self.shown(phone, self.orders[place])?.is_some() {
                return Ok(Some((place, self.orders[place])));
            }
        }
        Ok(None)
    }

    fn me(&self, phone: usize) -> RecordId {
        self.technicians[self.phones[phone].technician]
    }

    fn below(&self, order: usize) -> Entering {
        Entering { canary: Some(self.canary(order)), ..Entering::default() }
    }

    /// The contended group: several technicians and the office write it.
    pub(crate) fn day(&mut self, phone: usize, pick: u64) -> anyhow::Result<()> {
        let assignment = self.assignments[pick as usize % self.assignments.len()];
        let Some((record, _)) = self.shown(phone, assignment.id)? else { return Ok(()) };
        let seen = numbers(&record, "day");
        let place = pick as i64 % 9;
        let groups = vec![("day", fields! { "place_in_day" => place }, seen)];
        let more = self.below(assignment.order);
        self.enter(phone, "assignment", assignment.id, groups, more).map(drop)
    }

    /// A record below an order with one group, born now.
    fn append(
        &mut self,
        phone: usize,
        pick: u64,
        kind: &'static str,
        group: &'static str,
        content: impl FnOnce(&mut Fields),
    ) -> anyhow::Result<()> {
        let Some((place, order)) = self.order_on(phone, pick)? else { return Ok(()) };
        let mut fields = fields! { "work_order" => order };
        content(&mut fields);
        let id = self.phones[phone].device.new_id();
        let more = self.below(place);
        if self.enter(phone, kind, id, vec![(group, fields, BTreeSet::new())], more)? && kind != "visit_event" {
            let technician = self.phones[phone].technician;
            self.facts.push((kind, id, place, technician));
        }
        Ok(())
    }

    pub(crate) fn note(&mut self, phone: usize, pick: u64) -> anyhow::Result<()> {
        let result = self.append(phone, pick, "note", "text", |fields| {
            fields.insert("text".to_owned(), "gate code 4711".into());
        });
        if self.phones[phone].device.status()?.pending >= 20 {
            self.marks.hit("many-pending");
        }
        result
    }

    pub(crate) fn part(&mut self, phone: usize, pick: u64) -> anyhow::Result<()> {
        let (me, part) = (self.me(phone), self.parts[pick as usize % self.parts.len()]);
        self.append(phone, pick, "part_line", "use", |fields| {
            fields.extend(fields! {
                "technician" => me, "part" => part, "number" => "P-1", "name" => "seal ring",
                "quantity_milli" => 2_000_i64, "unit" => "pc",
            });
        })
    }

    pub(crate) fn time_entry(&mut self, phone: usize, pick: u64) -> anyhow::Result<()> {
        let me = self.me(phone);
        self.append(phone, pick, "time_entry", "time", |fields| {
            fields.extend(fields! {
                "technician" => me, "activity" => "work", "from_ms" => 1_000_i64, "to_ms" => 3_600_000_i64,
            });
        })
    }

    pub(crate) fn visit(&mut self, phone: usize, pick: u64, event: u64) -> anyhow::Result<()> {
        let me = self.me(phone);
        let event = ["en_route", "on_site", "paused", "resumed", "finished"][event as usize % 5];
        self.append(phone, pick, "visit_event", "event", |fields| {
            let seen = fieldsync_protocol::Value::List(Vec::new());
            fields.extend(fields! { "technician" => me, "event" => event, "seen" => seen });
        })
    }

    pub(crate) fn void(&mut self, phone: usize, pick: u64) -> anyhow::Result<()> {
        let own: Vec<_> = self.facts.iter().filter(|fact| fact.3 == self.phones[phone].technician).copied().collect();
        if own.is_empty() {
            return Ok(());
        }
        let (kind, id, order, _) = own[pick as usize % own.len()];
        let Some((record, _)) = self.shown(phone, id)? else { return Ok(()) };
        let seen = numbers(&record, "void");
        let more = self.below(order);
        self.enter(phone, kind, id, vec![("void", fields! { "reason" => "entered twice" }, seen)], more).map(drop)
    }

    pub(crate) fn respond(&mut self, phone: usize, pick: u64) -> anyhow::Result<()> {
        let assignment = self.assignments[pick as usize % self.assignments.len()];
        let Some((record, _)) = self.shown(phone, assignment.id)? else { return Ok(()) };
        let response = if pick.is_multiple_of(2) { "accepted" } else { "declined" };
        let groups = vec![("response", fields! { "response" => response }, numbers(&record, "response"))];
        let more = self.below(assignment.order);
        self.enter(phone, "assignment", assignment.id, groups, more).map(drop)
    }

    pub(crate) fn report(&mut self, phone: usize, pick: u64, group: u64) -> anyhow::Result<()> {
        let Some((place, order)) = self.order_on(phone, pick)? else { return Ok(()) };
        let technician = self.phones[phone].technician;
        let group = REPORT_GROUPS[group as usize % REPORT_GROUPS.len()];
        let own: Vec<RecordId> = self
            .reports
            .iter()
            .filter(|known| known.1 == place && known.2 == technician)
            .map(|known| known.0)
            .collect();
        let more = self.below(place);
        for id in own {
            if let Some((record, _)) = self.shown(phone, id)? {
                let groups = vec![(group, report_fields(group), numbers(&record, group))];
                return self.enter(phone, "work_report", id, groups, more).map(drop);
            }
        }
        let id = self.phones[phone].device.new_id();
        let subject = fields! { "work_order" => order, "technician" => self.me(phone) };
        let groups = vec![("subject", subject, BTreeSet::new()), (group, report_fields(group), BTreeSet::new())];
        if self.enter(phone, "work_report", id, groups, more)? {
            self.reports.push((id, place, technician));
        }
        Ok(())
    }

    /// The plan of an order opened on site: its author's, until the office writes it.
    pub(crate) fn own_plan(&mut self, phone: usize, pick: u64, group: u64) -> anyhow::Result<()> {
        if self.opened_orders.is_empty() {
            return Ok(());
        }
        let place = self.opened_orders[pick as usize % self.opened_orders.len()];
        let Some((record, _)) = self.shown(phone, self.orders[place])? else { return Ok(()) };
        let (group, fields) = match group % 3 {
            0 => ("plan", fields! { "priority" => "high" }),
            1 => ("instructions", fields! { "text" => "bring a ladder" }),
            _ => ("problem", fields! { "text" => "it leaks more" }),
        };
        let groups = vec![(group, fields, numbers(&record, group))];
        let more = self.below(place);
        self.enter(phone, "work_order", self.orders[place], groups, more).map(drop)
    }

    pub(crate) fn open_order(&mut self, phone: usize) -> anyhow::Result<()> {
        let device = self.phones[phone].device.clone();
        let (customer, order, assignment) = (device.new_id(), device.new_id(), device.new_id());
        let (place, customer_place) = (self.orders.len(), self.customers.len());
        let me = self.me(phone);
        let canary = self.canary(place);
        let name = format!("New customer canary-c{customer_place};");
        let parts: Vec<(&'static str, RecordId, &'static str, Fields)> = vec![
            ("customer", customer, "identity", fields! { "name" => name }),
            ("customer", customer, "origin", fields! { "provisional" => true }),
            ("work_order", order, "origin", fields! { "channel" => "on_site" }),
            ("work_order", order, "parties", fields! { "customer" => customer }),
            ("work_order", order, "problem", fields! { "text" => format!("pump leaks {canary}") }),
            ("work_order", order, "plan", fields! { "priority" => "normal" }),
            ("assignment", assignment, "plan", fields! { "work_order" => order, "technician" => me }),
        ];
        let mut drafts: Vec<Draft> = Vec::new();
        let mut entries = Vec::new();
        let by = self.phones[phone].name.clone();
        let mut last = None;
        for (kind, id, group, mut fields) in parts {
            let number = self.number();
            fields.insert(NUMBER.to_owned(), (number as i64).into());
            let draft = match last == Some(id) {
                true => drafts.pop().unwrap_or_else(|| Draft::of(kind, id)),
                false => Draft::of(kind, id),
            };
            drafts.push(draft.set(group, fields));
            last = Some(id);
            let seen = BTreeSet::new();
            entries.push((number, Entry { record: id, group: group.to_owned(), seen, by: by.clone() }));
        }
        let result = device.edit_all(drafts);
        // Stored or not: what a failing disk kept may be found there after a restart.
        self.doubt(phone, &result, &entries);
        if !self.phones[phone].is_failing && self.tolerate(result)?.is_none() {
            return Ok(());
        }
        entries.into_iter().for_each(|(number, entry)| self.oracle.enter(number, entry));
        self.orders.push(order);
        self.opened_orders.push(place);
        self.customers.push(customer);
        let technician = self.phones[phone].technician;
        self.assignments.push(Assignment { id: assignment, order: place, technician, is_withdrawn: false });
        for id in [customer, order] {
            self.opened.insert(id, me);
        }
        self.marks.hit("opened-on-site");
        Ok(())
    }

    pub(crate) fn customer(&mut self, phone: usize, pick: u64) -> anyhow::Result<()> {
        let place = pick as usize % self.customers.len();
        let Some((record, _)) = self.shown(phone, self.customers[place])? else { return Ok(()) };
        let Some((order_place, order)) = self.order_on(phone, pick)? else { return Ok(()) };
        let groups = vec![("address", fields! { "street" => "Harbour 3" }, numbers(&record, "address"))];
        // What is proposed hangs below the order; what is written directly belongs to the customer.
        let canary = (!self.opened.contains_key(&self.customers[place])).then(|| self.canary(order_place));
        let more = Entering { order: Some(order), canary, context: None };
        self.enter(phone, "customer", self.customers[place], groups, more).map(drop)
    }

    pub(crate) fn attach(&mut self, phone: usize, pick: u64) -> anyhow::Result<()> {
        let Some((place, order)) = self.order_on(phone, pick)? else { return Ok(()) };
        // One in four needs more than one chunk.
        let copies = if pick.is_multiple_of(4) { 30_000 } else { 40 };
        let content = format!("photo {} {}", self.number(), self.canary(place)).repeat(copies);
        let caption = self.canary(place);
        let result = self.phones[phone].device.add_attachment(order, "text/plain", content.as_bytes(), Some(&caption));
        self.tolerate(result).map(drop)
    }

    pub(crate) fn sign(&mut self, phone: usize, pick: u64) -> anyhow::Result<()> {
        let Some((_, order)) = self.order_on(phone, pick)? else { return Ok(()) };
        let device = self.phones[phone].device.clone();
        let frozen = device.freeze_document(order, "work_done", "en", "I agree");
        let Some(frozen) = self.tolerate(frozen)? else { return Ok(()) };
        let strokes = fieldsync_protocol::encode::from_cbor(&fieldsync_protocol::encode::cbor(&[[
            [10, 10, 0, 500],
            [40, 60, 16, 700],
        ]]))?;
        let signed = device.sign(frozen.id, &strokes, "Kim", "customer");
        if self.tolerate(signed)?.is_some() {
            self.marks.hit("signed");
        }
        Ok(())
    }

    pub(crate) fn open_screen(&mut self, phone: usize, pick: u64, which: u64) -> anyhow::Result<()> {
        let (kind, record, group) = if which.is_multiple_of(2) || self.reports.is_empty() {
            ("assignment", self.assignments[pick as usize % self.assignments.len()].id, "day")
        } else {
            let group = REPORT_GROUPS[which as usize % REPORT_GROUPS.len()];
            ("work_report", self.reports[pick as usize % self.reports.len()].0, group)
        };
        if let Some((shown, context)) = self.shown(phone, record)? {
            let seen = numbers(&shown, group);
            let restamps = self.phones[phone].restamps;
            self.phones[phone].screens.push(Screen { kind, record, group, context, seen, restamps });
        }
        Ok(())
    }

    pub(crate) fn save_screen(&mut self, phone: usize, pick: u64) -> anyhow::Result<()> {
        if self.phones[phone].screens.is_empty() {
            return Ok(());
        }
        let place = pick as usize % self.phones[phone].screens.len();
        let screen = self.phones[phone].screens.remove(place);
        let Some((shown, _)) = self.shown(phone, screen.record)? else { return Ok(()) };
        if numbers(&shown, screen.group) != screen.seen {
            self.marks.hit("stale-screen-saved");
        }
        if screen.restamps != self.phones[phone].restamps {
            self.marks.hit("screen-over-restamp");
        }
        let fields = match screen.group {
            "day" => fields! { "place_in_day" => pick as i64 },
            group => report_fields(group),
        };
        let order = shown.groups.values().flatten().find_map(|(_, sibling)| sibling.fields.id("work_order"));
        let canary = order.and_then(|order| self.orders.iter().position(|known| *known == order));
        let canary = canary.map(|place| self.canary(place));
        let more = Entering { context: Some(screen.context), order: None, canary };
        self.enter(phone, screen.kind, screen.record, vec![(screen.group, fields, screen.seen)], more).map(drop)
    }

    pub(crate) fn resolve(&mut self, phone: usize, pick: u64) -> anyhow::Result<()> {
        let conflicts = self.phones[phone].device.conflicts()?;
        let own = ["finding", "action", "hazards", "outcome"];
        let mine: Vec<_> = conflicts.into_iter().filter(|entry| own.contains(&entry.conflict.group.as_str())).collect();
        if mine.is_empty() {
            return Ok(());
        }
        let entry = &mine[pick as usize % mine.len()];
        let Some(group) = own.into_iter().find(|group| *group == entry.conflict.group) else { return Ok(()) };
        let Some((shown, context)) = self.shown(phone, entry.record)? else { return Ok(()) };
        let seen = numbers(&shown, group);
        let more = Entering { context: Some(context), ..Entering::default() };
        let groups = vec![(group, report_fields(group), seen)];
        if self.enter(phone, "work_report", entry.record, groups, more)? {
            self.marks.hit("conflict-decided-device");
        }
        Ok(())
    }

    pub(crate) fn retry(&mut self, phone: usize, pick: u64) -> anyhow::Result<()> {
        let drawer = self.phones[phone].device.drawer()?;
        if drawer.is_empty() {
            return Ok(());
        }
        let entry = &drawer[pick as usize % drawer.len()];
        let result = self.phones[phone].device.retry(entry.id);
        if self.tolerate(result)?.is_some() {
            self.oracle.out_of_order.extend(super::state::number(&entry.edit.fields));
            self.marks.hit("retried-by-hand");
        }
        Ok(())
    }

    pub(crate) fn discard(&mut self, phone: usize, pick: u64) -> anyhow::Result<()> {
        let drawer = self.phones[phone].device.drawer()?;
        if drawer.is_empty() {
            return Ok(());
        }
        let entry = &drawer[pick as usize % drawer.len()];
        let thrown = super::state::number(&entry.edit.fields).into_iter().collect();
        self.excuse_own(thrown, phone, "its author threw it away");
        self.phones[phone].device.discard(entry.id)?;
        self.marks.hit("discarded-by-hand");
        Ok(())
    }
}

fn report_fields(group: &str) -> Fields {
    match group {
        "finding" => fields! { "cause" => "worn seal" },
        "action" => fields! { "method" => "replaced" },
        "hazards" => fields! { "remaining" => "oil on the floor" },
        _ => fields! { "outcome" => "solved", "text" => "runs" },
    }
}
