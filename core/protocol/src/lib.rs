//! What a device and the office agree on: ids, values, the table of kinds, records and their versions, merge, domain
//! rules, messages and signed documents.
//!
//! Pure: no I/O, no SQL, no async, no clock, no randomness, no log. Merge and rules exist once, here; the device engine
//! and the server both call them.
//!
//! # The glossary, running
//!
//! Two devices edit one record offline; in whichever order their copies meet, the result is the same, and nothing that
//! an author had not seen is lost.
//!
//! ```
//! use fieldsync_protocol::{Dot, Edit, PersonId, Record, RecordId, ReplicaId, Stamp, Trust, Version, fields};
//!
//! let stamp = Stamp { person: PersonId::from_bytes([9; 16]), device: None, at_ms: 0, offset_ms: 0, trust: Trust::Office };
//! let edit = |replica: u8, text: &str, context: &Version| Edit {
//!     dot: Dot { replica: ReplicaId([replica; 16]), counter: 1 },
//!     group: "hazards".into(),
//!     fields: fields! { "remaining" => text },
//!     context: context.clone(),
//!     stamp: stamp.clone(),
//! };
//! let mut anna = Record::new("work_report", RecordId::from_bytes([1; 16]));
//! let mut bert = anna.clone();
//! anna.put(&edit(1, "guard missing", &anna.version.clone()));
//! bert.put(&edit(2, "oil on the floor", &bert.version.clone()));
//!
//! let mut office = anna.clone();
//! office.merge(&bert);
//! bert.merge(&anna);
//! assert_eq!(office, bert);
//! assert_eq!(office.siblings("hazards").count(), 2); // both stand: a conflict for a person
//!
//! office.put(&edit(3, "guard missing, oil on the floor", &office.version.clone()));
//! assert_eq!(office.siblings("hazards").count(), 1); // an edit that had seen both replaces both
//! ```

pub mod amount;
pub mod bundle;
pub mod compare;
pub mod document;
pub mod edit;
pub mod encode;
pub mod enrol;
pub mod exchange;
pub mod fault;
pub mod ids;
pub mod job;
pub mod kinds;
pub mod limits;
pub mod plant;
pub mod record;
pub mod request;
pub mod rights;
pub mod search;
pub mod show;
pub mod stamp;
pub mod status;
pub mod value;
pub mod version;
pub mod wire;

pub use edit::Edit;
pub use ids::{BoxKey, DeviceId, Hash, PersonId, PublicKey, PushId, RecordId, ReplicaId, Seal, SignatureBytes};
pub use record::{Record, Sibling, Siblings};
pub use stamp::{Stamp, Trust};
pub use value::{Fields, FieldsExt, Value};
pub use version::{Dot, Version};
