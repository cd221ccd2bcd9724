//! Nonces for signed requests: made without remembering any, honoured for ten minutes on the office's own clock, and
//! one signature over one of them is accepted once.
//!
//! A nonce carries its time and chance under a keyed hash, so that every instance of the office recognises what another
//! one gave. What was spent is remembered by each instance for itself: a request repeated byte for byte at another
//! instance has no effect either, because every request repeats without one.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use fieldsync_protocol::{Hash, SignatureBytes};

use crate::office::Office;

/// How long a nonce may be used, seconds.
const LIFE_S: u32 = 600;
/// How far into the future a nonce may lie, seconds: instances' clocks differ.
const AHEAD_S: u32 = 60;
/// Signatures remembered at most, in each of two generations.
const SPENT_MAX: usize = 100_000;

const TIME: usize = 4;
const CHANCE: usize = 8;
const MAC: usize = 12;
const PURPOSE: &str = "request nonce";

/// Gives nonces out and remembers which signatures were used.
#[derive(Default)]
pub(super) struct Nonces {
    spent: Mutex<Spent>,
}

/// Two generations: when the young one is full or old, it becomes the old one and the old one is forgotten.
#[derive(Default)]
struct Spent {
    young: HashSet<[u8; 16]>,
    old: HashSet<[u8; 16]>,
    turned_s: u32,
}

impl Nonces {
    /// The next nonce, as it stands in a header.
    pub(super) fn next(&self, office: &Office) -> String {
        let mut nonce = Vec::with_capacity(TIME + CHANCE + MAC);
        nonce.extend(seconds(office).to_be_bytes());
        nonce.extend(office.random::<CHANCE>());
        let mac = office.keys.mac(PURPOSE, &[&nonce]);
        nonce.extend(&mac.0[..MAC]);
        hex::encode(nonce)
    }

    /// Whether a nonce is the office's own and still young.
    pub(super) fn is_fresh(&self, office: &Office, nonce: &str) -> bool {
        let mut bytes = [0; TIME + CHANCE + MAC];
        if hex::decode_to_slice(nonce, &mut bytes).is_err() {
            return false;
        }
        let (content, mac) = bytes.split_at(TIME + CHANCE);
        let expected = office.keys.mac(PURPOSE, &[content]);
        // A forged nonce gains nothing but freshness, so its bytes need no constant-time comparison; it gets one anyway
        // through the hash.
        if Hash::blake3(mac) != Hash::blake3(&expected.0[..MAC]) {
            return false;
        }
        let given = u32::from_be_bytes([content[0], content[1], content[2], content[3]]);
        let now = seconds(office);
        given <= now.saturating_add(AHEAD_S) && now.saturating_sub(given) <= LIFE_S
    }

    /// Remembers a signature; `false` when it was used before.
    pub(super) fn spend(&self, office: &Office, signature: &SignatureBytes) -> bool {
        let mut key = [0; 16];
        key.copy_from_slice(&Hash::blake3(&signature.0).0[..16]);
        let now = seconds(office);
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.young.len() >= SPENT_MAX || now.saturating_sub(spent.turned_s) > LIFE_S + AHEAD_S {
            spent.old = std::mem::take(&mut spent.young);
            spent.turned_s = now;
        }
        !spent.old.contains(&key) && spent.young.insert(key)
    }
}

fn seconds(office: &Office) -> u32 {
    u32::try_from(office.now_ms() / 1_000).unwrap_or(0)
}
