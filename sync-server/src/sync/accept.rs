//! The one door: every edit, whoever made it, is judged, merged, logged and made visible here, in one transaction.
//!
//! Promises: a record's edits are accepted whole or not at all; an edit the office already has is acknowledged, not
//! applied twice; what is accepted stands in history, in the scope index and on the board when the transaction commits.

use std::collections::{BTreeMap, BTreeSet};

use fieldsync_protocol::exchange::Refusal;
use fieldsync_protocol::kinds::{self, Reach, Type};
use fieldsync_protocol::rights::{self, Access, Actor, Code, Facts, Role, Verdict};
use fieldsync_protocol::status::Status;
use fieldsync_protocol::{DeviceId, Edit, FieldsExt, PersonId, Record, RecordId, document, show};

use super::{board, collect, scope};
use crate::office::{Office, SYSTEM};
use crate::store::{Action, Audience, Entry, StoreError, Stored, Txn};

/// Who hands edits in.
#[derive(Debug, Clone, Copy)]
pub struct Author {
    /// The person and their role.
    pub actor: Actor,
    /// From which device; `None` for the office.
    pub device: Option<DeviceId>,
    /// The cursor position the device had reached: late work is judged by the access its author had there.
    pub position: u64,
}

impl Author {
    /// Somebody in the office.
    pub fn office(actor: Actor) -> Self {
        Self { actor, device: None, position: 0 }
    }
}

/// What became of a record's edits.
#[derive(Debug, Clone)]
pub enum Accepted {
    /// They are in.
    Done {
        /// The record as it stands now.
        stored: Box<Stored>,
        /// Whether it is simply what stood before plus exactly these edits.
        is_simply: bool,
    },
    /// Some were refused, so none was applied.
    Refused(Vec<Refusal>),
    /// They must be kept aside, applied to nothing.
    Held(Code),
}

/// One transaction's view of the door: remembers which board rows are stale.
pub struct Door<'a> {
    /// The office.
    pub office: &'a Office,
    stale: BTreeSet<RecordId>,
    /// Orders that were reviewed in this transaction: what their row says about being closed may be wrong.
    reviewed: BTreeSet<RecordId>,
    /// Who made an order; it does not change, and a page of records below one asks for it again and again.
    authors: BTreeMap<RecordId, Option<PersonId>>,
}

impl<'a> Door<'a> {
    /// Opens the door for one transaction; [`Door::close`] must end it.
    pub fn open(office: &'a Office) -> Self {
        Self { office, stale: BTreeSet::new(), reviewed: BTreeSet::new(), authors: BTreeMap::new() }
    }

    /// Brings the board up to date with everything accepted.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    pub fn close(mut self, txn: &mut dyn Txn) -> Result<(), StoreError> {
        for order in std::mem::take(&mut self.stale) {
            board::refresh(self.office, txn, order)?;
        }
        Ok(())
    }

    /// Notes that an order's row on the board may be stale.
    pub fn touch(&mut self, order: RecordId) {
        self.stale.insert(order);
    }

    /// Judges and applies `edits` of one record.
    ///
    /// # Errors
    /// [`StoreError`] of the store; refusing and holding are results, not errors.
    pub fn accept(
        &mut self,
        txn: &mut dyn Txn,
        author: &Author,
        kind: &str,
        id: RecordId,
        edits: &[Edit],
        action: Action,
    ) -> Result<Accepted, StoreError> {
        let before = txn.record(id)?;
        if before.is_none() && txn.erased(id)?.is_some() {
            let code = Code::Erased;
            let refusals = edits.iter().map(|edit| refusal(edit, code)).collect();
            return Ok(Accepted::Refused(refusals));
        }
        if collect::is_used_up(txn, kind, id)? {
            let code = Code::Collected;
            return Ok(match author.device {
                Some(_) => Accepted::Held(code),
                None => Accepted::Refused(edits.iter().map(|edit| refusal(edit, code)).collect()),
            });
        }
        let mut new = Vec::new();
        for edit in edits {
            if txn.dot(id, edit.dot)?.is_none() || fieldsync_protocol::planted!("apply-twice") {
                new.push(edit);
            }
        }
        if new.is_empty()
            && let Some(stored) = before
        {
            return Ok(Accepted::Done { stored: Box::new(stored), is_simply: false });
        }
        let refuse_all = |code| {
            let refusals = edits.iter().map(|edit| Refusal { dot: edit.dot, group: edit.group.clone(), code });
            Ok(Accepted::Refused(refusals.collect()))
        };
        if before.as_ref().is_some_and(|stored| stored.record.kind != kind) {
            return refuse_all(Code::InvalidEntry);
        }
        let Some(table) = kinds::kind(kind) else { return refuse_all(Code::UnknownKind) };
        let order = order_of(before.as_ref().map(|stored| &stored.record), table, id, edits);
        if table.reach == Reach::BelowOrder {
            let known = match order {
                Some(order) => txn.record(order)?.is_some_and(|stored| stored.record.kind == "work_order"),
                None => false,
            };
            if !known {
                return refuse_all(Code::MissingReference);
            }
        }
        if let (Some(order), "signature", None) = (order, kind, &before)
            && !has_document(txn, order, edits)?
            && !fieldsync_protocol::planted!("signature-alone")
        {
            return refuse_all(Code::MissingReference);
        }
        // Each edit is judged as if those before it were in: a create writes its main group first.
        let mut preview = before.as_ref().map_or_else(|| Record::new(kind, id), |stored| stored.record.clone());
        let facts = self.facts(txn, author, table, id, order, before.is_none())?;
        let (mut refusals, mut held) = (Vec::new(), None);
        for edit in &new {
            let verdict = if names_foreign(txn, author, kind, edit)? {
                Verdict::Refuse(Code::OutOfScope)
            } else {
                self.judge(author, &facts, &preview, kind, edit, action)
            };
            match verdict {
                Verdict::Allow => preview.put(edit),
                Verdict::Hold(code) => held = Some(code),
                Verdict::Propose => refusals.push(refusal(edit, Code::ProposalNeeded)),
                Verdict::Refuse(code) => refusals.push(refusal(edit, code)),
            }
        }
        if let Some(code) = held {
            return Ok(Accepted::Held(code));
        }
        if !refusals.is_empty() {
            return Ok(Accepted::Refused(refusals));
        }
        let is_whole_push = new.len() == edits.len();
        let mut stored = self.apply(txn, before, kind, id, order, &new, action)?;
        let completed = self.complete(txn, &mut stored, order)?;
        Ok(Accepted::Done { stored: Box::new(stored), is_simply: is_whole_push && !completed })
    }

    fn judge(
        &self,
        author: &Author,
        facts: &Facts,
        preview: &Record,
        kind: &str,
        edit: &Edit,
        action: Action,
    ) -> Verdict {
        if !edit.within_limits() {
            return Verdict::Refuse(Code::TooLarge);
        }
        if kinds::validate(kind, &edit.group, &edit.fields).is_err() {
            return Verdict::Refuse(Code::InvalidEntry);
        }
        if action == Action::Accepted
            && (edit.stamp.person != author.actor.person || edit.stamp.device != author.device)
        {
            return Verdict::Refuse(Code::NotYours);
        }
        if author.actor.person == SYSTEM || action == Action::Released {
            return Verdict::Allow;
        }
        let group_facts = Facts {
            author: show::author(preview),
            is_about_actor: show::is_about(preview, author.actor.person),
            has_value: preview.groups.contains_key(&edit.group),
            is_in_conflict: show::is_in_conflict(preview, &edit.group),
            has_office_value: preview.siblings(&edit.group).any(|(_, sibling)| sibling.stamp.device.is_none()),
            ..*facts
        };
        rights::decide(&author.actor, &group_facts, kind, &edit.group, &edit.fields)
    }

    /// What the matrix needs to know about the record, apart from its groups.
    fn facts(
        &mut self,
        txn: &mut dyn Txn,
        author: &Author,
        table: &kinds::Kind,
        id: RecordId,
        order: Option<RecordId>,
        is_new: bool,
    ) -> Result<Facts, StoreError> {
        let mut facts = Facts {
            access: Access::InScope,
            author: None,
            is_about_actor: true,
            order_author: None,
            has_office_value: false,
            has_value: false,
            is_in_conflict: false,
            order_closed: false,
        };
        if let Some(order) = order {
            facts.order_closed = self.is_closed(txn, order)?;
            facts.order_author = self.author_of(txn, order)?;
        }
        if author.actor.role == Role::Technician && !(is_new && table.reach != Reach::BelowOrder) {
            let judged_by = if table.reach == Reach::BelowOrder { order.unwrap_or(id) } else { id };
            facts.access = access(txn, author, judged_by, facts.order_author)?;
        }
        Ok(facts)
    }

    /// Whether an order is approved. Its row is brought up to date only when what this transaction did may have changed
    /// that: work on an order that is neither approved nor cancelled cannot, unless somebody reviews it.
    fn is_closed(&mut self, txn: &mut dyn Txn, order: RecordId) -> Result<bool, StoreError> {
        let status = txn.job(order)?.map(|row| row.status);
        let is_certain =
            !matches!(status, Some(Status::Approved | Status::Cancelled)) && !self.reviewed.contains(&order);
        if is_certain || !self.stale.remove(&order) {
            return Ok(status == Some(Status::Approved));
        }
        board::refresh(self.office, txn, order)?;
        Ok(txn.job(order)?.is_some_and(|row| row.status == Status::Approved))
    }

    fn author_of(&mut self, txn: &mut dyn Txn, order: RecordId) -> Result<Option<PersonId>, StoreError> {
        if let Some(author) = self.authors.get(&order) {
            return Ok(*author);
        }
        let Some(stored) = txn.record(order)? else { return Ok(None) };
        let author = show::author(&stored.record);
        self.authors.insert(order, author);
        Ok(author)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one change, named at the only call")]
    fn apply(
        &mut self,
        txn: &mut dyn Txn,
        before: Option<Stored>,
        kind: &str,
        id: RecordId,
        order: Option<RecordId>,
        edits: &[&Edit],
        action: Action,
    ) -> Result<Stored, StoreError> {
        let is_new = before.is_none();
        let mut stored = before.unwrap_or_else(|| {
            let record = Record::new(kind, id);
            Stored { check: record.check(), record, changed: Default::default(), sequence: 0 }
        });
        for (place, edit) in edits.iter().enumerate() {
            if fieldsync_protocol::planted!("accept-without-applying") && place > 0 {
                continue;
            }
            let replaced: Vec<_> = stored
                .record
                .siblings(&edit.group)
                .map(|(dot, _)| dot)
                .filter(|dot| edit.context.covers(*dot))
                .collect();
            stored.record.put(edit);
            let entry = Entry {
                action,
                kind: kind.to_owned(),
                record: id,
                edit: (*edit).clone(),
                arrived_ms: self.office.now_ms(),
                replaced,
            };
            stored.sequence = txn.append(&entry)?;
            stored.changed.insert(edit.group.clone(), stored.sequence);
        }
        self.settle(txn, &mut stored, order, is_new)?;
        Ok(stored)
    }

    /// Stores a changed record and brings scope and board after it.
    pub(super) fn settle(
        &mut self,
        txn: &mut dyn Txn,
        stored: &mut Stored,
        order: Option<RecordId>,
        is_new: bool,
    ) -> Result<(), StoreError> {
        stored.check = stored.record.check();
        let below = order.filter(|order| *order != stored.record.id);
        txn.put_record(stored, below)?;
        scope::refresh(txn, stored, order, is_new)?;
        match order {
            Some(order) => {
                self.touch(order);
                if stored.record.kind == "review" {
                    self.reviewed.insert(order);
                }
            }
            None => {
                for order in txn.referring(stored.record.id)? {
                    self.touch(order);
                }
            }
        }
        Ok(())
    }

    /// What the office adds by itself: a number to a new order, a counter-signature to a signature.
    fn complete(
        &mut self,
        txn: &mut dyn Txn,
        stored: &mut Stored,
        order: Option<RecordId>,
    ) -> Result<bool, StoreError> {
        let record = &stored.record;
        let (group, fields) = match record.kind.as_str() {
            "work_order" if !record.groups.contains_key("number") => {
                let number = format!("WO-{:06}", txn.next_number()?);
                ("number", fieldsync_protocol::fields! { "number" => number })
            }
            "signature" if !record.groups.contains_key("countersignature") => {
                let Some(main) = show::main_fields(record) else { return Ok(false) };
                let Some(statement) = main.get("statement").and_then(|value| value.as_bytes()) else {
                    return Ok(false);
                };
                let at_ms = self.office.now_ms();
                let signature = document::countersign(self.office.keys.root(), statement, at_ms);
                ("countersignature", fieldsync_protocol::fields! { "at_ms" => at_ms, "signature" => signature })
            }
            _ => return Ok(false),
        };
        let edit = super::edit::stamped(self.office, record, group, fields, record.version.clone(), SYSTEM);
        *stored =
            self.apply(txn, Some(stored.clone()), &record.kind.clone(), record.id, order, &[&edit], Action::Accepted)?;
        Ok(true)
    }
}

/// Whether the document that a signature names is here: a signature never stands without the words that were signed.
fn has_document(txn: &mut dyn Txn, order: RecordId, edits: &[Edit]) -> Result<bool, StoreError> {
    let Some(signed) = edits.iter().find_map(|edit| edit.fields.hash("document")) else { return Ok(false) };
    let documents = txn.below(order)?;
    Ok(documents
        .iter()
        .filter(|record| record.kind == "document")
        .any(|record| record.siblings("document").any(|(_, sibling)| sibling.fields.hash("hash") == Some(signed))))
}

fn refusal(edit: &Edit, code: Code) -> Refusal {
    Refusal { dot: edit.dot, group: edit.group.clone(), code }
}

/// The work order a record belongs to: itself, or the one its main group names.
pub(super) fn order_of(before: Option<&Record>, table: &kinds::Kind, id: RecordId, edits: &[Edit]) -> Option<RecordId> {
    match table.reach {
        Reach::Order => Some(id),
        Reach::BelowOrder => before
            .and_then(show::main_fields)
            .or_else(|| edits.iter().find(|edit| edit.group == table.main().name).map(|edit| &edit.fields))
            .and_then(|fields| fields.id("work_order")),
        Reach::Shared | Reach::Referred => None,
    }
}

/// Whether a technician's order, customer, site, asset or contact names one of these that he does not see: it would come
/// into his scope. What the office does not know yet may be named; it arrives with the order.
fn names_foreign(txn: &mut dyn Txn, author: &Author, kind: &str, edit: &Edit) -> Result<bool, StoreError> {
    let table = kinds::kind(kind).filter(|table| matches!(table.reach, Reach::Order | Reach::Referred));
    let Some(group) = table.and_then(|table| table.group(&edit.group)) else { return Ok(false) };
    if author.actor.role != Role::Technician {
        return Ok(false);
    }
    for field in group.fields.iter().filter(|field| matches!(field.holds, Type::Reference(_))) {
        let Some(target) = edit.fields.id(field.name) else { continue };
        let is_known = txn.record(target)?.is_some();
        if is_known && matches!(access(txn, author, target, None)?, Access::Withdrawn | Access::Never) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How a record stands to a technician, by the scope index and the cursor their device had reached.
fn access(
    txn: &mut dyn Txn,
    author: &Author,
    record: RecordId,
    order_author: Option<fieldsync_protocol::PersonId>,
) -> Result<Access, StoreError> {
    let audience = Audience::of(RecordId(author.actor.person.0));
    Ok(match txn.scope_row(audience, record)? {
        Some(row) if !row.has_left => Access::InScope,
        Some(row) if author.position < row.changed => Access::Late,
        Some(_) => Access::Withdrawn,
        None if order_author == Some(author.actor.person) => Access::InScope,
        None if fieldsync_protocol::planted!("stranger-may-write") => Access::InScope,
        None => Access::Never,
    })
}
