//! The work report: what a technician found and did, written in any order, a part at a time.

use fieldsync_protocol::job::ParameterChange;
use fieldsync_protocol::{Fields, RecordId, Value, fields};

use crate::device::Device;
use crate::edit::{Context, Draft};
use crate::error::Error;
use crate::signing::job;

/// Parts of a report. What is `None` stays as it is; an empty text clears.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportEntry {
    /// Where the fault is.
    pub fault_location: Option<String>,
    /// What caused it.
    pub cause: Option<String>,
    /// What it is put down to, one of [`fieldsync_protocol::kinds::ATTRIBUTIONS`].
    pub attribution: Option<String>,
    /// How it was solved.
    pub method: Option<String>,
    /// What was changed in the program.
    pub program_change: Option<String>,
    /// Parameters changed; replaces the whole list.
    pub parameters: Option<Vec<ParameterChange>>,
    /// Hazards that remain.
    pub hazards: Option<String>,
    /// How it ended, one of [`fieldsync_protocol::kinds::OUTCOMES`].
    pub outcome: Option<String>,
    /// The outcome in words.
    pub outcome_text: Option<String>,
    /// What the author's screen showed of the report; what is shown now when `None`.
    pub seen: Option<Context>,
}

impl Device {
    /// Writes parts of the technician's own report on `order`, making it when there is none, and returns its record.
    ///
    /// # Errors
    /// As for [`Device::edit`]; [`Error::NotFound`] without the order.
    pub fn write_report(&self, order: RecordId, entry: &ReportEntry) -> Result<RecordId, Error> {
        let me = self.technician()?;
        let own = self.read(|conn| {
            let job = job(conn, order)?;
            Ok(job.reports.iter().find(|report| report.technician == me).map(|report| report.id))
        })?;
        let id = own.unwrap_or_else(|| self.new_id());
        let mut draft = Draft::of("work_report", id);
        match (own, &entry.seen) {
            (None, _) => draft = draft.set("subject", fields! { "work_order" => order, "technician" => me }),
            (Some(_), Some(seen)) => draft = draft.seen(seen.clone()),
            (Some(_), None) => {}
        }
        for (group, fields) in entry.groups() {
            draft = draft.change(group, fields);
        }
        self.edit(draft)?;
        Ok(id)
    }
}

impl ReportEntry {
    /// The groups that say something, with the fields given.
    fn groups(&self) -> Vec<(&'static str, Fields)> {
        let text = |pairs: &[(&str, &Option<String>)]| -> Fields {
            let given = pairs.iter().filter_map(|(name, text)| Some(((*name).to_owned(), text.as_deref()?)));
            given.map(|(name, text)| (name, if text.is_empty() { Value::Null } else { text.into() })).collect()
        };
        let finding =
            [("fault_location", &self.fault_location), ("cause", &self.cause), ("attribution", &self.attribution)];
        let mut groups = vec![
            ("finding", text(&finding)),
            ("action", text(&[("method", &self.method), ("program_change", &self.program_change)])),
            ("hazards", text(&[("remaining", &self.hazards)])),
            ("outcome", text(&[("outcome", &self.outcome), ("text", &self.outcome_text)])),
        ];
        if let Some(changes) = &self.parameters {
            groups.push(("parameters", fields! { "changed" => changes.iter().map(parameter).collect::<Vec<Value>>() }));
        }
        groups.retain(|(_, fields)| !fields.is_empty());
        groups
    }
}

fn parameter(change: &ParameterChange) -> Value {
    fields! { "name" => change.name.as_str(), "old" => change.old.as_str(), "new" => change.new.as_str() }.into()
}
