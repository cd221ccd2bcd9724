//! Times as the commands print them: UTC, to the minute.

/// A moment as `2024-05-31 08:15 UTC`; a dash for none.
pub(super) fn moment(at_ms: Option<i64>) -> String {
    at_ms
        .and_then(chrono::DateTime::from_timestamp_millis)
        .map_or_else(|| "-".to_owned(), |moment| moment.format("%Y-%m-%d %H:%M UTC").to_string())
}
