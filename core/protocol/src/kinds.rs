//! The table of kinds: which groups a record of each kind has, what their fields hold, who owns them, and whether
//! concurrent values need a person.
//!
//! The stored record never depends on this table; only what is shown, and what may be entered, does. Once released, a
//! field never changes its group and a group never changes its name.

use crate::edit::is_name;
use crate::limits::GROUP_BYTES_MAX;
use crate::value::{Fields, Value};

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

const fn must(name: &'static str, holds: Type) -> Field {
    Field { name, holds, required: true }
}

const fn may(name: &'static str, holds: Type) -> Field {
    Field { name, holds, required: false }
}

const fn office(name: &'static str, concurrent: Concurrent, fields: &'static [Field]) -> Group {
    Group { name, owner: Owner::Office, concurrent, fields }
}

const fn work(name: &'static str, concurrent: Concurrent, fields: &'static [Field]) -> Group {
    Group { name, owner: Owner::Technician, concurrent, fields }
}

const fn fact(name: &'static str, reach: Reach, groups: &'static [Group]) -> Kind {
    Kind { name, reach, additive: true, groups }
}

const fn master(name: &'static str, reach: Reach, groups: &'static [Group]) -> Kind {
    Kind { name, reach, additive: false, groups }
}

use Concurrent::{ByRule, NeedsPerson};
use Type::{Bytes, Choice, Flag, Hash, Int, Money, Quantity, Reference, Structure, Text, Time};

const LINE: Type = Text(200);
const NAME: Type = Text(120);
const PROSE: Type = Text(8_000);
const CURRENCY: Type = Text(3);

const ADDRESS: &[Field] = &[
    may("street", LINE),
    may("postcode", NAME),
    may("city", NAME),
    may("country", NAME),
    may("latitude_e7", Int),
    may("longitude_e7", Int),
];
const ORIGIN: &[Field] = &[must("provisional", Flag), may("source", NAME)];
const VOID: Group = work("void", ByRule, &[must("reason", LINE)]);

/// Priorities, most urgent first.
pub const PRIORITIES: &[&str] = &["emergency", "high", "normal", "low"];
/// Charging categories: paid, contract, warranty, internal administration.
pub const CATEGORIES: &[&str] = &["a_paid", "b_contract", "c_warranty", "d_internal"];
/// What a visit event says.
pub const VISIT_EVENTS: &[&str] =
    &["en_route", "on_site", "paused", "resumed", "finished", "follow_up", "cannot_complete"];
/// How a visit's work ended.
pub const OUTCOMES: &[&str] = &["solved", "temporary", "limitation_accepted", "not_solved"];
/// Who or what the fault is put down to.
pub const ATTRIBUTIONS: &[&str] = &["product", "wear", "user", "environment", "unknown"];

/// Every kind this version knows.
pub const KINDS: &[Kind] = &[
    master(
        "customer",
        Reach::Referred,
        &[
            office(
                "identity",
                NeedsPerson,
                &[must("name", NAME), may("number", NAME), may("class", Choice(&["a", "b", "c"]))],
            ),
            office("origin", ByRule, ORIGIN),
            office("address", NeedsPerson, ADDRESS),
            office("reach", NeedsPerson, &[may("phone", NAME), may("email", LINE), may("language", Text(16))]),
            office("needs", NeedsPerson, &[may("text", PROSE)]),
        ],
    ),
    master(
        "contact",
        Reach::Referred,
        &[
            office(
                "person",
                NeedsPerson,
                &[
                    must("name", NAME),
                    must("customer", Reference("customer")),
                    may("role", NAME),
                    may("phone", NAME),
                    may("email", LINE),
                ],
            ),
            office("origin", ByRule, ORIGIN),
        ],
    ),
    master(
        "site",
        Reach::Referred,
        &[
            office("place", NeedsPerson, &[must("name", NAME), must("customer", Reference("customer"))]),
            office("origin", ByRule, ORIGIN),
            office("address", NeedsPerson, ADDRESS),
            office("access", NeedsPerson, &[may("steps", PROSE), may("hazards", PROSE)]),
        ],
    ),
    master(
        "asset",
        Reach::Referred,
        &[
            office("identity", NeedsPerson, &[must("name", NAME), may("model", NAME), may("serial", NAME)]),
            office("origin", ByRule, ORIGIN),
            office("place", NeedsPerson, &[may("customer", Reference("customer")), may("site", Reference("site"))]),
            office(
                "entitlement",
                NeedsPerson,
                &[may("warranty_ends_ms", Time), may("contract", NAME), may("is_ours", Flag)],
            ),
            office("parameters", NeedsPerson, &[may("as_built", Structure)]),
        ],
    ),
    master(
        "part",
        Reach::Shared,
        &[office(
            "catalogue",
            ByRule,
            &[
                must("number", NAME),
                must("name", LINE),
                must("unit", Text(16)),
                may("price_minor", Money),
                may("currency", CURRENCY),
            ],
        )],
    ),
    master(
        "technician",
        Reach::Shared,
        &[
            office("profile", ByRule, &[must("name", NAME), may("phone", NAME), may("skills", LINE)]),
            office("standing", ByRule, &[must("active", Flag), may("certificate_until_ms", Time)]),
        ],
    ),
    master(
        "work_order",
        Reach::Order,
        &[
            office(
                "origin",
                ByRule,
                &[
                    must("channel", NAME),
                    may("requested_ms", Time),
                    may("source", LINE),
                    may("provisional_number", NAME),
                ],
            ),
            office("number", ByRule, &[must("number", NAME)]),
            office(
                "parties",
                NeedsPerson,
                &[
                    may("customer", Reference("customer")),
                    may("site", Reference("site")),
                    may("asset", Reference("asset")),
                    may("contact", Reference("contact")),
                ],
            ),
            office("problem", NeedsPerson, &[must("text", PROSE), may("confirmed", Flag)]),
            office(
                "plan",
                ByRule,
                &[
                    must("priority", Choice(PRIORITIES)),
                    may("due_ms", Time),
                    may("signature_required", Flag),
                    may("photo_required", Flag),
                ],
            ),
            office("instructions", ByRule, &[may("text", PROSE)]),
            office(
                "category",
                NeedsPerson,
                &[
                    must("category", Choice(CATEGORIES)),
                    may("order_type", NAME),
                    may("estimate_minor", Money),
                    may("currency", CURRENCY),
                ],
            ),
            office("cancelled", ByRule, &[must("cancelled", Flag), may("reason", LINE)]),
            office("imported", ByRule, &[must("columns", Structure), may("line", Int)]),
        ],
    ),
    master(
        "assignment",
        Reach::BelowOrder,
        &[
            office(
                "plan",
                ByRule,
                &[
                    must("work_order", Reference("work_order")),
                    must("technician", Reference("technician")),
                    may("planned_from_ms", Time),
                    may("planned_to_ms", Time),
                    may("lead", Flag),
                ],
            ),
            office("withdrawn", ByRule, &[must("withdrawn", Flag), may("reason", LINE)]),
            work("response", ByRule, &[must("response", Choice(&["accepted", "declined"])), may("reason", LINE)]),
            work("day", ByRule, &[may("place_in_day", Int)]),
        ],
    ),
    fact(
        "visit_event",
        Reach::BelowOrder,
        &[work(
            "event",
            ByRule,
            &[
                must("work_order", Reference("work_order")),
                must("technician", Reference("technician")),
                must("event", Choice(VISIT_EVENTS)),
                must("seen", Structure),
                may("reason", LINE),
            ],
        )],
    ),
    master(
        "work_report",
        Reach::BelowOrder,
        &[
            work(
                "subject",
                ByRule,
                &[must("work_order", Reference("work_order")), must("technician", Reference("technician"))],
            ),
            work(
                "finding",
                NeedsPerson,
                &[may("fault_location", LINE), may("cause", PROSE), may("attribution", Choice(ATTRIBUTIONS))],
            ),
            work("action", NeedsPerson, &[may("method", PROSE), may("program_change", PROSE)]),
            work("parameters", NeedsPerson, &[may("changed", Structure)]),
            work("hazards", NeedsPerson, &[may("remaining", PROSE)]),
            work("outcome", NeedsPerson, &[must("outcome", Choice(OUTCOMES)), may("text", PROSE)]),
        ],
    ),
    fact(
        "part_line",
        Reach::BelowOrder,
        &[
            work(
                "use",
                ByRule,
                &[
                    must("work_order", Reference("work_order")),
                    must("technician", Reference("technician")),
                    may("part", Reference("part")),
                    must("number", NAME),
                    must("name", LINE),
                    must("quantity_milli", Quantity),
                    must("unit", Text(16)),
                    may("charge", Choice(CATEGORIES)),
                    may("price_minor", Money),
                    may("currency", CURRENCY),
                    may("serial_in", NAME),
                    may("serial_out", NAME),
                ],
            ),
            VOID,
        ],
    ),
    fact(
        "time_entry",
        Reach::BelowOrder,
        &[
            work(
                "time",
                ByRule,
                &[
                    must("work_order", Reference("work_order")),
                    must("technician", Reference("technician")),
                    must("activity", Choice(&["travel", "work", "wait", "break"])),
                    must("from_ms", Time),
                    must("to_ms", Time),
                    may("source", Choice(&["timer", "manual"])),
                ],
            ),
            VOID,
        ],
    ),
    fact(
        "note",
        Reach::BelowOrder,
        &[work("text", ByRule, &[must("work_order", Reference("work_order")), must("text", PROSE)]), VOID],
    ),
    fact(
        "attachment",
        Reach::BelowOrder,
        &[
            work(
                "blob",
                ByRule,
                &[
                    must("work_order", Reference("work_order")),
                    must("hash", Hash),
                    must("media_type", Text(64)),
                    must("size", Int),
                    may("caption", LINE),
                ],
            ),
            VOID,
        ],
    ),
    fact(
        "document",
        Reach::BelowOrder,
        &[work(
            "document",
            ByRule,
            &[
                must("work_order", Reference("work_order")),
                must("document_kind", Choice(&["work_done", "price_consent", "limitation_accepted"])),
                must("content", Bytes(200_000)),
                must("hash", Hash),
                must("seen", Structure),
            ],
        )],
    ),
    fact(
        "signature",
        Reach::BelowOrder,
        &[
            work(
                "signature",
                ByRule,
                &[
                    must("work_order", Reference("work_order")),
                    must("document", Hash),
                    must("statement", Bytes(4_000)),
                    must("strokes", Bytes(200_000)),
                    must("device_signature", Bytes(64)),
                ],
            ),
            office("countersignature", ByRule, &[must("at_ms", Time), must("signature", Bytes(64))]),
        ],
    ),
    fact(
        "review",
        Reach::BelowOrder,
        &[office(
            "decision",
            ByRule,
            &[
                must("work_order", Reference("work_order")),
                must("decision", Choice(&["approved", "returned"])),
                may("document", Hash),
                may("reason", PROSE),
                must("seen", Structure),
            ],
        )],
    ),
    fact(
        "proposal",
        Reach::BelowOrder,
        &[
            work(
                "proposal",
                ByRule,
                &[
                    must("work_order", Reference("work_order")),
                    must("subject_kind", Text(64)),
                    must("subject", Bytes(16)),
                    must("group", Text(64)),
                    must("fields", Structure),
                    may("reason", LINE),
                ],
            ),
            office("decision", ByRule, &[must("accepted", Flag), may("reason", LINE)]),
        ],
    ),
];

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
