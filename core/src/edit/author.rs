//! Who enters: asks the rules, mints dots, and stores what was entered as pending.

use std::collections::BTreeMap;

use fieldsync_protocol::kinds::{self, Invalid, Reach};
use fieldsync_protocol::record::{DELETED, delete_fields};
use fieldsync_protocol::rights::{self, Access, Code, Facts, Verdict};
use fieldsync_protocol::status::{self, Status};
use fieldsync_protocol::version::Dot;
use fieldsync_protocol::{
    Edit, Fields, FieldsExt, PersonId, Record, RecordId, ReplicaId, Stamp, Value, Version, fields, job::Job, show,
};
use rusqlite::Connection;

use super::{Content, Draft, Edited, Landing};
use crate::device::Device;
use crate::enrol::Identity;
use crate::error::Error;
use crate::store;
use crate::store::record::{Leaving, Work};
use crate::sync::identity;

/// Who enters, and what goes on every edit of one call.
pub(super) struct Author<'d> {
    pub(super) device: &'d Device,
    pub(super) identity: Identity,
    pub(super) me: ReplicaId,
    pub(super) stamp: Stamp,
}

impl Author<'_> {
    pub(super) fn enter(&mut self, work: &mut Work<'_>, draft: Draft) -> Result<Edited, Error> {
        let kind = kinds::kind(&draft.kind).ok_or_else(|| Invalid::Kind(draft.kind.clone()))?;
        let id = draft.record.unwrap_or_else(|| self.device.new_id());
        let mut shown = store::shown(work.tx, id)?.unwrap_or_else(|| Record::new(kind.name, id));
        if shown.kind != kind.name {
            return Err(Error::NotFound);
        }
        let mut context = match &draft.context {
            Some(_) if fieldsync_protocol::planted!("context-at-save") => shown.version.clone(),
            Some(context) => identity::bring_over(work.tx, id, context)?,
            None => shown.version.clone(),
        };
        store::bundle::widen(work.tx, id, &mut context)?;
        let about = About::find(work.tx, kind, &shown, &draft)?;
        let mut counter = work.highest_counter(&shown, self.me)?;
        let mut groups = BTreeMap::new();
        for (group, content) in &draft.groups {
            let fields = content.onto(kind, &shown, group, &context);
            kinds::validate(kind.name, group, &fields)?;
            let facts = about.facts(&shown, group, self.identity.person);
            let verdict = rights::decide(&self.identity.actor(), &facts, kind.name, group, &fields);
            let landing = match verdict {
                Verdict::Refuse(code) => return Err(refused(code, kind.name, group)),
                Verdict::Propose => Landing::Proposed(self.propose(work, &draft, &shown, group, &fields)?),
                Verdict::Allow | Verdict::Hold(_) if says_nothing_new(&shown, group, &fields, &context) => {
                    Landing::Unchanged
                }
                Verdict::Allow => Landing::Pending,
                Verdict::Hold(_) => Landing::WillBeHeld,
            };
            if matches!(landing, Landing::Pending | Landing::WillBeHeld) {
                let revives = group != DELETED && shown.is_deleted();
                counter += 1;
                self.mint(work, &mut shown, group, fields, &context, counter)?;
                if revives && self.may_revive(&about, &shown) {
                    counter += 1;
                    self.mint(work, &mut shown, DELETED, fields! { "deleted" => false }, &context, counter)?;
                }
            }
            groups.insert(group.clone(), landing);
        }
        if store::record::kind_of(work.tx, id)?.is_some() {
            work.set_counter(id, counter)?;
            work.recompute(id)?;
        }
        Ok(Edited { record: id, groups })
    }

    /// Mints a dot and stores the pending edit in the place of those its author had seen.
    fn mint(
        &self,
        work: &mut Work<'_>,
        shown: &mut Record,
        group: &str,
        fields: Fields,
        context: &Version,
        counter: u64,
    ) -> Result<(), Error> {
        let edit = Edit {
            dot: Dot { replica: self.me, counter },
            group: group.to_owned(),
            fields,
            context: context.clone(),
            stamp: self.stamp.clone(),
        };
        if !edit.within_limits() {
            return Err(Invalid::TooLong("group").into());
        }
        work.ensure(&shown.kind, shown.id)?;
        let place = store::pending::replace(work.tx, shown.id, group, context)?;
        store::pending::add(work.tx, shown.id, &edit, place)?;
        crate::sync::drawer::supersede(work.tx, shown.id, &edit)?;
        shown.put(&edit);
        Ok(())
    }

    fn may_revive(&self, about: &About, shown: &Record) -> bool {
        let facts = about.facts(shown, DELETED, self.identity.person);
        let verdict = rights::decide(&self.identity.actor(), &facts, &shown.kind, DELETED, &Fields::new());
        verdict == Verdict::Allow
    }

    /// Makes the proposal record that stands for an edit which may only be suggested.
    fn propose(
        &mut self,
        work: &mut Work<'_>,
        draft: &Draft,
        shown: &Record,
        group: &str,
        fields: &Fields,
    ) -> Result<RecordId, Error> {
        let order = draft.work_order.ok_or(Error::ProposalNeedsOrder)?;
        let proposal = fields! {
            "work_order" => order,
            "subject_kind" => shown.kind.as_str(),
            "subject" => shown.id,
            "group" => group,
            "fields" => fields.clone(),
            "reason" => draft.reason.clone(),
        };
        let edited = self.enter(work, Draft::new("proposal").set("proposal", proposal))?;
        Ok(edited.record)
    }
}

fn refused(code: Code, kind: &str, group: &str) -> Error {
    Error::Refused { code, kind: kind.to_owned(), group: group.to_owned() }
}

fn says_nothing_new(shown: &Record, group: &str, fields: &Fields, context: &Version) -> bool {
    let mut siblings = shown.siblings(group);
    match (siblings.next(), siblings.next()) {
        (Some((dot, sibling)), None) => sibling.fields == *fields && context.covers(dot),
        _ => false,
    }
}

impl Content {
    /// The fields of the edit: what the author wants over what they were shown.
    fn onto(&self, kind: &kinds::Kind, shown: &Record, group: &str, context: &Version) -> Fields {
        let (wanted, keeps_known) = match self {
            Self::Deleted(true) => return delete_fields(context),
            Self::Deleted(false) => return fields! { "deleted" => false },
            Self::Whole(fields) => (fields, false),
            Self::Part(fields) => (fields, true),
        };
        let mut result = seen_fields(shown, group, context);
        if !keeps_known && let Some(group) = kind.group(group) {
            result.retain(|name, _| !group.fields.iter().any(|field| field.name == name));
        }
        for (name, value) in wanted {
            if *value == Value::Null {
                result.remove(name);
            } else {
                result.insert(name.clone(), value.clone());
            }
        }
        result
    }
}

/// What the author was shown of a group: the shown one of the siblings their context covers.
fn seen_fields(shown: &Record, group: &str, context: &Version) -> Fields {
    let mut seen = Record::new(shown.kind.clone(), shown.id);
    let siblings = shown.siblings(group).filter(|(dot, _)| context.covers(*dot));
    seen.groups.insert(group.to_owned(), siblings.map(|(dot, sibling)| (dot, sibling.clone())).collect());
    show::fields(&seen, group).cloned().unwrap_or_default()
}

/// What the rights matrix needs to know of a record's surroundings.
struct About {
    access: Access,
    author: Option<PersonId>,
    order_author: Option<PersonId>,
    order_closed: bool,
}

impl About {
    fn find(connection: &Connection, kind: &kinds::Kind, shown: &Record, draft: &Draft) -> Result<Self, Error> {
        let own = store::record::standing(connection, shown.id)?;
        let order = match kind.reach {
            Reach::Order => Some(shown.id),
            Reach::BelowOrder => store::record::work_order(shown).or_else(|| draft.names_order(kind)),
            Reach::Shared | Reach::Referred => None,
        };
        let access = match kind.reach {
            Reach::BelowOrder => {
                let standing = order.map(|order| store::record::standing(connection, order)).transpose()?.flatten();
                access(standing.or(own), Access::Never)
            }
            // A record nobody holds here is new.
            Reach::Order | Reach::Referred | Reach::Shared => access(own, Access::InScope),
        };
        let order = order.map(|order| store::shown(connection, order)).transpose()?.flatten();
        Ok(Self {
            access,
            author: show::author(shown),
            order_author: order.as_ref().and_then(show::author),
            order_closed: order.map(|order| is_closed(connection, &order)).transpose()?.unwrap_or(false),
        })
    }

    fn facts(&self, shown: &Record, group: &str, person: PersonId) -> Facts {
        Facts {
            access: self.access,
            author: self.author.or_else(|| show::author(shown)),
            is_about_actor: show::is_about(shown, person),
            order_author: self.order_author,
            has_office_value: shown.siblings(group).any(|(_, sibling)| sibling.stamp.device.is_none()),
            has_value: shown.siblings(group).next().is_some(),
            is_in_conflict: show::is_in_conflict(shown, group),
            order_closed: self.order_closed,
        }
    }
}

impl Draft {
    fn names_order(&self, kind: &kinds::Kind) -> Option<RecordId> {
        let (_, content) = self.groups.iter().find(|(group, _)| group == kind.main().name)?;
        match content {
            Content::Whole(fields) | Content::Part(fields) => fields.id("work_order"),
            Content::Deleted(_) => None,
        }
    }
}

fn access(standing: Option<Leaving>, unknown: Access) -> Access {
    match standing {
        Some(Leaving::No) => Access::InScope,
        Some(Leaving::Yes) => Access::Withdrawn,
        None => unknown,
    }
}

/// Whether the order is approved. Only a review can approve, so most orders are not read at all.
fn is_closed(connection: &Connection, order: &Record) -> Result<bool, Error> {
    let has_review: bool = connection
        .prepare_cached("select exists (select 1 from record where work_order = ?1 and kind = 'review')")?
        .query_row([order.id.as_bytes()], |row| row.get(0))?;
    if !has_review {
        return Ok(false);
    }
    let below = store::below(connection, order.id)?;
    Ok(status::status(&Job::collect(order, &below)) == Status::Approved)
}
