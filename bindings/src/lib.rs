//! The bridge to Kotlin and Swift: a thin layer around the device engine, no logic of its own.
//!
//! Promises: every export returns a `Result` (but `CancelHandle::new`, which only allocates), and a panic inside is the
//! error `Defect`, never a crash of the host;
//! errors are named by what the app should do and hold nothing personal; calls are coarse and lists are paged, because a
//! call from Kotlin costs 100 µs; network work runs on the device's own runtime, never on the caller's thread, and every
//! long call takes a [`CancelHandle`]; observers are told ids only, after the commit, outside every lock, and whatever
//! they throw reaches nobody. Proc-macros only; every exported item has a doc comment, which becomes KDoc and Swift
//! documentation. `surface.txt` lists the whole surface: a change of it is a reviewed line.
//!
//! Calls that touch the store alone are synchronous and take milliseconds: an app makes them off its main thread. Calls
//! that use the network are asynchronous. Ids are UUIDs; times are milliseconds since 1970 UTC and end in `_ms`; money
//! is in minor units, quantities in thousandths. What is called opaque is text to hand back, not to read.

mod bundle;
mod conflict;
mod device;
mod directory;
mod document;
mod drawer;
mod error;
mod explain;
mod history;
mod jobs;
mod keep;
mod log;
mod observe;
mod office;
mod page;
mod photo;
mod profiles;
mod runtime;
mod salvage;
mod search;
mod stuck;
mod support;
mod sync;
#[cfg(test)]
mod tests;
mod values;
mod work;

pub use bundle::{BundleReceipt, TakenBundle};
pub use conflict::{Conflict, ConflictValue, Landing};
pub use device::{Device, DeviceStatus, OpenOptions};
pub use directory::{DirectoryEntry, DirectoryFilter, Part};
pub use document::{
    Difference, DocumentKind, Evidence, FrozenDocument, SignatureState, Stroke, StrokePoint, Voucher, VoucherPart,
    VoucherReport,
};
pub use drawer::{DrawerEntry, DrawerState, PendingEdit};
pub use error::{CallbackError, FieldsyncError};
pub use explain::{Explanation, Presence};
pub use history::{AssetHistory, AssetVisit, PartUse, PartUseFilter, PartUseList};
pub use jobs::{Day, DayPlan, JobFilter, JobList, JobSort, JobStatus, JobSummary, StatusCount, day_containing};
pub use keep::{AnchorStore, KeyStore, KeyStoreError};
pub use log::{LogLevel, LogLine, LogSink, set_log_sink};
pub use observe::{ChangeObserver, Subscription};
pub use office::{Identity, Invitation, read_link};
pub use page::{
    Assignment, DocumentInfo, JobPage, Missing, Note, Party, Photo, Proposal, Report, Review, TimeSpent, UsedPart,
    VisitEvent, Waiting, WaitingState,
};
pub use photo::{PhotoFile, UploadState};
pub use profiles::{Profile, Profiles, Unsent};
pub use runtime::CancelHandle;
pub use salvage::{Salvaged, SetAside};
pub use search::{Correction, Found, Hit, SnippetPart};
pub use stuck::StuckRecord;
pub use support::{CheckReport, DamagedEdit, Diagnostics};
pub use sync::{
    Ended, Merged, NeedsPerson, NotAccepted, SyncObserver, SyncPhase, SyncProgress, SyncReceipt, Undecided,
};
pub use values::{Activity, Attribution, Author, Charge, Field, Outcome, Priority, TextField, VisitStep};
pub use work::{
    KnownOrNew, NewAsset, NewCustomer, NewOrder, NewSite, OpenedOrder, ParameterChange, PartEntry, ReportEntry,
    TimeEntry,
};

use uuid::Uuid;

uniffi::setup_scaffolding!("fieldsync");

uniffi::custom_type!(Uuid, String, {
    remote,
    lower: |id| id.to_string(),
    try_lift: |text| Ok(Uuid::parse_str(&text)?),
});

/// Returns the version of the engine, for an app's about page and for support.
///
/// Works before any store is opened.
///
/// # Errors
/// None in practice.
#[uniffi::export]
pub fn version() -> Result<String, FieldsyncError> {
    Ok(env!("CARGO_PKG_VERSION").to_owned())
}
