//! Faults on demand: a list of rules, each for some requests, with what goes wrong then. None by default.
//!
//! ```json
//! [{"operation": "part", "part": 2, "skip": 1, "count": 1, "effect": {"status": 503, "retry_after": 2}}]
//! ```
//!
//! A scenario file says the same in TOML, one `[[fault]]` a rule. What an effect does to a request is done where the
//! request is handled; the bodies of a bad line are in [`crate::hindrance`].

use crate::journal::Target;
use serde::{Deserialize, Serialize};
use std::{num::NonZeroU64, path::Path, sync::Mutex, time::Duration};
use updock_types::{ErrorCode, OPERATIONS};

/// One rule. The first rule that fits a request and is not used up applies to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// What `GET /_local/requests` calls it where it strikes; its place in the list, from 1 up, when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// An operation of the table (`uploads.direct`, `files.list`, ...), `part` or `cdn`; any when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Only requests with this method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only requests whose path holds this text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only requests for the file with this UUID or original name: in the path, the query, or the beginning of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Only this part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<u64>,
    /// Let so many fitting requests pass first.
    pub skip: u32,
    /// Then apply to so many; to all when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// What goes wrong.
    pub effect: Effect,
}

/// What goes wrong with a request. Several may be given: a delay comes first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Effect {
    /// Wait before anything else, before the body is read, milliseconds.
    #[serde(rename = "delay_ms", with = "millis", skip_serializing_if = "Option::is_none")]
    pub delay: Option<Duration>,
    /// Answer with this status instead of handling the request. 429 is written as the service writes it. 200 needs a
    /// `body`: a captive portal's page, say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Answer with this error of the Upload API's catalogue (`AccountBlockedError`), in the form the client asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// With `status` or `error`: a `Retry-After` header, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// With `status`: the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Cut the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset: Option<Reset>,
    /// Handle the request, answer nothing, and keep the connection open: the acknowledgement is lost.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_answer: bool,
    /// Let only so many bytes a second through, each way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<NonZeroU64>,
    /// For `part`: its address has expired. For `uploads.multipart_start`: all addresses it gives have.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub expired: bool,
    /// Keep only the first so many bytes of what is stored, and say nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_bytes: Option<u64>,
    /// The disk is full after so many bytes of what is to be stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_full_after: Option<u64>,
    /// The file becomes ready only so much later, milliseconds.
    #[serde(rename = "ready_delay_ms", with = "millis", skip_serializing_if = "Option::is_none")]
    pub ready_delay: Option<Duration>,
}

/// When a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reset {
    /// Before any of the body is read.
    BeforeBody,
    /// When half of the body was read.
    MidBody,
    /// After the request was handled: it counts, and the client never learns.
    BeforeAnswer,
    /// When half of the answer's body was sent.
    MidAnswer,
}

/// Why a list of rules is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// It is no JSON list of rules.
    #[error("not a list of faults: {0}")]
    Json(String),
    /// It is no scenario in TOML.
    #[error("not a scenario: {0}")]
    Toml(String),
    /// The scenario file cannot be read.
    #[error("cannot read {file}: {reason}")]
    File {
        /// Which one.
        file: String,
        /// What the system said.
        reason: String,
    },
    /// An operation that does not exist.
    #[error("no operation is called `{0}`; there are: part, cdn, {known}", known = known_operations())]
    Operation(String),
    /// A status that nothing goes wrong with, or none at all.
    #[error("{0} is no status of a fault; expected 400 to 599, or 200 with a body")]
    Status(u16),
    /// Expiry of what does not expire.
    #[error("only part and uploads.multipart_start can be expired, not `{0}`")]
    Expiry(String),
    /// An error that is not in the catalogue.
    #[error("no error is called `{0}`; they are those of the Upload API, like AccountBlockedError")]
    Error(String),
}

fn known_operations() -> String {
    OPERATIONS.iter().map(|operation| operation.id.as_str()).collect::<Vec<_>>().join(", ")
}

impl Fault {
    /// Reads a list of rules, or a single one, and checks it.
    pub fn parse_list(json: &str) -> Result<Vec<Self>, FaultError> {
        let value: serde_json::Value =
            serde_json::from_str(json).map_err(|error| FaultError::Json(error.to_string()))?;
        let list = if value.is_array() { value } else { serde_json::Value::Array(vec![value]) };
        let faults: Vec<Self> = serde_json::from_value(list).map_err(|error| FaultError::Json(error.to_string()))?;
        faults.iter().try_for_each(Self::check)?;
        Ok(faults)
    }

    /// Reads a scenario: TOML with one `[[fault]]` a rule, and checks it.
    pub fn parse_scenario(toml: &str) -> Result<Vec<Self>, FaultError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Scenario {
            #[serde(default)]
            fault: Vec<Fault>,
        }
        let scenario: Scenario = toml::from_str(toml).map_err(|error| FaultError::Toml(error.to_string()))?;
        scenario.fault.iter().try_for_each(Self::check)?;
        Ok(scenario.fault)
    }

    /// Reads a scenario file.
    pub fn read_scenario(file: &Path) -> Result<Vec<Self>, FaultError> {
        let failed =
            |reason: std::io::Error| FaultError::File { file: file.display().to_string(), reason: reason.to_string() };
        Self::parse_scenario(&std::fs::read_to_string(file).map_err(failed)?)
    }

    fn check(&self) -> Result<(), FaultError> {
        if let Some(name) = &self.operation
            && !matches!(name.as_str(), "part" | "cdn")
            && OPERATIONS.iter().all(|operation| operation.id.as_str() != name)
        {
            return Err(FaultError::Operation(name.clone()));
        }
        if let Some(name) = self.operation.as_ref().filter(|_| self.effect.expired)
            && !matches!(name.as_str(), "part" | "uploads.multipart_start")
        {
            return Err(FaultError::Expiry(name.clone()));
        }
        let wrong = |status: &u16| !(400..=599).contains(status) && (*status != 200 || self.effect.body.is_none());
        if let Some(status) = self.effect.status.filter(wrong) {
            return Err(FaultError::Status(status));
        }
        if let Some(name) = self.effect.error.as_ref().filter(|name| error_code(name).is_none()) {
            return Err(FaultError::Error(name.clone()));
        }
        Ok(())
    }

    fn fits(&self, target: &Target) -> bool {
        self.operation.as_ref().is_none_or(|name| target.operation == Some(name.as_str()))
            && self.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(&target.method))
            && self.path.as_ref().is_none_or(|text| target.path.contains(text.as_str()))
            && self.file.as_ref().is_none_or(|file| target.files.iter().any(|name| name == file))
            && self.part.is_none_or(|part| target.part == Some(part))
    }
}

/// The code of that name.
pub(crate) fn error_code(name: &str) -> Option<ErrorCode> {
    ErrorCode::ALL.iter().copied().find(|code| code.name() == name)
}

/// The rules in force.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(crate) fn set(&self, faults: Vec<Fault>) {
        *self.lock() = faults;
    }

    pub(crate) fn list(&self) -> Vec<Fault> {
        self.lock().clone()
    }

    /// Must it be known which files a request is about?
    pub(crate) fn ask_for_files(&self) -> bool {
        self.lock().iter().any(|fault| fault.file.is_some() && fault.count != Some(0))
    }

    /// What goes wrong with this request, and what that is called; uses the rule up a little.
    pub(crate) fn take(&self, target: &Target) -> Option<(String, Effect)> {
        let mut faults = self.lock();
        let at = faults.iter().position(|fault| fault.count != Some(0) && fault.fits(target))?;
        let fault = &mut faults[at];
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        if let Some(count) = &mut fault.count {
            *count -= 1;
        }
        Some((fault.name.clone().unwrap_or_else(|| (at + 1).to_string()), fault.effect.clone()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

mod millis {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;

    #[expect(clippy::ref_option, reason = "serde gives it so")]
    pub(super) fn serialize<S: Serializer>(value: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.serialize_u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX)),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(operation: &'static str, part: Option<u64>) -> Target {
        Target {
            operation: Some(operation),
            method: "PUT".to_owned(),
            path: "/x/big.jpeg".to_owned(),
            part,
            files: Vec::new(),
        }
    }

    #[test]
    fn a_rule_skips_then_counts_then_rests() {
        let faults = Faults::default();
        faults.set(
            Fault::parse_list(r#"[{"operation":"part","part":2,"skip":1,"count":2,"effect":{"status":503}}]"#).unwrap(),
        );
        assert_eq!(faults.take(&target("part", Some(1))), None);
        let hits: Vec<bool> = (0..5).map(|_| faults.take(&target("part", Some(2))).is_some()).collect();
        assert_eq!(hits, [false, true, true, false, false]);
    }

    #[test]
    fn a_rule_used_up_makes_way_for_the_next() {
        let faults = Faults::default();
        let rules =
            r#"[{"count":1,"effect":{"delay_ms":5}},{"path":"big","method":"put","effect":{"reset":"mid_body"}}]"#;
        faults.set(Fault::parse_list(rules).unwrap());
        assert_eq!(faults.take(&target("part", None)).unwrap().1.delay, Some(Duration::from_millis(5)));
        assert_eq!(faults.take(&target("part", None)).unwrap().1.reset, Some(Reset::MidBody));
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        for (json, reason) in [
            ("nope", "not a list of faults"),
            (r#"[{"efect":{}}]"#, "unknown field"),
            (r#"[{"operation":"base"}]"#, "no operation is called `base`"),
            (r#"[{"effect":{"status":200}}]"#, "200 is no status of a fault"),
            (r#"[{"effect":{"status":204,"body":"x"}}]"#, "204 is no status of a fault"),
            (r#"[{"effect":{"error":"Nope"}}]"#, "no error is called `Nope`"),
            (r#"[{"effect":{"bytes_per_second":0}}]"#, "nonzero"),
            (r#"[{"operation":"cdn","effect":{"expired":true}}]"#, "only part and uploads.multipart_start can be"),
        ] {
            let error = Fault::parse_list(json).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_scenario_is_the_same_in_toml() {
        let toml = "[[fault]]\nname = \"busy\"\noperation = \"part\"\ncount = 2\neffect = { status = 503, retry_after = 2 }\n\n[[fault]]\nfile = \"cat.jpg\"\neffect = { delay_ms = 5 }\n";
        let json = r#"[{"name":"busy","operation":"part","count":2,"effect":{"status":503,"retry_after":2}},
                       {"file":"cat.jpg","effect":{"delay_ms":5}}]"#;
        assert_eq!(Fault::parse_scenario(toml), Fault::parse_list(json));
        for (toml, reason) in [
            ("[[faults]]", "unknown field `faults`"),
            ("[[fault]]\nefect = 1", "unknown field `efect`"),
            ("[[fault]]\noperation = \"base\"", "no operation is called `base`"),
        ] {
            let error = Fault::parse_scenario(toml).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        let error = Fault::read_scenario(Path::new("/nowhere/a.toml")).unwrap_err().to_string();
        assert!(error.starts_with("cannot read /nowhere/a.toml: "), "{error}");
    }

    #[test]
    fn what_strikes_is_named() {
        let faults = Faults::default();
        faults.set(Fault::parse_list(r#"[{"file":"a.txt"},{"name":"late","count":1},{}]"#).unwrap());
        let struck = |target: &Target| faults.take(target).unwrap().0;
        let named = Target { files: vec!["a.txt".to_owned()], ..target("part", None) };
        assert!(faults.ask_for_files());
        let names = [struck(&named), struck(&target("part", None)), struck(&target("part", None))];
        assert_eq!(names, ["1", "late", "3"]);
    }
}
