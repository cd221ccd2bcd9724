//! Push, answer, cursor, epoch, restore, deletion and collection as a model of two devices, two records and an office,
//! small enough that every state can be visited.
//!
//! It shares no code with the engine: it is the design's sections 4, 5 and 7 once more, with one group a record, pages
//! of one record and no rights. After every step, in every order, with requests and replies that are lost, late or
//! repeated and an office that comes back from a backup, said or unsaid, the properties of [`world::Fleet`] are asked;
//! the strongest of them plays the healing forward from each single state. A rule left out ([`rules::Rule`]) must be
//! noticed: that is how the model itself is tested. Copied phones are left to the simulation, which has the room.

pub mod device;
pub mod message;
pub mod office;
pub mod record;
pub mod rules;
pub mod world;
