//! Random exploration.
