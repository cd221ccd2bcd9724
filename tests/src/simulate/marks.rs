//! Reach marks: named rare states, counted, so that a run can say what it never saw.

use std::collections::BTreeMap;

/// Every mark and what it means.
pub const MARKS: &[(&str, &str)] = &[
    ("accepted-simply", "a push was answered with a seal alone"),
    ("accepted-merged", "a push was answered with a merged record"),
    ("refused-office-owned", "the office refused what it had written meanwhile"),
    ("refused-order-closed", "the office refused work on an approved order"),
    ("refused-missing-reference", "the office refused what refers to something it does not know"),
    ("refused-out-of-scope", "the office refused what is not for this technician"),
    ("refused-other", "the office refused for another reason"),
    ("refused-locally", "the device refused an entry at once"),
    ("held-withdrawn", "work of a withdrawn job was held"),
    ("held-revoked", "work of a revoked device was held"),
    ("wanted", "the office wanted the base of a push"),
    ("offer-merged", "an offer was merged"),
    ("offer-known", "an offer was known"),
    ("offer-held", "an offer without a valid seal was held"),
    ("offer-refused", "an offer was not for this device to make"),
    ("copy-found", "a store was found to be a copy"),
    ("epoch-changed", "a store learned of a new epoch"),
    ("restamped-pending", "pending edits got new dots"),
    ("known-dots-kept", "a re-stamping kept dots that the office had"),
    ("walk-anew", "a page began a walk from the start"),
    ("page-full", "a page was full"),
    ("delta-delivered", "a delta was delivered"),
    ("group-emptied", "a delta emptied a group"),
    ("whole-asked", "a record was asked for whole"),
    ("left-clean", "a record left the scope and went"),
    ("left-pending", "a record left the scope with pending work"),
    ("returned", "a record came back into scope"),
    ("late-accepted", "late work was accepted"),
    ("retried-refused", "a refused edit was tried again by itself"),
    ("retried-by-hand", "an entry of the drawer was tried again by its author"),
    ("discarded-by-hand", "an entry of the drawer was thrown away"),
    ("superseded", "a refused edit was superseded"),
    ("conflict-born", "a group got into conflict"),
    ("conflict-of-three", "a group had three values"),
    ("conflict-decided-device", "a device decided a conflict"),
    ("conflict-decided-office", "the office decided a conflict"),
    ("stale-screen-saved", "a screen was saved after its record had changed"),
    ("screen-over-restamp", "a screen was saved after its store took a new replica id"),
    ("edit-in-flight", "something was entered while a request was under way"),
    ("reassigned-in-flight", "a job was reassigned while a request was under way"),
    ("proposal-made", "an edit became a proposal"),
    ("coalesced", "a pending edit was replaced before it was sent"),
    ("many-pending", "twenty or more edits were pending"),
    ("reply-lost-after-commit", "an answer to a push was lost"),
    ("request-late-after-retry", "a late request arrived after its retry"),
    ("request-twice", "a request arrived twice"),
    ("request-cut", "a cut request arrived"),
    ("reply-cut", "a cut answer arrived"),
    ("reply-garbled", "an answer with a turned bit arrived"),
    ("portal", "a captive portal answered"),
    ("proxy-too-large", "a proxy refused a body"),
    ("nonce-stale", "a nonce had run out"),
    ("gave-up-offline", "a session gave up"),
    ("crash-before", "the server ended before a request"),
    ("crash-after", "the server ended after a commit, before the answer"),
    ("kill-before", "an app ended before its request left"),
    ("kill-after", "an app ended before it took its answer"),
    ("clock-far", "a device's clock was more than ten years off"),
    ("clock-before-1970", "a device's clock stood before 1970"),
    ("cloned", "a store was copied and both lived"),
    ("rolled-back", "an older image of a store was put back"),
    ("cleared", "an app's data were cleared and the device enrolled again"),
    ("second-refused", "a second process was refused"),
    ("restored-said", "the server was restored by the command"),
    ("restored-unsaid", "the server's database was exchanged"),
    ("restored-folder", "the server's database and anchor were exchanged"),
    ("restore-lost-work", "a restore forgot work that a device brought back"),
    ("restore-lost-for-good", "a restore forgot work that nobody held"),
    ("revoked", "a device was revoked"),
    ("revoked-pending", "a device was revoked with pending work"),
    ("revoked-left-behind", "a revoked phone had more than one message takes"),
    ("released", "a held edit was released"),
    ("discarded-held", "a held edit was discarded"),
    ("customer-deleted", "a customer was deleted"),
    ("opened-on-site", "an order was opened on site"),
    ("signed", "a customer signed"),
    ("blob-sent", "a photo arrived"),
    ("blob-resumed", "a photo's upload went on where it was cut"),
    ("page-of-one", "pages of one record"),
    ("portion-tiny", "pushes of a few records"),
    ("replayed", "recorded requests were sent again"),
    ("power-idle", "a device lost its power between two calls"),
    ("power-while-entering", "a device lost its power while something was entered"),
    ("power-while-taking", "a device lost its power while it took an answer"),
    ("power-undid-entering", "what was being entered when the power went is gone"),
    ("office-power-idle", "the server lost its power between two requests"),
    ("office-power-in-flight", "the server lost its power while it worked off a request"),
    ("disk-full", "a device's disk was full"),
    ("disk-failed", "a call of a device's disk went wrong"),
    ("disk-refused", "a device said that its disk failed"),
    ("disk-kept-shut", "a store could not be opened on a disk that failed"),
    ("hostile-refused", "a hostile device's edit was refused"),
];

/// Counts of one run.
#[derive(Debug, Clone, Default)]
pub struct Marks(pub BTreeMap<&'static str, u64>);

impl Marks {
    /// Counts one.
    pub(crate) fn hit(&mut self, name: &'static str) {
        debug_assert!(MARKS.iter().any(|mark| mark.0 == name), "{name} is no mark");
        *self.0.entry(name).or_insert(0) += 1;
    }

    /// Adds another run's.
    pub fn add(&mut self, other: &Marks) {
        for (name, count) in &other.0 {
            *self.0.entry(name).or_insert(0) += count;
        }
    }

    /// Those never reached.
    pub fn missing(&self) -> Vec<&'static str> {
        MARKS.iter().map(|mark| mark.0).filter(|name| !self.0.contains_key(name)).collect()
    }
}
