//! A sync of one phone over a network that does what the script says to each request and answer.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use anyhow::bail;
use fieldsync::{Ended, Error, Receipt, Request, Response, Session, Step as Want};
use fieldsync_protocol::RecordId;
use fieldsync_protocol::exchange::{Exchange, ExchangeAnswer, Offered, Outcome};
use fieldsync_protocol::request::{EXCHANGE_PATH, OFFSET_HEADER};
use fieldsync_protocol::rights::Code;
use fieldsync_protocol::version::Dot;
use fieldsync_protocol::wire;

use super::script::Fault;
use super::world::World;

/// Requests one session may take before it counts as stuck.
const REQUESTS_MAX: u32 = 3_000;
/// Requests of a phone that are remembered, to be sent again.
const REMEMBERED: usize = 12;
/// Longer than a nonce lives.
const STALE_MS: i64 = 11 * 60_000;

impl World<'_> {
    /// One sync. `None` when it did not come to an end.
    pub(crate) fn sync(&mut self, phone: usize, faults: &[(u32, Fault, u64)]) -> anyhow::Result<Option<Receipt>> {
        let device = self.phones[phone].device.clone();
        let mut session = match Session::begin(&device) {
            Ok(session) => session,
            Err(Error::SignedOut | Error::Busy) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut photos = BTreeSet::new();
        for request_place in 0..REQUESTS_MAX {
            let mut request = match session.next()? {
                Want::Wait(pause_ms) => {
                    self.time.fetch_add(pause_ms as i64, Ordering::Relaxed);
                    continue;
                }
                Want::Done(receipt) => {
                    self.received(phone, &receipt, faults.is_empty());
                    return Ok(Some(receipt));
                }
                Want::Send(request) => request,
            };
            self.time.fetch_add(150, Ordering::Relaxed);
            self.exchanges += 1;
            self.mark_upload(&request, &mut photos);
            let message = exchange(&request);
            if let Some(message) = &message {
                self.oracle.composed(&self.phones[phone].name, message, self.is_damaged);
            }
            let here = faults.iter().filter(|fault| fault.0 == request_place).map(|fault| (fault.1, fault.2));
            let here: Vec<(Fault, u64)> = here.collect();
            let has = |fault: Fault| here.iter().find(|(known, _)| *known == fault).map(|(_, amount)| *amount);
            for (fault, _) in &here {
                *self.faults.entry(fault.word()).or_insert(0) += 1;
            }
            if has(Fault::Kill).is_some() {
                self.marks.hit("kill-before");
                drop(session);
                drop(device);
                self.reopen(phone)?;
                return Ok(None);
            }
            if has(Fault::Stale).is_some() {
                self.marks.hit("nonce-stale");
                self.time.fetch_add(STALE_MS, Ordering::Relaxed);
            }
            if has(Fault::Reassign).is_some() {
                self.marks.hit("reassigned-in-flight");
                let own = self.phones[phone].technician;
                if let Some(place) = self.assignments.iter().position(|assignment| assignment.technician == own) {
                    self.withdraw(place)?;
                }
            }
            if has(Fault::Crash).is_some() {
                self.marks.hit("crash-before");
                self.site.start()?;
            }
            if has(Fault::Busy).is_some() {
                let headers = vec![("retry-after".to_owned(), "2".to_owned())];
                session.answer(Response { status: 503, headers, body: Vec::new() })?;
                continue;
            }
            if has(Fault::Portal).is_some() {
                self.marks.hit("portal");
                let body = b"<html><body>Welcome to the hotel</body></html>".to_vec();
                session.answer(Response { status: 200, headers: Vec::new(), body })?;
                continue;
            }
            if has(Fault::TooLarge).is_some() {
                self.marks.hit("proxy-too-large");
                session.answer(Response { status: 413, headers: Vec::new(), body: Vec::new() })?;
                continue;
            }
            if has(Fault::Drop).is_some() {
                session.failed()?;
                continue;
            }
            if has(Fault::Late).is_some() {
                self.late.push((phone, request));
                session.failed()?;
                continue;
            }
            if let Some(percent) = has(Fault::CutRequest) {
                self.marks.hit("request-cut");
                let length = request.body.len() * percent as usize / 100;
                request.body.truncate(length);
            }
            let failing = has(Fault::OfficePower);
            if failing.is_some() {
                self.site.disk.record();
            }
            let mut response = self.arrive(phone, &request)?;
            self.remember(phone, &request);
            if let Some(amount) = failing {
                self.marks.hit("office-power-in-flight");
                self.office_power_at(amount)?;
                session.failed()?;
                continue;
            }
            if has(Fault::Twice).is_some() {
                self.marks.hit("request-twice");
                self.arrive(phone, &request)?;
            }
            if has(Fault::Edit).is_some() {
                self.marks.hit("edit-in-flight");
                let amount = has(Fault::Edit).unwrap_or(0);
                self.day(phone, amount)?;
            }
            if has(Fault::CrashAfter).is_some() {
                self.marks.hit("crash-after");
                self.site.start()?;
            }
            if has(Fault::CrashAfter).or(has(Fault::Lost)).is_some() {
                if response.status == 200 && message.as_ref().is_some_and(|message| !message.push.is_empty()) {
                    self.marks.hit("reply-lost-after-commit");
                }
                session.failed()?;
                continue;
            }
            if let Some(percent) = has(Fault::Cut) {
                self.marks.hit("reply-cut");
                let length = response.body.len() * percent as usize / 100;
                response.body.truncate(length);
            }
            if let Some(bit) = has(Fault::Garble).filter(|_| !response.body.is_empty()) {
                self.marks.hit("reply-garbled");
                let bit = bit as usize % (response.body.len() * 8);
                response.body[bit / 8] ^= 1 << (bit % 8);
                // TLS keeps such an answer away; without it a walk from the start repairs what was applied.
                self.is_damaged = true;
            }
            if has(Fault::KillAfter).is_some() {
                self.marks.hit("kill-after");
                drop(session);
                drop(device);
                self.reopen(phone)?;
                return Ok(None);
            }
            let refused = self.heard(phone, message.as_ref(), &response);
            if let Some(amount) = has(Fault::Power) {
                self.marks.hit("power-while-taking");
                self.phones[phone].disk.record();
                let taken = session.answer(response);
                drop(session);
                drop(device);
                self.power_at(phone, amount)?;
                return taken.map(|()| None).map_err(Into::into);
            }
            session.answer(response)?;
            self.oracle.was_told(refused);
        }
        bail!("{} does not come to an end of a sync", self.phones[phone].name)
    }

    /// Notes an upload that goes on where an earlier session was cut.
    fn mark_upload(&mut self, request: &Request, photos: &mut BTreeSet<String>) {
        let offset = request.headers.iter().find(|(name, _)| name == OFFSET_HEADER).map(|(_, offset)| offset.as_str());
        if request.method == "PUT" && photos.insert(request.path.clone()) && offset.is_some_and(|offset| offset != "0")
        {
            self.marks.hit("blob-resumed");
        }
    }

    fn remember(&mut self, phone: usize, request: &Request) {
        let sent = &mut self.phones[phone].sent;
        sent.push_back(request.clone());
        if sent.len() > REMEMBERED {
            sent.pop_front();
        }
    }

    /// A request arrives at the office; what it answers is looked at, whether anybody hears it or not.
    pub(crate) fn arrive(&mut self, phone: usize, request: &Request) -> anyhow::Result<Response> {
        if let Some(message) = exchange(request) {
            let name = self.phones[phone].name.clone();
            self.oracle.saw_push(&name, &message);
        }
        let response = self.site.send(&self.runtime, request)?;
        self.trace.told(|| super::trace::exchange(request, &response));
        self.trace.note(|| {
            let (sent, got) = (super::trace::hash(&request.body), super::trace::hash(&response.body));
            format!("{} {} {sent:016x} -> {} {got:016x}", request.method, request.path, response.status)
        });
        if response.status >= 500 && response.status != 503 {
            self.oracle.broken("F1", format!("the office answers {} to {}", response.status, request.path));
        }
        self.examine(phone, &response)?;
        Ok(response)
    }

    /// What the office said, before anybody hears it.
    fn examine(&mut self, phone: usize, response: &Response) -> anyhow::Result<()> {
        let is_revoked = self.phones[phone].is_revoked;
        if is_revoked && response.status == 200 {
            let name = self.phones[phone].name.clone();
            self.oracle.broken("S3", format!("{name} was revoked and is answered"));
        }
        let technician = self.phones[phone].technician;
        let name = self.phones[phone].name.clone();
        self.search_canaries(&name, technician, &response.body)
    }

    /// What a phone heard: only that counts for verdicts. The dots that were refused.
    fn heard(&mut self, phone: usize, message: Option<&Exchange>, response: &Response) -> Vec<(RecordId, Dot)> {
        let Some(message) = message.filter(|_| response.status == 200) else { return Vec::new() };
        let Ok(answer) = wire::unpack::<ExchangeAnswer>(&response.body) else { return Vec::new() };
        if let Some(known) = &answer.again {
            // A store that took a new replica id by itself, because of its anchor, names no epoch.
            let is_copy = answer.epoch == message.epoch || message.epoch == 0;
            self.marks.hit(if is_copy { "copy-found" } else { "epoch-changed" });
            if !known.is_empty() {
                self.marks.hit("known-dots-kept");
            }
            if !message.push.is_empty() {
                self.marks.hit("restamped-pending");
            }
            self.phones[phone].restamps += 1;
            let name = self.phones[phone].name.clone();
            if is_copy && !self.oracle.is_disturbed() {
                self.oracle.broken("V1", format!("{name} is taken for a copy, and there is none"));
            }
            if !is_copy && self.oracle.restores == 0 {
                self.oracle.broken("P3", format!("{name} is told of a new epoch, and nothing was restored"));
            }
        }
        self.mark_answer(&answer);
        if self.script.knob("page", 0) == 1 && answer.delivered.len() == 1 {
            self.marks.hit("page-of-one");
        }
        if self.script.knob("portion", 0) > 0 && !message.push.is_empty() {
            self.marks.hit("portion-tiny");
        }
        let refusals = answer.outcomes.iter().filter_map(|(id, outcome)| match outcome {
            Outcome::Refused { refusals, .. } => Some(refusals.iter().map(|refusal| (*id, refusal.dot))),
            _ => None,
        });
        refusals.flatten().collect()
    }

    pub(crate) fn mark_answer(&mut self, answer: &ExchangeAnswer) {
        let mut hits: Vec<&'static str> = Vec::new();
        for (id, outcome) in &answer.outcomes {
            hits.push(match outcome {
                Outcome::Accepted { result: None, .. } => "accepted-simply",
                Outcome::Accepted { result: Some(_), .. } if answer.left.contains(id) => "late-accepted",
                Outcome::Accepted { result: Some(_), .. } => "accepted-merged",
                Outcome::Refused { refusals, .. } => match refusals.first().map(|refusal| refusal.code) {
                    Some(Code::OfficeOwned) => "refused-office-owned",
                    Some(Code::OrderClosed) => "refused-order-closed",
                    Some(Code::MissingReference) => "refused-missing-reference",
                    Some(Code::OutOfScope) => "refused-out-of-scope",
                    _ => "refused-other",
                },
                Outcome::Held { code: Code::Revoked } => "held-revoked",
                Outcome::Held { .. } => "held-withdrawn",
                Outcome::Wanted => "wanted",
            });
        }
        hits.extend(answer.offered.iter().map(|(_, offered)| match offered {
            Offered::Merged => "offer-merged",
            Offered::Known => "offer-known",
            Offered::Held => "offer-held",
            Offered::Refused => "offer-refused",
        }));
        hits.extend(answer.anew.then_some("walk-anew"));
        hits.extend(answer.more.then_some("page-full"));
        for delivery in &answer.delivered {
            hits.extend((!delivery.is_whole).then_some("delta-delivered"));
            hits.extend((!delivery.emptied.is_empty()).then_some("group-emptied"));
            let most = delivery.record.groups.values().map(|siblings| siblings.len()).max().unwrap_or(0);
            hits.extend((most >= 3).then_some("conflict-of-three"));
        }
        hits.into_iter().for_each(|name| self.marks.hit(name));
    }

    /// What a finished sync says of itself.
    fn received(&mut self, phone: usize, receipt: &Receipt, is_calm: bool) {
        let name = self.phones[phone].name.clone();
        if receipt.repairs > 0 && !self.is_damaged {
            self.oracle.broken("P1", format!("{name} and the office differed and had to walk again"));
        }
        match receipt.ended {
            Ended::Stalled => self.oracle.broken("L1", format!("{name} stalls")),
            // A proxy on the way may say anything.
            Ended::Fault(code) if is_calm => self.oracle.broken("L1", format!("{name} ends with {code:?}")),
            Ended::SignedOut => self.oracle.broken("L1", format!("{name} is signed out")),
            Ended::Revoked if !self.phones[phone].is_revoked => {
                self.oracle.broken("S3", format!("{name} is told that it was revoked, and was not"));
            }
            Ended::Offline { .. } => self.marks.hit("gave-up-offline"),
            _ => {}
        }
        for (count, mark) in [
            (receipt.wholes, "whole-asked"),
            (receipt.left, "left-clean"),
            (receipt.retried, "retried-refused"),
            (receipt.blobs_sent, "blob-sent"),
            (receipt.needs_person.len() as u32, "conflict-born"),
        ] {
            if count > 0 {
                self.marks.hit(mark);
            }
        }
        self.trace.note(|| format!("{name}: {receipt:?}"));
    }

    /// A request that was thought lost arrives; nobody waits for its answer.
    pub(crate) fn arrive_late(&mut self, place: u64) -> anyhow::Result<()> {
        if self.late.is_empty() {
            return Ok(());
        }
        let (phone, request) = self.late.remove(place as usize % self.late.len());
        self.marks.hit("request-late-after-retry");
        self.arrive(phone, &request).map(drop)
    }

    /// The last requests of a phone are sent again, byte for byte: nothing changes.
    pub(crate) fn replay(&mut self, phone: usize) -> anyhow::Result<()> {
        let before = self.sequence()?;
        for request in self.phones[phone].sent.clone() {
            self.arrive(phone, &request)?;
            self.marks.hit("replayed");
        }
        if self.sequence()? != before {
            self.oracle.broken("S5", format!("requests of {} sent again change the office", self.phones[phone].name));
        }
        Ok(())
    }

    fn sequence(&self) -> anyhow::Result<u64> {
        Ok(self.site.office()?.read(|txn| txn.tenant())?.sequence)
    }

    /// Searches everything a phone was sent for marks of records its technician may not see.
    pub(crate) fn search_canaries(&mut self, name: &str, technician: usize, body: &[u8]) -> anyhow::Result<()> {
        let found = canaries(&unpacked(body));
        for (letter, place) in found {
            if self.is_granted(technician, letter, place) {
                continue;
            }
            let Some(record) = self.canary_record(letter, place) else { continue };
            // What was signed names the customer of that time, whoever the customer is now.
            if !self.sees(technician, record)? && !self.is_in_document(technician, letter, place) {
                self.oracle
                    .broken("S1", format!("{name} was sent something of {letter}{place}, which is out of scope"));
            }
        }
        Ok(())
    }

    fn canary_record(&self, letter: char, place: usize) -> Option<RecordId> {
        match letter {
            'o' => self.orders.get(place).copied(),
            _ => self.customers.get(place).copied(),
        }
    }
}

/// The message of a request, if it is an exchange that can be read.
fn exchange(request: &Request) -> Option<Exchange> {
    (request.path == EXCHANGE_PATH).then(|| wire::unpack(&request.body).ok()).flatten()
}

/// The bytes inside the compression, or as they are.
fn unpacked(body: &[u8]) -> Vec<u8> {
    zstd::decode_all(body).unwrap_or_else(|_| body.to_vec())
}

/// The canaries in these bytes: `canary-o3;` belongs to order 3.
fn canaries(bytes: &[u8]) -> std::collections::BTreeSet<(char, usize)> {
    const WORD: &[u8] = b"canary-";
    let mut found = std::collections::BTreeSet::new();
    let mut at = 0;
    while let Some(place) = bytes[at..].windows(WORD.len()).position(|window| window == WORD) {
        at += place + WORD.len();
        let digits: String =
            bytes[at..].iter().skip(1).take_while(|byte| byte.is_ascii_digit()).map(|byte| *byte as char).collect();
        if let (Some(letter), Ok(place)) = (bytes.get(at), digits.parse()) {
            found.insert((*letter as char, place));
        }
    }
    found
}
