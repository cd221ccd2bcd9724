//! What a technician does, one verb each: visits, reports, parts, time, notes, photos, orders made on site.
//!
//! Every verb is a shorthand for [`Device::edit`]: one transaction, safe when it returns, refused at once when the rules
//! do not allow it. Work is recorded under the name of the person whose device it is.

mod day;
mod facts;
mod open;
mod report;

#[cfg(test)]
mod tests;

pub use facts::{Activity, PartEntry, TimeEntry};
pub use open::{Known, NewAsset, NewCustomer, NewSite, OpenOrder, OpenedOrder};
pub use report::ReportEntry;

use fieldsync_protocol::kinds::Invalid;
use fieldsync_protocol::{RecordId, Value, fields};

use crate::device::Device;
use crate::edit::Draft;
use crate::enrol::identity;
use crate::error::Error;
use crate::read::Missing;
use crate::signing::job;

impl Device {
    /// Says that the technician is on the way.
    ///
    /// # Errors
    /// As for [`Device::edit`]; [`Error::NotFound`] without the order.
    pub fn set_out(&self, order: RecordId) -> Result<RecordId, Error> {
        self.visit(order, "en_route", None)
    }

    /// Says that work on site begins.
    ///
    /// # Errors
    /// As for [`Device::edit`]; [`Error::NotFound`] without the order.
    pub fn start_visit(&self, order: RecordId) -> Result<RecordId, Error> {
        self.visit(order, "on_site", None)
    }

    /// Says that work pauses.
    ///
    /// # Errors
    /// As for [`Device::edit`]; [`Error::NotFound`] without the order.
    pub fn pause_visit(&self, order: RecordId) -> Result<RecordId, Error> {
        self.visit(order, "paused", None)
    }

    /// Says that work goes on.
    ///
    /// # Errors
    /// As for [`Device::edit`]; [`Error::NotFound`] without the order.
    pub fn resume_visit(&self, order: RecordId) -> Result<RecordId, Error> {
        self.visit(order, "resumed", None)
    }

    /// Says that the work is done.
    ///
    /// # Errors
    /// [`Error::NotReady`] without a report that says how the work ended, or without a photo that the plan asks for.
    pub fn finish_visit(&self, order: RecordId) -> Result<RecordId, Error> {
        let page = self.job(order)?;
        let blocks = |missing: &Missing| matches!(missing, Missing::Report | Missing::Photo);
        match page.missing.into_iter().find(blocks) {
            Some(missing) => Err(Error::NotReady { missing }),
            None => self.visit(order, "finished", None),
        }
    }

    /// Says that the visit ended and another one, parts or an approval is needed.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a reason.
    pub fn follow_up(&self, order: RecordId, reason: &str) -> Result<RecordId, Error> {
        self.visit(order, "follow_up", Some(some_reason(reason)?))
    }

    /// Says that the work cannot be completed.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a reason.
    pub fn cannot_complete(&self, order: RecordId, reason: &str) -> Result<RecordId, Error> {
        self.visit(order, "cannot_complete", Some(some_reason(reason)?))
    }

    /// Appends a visit event that names the last ones as seen: the order of events comes from that, not from a clock.
    fn visit(&self, order: RecordId, event: &str, reason: Option<&str>) -> Result<RecordId, Error> {
        let seen: Vec<Value> =
            self.read(|conn| Ok(job(conn, order)?.event_heads()))?.into_iter().map(Value::from).collect();
        let mut event = fields! {
            "work_order" => order, "technician" => self.technician()?, "event" => event, "seen" => seen,
        };
        if let Some(reason) = reason {
            event.insert("reason".to_owned(), reason.into());
        }
        self.append("visit_event", "event", event)
    }

    /// Stores a new record with its main group.
    fn append(&self, kind: &str, group: &str, fields: fieldsync_protocol::Fields) -> Result<RecordId, Error> {
        let id = self.new_id();
        self.edit(Draft::of(kind, id).set(group, fields))?;
        Ok(id)
    }

    /// The technician whose device this is.
    fn technician(&self) -> Result<RecordId, Error> {
        Ok(self.read(identity)?.ok_or(Error::SignedOut)?.technician())
    }
}

/// A reason that says something.
fn some_reason(reason: &str) -> Result<&str, Error> {
    let reason = reason.trim();
    if reason.is_empty() { Err(Invalid::Missing("reason").into()) } else { Ok(reason) }
}
