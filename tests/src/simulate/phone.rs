//! The phones of a world: the shipped engine on a store of its own, with a clock that may be anywhere.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fieldsync::edit::Context;
use fieldsync::entropy::SeededEntropy;
use fieldsync::{Anchor, AnchorError, Clock, Config, Device, RecordId, Request};
use fieldsync_disk::{Disk, Image, Process};
use fieldsync_protocol::DeviceId;

use super::state::DeviceState;

/// Where a store lies on its phone's disk.
pub(crate) const FOLDER: &str = "/phone";

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

/// An anchor outside the disk, which neither an image nor a power cut puts back.
#[derive(Debug, Default)]
pub(crate) struct KeptAnchor(Mutex<Option<Vec<u8>>>);

impl Anchor for KeptAnchor {
    fn load(&self) -> Result<Option<Vec<u8>>, AnchorError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn save(&self, value: &[u8]) -> Result<(), AnchorError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(value.to_vec());
        Ok(())
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
    /// What the office calls it, once it is enrolled.
    pub(crate) id: Option<DeviceId>,
    /// Place of its technician.
    pub(crate) technician: usize,
    pub(crate) disk: Disk,
    /// The app's process; it ends with a kill or with the power.
    pub(crate) process: Process,
    pub(crate) image: Option<Image>,
    /// Where its anchor is kept, if it has one.
    pub(crate) anchor: Option<Arc<KeptAnchor>>,
    /// Whether its disk is full or fails, so that any call may say so.
    pub(crate) is_failing: bool,
    pub(crate) device: Device,
    pub(crate) clock: Arc<DriftingClock>,
    pub(crate) screens: Vec<Screen>,
    pub(crate) is_revoked: bool,
    pub(crate) restamps: u32,
    /// The last requests it sent.
    pub(crate) sent: VecDeque<Request>,
}

impl Phone {
    /// What really stands on its disk.
    pub(crate) fn state(&self) -> anyhow::Result<DeviceState> {
        DeviceState::read(&self.disk.image())
    }
}

/// How a phone's device is opened.
pub(crate) fn config(
    process: &Process,
    clock: &Arc<DriftingClock>,
    anchor: Option<&Arc<KeptAnchor>>,
    seed: u64,
    portion: Option<usize>,
    steps: Option<usize>,
) -> Config {
    let mut config = Config::new(FOLDER);
    config.medium = process.medium();
    config.clock = Arc::clone(clock) as Arc<dyn Clock>;
    config.entropy = Arc::new(SeededEntropy::new(seed));
    config.anchor = anchor.map(|anchor| Arc::clone(anchor) as Arc<dyn Anchor>);
    if let Some(portion) = portion {
        config.push_records = portion;
    }
    if let Some(steps) = steps {
        config.step_records = steps;
    }
    config
}
