//! Reads work orders out of a file somebody already has: a table saved as CSV by a spreadsheet, a maintenance system or
//! a person.
//!
//! Promises: every row of the file is accounted for ([`Import::rows`] = orders + rejected + blank), each rejected row
//! with the line it starts on and what to do about it; rows that look alike stay separate orders; bytes of any kind give
//! an [`Import`] or an [`ImportError`], never a panic; money is read without floats. It knows no store: what the office
//! does with the orders is decided elsewhere.
//!
//! The way of a row: [`text`] turns bytes into characters, [`table`] into cells with line numbers, [`mapping`] says
//! which column means what, [`day`] and [`amount`] read the two kinds of cell that people write in many ways,
//! [`order`] puts an order together or says why not, [`preview`] is what a person sees before agreeing.

mod amount;
mod day;
pub mod load;
mod mapping;
mod order;
mod preview;
mod reject;
mod table;
mod text;
mod warning;

use std::collections::BTreeMap;

use serde::Serialize;

pub use self::mapping::{Column, Field};
pub use self::preview::Preview;
pub use self::reject::{RejectReason, RejectedRow};
pub use self::text::Encoding;
pub use self::warning::Warning;
pub use fieldsync_protocol::amount::minor_digits;

/// Largest file that is read, bytes: a hundred thousand orders with long texts. The whole file is held in memory.
pub const FILE_BYTES_MAX: usize = 16_777_216;
/// Most rows of one file: bounds what a file of nothing but separators can make of its bytes in memory.
pub const ROWS_MAX: usize = 500_000;
/// Most cells of one file, for the same reason.
pub const CELLS_MAX: usize = 8_000_000;
/// Most columns of one file: real tables have tens.
pub const COLUMNS_MAX: usize = 512;
/// Longest cell, characters: a page of prose. A longer one is a broken file more often than a long story.
pub const CELL_CHARS_MAX: usize = 8_000;

/// What the file itself does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportOptions {
    /// ISO 4217 code of amounts without a currency of their own.
    pub currency: String,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self { currency: "AUD".to_owned() }
    }
}

/// One work order as the file tells it. Cells are trimmed; `NA`, `N/A`, `#N/A` and `NULL` are no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportedOrder {
    /// The physical line the row starts on; the first line of the file is 1.
    pub line: u64,
    /// Start of the day in UTC; absent where the file has none or a filler such as 1900-01-01.
    pub date_ms: Option<i64>,
    /// The machine, by the name or number the file uses.
    pub asset: Option<String>,
    /// What is wrong or to be done. Never empty.
    pub text: String,
    /// The file's own word for the sort of order, e.g. `PM01`.
    pub order_type: Option<String>,
    /// Cost in minor units of `currency`; zero and negative amounts are real.
    pub cost_minor: Option<i64>,
    /// ISO 4217 code of the cost.
    pub currency: String,
    /// Who ordered it.
    pub customer: Option<String>,
    /// Where the machine stands.
    pub site: Option<String>,
    /// The file's own word for how urgent it is.
    pub priority: Option<String>,
    /// The order's number in the system the file came from. Not necessarily unique.
    pub number: Option<String>,
    /// What the file says about warranty.
    pub warranty_note: Option<String>,
    /// Every other non-empty cell, by column name.
    pub extra: BTreeMap<String, String>,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Import {
    /// How the bytes were read.
    pub encoding: Encoding,
    /// What stands between cells: comma, semicolon or tab.
    pub separator: char,
    /// The columns in the file's order and what each was taken for.
    pub columns: Vec<Column>,
    /// Usable rows in the file's order.
    pub orders: Vec<ImportedOrder>,
    /// Unusable rows in the file's order.
    pub rejected: Vec<RejectedRow>,
    /// Rows without any content, wherever they stand.
    pub blank: u64,
    /// Rows of the file, the header excluded: `orders` + `rejected` + `blank`.
    pub rows: u64,
    /// What was assumed or repaired on the way.
    pub warnings: Vec<Warning>,
}

impl Import {
    /// Returns what a person needs to see before agreeing: columns, the first rows, counts, rejected rows, warnings.
    pub fn preview(&self) -> Preview {
        Preview::of(self)
    }
}

/// Why a file cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The file holds nothing but blank lines.
    #[error("find anything in the file: it is empty")]
    Empty,
    /// The file is larger than [`FILE_BYTES_MAX`].
    #[error("read a file of {bytes} bytes: the most is {FILE_BYTES_MAX}; split it and import the pieces")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The file has more rows than [`ROWS_MAX`] or more cells than [`CELLS_MAX`].
    #[error("read a file of more than {ROWS_MAX} rows or {CELLS_MAX} cells; split it and import the pieces")]
    TooManyRows,
    /// The file has more columns than [`COLUMNS_MAX`].
    #[error("read a table of more than {COLUMNS_MAX} columns")]
    TooManyColumns,
    /// No column is known to hold the text of an order.
    #[error(
        "find the column with the text of the order. The first row must name the columns, for example date, asset, \
         text, type, cost, customer, site, priority, number; found: {}",
        found.join(", ")
    )]
    NoTextColumn {
        /// The names the first row gives, shortened.
        found: Vec<String>,
    },
}

impl ImportError {
    /// The stable name of the reason, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty_file",
            Self::TooLarge { .. } => "file_too_large",
            Self::TooManyRows => "too_many_rows",
            Self::TooManyColumns => "too_many_columns",
            Self::NoTextColumn { .. } => "no_text_column",
        }
    }
}

/// Reads a whole file. The same bytes and options always give the same result.
///
/// # Errors
///
/// [`ImportError`] when nothing in the file can be used; a single bad row is never an error.
pub fn read(bytes: &[u8], options: &ImportOptions) -> Result<Import, ImportError> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(ImportError::TooLarge { bytes: bytes.len() });
    }
    let decoded = text::decode(bytes);
    let table = table::split(&decoded.text)?;
    order::assemble(decoded.encoding, table, options)
}

#[cfg(test)]
mod tests;
