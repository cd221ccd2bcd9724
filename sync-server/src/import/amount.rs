//! Reads the ways people write money, exactly: digits to minor units, never through a float.
//!
//! Point and comma change their meaning with the country. Most amounts show which one divides the decimals; the few that
//! do not (1,234) follow the rest of the file. More decimals than the currency has are rounded, half away from zero.

/// Words and signs for currencies, longest first, and the codes each may stand for. A sign may stand for several.
const MARKS: [(&str, &[&str]); 24] = [
    ("EURO", &["EUR"]),
    ("AUD", &["AUD"]),
    ("CAD", &["CAD"]),
    ("CHF", &["CHF"]),
    ("CNY", &["CNY"]),
    ("EUR", &["EUR"]),
    ("GBP", &["GBP"]),
    ("HKD", &["HKD"]),
    ("JPY", &["JPY"]),
    ("NZD", &["NZD"]),
    ("RMB", &["CNY"]),
    ("SGD", &["SGD"]),
    ("USD", &["USD"]),
    ("AU$", &["AUD"]),
    ("US$", &["USD"]),
    ("NZ$", &["NZD"]),
    ("HK$", &["HKD"]),
    ("A$", &["AUD"]),
    ("$", &["AUD", "USD", "NZD", "CAD", "SGD", "HKD"]),
    ("€", &["EUR"]),
    ("£", &["GBP"]),
    ("¥", &["CNY", "JPY"]),
    ("￥", &["CNY", "JPY"]),
    ("元", &["CNY"]),
];

/// Longest cell that can be an amount, bytes.
const CELL_BYTES_MAX: usize = 64;

/// Most digits before the decimals: beyond that a cell is a serial number.
const WHOLE_DIGITS_MAX: usize = 13;

/// What one cell says, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AmountReading {
    /// Digits whose decimals are beyond doubt.
    Exact(Digits),
    /// Three digits behind the only point or comma: thousands or decimals.
    Either { with_decimals: Digits, divided_by: char },
    /// Names a currency other than the file's.
    OtherCurrency,
    /// No amount.
    Unreadable,
}

/// A decimal number in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Digits {
    negative: bool,
    whole: String,
    decimals: String,
    /// Which character divided the decimals, when there was one.
    divided_by: Option<char>,
}

/// What divides the decimals where an amount reads two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DecimalMark {
    /// Other amounts of the file show it.
    Shown(char),
    /// Nothing shows it; this is likelier.
    Likely(char),
    /// Some amounts show a point and some a comma.
    Mixed,
}

/// Collects what the amounts of a file show about its decimal mark.
#[derive(Debug, Default)]
pub(super) struct AmountEvidence {
    point: bool,
    comma: bool,
}

impl AmountEvidence {
    /// Takes one more cell into account.
    pub(super) fn add(&mut self, reading: &AmountReading) {
        if let AmountReading::Exact(digits) = reading {
            self.point |= digits.divided_by == Some('.');
            self.comma |= digits.divided_by == Some(',');
        }
    }

    /// The file's decimal mark. A file whose cells are divided by semicolons was made where decimals have commas.
    pub(super) fn mark(&self, separator: char) -> DecimalMark {
        match (self.point, self.comma) {
            (true, true) => DecimalMark::Mixed,
            (true, false) => DecimalMark::Shown('.'),
            (false, true) => DecimalMark::Shown(','),
            (false, false) if separator == ';' => DecimalMark::Likely(','),
            (false, false) => DecimalMark::Likely('.'),
        }
    }
}

/// An amount under the file's decimal mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// Minor units, and whether the decimal mark was only likely.
    Minor {
        minor: i64,
        assumed: bool,
    },
    Ambiguous,
    OtherCurrency,
    Unreadable,
}

impl AmountReading {
    /// Decides an amount that reads two ways and turns it into minor units with `digits` decimals.
    pub(super) fn settle(&self, mark: DecimalMark, digits: u32) -> Settled {
        let (parts, assumed) = match self {
            Self::OtherCurrency => return Settled::OtherCurrency,
            Self::Unreadable => return Settled::Unreadable,
            Self::Exact(parts) => (parts.clone(), false),
            Self::Either { with_decimals, divided_by } => match mark {
                DecimalMark::Mixed => return Settled::Ambiguous,
                DecimalMark::Shown(mark) if mark == *divided_by => (with_decimals.clone(), false),
                DecimalMark::Likely(mark) if mark == *divided_by => (with_decimals.clone(), true),
                DecimalMark::Shown(_) => (with_decimals.clone().grouped(), false),
                DecimalMark::Likely(_) => (with_decimals.clone().grouped(), true),
            },
        };
        match parts.minor(digits) {
            Some(minor) => Settled::Minor { minor, assumed },
            None => Settled::Unreadable,
        }
    }
}

impl Digits {
    fn grouped(mut self) -> Self {
        self.whole.push_str(&self.decimals);
        self.decimals.clear();
        self
    }

    /// Minor units, rounded half away from zero; nothing when there are more digits than money has.
    fn minor(&self, digits: u32) -> Option<i64> {
        let kept = usize::try_from(digits).ok()?;
        if self.whole.len() > WHOLE_DIGITS_MAX {
            return None;
        }
        let mut number: i64 = 0;
        let decimals = self.decimals.bytes().chain(std::iter::repeat(b'0')).take(kept);
        for digit in self.whole.bytes().chain(decimals) {
            number = number.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
        }
        if self.decimals.as_bytes().get(kept).is_some_and(|digit| *digit >= b'5') {
            number = number.checked_add(1)?;
        }
        Some(if self.negative { -number } else { number })
    }
}

/// The currency a column's name or a cell names, when exactly one is meant.
pub(super) fn currency_named(text: &str) -> Option<&'static str> {
    let upper = text.to_uppercase();
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
    MARKS.iter().find_map(|(mark, codes)| {
        let at = upper.find(mark)?;
        let word = mark.starts_with(|c: char| c.is_ascii_alphabetic());
        let inside_word =
            is_letter(upper[..at].chars().next_back()) || is_letter(upper[at + mark.len()..].chars().next());
        match codes {
            [code] if !(word && inside_word) => Some(*code),
            _ => None,
        }
    })
}

/// Reads one trimmed, non-empty cell of a file in `currency`.
pub(super) fn read(cell: &str, currency: &str) -> AmountReading {
    if cell.len() > CELL_BYTES_MAX {
        return AmountReading::Unreadable;
    }
    let mut rest = cell.to_uppercase();
    if let Some((mark, codes)) = MARKS.iter().find(|(mark, _)| rest.contains(mark)) {
        rest = rest.replacen(mark, "", 1);
        if !codes.contains(&currency) {
            return if number_of(&rest).is_some() { AmountReading::OtherCurrency } else { AmountReading::Unreadable };
        }
    } else if let Some(unmarked) = rest.strip_prefix(currency).or_else(|| rest.strip_suffix(currency)) {
        rest = unmarked.to_owned();
    }
    number_of(&rest).unwrap_or(AmountReading::Unreadable)
}

/// Whether a cell is a number of any kind, with whatever divides its decimals.
pub(super) fn is_number(cell: &str) -> bool {
    cell.len() <= CELL_BYTES_MAX && number_of(cell).is_some()
}

/// The number in a text that holds nothing else.
fn number_of(text: &str) -> Option<AmountReading> {
    let text: String = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '\'' | '’')).collect();
    let (negative, number) = unsigned(&text)?;
    if !number.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',')) {
        return None;
    }
    let last = number.rfind(['.', ',']);
    let Some(last) = last else {
        return (!number.is_empty()).then(|| {
            AmountReading::Exact(Digits {
                negative,
                whole: number.to_owned(),
                decimals: String::new(),
                divided_by: None,
            })
        });
    };
    let mark = if number.as_bytes()[last] == b'.' { '.' } else { ',' };
    let (whole, decimals) = (&number[..last], &number[last + 1..]);
    let digits = |whole: String, decimals: &str, divided_by| Digits {
        negative,
        whole,
        decimals: decimals.to_owned(),
        divided_by,
    };
    if whole.contains(mark) {
        // The same mark twice divides thousands, and then there are no decimals.
        let whole = ungrouped(number, mark)?;
        return Some(AmountReading::Exact(digits(whole, "", Some(if mark == '.' { ',' } else { '.' }))));
    }
    let other = if mark == '.' { ',' } else { '.' };
    if whole.contains(other) {
        return Some(AmountReading::Exact(digits(ungrouped(whole, other)?, decimals, Some(mark))));
    }
    if whole.is_empty() && decimals.is_empty() {
        return None;
    }
    let parts = digits(whole.to_owned(), decimals, Some(mark));
    let may_be_thousands = decimals.len() == 3 && (1..=3).contains(&whole.len()) && !whole.starts_with('0');
    Some(if may_be_thousands {
        AmountReading::Either { with_decimals: parts, divided_by: mark }
    } else {
        AmountReading::Exact(parts)
    })
}

/// The number without its sign: before it, behind it, or as the brackets of accountants.
fn unsigned(text: &str) -> Option<(bool, &str)> {
    let minus = ['-', '\u{2212}'];
    if let Some(inner) = text.strip_prefix('(') {
        return Some((true, inner.strip_suffix(')')?));
    }
    if let Some(number) = text.strip_prefix(minus).or_else(|| text.strip_suffix(minus)) {
        return Some((true, number));
    }
    Some((false, text.strip_prefix('+').unwrap_or(text)))
}

/// The digits of a number in groups of three.
fn ungrouped(text: &str, mark: char) -> Option<String> {
    let mut groups = text.split(mark);
    let first = groups.next()?;
    let proper =
        (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3) && !text.contains(other_than(mark));
    proper.then(|| text.replace(mark, ""))
}

fn other_than(mark: char) -> char {
    if mark == '.' { ',' } else { '.' }
}

#[cfg(test)]
mod tests {
    use fieldsync_protocol::amount::minor_digits;

    use super::*;

    fn minor(cell: &str, mark: DecimalMark) -> Settled {
        read(cell, "AUD").settle(mark, 2)
    }

    fn sure(minor: i64) -> Settled {
        Settled::Minor { minor, assumed: false }
    }

    #[test]
    fn an_amount_is_exact_to_the_minor_unit() {
        for (cell, expected) in [
            ("183.05", 18_305),
            ("407.4", 40_740),
            ("0", 0),
            ("-339.81", -33_981),
            ("1026684.20", 102_668_420),
            ("0.29", 29),
            (".5", 50),
            ("5.", 500),
            ("1,026,684.20", 102_668_420),
            ("1.026.684,20", 102_668_420),
            ("1'026'684.20", 102_668_420),
            ("1 026 684,20", 102_668_420),
            ("1\u{a0}234,5", 123_450),
            ("1.234.567", 123_456_700),
            ("(12.50)", -1_250),
            ("12.50-", -1_250),
            ("\u{2212}12,50", -1_250),
            ("+3", 300),
            ("$12.50", 1_250),
            ("AUD 12.50", 1_250),
            ("-A$ 12.50", -1_250),
        ] {
            assert_eq!(minor(cell, DecimalMark::Mixed), sure(expected), "{cell}");
        }
    }

    #[test]
    fn further_decimals_are_rounded_half_away_from_zero() {
        for (cell, expected) in [
            ("1.005", 101),
            ("-1.005", -101),
            ("1.0049", 100),
            ("0.995", 100),
            ("0.0051", 1),
            ("-0.004", 0),
            ("2.675", 268),
        ] {
            assert_eq!(minor(cell, DecimalMark::Shown('.')), sure(expected), "{cell}");
        }
    }

    #[test]
    fn three_digits_behind_the_only_mark_follow_the_file() {
        assert_eq!(minor("1,234", DecimalMark::Shown('.')), sure(123_400));
        assert_eq!(minor("1,234", DecimalMark::Shown(',')), sure(123));
        assert_eq!(minor("1.234", DecimalMark::Shown(',')), sure(123_400));
        assert_eq!(minor("1.234", DecimalMark::Likely(',')), Settled::Minor { minor: 123_400, assumed: true });
        assert_eq!(minor("1.234", DecimalMark::Mixed), Settled::Ambiguous);
    }

    #[test]
    fn the_file_decides_what_divides_decimals() {
        let mark = |cells: &[&str], separator| {
            let mut evidence = AmountEvidence::default();
            cells.iter().for_each(|cell| evidence.add(&read(cell, "EUR")));
            evidence.mark(separator)
        };

        assert_eq!(mark(&["1.234", "12,5"], ';'), DecimalMark::Shown(','));
        assert_eq!(mark(&["1,234", "12.50"], ','), DecimalMark::Shown('.'));
        assert_eq!(mark(&["1.234", "7"], ';'), DecimalMark::Likely(','));
        assert_eq!(mark(&["1.234", "7"], ','), DecimalMark::Likely('.'));
        assert_eq!(mark(&["12.5", "12,5"], ','), DecimalMark::Mixed);
    }

    #[test]
    fn what_is_no_money_is_not_read_as_some() {
        for cell in
            ["PM01", "t swing", "1.2.3", "1,23,456.00", "12 km", "1e5", "--5", "(5", ".", "-", "NaN", "12345678901234"]
        {
            assert_eq!(minor(cell, DecimalMark::Likely('.')), Settled::Unreadable, "{cell}");
        }
    }

    #[test]
    fn another_currency_is_noticed_and_signs_may_stand_for_several() {
        assert_eq!(read("EUR 5", "AUD"), AmountReading::OtherCurrency);
        assert_eq!(read("5 €", "AUD"), AmountReading::OtherCurrency);
        assert_eq!(read("¥500", "JPY").settle(DecimalMark::Mixed, minor_digits("JPY")), sure(500));
        assert_eq!(read("500元", "CNY").settle(DecimalMark::Mixed, 2), sure(50_000));
        assert_eq!(read("5 SEK", "SEK").settle(DecimalMark::Mixed, 2), sure(500));
        assert_eq!(currency_named("Kosten (EUR)"), Some("EUR"));
        assert_eq!(currency_named("费用(元)"), Some("CNY"));
        assert_eq!(currency_named("Cost $"), None);
        assert_eq!(currency_named("Neurology costs"), None);
    }
}
