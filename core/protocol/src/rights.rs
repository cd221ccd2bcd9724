//! Who may write what: the rights matrix as data, and the one function that reads it. Device and server call the same
//! function, so a wrong entry is refused at once on the phone and a tampered phone gains nothing.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::edit::is_name;
use crate::ids::{PersonId, RecordId};
use crate::kinds::{self, Reach};
use crate::limits::NAME_BYTES_MAX;
use crate::record::DELETED;
use crate::value::{Fields, FieldsExt};

/// What a person is in the organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Works on site, on a device.
    Technician,
    /// Plans and dispatches.
    Dispatcher,
    /// Reviews, approves, decides content.
    Supervisor,
    /// Keeps stores and vans in order.
    StockClerk,
    /// Prices, invoices, money.
    Accountant,
}

impl Role {
    /// All roles, in the order of the matrix's columns.
    pub const ALL: [Role; 5] =
        [Role::Technician, Role::Dispatcher, Role::Supervisor, Role::StockClerk, Role::Accountant];

    /// The role's name in SQL and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Technician => "technician",
            Self::Dispatcher => "dispatcher",
            Self::Supervisor => "supervisor",
            Self::StockClerk => "stock_clerk",
            Self::Accountant => "accountant",
        }
    }

    /// The role with this name.
    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    /// The person; for technicians this is the id of their technician record.
    pub person: PersonId,
    /// In which role.
    pub role: Role,
}

/// How the record stands to a technician.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// In scope, or new and hanging below something in scope.
    InScope,
    /// Was in scope at the cursor the device had reached.
    Late,
    /// Was in scope once; the device has been told that it left.
    Withdrawn,
    /// Never in scope.
    Never,
}

/// What the matrix needs to know about the record besides its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// How the record stands to the actor; ignored for the office.
    pub access: Access,
    /// Who made the record; `None` while it is new.
    pub author: Option<PersonId>,
    /// Whether it is about the actor: its main group names them as its technician in one of its values, or nobody.
    pub is_about_actor: bool,
    /// Who made the work order it belongs to; `None` when unknown or new.
    pub order_author: Option<PersonId>,
    /// Whether the group already holds a value written by the office.
    pub has_office_value: bool,
    /// Whether the group already holds any value.
    pub has_value: bool,
    /// Whether the group holds several contents between which a person must decide.
    pub is_in_conflict: bool,
    /// Whether the work order it belongs to is approved.
    pub order_closed: bool,
}

/// What the matrix answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The edit may be made.
    Allow,
    /// The edit may only be suggested: it becomes a proposal record.
    Propose,
    /// The office keeps the edit aside, applied to nothing, until a person decides.
    Hold(Code),
    /// The edit may not be made.
    Refuse(Code),
}

/// Why an edit is held or refused. Stable; apps and consoles map it to words.
///
/// One that is added after a release is not known to the devices in the field: the office sends its words along
/// ([`crate::exchange::ExchangeAnswer::words`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The office owns this group; a technician cannot write it.
    OfficeOwned,
    /// This role cannot write this group.
    NotYourRole,
    /// Only the person who made the record may change it.
    NotYours,
    /// The change must be made as a proposal.
    ProposalNeeded,
    /// The record's facts are appended, never edited: void it and add a new one.
    AppendOnly,
    /// The work order is approved; what is new needs a new, linked order.
    OrderClosed,
    /// The job was taken away and the device had been told.
    Withdrawn,
    /// The device was revoked.
    Revoked,
    /// The office had given the device up: it was retired.
    Retired,
    /// There is no such record for this technician.
    OutOfScope,
    /// The kind or group is not known to this version.
    UnknownKind,
    /// A field is missing, of another type or too long.
    InvalidEntry,
    /// Something the record refers to is not known at the office yet.
    MissingReference,
    /// The content was erased for privacy.
    Erased,
    /// The record was deleted, everybody was told, and it is kept no more.
    Collected,
    /// A limit on what a peer may send was exceeded.
    TooLarge,
    /// A reason of a later version, by its name.
    Later(LaterCode),
}

/// The name of a code that this version does not know.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaterCode {
    bytes: [u8; NAME_BYTES_MAX],
    len: u8,
}

impl LaterCode {
    /// A name of another form than the names of this format is as good as none: `later`.
    fn new(name: &str) -> Self {
        let name = if is_name(name) { name } else { "later" };
        let mut bytes = [0; NAME_BYTES_MAX];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        Self { bytes, len: name.len() as u8 }
    }

    fn name(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).expect("made of a name, which is ASCII")
    }
}

impl std::fmt::Debug for LaterCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A name of a later version is a code as well.
impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::named(&String::deserialize(deserializer)?))
    }
}

impl Code {
    /// Every code of this version.
    pub const ALL: [Self; 16] = [
        Self::OfficeOwned,
        Self::NotYourRole,
        Self::NotYours,
        Self::ProposalNeeded,
        Self::AppendOnly,
        Self::OrderClosed,
        Self::Withdrawn,
        Self::Revoked,
        Self::Retired,
        Self::OutOfScope,
        Self::UnknownKind,
        Self::InvalidEntry,
        Self::MissingReference,
        Self::Erased,
        Self::Collected,
        Self::TooLarge,
    ];

    /// What happened, in plain words.
    pub fn text(self) -> &'static str {
        match self {
            Self::OfficeOwned => "the office decides this",
            Self::NotYourRole => "your role cannot change this",
            Self::NotYours => "only the person who made this may change it",
            Self::ProposalNeeded => "this can be proposed, not changed",
            Self::AppendOnly => "this was recorded once and cannot be edited",
            Self::OrderClosed => "the work order is approved and closed",
            Self::Withdrawn => "the job was taken away from you",
            Self::Revoked => "this device was revoked",
            Self::Retired => "the office had given this device up",
            Self::OutOfScope => "there is no such record for you",
            Self::UnknownKind => "the office does not know this kind of entry",
            Self::InvalidEntry => "the entry does not fit the table of kinds",
            Self::MissingReference => "something this refers to has not reached the office",
            Self::Erased => "the content was erased for privacy",
            Self::Collected => "the record was deleted long ago",
            Self::TooLarge => "the entry is too large",
            Self::Later(_) => "the office did not accept this for a reason that this version does not know",
        }
    }

    /// What to do about it, in plain words.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::OfficeOwned | Self::NotYourRole | Self::NotYours => "ask the dispatcher to change it",
            Self::ProposalNeeded => "send it as a proposal",
            Self::AppendOnly => "void it with a reason and record a new one",
            Self::OrderClosed => "ask the dispatcher for a new, linked work order",
            Self::Withdrawn | Self::Revoked | Self::Retired | Self::Collected => {
                "nothing is lost: the dispatcher decides what becomes of it"
            }
            Self::OutOfScope => "ask the dispatcher to assign you",
            Self::UnknownKind => "the office must be updated; the entry is kept until then",
            Self::InvalidEntry | Self::TooLarge => "correct the entry, or export it and tell support",
            Self::MissingReference => "it is sent again by itself",
            Self::Erased => "nothing: it may not come back",
            Self::Later(_) => "update the app; the entry is kept until then, and can be exported",
        }
    }

    /// The code with this name; `None` for one of a newer version.
    pub fn from_name(name: &str) -> Option<Code> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }

    /// The code with this name, also one of a newer version.
    pub fn named(name: &str) -> Code {
        Self::from_name(name).unwrap_or_else(|| Self::Later(LaterCode::new(name)))
    }

    /// The code's name in SQL and on the wire.
    pub fn name(&self) -> &str {
        match self {
            Self::OfficeOwned => "office_owned",
            Self::NotYourRole => "not_your_role",
            Self::NotYours => "not_yours",
            Self::ProposalNeeded => "proposal_needed",
            Self::AppendOnly => "append_only",
            Self::OrderClosed => "order_closed",
            Self::Withdrawn => "withdrawn",
            Self::Revoked => "revoked",
            Self::Retired => "retired",
            Self::OutOfScope => "out_of_scope",
            Self::UnknownKind => "unknown_kind",
            Self::InvalidEntry => "invalid_entry",
            Self::MissingReference => "missing_reference",
            Self::Erased => "erased",
            Self::Collected => "collected",
            Self::TooLarge => "too_large",
            Self::Later(later) => later.name(),
        }
    }
}

/// One cell of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// May write.
    Write,
    /// May write what he made himself; others' not.
    Own,
    /// May write on a record that is about himself; on a colleague's not.
    About,
    /// May write while the office has not written it, on a record he made himself.
    Opened,
    /// May name himself, on an order he opened himself.
    SelfOnOwn,
    /// May write once, when the record is born.
    Append,
    /// May decide between contents in conflict; otherwise not write.
    Decide,
    /// May propose; writes directly only what he opened provisionally and the office has not touched.
    Propose,
    /// May not.
    No,
}

/// One row of the matrix: a kind's group and the five roles' rights, in the order of [`Role::ALL`].
pub type Row = (&'static str, &'static str, [Right; 5]);

use Right::{About, Append, Decide, No, Opened, Own, Propose, SelfOnOwn, Write};

/// The rights matrix. A group without a row of its own takes its kind's `*` row; a kind without one cannot be written.
pub const MATRIX: &[Row] = &[
    ("customer", "*", [Propose, Write, Write, No, No]),
    ("contact", "*", [Propose, Write, Write, No, No]),
    ("site", "*", [Propose, Write, Write, No, No]),
    ("asset", "*", [Propose, Write, Write, No, No]),
    ("part", "*", [No, Write, Write, Write, Write]),
    ("technician", "*", [No, Write, Write, No, No]),
    ("work_order", "origin", [Append, Append, Append, No, No]),
    ("work_order", "number", [No, Write, Write, No, No]),
    ("work_order", "problem", [Own, Write, Write, No, No]),
    ("work_order", "parties", [Opened, Write, Write, No, No]),
    ("work_order", "plan", [Opened, Write, Write, No, No]),
    ("work_order", "instructions", [Opened, Write, Write, No, No]),
    ("work_order", "category", [Propose, Write, Write, No, Write]),
    ("work_order", "cancelled", [No, Write, Write, No, No]),
    ("work_order", "imported", [No, Append, Append, No, No]),
    ("assignment", "plan", [SelfOnOwn, Write, Write, No, No]),
    ("assignment", "withdrawn", [No, Write, Write, No, No]),
    ("assignment", "response", [About, No, No, No, No]),
    ("assignment", "day", [About, Write, Write, No, No]),
    ("visit_event", "event", [Append, Append, Append, No, No]),
    ("work_report", "subject", [Append, No, No, No, No]),
    ("work_report", "*", [Own, Decide, Decide, No, No]),
    ("part_line", "use", [Append, No, No, Append, No]),
    ("part_line", "void", [Own, No, Write, Write, No]),
    ("time_entry", "time", [Append, No, No, No, No]),
    ("time_entry", "void", [Own, No, Write, No, No]),
    ("note", "text", [Append, Append, Append, Append, Append]),
    ("note", "void", [Own, Own, Write, No, No]),
    ("attachment", "blob", [Append, Append, Append, No, No]),
    ("attachment", "void", [Own, No, Write, No, No]),
    ("document", "document", [Append, No, No, No, No]),
    ("signature", "signature", [Append, No, No, No, No]),
    ("signature", "countersignature", [No, No, No, No, No]),
    ("review", "decision", [No, Append, Append, No, No]),
    ("proposal", "proposal", [Append, No, No, No, No]),
    ("proposal", "decision", [No, Write, Write, No, No]),
];

/// The matrix's cell for `role` on `group` of `kind`.
pub fn right(kind: &str, group: &str, role: Role) -> Right {
    let column = Role::ALL.iter().position(|known| *known == role).unwrap_or(0);
    let row = MATRIX
        .iter()
        .find(|row| row.0 == kind && row.1 == group)
        .or_else(|| MATRIX.iter().find(|row| row.0 == kind && row.1 == "*"));
    row.map_or(No, |row| row.2[column])
}

/// Decides whether `actor` may write `fields` into `group` of a record of `kind`.
///
/// The one authorisation function: devices ask it before they store, the server before it accepts, the console before
/// it edits.
pub fn decide(actor: &Actor, facts: &Facts, kind_name: &str, group: &str, fields: &Fields) -> Verdict {
    let Some(kind) = kinds::kind(kind_name) else { return Verdict::Refuse(Code::UnknownKind) };
    let is_technician = actor.role == Role::Technician;
    if is_technician && kind.reach == Reach::Shared {
        return Verdict::Refuse(Code::OfficeOwned);
    }
    if is_technician {
        match facts.access {
            Access::InScope | Access::Late => {}
            Access::Withdrawn => return Verdict::Hold(Code::Withdrawn),
            Access::Never => return Verdict::Refuse(Code::OutOfScope),
        }
    }
    if group == DELETED {
        // Business records are voided or cancelled, not deleted; master data is deleted by the office alone.
        let deletable = kind.reach == Reach::Referred && matches!(actor.role, Role::Dispatcher | Role::Supervisor);
        return if deletable { Verdict::Allow } else { Verdict::Refuse(Code::NotYourRole) };
    }
    if kind.group(group).is_none() {
        return Verdict::Refuse(Code::UnknownKind);
    }
    if facts.order_closed && matches!(kind.reach, Reach::Order | Reach::BelowOrder) {
        return Verdict::Refuse(Code::OrderClosed);
    }
    if kind.additive && group == kind.main().name && facts.has_value {
        return Verdict::Refuse(Code::AppendOnly);
    }
    let is_own = facts.author.is_none_or(|author| author == actor.person);
    let refused = Verdict::Refuse(if is_technician { Code::OfficeOwned } else { Code::NotYourRole });
    match right(kind_name, group, actor.role) {
        Right::Write => Verdict::Allow,
        Right::Append if facts.has_value => Verdict::Refuse(Code::AppendOnly),
        Right::Append if !names_another(fields, actor) => Verdict::Allow,
        Right::Append => Verdict::Refuse(Code::NotYours),
        Right::Own if is_own => Verdict::Allow,
        Right::Own => Verdict::Refuse(Code::NotYours),
        Right::About if facts.is_about_actor => Verdict::Allow,
        Right::About => Verdict::Refuse(Code::NotYours),
        Right::Opened if is_own && !facts.has_office_value => Verdict::Allow,
        Right::Opened => refused,
        Right::SelfOnOwn
            if facts.order_author.is_none_or(|author| author == actor.person)
                && !facts.has_value
                && !names_another(fields, actor) =>
        {
            Verdict::Allow
        }
        Right::SelfOnOwn => refused,
        Right::Decide if facts.is_in_conflict => Verdict::Allow,
        Right::Decide => refused,
        Right::Propose if is_own && !facts.has_office_value => Verdict::Allow,
        Right::Propose => Verdict::Propose,
        Right::No => refused,
    }
}

/// What somebody at the office may do that is no edit of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deed {
    /// Make a code with which a device enrols.
    Enrol,
    /// Revoke a device.
    Revoke,
    /// Give a device up.
    Retire,
    /// Ask that a device be wiped.
    Wipe,
}

/// The matrix of deeds: the five roles in the order of [`Role::ALL`].
pub const DEEDS: &[(Deed, [bool; 5])] = &[
    (Deed::Enrol, [false, true, true, false, false]),
    (Deed::Revoke, [false, true, true, false, false]),
    (Deed::Retire, [false, true, true, false, false]),
    (Deed::Wipe, [false, true, true, false, false]),
];

/// Whether `actor` may do this. What is not in [`DEEDS`] nobody may.
pub fn may(actor: &Actor, deed: Deed) -> bool {
    let column = Role::ALL.iter().position(|known| *known == actor.role).unwrap_or(0);
    DEEDS.iter().any(|(known, roles)| *known == deed && roles[column])
}

/// Whether the fields name a technician other than the actor: work is recorded under one's own name only.
fn names_another(fields: &Fields, actor: &Actor) -> bool {
    actor.role == Role::Technician
        && fields.id("technician").is_some_and(|technician: RecordId| technician.0 != actor.person.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields;
    use uuid::Uuid;

    const ME: PersonId = PersonId(Uuid::from_u128(1));
    const OTHER: PersonId = PersonId(Uuid::from_u128(2));

    fn technician() -> Actor {
        Actor { person: ME, role: Role::Technician }
    }

    fn facts() -> Facts {
        Facts {
            access: Access::InScope,
            author: None,
            is_about_actor: true,
            order_author: None,
            has_office_value: false,
            has_value: false,
            is_in_conflict: false,
            order_closed: false,
        }
    }

    #[test]
    fn every_group_of_every_kind_has_a_row() {
        for kind in kinds::KINDS {
            for group in kind.groups {
                let found = MATRIX.iter().any(|row| row.0 == kind.name && (row.1 == group.name || row.1 == "*"));
                assert!(found, "{}.{} has no row", kind.name, group.name);
            }
        }
        for row in MATRIX {
            let kind = kinds::kind(row.0).expect("a row names a kind");
            assert!(row.1 == "*" || kind.group(row.1).is_some(), "{}.{} is no group", row.0, row.1);
        }
    }

    #[test]
    fn a_technician_cannot_widen_his_rights() {
        let office_value = Facts { author: Some(OTHER), has_office_value: true, has_value: true, ..facts() };
        let verdict = |facts: &Facts, kind: &str, group: &str| decide(&technician(), facts, kind, group, &fields! {});
        assert_eq!(verdict(&office_value, "work_order", "plan"), Verdict::Refuse(Code::OfficeOwned));
        assert_eq!(verdict(&office_value, "work_order", "cancelled"), Verdict::Refuse(Code::OfficeOwned));
        assert_eq!(verdict(&office_value, "work_order", "category"), Verdict::Propose);
        assert_eq!(verdict(&office_value, "customer", "address"), Verdict::Propose);
        assert_eq!(verdict(&facts(), "part", "catalogue"), Verdict::Refuse(Code::OfficeOwned));
        assert_eq!(verdict(&facts(), "signature", "countersignature"), Verdict::Refuse(Code::OfficeOwned));
        assert_eq!(
            verdict(&Facts { author: Some(OTHER), ..facts() }, "work_report", "finding"),
            Verdict::Refuse(Code::NotYours)
        );
        let never = Facts { access: Access::Never, ..facts() };
        assert_eq!(verdict(&never, "work_report", "finding"), Verdict::Refuse(Code::OutOfScope));
        let withdrawn = Facts { access: Access::Withdrawn, ..facts() };
        assert_eq!(verdict(&withdrawn, "work_report", "finding"), Verdict::Hold(Code::Withdrawn));
    }

    #[test]
    fn the_office_decides_conflicts_in_a_report_and_writes_nothing_else_there() {
        let dispatcher = Actor { person: OTHER, role: Role::Dispatcher };
        let written = Facts { author: Some(ME), has_value: true, ..facts() };
        let in_conflict = Facts { is_in_conflict: true, ..written };
        let verdict = |facts: &Facts| decide(&dispatcher, facts, "work_report", "hazards", &fields! {});
        assert_eq!(verdict(&written), Verdict::Refuse(Code::NotYourRole));
        assert_eq!(verdict(&in_conflict), Verdict::Allow);
    }

    #[test]
    fn work_is_recorded_under_ones_own_name_only() {
        let mine = fields! { "technician" => RecordId(ME.0) };
        let others = fields! { "technician" => RecordId(OTHER.0) };
        assert_eq!(decide(&technician(), &facts(), "time_entry", "time", &mine), Verdict::Allow);
        assert_eq!(decide(&technician(), &facts(), "time_entry", "time", &others), Verdict::Refuse(Code::NotYours));
    }

    #[test]
    fn a_technician_answers_for_himself_and_for_no_colleague() {
        let colleague = Facts { is_about_actor: false, author: Some(OTHER), ..facts() };
        for group in ["response", "day"] {
            let verdict = |facts: &Facts| decide(&technician(), facts, "assignment", group, &fields! {});
            assert_eq!(verdict(&facts()), Verdict::Allow);
            assert_eq!(verdict(&colleague), Verdict::Refuse(Code::NotYours));
        }
        let dispatcher = Actor { person: OTHER, role: Role::Dispatcher };
        assert_eq!(decide(&dispatcher, &colleague, "assignment", "day", &fields! {}), Verdict::Allow);
    }

    #[test]
    fn who_may_revoke_may_wipe_and_nobody_else() {
        for role in Role::ALL {
            let actor = Actor { person: OTHER, role };
            assert_eq!(may(&actor, Deed::Wipe), may(&actor, Deed::Revoke), "{role:?}");
            assert_eq!(may(&actor, Deed::Wipe), matches!(role, Role::Dispatcher | Role::Supervisor), "{role:?}");
        }
    }

    #[test]
    fn facts_are_appended_once_and_a_closed_order_takes_nothing() {
        let written = Facts { author: Some(ME), has_value: true, ..facts() };
        assert_eq!(decide(&technician(), &written, "part_line", "use", &fields! {}), Verdict::Refuse(Code::AppendOnly));
        assert_eq!(decide(&technician(), &written, "part_line", "void", &fields! {}), Verdict::Allow);
        let closed = Facts { order_closed: true, ..facts() };
        assert_eq!(decide(&technician(), &closed, "note", "text", &fields! {}), Verdict::Refuse(Code::OrderClosed));
    }

    #[test]
    fn what_was_opened_on_site_stays_writable_until_the_office_writes_it() {
        let opened = Facts { author: Some(ME), has_value: true, ..facts() };
        assert_eq!(decide(&technician(), &opened, "customer", "address", &fields! {}), Verdict::Allow);
        let touched = Facts { has_office_value: true, ..opened };
        assert_eq!(decide(&technician(), &touched, "customer", "address", &fields! {}), Verdict::Propose);
    }
}
