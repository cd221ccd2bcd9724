//! What a field may hold. No floats: money is integer minor units, quantities are scaled integers, time is
//! milliseconds since 1970 UTC.
//!
//! A [`Value`] is schema-less on purpose: what a newer version writes survives an older one untouched. The table of
//! kinds ([`crate::kinds`]) says what *our* version expects; it is checked when a person edits, never when a record
//! is stored or merged.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::ids::Hash;
use crate::limits::VALUE_DEPTH_MAX;

/// The fields of one group of one record, by name.
pub type Fields = BTreeMap<String, Value>;

/// One field's content.
///
/// In CBOR the variants are the format's own types. In JSON, bytes are written as `{"$bytes": "<hex>"}`, and a name in a
/// map that begins with `$` is written with one more; everything else is what one expects. Ids and hashes are
/// [`Value::Bytes`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Nothing: the field was cleared.
    Null,
    /// A yes or no.
    Bool(bool),
    /// A whole number: count, milliseconds, minor units, thousandths.
    Int(i64),
    /// Text, stored as entered.
    Text(String),
    /// Ids, hashes, small binary content.
    Bytes(Vec<u8>),
    /// Values in order.
    List(Vec<Value>),
    /// Named values.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// The text, when it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, when it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The yes or no, when it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(yes) => Some(*yes),
            _ => None,
        }
    }

    /// The bytes, when it holds some.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The elements, when it is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// The named values, when it is a map.
    pub fn as_map(&self) -> Option<&BTreeMap<String, Value>> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The 16 bytes as an id, when that is what it holds.
    pub fn as_uuid(&self) -> Option<Uuid> {
        self.as_bytes().and_then(|bytes| Uuid::from_slice(bytes).ok())
    }

    /// The 32 bytes as a hash, when that is what it holds.
    pub fn as_hash(&self) -> Option<Hash> {
        self.as_bytes().and_then(Hash::from_slice)
    }

    /// Nesting depth: 1 for a scalar.
    pub fn depth(&self) -> usize {
        match self {
            Self::List(list) => 1 + list.iter().map(Self::depth).max().unwrap_or(0),
            Self::Map(map) => 1 + map.values().map(Self::depth).max().unwrap_or(0),
            _ => 1,
        }
    }

    /// About how many bytes the content takes; for limits, not for accounting.
    pub fn weight(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) => 1,
            Self::Int(_) => 9,
            Self::Text(text) => text.len() + 3,
            Self::Bytes(bytes) => bytes.len() + 3,
            Self::List(list) => 3 + list.iter().map(Self::weight).sum::<usize>(),
            Self::Map(map) => 3 + map.iter().map(|(name, value)| name.len() + 3 + value.weight()).sum::<usize>(),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(yes) => yes.fmt(f),
            Self::Int(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Bytes(bytes) => write!(f, "h'{}'", hex::encode(bytes)),
            Self::List(list) => list.fmt(f),
            Self::Map(map) => map.fmt(f),
        }
    }
}

macro_rules! from_impl {
    ($($source:ty => |$name:ident| $value:expr;)*) => {
        $(impl From<$source> for Value {
            fn from($name: $source) -> Self { $value }
        })*
    };
}

from_impl! {
    bool => |yes| Value::Bool(yes);
    i64 => |number| Value::Int(number);
    i32 => |number| Value::Int(number.into());
    u32 => |number| Value::Int(number.into());
    &str => |text| Value::Text(text.to_owned());
    String => |text| Value::Text(text);
    Vec<u8> => |bytes| Value::Bytes(bytes);
    Vec<Value> => |list| Value::List(list);
    Fields => |map| Value::Map(map);
    Uuid => |id| Value::Bytes(id.as_bytes().to_vec());
    crate::ids::RecordId => |id| Value::Bytes(id.as_bytes().to_vec());
    crate::ids::DeviceId => |id| Value::Bytes(id.as_bytes().to_vec());
    crate::ids::PersonId => |id| Value::Bytes(id.as_bytes().to_vec());
    Hash => |hash| Value::Bytes(hash.as_bytes().to_vec());
    crate::ids::SignatureBytes => |bytes| Value::Bytes(bytes.as_bytes().to_vec());
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(option: Option<T>) -> Self {
        option.map_or(Value::Null, Into::into)
    }
}

/// Builds [`Fields`] from `name => value` pairs.
#[macro_export]
macro_rules! fields {
    ($($name:expr => $value:expr),* $(,)?) => {{
        #[allow(unused_mut, reason = "an empty list of fields is allowed")]
        let mut fields = $crate::Fields::new();
        $(fields.insert(($name).into(), $crate::Value::from($value));)*
        fields
    }};
}

const BYTES_KEY: &str = "$bytes";

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(yes) => serializer.serialize_bool(*yes),
            Self::Int(number) => serializer.serialize_i64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) if serializer.is_human_readable() => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(BYTES_KEY, &hex::encode(bytes))?;
                map.end()
            }
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::List(list) => list.serialize(serializer),
            Self::Map(map) if serializer.is_human_readable() => {
                let mut object = serializer.serialize_map(Some(map.len()))?;
                for (name, value) in map {
                    let escape = if name.starts_with('$') { "$" } else { "" };
                    object.serialize_entry(&format!("{escape}{name}"), value)?;
                }
                object.end()
            }
            Self::Map(map) => map.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = deserializer.is_human_readable();
        let value = deserializer.deserialize_any(ValueVisitor { json })?;
        if value.depth() > VALUE_DEPTH_MAX {
            return Err(serde::de::Error::custom("value nested too deeply"));
        }
        Ok(value)
    }
}

struct ValueVisitor {
    json: bool,
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a yes or no, a whole number, text, bytes, a list or a map")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Value, E> {
        Ok(Value::Bool(yes))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        i64::try_from(number).map(Value::Int).map_err(|_| E::custom("number too large"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(bytes.to_vec()))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Value, E> {
        Ok(Value::Bytes(bytes))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element()? {
            list.push(value);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            if map.insert(name, value).is_some() {
                return Err(serde::de::Error::custom("a name stands twice in a map"));
            }
        }
        if self.json {
            if map.len() == 1
                && let Some(Value::Text(text)) = map.get(BYTES_KEY)
            {
                return hex::decode(text).map(Value::Bytes).map_err(serde::de::Error::custom);
            }
            return unescaped(map)
                .map(Value::Map)
                .ok_or_else(|| serde::de::Error::custom("a name begins with one `$`"));
        }
        Ok(Value::Map(map))
    }
}

/// The names as they were before JSON; `None` when one is reserved for what JSON cannot say otherwise.
fn unescaped(map: Fields) -> Option<Fields> {
    if !map.keys().any(|name| name.starts_with('$')) {
        return Some(map);
    }
    map.into_iter()
        .map(|(name, value)| match name.strip_prefix('$') {
            Some(rest) => rest.starts_with('$').then(|| (rest.to_owned(), value)),
            None => Some((name, value)),
        })
        .collect()
}

/// Short-hands to read typed content out of [`Fields`]; a missing field and one of another type both read as `None`.
pub trait FieldsExt {
    /// The text in `name`.
    fn text(&self, name: &str) -> Option<&str>;
    /// The number in `name`.
    fn int(&self, name: &str) -> Option<i64>;
    /// The yes or no in `name`; `false` when absent.
    fn flag(&self, name: &str) -> bool;
    /// The record id in `name`.
    fn id(&self, name: &str) -> Option<crate::ids::RecordId>;
    /// The hash in `name`.
    fn hash(&self, name: &str) -> Option<Hash>;
}

impl FieldsExt for Fields {
    fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_text)
    }

    fn int(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(Value::as_int)
    }

    fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    fn id(&self, name: &str) -> Option<crate::ids::RecordId> {
        self.get(name).and_then(Value::as_uuid).map(crate::ids::RecordId)
    }

    fn hash(&self, name: &str) -> Option<Hash> {
        self.get(name).and_then(Value::as_hash)
    }
}
