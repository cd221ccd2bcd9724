//! Who may see what, worked out the slow way from all records: the oracle's word on scope.

use std::collections::{BTreeMap, BTreeSet};

use fieldsync_protocol::{Fields, FieldsExt, Record, RecordId, Value};

use super::state::OfficeState;

const SHARED: [&str; 2] = ["part", "technician"];
const REFERRED: [&str; 4] = ["customer", "site", "asset", "contact"];
const PARTIES: [&str; 4] = ["customer", "site", "asset", "contact"];

/// The value of a group that is shown: its owner's before another's, a set flag before an unset one, then the highest
/// dot.
fn shown<'a>(record: &'a Record, group: &str, is_offices: bool) -> Option<&'a Fields> {
    let rank = |(dot, sibling): &(_, &'a fieldsync_protocol::Sibling)| {
        let has_flag = sibling.fields.values().any(|value| *value == Value::Bool(true));
        (sibling.stamp.device.is_none() == is_offices, has_flag, *dot)
    };
    record.siblings(group).max_by_key(rank).map(|(_, sibling)| &sibling.fields)
}

/// The work order that the first group of a record names. That group is never written twice by different people.
fn order_of(record: &Record) -> Option<RecordId> {
    let main = record.groups.values().flat_map(|siblings| siblings.values());
    main.filter_map(|sibling| sibling.fields.id("work_order")).next()
}

/// Whether a technician opened a record on site. Of what a revoked device opened, a person may have released a part: as
/// long as its main group is not in, nobody has opened it.
fn is_opener(record: &Record, main: &str, opened: &BTreeMap<RecordId, RecordId>, technician: RecordId) -> bool {
    opened.get(&record.id) == Some(&technician) && record.groups.contains_key(main)
}

/// What a technician may see now. `opened` names who opened a record on site.
pub(crate) fn visible(
    office: &OfficeState,
    opened: &BTreeMap<RecordId, RecordId>,
    technician: RecordId,
) -> BTreeSet<RecordId> {
    let mut below: BTreeMap<RecordId, Vec<&Record>> = BTreeMap::new();
    for (_, record) in office.records.values() {
        if let Some(order) = order_of(record).filter(|_| record.kind != "work_order") {
            below.entry(order).or_default().push(record);
        }
    }
    let mut seen = BTreeSet::new();
    for (id, (_, record)) in &office.records {
        if SHARED.contains(&record.kind.as_str()) {
            seen.insert(*id);
        }
        if REFERRED.contains(&record.kind.as_str()) && is_opener(record, "identity", opened, technician) {
            seen.insert(*id);
        }
        if record.kind != "work_order" {
            continue;
        }
        let hanging = below.get(id).map(Vec::as_slice).unwrap_or_default();
        let assignments: Vec<&&Record> = hanging.iter().filter(|record| record.kind == "assignment").collect();
        let is_assigned = assignments.iter().any(|assignment| {
            let is_named =
                assignment.siblings("plan").any(|(_, sibling)| sibling.fields.id("technician") == Some(technician));
            let is_withdrawn = shown(assignment, "withdrawn", true).is_some_and(|fields| fields.flag("withdrawn"));
            let is_declined =
                shown(assignment, "response", false).is_some_and(|fields| fields.text("response") == Some("declined"));
            is_named && !is_withdrawn && !is_declined
        });
        if is_assigned || assignments.is_empty() && is_opener(record, "origin", opened, technician) {
            seen.insert(*id);
            seen.extend(hanging.iter().map(|record| record.id));
            if let Some(parties) = shown(record, "parties", true) {
                let named = PARTIES.iter().filter_map(|field| parties.id(field));
                seen.extend(named.filter(|target| office.records.contains_key(target)));
            }
        }
    }
    seen
}
