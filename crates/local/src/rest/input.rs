//! Bodies as SDKs send them: unknown keys are ignored, `null` means not given, booleans may be texts.
//! Source: REST API v0.7, conventions.

use super::{Call, Failure};
use serde_json::{Map, Value};

/// The body; null where there is none. What is no JSON, no UTF-8 or nested without end is refused.
pub(crate) fn value(call: &Call<'_>) -> Result<Value, Failure> {
    if call.body.trim_ascii().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(call.body).map_err(|error| Failure::bad(format!("JSON parse error - {error}")))
}

/// The body as an object; an empty one where there is no body.
pub(crate) fn object(call: &Call<'_>) -> Result<Map<String, Value>, Failure> {
    match value(call)? {
        Value::Null => Ok(Map::new()),
        Value::Object(object) => Ok(object),
        _ => Err(Failure::bad("Expected JSON object.")),
    }
}

/// A member that was given.
pub(crate) fn given<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// `true`, `false`, or either as a text.
pub(crate) fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => match text.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}
