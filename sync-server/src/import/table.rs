//! Splits text into rows of cells and remembers where each row starts.
//!
//! Quoting is RFC 4180 and nothing else: a quote inside a quoted cell is doubled, and a backslash is an ordinary
//! character. A reader that takes it for an escape glues records together without saying so. A quote that is opened and
//! never closed would swallow the rest of the file; here it costs its own line, and reading goes on with the next one.

use csv::ByteRecord;

use super::{CELLS_MAX, COLUMNS_MAX, ImportError, ROWS_MAX, text};

/// How many lines one row may reasonably run over. Beyond that a stray quote has met another one far below.
const ROW_LINES_MAX: u64 = 50;
/// Stray quotes recovered from, each at the price of reading the rest of the file once. After that quotes mean nothing.
const RECOVERIES_MAX: u32 = 100;
/// How much of a line is kept to show it to a person, characters.
const RAW_CHARS_MAX: usize = 120;

/// One row that is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// The physical line it starts on, from 1.
    pub(super) line: u64,
    /// Its cells, quotes removed; never more than one above [`COLUMNS_MAX`]. Below the header, empty ones at the end are
    /// left out.
    pub(super) cells: Vec<String>,
    /// How many cells it has in the file.
    pub(super) width: usize,
    /// How it begins in the file.
    pub(super) raw: String,
    /// Whether a quote in it is never closed, so that its cells cannot be trusted.
    pub(super) open_quote: bool,
}

/// A file as rows.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) separator: char,
    pub(super) header: Row,
    pub(super) rows: Vec<Row>,
    /// Lines without content, and rows whose cells are all empty.
    pub(super) blank: u64,
}

/// Splits a whole file. The first row with content is the header.
///
/// # Errors
///
/// [`ImportError::Empty`], [`ImportError::TooManyRows`], [`ImportError::TooManyColumns`].
pub(super) fn split(text: &str) -> Result<Table, ImportError> {
    let (separator, declared_bytes) = separator_of(text);
    let mut splitter = Splitter::new(text, separator, declared_bytes);
    let mut header = None;
    let mut rows = Vec::new();
    let mut cells = 0_usize;
    while let Some(mut row) = splitter.next_row() {
        if header.is_none() {
            header = Some(row);
            continue;
        }
        while row.cells.pop_if(|cell| cell.is_empty()).is_some() {}
        cells += row.cells.len();
        if rows.len() == ROWS_MAX || cells > CELLS_MAX {
            return Err(ImportError::TooManyRows);
        }
        rows.push(row);
    }
    let header = header.ok_or(ImportError::Empty)?;
    if header.cells.len() > COLUMNS_MAX {
        return Err(ImportError::TooManyColumns);
    }
    Ok(Table { separator: char::from(separator), header, rows, blank: splitter.blank })
}

/// The separator and how many bytes at the start only declare it (`sep=;`, as spreadsheets write it).
fn separator_of(text: &str) -> (u8, usize) {
    let first_bytes = text.find(['\r', '\n']).unwrap_or(text.len());
    let declaration = text[..first_bytes].trim_matches('"').strip_prefix("sep=").map(str::as_bytes);
    if let Some([separator @ (b',' | b';' | b'\t')]) = declaration {
        return (*separator, first_bytes);
    }
    let header = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let mut quoted = false;
    let mut counts = [(b',', 0_usize), (b';', 0), (b'\t', 0)];
    for byte in header.bytes() {
        quoted ^= byte == b'"';
        if let Some((_, count)) = counts.iter_mut().find(|(separator, _)| *separator == byte && !quoted) {
            *count += 1;
        }
    }
    // On a tie the earlier of the list wins, hence the reversal: `max_by_key` keeps the last.
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or((b',', 0), |(separator, _)| (*separator, 0))
}

/// A walk over the text, row by row.
struct Splitter<'a> {
    text: &'a str,
    separator: u8,
    reader: csv::Reader<&'a [u8]>,
    /// Where in the text the current reader began.
    base: usize,
    recoveries: u32,
    lines: LineCounter<'a>,
    record: ByteRecord,
    blank: u64,
}

impl<'a> Splitter<'a> {
    fn new(text: &'a str, separator: u8, base: usize) -> Self {
        Self {
            text,
            separator,
            reader: reader_at(text, separator, base, true),
            base,
            recoveries: 0,
            lines: LineCounter { bytes: text.as_bytes(), at: 0, line: 1 },
            record: ByteRecord::new(),
            blank: 0,
        }
    }

    /// The next row with content; what has none is counted as blank on the way.
    fn next_row(&mut self) -> Option<Row> {
        loop {
            let before = self.offset();
            let found = self
                .reader
                .read_byte_record(&mut self.record)
                .expect("reading from memory cannot fail, and rows of any length are allowed");
            let start = self.skip_line_ends(before);
            if !found {
                return None;
            }
            let raw = self.text[start..self.offset()].trim_end_matches(['\r', '\n']);
            let row = self.row(start, raw);
            if self.record.iter().any(|cell| !text::trim(&String::from_utf8_lossy(cell)).is_empty()) {
                return Some(row);
            }
            self.blank += 1;
        }
    }

    fn row(&mut self, start: usize, raw: &str) -> Row {
        let line = self.lines.line_at(start);
        let last_line = self.lines.clone().line_at(start + raw.len());
        // On one line a quote in an odd place is only a character; over several it may have swallowed rows.
        let runs_on = last_line > line;
        if self.recoveries < RECOVERIES_MAX && (runs_on || self.offset() == self.text.len()) {
            let has_swallowed = match quotes_of(raw, self.separator) {
                Quotes::Open => true,
                Quotes::Stray => runs_on,
                Quotes::Paired => last_line - line >= ROW_LINES_MAX,
            };
            if has_swallowed {
                return self.recover(start, line, raw);
            }
        }
        let cells =
            self.record.iter().take(COLUMNS_MAX + 1).map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
        Row { line, width: self.record.len(), cells, raw: beginning_of(raw), open_quote: false }
    }

    /// Gives up on one line and continues behind it.
    fn recover(&mut self, start: usize, line: u64, raw: &str) -> Row {
        let first = &raw[..raw.find(['\r', '\n']).unwrap_or(raw.len())];
        self.recoveries += 1;
        self.base = start + first.len();
        self.reader = reader_at(self.text, self.separator, self.base, self.recoveries < RECOVERIES_MAX);
        let cells: Vec<String> =
            first.split(char::from(self.separator)).take(COLUMNS_MAX + 1).map(|cell| cell.replace('"', "")).collect();
        Row { line, width: cells.len(), cells, raw: beginning_of(first), open_quote: true }
    }

    fn offset(&self) -> usize {
        self.base + usize::try_from(self.reader.position().byte()).unwrap_or(usize::MAX - self.base)
    }

    /// Steps over the rest of the previous row's line break and over blank lines, counting the latter.
    fn skip_line_ends(&mut self, from: usize) -> usize {
        let bytes = self.text.as_bytes();
        // The reader stops before, inside or after a line break; what ends the previous row is not a blank line.
        let ends_previous = from > 0 && !matches!(bytes[from - 1], b'\r' | b'\n');
        let mut at = from + usize::from(from > 0 && bytes[from - 1] == b'\r' && bytes.get(from) == Some(&b'\n'));
        let mut line_ends = 0_u64;
        while let Some(b'\r' | b'\n') = bytes.get(at) {
            at += if bytes[at..].starts_with(b"\r\n") { 2 } else { 1 };
            line_ends += 1;
        }
        self.blank += line_ends.saturating_sub(u64::from(ends_previous));
        at
    }
}

fn reader_at(text: &str, separator: u8, base: usize, quoting: bool) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .double_quote(true)
        .quoting(quoting)
        .from_reader(&text.as_bytes()[base..])
}

/// How the quotes of a row go together.
enum Quotes {
    /// Every cell that opens one closes it.
    Paired,
    /// One is closed in the middle of a cell: what becomes of a stray quote that meets the next cell to open one.
    Stray,
    /// One is open at the end.
    Open,
}

/// Looks at the quotes of a row by the same rules as the reader.
fn quotes_of(raw: &str, separator: u8) -> Quotes {
    #[derive(Clone, Copy)]
    enum At {
        CellStart,
        Plain,
        Quoted,
        QuoteInQuoted,
    }
    let (mut at, mut stray) = (At::CellStart, false);
    for byte in raw.bytes() {
        at = match (at, byte) {
            (At::Quoted, b'"') => At::QuoteInQuoted,
            (At::Quoted, _) => At::Quoted,
            (At::CellStart | At::QuoteInQuoted, b'"') => At::Quoted,
            (_, b'\r' | b'\n') => At::CellStart,
            (_, other) if other == separator => At::CellStart,
            (At::QuoteInQuoted, _) => {
                stray = true;
                At::Plain
            }
            (At::CellStart | At::Plain, _) => At::Plain,
        };
    }
    match at {
        At::Quoted => Quotes::Open,
        _ if stray => Quotes::Stray,
        _ => Quotes::Paired,
    }
}

fn beginning_of(raw: &str) -> String {
    raw.chars().take(RAW_CHARS_MAX).collect()
}

/// Counts line breaks up to offsets that only grow.
#[derive(Clone)]
struct LineCounter<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl LineCounter<'_> {
    fn line_at(&mut self, offset: usize) -> u64 {
        while self.at < offset.min(self.bytes.len()) {
            let lone_return = self.bytes[self.at] == b'\r' && self.bytes.get(self.at + 1) != Some(&b'\n');
            self.line += u64::from(lone_return || self.bytes[self.at] == b'\n');
            self.at += 1;
        }
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_and_cells(text: &str) -> Vec<(u64, Vec<String>)> {
        let table = split(text).unwrap();
        std::iter::once(table.header).chain(table.rows).map(|row| (row.line, row.cells)).collect()
    }

    fn row(line: u64, cells: &[&str]) -> (u64, Vec<String>) {
        (line, cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn the_separator_is_the_one_the_header_uses_most_outside_quotes() {
        assert_eq!(split("a;b;\"c,d,e,f\"\n").unwrap().separator, ';');
        assert_eq!(split("a\tb, c\td\n").unwrap().separator, '\t');
        assert_eq!(split("a,b\n").unwrap().separator, ',');
        assert_eq!(split("text\n").unwrap().separator, ',');
    }

    #[test]
    fn a_line_that_declares_the_separator_is_no_row() {
        let table = split("sep=;\r\na;b,c,d\r\n1;2\r\n").unwrap();

        assert_eq!((table.separator, table.header.line, table.blank), (';', 2, 0));
        assert_eq!((table.rows.len(), table.rows[0].line), (1, 3));
    }

    #[test]
    fn a_row_has_the_line_it_starts_on_with_any_line_end() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["a,b", "", "1,\"x", "y\"", "2,z", "", ""].join(end);

            assert_eq!(
                lines_and_cells(&text),
                [row(1, &["a", "b"]), row(3, &["1", &format!("x{end}y")]), row(5, &["2", "z"])],
                "with {end:?}"
            );
            assert_eq!(split(&text).unwrap().blank, 2, "with {end:?}");
        }
    }

    #[test]
    fn a_last_row_without_a_line_end_is_read() {
        assert_eq!(lines_and_cells("a,b\n1,2"), [row(1, &["a", "b"]), row(2, &["1", "2"])]);
    }

    #[test]
    fn leading_blank_lines_are_counted_and_the_header_is_where_it_is() {
        let table = split("\n \na\n1\n").unwrap();

        assert_eq!((table.header.line, table.blank, table.rows[0].line), (3, 2, 4));
    }

    #[test]
    fn a_backslash_is_an_ordinary_character() {
        assert_eq!(
            lines_and_cells("a,b\n\"x\\\",1\n\"y\\\"\"\",2\n"),
            [row(1, &["a", "b"]), row(2, &["x\\", "1"]), row(3, &["y\\\"", "2"])]
        );
    }

    #[test]
    fn rows_of_empty_cells_are_blank() {
        let table = split("a,b\n,\n\"\",\u{a0}\n1,2\n").unwrap();

        assert_eq!((table.rows.len(), table.blank), (1, 2));
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_one_line() {
        let table = split("a,b\n1,\"broken\n2,whole\n3,\"also, whole\"\n").unwrap();

        let open: Vec<_> = table.rows.iter().map(|row| (row.line, row.open_quote)).collect();
        assert_eq!(open, [(2, true), (3, false), (4, false)]);
        assert_eq!(table.rows[2].cells, ["3", "also, whole"]);
    }

    #[test]
    fn a_quote_in_the_middle_of_a_cell_is_a_character() {
        assert_eq!(
            lines_and_cells("a,b\n1,5\" pipe\n2,\"3/4\"\" pipe\""),
            [row(1, &["a", "b"]), row(2, &["1", "5\" pipe"]), row(3, &["2", "3/4\" pipe"])]
        );
    }

    #[test]
    fn a_stray_quote_that_meets_another_far_below_costs_one_line() {
        let mut text = "a,b\n1,\"broken\n".to_owned();
        for number in 0..200 {
            text.push_str(&format!("{number},x\n"));
        }
        text.push_str("9,\"whole\"\n");
        let table = split(&text).unwrap();

        assert_eq!(table.rows.len(), 202);
        assert_eq!(table.rows.iter().filter(|row| row.open_quote).count(), 1);
    }

    #[test]
    fn a_file_of_stray_quotes_is_read_in_bounded_time() {
        let mut text = "a,b\n".to_owned();
        for _ in 0..5_000 {
            text.push_str("x\",\"\n");
        }
        let table = split(&text).unwrap();

        assert_eq!((table.rows.len(), table.rows[4_999].line), (5_000, 5_001));
    }

    #[test]
    fn an_empty_file_is_said_to_be_empty() {
        for text in ["", "\n\n", " \r\n,,\n"] {
            assert_eq!(split(text).unwrap_err(), ImportError::Empty);
        }
    }
}
