//! Finds what a person names: a job by number, a record by the end of its id.

use fieldsync::read::{DirectoryEntry, DirectoryFilter, JobFilter};
use fieldsync::{Device, RecordId};

use crate::failure::Failure;

/// The work order with this number or id.
pub(crate) fn job(device: &Device, name: &str) -> Result<RecordId, Failure> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let filter = JobFilter { text: Some(name.to_owned()), limit: 500, ..JobFilter::default() };
    let mut found = device.jobs(&filter)?.items.into_iter().filter(|job| job.number.eq_ignore_ascii_case(name));
    match (found.next(), found.next()) {
        (Some(job), None) => Ok(job.id),
        (Some(_), Some(_)) => {
            Err(Failure::Usage(format!("several work orders have the number {name}; name one by id")))
        }
        (None, _) => Err(Failure::Usage(format!("no work order on this device has the number {name}"))),
    }
}

/// Any record: by id, by a work order's number, or by the exact name or number of something in the directory.
pub(crate) fn any(device: &Device, name: &str) -> Result<RecordId, Failure> {
    let by_number = job(device, name);
    if by_number.is_ok() {
        return by_number;
    }
    let filter = DirectoryFilter { kind: None, text: name.to_owned(), limit: 500, customer: None };
    let is_it =
        |entry: &DirectoryEntry| entry.name.eq_ignore_ascii_case(name) || entry.number.eq_ignore_ascii_case(name);
    let mut found = device.directory(&filter)?.into_iter().filter(is_it);
    match (found.next(), found.next()) {
        (Some(entry), None) => Ok(entry.id),
        (Some(_), Some(_)) => Err(Failure::Usage(format!("several records are called {name}; give an id"))),
        (None, _) => Err(Failure::Usage(format!(
            "nothing on this device has the number or name {name}; with its id it can be explained all the same"
        ))),
    }
}

/// The one of `ids` that ends like `name`.
pub(crate) fn ending(ids: impl IntoIterator<Item = RecordId>, name: &str) -> Result<RecordId, Failure> {
    let name = name.to_ascii_lowercase();
    let mut found: Vec<RecordId> = ids.into_iter().filter(|id| id.to_string().ends_with(&name)).collect();
    found.sort();
    found.dedup();
    match found.as_slice() {
        [id] => Ok(*id),
        [] => Err(Failure::Usage(format!("no record there has an id that ends in {name}"))),
        _ => Err(Failure::Usage(format!("several ids end in {name}; give more characters"))),
    }
}

/// The entry of the directory with this id, number or exact name.
pub(crate) fn entry(device: &Device, kind: &str, name: &str) -> Result<RecordId, Failure> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let filter = DirectoryFilter { kind: Some(kind.to_owned()), text: name.to_owned(), limit: 500, customer: None };
    let is_it =
        |entry: &DirectoryEntry| entry.name.eq_ignore_ascii_case(name) || entry.number.eq_ignore_ascii_case(name);
    let mut found = device.directory(&filter)?.into_iter().filter(is_it);
    match (found.next(), found.next()) {
        (Some(entry), None) => Ok(entry.id),
        (Some(_), Some(_)) => {
            Err(Failure::Usage(format!("several records of kind {kind} are called {name}; give an id")))
        }
        (None, _) => Err(Failure::Usage(format!("no record of kind {kind} on this device is called {name}"))),
    }
}
