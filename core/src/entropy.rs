//! Randomness, injected, and the identifiers made from it.

use std::sync::Mutex;

use fieldsync_protocol::{PushId, RecordId, ReplicaId};
use uuid::Uuid;

/// Gives random bytes.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`. Two stores, and two openings of one store, must never be given the same bytes; only a simulation
    /// that wants its day again hands out a seeded sequence.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is where the system's chance comes in")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("an operating system without randomness runs no app");
    }
}

/// A sequence that is the same for the same seed: for simulations and tests, never for a device in the field.
#[derive(Debug)]
pub struct SeededEntropy {
    stream: Mutex<blake3::OutputReader>,
}

impl SeededEntropy {
    /// The sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"fieldsync seeded entropy");
        hasher.update(&seed.to_le_bytes());
        Self { stream: Mutex::new(hasher.finalize_xof()) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        self.stream.lock().unwrap_or_else(std::sync::PoisonError::into_inner).fill(bytes);
    }
}

fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

/// A new record id: UUIDv7, so that ids made later sort later.
pub fn record_id(entropy: &dyn Entropy, now_ms: i64) -> RecordId {
    let millis = u64::try_from(now_ms).unwrap_or(0);
    RecordId(uuid::Builder::from_unix_timestamp_millis(millis, &random::<10>(entropy)).into_uuid())
}

/// A new replica id: 128 random bits.
pub fn replica_id(entropy: &dyn Entropy) -> ReplicaId {
    ReplicaId(random(entropy))
}

pub(crate) fn push_id(entropy: &dyn Entropy) -> PushId {
    PushId(random(entropy))
}

pub(crate) fn secret_key(entropy: &dyn Entropy) -> [u8; 32] {
    random(entropy)
}

/// A number below `limit`, for spreading retries; the slight bias of a remainder does not matter there.
pub(crate) fn below(entropy: &dyn Entropy, limit: u64) -> u64 {
    u64::from_le_bytes(random(entropy)) % limit.max(1)
}

/// A version 4 UUID for names that are not records.
pub(crate) fn uuid(entropy: &dyn Entropy) -> Uuid {
    uuid::Builder::from_random_bytes(random(entropy)).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_day_and_ids_sort_by_time() {
        let (one, two) = (SeededEntropy::new(7), SeededEntropy::new(7));
        assert_eq!(record_id(&one, 5_000), record_id(&two, 5_000));
        assert!(record_id(&one, 6_000) > record_id(&two, 5_999));
        assert_eq!(record_id(&one, 1).0.get_version_num(), 7);
    }
}
