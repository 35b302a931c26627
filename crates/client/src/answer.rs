//! Answers: read whole within bounds of time and size, and told apart by what a caller can do about them.

use crate::Error;
use crate::http::{Http, Payload};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use updock_types::{ErrorEnvelope, UploadApiError};

/// What official SDKs wait when they are throttled without being told for how long.
const DEFAULT_WAIT: Duration = Duration::from_secs(15);
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// An answer of any status, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// Its headers, as they came.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Sends a request and reads its answer.
pub(crate) async fn receive(
    http: &Http,
    request: Request<Payload>,
    within: Duration,
    limit: usize,
) -> Result<Answer, Error> {
    let whole = async {
        let response = http.request(request).await.map_err(|error| {
            if error.is_connect() { Error::Unreachable(error) } else { Error::Broken(error.into()) }
        })?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, limit).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() { Error::TooLarge { limit } } else { Error::Broken(error) }
        })?;
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
    };
    tokio::time::timeout(within, whole).await.unwrap_or(Err(Error::Timeout { after: within }))
}

impl Answer {
    /// The value in a successful answer; the error in any other.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.done()?;
        serde_json::from_slice(&self.body).map_err(|error| self.unexpected(format!("not the JSON we know: {error}")))
    }

    /// Nothing if the answer is a success, whatever is in it; the error in any other.
    pub fn done(&self) -> Result<(), Error> {
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Error::Throttled { wait: self.wait() });
        }
        if self.status.is_client_error() {
            let detail = detail(&self.body).unwrap_or_else(|| "no reason given".to_owned());
            return Err(Error::Refused { status: self.status.as_u16(), detail, code: String::new() });
        }
        if !self.status.is_success() {
            return Err(self.unexpected("neither success nor a refusal".to_owned()));
        }
        Ok(())
    }

    /// As [`Self::read`] for the Upload API, whose errors travel in an envelope under status 200.
    pub(crate) fn read_upload<T: DeserializeOwned>(&self) -> Result<T, Error> {
        match self.envelope() {
            None => self.read(),
            Some(error) if error.status_code == 429 => Err(Error::Throttled { wait: self.wait() }),
            Some(error) if error.status_code >= 500 => {
                Err(Error::Unexpected { status: error.status_code, what: error.content })
            }
            Some(error) => {
                Err(Error::Refused { status: error.status_code, detail: error.content, code: error.error_code })
            }
        }
    }

    /// The status that counts: inside the envelope, if there is one.
    pub(crate) fn true_status(&self) -> u16 {
        // Only a small body can be an envelope; large answers are not read twice for it.
        let small = self.body.len() < 4096;
        let envelope = if small { self.envelope() } else { None };
        envelope.map_or(self.status.as_u16(), |error| error.status_code)
    }

    fn envelope(&self) -> Option<UploadApiError> {
        serde_json::from_slice::<ErrorEnvelope>(&self.body).ok().map(|envelope| envelope.error)
    }

    fn unexpected(&self, what: String) -> Error {
        Error::Unexpected { status: self.status.as_u16(), what }
    }

    /// How long a throttled caller should wait.
    pub fn wait(&self) -> Duration {
        retry_after(&self.headers).unwrap_or(DEFAULT_WAIT).clamp(Duration::from_secs(1), LONGEST_WAIT)
    }
}

/// `Retry-After` in seconds, or as a date; a date is held against the answer's own `Date` where there is one, for
/// clocks differ. Source: RFC 9110, section 10.2.3.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = text.parse().ok().or_else(|| {
        let at = updock_sign::parse_http_date(text)?;
        let sent = headers.get(header::DATE).and_then(|date| updock_sign::parse_http_date(date.to_str().ok()?));
        Some(at.saturating_sub(sent.unwrap_or_else(crate::client::now)))
    })?;
    Some(Duration::from_secs(seconds))
}

/// The sentence in an error body. Source: REST API v0.7, Errors (`detail`, or a map of fields to texts, nested for
/// the conditions of a search).
fn detail(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    if let Some(text) = value.get("detail").and_then(Value::as_str) {
        return Some(text.to_owned());
    }
    first_text(&value, &mut Vec::new())
}

fn first_text(value: &Value, path: &mut Vec<String>) -> Option<String> {
    match value {
        Value::String(text) if path.is_empty() => Some(text.clone()),
        Value::String(text) => Some(format!("{}: {text}", path.join("."))),
        Value::Array(items) => items.iter().find_map(|item| first_text(item, path)),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let named = name != "non_field_errors";
            if named {
                path.push(name.clone());
            }
            let text = first_text(value, path);
            if named {
                path.pop();
            }
            text
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_is_found_in_every_envelope() {
        for (body, expected) in [
            (r#"{"detail":"Not found."}"#, Some("Not found.")),
            (r#"{"target":["Must be a valid UUID."]}"#, Some("target: Must be a valid UUID.")),
            (r#"{"size":{"non_field_errors":["Expected an object."]}}"#, Some("size: Expected an object.")),
            (r#"{"non_field_errors":["Already subscribed"]}"#, Some("Already subscribed")),
            (r#"["Expected list of UUIDs"]"#, Some("Expected list of UUIDs")),
            (r#""Expected list of UUIDs""#, Some("Expected list of UUIDs")),
            ("<html>", None),
            ("{}", None),
        ] {
            assert_eq!(detail(body.as_bytes()).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn a_wait_is_read_from_seconds_and_dates() {
        let told = |wait: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, wait.parse().unwrap());
            headers.extend(date.map(|date| (header::DATE, date.parse().unwrap())));
            retry_after(&headers)
        };
        assert_eq!(told(" 7 ", None), Some(Duration::from_secs(7)));
        let date = updock_sign::http_date(crate::client::now() + 30);
        let wait = told(&date, None).unwrap().as_secs();
        assert!((28..=30).contains(&wait), "{wait}");
        let (sent, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:37 GMT");
        assert_eq!(told(sent, None), Some(Duration::ZERO));
        assert_eq!(told(later, Some(sent)), Some(Duration::from_mins(1)), "by the server's clock");
        assert_eq!(told("soon", None), None);
    }
}
