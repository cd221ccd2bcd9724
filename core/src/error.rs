//! What can go wrong, named by what the app should do about it.
//!
//! Conflicts and refusals by the office are not errors: they are data, in the receipt, the drawer and the list of
//! conflicts. Nothing personal, no SQL and no URL stands in a message; [`Error::code`] is stable.

use std::path::PathBuf;

use fieldsync_protocol::bundle::{BundleError, Verdict};
use fieldsync_protocol::encode::DecodeError;
use fieldsync_protocol::kinds::Invalid;
use fieldsync_protocol::rights::Code;
use fieldsync_protocol::wire::UnpackError;

use crate::anchor::AnchorError;
use crate::key::KeyError;
use crate::read::Missing;
use crate::summary::Unsent;

/// Why a call did nothing. Whatever a failed call was to store is not stored, as a whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The rules do not let this person make this edit. Show text and remedy of the code.
    #[error("make the edit: {}", code.text())]
    Refused {
        /// Why.
        code: Code,
        /// Kind of the record.
        kind: String,
        /// The group.
        group: String,
    },
    /// The entry does not fit the table of kinds. Show it at the field.
    #[error("make the edit")]
    Invalid(#[from] Invalid),
    /// The edit could only be proposed, and the draft does not say for which work order.
    #[error("make the proposal: the draft names no work order")]
    ProposalNeedsOrder,
    /// There is no such record on this device.
    #[error("find the record on this device")]
    NotFound,
    /// There is nothing to decide: the group has no conflict, or the chosen value is none of it.
    #[error("resolve the conflict: nothing to decide there")]
    NoConflict,
    /// The job needs something first. Show what, and where to do it.
    #[error("go on with the job: {}", missing.text())]
    NotReady {
        /// What is missing.
        missing: Missing,
    },
    /// The job no longer says what the document says, or a later document took its place. Freeze it again and show that.
    #[error("sign a document that no longer says what is shown")]
    DocumentOutdated,
    /// The mark of a page belongs to another list, or is none. Read from the first page.
    #[error("find the page: the mark is not of this list")]
    BadMark,
    /// The device has not been enrolled, or no longer is: show the enrolment.
    #[error("go on without an enrolled device")]
    SignedOut,
    /// The enrolment code is unknown, used or too old. Ask for a new one.
    #[error("enrol with this code")]
    BadCode,
    /// The text is no link of an office's QR code. Scan again, or type address and code.
    #[error("read an enrolment link")]
    BadLink,
    /// The office's answer to the enrolment is not signed by its root, or names another key or person.
    #[error("trust the certificate of the office")]
    Untrusted,
    /// The store belongs to another person or office; use another folder.
    #[error("enrol: the store belongs to somebody else")]
    OtherOwner,
    /// The office was not reached. Try again later.
    #[error("reach the office")]
    Offline {
        /// When, milliseconds from now, if the office said.
        retry_after_ms: Option<u64>,
    },
    /// Office and app speak no common version. The app must be updated.
    #[error("understand the office: the app must be updated")]
    Outdated,
    /// The caller cancelled.
    #[error("finish before the caller cancelled")]
    Cancelled,
    /// Another sync of this device is under way.
    #[error("sync while another sync is under way")]
    Busy,
    /// The server's address is not one this device may use.
    #[error("use this address: https is needed beyond loopback")]
    BadAddress,
    /// A photo or file is larger than the limit.
    #[error("keep a file this large")]
    FileTooLarge,
    /// Nothing is only here, so there is nothing to carry.
    #[error("make a bundle: everything here is at the office already")]
    NothingToCarry,
    /// The office's key for bundles has not reached this device. It comes with the next sync.
    #[error("make a bundle: the office's key is not here yet, sync once")]
    NoOfficeKey,
    /// This device brings as many bundles of others as it may. Sync first.
    #[error("take another bundle along: too many wait here already")]
    TooManyBundles,
    /// The file is no bundle for this office, or not a whole one.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A downloaded file does not have the hash it is named by. It was thrown away.
    #[error("download the file: its content does not match its hash")]
    FileDamaged,
    /// The device's disk is full. Nothing was stored; what was stored before is safe.
    #[error("store: the disk is full")]
    StorageFull,
    /// The store is damaged. It was set aside, nothing was deleted. After telling the person, open with
    /// [`crate::Config::start_over`].
    #[error("read the store, so it was set aside as {}", kept_at.display())]
    StorageDamaged {
        /// Where the damaged file is kept.
        kept_at: PathBuf,
    },
    /// A newer app wrote this store. The app must be updated.
    #[error("understand schema {found} of the store; this build knows up to {known}")]
    StorageNewer {
        /// Schema of the store.
        found: i64,
        /// Newest schema this build knows.
        known: i64,
    },
    /// The linked SQLite is older than 3.51.3 and can lose data in WAL mode.
    #[error("use SQLite {0}: older than 3.51.3")]
    StorageEngine(&'static str),
    /// The profile has work that is only here. Say how much, and name exactly that when it is to be lost.
    #[error("remove a profile that still holds what nobody else has")]
    StillHolds {
        /// What is there.
        unsent: Unsent,
    },
    /// The key of the store is gone for good, so what is in it cannot be read by anybody. Say how much was unsent, then
    /// open with [`crate::Config::start_over`] and a new key; the file is kept.
    #[error("read the store: its key is lost")]
    KeyLost {
        /// What was only there, as of the last orderly write; `None` when that is not known.
        unsent: Option<Unsent>,
    },
    /// The key is not the one this store was encrypted with, or none was given. Nothing was changed: open with the right
    /// one, or treat it as lost.
    #[error("read the store with this key")]
    WrongKey {
        /// What is only there, as of the last orderly write; `None` when that is not known.
        unsent: Option<Unsent>,
    },
    /// The key cannot be read now. On a phone that was not unlocked since it started, try again when it is.
    #[error("read the key of the store now")]
    KeyUnavailable(#[source] KeyError),
    /// A key was given for a store in plain text. Open it without, sync, then start over with the key.
    #[error("open a store that is not encrypted with a key")]
    NotEncrypted,
    /// A key was given to a build without the feature `encryption`.
    #[error("encrypt the store: this build cannot")]
    CannotEncrypt,
    /// The office had this device wiped: after handing over what only it had, it destroyed its store, photos and keys. To
    /// use it again, open with [`crate::Config::start_over`] and enrol with a new code.
    #[error("use a device that the office had wiped: start over and enrol it with a new code")]
    Wiped,
    /// Somebody else has this store open: another process of the app, or a second device object on the same folder.
    /// Use the one that is open; in a background process, leave the work to the app.
    #[error("open a store that is open elsewhere: use that one, or open this one when it is closed or paused")]
    InUse,
    /// The device is paused. Call [`crate::Device::resume`] first.
    #[error("use a device that is paused: resume it first")]
    Paused,
    /// The device was closed.
    #[error("use a device that was closed")]
    Closed,
    /// The anchor of the store could not be read, so it cannot be told whether this store is a copy. On a phone that was
    /// not unlocked since it started, try again when it is.
    #[error("tell whether this store is a copy: the anchor cannot be read")]
    Anchor(#[from] AnchorError),
    /// SQLite failed.
    #[error("use the store")]
    Storage(#[source] rusqlite::Error),
    /// Something stored does not read back as what was stored.
    #[error("understand what the store holds")]
    Content(#[from] DecodeError),
    /// A file could not be read or written.
    #[error("use a file of the device")]
    File(#[source] std::io::Error),
    /// The office sent something that cannot be read.
    #[error("understand the office")]
    Answer(#[from] UnpackError),
    /// A defect of the engine or the office. Its code helps support.
    #[error("go on: defect {0}")]
    Defect(&'static str),
}

impl Error {
    /// Stable code for apps, logs and support.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused { code, .. } => {
                Code::ALL.iter().find(|known| *known == code).map_or("refused", |known| known.name())
            }
            Self::Invalid(invalid) => invalid.code(),
            Self::ProposalNeedsOrder => "proposal_needs_order",
            Self::NotFound => "not_found",
            Self::NoConflict => "no_conflict",
            Self::NotReady { missing } => missing.code(),
            Self::DocumentOutdated => "document_outdated",
            Self::BadMark => "bad_mark",
            Self::SignedOut => "signed_out",
            Self::BadCode => "bad_code",
            Self::BadLink => "bad_link",
            Self::Untrusted => "untrusted",
            Self::OtherOwner => "other_owner",
            Self::Offline { .. } => "offline",
            Self::Outdated => "outdated",
            Self::Cancelled => "cancelled",
            Self::Busy => "busy",
            Self::BadAddress => "bad_address",
            Self::FileTooLarge => "file_too_large",
            Self::NothingToCarry => "nothing_to_carry",
            Self::NoOfficeKey => "no_office_key",
            Self::TooManyBundles => "too_many_bundles",
            Self::Bundle(error) => Verdict::from(*error).name(),
            Self::FileDamaged => "file_damaged",
            Self::StorageFull => "storage_full",
            Self::StorageDamaged { .. } => "storage_damaged",
            Self::StorageNewer { .. } => "storage_newer",
            Self::StorageEngine(_) => "storage_engine",
            Self::StillHolds { .. } => "still_holds",
            Self::KeyLost { .. } => "key_lost",
            Self::WrongKey { .. } => "wrong_key",
            Self::KeyUnavailable(_) => "key_unavailable",
            Self::NotEncrypted => "not_encrypted",
            Self::CannotEncrypt => "cannot_encrypt",
            Self::Wiped => "wiped",
            Self::InUse => "in_use",
            Self::Paused => "paused",
            Self::Closed => "closed",
            Self::Anchor(_) => "anchor",
            Self::Storage(_) => "storage",
            Self::Content(_) => "content",
            Self::File(_) => "file",
            Self::Answer(_) => "answer",
            Self::Defect(code) => code,
        }
    }

    /// Whether the store itself is damaged, so that the next opening must examine it.
    pub(crate) fn is_damage(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        let is_corrupt =
            |error: &rusqlite::Error| matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase));
        matches!(self, Self::Storage(error) if is_corrupt(error))
    }

    /// Whether what is stored was not understood: damage in a place where SQLite does not look, or a defect.
    pub(crate) fn is_misunderstood(&self) -> bool {
        use rusqlite::Error::{
            FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, SqlInputError, SqliteFailure,
        };
        match self {
            Self::Content(_) => true,
            Self::Storage(SqliteFailure(error, _) | SqlInputError { error, .. }) => {
                error.extended_code == rusqlite::ffi::SQLITE_ERROR
            }
            Self::Storage(error) => {
                matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..))
            }
            _ => false,
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::StorageFull,
            _ => Self::Storage(error),
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::StorageFull,
            _ => Self::File(error),
        }
    }
}
