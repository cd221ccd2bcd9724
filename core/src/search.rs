//! Finds jobs by any word that is said in them: in Chinese, abbreviated, half typed or misspelt.
//!
//! What a word is, and which words mean the same, is decided in [`fieldsync_protocol::search`], alike on the phone and
//! at the office. Here words are looked up: all of them must occur; a word that occurs nowhere is taken for a misspelt
//! one and replaced by the nearest that do.

mod snippet;

use fieldsync_protocol::search::{closest, match_expression};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

use crate::device::Device;
use crate::error::Error;
use crate::projection::SAID_COLUMNS;
use crate::read::{DirectoryEntry, DirectoryFilter, JobSummary, bounded, directory_entries, summary_of};

pub use snippet::SnippetPart;

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Jobs, best first.
    pub jobs: Vec<Hit>,
    /// Customers, contacts, sites, assets, parts and technicians, best first.
    pub directory: Vec<DirectoryEntry>,
    /// Words that occur nowhere, and what was looked for instead.
    pub corrections: Vec<Correction>,
}

/// A job that was found, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// The job.
    pub job: JobSummary,
    /// Where the words stand: `number`, `customer`, `site`, `asset`, `problem`, `instructions`, `report`, `parts` or
    /// `notes`.
    pub place: &'static str,
    /// The text around them.
    pub snippet: Vec<SnippetPart>,
}

/// A word taken for a misspelt one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Correction {
    /// As typed.
    pub typed: String,
    /// What was looked for instead, nearest first.
    pub taken: Vec<String>,
}

impl Device {
    /// Returns what `query` finds, at most `limit` jobs and as many entries of the directory.
    ///
    /// Nothing for a query without a letter or digit.
    ///
    /// # Errors
    /// As for every read, when the store cannot be used.
    pub fn search(&self, query: &str, limit: u32) -> Result<Found, Error> {
        self.read(|conn| find(conn, query, limit))
    }
}

/// One searchable set of texts: the index and the table of its terms.
pub(crate) struct Index {
    probe: &'static str,
    terms: &'static str,
}

/// What is said in jobs.
pub(crate) const JOBS: Index = Index {
    probe: "select 1 from job_text where job_text match ?1 limit 1",
    terms: "select term from job_term where length(term) between ?1 and ?2 order by doc desc limit ?3",
};
/// Names and numbers of the directory.
pub(crate) const DIRECTORY: Index = Index {
    probe: "select 1 from directory_text where directory_text match ?1 limit 1",
    terms: "select term from directory_term where length(term) between ?1 and ?2 order by doc desc limit ?3",
};

/// Words of a query that are looked at one by one; a person types fewer.
const WORDS_MAX: usize = 24;
/// Terms compared with a misspelt word, most frequent first: what a phone compares within a few milliseconds.
const TERMS_MAX: i64 = 50_000;
/// Nearest terms taken for a misspelt word.
const NEAREST_MAX: usize = 4;
/// Letters a misspelt word may be shorter or longer than what was meant.
const SLIPS_MAX: i64 = 2;

/// A query brought into the form the index understands.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The FTS5 expression.
    pub(crate) expression: String,
    /// Words that were replaced.
    pub(crate) corrections: Vec<Correction>,
}

impl Wanted {
    /// Understands `query`; `None` when it says nothing, or has a word that neither occurs nor resembles one.
    pub(crate) fn understand(conn: &Connection, index: &Index, query: &str) -> Result<Option<Wanted>, Error> {
        let Some(expression) = match_expression(query) else { return Ok(None) };
        if occurs(conn, index, &expression)? {
            return Ok(Some(Wanted { expression, corrections: Vec::new() }));
        }
        let (mut parts, mut corrections) = (Vec::new(), Vec::new());
        for word in query.split_whitespace().take(WORDS_MAX) {
            let Some(expression) = match_expression(word) else { continue };
            if occurs(conn, index, &expression)? {
                parts.push(expression);
                continue;
            }
            let taken = nearest(conn, index, word)?;
            if taken.is_empty() {
                return Ok(None);
            }
            let alternatives: Vec<String> = taken.iter().map(|term| format!("\"{term}\"")).collect();
            parts.push(format!("({})", alternatives.join(" OR ")));
            corrections.push(Correction { typed: word.to_owned(), taken });
        }
        if corrections.is_empty() {
            // Every word occurs, only not together: there is nothing to correct and nothing to find.
            return Ok(None);
        }
        Ok(Some(Wanted { expression: parts.join(" AND "), corrections }))
    }

    /// The query as it was understood, for showing where it matched.
    fn words(&self, query: &str) -> String {
        let mut words = query.to_owned();
        for correction in &self.corrections {
            words.push(' ');
            words.push_str(&correction.taken.join(" "));
        }
        words
    }
}

fn occurs(conn: &Connection, index: &Index, expression: &str) -> Result<bool, Error> {
    let hit: Option<i64> =
        conn.prepare_cached(index.probe)?.query_row(params![expression], |row| row.get(0)).optional()?;
    Ok(hit.is_some())
}

/// The terms of the index that `word` may have been meant to be.
fn nearest(conn: &Connection, index: &Index, word: &str) -> Result<Vec<String>, Error> {
    let length = i64::try_from(word.chars().count()).unwrap_or(i64::MAX);
    let mut select = conn.prepare_cached(index.terms)?;
    let terms = select
        .query_map(params![length.saturating_sub(SLIPS_MAX), length.saturating_add(SLIPS_MAX), TERMS_MAX], |row| {
            row.get::<_, String>(0)
        })?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(closest(word, terms.iter().map(String::as_str), NEAREST_MAX).into_iter().map(str::to_owned).collect())
}

fn find(conn: &Connection, query: &str, limit: u32) -> Result<Found, Error> {
    let filter = DirectoryFilter { text: query.to_owned(), limit, ..Default::default() };
    let mut found = Found::default();
    if match_expression(query).is_none() {
        return Ok(found);
    }
    found.directory = directory_entries(conn, &filter)?;
    let Some(wanted) = Wanted::understand(conn, &JOBS, query)? else { return Ok(found) };
    let words = wanted.words(query);
    // The weights are in the order of the columns: a number or a customer says more than a note.
    let mut select = conn.prepare_cached(
        "select job_text.rowid, bm25(job_text, 10.0, 5.0, 3.0, 5.0, 5.0, 2.0, 3.0, 3.0, 1.0) as score
         from job_text where job_text match ?1 order by score, job_text.rowid limit ?2",
    )?;
    let places = select
        .query_map(params![wanted.expression, bounded(limit)], |row| row.get::<_, i64>(0))?
        .collect::<Result<Vec<_>, _>>()?;
    for place in places {
        let Some(job) = summary_of(conn, place)? else { continue };
        let (at, snippet) = snippet::best(&said(conn, place)?, &words);
        found.jobs.push(Hit { job, place: SAID_COLUMNS[at], snippet });
    }
    found.corrections = wanted.corrections;
    Ok(found)
}

/// What is said in the job at `place`, in the order of [`SAID_COLUMNS`].
fn said(conn: &Connection, place: i64) -> Result<Vec<String>, Error> {
    let mut select = conn.prepare_cached(
        "select number, customer, site, asset, problem, instructions, report, parts, notes
         from job_said where place = ?1",
    )?;
    let texts = select.query_row(params![place], |row| (0..SAID_COLUMNS.len()).map(|column| row.get(column)).collect());
    Ok(texts?)
}

#[cfg(test)]
mod tests;
