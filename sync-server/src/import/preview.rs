//! What a person sees of a file before agreeing to import it.

use serde::Serialize;

use super::{Column, Encoding, Import, ImportedOrder, RejectedRow, Warning};

/// Orders shown.
const ORDERS_SHOWN: usize = 20;
/// Rejected rows shown: more than anybody corrects by hand. The count is always complete.
const REJECTED_SHOWN: usize = 200;

/// A file at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// How the bytes were read.
    pub encoding: Encoding,
    /// What stands between cells.
    pub separator: char,
    /// The columns in the file's order and what each was taken for.
    pub columns: Vec<Column>,
    /// The first 20 usable rows.
    pub orders: Vec<ImportedOrder>,
    /// The first 200 unusable rows.
    pub rejected: Vec<RejectedRow>,
    /// Rows of the file, the header excluded: the sum of the three counts that follow.
    pub rows: u64,
    /// Rows that will become orders.
    pub order_count: u64,
    /// Rows that will not.
    pub rejected_count: u64,
    /// Rows without any content.
    pub blank_count: u64,
    /// What was assumed or repaired on the way.
    pub warnings: Vec<Warning>,
}

impl Preview {
    pub(super) fn of(import: &Import) -> Self {
        let order_count = u64::try_from(import.orders.len()).unwrap_or(u64::MAX);
        Self {
            encoding: import.encoding,
            separator: import.separator,
            columns: import.columns.clone(),
            orders: import.orders.iter().take(ORDERS_SHOWN).cloned().collect(),
            rejected: import.rejected.iter().take(REJECTED_SHOWN).cloned().collect(),
            rows: import.rows,
            order_count,
            rejected_count: u64::try_from(import.rejected.len()).unwrap_or(u64::MAX),
            blank_count: import.blank,
            warnings: import.warnings.clone(),
        }
    }
}
