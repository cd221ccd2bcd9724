//! Reads the ways people write a day.
//!
//! A day is what counts: a time of day behind it is allowed and ignored. Where a date reads two ways (03/04/2024) the
//! file as a whole decides, by the dates in it that read only one way. Fillers such as 1900-01-01, which systems write
//! where they know nothing, are no date.

use chrono::{Datelike, NaiveDate};

/// Years an order can be from. Anything else is a slip of the pen.
const YEARS: std::ops::RangeInclusive<i32> = 1950..=2100;

/// Two-digit years up to this one are of this century.
const CENTURY_PIVOT: i32 = 69;

/// Days (year, month, day) that mean "unknown" in the systems that write them; 0000-00-00 is recognised by its zeros.
const FILLERS: [(i32, u32, u32); 10] = [
    (1, 1, 1),
    (1601, 1, 1),
    (1753, 1, 1),
    (1899, 12, 30),
    (1899, 12, 31),
    (1900, 1, 1),
    (1970, 1, 1),
    (2999, 12, 31),
    (9999, 1, 1),
    (9999, 12, 31),
];

/// Names of months by their first letters, English and German.
const MONTHS: [&[&str]; 12] = [
    &["jan", "jän"],
    &["feb"],
    &["mar", "mär", "mrz", "maer"],
    &["apr"],
    &["may", "mai"],
    &["jun"],
    &["jul"],
    &["aug"],
    &["sep"],
    &["oct", "okt"],
    &["nov"],
    &["dec", "dez"],
];

/// What one cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DayReading {
    /// A day, beyond doubt.
    Day(NaiveDate),
    /// Two numbers of which either may be the month, and a year.
    Either { first: u32, second: u32, year: i32 },
    /// A stand-in for an unknown date.
    Filler,
    /// No date.
    Unreadable,
}

/// Which number comes first where a date reads two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DayOrder {
    /// Other dates of the file show it, or none needs it.
    DayFirst,
    /// Other dates of the file show it.
    MonthFirst,
    /// Nothing shows it.
    Unknown,
    /// Some dates show one order and some the other.
    Mixed,
}

/// Midnight UTC at the start of the day.
pub(super) fn start_ms(day: NaiveDate) -> i64 {
    const DAY_MS: i64 = 86_400_000;
    i64::from(day.num_days_from_ce() - NaiveDate::default().num_days_from_ce()) * DAY_MS
}

/// Collects what the dates of a file show about its order.
#[derive(Debug, Default)]
pub(super) struct DayEvidence {
    day_first: bool,
    month_first: bool,
    open: bool,
}

impl DayEvidence {
    /// Takes one more cell into account.
    pub(super) fn add(&mut self, reading: DayReading) {
        if let DayReading::Either { first, second, .. } = reading {
            match (first > 12, second > 12) {
                (true, false) => self.day_first = true,
                (false, true) => self.month_first = true,
                // The same day either way shows nothing and needs nothing.
                _ => self.open |= first != second,
            }
        }
    }

    /// The file's order.
    pub(super) fn order(&self) -> DayOrder {
        match (self.day_first, self.month_first) {
            (true, true) => DayOrder::Mixed,
            (false, true) => DayOrder::MonthFirst,
            (false, false) if self.open => DayOrder::Unknown,
            _ => DayOrder::DayFirst,
        }
    }
}

/// A day under the file's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    Day(NaiveDate),
    Filler,
    Ambiguous,
    Unreadable,
}

impl DayReading {
    /// Decides a date that reads two ways. Without any evidence the day comes first, as in most of the world.
    pub(super) fn settle(self, order: DayOrder) -> Settled {
        let (first, second, year) = match self {
            Self::Day(day) => return Settled::Day(day),
            Self::Filler => return Settled::Filler,
            Self::Unreadable => return Settled::Unreadable,
            Self::Either { first, second, year } => (first, second, year),
        };
        let month_first = match order {
            _ if second > 12 => true,
            _ if first > 12 || first == second => false,
            DayOrder::Mixed => return Settled::Ambiguous,
            DayOrder::MonthFirst => true,
            DayOrder::DayFirst | DayOrder::Unknown => false,
        };
        let (day, month) = if month_first { (second, first) } else { (first, second) };
        NaiveDate::from_ymd_opt(year, month, day).map_or(Settled::Unreadable, Settled::Day)
    }
}

/// Reads one trimmed, non-empty cell.
pub(super) fn read(cell: &str) -> DayReading {
    let Some(words) = words_of(cell) else { return DayReading::Unreadable };
    match words.as_slice() {
        [Word::Number(compact, 8)] => {
            exact(i32::try_from(compact / 10_000).unwrap_or(0), compact / 100 % 100, compact % 100)
        }
        [Word::Number(year, 4), Word::Number(month, 1..=2), Word::Number(day, 1..=2), rest @ ..] if is_time(rest) => {
            exact(year_of(*year, 4), *month, *day)
        }
        [
            Word::Number(year, 4),
            Word::Name(y),
            Word::Number(month, 1..=2),
            Word::Name(m),
            Word::Number(day, 1..=2),
            rest @ ..,
        ] if (y.as_str(), m.as_str()) == ("年", "月") => match rest {
            [Word::Name(d), rest @ ..] if (d == "日" || d == "号") && is_time(rest) => {
                exact(year_of(*year, 4), *month, *day)
            }
            [] => exact(year_of(*year, 4), *month, *day),
            _ => DayReading::Unreadable,
        },
        [Word::Number(first, 1..=2), Word::Number(second, 1..=2), Word::Number(year, digits @ (2 | 4)), rest @ ..]
            if is_time(rest) =>
        {
            two_ways(cell, *first, *second, year_of(*year, *digits))
        }
        [Word::Number(day, 1..=2), Word::Name(month), Word::Number(year, digits @ (2 | 4)), rest @ ..]
        | [Word::Name(month), Word::Number(day, 1..=2), Word::Number(year, digits @ (2 | 4)), rest @ ..]
            if is_time(rest) =>
        {
            match month_named(month) {
                Some(month) => exact(year_of(*year, *digits), month, *day),
                None => DayReading::Unreadable,
            }
        }
        _ => DayReading::Unreadable,
    }
}

/// A run of digits with its length, or of letters in lower case.
enum Word {
    Number(u32, usize),
    Name(String),
}

/// The words of a cell; nothing when it holds a character no date has, or more of them than any date.
fn words_of(cell: &str) -> Option<Vec<Word>> {
    const CELL_BYTES_MAX: usize = 64;
    if cell.len() > CELL_BYTES_MAX || cell.starts_with('-') {
        return None;
    }
    let mut words = Vec::new();
    let mut rest = cell;
    while let Some(first) = rest.chars().next() {
        let is_part: fn(char) -> bool = if first.is_ascii_digit() {
            |c| c.is_ascii_digit()
        } else if first.is_alphabetic() {
            char::is_alphabetic
        } else if first.is_whitespace() || "-/.,:+".contains(first) {
            rest = &rest[first.len_utf8()..];
            continue;
        } else {
            return None;
        };
        let (word, after) = rest.split_at(rest.find(|c| !is_part(c)).unwrap_or(rest.len()));
        words.push(match word.parse() {
            Ok(number) => Word::Number(number, word.len()),
            Err(_) if first.is_ascii_digit() => return None,
            Err(_) => Word::Name(word.to_lowercase()),
        });
        rest = after;
    }
    Some(words)
}

/// Whether what follows a date is a time of day or a zone.
fn is_time(rest: &[Word]) -> bool {
    const WORDS_MAX: usize = 9;
    rest.len() <= WORDS_MAX
        && rest.iter().all(|word| match word {
            Word::Number(_, digits) => *digits <= 9,
            Word::Name(name) => matches!(name.as_str(), "t" | "z" | "am" | "pm" | "utc" | "gmt" | "uhr" | "h"),
        })
}

fn exact(year: i32, month: u32, day: u32) -> DayReading {
    if is_filler(year, month, day) {
        return DayReading::Filler;
    }
    match NaiveDate::from_ymd_opt(year, month, day) {
        Some(day) if YEARS.contains(&year) => DayReading::Day(day),
        _ => DayReading::Unreadable,
    }
}

fn two_ways(cell: &str, first: u32, second: u32, year: i32) -> DayReading {
    if is_filler(year, second, first) || is_filler(year, first, second) {
        return DayReading::Filler;
    }
    // Points are written only where the day comes first.
    let date = cell.split(|c: char| c.is_whitespace()).next().unwrap_or(cell);
    if date.contains('.') {
        return exact(year, second, first);
    }
    let possible = [(second, first), (first, second)]
        .iter()
        .any(|(month, day)| NaiveDate::from_ymd_opt(year, *month, *day).is_some());
    if possible && YEARS.contains(&year) { DayReading::Either { first, second, year } } else { DayReading::Unreadable }
}

fn is_filler(year: i32, month: u32, day: u32) -> bool {
    (month == 0 && day == 0) || FILLERS.contains(&(year, month, day))
}

fn year_of(number: u32, digits: usize) -> i32 {
    let year = i32::try_from(number).unwrap_or(i32::MAX);
    match digits {
        2 if year <= CENTURY_PIVOT => 2_000 + year,
        2 => 1_900 + year,
        _ => year,
    }
}

fn month_named(name: &str) -> Option<u32> {
    let index = MONTHS.iter().position(|starts| starts.iter().any(|start| name.starts_with(start)))?;
    u32::try_from(index + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i32, month: u32, day: u32) -> DayReading {
        DayReading::Day(NaiveDate::from_ymd_opt(year, month, day).unwrap())
    }

    fn order_of(cells: &[&str]) -> DayOrder {
        let mut evidence = DayEvidence::default();
        cells.iter().for_each(|cell| evidence.add(read(cell)));
        evidence.order()
    }

    #[test]
    fn a_day_is_read_in_the_ways_people_write_it() {
        for cell in [
            "2024-03-05",
            "2024/3/5",
            "2024.03.05",
            "20240305",
            "2024-03-05T23:59:59.123+08:00",
            "2024-03-05 00:00:00",
            "2024年3月5日",
            "2024年03月05日 08:30",
            "05.03.2024",
            "5.3.24",
            "05.03.2024 07:00 Uhr",
            "5 March 2024",
            "5. März 2024",
            "05-Mar-24",
            "Mar 5, 2024",
        ] {
            assert_eq!(read(cell), day(2024, 3, 5), "{cell}");
        }
    }

    #[test]
    fn what_is_no_day_is_not_read_as_one() {
        for cell in [
            "soon",
            "2024-02-30",
            "2024-13-01",
            "31.02.2024",
            "45/45/2024",
            "38169",
            "3.14",
            "1",
            "2024",
            "-2024-03-05",
            "2024-03-05 maybe",
            "5 Blub 2024",
            "2204-03-05",
            "1812-01-02",
            "99999999999999999999",
            "2024年3月5泵",
        ] {
            assert_eq!(read(cell), DayReading::Unreadable, "{cell}");
        }
    }

    #[test]
    fn fillers_are_known_in_every_order() {
        for cell in [
            "1900-01-01",
            "9999-12-31",
            "0000-00-00",
            "00.00.0000",
            "01.01.1900",
            "31/12/9999",
            "12/31/9999",
            "00000000",
            "1899-12-30 00:00:00",
            "01/01/1970",
        ] {
            assert_eq!(read(cell), DayReading::Filler, "{cell}");
        }
    }

    #[test]
    fn the_file_decides_which_number_is_the_day() {
        assert_eq!(order_of(&["03/04/2024", "31/04/2024", "25/12/2024"]), DayOrder::DayFirst);
        assert_eq!(order_of(&["03/04/2024", "12/25/2024"]), DayOrder::MonthFirst);
        assert_eq!(order_of(&["03/04/2024", "05/05/2024"]), DayOrder::Unknown);
        assert_eq!(order_of(&["25/12/2024", "12/25/2024"]), DayOrder::Mixed);
        assert_eq!(order_of(&["2024-03-05", "05/05/2024"]), DayOrder::DayFirst);
    }

    #[test]
    fn a_date_that_reads_two_ways_follows_the_file() {
        let april = NaiveDate::from_ymd_opt(2024, 4, 3).unwrap();
        let march = NaiveDate::from_ymd_opt(2024, 3, 4).unwrap();

        assert_eq!(read("03/04/2024").settle(DayOrder::DayFirst), Settled::Day(april));
        assert_eq!(read("03/04/2024").settle(DayOrder::Unknown), Settled::Day(april));
        assert_eq!(read("03/04/2024").settle(DayOrder::MonthFirst), Settled::Day(march));
        assert_eq!(read("03/04/2024").settle(DayOrder::Mixed), Settled::Ambiguous);
        let same = NaiveDate::from_ymd_opt(2024, 4, 4).unwrap();
        assert_eq!(read("04/04/2024").settle(DayOrder::Mixed), Settled::Day(same));
    }

    #[test]
    fn a_day_starts_at_midnight_utc() {
        assert_eq!(start_ms(NaiveDate::from_ymd_opt(1970, 1, 2).unwrap()), 86_400_000);
        assert_eq!(start_ms(NaiveDate::from_ymd_opt(2004, 7, 1).unwrap()), 1_088_640_000_000);
    }
}
