//! Who made an edit, on which device, and what the clocks said. Evidence and display; it decides nothing.

use serde::{Deserialize, Serialize};

use crate::ids::{DeviceId, PersonId};

/// How far the device's clock can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// The office's own clock.
    Office,
    /// A device that compared its clock with the office's since it was switched on.
    Compared,
    /// A device that never compared its clock.
    Unknown,
}

/// Evidence minted with a dot and never changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    /// Who entered it.
    pub person: PersonId,
    /// On which device; `None` for the office.
    pub device: Option<DeviceId>,
    /// What the device's clock said, milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// Office clock minus device clock when last compared, milliseconds.
    pub offset_ms: i64,
    /// How far to believe it.
    pub trust: Trust,
}

impl Stamp {
    /// The best estimate of when it happened on the office's clock, for display.
    pub fn happened_ms(&self) -> i64 {
        self.at_ms.saturating_add(self.offset_ms)
    }
}
