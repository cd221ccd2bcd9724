//! The devices of the technicians: last contact, what they still hold, enrolling and revoking.

use askama::Template;

use super::frame::{Choice, Frame};
use super::ink::Drawing;
use super::show::{Chip, When};

/// The list of devices.
#[derive(Debug, Template)]
#[template(path = "devices.html")]
pub(crate) struct Devices {
    pub(crate) frame: Frame,
    pub(crate) devices: Vec<DeviceRow>,
    pub(crate) technicians: Vec<Choice>,
}

/// One device.
#[derive(Debug, Clone)]
pub(crate) struct DeviceRow {
    pub(crate) name: String,
    /// Anything odd about it, such as a wrong clock.
    pub(crate) detail: String,
    pub(crate) technician: String,
    /// Only when it is not simply enrolled.
    pub(crate) state: Option<Chip>,
    pub(crate) enrolled: When,
    pub(crate) heard: Option<When>,
    pub(crate) is_silent: bool,
    /// "up to date" or how far behind.
    pub(crate) reach: Chip,
    /// What the device said it still holds; empty when nothing.
    pub(crate) holds: Vec<Chip>,
    /// Present while the device may be revoked: the page that asks once more.
    pub(crate) revoke_href: Option<String>,
    /// Present while the office waits for the device: the page that asks once more.
    pub(crate) retire_href: Option<String>,
    /// Present until the device was asked to wipe itself: the page that asks once more.
    pub(crate) wipe_href: Option<String>,
}

/// The one-time code of a new device, shown once.
#[derive(Debug, Template)]
#[template(path = "device_enrol.html")]
pub(crate) struct Enrol {
    pub(crate) frame: Frame,
    pub(crate) technician: String,
    pub(crate) code: String,
    pub(crate) address: String,
    pub(crate) until: When,
    pub(crate) square: Drawing,
}

/// The page that asks before a device is revoked.
#[derive(Debug, Template)]
#[template(path = "device_revoke.html")]
pub(crate) struct Revoke {
    pub(crate) frame: Frame,
    pub(crate) device: DeviceRow,
    pub(crate) action: String,
}

/// The page that asks before a device is given up.
#[derive(Debug, Template)]
#[template(path = "device_retire.html")]
pub(crate) struct Retire {
    pub(crate) frame: Frame,
    pub(crate) device: DeviceRow,
    pub(crate) action: String,
}

/// The page that asks before a device is wiped.
#[derive(Debug, Template)]
#[template(path = "device_wipe.html")]
pub(crate) struct Wipe {
    pub(crate) frame: Frame,
    pub(crate) device: DeviceRow,
    pub(crate) action: String,
}
