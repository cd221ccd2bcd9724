//! The report of the day: what became of every entry, whether every replica agrees, whether every signature holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use fieldsync::Hash;
use fieldsync::drawer::DrawerState;
use fieldsync_protocol::PersonId;
use fieldsync_protocol::exchange::Fingerprint;
use serde::Serialize;

use super::desk::Desk;
use super::phone::{Entered, Phone};
use crate::store::{Audience, StoreError};

/// The whole day.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// What replays it.
    pub seed: u64,
    /// What became of the file, when one was imported.
    pub import: Option<ImportReport>,
    /// Work orders at the office.
    pub work_orders: u64,
    /// One per phone.
    pub devices: Vec<DeviceReport>,
    /// Signatures that verify.
    pub signatures_verified: u64,
    /// Signatures that do not, and why.
    pub signatures_wrong: Vec<String>,
    /// Entries in the office's history; its chain was verified.
    pub history: u64,
    /// Groups in which a person at the office must decide.
    pub conflicts: u64,
    /// Work that arrived after its job was taken away or cancelled.
    pub late_jobs: u64,
    /// Jobs that differ from what the customer signed.
    pub differing_jobs: u64,
    /// Milliseconds the day took to play.
    pub took_ms: u64,
    /// What is wrong; empty on a good day.
    pub problems: Vec<String>,
}

/// What became of an imported file.
#[derive(Debug, Serialize)]
pub(super) struct ImportReport {
    /// Rows of the file.
    pub rows: u64,
    /// Rows that became orders.
    pub imported: u64,
    /// Rows that could not be used, in the file's order.
    pub rejected: Vec<UnusedRow>,
}

/// A row of the file that did not become an order.
#[derive(Debug, Serialize)]
pub(super) struct UnusedRow {
    /// The line it starts on; the first line of the file is 1.
    pub line: u64,
    /// What is wrong with it, and what to do.
    pub reason: String,
}

/// One phone's day.
#[derive(Debug, Serialize)]
pub(super) struct DeviceReport {
    /// Whose.
    pub technician: String,
    /// Entries made.
    pub made: u64,
    /// Of these, at the office and applied.
    pub accepted: u64,
    /// Of these, replaced by their own author before they were sent.
    pub replaced: u64,
    /// Of these, refused by the office and kept on the phone, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Of these, kept aside at the office.
    pub held: u64,
    /// Of these, still only on the phone.
    pub still_here: u64,
    /// Of these, nowhere. Always zero, or the day failed.
    pub unaccounted: u64,
    /// Entries that took effect more than once. Always zero, or the day failed.
    pub doubled: u64,
    /// Records received.
    pub received: u64,
    /// Records that left the phone.
    pub left: u64,
    /// Records changed on both sides and merged by themselves.
    pub merged: u64,
    /// Groups in which a person must decide.
    pub needs_person: u64,
    /// Photos and files sent.
    pub blobs: u64,
    /// Bytes sent.
    pub bytes_up: u64,
    /// Bytes received.
    pub bytes_down: u64,
    /// Answers received.
    pub round_trips: u64,
    /// Requests sent again.
    pub repeats: u64,
    /// What the network did, by fault.
    pub faults: BTreeMap<String, u32>,
    /// Whether it was killed in mid-sync.
    pub killed: bool,
    /// Fingerprint of what it holds, first digits.
    pub fingerprint: String,
    /// Fingerprint of what the office says it should hold, first digits.
    pub office_fingerprint: String,
    /// Whether they are the same.
    pub agrees: bool,
}

/// What became of one phone's entries.
pub(super) fn device(desk: &Desk, phone: &Phone, killed: bool) -> anyhow::Result<DeviceReport> {
    let device = phone.device();
    let fates = fates(desk, phone)?;
    let status = device.status()?;
    let technician = phone.technician;
    let office: Fingerprint = desk.office.read(|txn| {
        let own = txn.audience(Audience::of(technician))?.set;
        Ok::<_, StoreError>(Fingerprint { own, shared: txn.audience(Audience::SHARED)?.set })
    })?;
    let sum = |count: fn(&fieldsync::Receipt) -> u64| phone.receipts.iter().map(count).sum();
    Ok(DeviceReport {
        technician: phone.name.clone(),
        made: phone.ledger.len() as u64,
        accepted: fates.accepted,
        replaced: fates.replaced,
        refused: fates.refused,
        held: fates.held,
        still_here: fates.still_here,
        unaccounted: fates.unaccounted,
        doubled: fates.doubled,
        received: sum(|receipt| receipt.received.into()),
        left: sum(|receipt| receipt.left.into()),
        merged: sum(|receipt| receipt.merged.len() as u64),
        needs_person: device.conflicts()?.len() as u64,
        blobs: sum(|receipt| receipt.blobs_sent.into()),
        bytes_up: sum(|receipt| receipt.bytes_up),
        bytes_down: sum(|receipt| receipt.bytes_down),
        round_trips: sum(|receipt| receipt.round_trips.into()),
        repeats: sum(|receipt| receipt.repeats.into()),
        faults: phone.network.tally().into_iter().map(|(fault, count)| (fault.name().to_owned(), count)).collect(),
        killed,
        fingerprint: digits(&status.fingerprint),
        office_fingerprint: digits(&office),
        agrees: status.fingerprint == office,
    })
}

fn digits(fingerprint: &Fingerprint) -> String {
    let both = Hash::blake3(&fieldsync_protocol::encode::cbor(fingerprint));
    both.to_string().chars().take(16).collect()
}

#[derive(Default)]
struct Fates {
    accepted: u64,
    replaced: u64,
    refused: BTreeMap<String, u64>,
    held: u64,
    still_here: u64,
    unaccounted: u64,
    doubled: u64,
}

/// Follows every entry of the ledger to where it is now.
fn fates(desk: &Desk, phone: &Phone) -> anyhow::Result<Fates> {
    let device = phone.device();
    let person = PersonId(phone.technician.0);
    let records: BTreeSet<_> = phone.ledger.iter().map(|entered| entered.record).collect();
    let history = desk.office.read(|txn| {
        let mut times: BTreeMap<Entered, u64> = BTreeMap::new();
        for record in &records {
            for placed in txn.history_of(*record)? {
                let edit = &placed.entry.edit;
                if edit.stamp.person == person && edit.stamp.device.is_some() {
                    *times.entry(Entered::of(*record, &edit.group, &edit.fields)).or_insert(0) += 1;
                }
            }
        }
        Ok::<_, StoreError>(times)
    })?;
    let pending: BTreeSet<Entered> =
        device.pending()?.iter().map(|edit| Entered::of(edit.record, &edit.group, &edit.fields)).collect();
    let drawer: BTreeMap<Entered, (DrawerState, String)> = device
        .drawer()?
        .into_iter()
        .map(|entry| (Entered::of(entry.record, &entry.edit.group, &entry.edit.fields), (entry.state, entry.code)))
        .collect();
    let mut said: BTreeMap<Entered, u64> = BTreeMap::new();
    for entered in &phone.ledger {
        *said.entry(entered.clone()).or_insert(0) += 1;
    }
    let mut fates = Fates::default();
    for (place, entered) in phone.ledger.iter().enumerate() {
        let has_later = phone.ledger[place + 1..]
            .iter()
            .any(|later| later.record == entered.record && later.group == entered.group);
        if history.contains_key(entered) {
            fates.accepted += 1;
        } else if let Some((state, code)) = drawer.get(entered) {
            match state {
                DrawerState::Held => fates.held += 1,
                DrawerState::Refused | DrawerState::Superseded => {
                    *fates.refused.entry(code.clone()).or_insert(0) += 1;
                }
            }
        } else if pending.contains(entered) {
            fates.still_here += 1;
        } else if has_later {
            fates.replaced += 1;
        } else {
            fates.unaccounted += 1;
        }
    }
    fates.doubled =
        history.iter().map(|(entered, times)| times.saturating_sub(said.get(entered).copied().unwrap_or(0))).sum();
    Ok(fates)
}

impl Report {
    /// What is wrong with the day: exactly what makes the exit status non-zero.
    pub(super) fn judge(&mut self) {
        for device in &self.devices {
            let name = &device.technician;
            if !device.agrees {
                self.problems.push(format!("the phone of {name} and the office do not hold the same"));
            }
            if device.unaccounted > 0 {
                self.problems.push(format!("{} entries of {name} are unaccounted for", device.unaccounted));
            }
            if device.doubled > 0 {
                self.problems.push(format!("{} entries of {name} took effect twice", device.doubled));
            }
            if device.still_here > 0 {
                self.problems.push(format!("{} entries of {name} are still only on the phone", device.still_here));
            }
        }
        self.problems.extend(self.signatures_wrong.iter().map(|wrong| format!("a signature does not verify: {wrong}")));
        if self.signatures_verified == 0 {
            self.problems.push("nobody signed anything".into());
        }
    }

    /// The report for people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let out = &mut text;
        if let Some(import) = &self.import {
            let _ = writeln!(
                out,
                "\nImport: {} rows, {} imported, {} not usable",
                import.rows,
                import.imported,
                import.rejected.len()
            );
            for row in &import.rejected {
                let _ = writeln!(out, "  line {}: {}", row.line, row.reason);
            }
        }
        let _ = writeln!(
            out,
            "\n{:<16}{:>6}{:>9}{:>9}{:>8}{:>6}{:>6}{:>9}{:>7}{:>7}",
            "What they entered",
            "made",
            "accepted",
            "replaced",
            "refused",
            "held",
            "here",
            "received",
            "merged",
            "person"
        );
        for device in &self.devices {
            let refused: u64 = device.refused.values().sum();
            let _ = writeln!(
                out,
                "{}{:>7}{:>9}{:>9}{:>8}{:>6}{:>6}{:>9}{:>7}{:>7}",
                padded(&device.technician, 16),
                device.made,
                device.accepted,
                device.replaced,
                refused,
                device.held,
                device.still_here,
                device.received,
                device.merged,
                device.needs_person
            );
        }
        for device in &self.devices {
            for (code, count) in &device.refused {
                let _ =
                    writeln!(out, "  {} of {} refused: {}, kept on the phone", count, device.technician, reason(code));
            }
        }
        let _ = writeln!(
            out,
            "\n{:<16}{:>10}{:>10}{:>7}{:>8}{:>7}  what the network did",
            "On the wire", "sent", "received", "trips", "repeats", "photos"
        );
        for device in &self.devices {
            let faults: Vec<String> = device.faults.iter().map(|(fault, count)| format!("{count} {fault}")).collect();
            let killed = if device.killed { ", phone killed in mid-sync" } else { "" };
            let _ = writeln!(
                out,
                "{}{:>10}{:>10}{:>7}{:>8}{:>7}  {}{killed}",
                padded(&device.technician, 16),
                size(device.bytes_up),
                size(device.bytes_down),
                device.round_trips,
                device.repeats,
                device.blobs,
                faults.join(", ")
            );
        }
        let _ = writeln!(out, "\n{:<16}{:<18}{:<18}", "Fingerprints", "phone", "office");
        for device in &self.devices {
            let verdict = if device.agrees { "the same" } else { "DIFFERENT" };
            let _ = writeln!(
                out,
                "{}{:<18}{:<18}{verdict}",
                padded(&device.technician, 16),
                device.fingerprint,
                device.office_fingerprint
            );
        }
        let _ = writeln!(
            out,
            "\n{} work orders, {} entries in a history whose chain holds, {} signatures verified, {} wrong",
            self.work_orders,
            self.history,
            self.signatures_verified,
            self.signatures_wrong.len()
        );
        let _ = writeln!(
            out,
            "For the dispatcher: {} to decide, {} with late work, {} differing from what was signed",
            self.conflicts, self.late_jobs, self.differing_jobs
        );
        match self.problems.as_slice() {
            [] => {
                let seconds = self.took_ms as f64 / 1_000.0;
                let _ = writeln!(
                    out,
                    "Nothing lost, nothing doubled, every replica agrees. {seconds:.1} s, seed {}",
                    self.seed
                );
            }
            problems => {
                let _ = writeln!(out, "THE DAY FAILED (seed {}):", self.seed);
                for problem in problems {
                    let _ = writeln!(out, "  - {problem}");
                }
            }
        }
        text
    }
}

fn reason(code: &str) -> String {
    let known = fieldsync_protocol::rights::Code::from_name(code);
    known.map_or_else(|| code.to_owned(), |code| code.text().to_owned())
}

/// Pads to a width in terminal cells: Chinese characters take two.
fn padded(text: &str, width: usize) -> String {
    let cells: usize = text.chars().map(|letter| if letter >= '\u{2e80}' { 2 } else { 1 }).sum();
    format!("{text}{}", " ".repeat(width.saturating_sub(cells)))
}

fn size(bytes: u64) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} B"),
        10_000..=9_999_999 => format!("{} kB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
