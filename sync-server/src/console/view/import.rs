//! Import of work orders from a file: upload, preview, confirm, result.

use askama::Template;

use super::frame::Frame;

/// The first step: choosing a file.
#[derive(Debug, Template)]
#[template(path = "import.html")]
pub(crate) struct Upload {
    pub(crate) frame: Frame,
    pub(crate) bytes_max: String,
}

/// The second step: what would be imported. Nothing has been written yet.
#[derive(Debug, Template)]
#[template(path = "import_preview.html")]
pub(crate) struct Preview {
    pub(crate) frame: Frame,
    /// Where confirming posts.
    pub(crate) action: String,
    pub(crate) file: String,
    /// What was found out about the file: separator, encoding, order of dates.
    pub(crate) findings: Vec<String>,
    pub(crate) usable: String,
    /// Rows that an earlier import of the same file made.
    pub(crate) before: String,
    pub(crate) unusable: String,
    pub(crate) columns: Vec<MappedColumn>,
    pub(crate) headings: Vec<String>,
    pub(crate) rows: Vec<PreviewRow>,
    pub(crate) faults: Vec<Fault>,
    /// How many faults there are beyond those listed.
    pub(crate) more_faults: usize,
    pub(crate) can_confirm: bool,
}

/// A column of the file and what it was taken for.
#[derive(Debug, Clone)]
pub(crate) struct MappedColumn {
    pub(crate) heading: String,
    /// Empty when the column is kept under its own name.
    pub(crate) field: String,
    pub(crate) filled: String,
    pub(crate) sample: String,
}

/// One row of the preview, already in the order of the headings.
#[derive(Debug, Clone)]
pub(crate) struct PreviewRow {
    pub(crate) line: String,
    pub(crate) cells: Vec<String>,
}

/// A row that cannot be used.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) line: String,
    pub(crate) reason: String,
    pub(crate) text: String,
}

/// The last step: what was imported.
#[derive(Debug, Template)]
#[template(path = "import_result.html")]
pub(crate) struct Imported {
    pub(crate) frame: Frame,
    pub(crate) file: String,
    pub(crate) figures: Vec<Figure>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) more_faults: usize,
    pub(crate) took: String,
}

/// A number and what it counts.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) number: String,
    pub(crate) label: &'static str,
}
