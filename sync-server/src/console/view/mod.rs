//! What the pages show: one struct and one template a page, text that is ready to be read.
//!
//! Nothing here reaches the store, the network or a clock, so every page can be rendered from sample data and looked at.

pub(crate) mod board;
pub(crate) mod bundle;
pub(crate) mod devices;
pub(crate) mod explain;
pub(crate) mod frame;
pub(crate) mod held;
pub(crate) mod import;
pub(crate) mod ink;
pub(crate) mod job;
pub(crate) mod job_form;
pub(crate) mod login;
pub(crate) mod search;
pub(crate) mod show;

#[cfg(test)]
mod samples;
