//! Slows down who tries enrolment codes: a bucket of attempts per address, and one for everybody.
//!
//! Codes are 80 random bits and live ten minutes, so guessing is hopeless anyway; this keeps the attempts from costing
//! the office anything. An attempt that enrolled a device is given back. Behind a proxy all attempts share one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Attempts of one address in a row, and how long it takes to earn another, milliseconds.
const ADDRESS: Bucket = Bucket { depth: 10, refill_ms: 6_000 };
/// Attempts of everybody in a row, and how long it takes to earn another.
const EVERYBODY: Bucket = Bucket { depth: 100, refill_ms: 600 };
/// Addresses remembered; when there are more, those whose bucket is full again are forgotten.
const ADDRESSES_MAX: usize = 10_000;

#[derive(Clone, Copy)]
struct Bucket {
    depth: i64,
    refill_ms: i64,
}

impl Bucket {
    /// Takes one attempt out of a bucket that is represented by the time at which it will be full again; says how long
    /// to wait when it is empty.
    fn take(self, full_at_ms: &mut i64, now_ms: i64) -> Result<(), u64> {
        let full_at = (*full_at_ms).max(now_ms) + self.refill_ms;
        let wait = full_at - now_ms - self.depth * self.refill_ms;
        if wait > 0 {
            return Err(wait.unsigned_abs());
        }
        *full_at_ms = full_at;
        Ok(())
    }
}

/// The buckets.
#[derive(Default)]
pub(super) struct Limiter(Mutex<Buckets>);

#[derive(Default)]
struct Buckets {
    everybody: i64,
    addresses: HashMap<Option<IpAddr>, i64>,
}

impl Limiter {
    /// Gives back what [`Limiter::take`] took.
    pub(super) fn give_back(&self, address: Option<IpAddr>) {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.everybody -= EVERYBODY.refill_ms;
        if let Some(full_at_ms) = buckets.addresses.get_mut(&network(address)) {
            *full_at_ms -= ADDRESS.refill_ms;
        }
    }

    /// Takes an attempt of `address`; otherwise says after how many milliseconds there is another.
    pub(super) fn take(&self, address: Option<IpAddr>, now_ms: i64) -> Result<(), u64> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.addresses.len() >= ADDRESSES_MAX {
            buckets.addresses.retain(|_, full_at_ms| *full_at_ms > now_ms);
        }
        if buckets.addresses.len() >= ADDRESSES_MAX {
            return Err(EVERYBODY.refill_ms.unsigned_abs());
        }
        ADDRESS.take(buckets.addresses.entry(network(address)).or_insert(now_ms), now_ms)?;
        EVERYBODY.take(&mut buckets.everybody, now_ms)
    }
}

/// What one customer of a network operator has: an address, or in version 6 the half of it that he does not choose.
fn network(address: Option<IpAddr>) -> Option<IpAddr> {
    address.map(|address| match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address => address,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_ten_attempts_then_one_every_six_seconds_and_harms_nobody_else() {
        let limiter = Limiter::default();
        let (one, two) = (Some(IpAddr::from([10, 0, 0, 1])), Some(IpAddr::from([10, 0, 0, 2])));
        for _ in 0..10 {
            assert_eq!(limiter.take(one, 1_000), Ok(()));
        }

        assert_eq!(limiter.take(one, 1_000), Err(6_000));
        assert_eq!(limiter.take(two, 1_000), Ok(()));
        assert_eq!(limiter.take(one, 7_000), Ok(()));
        assert_eq!(limiter.take(one, 7_001), Err(5_999));
        limiter.give_back(one);
        assert_eq!(limiter.take(one, 7_001), Ok(()), "what enrolled a device does not count");
    }

    #[test]
    fn the_addresses_of_one_household_count_as_one() {
        let address = |text: &str| Some(text.parse().unwrap());

        assert_eq!(network(address("2001:db8::1:2")), network(address("2001:db8::ffff")));
        assert_ne!(network(address("2001:db8:0:1::1")), network(address("2001:db8::1")));
        assert_eq!(network(address("::ffff:10.0.0.1")), address("10.0.0.1"));
    }
}
