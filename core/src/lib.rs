//! The device engine of fieldsync: edit, read, search, watch and sync work orders on a phone that may see no network for
//! days.
//!
//! An app holds one [`Device`]. Whatever is entered through [`Device::edit`] is safe when the call returns, is shown at
//! once, and stays pending until the office has answered exactly that edit. [`Device::sync`] carries it there and brings
//! back what changed; it can be cut at any byte and goes on the next time.
//!
//! ```
//! use fieldsync::{Config, Device, Draft, fields};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("fieldsync-doc-{}", std::process::id()));
//! let device = Device::open(Config::new(&folder))?;
//! assert!(device.status()?.device.is_none()); // not enrolled: nothing can be entered under nobody's name
//! assert!(device.edit(Draft::new("note").set("text", fields! { "text" => "gate code 4711" })).is_err());
//! # drop(device);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! Clock, randomness, transport and disk are injected, so the fleet simulator runs the shipped code.

pub mod anchor;
pub mod blob;
pub mod bundle;
pub mod check;
pub mod clock;
pub mod config;
pub mod device;
pub mod diagnostics;
pub mod drawer;
pub mod edit;
pub mod enrol;
pub mod entropy;
pub mod error;
pub mod files;
#[cfg(test)]
mod fixture;
pub mod http;
pub mod key;
mod pause;
pub mod photo;
pub mod profiles;
pub mod projection;
pub mod read;
pub mod relay;
pub mod salvage;
pub mod search;
pub mod signing;
mod store;
pub mod stuck;
mod summary;
pub mod sync;
pub mod watch;
pub mod work;

/// What device and office agree on; see [`fieldsync_protocol`].
pub use fieldsync_protocol as protocol;
pub use fieldsync_protocol::{Fields, FieldsExt, Hash, PersonId, RecordId, Value, fields};

pub use anchor::{Anchor, AnchorError, FileAnchor};
pub use blob::Fetched;
pub use bundle::BundleReceipt;
pub use check::{CheckReport, Damaged};
pub use clock::{Clock, SystemClock};
pub use config::Config;
pub use device::{Device, DeviceStatus};
pub use diagnostics::Diagnostics;
pub use drawer::{DrawerEntry, DrawerState, PendingEdit};
pub use edit::{ConflictEntry, Context, Draft, Edited, Landing, Resolution};
pub use enrol::{Identity, Invitation};
pub use entropy::{Entropy, SystemEntropy};
pub use error::Error;
pub use files::{Files, Hold, Medium, SystemFiles};
pub use http::{Cancel, HttpTransport, Transport, TransportError};
pub use key::{KeyError, KeyProvider};
pub use photo::{PhotoState, Upload};
pub use relay::TakenBundle;
pub use stuck::{Stuck, StuckCode};
pub use summary::Unsent;
pub use sync::{Ended, Phase, Progress, Receipt, Request, Response, Session, Step};
