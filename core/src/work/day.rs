//! The technician's own day: which jobs he takes, and in which order.

use fieldsync_protocol::kinds::Invalid;
use fieldsync_protocol::{Fields, RecordId, fields};

use super::some_reason;
use crate::device::Device;
use crate::edit::Draft;
use crate::error::Error;
use crate::signing::job;

impl Device {
    /// Accepts the technician's own assignment on `order`.
    ///
    /// # Errors
    /// As for [`Device::edit`]; [`Error::NotFound`] without such an assignment.
    pub fn accept_job(&self, order: RecordId) -> Result<(), Error> {
        self.respond(order, fields! { "response" => "accepted" })
    }

    /// Declines the technician's own assignment on `order`, with the reason; the dispatcher sees it after the next sync.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a reason; otherwise like [`Device::accept_job`].
    pub fn decline_job(&self, order: RecordId, reason: &str) -> Result<(), Error> {
        self.respond(order, fields! { "response" => "declined", "reason" => some_reason(reason)? })
    }

    /// Puts the technician's jobs of a day into this order, all or none. Jobs that are not named keep their place.
    ///
    /// # Errors
    /// [`Error::NotFound`] when he is not assigned to one of them; [`Error::Invalid`] for too many; otherwise as for
    /// [`Device::edit`].
    pub fn arrange_day(&self, orders: &[RecordId]) -> Result<(), Error> {
        let mut drafts = Vec::new();
        for (place, order) in orders.iter().enumerate() {
            let place = i64::try_from(place).map_err(|_| Invalid::TooLong("place_in_day"))?;
            for assignment in self.own_assignments(*order)? {
                drafts.push(Draft::of("assignment", assignment).set("day", fields! { "place_in_day" => place }));
            }
        }
        self.edit_all(drafts)?;
        Ok(())
    }

    fn respond(&self, order: RecordId, response: Fields) -> Result<(), Error> {
        let own = self.own_assignments(order)?;
        let drafts = own.into_iter().map(|id| Draft::of("assignment", id).set("response", response.clone()));
        self.edit_all(drafts.collect())?;
        Ok(())
    }

    /// The technician's assignments on `order` that the office has not withdrawn; at least one.
    fn own_assignments(&self, order: RecordId) -> Result<Vec<RecordId>, Error> {
        let me = self.technician()?;
        let job = self.read(|conn| job(conn, order))?;
        let own = job.assignments.iter().filter(|one| !one.is_withdrawn && one.technicians.contains(&me));
        let own: Vec<RecordId> = own.map(|one| one.id).collect();
        if own.is_empty() { Err(Error::NotFound) } else { Ok(own) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, ME, MORNING_MS, assignment, id, order};
    use crate::read::Day;

    #[test]
    fn a_technician_arranges_his_day_and_says_which_jobs_he_takes() {
        let fixture = Fixture::with_job();
        let device = &fixture.device;
        fixture.deliver(&[order(51, "WO-51", "pump leaks"), assignment(61, 51, ME, MORNING_MS + 60_000)]);
        let planned = || -> Vec<RecordId> {
            let plan = device.day_plan(Day::containing(MORNING_MS, 0)).unwrap();
            plan.planned.into_iter().map(|job| job.id).collect()
        };
        assert_eq!(planned(), [id(50), id(51)]);

        device.arrange_day(&[id(51), id(50)]).unwrap();
        assert_eq!(planned(), [id(51), id(50)]);
        device.accept_job(id(51)).unwrap();
        device.decline_job(id(50), "on leave").unwrap();

        let declined = device.job(id(50)).unwrap().job.assignments[0].response.clone();
        assert_eq!(declined, Some(("declined".to_owned(), Some("on leave".to_owned()))));
        assert!(matches!(device.decline_job(id(50), " "), Err(Error::Invalid(Invalid::Missing("reason")))));
        assert!(matches!(device.arrange_day(&[id(51), id(99)]), Err(Error::NotFound)));
        assert_eq!(planned(), [id(51)], "what is declined is not before him");
    }
}
