//! Puts rows together as orders, or says why not.
//!
//! The file is read twice: once to see what its dates, amounts and types look like as a whole, once row by row under
//! what was seen. A row is judged alone otherwise: looking like another one is no reason to drop it.

use std::collections::{BTreeMap, BTreeSet};

use fieldsync_protocol::amount::minor_digits;

use super::amount::{self, AmountEvidence, AmountReading, DecimalMark};
use super::day::{self, DayEvidence, DayOrder, DayReading};
use super::mapping::{self, Column, Field, Mapping};
use super::reject::{RejectReason, RejectedRow, shortened};
use super::table::{Row, Table};
use super::text::{self, Encoding};
use super::warning::Warnings;
use super::{CELL_CHARS_MAX, Import, ImportError, ImportOptions, ImportedOrder};

/// Cells that mean "no value".
const NO_VALUE: [&str; 4] = ["NA", "N/A", "#N/A", "NULL"];

/// Turns a table into orders and rejected rows.
///
/// # Errors
///
/// [`ImportError::NoTextColumn`].
pub(super) fn assemble(encoding: Encoding, mut table: Table, options: &ImportOptions) -> Result<Import, ImportError> {
    let mut warnings = Warnings::default();
    warn_of_encoding(encoding, &mut warnings);
    clean(&mut table, &mut warnings);
    let mapping = Mapping::of(&table.header.cells, columns_of(&table));
    if mapping.column(Field::Text).is_none() {
        return Err(ImportError::NoTextColumn { found: found_names(&table.header.cells) });
    }
    let context = Context::of(&table, &mapping, options);
    context.warn(&mut warnings);

    let mut orders = Vec::new();
    let mut rejected = Vec::new();
    for row in &table.rows {
        match context.order(row, &mut warnings) {
            Ok(order) => orders.push(order),
            Err(reason) => rejected.push(RejectedRow {
                line: row.line,
                code: reason.code(),
                reason: reason.to_string(),
                raw: row.raw.clone(),
            }),
        }
    }
    warn_of_repeated_numbers(&orders, &mut warnings);
    Ok(Import {
        encoding,
        separator: table.separator,
        columns: described(&mapping, &table.rows),
        rows: count(table.rows.len()) + table.blank,
        blank: table.blank,
        orders,
        rejected,
        warnings: warnings.into_list(),
    })
}

/// Repairs, trims and empties cells, in place, before anybody looks at them.
fn clean(table: &mut Table, warnings: &mut Warnings) {
    for row in std::iter::once(&mut table.header).chain(&mut table.rows) {
        for cell in &mut row.cells {
            if let Some(repaired) = text::undo_double_encoding(cell) {
                *cell = repaired;
                warnings.on_line(
                    row.line,
                    "double_encoding_undone",
                    "Letters that had been encoded twice (Ã¤ for ä) were repaired.",
                );
            }
            let trimmed = text::trim(cell);
            if NO_VALUE.contains(&trimmed) {
                cell.clear();
            } else if trimmed.len() != cell.len() {
                *cell = trimmed.to_owned();
            }
        }
    }
    for row in &mut table.rows {
        while row.cells.pop_if(|cell| cell.is_empty()).is_some() {}
    }
}

/// How many columns the table really has: more than the header names only when most rows say so.
fn columns_of(table: &Table) -> usize {
    let named = table.header.cells.len();
    let longer: Vec<usize> = table.rows.iter().map(|row| row.cells.len()).filter(|cells| *cells > named).collect();
    if longer.len() * 2 <= table.rows.len() {
        return named;
    }
    longer.into_iter().max().unwrap_or(named).min(super::COLUMNS_MAX)
}

fn found_names(header: &[String]) -> Vec<String> {
    const NAMES_SHOWN: usize = 20;
    header.iter().take(NAMES_SHOWN).map(|name| shortened(name)).collect()
}

/// What the file as a whole says about its rows.
struct Context<'a> {
    mapping: &'a Mapping,
    currency: String,
    day_order: DayOrder,
    decimal_mark: DecimalMark,
    /// Order types that stand in more than one row: what one of them stands under beside its own column is shifted.
    types: BTreeSet<&'a str>,
    /// How many columns the header names.
    named: usize,
}

impl<'a> Context<'a> {
    fn of(table: &'a Table, mapping: &'a Mapping, options: &ImportOptions) -> Self {
        let cost_name = mapping.column(Field::Cost).and_then(|column| table.header.cells.get(column));
        let currency = cost_name.and_then(|name| amount::currency_named(name)).unwrap_or(&options.currency).to_owned();
        let mut days = DayEvidence::default();
        let mut amounts = AmountEvidence::default();
        let mut type_counts: BTreeMap<&str, u32> = BTreeMap::new();
        for row in table.rows.iter().filter(|row| row.cells.len() <= mapping.names.len() && !row.open_quote) {
            let day = cell_of(row, mapping.column(Field::Date)).map(day::read);
            let cost = cell_of(row, mapping.column(Field::Cost)).map(|cell| amount::read(cell, &currency));
            if let Some(day) = day {
                days.add(day);
            }
            if let Some(cost) = &cost {
                amounts.add(cost);
            }
            // What stands under the type in a row that is wrong elsewhere may have been shifted there.
            let is_whole = day != Some(DayReading::Unreadable) && cost != Some(AmountReading::Unreadable);
            if let Some(cell) = cell_of(row, mapping.column(Field::OrderType)).filter(|_| is_whole) {
                *type_counts.entry(cell).or_default() += 1;
            }
        }
        Self {
            mapping,
            currency,
            day_order: days.order(),
            decimal_mark: amounts.mark(table.separator),
            named: table.header.cells.len(),
            types: type_counts.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name).collect(),
        }
    }

    fn warn(&self, warnings: &mut Warnings) {
        if self.mapping.header_is_short {
            warnings.on_file(
                "header_is_short",
                "The header names fewer columns than the rows have; the others were kept under their number.",
            );
        }
        match self.day_order {
            DayOrder::Unknown => warnings.on_file(
                "day_order_assumed",
                "Nothing in the file shows whether day or month comes first in its dates; the day was taken to come first.",
            ),
            DayOrder::Mixed => warnings.on_file(
                "day_order_mixed",
                "Some dates put the day first and some the month; rows whose date reads both ways were rejected.",
            ),
            DayOrder::DayFirst | DayOrder::MonthFirst => {}
        }
    }

    /// One row as an order.
    fn order(&self, row: &Row, warnings: &mut Warnings) -> Result<ImportedOrder, RejectReason> {
        self.check_shape(row)?;
        let date_ms = self.date_ms(row, warnings)?;
        let cost_minor = self.cost_minor(row, warnings)?;
        let order_text = self
            .value(row, Field::Text)
            .ok_or_else(|| RejectReason::NoText { column: self.column_name(self.mapping.column(Field::Text)) })?;
        if row.cells.iter().any(|cell| cell.contains(char::REPLACEMENT_CHARACTER)) {
            warnings.on_line(
                row.line,
                "unreadable_characters",
                "Some characters could not be read and are shown as \u{fffd}; save the file as UTF-8 if they matter.",
            );
        }
        if row.width < self.named {
            warnings.on_line(
                row.line,
                "row_is_short",
                "Some rows have fewer cells than the header names; what is missing was taken as empty.",
            );
        }
        let (warranty_note, extra) = self.rest(row);
        Ok(ImportedOrder {
            line: row.line,
            date_ms,
            asset: self.name(row, Field::Asset),
            text: order_text.to_owned(),
            order_type: self.name(row, Field::OrderType),
            cost_minor,
            currency: self.currency.clone(),
            customer: self.name(row, Field::Customer),
            site: self.name(row, Field::Site),
            priority: self.name(row, Field::Priority),
            number: self.name(row, Field::Number),
            warranty_note,
            extra,
        })
    }

    /// What can be wrong with a row whatever its cells mean.
    fn check_shape(&self, row: &Row) -> Result<(), RejectReason> {
        if row.open_quote {
            return Err(RejectReason::OpenQuote);
        }
        if row.cells.len() > self.mapping.names.len() {
            return Err(RejectReason::TooManyCells { cells: row.cells.len(), columns: self.mapping.names.len() });
        }
        if let Some(column) = row.cells.iter().position(|cell| cell.chars().nth(CELL_CHARS_MAX).is_some()) {
            return Err(RejectReason::CellTooLong { column: self.column_name(Some(column)) });
        }
        let not_a_number = |column: &&usize| cell_of(row, Some(**column)).is_some_and(|cell| !amount::is_number(cell));
        match self.mapping.numbers.iter().find(not_a_number) {
            Some(column) => Err(self.shift_of(row).unwrap_or_else(|| RejectReason::NotANumber {
                value: shortened(&row.cells[*column]),
                column: self.column_name(Some(*column)),
            })),
            None => Ok(()),
        }
    }

    fn date_ms(&self, row: &Row, warnings: &mut Warnings) -> Result<Option<i64>, RejectReason> {
        let column = self.mapping.column(Field::Date);
        let Some(cell) = cell_of(row, column) else { return Ok(None) };
        let (value, column) = (shortened(cell), self.column_name(column));
        match day::read(cell).settle(self.day_order) {
            day::Settled::Day(day) => Ok(Some(day::start_ms(day))),
            day::Settled::Filler => {
                warnings.on_line(
                    row.line,
                    "filler_date",
                    "Dates that only mean \"unknown\", such as 1900-01-01, were left out; the orders were read without one.",
                );
                Ok(None)
            }
            day::Settled::Ambiguous => Err(RejectReason::AmbiguousDate { value, column }),
            day::Settled::Unreadable => Err(self.shift_of(row).unwrap_or(RejectReason::BadDate { value, column })),
        }
    }

    fn cost_minor(&self, row: &Row, warnings: &mut Warnings) -> Result<Option<i64>, RejectReason> {
        let column = self.mapping.column(Field::Cost);
        let Some(cell) = cell_of(row, column) else { return Ok(None) };
        let (value, column) = (shortened(cell), self.column_name(column));
        let reading = amount::read(cell, &self.currency);
        match reading.settle(self.decimal_mark, minor_digits(&self.currency)) {
            amount::Settled::Minor { minor, assumed } => {
                if assumed {
                    warnings.on_line(
                        row.line,
                        "decimal_mark_assumed",
                        "Nothing in the file shows whether 1,234 or 1.234 means thousands; please check the amounts.",
                    );
                }
                Ok(Some(minor))
            }
            amount::Settled::OtherCurrency => {
                Err(RejectReason::OtherCurrency { value, column, currency: self.currency.clone() })
            }
            amount::Settled::Ambiguous => Err(RejectReason::AmbiguousCost { value, column }),
            amount::Settled::Unreadable => Err(self.shift_of(row).unwrap_or(RejectReason::BadCost { value, column })),
        }
    }

    /// Explains an unusable row by a shift, when a cell that can only be a type or a date stands beside its column.
    fn shift_of(&self, row: &Row) -> Option<RejectReason> {
        let type_column = self.mapping.column(Field::OrderType);
        let date_column = self.mapping.column(Field::Date);
        let is_type = |cell: &str| self.types.contains(cell);
        let is_day = |cell: &str| matches!(day::read(cell), DayReading::Day(_));
        self.beside(row, type_column, is_type).or_else(|| self.beside(row, date_column, is_day))
    }

    fn beside(&self, row: &Row, column: Option<usize>, belongs: impl Fn(&str) -> bool) -> Option<RejectReason> {
        let column = column?;
        if cell_of(row, Some(column)).is_some_and(&belongs) {
            return None;
        }
        let found = [Some(column + 1), column.checked_sub(1)]
            .into_iter()
            .flatten()
            .find(|beside| cell_of(row, Some(*beside)).is_some_and(&belongs))?;
        Some(RejectReason::Shifted {
            value: shortened(&row.cells[found]),
            found_under: self.column_name(Some(found)),
            belongs_under: self.column_name(Some(column)),
        })
    }

    /// The warranty note and every cell that is no field.
    fn rest(&self, row: &Row) -> (Option<String>, BTreeMap<String, String>) {
        let mut note = self.value(row, Field::WarrantyNote).map(str::to_owned);
        let mut extra = BTreeMap::new();
        for (column, name) in self.mapping.names.iter().enumerate() {
            let Some(cell) = cell_of(row, Some(column)) else { continue };
            if self.mapping.fields[column].is_some() {
                continue;
            }
            if note.is_none() && self.mapping.remarks.contains(&column) && mapping::speaks_of_warranty(cell) {
                note = Some(cell.to_owned());
            } else {
                extra.insert(name.clone(), cell.to_owned());
            }
        }
        (note, extra)
    }

    fn value<'r>(&self, row: &'r Row, field: Field) -> Option<&'r str> {
        cell_of(row, self.mapping.column(field))
    }

    /// A value by which things are found again, so that a doubled space does not make two of one.
    fn name(&self, row: &Row, field: Field) -> Option<String> {
        self.value(row, field).map(text::single_spaced)
    }

    fn column_name(&self, column: Option<usize>) -> String {
        column.and_then(|column| self.mapping.names.get(column)).map(|name| shortened(name)).unwrap_or_default()
    }
}

/// A cell with content.
fn cell_of(row: &Row, column: Option<usize>) -> Option<&str> {
    column.and_then(|column| row.cells.get(column)).map(String::as_str).filter(|cell| !cell.is_empty())
}

fn described(mapping: &Mapping, rows: &[Row]) -> Vec<Column> {
    let mut filled = vec![0_u64; mapping.names.len()];
    let mut samples = vec![None; mapping.names.len()];
    for row in rows.iter().filter(|row| !row.open_quote) {
        for (column, cell) in row.cells.iter().enumerate().take(filled.len()).filter(|(_, cell)| !cell.is_empty()) {
            filled[column] += 1;
            samples[column].get_or_insert(cell);
        }
    }
    (mapping.names.iter().zip(&mapping.fields).zip(filled).zip(samples))
        .map(|(((name, field), filled), sample)| Column {
            name: name.clone(),
            field: *field,
            filled,
            sample: sample.map(|cell| shortened(cell)).unwrap_or_default(),
        })
        .collect()
}

fn warn_of_encoding(encoding: Encoding, warnings: &mut Warnings) {
    match encoding {
        Encoding::Utf8 | Encoding::Utf16 => {}
        Encoding::DamagedUtf8 => warnings
            .on_file("encoding_damaged", "The file is UTF-8 with some broken bytes, which are shown as \u{fffd}."),
        Encoding::Gb18030 => {
            warnings
                .on_file("encoding_guessed", "The file is not UTF-8; it was read as GB18030. Please check the texts.");
        }
        Encoding::Windows1252 => warnings
            .on_file("encoding_guessed", "The file is not UTF-8; it was read as Windows-1252. Please check the texts."),
    }
}

fn warn_of_repeated_numbers(orders: &[ImportedOrder], warnings: &mut Warnings) {
    let mut seen = BTreeSet::new();
    for order in orders {
        if let Some(number) = &order.number
            && !seen.insert(number)
        {
            warnings.on_line(
                order.line,
                "number_repeated",
                "An order number stands in more than one row; each row is an order of its own.",
            );
        }
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
