//! Why a row could not become an order, in words for the person who can put it right.

use serde::Serialize;

use super::CELL_CHARS_MAX;

/// One row that did not become an order. It is in the file still; nothing of it was stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectedRow {
    /// The physical line the row starts on; the first line of the file is 1.
    pub line: u64,
    /// The stable name of the reason, for programs.
    pub code: &'static str,
    /// What is wrong and what to do, as a sentence.
    pub reason: String,
    /// How the row begins in the file, at most 120 characters.
    pub raw: String,
}

/// What is wrong with a row. `Display` says it as a sentence that ends in what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RejectReason {
    /// Cells stand one column beside their own.
    #[error(
        "The columns of this row are shifted: `{value}` stands under {found_under} but belongs under {belongs_under}. \
         Usually a separator inside a text was not in quotes; put the text in quotes and import the row again."
    )]
    Shifted {
        /// The cell that gave it away, shortened.
        value: String,
        /// The column it stands in.
        found_under: String,
        /// The column it belongs to.
        belongs_under: String,
    },
    /// The row has more cells than the header names.
    #[error(
        "This row has {cells} cells but the header names {columns}. Usually a separator inside a text was not in \
         quotes; put the text in quotes and import the row again."
    )]
    TooManyCells {
        /// Cells in the row.
        cells: usize,
        /// Columns in the header.
        columns: usize,
    },
    /// A quote opens a cell and nothing closes it.
    #[error("A quote opens a cell in this row and is never closed. Close or remove it and import the row again.")]
    OpenQuote,
    /// The order says nothing.
    #[error("The row has no text in {column}. Say what is wrong or to be done and import the row again.")]
    NoText {
        /// The text column.
        column: String,
    },
    /// The date is none.
    #[error("`{value}` in {column} is not a date that can be read. Write it as 2024-12-31 and import the row again.")]
    BadDate {
        /// The cell, shortened.
        value: String,
        /// The date column.
        column: String,
    },
    /// The date reads two ways and the rest of the file uses both.
    #[error(
        "`{value}` in {column} may be day-month or month-day, and the file uses both. Write it as 2024-12-31 and \
         import the row again."
    )]
    AmbiguousDate {
        /// The cell, shortened.
        value: String,
        /// The date column.
        column: String,
    },
    /// The cost is no amount of money.
    #[error("`{value}` in {column} is not an amount of money. Write it as 1234.50 and import the row again.")]
    BadCost {
        /// The cell, shortened.
        value: String,
        /// The cost column.
        column: String,
    },
    /// The cost reads two ways and the rest of the file uses both.
    #[error(
        "`{value}` in {column} may mean thousands or decimals, and the file uses both. Write it as 1234.50 and import \
         the row again."
    )]
    AmbiguousCost {
        /// The cell, shortened.
        value: String,
        /// The cost column.
        column: String,
    },
    /// The cost names another currency than the file.
    #[error(
        "`{value}` in {column} is in another currency than the file, which is in {currency}. Import rows of another \
         currency from a file of their own."
    )]
    OtherCurrency {
        /// The cell, shortened.
        value: String,
        /// The cost column.
        column: String,
        /// The file's currency.
        currency: String,
    },
    /// A column of numbers holds something else: what belongs in it stands elsewhere.
    #[error(
        "`{value}` stands under {column}, which holds numbers only. Part of a text has probably slipped into the \
         wrong column; correct the row and import it again."
    )]
    NotANumber {
        /// The cell, shortened.
        value: String,
        /// The column.
        column: String,
    },
    /// A cell is longer than anybody writes.
    #[error(
        "The cell under {column} is longer than {CELL_CHARS_MAX} characters. Shorten it, or look for a quote that is \
         never closed, and import the row again."
    )]
    CellTooLong {
        /// The column.
        column: String,
    },
}

impl RejectReason {
    /// The stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Shifted { .. } => "shifted_columns",
            Self::TooManyCells { .. } => "too_many_cells",
            Self::OpenQuote => "open_quote",
            Self::NoText { .. } => "no_text",
            Self::BadDate { .. } => "bad_date",
            Self::AmbiguousDate { .. } => "ambiguous_date",
            Self::BadCost { .. } => "bad_cost",
            Self::AmbiguousCost { .. } => "ambiguous_cost",
            Self::OtherCurrency { .. } => "other_currency",
            Self::NotANumber { .. } => "not_a_number",
            Self::CellTooLong { .. } => "cell_too_long",
        }
    }
}

/// The beginning of a cell, short enough to stand in a sentence.
pub(super) fn shortened(cell: &str) -> String {
    const SHOWN_CHARS: usize = 40;
    let mut shown: String = cell.chars().take(SHOWN_CHARS).collect();
    if cell.chars().nth(SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    shown
}
