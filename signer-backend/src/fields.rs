//! The members of a small body, taken one by one: a JSON object, or a form where official SDKs send one.
//!
//! Invariant: whatever nobody took is refused at the end, so that a caller never believes that something counted
//! which did not.

use crate::body::Body;
use crate::problem::Fault;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use updock_types::signer::ProblemKind;

/// What is left of a body.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    pub(crate) fn of(body: &Body<'_>) -> Result<Self, Fault> {
        match body {
            Body::Form(bytes) => {
                let mut map = Map::new();
                for (name, value) in form_urlencoded::parse(bytes).into_owned() {
                    if map.insert(name.clone(), Value::String(value)).is_some() {
                        return Err(bad(&name, "written once"));
                    }
                }
                Ok(Self(map))
            }
            Body::Json(_) => body
                .json()
                .map(Self)
                .map_err(|_| Fault::new(ProblemKind::BadRequest, "The body should be a JSON object, in braces.")),
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// Takes a member that does not count.
    pub(crate) fn drop(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// A text of at most `most` bytes.
    pub(crate) fn text(&mut self, name: &'static str, most: usize) -> Result<Option<String>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() <= most => Ok(Some(text)),
            Some(Value::String(_)) => Err(bad(name, &format!("at most {most} bytes long"))),
            Some(_) => Err(bad(name, "a text")),
        }
    }

    /// Yes or no, as JSON says it or as SDKs write it in texts and forms.
    pub(crate) fn flag(&mut self, name: &'static str) -> Result<Option<bool>, Fault> {
        match self.flag_or(name, "")? {
            None | Some(Err(_)) => Ok(None),
            Some(Ok(flag)) => Ok(Some(flag)),
        }
    }

    /// Yes, no, or `word`.
    pub(crate) fn flag_or(
        &mut self,
        name: &'static str,
        word: &'static str,
    ) -> Result<Option<Result<bool, &'static str>>, Fault> {
        Ok(match self.take(name) {
            None => None,
            Some(Value::Bool(flag)) => Some(Ok(flag)),
            Some(Value::String(text)) => match text.as_str() {
                "1" | "true" | "True" => Some(Ok(true)),
                "0" | "false" | "False" => Some(Ok(false)),
                _ if !word.is_empty() && text == word => Some(Err(word)),
                _ => return Err(bad(name, "true or false")),
            },
            Some(_) => return Err(bad(name, "true or false")),
        })
    }

    /// Anything that can be read.
    pub(crate) fn parsed<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        expected: &str,
    ) -> Result<Option<T>, Fault> {
        let read = |value| serde_json::from_value(value).map_err(|_| bad(name, expected));
        self.take(name).map(read).transpose()
    }

    /// A member that must be there.
    pub(crate) fn needed<T>(
        &mut self,
        name: &'static str,
        take: impl FnOnce(&mut Self, &'static str) -> Result<Option<T>, Fault>,
    ) -> Result<T, Fault> {
        let missing = || Fault::new(ProblemKind::BadRequest, format!("`{name}` is missing in the body."));
        take(self, name)?.ok_or_else(missing)
    }

    /// `read`, if nothing is left.
    pub(crate) fn end<T>(self, read: T) -> Result<T, Fault> {
        match self.0.iter().find(|(_, value)| !value.is_null()) {
            None => Ok(read),
            Some((name, _)) => {
                let name = crate::sentence::quoted(name);
                let sentence = format!("`{}` is not known here; leave it out.", name.trim_matches('"'));
                Err(Fault::new(ProblemKind::BadRequest, sentence))
            }
        }
    }
}

fn bad(name: &str, expected: &str) -> Fault {
    let name = crate::sentence::quoted(name);
    Fault::new(ProblemKind::BadRequest, format!("`{}` should be {expected}.", name.trim_matches('"')))
}
