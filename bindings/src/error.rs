//! Why a call did nothing, named by what the app should do about it.

use fieldsync::Error;

/// Why a call did nothing, named by what the app should do about it. Whatever a failed call was to store is not stored,
/// as a whole.
///
/// `code` is stable: an app that has words of its own looks them up by it. `reason` is a sentence in English that may be
/// shown as it is. Neither holds anything personal, no address and no content, so both may be logged.
///
/// Refusals by the office and conflicts are no errors: they are data, in the receipt of a sync, the drawer and the list
/// of conflicts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
pub enum FieldsyncError {
    /// The entry does not fit: show the reason at the field and let the person mend it. Codes: `missing_field`,
    /// `wrong_type`, `too_long`, `unknown_word`, `bad_code`, `bad_link`, `bad_address`, `bad_mark`, `bad_token`,
    /// `file_too_large` and others.
    #[error("{reason}")]
    FixEntry {
        /// Stable code.
        code: String,
        /// What to show.
        reason: String,
        /// Name of the field, where it is one field.
        field: Option<String>,
    },
    /// It cannot be done now, or not by this person: show the reason and the remedy. Codes: `not_found`, `missing_report`,
    /// `missing_photo`, `document_outdated`, `no_conflict`, `other_owner`, `untrusted`, and those of the rights matrix, as
    /// `office_owned` or `order_closed`.
    #[error("{reason}")]
    NotNow {
        /// Stable code.
        code: String,
        /// What to show.
        reason: String,
        /// What helps, where something does.
        remedy: Option<String>,
    },
    /// The device is not enrolled, or no longer: show the enrolment. Code `wiped`: the office had it wiped, after it handed
    /// over what only it had; open with `start_over` and enrol with a new code.
    #[error("{reason}")]
    SignIn {
        /// Stable code.
        code: String,
        /// What to show.
        reason: String,
    },
    /// The office was not reached, another sync is under way, another process has the store open, or the anchor cannot be
    /// read before the phone is unlocked: try again later. What was entered is safe.
    #[error("{reason}")]
    TryLater {
        /// Stable code: `offline`, `busy`, `in_use`, `anchor`, `key_unavailable`, `file_damaged`.
        code: String,
        /// What to show.
        reason: String,
        /// When, milliseconds from now, if the office said.
        retry_after_ms: Option<i64>,
    },
    /// The office or the store needs a newer app: offer the update. What was entered is safe.
    #[error("{reason}")]
    UpdateApp {
        /// Stable code.
        code: String,
        /// What to show.
        reason: String,
    },
    /// The phone's storage is full: ask the person to free space, then do it again. What was stored before is safe.
    #[error("{reason}")]
    FreeSpace {
        /// Stable code.
        code: String,
        /// What to show.
        reason: String,
    },
    /// The store is damaged and was set aside, or its key is lost or wrong (`key_lost`, `wrong_key`); nothing was deleted.
    /// Tell the person; open with `start_over` after that.
    #[error("{reason}")]
    StorageDamaged {
        /// Stable code.
        code: String,
        /// What to show.
        reason: String,
        /// Where the damaged file is kept, for support.
        kept_at: Option<String>,
    },
    /// The device was shut down or is paused: open it, or call `resume`, and do it again.
    #[error("{reason}")]
    Reopen {
        /// Stable code: `closed` or `paused`.
        code: String,
        /// What to show.
        reason: String,
    },
    /// The caller cancelled. What was done until then is kept.
    #[error("{reason}")]
    Cancelled {
        /// Stable code.
        code: String,
        /// What to show.
        reason: String,
    },
    /// A defect, of the engine, the office or the disk. Show the reason and offer to send the diagnostics; the app goes on.
    #[error("{reason}")]
    Defect {
        /// Stable code, for support.
        code: String,
        /// What to show.
        reason: String,
    },
}

impl FieldsyncError {
    pub(crate) fn defect(code: &str) -> Self {
        Self::Defect { code: code.to_owned(), reason: format!("Something went wrong inside the app ({code}).") }
    }

    pub(crate) fn fix(code: &str, reason: &str) -> Self {
        Self::FixEntry { code: code.to_owned(), reason: reason.to_owned(), field: None }
    }

    pub(crate) fn closed() -> Self {
        Error::Closed.into()
    }
}

/// The fragment after "failed to", as a sentence.
fn sentence(fragment: &dyn std::fmt::Display) -> String {
    format!("Failed to {fragment}.")
}

impl From<Error> for FieldsyncError {
    fn from(error: Error) -> Self {
        let code = error.code().to_owned();
        let reason = sentence(&error);
        match error {
            Error::Invalid(invalid) => {
                use fieldsync::protocol::kinds::Invalid;
                let field = match invalid {
                    Invalid::Missing(field)
                    | Invalid::Type(field)
                    | Invalid::TooLong(field)
                    | Invalid::Choice(field) => Some(field.to_owned()),
                    _ => None,
                };
                Self::FixEntry { code, reason: sentence(&invalid), field }
            }
            Error::BadCode
            | Error::BadLink
            | Error::BadAddress
            | Error::BadMark
            | Error::FileTooLarge
            | Error::Bundle(_) => Self::FixEntry { code, reason, field: None },
            Error::Refused { code: why, .. } => Self::NotNow { code, reason, remedy: Some(why.remedy().to_owned()) },
            Error::ProposalNeedsOrder
            | Error::NotFound
            | Error::NoConflict
            | Error::NotReady { .. }
            | Error::DocumentOutdated
            | Error::Untrusted
            | Error::OtherOwner
            | Error::StillHolds { .. }
            | Error::NotEncrypted
            | Error::NothingToCarry
            | Error::NoOfficeKey
            | Error::TooManyBundles
            | Error::CannotEncrypt => Self::NotNow { code, reason, remedy: None },
            Error::SignedOut | Error::Wiped => Self::SignIn { code, reason },
            Error::Offline { retry_after_ms } => {
                Self::TryLater { code, reason, retry_after_ms: retry_after_ms.and_then(|ms| i64::try_from(ms).ok()) }
            }
            Error::Busy | Error::FileDamaged | Error::InUse | Error::Anchor(_) | Error::KeyUnavailable(_) => {
                Self::TryLater { code, reason, retry_after_ms: None }
            }
            Error::Outdated | Error::StorageNewer { .. } => Self::UpdateApp { code, reason },
            Error::StorageFull => Self::FreeSpace { code, reason },
            Error::StorageDamaged { kept_at } => Self::StorageDamaged {
                code,
                reason: "Failed to read the store. It was set aside, nothing was deleted.".to_owned(),
                kept_at: Some(kept_at.display().to_string()),
            },
            Error::KeyLost { .. } | Error::WrongKey { .. } => Self::StorageDamaged { code, reason, kept_at: None },
            Error::Closed | Error::Paused => Self::Reopen { code, reason },
            Error::Cancelled => Self::Cancelled { code, reason },
            _ => Self::Defect { code, reason },
        }
    }
}

/// Why a callback of the app failed. Whatever it throws ends with the call: the engine logs that a callback failed, never
/// with what text, and goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum CallbackError {
    /// It could not do its part.
    #[error("serve the engine")]
    Failed {
        /// Why, for the app's own log.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for CallbackError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        // The text is a whole stack trace in Kotlin and may hold anything.
        Self::Failed { reason: "unexpected".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use fieldsync::protocol::kinds::Invalid;

    use super::*;

    #[test]
    fn an_error_says_what_to_do_and_at_which_field() {
        let error = FieldsyncError::from(Error::Invalid(Invalid::TooLong("cause")));
        let FieldsyncError::FixEntry { code, reason, field } = &error else { panic!("{error:?}") };
        assert_eq!((code.as_str(), field.as_deref()), ("too_long", Some("cause")));
        assert_eq!(reason, "Failed to accept the entry: field cause is too long.");
        assert_eq!(error.to_string(), *reason);
    }

    #[test]
    fn the_place_of_a_damaged_store_is_kept_out_of_the_text() {
        let error = FieldsyncError::from(Error::StorageDamaged { kept_at: "/home/anna/store.damaged".into() });
        assert!(!error.to_string().contains("anna"), "{error}");
        assert!(matches!(error, FieldsyncError::StorageDamaged { kept_at: Some(_), .. }));
    }
}
