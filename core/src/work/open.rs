//! An order made on site: the customer stands there, the office cannot be reached.

use fieldsync_protocol::{Fields, RecordId, fields};
use serde::Serialize;

use super::some_reason;
use crate::device::Device;
use crate::edit::Draft;
use crate::enrol::identity;
use crate::error::Error;
use crate::store::meta;

/// A record that is known already, or one to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known<T> {
    /// The record.
    Known(RecordId),
    /// What is known of it so far. The office completes it.
    New(T),
}

/// A customer nobody knew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewCustomer {
    /// Name.
    pub name: String,
    /// Phone.
    pub phone: Option<String>,
    /// Street and number.
    pub street: Option<String>,
    /// Postcode.
    pub postcode: Option<String>,
    /// City.
    pub city: Option<String>,
}

/// A site nobody knew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewSite {
    /// Name.
    pub name: String,
}

/// A machine nobody knew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewAsset {
    /// Name.
    pub name: String,
    /// Model.
    pub model: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
}

/// An order made on site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOrder {
    /// For whom.
    pub customer: Known<NewCustomer>,
    /// Where.
    pub site: Option<Known<NewSite>>,
    /// On what.
    pub asset: Option<Known<NewAsset>>,
    /// The problem in the customer's words.
    pub problem: String,
    /// One of [`fieldsync_protocol::kinds::PRIORITIES`]; `normal` when `None`.
    pub priority: Option<String>,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenedOrder {
    /// The work order.
    pub order: RecordId,
    /// Its provisional number. It stays valid on paper when the office gives another.
    pub number: String,
    /// The customer.
    pub customer: RecordId,
    /// The site.
    pub site: Option<RecordId>,
    /// The asset.
    pub asset: Option<RecordId>,
    /// The technician's own assignment.
    pub assignment: RecordId,
}

impl Device {
    /// Makes an order on site, with what it needs of a new customer, site or asset, assigned to this technician: all
    /// of it or nothing.
    ///
    /// # Errors
    /// As for [`Device::edit`]; [`Error::Invalid`] without a problem or a name.
    pub fn open_order(&self, entry: &OpenOrder) -> Result<OpenedOrder, Error> {
        let problem = some_reason(&entry.problem)?;
        let me = self.technician()?;
        let now_ms = self.now_ms();
        let number = self.provisional_number()?;
        let mut drafts = Vec::new();
        let customer = self.known(&entry.customer, &mut drafts, |new, id| {
            let mut draft = provisional("customer", id).set("identity", fields! { "name" => new.name.as_str() });
            let reach = some(&[("phone", &new.phone)]);
            let address = some(&[("street", &new.street), ("postcode", &new.postcode), ("city", &new.city)]);
            for (group, fields) in [("reach", reach), ("address", address)] {
                draft = if fields.is_empty() { draft } else { draft.set(group, fields) };
            }
            draft
        });
        let site = entry.site.as_ref().map(|site| {
            self.known(site, &mut drafts, |new, id| {
                let place = fields! { "name" => new.name.as_str(), "customer" => customer };
                provisional("site", id).set("place", place)
            })
        });
        let asset = entry.asset.as_ref().map(|asset| {
            self.known(asset, &mut drafts, |new, id| {
                let mut identity = some(&[("model", &new.model), ("serial", &new.serial)]);
                identity.insert("name".to_owned(), new.name.as_str().into());
                let mut place = fields! { "customer" => customer };
                place.extend(site.map(|site| ("site".to_owned(), site.into())));
                provisional("asset", id).set("identity", identity).set("place", place)
            })
        });
        let mut parties = fields! { "customer" => customer };
        parties.extend(site.map(|site| ("site".to_owned(), site.into())));
        parties.extend(asset.map(|asset| ("asset".to_owned(), asset.into())));
        let (order, assignment) = (self.new_id(), self.new_id());
        let origin =
            fields! { "channel" => "on_site", "requested_ms" => now_ms, "provisional_number" => number.as_str() };
        drafts.push(
            Draft::of("work_order", order)
                .set("origin", origin)
                .set("parties", parties)
                .set("problem", fields! { "text" => problem })
                .set("plan", fields! { "priority" => entry.priority.as_deref().unwrap_or("normal") }),
        );
        let plan = fields! {
            "work_order" => order, "technician" => me, "planned_from_ms" => now_ms, "lead" => true,
        };
        drafts.push(Draft::of("assignment", assignment).set("plan", plan));
        self.edit_all(drafts)?;
        Ok(OpenedOrder { order, number, customer, site, asset, assignment })
    }

    fn known<T>(
        &self,
        choice: &Known<T>,
        drafts: &mut Vec<Draft>,
        make: impl FnOnce(&T, RecordId) -> Draft,
    ) -> RecordId {
        match choice {
            Known::Known(id) => *id,
            Known::New(new) => {
                let id = self.new_id();
                drafts.push(make(new, id));
                id
            }
        }
    }

    /// A number that no other device gives: the end of the device's id, which is random, and a count that never goes
    /// back. A number taken by an order that was refused is not given again.
    fn provisional_number(&self) -> Result<String, Error> {
        self.write(|tx, _| {
            let device = identity(tx)?.ok_or(Error::SignedOut)?.device;
            let count: u64 = meta::get(tx, meta::PROVISIONAL)?.unwrap_or(0) + 1;
            meta::set(tx, meta::PROVISIONAL, &count)?;
            let prefix = hex::encode_upper(&device.as_bytes()[13..]);
            Ok(format!("P-{prefix}-{count:03}"))
        })
    }
}

fn provisional(kind: &str, id: RecordId) -> Draft {
    Draft::of(kind, id).set("origin", fields! { "provisional" => true, "source" => "on_site" })
}

/// The fields that are given.
fn some(pairs: &[(&str, &Option<String>)]) -> Fields {
    let given = pairs.iter().filter_map(|(name, text)| text.as_deref().map(|text| ((*name).to_owned(), text.into())));
    given.collect()
}
