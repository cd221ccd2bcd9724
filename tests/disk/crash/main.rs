//! Every promise about the disk, attacked at every call: power cuts in four modes, I/O errors, a full disk, damage, two
//! processes. The stores are the shipped ones on [`fieldsync_disk`]; what was acknowledged is written down outside them.
#![cfg(test)]

mod damage;
mod enumerate;
mod errors;
mod office;
mod phone;
mod planted;
mod play;
mod world;
