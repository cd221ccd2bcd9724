//! Why a command did nothing, in words and as an exit status.

use std::fmt;

use fieldsync::Error;
use serde_json::{Value, json};

/// Why a command did nothing.
pub(crate) enum Failure {
    /// What was asked for makes no sense here.
    Usage(String),
    /// The engine says no.
    Engine(Error),
    /// A file could not be read.
    File(String, std::io::Error),
}

impl Failure {
    /// The exit status: 2 wrong usage, 3 the office was not reached, 4 refused, 5 the store is damaged, 1 anything else.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::File(..) => 2,
            Self::Engine(error) => match error {
                Error::NotFound | Error::BadMark | Error::BadAddress | Error::BadLink | Error::NoConflict => 2,
                Error::Offline { .. } | Error::Cancelled | Error::Busy => 3,
                Error::Refused { .. }
                | Error::Invalid(_)
                | Error::NotReady { .. }
                | Error::DocumentOutdated
                | Error::ProposalNeedsOrder
                | Error::SignedOut
                | Error::BadCode
                | Error::Untrusted
                | Error::OtherOwner
                | Error::Outdated
                | Error::FileTooLarge => 4,
                Error::StorageDamaged { .. } | Error::StorageNewer { .. } | Error::Storage(_) | Error::Content(_) => 5,
                _ => 1,
            },
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::File(..) => "file",
            Self::Engine(error) => error.code(),
        }
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> Value {
        json!({ "error": { "code": self.code(), "text": self.to_string(), "remedy": self.remedy() } })
    }

    fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Engine(Error::Refused { code, .. }) => Some(code.remedy()),
            Self::Engine(Error::SignedOut) => Some("enrol this device with a code from the office"),
            Self::Engine(Error::StorageDamaged { .. }) => Some("open once more with --start-over to begin a new store"),
            Self::Engine(Error::DocumentOutdated) => Some("freeze and sign again"),
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) => f.write_str(text)?,
            Self::File(path, error) => write!(f, "failed to read {path}: {error}")?,
            Self::Engine(error) => {
                write!(f, "failed to {error}")?;
                let mut source = std::error::Error::source(error);
                while let Some(cause) = source {
                    write!(f, ": {cause}")?;
                    source = cause.source();
                }
            }
        }
        match self.remedy() {
            Some(remedy) => write!(f, " ({remedy})"),
            None => Ok(()),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}
