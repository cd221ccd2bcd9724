//! Small values that many records share: words of the table of kinds, authors, fields as text.

use std::collections::BTreeMap;

use fieldsync::protocol::Stamp;
use fieldsync::{Fields, RecordId, Value};
use uuid::Uuid;

use crate::error::FieldsyncError;

/// An enum over the words of one field.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, uniffi::Enum)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// A word that a newer version added. It is shown as something else and cannot be entered.
            Other,
        }

        impl $name {
            /// What this word means.
            pub(crate) fn of(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    _ => Self::Other,
                }
            }

            /// The word in records; an unknown one is refused there.
            #[allow(dead_code, reason = "some words are only read")]
            pub(crate) fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other => "other",
                }
            }
        }
    };
}
pub(crate) use words;

words! {
    /// How urgent a job is, most urgent first.
    Priority {
        /// Now.
        Emergency = "emergency",
        /// Before others.
        High = "high",
        /// In its turn.
        Normal = "normal",
        /// When there is time.
        Low = "low",
    }
}

words! {
    /// How the work ended.
    Outcome {
        /// The fault is gone.
        Solved = "solved",
        /// It runs for now.
        Temporary = "temporary",
        /// The customer accepts what remains.
        LimitationAccepted = "limitation_accepted",
        /// The fault is still there.
        NotSolved = "not_solved",
    }
}

words! {
    /// What a fault is put down to.
    Attribution {
        /// The product.
        Product = "product",
        /// Wear.
        Wear = "wear",
        /// How it was used.
        User = "user",
        /// Where it stands.
        Environment = "environment",
        /// Nobody knows.
        Unknown = "unknown",
    }
}

words! {
    /// Who pays.
    Charge {
        /// The customer, for this.
        Paid = "a_paid",
        /// The customer's contract.
        Contract = "b_contract",
        /// Warranty.
        Warranty = "c_warranty",
        /// Ourselves.
        Internal = "d_internal",
    }
}

words! {
    /// What time was spent on.
    Activity {
        /// On the way.
        Travel = "travel",
        /// At work.
        Work = "work",
        /// Waiting for somebody or something.
        Wait = "wait",
        /// Resting.
        Break = "break",
    }
}

words! {
    /// One step of a visit.
    VisitStep {
        /// On the way.
        SetOut = "en_route",
        /// Work on site began.
        Started = "on_site",
        /// Work paused.
        Paused = "paused",
        /// Work went on.
        Resumed = "resumed",
        /// The work is done.
        Finished = "finished",
        /// Another visit, parts or an approval is needed.
        FollowUp = "follow_up",
        /// The work cannot be completed.
        CannotComplete = "cannot_complete",
    }
}

/// Who entered something, and when.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Author {
    /// The person: a technician's record, or a person at the office.
    pub person: Uuid,
    /// That person's name; empty when it is not on this device.
    pub name: String,
    /// Whether it was entered at the office.
    pub is_office: bool,
    /// When it happened, the best estimate on the office's clock.
    pub at_ms: i64,
}

impl Author {
    pub(crate) fn of(stamp: &Stamp, names: &BTreeMap<RecordId, String>) -> Self {
        Self {
            person: stamp.person.0,
            name: name(names, RecordId(stamp.person.0)),
            is_office: stamp.device.is_none(),
            at_ms: stamp.happened_ms(),
        }
    }
}

pub(crate) fn name(names: &BTreeMap<RecordId, String>, id: RecordId) -> String {
    names.get(&id).cloned().unwrap_or_default()
}

/// A field of a record as text for people.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Field {
    /// The group it belongs to.
    pub group: String,
    /// Its stable name, for an app's own words.
    pub name: String,
    /// What it says: text as entered, numbers as digits, `yes` or `no`.
    pub text: String,
}

impl Field {
    /// The fields of a group that say something to a person; ids and hashes do not.
    pub(crate) fn all(group: &str, fields: &Fields) -> Vec<Field> {
        let said = |(name, value): (&String, &Value)| {
            Some(Field { group: group.to_owned(), name: name.clone(), text: text(value)? })
        };
        fields.iter().filter_map(said).collect()
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bytes(_) => None,
        Value::Bool(yes) => Some(if *yes { "yes" } else { "no" }.to_owned()),
        Value::Int(number) => Some(number.to_string()),
        Value::Text(text) => Some(text.clone()),
        Value::List(list) => {
            let items: Vec<String> = list.iter().filter_map(text_of_item).collect();
            (!items.is_empty()).then(|| items.join(", "))
        }
        Value::Map(map) => {
            let items = map.iter().filter_map(|(name, value)| Some(format!("{name}: {}", text(value)?)));
            Some(items.collect::<Vec<_>>().join("; "))
        }
    }
}

fn text_of_item(value: &Value) -> Option<String> {
    text(value)
}

/// A field to write, as text.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct TextField {
    /// Its name in the table of kinds.
    pub name: String,
    /// What it shall say; nothing clears it.
    pub text: Option<String>,
}

pub(crate) fn fields_of(fields: Vec<TextField>) -> Fields {
    fields.into_iter().map(|field| (field.name, field.text.map_or(Value::Null, Value::Text))).collect()
}

/// The token of what was shown, as text.
pub(crate) fn token(context: &fieldsync::Context) -> String {
    hex::encode(context.to_bytes())
}

/// Reads what [`token`] wrote.
pub(crate) fn seen(token: Option<String>) -> Result<Option<fieldsync::Context>, FieldsyncError> {
    let bad = || FieldsyncError::fix("bad_token", "Failed to find what was shown: the token was not made here.");
    token
        .map(|token| {
            let bytes = hex::decode(token).map_err(|_| bad())?;
            fieldsync::Context::from_bytes(&bytes).map_err(|_| bad())
        })
        .transpose()
}
