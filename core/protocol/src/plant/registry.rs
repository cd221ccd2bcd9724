//! Every planted bug: its name, what it does wrong, the promise it breaks.

/// A bug that can be switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plant {
    /// Its name, as in [`planted!`](crate::planted).
    pub name: &'static str,
    /// What goes wrong, in one sentence.
    pub what: &'static str,
    /// The promise of the design that it breaks.
    pub breaks: &'static str,
}

const fn plant(name: &'static str, breaks: &'static str, what: &'static str) -> Plant {
    Plant { name, what, breaks }
}

/// All of them.
pub const PLANTS: &[Plant] = &[
    plant("merge-drops-sibling", "C2", "A merge keeps one of two concurrent values of a group."),
    plant("put-replaces-unseen", "C2", "An edit replaces values its author had not seen."),
    plant("clock-decides", "C3", "Of two concurrent values the one with the later clock replaces the other."),
    plant("xor-fingerprint", "P5", "Fingerprints are combined with XOR instead of addition."),
    plant("reuse-dot", "V1", "A device forgets counters it has given, so a dot names two contents."),
    plant("context-at-save", "C2", "A form that stood open claims to have seen what arrived meanwhile."),
    plant("pull-removes-pending", "D2", "A pulled version that covers a pending edit removes it."),
    plant("drop-refused", "D3", "A refused edit is dropped instead of being kept in the drawer."),
    plant("retry-same-dot", "D3", "A refused edit is tried again under its dead dot."),
    plant("given-back-leaves", "P1", "What had left and was given back while its work was on the way is evicted."),
    plant("accept-clears-record", "C2", "An accepted push takes with it what was entered while it was on the way."),
    plant("leaving-is-counted", "P5", "A record that left stays in the device's fingerprint."),
    plant("restamp-drops-pending", "D3", "A store that takes a new replica id drops what it has not pushed."),
    plant("screen-not-brought-over", "V1", "A form that stood open over a new replica id keeps the old id's entry."),
    plant("photo-done-when-asked", "L1", "A photo counts as sent once the office was asked how much it has."),
    plant("portal-takes-photo", "L1", "Any 200 counts for a photo that arrived, also a captive portal's."),
    plant("late-photo-stays", "L1", "The photo of late work never leaves the device."),
    plant("discarded-photo-waits", "L1", "The photo of a refused attachment that was thrown away waits for ever."),
    plant("cursor-before-page", "P1", "A cursor is stored before its page."),
    plant("held-dropped", "D3", "The office says that it holds late work, and forgets it."),
    plant(
        "accept-without-applying",
        "C2",
        "Of several edits of a record only the first is applied, and all are accepted.",
    ),
    plant("stranger-may-write", "S1", "The office takes edits of what their author never saw."),
    plant("withdrawn-stays", "S1", "A job that was taken away stays in its technician's scope."),
    plant("parties-unfollowed", "P1", "An order's new customer does not come into scope."),
    plant("opener-always-sees", "S1", "Who opened an order on site sees it for ever."),
    plant("late-work-told", "S1", "Accepted late work is answered with what others wrote since."),
    plant("revocations-forgotten", "S3", "A restored office forgets who was revoked."),
    plant("office-keeps-replica", "V1", "The office writes under the same replica id after a restore."),
    plant("signature-alone", "G1", "The office takes a signature whose document it does not have."),
    plant("chain-breaks", "G1", "What devices bring back is not linked into the history's chain."),
    plant("start-keeps-epoch", "P3", "A start that finds an older copy of its database opens no new epoch."),
    plant("restore-keeps-epoch", "P3", "The restore command opens no new epoch."),
    plant("cursor-unchecked", "P3", "A cursor of a forgotten time is taken as one of today's."),
    plant("push-id-unchecked", "V1", "A store that does not name the last push of its replica id passes for no copy."),
    plant("second-content-taken", "V1", "An edit that says something else under a known dot is acknowledged."),
    plant("retry-held", "P2", "What the office holds for a decision can be tried again, and stands twice."),
    plant("page-without-cursor", "L1", "A page is applied and its cursor is not stored."),
    plant("cursor-without-page", "P1", "A cursor is stored while a record of its page is left out."),
    plant("delta-unchecked", "P1", "A delta is applied without comparing the result with its check."),
    plant("no-offer", "P3", "A device does not offer back what a restored office forgot."),
    plant(
        "keep-old-entry",
        "V1",
        "A store that takes a new replica id keeps claiming the old one's edits in its contexts.",
    ),
    plant("evict-before-escrow", "S2", "A record that left the scope is evicted with its pending edits."),
    plant("never-evict", "S1", "A record that left the scope stays on the device."),
    plant("server-cursor-skips", "P1", "A full page's cursor points behind what the page left out."),
    plant("apply-twice", "P2", "An edit the office already has is applied again."),
    plant("no-copy-check", "V1", "The office does not notice that a device is a copy."),
    plant("no-epoch-check", "P3", "The office does not notice that its database is older than what it once answered."),
    plant("leaves-unoffered", "P3", "A device evicts what left while the office forgot it, without offering it back."),
    plant("refuse-offers", "P3", "A restored office takes none of what devices offer back."),
    plant("serve-revoked", "S3", "A revoked device is answered as any other."),
    plant("leave-unsaid", "S1", "A record that leaves a scope is not named to the devices that have it."),
    plant("reveal-foreign", "S1", "A page contains what hangs below somebody else's orders."),
    plant("ack-before-commit", "D2", "The office answers a push before the transaction is committed."),
    plant("synchronous-normal", "D1", "A device does not wait for its log to reach the disk."),
    plant("office-synchronous-normal", "D2", "The office does not wait for its log to reach the disk."),
];
