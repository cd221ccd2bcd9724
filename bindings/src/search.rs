//! What a search finds on this phone: jobs and entries of the directory, with the reason.

use crate::device::Device;
use crate::directory::DirectoryEntry;
use crate::error::FieldsyncError;
use crate::jobs::{JobSummary, all};

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Found {
    /// Jobs, best first.
    pub jobs: Vec<Hit>,
    /// Customers, contacts, sites, assets, parts and technicians, best first.
    pub directory: Vec<DirectoryEntry>,
    /// Words that occur nowhere, and what was looked for instead.
    pub corrections: Vec<Correction>,
}

/// A job that was found, and why.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Hit {
    /// The job.
    pub job: JobSummary,
    /// Where the words stand: `number`, `customer`, `site`, `asset`, `problem`, `instructions`, `report`, `parts` or
    /// `notes`.
    pub place: String,
    /// The text around them.
    pub snippet: Vec<SnippetPart>,
}

/// A piece of a snippet; all pieces in order are the text.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SnippetPart {
    /// What stands there.
    pub text: String,
    /// Whether it is one of the words looked for.
    pub is_match: bool,
}

/// A word taken for a misspelt one.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Correction {
    /// As typed.
    pub typed: String,
    /// What was looked for instead, nearest first.
    pub taken: Vec<String>,
}

#[uniffi::export]
impl Device {
    /// What `query` finds, at most `limit` jobs and as many entries of the directory. Nothing for a query without a letter
    /// or digit.
    ///
    /// # Errors
    /// `Reopen` after `shutdown`, `Defect` when the store cannot be read.
    pub fn search(&self, query: String, limit: u32) -> Result<Found, FieldsyncError> {
        self.call(|engine| {
            let found = engine.search(&query, limit)?;
            let hit = |hit: fieldsync::search::Hit| Hit {
                job: hit.job.into(),
                place: hit.place.to_owned(),
                snippet: hit
                    .snippet
                    .into_iter()
                    .map(|part| SnippetPart { text: part.text, is_match: part.is_match })
                    .collect(),
            };
            Ok(Found {
                jobs: found.jobs.into_iter().map(hit).collect(),
                directory: all(found.directory),
                corrections: found
                    .corrections
                    .into_iter()
                    .map(|word| Correction { typed: word.typed, taken: word.taken })
                    .collect(),
            })
        })
    }
}
