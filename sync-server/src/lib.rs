//! The office: accepts what devices push, merges it, hands out what they may see, and shows it to dispatchers.
//!
//! [`store`] keeps it, [`sync`] decides it (and is the only way in), [`office`] holds one tenant's store, keys, clock and
//! randomness together. HTTP, console and commands are skins around these.

#[macro_use]
mod say;

pub mod anchor;
pub mod api;
pub mod backup;
pub mod blobs;
pub mod bundle;
pub mod cli;
pub mod collections;
pub mod config;
pub mod console;
pub mod demo;
pub mod enrol;
pub mod erasures;
pub mod folder;
pub mod import;
pub mod keys;
mod log;
pub mod logging;
pub mod metrics;
pub mod office;
pub mod parcels;
pub mod password;
pub mod people;
pub mod qr;
pub mod recovery;
pub mod revocations;
pub mod server;
pub mod store;
pub mod sync;
pub mod verify;
