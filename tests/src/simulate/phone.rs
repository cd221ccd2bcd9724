//! The phones of a world: the shipped engine on a store of its own, with a clock that may be anywhere.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use fieldsync::edit::Context;
use fieldsync::entropy::SeededEntropy;
use fieldsync::{Clock, Config, Device, RecordId, Request};
use std::collections::{BTreeSet, VecDeque};

/// When every run begins.
pub(crate) const START_MS: i64 = 1_700_000_000_000;

/// True time, which nobody but the simulation sees.
pub(crate) type Time = Arc<AtomicI64>;

/// A clock that drifts and jumps.
#[derive(Debug)]
pub(crate) struct DriftingClock {
    time: Time,
    offset_ms: AtomicI64,
    drift_ppm: i64,
}

impl DriftingClock {
    pub(crate) fn new(time: &Time, offset_ms: i64, drift_ppm: i64) -> Self {
        Self { time: Arc::clone(time), offset_ms: AtomicI64::new(offset_ms), drift_ppm }
    }

    pub(crate) fn jump(&self, by_ms: i64) {
        self.offset_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl Clock for DriftingClock {
    fn now_ms(&self) -> i64 {
        let time = self.time.load(Ordering::Relaxed);
        time + self.offset_ms.load(Ordering::Relaxed) + (time - START_MS) * self.drift_ppm / 1_000_000
    }
}

/// A screen that stands open.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    pub(crate) kind: &'static str,
    pub(crate) record: RecordId,
    pub(crate) group: &'static str,
    pub(crate) context: Context,
    pub(crate) seen: BTreeSet<u64>,
    pub(crate) restamps: u32,
}

/// A phone.
pub(crate) struct Phone {
    pub(crate) name: String,
    /// Place of its technician.
    pub(crate) technician: usize,
    pub(crate) folder: PathBuf,
    pub(crate) image: Option<PathBuf>,
    pub(crate) device: Device,
    pub(crate) clock: Arc<DriftingClock>,
    pub(crate) screens: Vec<Screen>,
    pub(crate) is_revoked: bool,
    pub(crate) restamps: u32,
    /// The last requests it sent.
    pub(crate) sent: VecDeque<Request>,
}

/// How a phone's device is opened.
pub(crate) fn config(folder: PathBuf, clock: &Arc<DriftingClock>, seed: u64, portion: Option<usize>) -> Config {
    let mut config = Config::new(folder);
    config.clock = Arc::clone(clock) as Arc<dyn Clock>;
    config.entropy = Arc::new(SeededEntropy::new(seed));
    if let Some(portion) = portion {
        config.push_records = portion;
    }
    config
}
