//! Which sibling of a group is shown, and whether a person must decide. A pure function of the table of kinds; showing
//! never deletes.

use crate::ids::{PersonId, RecordId};
use crate::kinds::{self, Concurrent, Owner, Reach, Type};
use crate::record::{DELETED, Record, Sibling};
use crate::value::{Fields, FieldsExt, Value};
use crate::version::Dot;

/// The sibling shown for `group`: the owner's value first, then a set flag before an unset one, then the highest dot.
pub fn shown<'a>(record: &'a Record, group: &str) -> Option<(Dot, &'a Sibling)> {
    let owner = kinds::kind(&record.kind).and_then(|kind| kind.group(group)).map_or(Owner::Office, |group| group.owner);
    record.siblings(group).max_by_key(|(dot, sibling)| {
        let from_office = sibling.stamp.device.is_none();
        let is_owners = from_office == (owner == Owner::Office);
        let has_flag = sibling.fields.values().any(|value| *value == Value::Bool(true));
        (is_owners, has_flag, *dot)
    })
}

/// The fields shown for `group`; none when nobody wrote it.
pub fn fields<'a>(record: &'a Record, group: &str) -> Option<&'a Fields> {
    shown(record, group).map(|(_, sibling)| &sibling.fields)
}

/// The fields shown of the record's main group.
pub fn main_fields(record: &Record) -> Option<&Fields> {
    let kind = kinds::kind(&record.kind)?;
    fields(record, kind.main().name)
}

/// What people call the record: a customer's, contact's, site's, asset's, part's or technician's name.
pub fn name(record: &Record) -> Option<&str> {
    let group = match record.kind.as_str() {
        "customer" | "asset" => "identity",
        "contact" => "person",
        "site" => "place",
        "part" => "catalogue",
        "technician" => "profile",
        _ => return None,
    };
    fields(record, group)?.text("name")
}

/// The customers, sites, assets and contacts that the shown values of an order, or of one of these, name: by which field,
/// and which. Whoever sees `record` sees them as well.
pub fn references(record: &Record) -> Vec<(&'static str, RecordId)> {
    let Some(kind) = kinds::kind(&record.kind) else { return Vec::new() };
    if !matches!(kind.reach, Reach::Order | Reach::Referred) {
        return Vec::new();
    }
    let named = kind.groups.iter().filter_map(|group| Some((group, fields(record, group.name)?)));
    named
        .flat_map(|(group, values)| group.fields.iter().map(move |field| (field, values)))
        .filter(|(field, _)| match field.holds {
            Type::Reference(target) => kinds::kind(target).is_some_and(|kind| kind.reach == Reach::Referred),
            _ => false,
        })
        .filter_map(|(field, values)| Some((field.name, values.id(field.name)?)))
        .collect()
}

/// The person who made the record: author of the lowest dot of its main group.
pub fn author(record: &Record) -> Option<crate::ids::PersonId> {
    let kind = kinds::kind(&record.kind)?;
    record.siblings(kind.main().name).next().map(|(_, sibling)| sibling.stamp.person)
}

/// Concurrent contents of one group that a person has to decide between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The group.
    pub group: String,
    /// One entry per distinct content, the shown one first.
    pub values: Vec<ConflictValue>,
}

/// One of the contents in a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictValue {
    /// A dot that carries this content.
    pub dot: Dot,
    /// The content and its author's stamp.
    pub sibling: Sibling,
}

/// The groups of `record` in which people must decide, in order of name.
///
/// Equal contents count as one. A delete that had not seen everything alive is a conflict of the group `deleted`, also
/// when it is the group's only value: what it contradicts stands in the other groups. Deletes that settle it between
/// them are none.
pub fn conflicts(record: &Record) -> Vec<Conflict> {
    record.groups.keys().filter_map(|group| conflict(record, group)).collect()
}

/// What people must decide in `group`, when they must.
fn conflict(record: &Record, group: &str) -> Option<Conflict> {
    let siblings = record.groups.get(group)?;
    let is_delete = group == DELETED;
    let needs_person = match kinds::kind(&record.kind).and_then(|kind| kind.group(group)) {
        Some(group) => group.concurrent == Concurrent::NeedsPerson && siblings.len() > 1,
        None => is_delete && !record.is_deleted() && siblings.values().any(|value| value.fields.flag("deleted")),
    };
    if !needs_person {
        return None;
    }
    let mut values: Vec<ConflictValue> = Vec::new();
    let first = shown(record, group).map(|(dot, sibling)| (dot, sibling.clone()));
    let ordered = first.into_iter().chain(siblings.iter().map(|(dot, sibling)| (*dot, sibling.clone())));
    for (dot, sibling) in ordered {
        if !values.iter().any(|value| value.sibling.fields == sibling.fields) {
            values.push(ConflictValue { dot, sibling });
        }
    }
    (values.len() > 1 || is_delete).then(|| Conflict { group: group.to_owned(), values })
}

/// Whether people must decide in `group`.
pub fn is_in_conflict(record: &Record, group: &str) -> bool {
    conflict(record, group).is_some()
}

/// Whether a record is about this person: its main group names them as its technician in one of its values, or nobody.
pub fn is_about(record: &Record, person: PersonId) -> bool {
    let Some(kind) = kinds::kind(&record.kind) else { return true };
    let main = record.siblings(kind.main().name);
    let mut named = main.filter_map(|(_, sibling)| sibling.fields.id("technician")).peekable();
    named.peek().is_none() || named.any(|technician| technician.0 == person.0)
}
