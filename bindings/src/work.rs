//! What a technician does, one call each. Every call is stored when it returns, online or not.

use fieldsync::{RecordId, work};
use uuid::Uuid;

use crate::device::Device;
use crate::error::FieldsyncError;
use crate::values::{Activity, Attribution, Charge, Outcome, Priority, TextField, fields_of, seen};

/// One parameter changed on the machine.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ParameterChange {
    /// Its name.
    pub name: String,
    /// Before.
    pub old_value: String,
    /// After.
    pub new_value: String,
}

/// Parts of a report. What is none stays as it is; an empty text clears.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ReportEntry {
    /// Where the fault is, at most 200 bytes.
    #[uniffi(default)]
    pub fault_location: Option<String>,
    /// What caused it, at most 8,000 bytes.
    #[uniffi(default)]
    pub cause: Option<String>,
    /// What it is put down to.
    #[uniffi(default)]
    pub attribution: Option<Attribution>,
    /// How it was solved, at most 8,000 bytes.
    #[uniffi(default)]
    pub method: Option<String>,
    /// What was changed in the program, at most 8,000 bytes.
    #[uniffi(default)]
    pub program_change: Option<String>,
    /// Parameters changed; replaces the whole list.
    #[uniffi(default)]
    pub parameters: Option<Vec<ParameterChange>>,
    /// Hazards that remain, at most 8,000 bytes.
    #[uniffi(default)]
    pub hazards: Option<String>,
    /// How it ended.
    #[uniffi(default)]
    pub outcome: Option<Outcome>,
    /// The outcome in words, at most 8,000 bytes.
    #[uniffi(default)]
    pub outcome_text: Option<String>,
    /// What the form showed of the report when the person began to type: the report's `seen`. None: what is shown now.
    #[uniffi(default)]
    pub seen: Option<String>,
}

/// A part used.
#[derive(Debug, Clone, uniffi::Record)]
pub struct PartEntry {
    /// Part number.
    pub number: String,
    /// What it is.
    pub name: String,
    /// Thousandths of `unit`.
    pub quantity_milli: i64,
    /// Unit.
    pub unit: String,
    /// The catalogue's part, when it is one.
    #[uniffi(default)]
    pub part: Option<Uuid>,
    /// Who pays.
    #[uniffi(default)]
    pub charge: Option<Charge>,
    /// Price of one unit, minor units.
    #[uniffi(default)]
    pub price_minor: Option<i64>,
    /// Currency of the price, three letters.
    #[uniffi(default)]
    pub currency: Option<String>,
    /// Serial number put in.
    #[uniffi(default)]
    pub serial_in: Option<String>,
    /// Serial number taken out.
    #[uniffi(default)]
    pub serial_out: Option<String>,
}

/// Time spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct TimeEntry {
    /// On what.
    pub activity: Activity,
    /// From, on the device's clock.
    pub from_ms: i64,
    /// To.
    pub to_ms: i64,
    /// Whether a timer measured it; entered by hand otherwise.
    #[uniffi(default)]
    pub is_timed: bool,
}

/// A customer nobody knew. The office completes it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NewCustomer {
    /// Name.
    pub name: String,
    /// Phone.
    #[uniffi(default)]
    pub phone: Option<String>,
    /// Street and number.
    #[uniffi(default)]
    pub street: Option<String>,
    /// Postcode.
    #[uniffi(default)]
    pub postcode: Option<String>,
    /// City.
    #[uniffi(default)]
    pub city: Option<String>,
}

/// A site nobody knew.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NewSite {
    /// Name.
    pub name: String,
}

/// A machine nobody knew.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NewAsset {
    /// Name.
    pub name: String,
    /// Model.
    #[uniffi(default)]
    pub model: Option<String>,
    /// Serial number.
    #[uniffi(default)]
    pub serial: Option<String>,
}

/// A record that is known already, or one to be made.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum KnownOrNew {
    /// The record.
    Known {
        /// Its id.
        id: Uuid,
    },
    /// A new customer.
    NewCustomer {
        /// What is known of it so far.
        customer: NewCustomer,
    },
    /// A new site.
    NewSite {
        /// What is known of it so far.
        site: NewSite,
    },
    /// A new machine.
    NewAsset {
        /// What is known of it so far.
        asset: NewAsset,
    },
}

/// An order made on site.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NewOrder {
    /// For whom: known, or a new customer.
    pub customer: KnownOrNew,
    /// The problem in the customer's words, at most 8,000 bytes.
    pub problem: String,
    /// Where: known, or a new site.
    #[uniffi(default)]
    pub site: Option<KnownOrNew>,
    /// On what: known, or a new machine.
    #[uniffi(default)]
    pub asset: Option<KnownOrNew>,
    /// How urgent; normal when none.
    #[uniffi(default)]
    pub priority: Option<Priority>,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct OpenedOrder {
    /// The work order.
    pub order: Uuid,
    /// Its provisional number. It stays valid on paper when the office gives another.
    pub number: String,
    /// The customer.
    pub customer: Uuid,
    /// The site.
    pub site: Option<Uuid>,
    /// The machine.
    pub asset: Option<Uuid>,
    /// The technician's own assignment.
    pub assignment: Uuid,
}

fn word<W>(value: Option<W>, word: impl Fn(W) -> &'static str) -> Option<String> {
    value.map(|value| word(value).to_owned())
}

/// A choice of another kind than the place it stands in.
fn misplaced(field: &str) -> FieldsyncError {
    FieldsyncError::FixEntry {
        code: "wrong_type".to_owned(),
        reason: "Failed to make the order: a new record of another kind stands there.".to_owned(),
        field: Some(field.to_owned()),
    }
}

#[uniffi::export]
impl Device {
    /// Accepts the technician's own assignment on an order.
    ///
    /// # Errors
    /// `NotNow` with `not_found` when he is not assigned; `SignIn`; `FreeSpace`.
    pub fn accept_job(&self, order: Uuid) -> Result<(), FieldsyncError> {
        self.call(|engine| Ok(engine.accept_job(RecordId(order))?))
    }

    /// Declines the technician's own assignment on an order; the dispatcher sees the reason after the next sync.
    ///
    /// # Errors
    /// `FixEntry` without a reason; otherwise like `accept_job`.
    pub fn decline_job(&self, order: Uuid, reason: String) -> Result<(), FieldsyncError> {
        self.call(|engine| Ok(engine.decline_job(RecordId(order), &reason)?))
    }

    /// Puts the technician's jobs of a day into this order, all or none. `day_plan` lists them so; jobs that are not named
    /// keep their place.
    ///
    /// # Errors
    /// `NotNow` with `not_found` when he is not assigned to one of them.
    pub fn arrange_day(&self, orders: Vec<Uuid>) -> Result<(), FieldsyncError> {
        let orders: Vec<RecordId> = orders.into_iter().map(RecordId).collect();
        self.call(|engine| Ok(engine.arrange_day(&orders)?))
    }

    /// Says that the technician is on the way. Returns the visit event.
    ///
    /// # Errors
    /// `NotNow` with `not_found` without the order, or with the code of a right; `SignIn`; `FreeSpace`.
    pub fn set_out(&self, order: Uuid) -> Result<Uuid, FieldsyncError> {
        self.call(|engine| Ok(engine.set_out(RecordId(order))?.0))
    }

    /// Says that work on site begins. Doing it twice records it twice; the last event counts.
    ///
    /// # Errors
    /// Like `set_out`.
    pub fn start_visit(&self, order: Uuid) -> Result<Uuid, FieldsyncError> {
        self.call(|engine| Ok(engine.start_visit(RecordId(order))?.0))
    }

    /// Says that work pauses.
    ///
    /// # Errors
    /// Like `set_out`.
    pub fn pause_visit(&self, order: Uuid) -> Result<Uuid, FieldsyncError> {
        self.call(|engine| Ok(engine.pause_visit(RecordId(order))?.0))
    }

    /// Says that work goes on.
    ///
    /// # Errors
    /// Like `set_out`.
    pub fn resume_visit(&self, order: Uuid) -> Result<Uuid, FieldsyncError> {
        self.call(|engine| Ok(engine.resume_visit(RecordId(order))?.0))
    }

    /// Says that the work is done.
    ///
    /// # Errors
    /// `NotNow` with `missing_report` or `missing_photo`; otherwise like `set_out`.
    pub fn finish_visit(&self, order: Uuid) -> Result<Uuid, FieldsyncError> {
        self.call(|engine| Ok(engine.finish_visit(RecordId(order))?.0))
    }

    /// Says that the visit ended and another one, parts or an approval is needed.
    ///
    /// # Errors
    /// `FixEntry` without a reason; otherwise like `set_out`.
    pub fn follow_up(&self, order: Uuid, reason: String) -> Result<Uuid, FieldsyncError> {
        self.call(|engine| Ok(engine.follow_up(RecordId(order), &reason)?.0))
    }

    /// Says that the work cannot be completed.
    ///
    /// # Errors
    /// `FixEntry` without a reason; otherwise like `set_out`.
    pub fn cannot_complete(&self, order: Uuid, reason: String) -> Result<Uuid, FieldsyncError> {
        self.call(|engine| Ok(engine.cannot_complete(RecordId(order), &reason)?.0))
    }

    /// Writes parts of the technician's own report on an order, making it when there is none, and returns its record.
    ///
    /// # Errors
    /// `FixEntry` at the field that does not fit; `NotNow` without the order or the right; `SignIn`; `FreeSpace`.
    pub fn write_report(&self, order: Uuid, entry: ReportEntry) -> Result<Uuid, FieldsyncError> {
        self.call(|engine| {
            let change = |change: ParameterChange| fieldsync::protocol::job::ParameterChange {
                name: change.name,
                old: change.old_value,
                new: change.new_value,
            };
            let entry = work::ReportEntry {
                fault_location: entry.fault_location,
                cause: entry.cause,
                attribution: word(entry.attribution, Attribution::word),
                method: entry.method,
                program_change: entry.program_change,
                parameters: entry.parameters.map(|changes| changes.into_iter().map(change).collect()),
                hazards: entry.hazards,
                outcome: word(entry.outcome, Outcome::word),
                outcome_text: entry.outcome_text,
                seen: seen(entry.seen)?,
            };
            Ok(engine.write_report(RecordId(order), &entry)?.0)
        })
    }

    /// Records a part used on an order and returns its record. Doing it twice records it twice.
    ///
    /// # Errors
    /// Like `write_report`.
    pub fn use_part(&self, order: Uuid, entry: PartEntry) -> Result<Uuid, FieldsyncError> {
        self.call(|engine| {
            let entry = work::PartEntry {
                part: entry.part.map(RecordId),
                number: entry.number,
                name: entry.name,
                quantity_milli: entry.quantity_milli,
                unit: entry.unit,
                charge: word(entry.charge, Charge::word),
                price_minor: entry.price_minor,
                currency: entry.currency,
                serial_in: entry.serial_in,
                serial_out: entry.serial_out,
            };
            Ok(engine.use_part(RecordId(order), &entry)?.0)
        })
    }

    /// Records time spent on an order and returns its record.
    ///
    /// # Errors
    /// `FixEntry` when it ends before it begins; otherwise like `write_report`.
    pub fn add_time(&self, order: Uuid, entry: TimeEntry) -> Result<Uuid, FieldsyncError> {
        self.call(|engine| {
            let activity =
                work::Activity::from_name(entry.activity.word()).ok_or_else(|| FieldsyncError::FixEntry {
                    code: "unknown_word".to_owned(),
                    reason: "Failed to accept the entry: field activity holds none of its words.".to_owned(),
                    field: Some("activity".to_owned()),
                })?;
            let TimeEntry { from_ms, to_ms, is_timed, .. } = entry;
            Ok(engine.add_time(RecordId(order), work::TimeEntry { activity, from_ms, to_ms, is_timed })?.0)
        })
    }

    /// Adds a note to an order, at most 8,000 bytes, and returns its record.
    ///
    /// # Errors
    /// `FixEntry` for an empty note; otherwise like `write_report`.
    pub fn add_note(&self, order: Uuid, text: String) -> Result<Uuid, FieldsyncError> {
        self.call(|engine| Ok(engine.add_note(RecordId(order), &text)?.0))
    }

    /// Takes back a part, time, note or photo: it stays, marked as void with the reason.
    ///
    /// # Errors
    /// `FixEntry` without a reason or for a record that cannot be voided; `NotNow` without it or the right.
    pub fn void_record(&self, record: Uuid, reason: String) -> Result<(), FieldsyncError> {
        self.call(|engine| Ok(engine.void(RecordId(record), &reason)?))
    }

    /// Proposes to the office to change fields of a group of `subject`, a customer, site, asset or order, from the job of
    /// `order`, and returns the proposal. The record shows what it showed before until the office decides.
    ///
    /// # Errors
    /// `FixEntry` when the fields do not fit; `NotNow` without the subject or the right.
    #[uniffi::method(default(reason = None))]
    pub fn propose(
        &self,
        order: Uuid,
        subject: Uuid,
        group: String,
        fields: Vec<TextField>,
        reason: Option<String>,
    ) -> Result<Uuid, FieldsyncError> {
        self.call(|engine| {
            let fields = fields_of(fields);
            Ok(engine.propose(RecordId(order), RecordId(subject), &group, fields, reason.as_deref())?.0)
        })
    }

    /// Makes an order on site, with what it needs of a new customer, site or machine, assigned to this technician: all of
    /// it or nothing. It has a provisional number at once.
    ///
    /// # Errors
    /// `FixEntry` without a problem or a name; `SignIn`; `FreeSpace`.
    pub fn open_order(&self, order: NewOrder) -> Result<OpenedOrder, FieldsyncError> {
        self.call(|engine| {
            let customer = match order.customer {
                KnownOrNew::Known { id } => work::Known::Known(RecordId(id)),
                KnownOrNew::NewCustomer { customer: NewCustomer { name, phone, street, postcode, city } } => {
                    work::Known::New(work::NewCustomer { name, phone, street, postcode, city })
                }
                _ => return Err(misplaced("customer")),
            };
            let site = match order.site {
                None => None,
                Some(KnownOrNew::Known { id }) => Some(work::Known::Known(RecordId(id))),
                Some(KnownOrNew::NewSite { site: NewSite { name } }) => Some(work::Known::New(work::NewSite { name })),
                Some(_) => return Err(misplaced("site")),
            };
            let asset = match order.asset {
                None => None,
                Some(KnownOrNew::Known { id }) => Some(work::Known::Known(RecordId(id))),
                Some(KnownOrNew::NewAsset { asset: NewAsset { name, model, serial } }) => {
                    Some(work::Known::New(work::NewAsset { name, model, serial }))
                }
                Some(_) => return Err(misplaced("asset")),
            };
            let priority = word(order.priority, Priority::word);
            let opened =
                engine.open_order(&work::OpenOrder { customer, site, asset, problem: order.problem, priority })?;
            Ok(OpenedOrder {
                order: opened.order.0,
                number: opened.number,
                customer: opened.customer.0,
                site: opened.site.map(|site| site.0),
                asset: opened.asset.map(|asset| asset.0),
                assignment: opened.assignment.0,
            })
        })
    }
}
