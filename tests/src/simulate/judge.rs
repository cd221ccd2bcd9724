//! The end of a run: everything heals, everybody syncs, and every promise is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use fieldsync_protocol::{FieldsExt, Record, RecordId, encode};

use super::access::visible;
use super::state::{DeviceState, OfficeState, all_numbers, number};
use super::world::World;

/// Rounds in which every phone must have drained and agree with the office.
const ROUNDS: usize = 5;

impl World<'_> {
    /// Network, disks and server are well again.
    pub(crate) fn heal(&mut self) -> anyhow::Result<()> {
        self.trace.note(|| "heal".to_owned());
        self.site.start()?;
        for phone in 0..self.phones.len() {
            self.mend(phone);
            self.reopen(phone)?;
            if self.phones[phone].device.check()?.sums_were_wrong {
                let name = self.phones[phone].name.clone();
                self.oracle.broken("P5", format!("the sums of {name} were not those of what it holds"));
            }
        }
        self.time.fetch_add(30 * 60_000, Ordering::Relaxed);
        if self.script.knob("gives-back", 1) == 1 {
            self.give_back()?;
        }
        Ok(())
    }

    /// Everybody syncs until nothing moves; who needs more than five rounds breaks a promise.
    pub(crate) fn quiesce(&mut self) -> anyhow::Result<()> {
        for round in 1..=ROUNDS {
            let mut is_quiet = true;
            for phone in 0..self.phones.len() {
                let receipt = self.sync(phone, &[])?;
                if self.phones[phone].is_revoked {
                    continue;
                }
                let status = self.phones[phone].device.status()?;
                let moved = receipt.is_none_or(|receipt| receipt.accepted > 0 || receipt.refilled > 0);
                is_quiet &= status.is_drained() && status.agrees == Some(true) && !moved;
            }
            if is_quiet {
                self.trace.note(|| format!("quiet after {round} rounds"));
                // What the last phones sent reaches the first ones.
                for phone in 0..self.phones.len() {
                    self.sync(phone, &[])?;
                }
                return Ok(());
            }
        }
        for phone in 0..self.phones.len() {
            self.sync(phone, &[])?;
        }
        Ok(())
    }

    /// Looks at every promise.
    pub(crate) fn judge(&mut self) -> anyhow::Result<()> {
        let office = self.site.state(true)?;
        let mut drawers = BTreeSet::new();
        let mut said_held = BTreeSet::new();
        let mut pending_revoked = BTreeSet::new();
        let mut expected: BTreeMap<usize, BTreeSet<RecordId>> = BTreeMap::new();
        for place in 0..self.phones.len() {
            let state = self.phones[place].state()?;
            for (_, edit, how) in &state.drawer {
                drawers.extend(number(&edit.fields));
                if how == "held" {
                    said_held.extend(number(&edit.fields));
                }
                if how == "superseded" {
                    self.marks.hit("superseded");
                }
            }
            if self.phones[place].is_revoked {
                pending_revoked.extend(state.pending.iter().filter_map(|(_, edit)| number(&edit.fields)));
                continue;
            }
            let technician = self.phones[place].technician;
            let scope = expected
                .entry(technician)
                .or_insert_with(|| visible(&office, &self.opened, self.technicians[technician]));
            let scope = scope.clone();
            self.judge_phone(place, &state, &office, &scope)?;
        }
        if office.held.iter().any(|held| held.code == "revoked") {
            self.marks.hit("held-revoked");
        }
        self.judge_held(&office, &said_held);
        self.judge_photos(&office)?;
        self.judge_ledger(&office, &drawers, &pending_revoked);
        self.judge_siblings(&office)?;
        self.judge_history(&office)?;
        self.judge_signatures()
    }

    fn judge_phone(
        &mut self,
        place: usize,
        state: &DeviceState,
        office: &OfficeState,
        scope: &BTreeSet<RecordId>,
    ) -> anyhow::Result<()> {
        let name = self.phones[place].name.clone();
        let status = self.phones[place].device.status()?;
        let stuck = state.stuck_uploads(office);
        let is_drained = status.pending == 0 && status.offers == 0 && stuck == 0;
        if !is_drained {
            let text = format!(
                "{name} still holds {} edits, {} offers, {stuck} files after {ROUNDS} rounds",
                status.pending, status.offers
            );
            self.oracle.broken("L1", text);
        }
        if status.agrees != Some(true) {
            self.oracle.broken("P5", format!("{name} and the office do not agree: {:?}", status.agrees));
        }
        let (sum, count) = state.sum();
        let mut told = status.fingerprint.own;
        let shared = status.fingerprint.shared;
        // The engine keeps two sums; together they are one over everything.
        let mut carry = 0_u16;
        for (place, byte) in told.sum.0.iter_mut().zip(shared.sum.0) {
            carry += u16::from(*place) + u16::from(byte);
            *place = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        if told.sum.0 != sum || told.count.wrapping_add(shared.count) != count {
            self.oracle.broken("P5", format!("the fingerprint of {name} is not the sum over what it holds"));
        }
        let held: BTreeSet<RecordId> =
            state.theirs.iter().filter(|(_, (_, leaving))| !leaving).map(|(id, _)| *id).collect();
        for id in held.difference(scope) {
            self.oracle.broken("S1", format!("{name} holds {}, which is out of scope", self.call(*id, office)));
        }
        for id in scope.difference(&held) {
            self.oracle.broken("P1", format!("{name} does not hold {}, which is in scope", self.call(*id, office)));
        }
        for (id, (theirs, _)) in &state.theirs {
            match office.records.get(id) {
                Some((body, _)) if body == theirs => {}
                Some((_, record)) if held.contains(id) => {
                    let mine: Record = encode::from_cbor(theirs)?;
                    let text = format!(
                        "{name} and the office differ in {}: {:?} there, {:?} here",
                        self.call(*id, office),
                        all_numbers(record).collect::<Vec<_>>(),
                        all_numbers(&mine).collect::<Vec<_>>()
                    );
                    self.oracle.broken("C1", text);
                }
                _ => {}
            }
        }
        if is_drained {
            for id in state.records.difference(scope) {
                if !state.theirs.contains_key(id) {
                    continue;
                }
                self.oracle.broken("S2", format!("{name} keeps {} after it left", self.call(*id, office)));
            }
        }
        Ok(())
    }

    fn call(&self, id: RecordId, office: &OfficeState) -> String {
        let kind = office.records.get(&id).map_or("a record the office does not know", |(_, record)| &record.kind);
        let order = self.orders.iter().position(|known| *known == id).map(|place| format!(" o{place}"));
        format!("{kind}{} {id}", order.unwrap_or_default())
    }

    /// What devices were told is held, the office has.
    fn judge_held(&mut self, office: &OfficeState, said: &BTreeSet<u64>) {
        if self.oracle.restores > 0 {
            return;
        }
        let (held, applied) = (office.held_numbers(), office.history_numbers());
        for number in said.iter().filter(|number| !held.contains(number) && !applied.contains(number)) {
            self.oracle.broken("D3", format!("number {number} is said to be held, and the office does not have it"));
        }
    }

    /// The content of every photo is at the office, unless a device that had it went.
    fn judge_photos(&mut self, office: &OfficeState) -> anyhow::Result<()> {
        let went = ["cleared", "rolled-back", "revoked", "cloned"];
        if went.iter().any(|mark| self.marks.0.contains_key(mark)) {
            return Ok(());
        }
        let mut missing = Vec::new();
        for (id, (_, record)) in office.records.iter().filter(|(_, (_, record))| record.kind == "attachment") {
            for hash in record.siblings("blob").filter_map(|(_, sibling)| sibling.fields.hash("hash")) {
                if !self.site.has_content(&self.runtime, &hash)? {
                    missing.push(format!("the content of {id} is not at the office"));
                }
            }
        }
        missing.into_iter().for_each(|text| self.oracle.broken("L1", text));
        Ok(())
    }

    /// Every number ends somewhere.
    fn judge_ledger(&mut self, office: &OfficeState, drawers: &BTreeSet<u64>, pending_revoked: &BTreeSet<u64>) {
        let mut ends: BTreeSet<u64> = drawers.clone();
        for (_, record) in office.records.values() {
            ends.extend(all_numbers(record).map(|(_, number)| number));
        }
        let held = office.held_numbers();
        ends.extend(held.iter().copied());
        // A revoked phone is answered once a sync; what did not fit into that message stays there, and is counted.
        if pending_revoked.iter().any(|number| !held.contains(number)) {
            self.marks.hit("revoked-left-behind");
        }
        ends.extend(pending_revoked.iter().copied());
        let covered = self.oracle.dominated_by(&ends);
        let mut lost = Vec::new();
        for (number, entry) in &self.oracle.entries {
            if covered.contains(number) || self.oracle.excused.contains_key(number) {
                continue;
            }
            lost.push(format!(
                "number {number}, entered by {} into {} of {}, is lost",
                entry.by, entry.group, entry.record
            ));
        }
        lost.into_iter().for_each(|text| self.oracle.broken("C2", text));
    }

    /// What stands is what nobody replaced who had seen it: a function of the set of edits alone.
    fn judge_siblings(&mut self, office: &OfficeState) -> anyhow::Result<()> {
        let applied = office.history_numbers();
        let before = self.oracle.seen_before();
        let mut wrong = Vec::new();
        for (id, (_, record)) in &office.records {
            for (group, siblings) in &record.groups {
                let standing: BTreeSet<u64> = siblings.values().filter_map(|sibling| number(&sibling.fields)).collect();
                for sibling in siblings.values() {
                    if let Some(number) = number(&sibling.fields)
                        && let Some(entry) = self.oracle.entries.get(&number)
                        && (entry.record != *id || entry.group != *group)
                    {
                        wrong.push(("C1", format!("number {number} stands in {group} of {id}, where nobody wrote it")));
                    }
                }
                if self.oracle.is_disturbed() {
                    continue;
                }
                if standing.len() < siblings.values().filter(|sibling| number(&sibling.fields).is_some()).count() {
                    wrong.push(("P2", format!("a number stands twice in {group} of {id}")));
                }
                let of_group =
                    self.oracle.entries.iter().filter(|(number, entry)| {
                        entry.record == *id && entry.group == *group && applied.contains(number)
                    });
                let of_group: BTreeMap<u64, &BTreeSet<u64>> =
                    of_group.map(|(number, _)| (*number, &before[number])).collect();
                for number in of_group.keys() {
                    let is_late = |number: &u64| self.oracle.out_of_order.contains(number);
                    let replaced = of_group.iter().any(|(later, seen)| seen.contains(number) && !is_late(later));
                    if is_late(number) {
                        continue;
                    }
                    let seen_late = of_group.iter().any(|(later, seen)| seen.contains(number) && is_late(later));
                    match (standing.contains(number), replaced) {
                        (true, true) => {
                            wrong.push(("C1", format!("number {number} stands in {group} of {id} and was replaced")));
                        }
                        (false, false) if !seen_late => {
                            wrong.push(("C2", format!("number {number} of {group} of {id} is gone unseen")));
                        }
                        _ => {}
                    }
                }
            }
        }
        wrong.into_iter().for_each(|(promise, text)| self.oracle.broken(promise, text));
        Ok(())
    }

    /// Nothing is applied twice, no dot names two contents, the chain holds.
    fn judge_history(&mut self, office: &OfficeState) -> anyhow::Result<()> {
        let mut contents = BTreeMap::new();
        let mut times: BTreeMap<u64, u32> = BTreeMap::new();
        let mut wrong = Vec::new();
        for line in &office.history {
            let Some(edit) = &line.edit else { continue };
            let content = edit.content();
            if *contents.entry((line.record, line.dot)).or_insert(content) != content {
                wrong.push(("V1", format!("{:?} of {} names two contents", line.dot, line.record)));
            }
            if line.action != "refilled"
                && let Some(number) = number(&edit.fields)
            {
                *times.entry(number).or_insert(0) += 1;
            }
        }
        if !self.oracle.is_disturbed() {
            for (number, count) in times {
                if count > 1 {
                    wrong.push(("P2", format!("number {number} was applied {count} times")));
                }
            }
        }
        if let Err(place) = self.site.office()?.read(|txn| txn.verify_chain())? {
            wrong.push(("G1", format!("the history's chain breaks at {place}")));
        }
        wrong.into_iter().for_each(|(promise, text)| self.oracle.broken(promise, text));
        Ok(())
    }

    /// Every signature that a phone has still verifies.
    fn judge_signatures(&mut self) -> anyhow::Result<()> {
        let mut wrong = Vec::new();
        for phone in self.phones.iter().filter(|phone| !phone.is_revoked) {
            for order in &self.orders {
                let statuses = match phone.device.verify(*order) {
                    Ok(statuses) => statuses,
                    Err(fieldsync::Error::NotFound) => continue,
                    Err(error) => return Err(error.into()),
                };
                for status in statuses {
                    if let Err(error) = status.verified {
                        wrong.push(format!("{}: signature {}: {error}", phone.name, status.signature));
                    }
                }
            }
        }
        wrong.into_iter().for_each(|text| self.oracle.broken("G1", text));
        Ok(())
    }
}
