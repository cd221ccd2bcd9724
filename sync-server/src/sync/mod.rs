//! The server's half of the sync protocol: synchronous, no HTTP, one transaction per exchange.
//!
//! [`accept`] is the one door: devices' pushes, the console's and imports' edits, refills and releases all go through
//! it. [`exchange`] walks one exchange in the order of checks; [`pull`] hands out what is in scope; [`scope`] keeps the
//! index of who may see what; [`explain`] says why; [`board`] keeps the dispatcher's rows.

pub mod accept;
pub mod blob;
pub mod board;
pub mod bundle;
pub mod collect;
mod compare;
pub mod edit;
pub mod erase;
pub mod exchange;
pub mod explain;
pub mod held;
mod pull;
mod push;
mod refill;
mod returning;
mod scope;
mod sealed;
#[cfg(test)]
mod tests;
