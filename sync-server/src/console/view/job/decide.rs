//! What a person decides on a job: open conflicts, proposals, and decisions that can be taken back.

use crate::console::view::show::When;

/// Values of one group that were written without knowing of each other.
#[derive(Debug, Clone)]
pub(crate) struct Conflict {
    /// Unique on the page, stable between visits: the anchor of the card.
    pub(crate) anchor: String,
    /// In plain words: "Cause was written twice".
    pub(crate) title: String,
    /// What both started from; empty when there was nothing before.
    pub(crate) base: String,
    pub(crate) versions: Vec<Version>,
    /// Why the shown value is the shown one.
    pub(crate) rule: String,
    /// What deciding changes for the signature, stock or money; empty when nothing.
    pub(crate) effect: String,
    /// Where a resolution posts; absent when somebody else must decide, which the rule then says.
    pub(crate) action: Option<String>,
    /// The record and group that are decided.
    pub(crate) record: String,
    pub(crate) group: String,
    /// The version token the resolution is based on.
    pub(crate) seen: String,
}

/// One of the values that stand beside each other.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    /// Names the value to the resolving POST.
    pub(crate) dot: String,
    /// Label and value per field of the group.
    pub(crate) values: Vec<super::Fact>,
    pub(crate) person: String,
    pub(crate) device: String,
    pub(crate) is_office: bool,
    pub(crate) happened: When,
    pub(crate) arrived: When,
    pub(crate) is_shown: bool,
}

/// A conflict that a person has decided.
#[derive(Debug, Clone)]
pub(crate) struct Decided {
    pub(crate) text: String,
    pub(crate) person: String,
    pub(crate) when: When,
    /// Present while the decision can be taken back.
    pub(crate) undo: Option<Undo>,
}

/// What taking a decision back posts.
#[derive(Debug, Clone)]
pub(crate) struct Undo {
    pub(crate) action: String,
    pub(crate) record: String,
    /// The dot of the edit that decided.
    pub(crate) dot: String,
}

/// A change a technician asks for where he may not write himself.
#[derive(Debug, Clone)]
pub(crate) struct Proposal {
    pub(crate) title: String,
    pub(crate) now: String,
    pub(crate) proposed: String,
    pub(crate) reason: String,
    pub(crate) person: String,
    pub(crate) when: When,
    pub(crate) accept_action: String,
    pub(crate) decline_action: String,
}
