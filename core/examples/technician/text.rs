//! How things are worded and lined up in a terminal.

use std::str::FromStr;

use chrono::{DateTime, FixedOffset, NaiveDate};
use fieldsync::protocol::rights::Code;
use fieldsync::read::Day;
use fieldsync::{Fields, RecordId, Value};

use crate::failure::Failure;

/// How far the clock on the wall is ahead of UTC.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Zone(FixedOffset);

impl FromStr for Zone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| "an offset looks like +02:00".to_owned())
    }
}

impl Zone {
    /// Day and time.
    pub(crate) fn time(self, at_ms: i64) -> String {
        match DateTime::from_timestamp_millis(at_ms) {
            Some(at) => at.with_timezone(&self.0).format("%Y-%m-%d %H:%M").to_string(),
            None => "?".to_owned(),
        }
    }

    /// Day and time; a dash when there is none.
    pub(crate) fn some_time(self, at_ms: Option<i64>) -> String {
        at_ms.map_or_else(|| "-".to_owned(), |at_ms| self.time(at_ms))
    }

    /// The day a person names, `today` or a date.
    pub(crate) fn day(self, name: &str, now_ms: i64) -> Result<Day, Failure> {
        let minutes = self.0.local_minus_utc() / 60;
        if name == "today" {
            return Ok(Day::containing(now_ms, minutes));
        }
        let date = NaiveDate::parse_from_str(name, "%Y-%m-%d")
            .map_err(|_| Failure::Usage("a day is written as 2026-01-31, or `today`".to_owned()))?;
        let midnight_ms = date.and_hms_opt(0, 0, 0).map_or(0, |midnight| midnight.and_utc().timestamp_millis());
        Ok(Day::containing(midnight_ms - i64::from(minutes) * 60_000, minutes))
    }
}

/// Rows lined up under a heading; the last column is never padded.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(heading: &[&str]) -> Self {
        Self { rows: vec![heading.iter().map(|word| (*word).to_owned()).collect()] }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// The rows, or `nothing` when there is only the heading.
    pub(crate) fn text(&self, nothing: &str) -> String {
        if self.rows.len() < 2 {
            return format!("{nothing}\n");
        }
        let columns = self.rows[0].len();
        let wide = |column: usize| self.rows.iter().map(|row| width(&row[column])).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(wide).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                line.push_str(cell);
                if column + 1 < columns {
                    line.push_str(&" ".repeat(widths[column] + 2 - width(cell)));
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Columns a text takes in a terminal: Chinese characters take two.
fn width(text: &str) -> usize {
    let is_wide = |c: char| {
        matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{20000}'..='\u{3fffd}')
    };
    text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

/// The last characters of an id: what tells records of one job apart.
pub(crate) fn ending(id: RecordId) -> String {
    let text = id.to_string();
    text[text.len() - 8..].to_owned()
}

/// One line of at most `length` characters.
pub(crate) fn short(text: &str, length: usize) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= length {
        return line;
    }
    let kept: String = line.chars().take(length.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// A quantity as typed, in thousandths.
pub(crate) fn thousandths(typed: &str) -> Result<i64, Failure> {
    let wrong = || Failure::Usage("a quantity is a number with up to three decimals, as 1.5".to_owned());
    let (whole, fraction) = typed.split_once(['.', ',']).unwrap_or((typed, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 3 || !digits(whole) || !digits(fraction) {
        return Err(wrong());
    }
    format!("{whole}{fraction:0<3}").parse().map_err(|_| wrong())
}

/// What fields say to a person, in one line: ids and hashes say nothing.
pub(crate) fn fields(fields: &Fields) -> String {
    let says = |value: &Value| match value {
        Value::Bytes(_) => false,
        Value::List(list) => list.iter().any(|value| !matches!(value, Value::Bytes(_))),
        _ => true,
    };
    let said = fields.iter().filter(|(_, value)| says(value));
    said.map(|(name, value)| format!("{name}: {}", value_text(value))).collect::<Vec<_>>().join("; ")
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::List(list) => list.iter().map(value_text).collect::<Vec<_>>().join(", "),
        Value::Map(map) => {
            map.iter().map(|(name, value)| format!("{name} {}", value_text(value))).collect::<Vec<_>>().join(" ")
        }
    }
}

/// What an office's code means, with what to do about it.
pub(crate) fn code(name: &str) -> String {
    match Code::from_name(name) {
        Some(code) => format!("{}: {}", code.text(), code.remedy()),
        None => name.to_owned(),
    }
}
