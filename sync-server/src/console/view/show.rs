//! How values are worded: times, days, money, quantities, statuses, priorities. The only place that knows.
//!
//! Times are shown in the office's zone as an offset fixed by configuration; the exact UTC travels beside every shown
//! time and stands in its tooltip. Nothing here reads a clock: `now_ms` is always given.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime};
use fieldsync_protocol::amount;
use fieldsync_protocol::status::Status;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A time as a person reads it, with the exact instant beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct When {
    /// What is shown, in the office's zone.
    pub(crate) text: String,
    /// The exact instant in UTC, to the millisecond.
    pub(crate) utc: String,
}

/// A short coloured label. `tone` is a class name of the style sheet, never text from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chip {
    pub(crate) tone: &'static str,
    pub(crate) label: String,
}

impl Chip {
    pub(crate) fn new(tone: &'static str, label: impl Into<String>) -> Self {
        Self { tone, label: label.into() }
    }
}

/// A due date and how pressing it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) when: When,
    /// `late`, `soon` or `calm`.
    pub(crate) tone: &'static str,
    /// "3 days late", "today", or empty when there is nothing to say.
    pub(crate) hint: String,
}

/// The office's clock on the wall: an offset from UTC, with all the wordings that depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Zone {
    offset: FixedOffset,
}

impl Zone {
    /// Returns the zone `minutes` east of UTC; anything beyond a day falls back to UTC.
    pub(crate) fn east_of_utc(minutes: i32) -> Self {
        let seconds = minutes.checked_mul(60).filter(|seconds| seconds.abs() < 86_400).unwrap_or(0);
        Self { offset: FixedOffset::east_opt(seconds).expect("less than a day of seconds is an offset") }
    }

    /// Returns the zone's name as a person writes it: `UTC+08:00`.
    pub(crate) fn name(&self) -> String {
        format!("UTC{}", self.offset)
    }

    /// Day, month, year and time: for anything that must not be misread.
    pub(crate) fn full(&self, ms: i64) -> When {
        self.formatted(ms, "%-d %b %Y, %H:%M")
    }

    /// The day alone.
    pub(crate) fn day(&self, ms: i64) -> When {
        self.formatted(ms, "%-d %b %Y")
    }

    /// The time of day alone, under a heading that names the day.
    pub(crate) fn clock(&self, ms: i64) -> When {
        self.formatted(ms, "%H:%M")
    }

    /// A heading for a day: "Today", "Yesterday", or the weekday and date.
    pub(crate) fn heading(&self, ms: i64, now_ms: i64) -> String {
        match self.days_between(ms, now_ms) {
            Some(0) => "Today".to_owned(),
            Some(1) => "Yesterday".to_owned(),
            _ => self.formatted(ms, "%A, %-d %B %Y").text,
        }
    }

    /// As short as the distance from now allows: time today, weekday and time this week, otherwise the date.
    pub(crate) fn brief(&self, ms: i64, now_ms: i64) -> When {
        let pattern = match self.days_between(ms, now_ms) {
            Some(0) => "%H:%M",
            Some(-6..=6) => "%a %H:%M",
            _ if self.year(ms) == self.year(now_ms) => "%-d %b %H:%M",
            _ => "%-d %b %Y",
        };
        self.formatted(ms, pattern)
    }

    /// Time passed, in the largest unit that fits: "just now", "12 min ago", "3 days ago".
    pub(crate) fn ago(&self, ms: i64, now_ms: i64) -> When {
        let passed = now_ms.saturating_sub(ms);
        let text = if passed < MINUTE_MS { "just now".to_owned() } else { format!("{} ago", span(passed)) };
        When { text, utc: utc(ms) }
    }

    /// A due date; `is_open` says whether being late still matters.
    pub(crate) fn due(&self, ms: i64, now_ms: i64, is_open: bool) -> Due {
        let when = self.brief(ms, now_ms);
        if !is_open {
            return Due { when, tone: "calm", hint: String::new() };
        }
        if ms < now_ms {
            return Due { when, tone: "late", hint: format!("{} late", span(now_ms.saturating_sub(ms))) };
        }
        match self.days_between(ms, now_ms) {
            Some(0) => Due { when, tone: "soon", hint: "today".to_owned() },
            Some(-1) => Due { when, tone: "calm", hint: "tomorrow".to_owned() },
            _ => Due { when, tone: "calm", hint: String::new() },
        }
    }

    /// The date and time as a form field wants them.
    pub(crate) fn time_field(&self, ms: i64) -> String {
        self.formatted(ms, "%Y-%m-%dT%H:%M").text
    }

    /// The instant at which a day of a date field begins in the office.
    pub(crate) fn parse_date(&self, field: &str) -> Option<i64> {
        let date = NaiveDate::parse_from_str(field.trim(), "%Y-%m-%d").ok()?;
        self.instant(date.and_hms_opt(0, 0, 0)?)
    }

    /// The instant of a date-and-time field.
    pub(crate) fn parse_time(&self, field: &str) -> Option<i64> {
        self.instant(NaiveDateTime::parse_from_str(field.trim().get(..16)?, "%Y-%m-%dT%H:%M").ok()?)
    }

    /// The instant at which the office's day of `ms` began.
    pub(crate) fn start_of_day(&self, ms: i64) -> i64 {
        self.local(ms).and_then(|at| self.instant(at.date_naive().and_hms_opt(0, 0, 0)?)).unwrap_or(ms)
    }

    fn instant(&self, local: NaiveDateTime) -> Option<i64> {
        Some(local.and_local_timezone(self.offset).single()?.timestamp_millis())
    }

    fn formatted(&self, ms: i64, pattern: &str) -> When {
        let text = self.local(ms).map_or_else(|| "unknown time".to_owned(), |at| at.format(pattern).to_string());
        When { text, utc: utc(ms) }
    }

    fn local(&self, ms: i64) -> Option<DateTime<FixedOffset>> {
        DateTime::from_timestamp_millis(ms).map(|at| at.with_timezone(&self.offset))
    }

    fn year(&self, ms: i64) -> Option<i32> {
        self.local(ms).map(|at| at.year())
    }

    /// Whole calendar days from `ms` to `now_ms`: 0 is today, 1 yesterday, -1 tomorrow.
    fn days_between(&self, ms: i64, now_ms: i64) -> Option<i64> {
        let date = |ms| self.local(ms).map(|at| at.date_naive());
        let (date, today): (NaiveDate, NaiveDate) = (date(ms)?, date(now_ms)?);
        Some(today.signed_duration_since(date).num_days())
    }
}

/// The exact instant, as it stands in tooltips and in `datetime` attributes.
pub(crate) fn utc(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms)
        .map_or_else(|| "unknown".to_owned(), |at| at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

/// A length of time in one unit, rounded down: "12 min", "3 h", "2 days".
pub(crate) fn span(ms: i64) -> String {
    let ms = ms.max(0);
    match ms {
        0..HOUR_MS => format!("{} min", ms / MINUTE_MS),
        HOUR_MS..DAY_MS => format!("{} h", ms / HOUR_MS),
        _ => counted(ms / DAY_MS, "day", "days"),
    }
}

/// A length of time to the minute, for time entries: "45 min", "2 h 05".
pub(crate) fn worked(ms: i64) -> String {
    let minutes = ms.max(0) / MINUTE_MS;
    if minutes < 60 { format!("{minutes} min") } else { format!("{} h {:02}", minutes / 60, minutes % 60) }
}

/// A number with its noun in the right form, thousands set apart.
pub(crate) fn counted(count: i64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// An integer with commas between thousands.
pub(crate) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('\u{2212}');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An amount in minor units with its currency and as many decimals as that has.
pub(crate) fn money(minor: i64, currency: &str) -> String {
    with_minus(amount::money(minor, currency))
}

/// A quantity in thousandths, without trailing zeros.
pub(crate) fn quantity(thousandths: i64, unit: &str) -> String {
    let number = with_minus(amount::quantity(thousandths));
    if unit.is_empty() { number } else { format!("{number} {unit}") }
}

/// A negative number with a true minus sign, as on paper.
fn with_minus(number: String) -> String {
    match number.strip_prefix('-') {
        Some(size) => format!("\u{2212}{size}"),
        None => number,
    }
}

/// A size in bytes as people say it.
pub(crate) fn bytes(size: u64) -> String {
    match size {
        0..1_000 => format!("{size} B"),
        1_000..1_000_000 => format!("{} kB", size / 1_000),
        _ => format!("{}.{} MB", size / 1_000_000, size % 1_000_000 / 100_000),
    }
}

/// The chip of a status.
pub(crate) fn status(status: Status) -> Chip {
    Chip::new(tone(status), status.label())
}

/// The tone of a status.
pub(crate) fn tone(status: Status) -> &'static str {
    match status {
        Status::Registered => "slate",
        Status::Dispatched => "blue",
        Status::InProgress => "violet",
        Status::FollowUp => "amber",
        Status::WorkDone => "teal",
        Status::Submitted => "teal-strong",
        Status::CannotComplete => "red",
        Status::Returned => "orange",
        Status::Approved => "green",
        Status::Cancelled => "faded",
    }
}

/// Every priority, most pressing first: the table's word and its label.
pub(crate) const PRIORITIES: [(&str, &str); 4] =
    [("emergency", "Emergency"), ("high", "High"), ("normal", "Normal"), ("low", "Low")];

/// The chip of a priority; a word from a newer version is shown as it is.
pub(crate) fn priority(word: &str) -> Chip {
    let (tone, label) = match word {
        "emergency" => ("urgent", "Emergency"),
        "high" => ("high", "High"),
        "normal" => ("normal", "Normal"),
        "low" => ("low", "Low"),
        "" => ("low", "not set"),
        other => ("normal", other),
    };
    Chip::new(tone, label)
}

/// Every category of work: the table's word and its label.
pub(crate) const CATEGORIES: [(&str, &str); 4] = [
    ("a_paid", "A · paid"),
    ("b_contract", "B · contract"),
    ("c_warranty", "C · warranty"),
    ("d_internal", "D · internal"),
];

/// The label of a category; a word from a newer version is shown as it is.
pub(crate) fn category(word: &str) -> String {
    let known = CATEGORIES.iter().find(|(known, _)| *known == word);
    known.map_or_else(|| word.to_owned(), |(_, label)| (*label).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_795_521_600_000; // 2026-11-24T12:00:00Z

    #[test]
    fn times_are_shown_in_the_zone_of_the_office_with_exact_utc_beside() {
        let when = Zone::east_of_utc(480).full(NOON + 123);

        assert_eq!(when.text, "24 Nov 2026, 20:00");
        assert_eq!(when.utc, "2026-11-24T12:00:00.123Z");
    }

    #[test]
    fn what_a_form_field_holds_is_read_back_to_the_same_minute() {
        let zone = Zone::east_of_utc(-570);

        assert_eq!(zone.parse_time(&zone.time_field(NOON)), Some(NOON));
        assert_eq!(zone.parse_date("2026-11-24"), Some(zone.start_of_day(NOON)));
        assert_eq!(zone.parse_time("2026-02-30T10:00"), None);
        assert_eq!(zone.parse_time("déjà vu, not a time"), None);
    }

    #[test]
    fn a_due_date_says_how_late_it_is_only_while_the_job_is_open() {
        let zone = Zone::east_of_utc(0);

        assert_eq!(zone.due(NOON - 3 * DAY_MS, NOON, true).hint, "3 days late");
        assert_eq!(zone.due(NOON - 3 * DAY_MS, NOON, false).tone, "calm");
        assert_eq!(zone.due(NOON + HOUR_MS, NOON, true).hint, "today");
        assert_eq!(zone.due(NOON + DAY_MS, NOON, true).hint, "tomorrow");
    }

    #[test]
    fn money_and_quantities_are_exact() {
        assert_eq!(money(123_456_789, "CNY"), "1,234,567.89 CNY");
        assert_eq!(money(-5, "EUR"), "\u{2212}0.05 EUR");
        assert_eq!(money(1500, "JPY"), "1,500 JPY");
        assert_eq!(quantity(2_500, "l"), "2.5 l");
        assert_eq!(quantity(4_000, "pcs"), "4 pcs");
    }

    #[test]
    fn no_instant_makes_a_wording_panic() {
        for ms in [i64::MIN, -1, 0, i64::MAX] {
            let zone = Zone::east_of_utc(60);
            zone.full(ms);
            zone.ago(ms, 0);
            zone.due(ms, NOON, true);
            span(ms);
        }
    }
}
