//! The table of kinds: which groups a record of each kind has, what their fields hold, who owns them, and whether
//! concurrent values need a person.
//!
//! The stored record never depends on this table; only what is shown, and what may be entered, does. Once released, a
//! field never changes its group and a group never changes its name.

mod table;

use crate::edit::is_name;
use crate::limits::GROUP_BYTES_MAX;
use crate::value::{Fields, Value};

pub use table::{ATTRIBUTIONS, CATEGORIES, KINDS, OUTCOMES, PRIORITIES, VISIT_EVENTS};

/// Version of this table; frozen into every signed document.
pub const TABLE_VERSION: u32 = 1;

/// Who owns a group: whose value is shown first when values are concurrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The plan: what the office decides.
    Office,
    /// The work: what the technician found and did.
    Technician,
}

/// What several concurrent contents of one group mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concurrent {
    /// A person decides; until then the owner's value is shown.
    NeedsPerson,
    /// The declared rule decides for display; nothing is lost, nobody is asked.
    ByRule,
}

/// Where a record is seen: which audience it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Every device of the tenant: catalogue and team.
    Shared,
    /// The technicians assigned to this work order.
    Order,
    /// The technicians assigned to the work order named in the main group.
    BelowOrder,
    /// The technicians of every work order that refers to it.
    Referred,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Text of at most this many bytes.
    Text(usize),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number.
    Int,
    /// Milliseconds since 1970 UTC.
    Time,
    /// Integer minor units of the currency beside it.
    Money,
    /// Thousandths of the unit beside it.
    Quantity,
    /// A yes or no.
    Flag,
    /// The id of a record of this kind.
    Reference(&'static str),
    /// A SHA-256 hash.
    Hash,
    /// Bytes, at most this many.
    Bytes(usize),
    /// A list or map of anything.
    Structure,
}

/// One field of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name, the same in code, SQL, wire, console and docs.
    pub name: &'static str,
    /// What it holds.
    pub holds: Type,
    /// Whether a value must be there.
    pub required: bool,
}

/// One group of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: &'static str,
    /// Whose value is shown first.
    pub owner: Owner,
    /// What concurrent contents mean.
    pub concurrent: Concurrent,
    /// Its fields.
    pub fields: &'static [Field],
}

/// One kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// Who sees records of this kind.
    pub reach: Reach,
    /// Appended and voided, never edited: the main group may be written once.
    pub additive: bool,
    /// Its groups; the first is the main group, written when the record is born.
    pub groups: &'static [Group],
}

impl Kind {
    /// The group written when the record is born.
    pub fn main(&self) -> &'static Group {
        &self.groups[0]
    }

    /// The group named `name`.
    pub fn group(&self, name: &str) -> Option<&'static Group> {
        self.groups.iter().find(|group| group.name == name)
    }
}

/// The kind named `name`, when this version knows it.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// Why fields may not be entered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// This version does not know the kind.
    #[error("find kind {0} in the table")]
    Kind(String),
    /// This version does not know the group.
    #[error("find group {0} in the table")]
    Group(String),
    /// A required field is missing.
    #[error("accept the entry: field {0} is missing")]
    Missing(&'static str),
    /// A field holds something else than the table says.
    #[error("accept the entry: field {0} holds something of another type")]
    Type(&'static str),
    /// A field is longer than its limit, or the group heavier than [`GROUP_BYTES_MAX`].
    #[error("accept the entry: field {0} is too long")]
    TooLong(&'static str),
    /// A field's word is none of the table's.
    #[error("accept the entry: field {0} holds none of its words")]
    Choice(&'static str),
    /// A name is not made of lower-case letters, digits and `_`.
    #[error("accept the entry: a name is not allowed")]
    Name,
}

impl Invalid {
    /// Stable code for apps and messages.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Kind(_) => "unknown_kind",
            Self::Group(_) => "unknown_group",
            Self::Missing(_) => "missing_field",
            Self::Type(_) => "wrong_type",
            Self::TooLong(_) => "too_long",
            Self::Choice(_) => "unknown_word",
            Self::Name => "bad_name",
        }
    }
}

/// Checks what a person enters against the table. Fields the table does not know pass: a newer version wrote them.
///
/// # Errors
/// [`Invalid`], naming the field.
pub fn validate(kind_name: &str, group_name: &str, fields: &Fields) -> Result<(), Invalid> {
    let kind = kind(kind_name).ok_or_else(|| Invalid::Kind(kind_name.to_owned()))?;
    if group_name == crate::record::DELETED {
        return Ok(());
    }
    let group = kind.group(group_name).ok_or_else(|| Invalid::Group(group_name.to_owned()))?;
    if !fields.keys().all(|name| is_name(name)) {
        return Err(Invalid::Name);
    }
    if fields.iter().map(|(name, value)| name.len() + 3 + value.weight()).sum::<usize>() > GROUP_BYTES_MAX {
        return Err(Invalid::TooLong(group.name));
    }
    for field in group.fields {
        match fields.get(field.name) {
            None | Some(Value::Null) if field.required => return Err(Invalid::Missing(field.name)),
            None | Some(Value::Null) => {}
            Some(value) => check_type(field, value)?,
        }
    }
    Ok(())
}

fn check_type(field: &Field, value: &Value) -> Result<(), Invalid> {
    let fits = match (field.holds, value) {
        (Type::Text(max), Value::Text(text)) => {
            if text.len() > max {
                return Err(Invalid::TooLong(field.name));
            }
            true
        }
        (Type::Choice(words), Value::Text(text)) => {
            if !words.contains(&text.as_str()) {
                return Err(Invalid::Choice(field.name));
            }
            true
        }
        (Type::Int | Type::Time | Type::Money | Type::Quantity, Value::Int(_)) => true,
        (Type::Flag, Value::Bool(_)) => true,
        (Type::Reference(_), value) => value.as_uuid().is_some(),
        (Type::Hash, value) => value.as_hash().is_some(),
        (Type::Bytes(max), Value::Bytes(bytes)) => {
            if bytes.len() > max {
                return Err(Invalid::TooLong(field.name));
            }
            true
        }
        (Type::Structure, Value::List(_) | Value::Map(_)) => true,
        _ => false,
    };
    if fits { Ok(()) } else { Err(Invalid::Type(field.name)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields;

    #[test]
    fn every_name_in_the_table_is_allowed_and_stands_once() {
        for (place, kind) in KINDS.iter().enumerate() {
            assert!(is_name(kind.name) && !KINDS[..place].iter().any(|other| other.name == kind.name));
            for (place, group) in kind.groups.iter().enumerate() {
                assert!(is_name(group.name) && !kind.groups[..place].iter().any(|other| other.name == group.name));
                assert!(group.fields.iter().all(|field| is_name(field.name)));
            }
        }
    }

    #[test]
    fn a_record_below_an_order_names_it_in_its_main_group() {
        for kind in KINDS.iter().filter(|kind| kind.reach == Reach::BelowOrder) {
            assert!(
                kind.main().fields.iter().any(|field| field.name == "work_order" && field.required),
                "{}",
                kind.name
            );
        }
    }

    #[test]
    fn an_entry_is_checked_by_field_and_unknown_fields_pass() {
        let ok = fields! { "text" => "pump leaks", "invented_later" => 7 };
        assert_eq!(validate("work_order", "problem", &ok), Ok(()));
        assert_eq!(validate("work_order", "problem", &fields! {}), Err(Invalid::Missing("text")));
        assert_eq!(validate("work_order", "problem", &fields! { "text" => 7 }), Err(Invalid::Type("text")));
        assert_eq!(validate("work_order", "plan", &fields! { "priority" => "asap" }), Err(Invalid::Choice("priority")));
        assert_eq!(
            validate("customer", "identity", &fields! { "name" => "x".repeat(121) }),
            Err(Invalid::TooLong("name"))
        );
        assert!(matches!(validate("drone", "flight", &ok), Err(Invalid::Kind(_))));
    }
}
