//! Request bodies: small JSON, read whole within bounds of size and time, with one media type.
//!
//! The media type matters beyond form: a browser sends `application/json` to another origin only after asking, so a
//! page that is not listed cannot even make its visitors' browsers send us something.

use crate::problem::Fault;
use axum::extract::{FromRequest, Request};
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use std::time::Duration;
use updock_types::signer::ProblemKind;

/// Largest body of our own requests, in bytes.
const LIMIT: usize = 8 * 1024;
/// Largest body of a request to the REST front: a search, a conversion of many files.
pub(crate) const FRONT_LIMIT: usize = 64 * 1024;
/// Largest list of ids.
pub(crate) const BATCH_LIMIT: usize = 256 * 1024;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

/// The body of a request to the REST front, as its label says: JSON, or a form where official SDKs send one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body<'a> {
    Json(&'a [u8]),
    Form(&'a [u8]),
}

impl<'a> Body<'a> {
    /// For operations that read none.
    pub(crate) const NONE: Self = Self::Json(b"");

    /// The JSON value.
    pub(crate) fn json<T: serde::Deserialize<'a>>(&self) -> Result<T, Fault> {
        match self {
            Self::Json(bytes) => from_json(bytes)
                .map_err(|why| Fault::new(ProblemKind::BadRequest, format!("The body cannot be read: {why}."))),
            Self::Form(_) => Err(wrong_type()),
        }
    }

    #[cfg(test)]
    pub(crate) fn json_of(bytes: &'a [u8]) -> Self {
        Self::Json(bytes)
    }

    #[cfg(test)]
    pub(crate) fn form_of(bytes: &'a [u8]) -> Self {
        Self::Form(bytes)
    }
}

/// The label of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Label {
    Json,
    Form,
    Other,
}

impl Label {
    /// Of a request with these headers.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
        let is = |name: &str| media_type.eq_ignore_ascii_case(name);
        if is("application/json") || is(updock_types::rest::MEDIA_TYPE) {
            Self::Json
        } else if is("application/x-www-form-urlencoded") {
            Self::Form
        } else {
            Self::Other
        }
    }
}

/// A JSON body, or none at all, which counts as the default.
pub(crate) struct OptionalJson<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Json<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let is_json = is_json(&request);
        let body = read(request, LIMIT).await?;
        if is_json { parse(&body).map(Self) } else { Err(wrong_type()) }
    }
}

impl<T: DeserializeOwned + Default, S: Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let is_json = is_json(&request);
        let body = read(request, LIMIT).await?;
        match (body.is_empty(), is_json) {
            (true, _) => Ok(Self(T::default())),
            (false, true) => parse(&body).map(Self),
            (false, false) => Err(wrong_type()),
        }
    }
}

fn is_json(request: &Request) -> bool {
    Label::of(request.headers()) == Label::Json
}

pub(crate) fn wrong_type() -> Fault {
    Fault::new(ProblemKind::UnsupportedMediaType, "Send the body as JSON, with `Content-Type: application/json`.")
}

fn too_large(limit: usize) -> Fault {
    Fault::new(ProblemKind::TooLarge, format!("The body may have {limit} bytes at most."))
}

/// The whole body, within bounds of size and time.
pub(crate) async fn read(request: Request, limit: usize) -> Result<bytes::Bytes, Fault> {
    let (parts, body) = request.into_parts();
    read_of(&parts.headers, body, limit).await
}

/// See [`read`]; for whoever still needs the headers.
pub(crate) async fn read_of(headers: &HeaderMap, body: axum::body::Body, limit: usize) -> Result<bytes::Bytes, Fault> {
    read_within(headers, body, limit, PATIENCE).await
}

async fn read_within(
    headers: &HeaderMap,
    body: axum::body::Body,
    limit: usize,
    patience: Duration,
) -> Result<bytes::Bytes, Fault> {
    // What is announced as too large need not be read first.
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > limit as u64) {
        return Err(too_large(limit));
    }
    let body = Limited::new(body, limit).collect();
    match tokio::time::timeout(patience, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Ok(Err(_)) => Err(Fault::new(ProblemKind::BadRequest, "The body broke off; send the request again.")),
        Err(_) => Err(Fault::new(ProblemKind::BadRequest, "The body did not arrive in time; send the request again.")),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    // serde would also read a struct from a list of its values; what we document is an object.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Fault::new(ProblemKind::BadRequest, "The body should be a JSON object, in braces."));
    }
    Body::Json(body).json()
}

/// A value, or which field does not take what stands there; what that quotes came from this very caller.
pub(crate) fn understood<'de, T, D>(given: D) -> Result<T, String>
where
    T: serde::Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    serde_path_to_error::deserialize(given).map_err(|error| told(&error.path().to_string(), &error.inner().to_string()))
}

fn from_json<'de, T: serde::Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, String> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = understood(&mut json)?;
    json.end().map_err(|error| told(ROOT, &error.to_string()))?;
    Ok(value)
}

/// What `serde_path_to_error` calls the whole.
const ROOT: &str = ".";

/// serde's text in other words: it speaks of types, and does not say of which field.
fn told(path: &str, text: &str) -> String {
    // A key that is no text has no name there.
    let path = path.trim_end_matches(".?");
    let (text, place) = text.rsplit_once(" at line ").unwrap_or((text, ""));
    let types = text.strip_prefix("invalid type: ").or_else(|| text.strip_prefix("invalid value: "));
    let what = match types.and_then(|types| types.rsplit_once(", expected ")) {
        Some((found, wanted)) if path == ROOT => format!("it should be {}, not {found}", form(wanted)),
        Some((found, wanted)) => format!("`{path}` takes {}, not {found}", form(wanted)),
        None if text.starts_with("EOF ") => "it ends in the middle".to_owned(),
        None if path == ROOT || text.starts_with("unknown field ") => text.to_owned(),
        None => format!("`{path}`: {text}"),
    };
    let place = if place.is_empty() { String::new() } else { format!(" (line {place})") };
    crate::sentence::explanation(&format!("{what}{place}"))
}

fn form(wanted: &str) -> &str {
    match wanted {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0 on",
        "i32" | "i64" => "a whole number",
        "f64" => "a number",
        "a sequence" => "a list",
        "a map" => "an object",
        structure if structure.starts_with("struct ") => "an object",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt, stream};
    use std::io;

    #[test]
    fn what_is_wrong_with_a_body_is_told_whole_and_escaped_once() {
        use updock_types::signer::{CredentialRequest, IssueKeyRequest};
        fn detail<T: DeserializeOwned>(body: &str) -> String {
            parse::<T>(body.as_bytes()).err().map(|fault| fault.detail().to_owned()).unwrap_or_default()
        }
        let wrong_life = detail::<IssueKeyRequest>(r#"{"expires_in": true}"#);
        assert!(wrong_life.contains(r#"or "never""#) && !wrong_life.contains('\\'), "{wrong_life}");
        let unknown = detail::<CredentialRequest>(r#"{"tll": 3}"#);
        for name in ["`tll`", "`ttl`", "`operations`", "`scope`", "`for`", "`kind`", "line 1"] {
            assert!(unknown.contains(name), "{name} is not in: {unknown}");
        }
        let broken = detail::<CredentialRequest>("{\"a\\nb\u{202e}\": 1}");
        assert!(broken.contains(r"a\u{a}b\u{202e}"), "{broken}");
        let long = detail::<CredentialRequest>(&format!("{{\"{}\": 1}}", "é".repeat(4000)));
        assert!(long.chars().count() < 450 && long.ends_with("...."), "{long}");
    }

    #[test]
    fn what_a_field_does_not_take_is_told_with_its_name_and_without_rusts_types() {
        use updock_types::signer::{CredentialRequest, DeriveKeyRequest};
        type Read = fn(&[u8]) -> Option<String>;
        fn why<T: DeserializeOwned>(body: &[u8]) -> Option<String> {
            parse::<T>(body).err().map(|fault| fault.detail().to_owned())
        }
        let credential: Read = why::<CredentialRequest>;
        let derive: Read = why::<DeriveKeyRequest>;
        for (read, body, told) in [
            (
                credential,
                r#"{"ttl":"x"}"#,
                r#"`ttl` takes a whole number from 0 on, not string "x" (line 1 column 10)."#,
            ),
            (credential, r#"{"ttl":-1}"#, "`ttl` takes a whole number from 0 on, not integer `-1` (line 1 column 9)."),
            (derive, r#"{"only":"files"}"#, r#"`only` takes a list, not string "files" (line 1 column 15)."#),
            (derive, r#"{"only":["a",3]}"#, "`only[1]` takes a string, not integer `3` (line 1 column 14)."),
            (derive, r#"{"grants":{"files":"rd"}}"#, "`grants`: unknown variant `rd`, expected one of"),
            (derive, r#"{"grants":{"fils":"read"}}"#, "unknown variant `fils`, expected one of"),
            (credential, "{", "it ends in the middle (line 1 column 1)."),
            (credential, "{} {}", "trailing characters (line 1 column 4)."),
        ] {
            let said = read(body.as_bytes()).unwrap();
            assert!(said.starts_with("The body cannot be read: ") && said.contains(told), "{body}: {said}");
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let begun = stream::iter([Ok::<_, io::Error>("{")]).chain(stream::pending());
        let body = axum::body::Body::from_stream(begun);
        let fault = read_within(&HeaderMap::new(), body, LIMIT, Duration::from_millis(20)).await.unwrap_err();
        assert!(fault.detail().contains("did not arrive in time"), "{}", fault.detail());
    }
}
