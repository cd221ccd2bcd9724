//! Puts records into words: labels of groups and fields, values by the table of kinds, versions and dots as form fields.

use std::collections::BTreeMap;

use fieldsync_protocol::kinds::{self, Type};
use fieldsync_protocol::limits::VERSION_ENTRIES_MAX;
use fieldsync_protocol::{Dot, Fields, FieldsExt, RecordId, ReplicaId, Value, Version, encode};

use super::view::show::{self, Zone};

/// Names of the records and people that a text may refer to.
pub(super) type Names = BTreeMap<RecordId, String>;

/// Longest value shown inside a sentence or a line of the timeline, characters.
const BRIEF_CHARS: usize = 160;

/// The label of a group, as a heading.
pub(super) fn group_label(group: &str) -> String {
    match group {
        "finding" => "Finding".to_owned(),
        "action" => "Method".to_owned(),
        "parameters" => "Changed settings".to_owned(),
        "hazards" => "Remaining hazards".to_owned(),
        "parties" => "Customer, site and asset".to_owned(),
        "problem" => "Problem".to_owned(),
        "identity" => "Name and number".to_owned(),
        "reach" => "Phone and e-mail".to_owned(),
        "deleted" => "Deletion".to_owned(),
        other => humanised(other),
    }
}

/// The label of a field.
pub(super) fn field_label(field: &str) -> String {
    match field {
        "due_ms" => "Due".to_owned(),
        "planned_from_ms" => "Planned start".to_owned(),
        "planned_to_ms" => "Planned end".to_owned(),
        "quantity_milli" => "Quantity".to_owned(),
        "remaining" => "Remaining hazards".to_owned(),
        "changed" => "Changed settings".to_owned(),
        other => {
            let stem = other.strip_suffix("_ms").or_else(|| other.strip_suffix("_minor")).unwrap_or(other);
            humanised(stem)
        }
    }
}

/// The label of a field where it stands: the only text of a group is called what the group is called.
fn label_in(kind: &str, group: &str, field: &str) -> String {
    match (field, group) {
        ("text", "text") => kind_label(kind),
        ("text", "outcome") => "In words".to_owned(),
        ("text", group) => group_label(group),
        (field, _) => field_label(field),
    }
}

/// What a kind is called.
pub(super) fn kind_label(kind: &str) -> String {
    humanised(kind)
}

/// A word of the table as people read it: `cannot_complete` becomes `Cannot complete`.
pub(super) fn humanised(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    first + &letters.as_str().replace('_', " ")
}

/// Values as text.
#[derive(Clone, Copy)]
pub(super) struct Speaker<'a> {
    pub(super) zone: Zone,
    pub(super) names: &'a Names,
}

impl Speaker<'_> {
    /// Label and value of every field of a group that says something, in the table's order, unknown ones last.
    pub(super) fn facts(&self, kind: &str, group: &str, fields: &Fields) -> Vec<(String, String)> {
        let known = kinds::kind(kind).and_then(|kind| kind.group(group)).map_or(&[][..], |group| group.fields);
        let unknown = fields.keys().filter(|name| known.iter().all(|field| field.name != name.as_str()));
        let names = known.iter().map(|field| field.name).chain(unknown.map(String::as_str));
        let label = |name: &str| label_in(kind, group, name);
        names
            .filter(|name| !matches!(fields.get(*name), None | Some(Value::Null)))
            .filter(|name| !(*name == "currency" && known.iter().any(|field| field.holds == Type::Money)))
            .map(|name| (label(name), self.value(kind, group, fields, name)))
            .collect()
    }

    /// One field's content as text; empty when it says nothing.
    pub(super) fn value(&self, kind: &str, group: &str, fields: &Fields, name: &str) -> String {
        let Some(value) = fields.get(name) else { return String::new() };
        let table = kinds::kind(kind).and_then(|kind| kind.group(group));
        let holds =
            table.and_then(|group| group.fields.iter().find(|field| field.name == name)).map(|field| field.holds);
        match (holds, value) {
            (Some(Type::Time), Value::Int(ms)) => self.zone.full(*ms).text,
            (Some(Type::Money), Value::Int(minor)) => show::money(*minor, fields.text("currency").unwrap_or("")),
            (Some(Type::Quantity), Value::Int(milli)) => show::quantity(*milli, fields.text("unit").unwrap_or("")),
            (Some(Type::Choice(_)), Value::Text(word)) => choice(word),
            (Some(Type::Reference(_)), value) => {
                let id = value.as_uuid().map(RecordId);
                id.and_then(|id| self.names.get(&id).cloned()).unwrap_or_else(|| "not known here".to_owned())
            }
            (_, value) => plain(value),
        }
    }

    /// What an edit changed, one line a field: `Priority: Normal → High`.
    pub(super) fn changes(&self, kind: &str, group: &str, before: Option<&Fields>, after: &Fields) -> Vec<String> {
        let empty = Fields::new();
        let before_fields = before.unwrap_or(&empty);
        let mut names: Vec<&String> = after.keys().chain(before_fields.keys()).collect();
        names.sort();
        names.dedup();
        names
            .into_iter()
            .filter(|name| before_fields.get(*name) != after.get(*name) && name.as_str() != "currency")
            .filter_map(|name| {
                let old = brief(&self.value(kind, group, before_fields, name));
                let new = brief(&self.value(kind, group, after, name));
                let label = label_in(kind, group, name);
                match (old.is_empty(), new.is_empty()) {
                    (true, true) => None,
                    (true, false) => Some(format!("{label}: {new}")),
                    (false, true) => Some(format!("{label}: {old} → nothing")),
                    (false, false) => Some(format!("{label}: {old} → {new}")),
                }
            })
            .collect()
    }
}

/// A word out of the table's choices as people read it.
pub(super) fn choice(word: &str) -> String {
    let categories = show::CATEGORIES.iter().find(|(known, _)| *known == word);
    categories.map_or_else(|| humanised(word), |(_, label)| (*label).to_owned())
}

/// Shortened to what fits a line.
pub(super) fn brief(text: &str) -> String {
    let mut shown: String = text.chars().take(BRIEF_CHARS).collect();
    if text.chars().nth(BRIEF_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Int(number) => show::grouped(*number),
        Value::Text(text) => text.clone(),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::List(list) => list.iter().map(plain).collect::<Vec<_>>().join("; "),
        Value::Map(map) => match (map.text("name"), map.text("old"), map.text("new")) {
            (Some(name), old, Some(new)) => format!("{name}: {} → {new}", old.unwrap_or("")),
            _ => map
                .iter()
                .map(|(name, value)| format!("{}: {}", humanised(name), plain(value)))
                .collect::<Vec<_>>()
                .join(", "),
        },
    }
}

/// A version as a form carries it.
pub(super) fn version_field(version: &Version) -> String {
    hex::encode(encode::cbor(version))
}

/// The version a form brings back. It only selects which values an edit replaces, so it needs no proof.
pub(super) fn parse_version(field: &str) -> Option<Version> {
    let version: Version = encode::from_cbor(&hex::decode(field).ok()?).ok()?;
    (version.len() <= VERSION_ENTRIES_MAX).then_some(version)
}

/// A dot as a form carries it.
pub(super) fn dot_field(dot: Dot) -> String {
    format!("{}-{}", dot.replica, dot.counter)
}

/// The dot a form brings back.
pub(super) fn parse_dot(field: &str) -> Option<Dot> {
    let (replica, counter) = field.split_once('-')?;
    Some(Dot { replica: replica.parse::<ReplicaId>().ok()?, counter: counter.parse().ok()? })
}

/// Text as a part of a query string.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use fieldsync_protocol::fields;

    use super::*;

    #[test]
    fn a_change_of_plan_is_said_in_words() {
        let names = Names::new();
        let speaker = Speaker { zone: Zone::east_of_utc(0), names: &names };
        let before = fields! { "priority" => "normal", "due_ms" => 0 };
        let after = fields! { "priority" => "high", "due_ms" => 0, "signature_required" => true };

        assert_eq!(
            speaker.changes("work_order", "plan", Some(&before), &after),
            ["Priority: Normal → High", "Signature required: yes"]
        );
    }

    #[test]
    fn money_and_quantities_are_read_by_the_table() {
        let names = Names::new();
        let speaker = Speaker { zone: Zone::east_of_utc(0), names: &names };
        let line = fields! { "name" => "Oil", "quantity_milli" => 12_500, "unit" => "l", "price_minor" => 620, "currency" => "AUD" };

        let facts = speaker.facts("part_line", "use", &line);

        assert!(facts.contains(&("Quantity".to_owned(), "12.5 l".to_owned())));
        assert!(facts.contains(&("Price".to_owned(), "6.20 AUD".to_owned())));
    }

    #[test]
    fn versions_and_dots_come_back_from_a_form_as_they_went() {
        let dot = Dot { replica: ReplicaId([7; 16]), counter: 3 };
        let mut version = Version::new();
        version.add(dot);

        assert_eq!(parse_version(&version_field(&version)), Some(version));
        assert_eq!(parse_dot(&dot_field(dot)), Some(dot));
        assert_eq!(parse_version("zz"), None);
        assert_eq!(parse_dot("7-"), None);
    }

    #[test]
    fn a_query_keeps_every_letter() {
        assert_eq!(encoded("/jobs?q=左 臂"), "%2Fjobs%3Fq%3D%E5%B7%A6%20%E8%87%82");
    }
}
