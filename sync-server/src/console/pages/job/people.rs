//! Names of people and devices, looked up once a page.

use std::collections::HashMap;

use fieldsync_protocol::{DeviceId, PersonId, RecordId, show};

use crate::console::failure::Failure;
use crate::office::SYSTEM;
use crate::store::Txn;

/// Names found so far.
#[derive(Debug, Default)]
pub(in crate::console) struct People {
    names: HashMap<PersonId, String>,
    devices: HashMap<DeviceId, String>,
}

impl People {
    /// The name of a dispatcher, a technician, any record with a name, or the office itself.
    pub(in crate::console) fn name(&mut self, txn: &mut dyn Txn, person: PersonId) -> Result<String, Failure> {
        if let Some(name) = self.names.get(&person) {
            return Ok(name.clone());
        }
        let name = if person == SYSTEM {
            "The office".to_owned()
        } else if let Some(user) = txn.user(person)? {
            user.name
        } else {
            let stored = txn.record(RecordId(person.0))?;
            stored
                .as_ref()
                .and_then(|stored| show::name(&stored.record))
                .unwrap_or("Somebody not known here")
                .to_owned()
        };
        self.names.insert(person, name.clone());
        Ok(name)
    }

    /// What the dispatcher calls a device.
    pub(in crate::console) fn device(&mut self, txn: &mut dyn Txn, device: DeviceId) -> Result<String, Failure> {
        if let Some(name) = self.devices.get(&device) {
            return Ok(name.clone());
        }
        let name = txn.device(device)?.map_or_else(|| "a device not known here".to_owned(), |device| device.name);
        self.devices.insert(device, name.clone());
        Ok(name)
    }
}
