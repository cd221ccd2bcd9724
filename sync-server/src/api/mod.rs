//! The HTTP skin for devices: decode, call one function, encode.
//!
//! Every endpoint is a file. [`auth`] decides who sends, [`fault`] is the one shape of failure, [`router`] lists every
//! route and every layer. Nothing here decides about records: that is [`crate::sync`].

mod auth;
mod blob;
mod bundle;
mod enrol;
mod events;
mod exchange;
mod fault;
mod health;
mod layers;
mod limiter;
mod message;
mod nonce;
mod router;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{Semaphore, watch};

use crate::blobs::Blobs;
use crate::office::Office;
use limiter::Limiter;
use nonce::Nonces;

pub use router::router;

/// Requests answered at once; more are told to come again. Bounds the memory that bodies take.
const REQUESTS_MAX: usize = 512;
/// Event streams open at once.
const STREAMS_MAX: usize = 4_096;

/// What the endpoints share. Cheap to clone.
#[derive(Clone)]
pub struct State {
    office: Office,
    blobs: Blobs,
    nonces: Arc<Nonces>,
    enrolments: Arc<Limiter>,
    requests: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    metrics: Option<PrometheusHandle>,
    stopping: watch::Receiver<bool>,
}

impl State {
    /// The endpoints' state. `metrics` is served at `/metrics` when it is there; event streams end when `stopping`
    /// becomes true or is dropped.
    pub fn new(
        office: Office,
        blobs: Blobs,
        metrics: Option<PrometheusHandle>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self {
            office,
            blobs,
            nonces: Arc::default(),
            enrolments: Arc::default(),
            requests: Arc::new(Semaphore::new(REQUESTS_MAX)),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            metrics,
            stopping,
        }
    }
}
