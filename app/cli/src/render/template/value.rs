//! Values as Go shows them.

use super::LABELS;
use crate::render::text::inert;
use serde_json::Value;

/// As Go prints a value.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(all) => format!("[{}]", all.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Value::Object(fields) => {
            let pairs = fields.iter().filter(|(key, _)| *key != LABELS);
            let pairs = pairs.map(|(key, value)| format!("{key}:{}", shown(value)));
            format!("map[{}]", pairs.collect::<Vec<_>>().join(" "))
        }
        other => other.to_string(),
    }
}

/// What Go calls the type of a value.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nil",
        Value::Bool(_) => "bool",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "map",
    }
}

/// JSON escapes what could steer a terminal.
pub(super) fn json(value: &Value) -> String {
    let mut value = value.clone();
    if let Some(fields) = value.as_object_mut() {
        fields.remove(LABELS);
    }
    value.to_string()
}

/// What `if` goes by.
pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(all) => !all.is_empty(),
        Value::Object(all) => !all.is_empty(),
    }
}

/// The value without anything that could steer a terminal.
pub(super) fn harmless(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(inert(&text)),
        Value::Array(all) => all.into_iter().map(harmless).collect(),
        Value::Object(all) => all
            .into_iter()
            .map(|(key, value)| (if key == LABELS { key } else { inert(&key) }, harmless(value)))
            .collect(),
        other => other,
    }
}
