//! Things a person should know about an import that are no reason to refuse a row.

use serde::Serialize;

/// One kind of remark about a file, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The stable name of the remark, for programs.
    pub code: &'static str,
    /// The line it was first seen on; absent when it concerns the file as a whole.
    pub first_line: Option<u64>,
    /// How many rows or cells it concerns.
    pub count: u64,
    /// What it means, as a sentence.
    pub text: &'static str,
}

/// Counts remarks; keeps the first line of each and the order in which they came up.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    list: Vec<Warning>,
}

impl Warnings {
    /// Remarks on one row or cell.
    pub(super) fn on_line(&mut self, line: u64, code: &'static str, text: &'static str) {
        self.add(Some(line), code, text);
    }

    /// Remarks on the file.
    pub(super) fn on_file(&mut self, code: &'static str, text: &'static str) {
        self.add(None, code, text);
    }

    /// What was remarked, in order of first appearance.
    pub(super) fn into_list(self) -> Vec<Warning> {
        self.list
    }

    fn add(&mut self, first_line: Option<u64>, code: &'static str, text: &'static str) {
        match self.list.iter_mut().find(|warning| warning.code == code) {
            Some(known) => known.count += 1,
            None => self.list.push(Warning { code, first_line, count: 1, text }),
        }
    }
}
