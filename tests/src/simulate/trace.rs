//! What happened, as a hash that must be the same whenever the same script is run, and as lines for who reads a failure.

use fieldsync::{Request, Response};
use fieldsync_protocol::RecordId;
use fieldsync_protocol::compare::{Content, Range, Side};
use fieldsync_protocol::exchange::{Exchange, ExchangeAnswer, Outcome};
use fieldsync_protocol::wire;

use super::state::{all_numbers, number};

/// The trace of a run.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    hash: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// With lines, or with the hash alone.
    pub(crate) fn new(with_lines: bool) -> Self {
        Self { hash: 0xCBF2_9CE4_8422_2325, lines: with_lines.then(Vec::new) }
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        let line = line();
        self.hash = fold(self.hash, line.as_bytes());
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }

    /// A line for people only; it does not count.
    pub(crate) fn told(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(line());
        }
    }

    pub(crate) fn finish(self) -> (u64, Vec<String>) {
        (self.hash, self.lines.unwrap_or_default())
    }
}

/// FNV-1a.
fn fold(mut hash: u64, bytes: &[u8]) -> u64 {
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
    }
    hash
}

/// A hash of bytes, for the trace.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    fold(0xCBF2_9CE4_8422_2325, bytes)
}

/// A request and its answer for who reads a failure.
pub(crate) fn exchange(request: &Request, response: &Response) -> String {
    let sent = wire::unpack::<Exchange>(&request.body).map(|message| pushed(&message)).unwrap_or_default();
    let got = wire::unpack::<ExchangeAnswer>(&response.body).map(|answer| answered(&answer)).unwrap_or_default();
    format!("  > {sent}\n  < {} {got}", response.status)
}

fn pushed(message: &Exchange) -> String {
    let mut text = format!("epoch {}", message.epoch);
    for push in &message.push {
        for edit in &push.edits {
            let number = number(&edit.fields).unwrap_or(0);
            text += &format!(", push {} {} {} {:?} #{number}", push.kind, short(push.id), edit.group, edit.dot);
        }
    }
    for offer in &message.offers {
        text += &format!(", offer {} {}", offer.record.kind, short(offer.record.id));
    }
    for id in &message.whole {
        text += &format!(", whole {}", short(*id));
    }
    for range in &message.ranges {
        text += &format!(", sums of {}", ranged(range));
    }
    text + if message.cursor.is_some() { "" } else { ", from the start" }
}

fn answered(answer: &ExchangeAnswer) -> String {
    let mut text = format!("epoch {}", answer.epoch);
    if let Some(known) = &answer.again {
        text += &format!(", again, {} dots known", known.len());
    }
    for (id, outcome) in &answer.outcomes {
        let outcome = match outcome {
            Outcome::Accepted { result: None, .. } => "accepted".to_owned(),
            Outcome::Accepted { result: Some(_), .. } => "accepted, merged".to_owned(),
            Outcome::Refused { refusals, .. } => {
                format!("refused {:?}", refusals.iter().map(|refusal| refusal.code).collect::<Vec<_>>())
            }
            Outcome::Held { code } => format!("held {code:?}"),
            Outcome::Wanted => "wanted".to_owned(),
        };
        text += &format!(", {} {outcome}", short(*id));
    }
    for (id, offered) in &answer.offered {
        text += &format!(", offer {} {offered:?}", short(*id));
    }
    for delivery in &answer.delivered {
        let numbers: Vec<u64> = all_numbers(&delivery.record).map(|(_, number)| number).collect();
        let how = if delivery.is_whole { "whole" } else { "delta" };
        text += &format!(", {how} {} {} {numbers:?}", delivery.record.kind, short(delivery.record.id));
    }
    for id in &answer.left {
        text += &format!(", left {}", short(*id));
    }
    for found in &answer.ranged {
        text += &match &found.content {
            Content::Sums(parts) => format!(", {} parts of {}", parts.len(), ranged(&found.range)),
            Content::Checks(checks) => {
                let ids: Vec<String> = checks.iter().map(|(id, _)| short(*id)).collect();
                format!(", {} holds {}", ranged(&found.range), ids.join(" "))
            }
        };
    }
    text += if answer.anew { ", anew" } else { "" };
    text + if answer.more { ", more" } else { "" }
}

fn ranged(range: &Range) -> String {
    let side = if range.side == Side::Own { "own" } else { "shared" };
    if range.is_whole() { side.to_owned() } else { format!("{side} {}-{}", short(range.from), short(range.to)) }
}

/// The end of an id: its beginning is a time.
fn short(id: RecordId) -> String {
    id.to_string().split_off(30)
}
