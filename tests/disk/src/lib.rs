//! A disk in memory, for tests: what a process wrote, what of it would survive a power cut, and everything a real disk
//! does wrong.
//!
//! One [`Disk`] is the disk of one machine. A [`Process`] is whoever works on it: its [`fieldsync::Medium`] opens a
//! device or an office whose databases and files lie here, through a SQLite VFS of its own with locks and shared memory
//! as POSIX has them, so two processes on one store can be played too.
//!
//! ```
//! use fieldsync::{Config, Device};
//! use fieldsync_disk::{Disk, Loss};
//!
//! let disk = Disk::new();
//! let process = disk.process();
//! let mut config = Config::new("/phone");
//! config.medium = process.medium();
//! let device = Device::open(config.clone()).unwrap();
//! let replica = device.status().unwrap().replica;
//!
//! disk.crash(Loss::Everything, 7); // the power goes; nothing that was not synced is there
//! drop(device);
//! config.medium = disk.process().medium();
//! assert_eq!(Device::open(config).unwrap().status().unwrap().replica, replica);
//! ```
//!
//! What it models:
//!
//! - Every file has the content processes see and the content that was synced. Between them lie the writes in order, and
//!   a power cut keeps all, none, some, or some sectors of them ([`Loss`]). Names made, removed and changed are the same:
//!   they last after the file's or the folder's sync.
//! - [`Disk::image`] is a picture of all this, cheap to take and to put back ([`Disk::restore`]); [`Disk::record`] takes
//!   one before every call that changes anything. [`Image::crash`] turns a picture into what is found after a power cut.
//! - [`Disk::inject`] makes the n-th call of some kinds fail, once or for ever; [`Disk::set_quota`] fills the disk;
//!   [`Disk::flip`] turns bits at rest.
//! - A killed process ([`Process::kill`]) loses its locks and nothing that it wrote. What still holds its connections
//!   gets I/O errors. Forget or drop them before others go on: SQLite tidies the shared memory of a transaction that is
//!   dropped, which a killed process does not.
//!
//! Nothing here sleeps or reads a clock: SQLite's waiting for a lock passes at once. Everything random comes from seeds.

mod content;
mod disk;
mod fault;
mod lock;
mod names;
mod process;
mod state;
mod vfs;

pub use disk::{Disk, Image, Point};
pub use fault::{Call, Calls, Counts, Effect, Fault, Times};
pub use names::Loss;
pub use process::Process;
