//! What crosses crates: real phones against the real server, over a network that a test makes as bad as it likes.
//!
//! [`fleet`] opens an office with its server on a free port and gives out phones; [`network`] stands between them;
//! [`simulate`] plays whole worlds from a script; [`server`] is the shipped server, [`browser`] a real Chromium at its console. The tests are in `stories/` and `pages.rs`. Nothing here is a mock, nothing sleeps.

pub mod browser;
pub mod fleet;
pub mod network;
pub mod server;
pub mod simulate;
