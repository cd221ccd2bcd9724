//! One day of one technician.

use rusqlite::{Connection, named_params};
use serde::Serialize;

use super::jobs::{SUMMARY, summary};
use super::{JobSummary, LIMIT_MAX};
use crate::error::Error;

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// A day as the technician's wall clock counts it: from one instant up to, not including, the next.
///
/// The engine keeps no local time; which day an instant belongs to is the app's to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Day {
    /// First millisecond, UTC.
    pub from_ms: i64,
    /// First millisecond after it.
    pub to_ms: i64,
}

impl Day {
    /// The day that contains `at_ms` where clocks are `offset_minutes` ahead of UTC.
    pub fn containing(at_ms: i64, offset_minutes: i32) -> Day {
        let offset_ms = i64::from(offset_minutes) * MINUTE_MS;
        let local_ms = at_ms.saturating_add(offset_ms);
        let from_ms = local_ms.saturating_sub(local_ms.rem_euclid(DAY_MS)).saturating_sub(offset_ms);
        Day { from_ms, to_ms: from_ms.saturating_add(DAY_MS) }
    }

    /// The day after it, where no clock is put forward or back between the two.
    pub fn next(self) -> Day {
        Day { from_ms: self.to_ms, to_ms: self.to_ms.saturating_add(DAY_MS) }
    }
}

/// What a technician has before him on one day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DayPlan {
    /// Visits planned on that day: in his own order where he gave one, then by planned time.
    pub planned: Vec<JobSummary>,
    /// His open jobs that are not planned on that day but due on it or before, most urgent first.
    pub due: Vec<JobSummary>,
}

pub(super) fn plan(conn: &Connection, day: Day) -> Result<DayPlan, Error> {
    const ON_DAY: &str =
        "(planned_from_ms < :to_ms and max(planned_from_ms + 1, coalesce(planned_to_ms, 0)) > :from_ms)";
    let read = |text: &str| -> Result<Vec<JobSummary>, Error> {
        let mut select = conn.prepare_cached(text)?;
        let rows = select
            .query_map(named_params! { ":from_ms": day.from_ms, ":to_ms": day.to_ms, ":limit": LIMIT_MAX }, summary)?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    let planned = format!(
        "select {SUMMARY} where is_mine = 1 and {ON_DAY}
         order by coalesce(place_in_day, 9223372036854775807), planned_from_ms, id limit :limit"
    );
    let due = format!(
        "select {SUMMARY} where is_mine = 1 and due_ms < :to_ms and not coalesce({ON_DAY}, 0)
             and status in ('dispatched', 'in_progress', 'follow_up', 'work_done', 'returned')
         order by priority, due_ms, id limit :limit"
    );
    Ok(DayPlan { planned: read(&planned)?, due: read(&due)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_when_the_technicians_clock_says_midnight() {
        let noon_utc = 20_000 * DAY_MS + DAY_MS / 2;
        assert_eq!(Day::containing(noon_utc, 0).from_ms, 20_000 * DAY_MS);
        let in_shanghai = Day::containing(20_000 * DAY_MS + 17 * 3_600_000, 480);
        assert_eq!(in_shanghai.from_ms, 20_001 * DAY_MS - 8 * 3_600_000);
        assert_eq!(in_shanghai.next().from_ms, in_shanghai.to_ms);
        assert_eq!(Day::containing(-1, 0), Day { from_ms: -DAY_MS, to_ms: 0 });
        assert!(Day::containing(i64::MAX, 840).to_ms >= Day::containing(i64::MIN, -840).to_ms);
    }
}
