//! The REST front: one allowed [`Call`] out, its answer back in our own terms.
//!
//! Invariant: an answer holds no link to Uploadcare's API (a caller would follow it with a key that is none there),
//! and nothing that the decision wants hidden. Of the answer's headers none is passed on; its status is.

use crate::decision::Allowed;
use crate::policy::Policy;
use crate::problem::Fault;
use crate::sending::Asker;
use crate::webhooks::ours::Ours;
use crate::{operation, upstream};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, Uri, header};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use updock_client::{Answer, Call, Error};
use updock_types::rest::{BATCH_LIMIT, MEDIA_TYPE};
use updock_types::signer::ProblemKind;
use updock_types::{FileUuid, GroupId, Redaction};

/// What the service says of an id that is none. Source: REST API v0.7, Batch file storing.
const NO_ID: &str = "Invalid";
/// After which no further batch of a request is begun, and what is said of the files left over.
const BATCHES_WITHIN: Duration = Duration::from_mins(1);
const NOT_IN_TIME: &str = "Not done within a minute; ask again for these.";

/// Sends an allowed call and gives its answer in our terms. `address` is where our REST front is reached, `no_ids` what
/// stood in a batch and is no id, `ours` what webhooks of ours are known by.
pub(crate) async fn forward(
    asker: Asker<'_>,
    policy: &Policy,
    address: &str,
    allowed: &Allowed<Call>,
    no_ids: &[String],
    ours: Option<&Ours>,
) -> Result<Response, Fault> {
    let several = |files: &[FileUuid]| files.len() > BATCH_LIMIT || !no_ids.is_empty();
    match allowed.what() {
        Call::FilesStore(files) if several(files) => {
            batches(asker, policy, address, (files, no_ids), Call::FilesStore).await
        }
        Call::FilesDelete(files) if several(files) => {
            batches(asker, policy, address, (files, no_ids), Call::FilesDelete).await
        }
        call => {
            let answer = asker.send(call).await.map_err(|error| failed(&error, policy))?;
            in_our_terms(&answer, policy, address, allowed, ours)
        }
    }
}

fn in_our_terms(
    answer: &Answer,
    policy: &Policy,
    address: &str,
    allowed: &Allowed<Call>,
    ours: Option<&Ours>,
) -> Result<Response, Fault> {
    match answer.status {
        // What was taken away has no body.
        status if status.is_success() && answer.body.is_empty() => Ok(status.into_response()),
        status if status.is_success() => {
            let mut value: Value = answer.read().map_err(|error| failed(&error, policy))?;
            localise(&mut value, allowed.what(), address)?;
            redact(&mut value, allowed.decision().redact);
            if let Some(ours) = ours {
                ours.hide(&mut value);
            }
            Ok(json(status, &value))
        }
        _ => not_done(answer, policy),
    }
}

/// An answer that is no success, in our terms.
pub(crate) fn not_done(answer: &Answer, policy: &Policy) -> Result<Response, Fault> {
    match answer.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
            Err(refused(answer, policy))
        }
        // The service's own words about this very request, in its own shape.
        status if status.is_client_error() => match serde_json::from_slice::<Value>(&answer.body) {
            Ok(value) => Ok(json(status, &value)),
            Err(_) => Err(refused(answer, policy)),
        },
        _ => Err(refused(answer, policy)),
    }
}

/// More ids than the service takes at once: one call after another, each file once, and one answer for all, oldest file first as the
/// service has it. After the first has been carried out an error no longer undoes it, so from then on what failed is
/// told id by id, as the service does.
async fn batches(
    asker: Asker<'_>,
    policy: &Policy,
    address: &str,
    (files, no_ids): (&[FileUuid], &[String]),
    call: fn(Vec<FileUuid>) -> Call,
) -> Result<Response, Fault> {
    let mut result: Vec<Value> = Vec::new();
    let mut problems: serde_json::Map<_, _> = no_ids.iter().map(|text| (text.clone(), NO_ID.into())).collect();
    let mut carried_out = 0;
    let start = Instant::now();
    let mut seen = BTreeSet::new();
    let files: Vec<FileUuid> = files.iter().copied().filter(|file| seen.insert(*file)).collect();
    let mut parts = files.chunks(BATCH_LIMIT);
    while let Some(some) = parts.next() {
        if start.elapsed() > BATCHES_WITHIN {
            let untouched = std::iter::once(some).chain(parts).flatten();
            problems.extend(untouched.map(|file| (file.to_string(), NOT_IN_TIME.into())));
            break;
        }
        let one = call(some.to_vec());
        match asker.ask::<Value>(&one).await {
            Ok(mut batch) => {
                localise(&mut batch, &one, address)?;
                result.extend(batch["result"].as_array_mut().map(std::mem::take).unwrap_or_default());
                problems.extend(batch["problems"].as_object_mut().map(std::mem::take).unwrap_or_default());
                carried_out += 1;
            }
            Err(error) if carried_out == 0 => return Err(failed(&error, policy)),
            Err(error) => {
                let why = failed(&error, policy).detail().to_owned();
                let untouched = std::iter::once(some).chain(parts).flatten();
                problems.extend(untouched.map(|file| (file.to_string(), Value::String(why.clone()))));
                break;
            }
        }
    }
    // All dates have one form, in which the order of texts is that of times.
    result.sort_by(|one, other| one["datetime_uploaded"].as_str().cmp(&other["datetime_uploaded"].as_str()));
    Ok(json(StatusCode::OK, &serde_json::json!({ "status": "ok", "result": result, "problems": problems })))
}

/// A page of a list.
pub(crate) enum Page {
    /// Its rows, and the page after it.
    Rows { rows: Vec<Value>, next: Option<Call> },
    /// Uploadcare's own words about this very request.
    Answer(Response),
}

/// `offset + limit` of a search is at most this. Source: REST API v0.7, File search.
const SEARCH_DEPTH: u16 = 1000;

/// Asks for one page of a list.
pub(crate) async fn page(asker: Asker<'_>, policy: &Policy, address: &str, call: &Call) -> Result<Page, Fault> {
    let answer = asker.send(call).await.map_err(|error| failed(&error, policy))?;
    if !answer.status.is_success() {
        return not_done(&answer, policy).map(Page::Answer);
    }
    let mut value: Value = answer.read().map_err(|error| failed(&error, policy))?;
    let next = match &value["next"] {
        // A page that links to itself would go on for ever.
        Value::String(link) => Some(linked(link, call).filter(|next| next != call).ok_or_else(no_page)?),
        _ => None,
    };
    let within = |next: &Call| match next {
        Call::FilesSearch(_, page) => page.offset.unwrap_or(0).saturating_add(page.limit.unwrap_or(0)) <= SEARCH_DEPTH,
        _ => true,
    };
    localise_object(&mut value, address);
    match value["results"].take() {
        Value::Array(rows) => Ok(Page::Rows { rows, next: next.filter(within) }),
        _ => Err(no_page()),
    }
}

fn no_page() -> Fault {
    tracing::warn!("a page of Uploadcare is no page, or links to something that is none");
    Fault::new(ProblemKind::UpstreamUnavailable, "Uploadcare answered something unexpected; try again.")
}

pub(crate) fn failed(error: &Error, policy: &Policy) -> Fault {
    tracing::warn!(error = error as &dyn std::error::Error, "a call of Uploadcare failed");
    upstream::fault(error, policy)
}

fn refused(answer: &Answer, policy: &Policy) -> Fault {
    match answer.read::<Value>() {
        Err(error) => failed(&error, policy),
        Ok(_) => Fault::new(ProblemKind::UpstreamUnavailable, "Uploadcare answered something unexpected; try again."),
    }
}

fn json(status: StatusCode, value: &Value) -> Response {
    let body = serde_json::to_vec(value).expect("a JSON value is one");
    let mut response = (status, body).into_response();
    // Without a parameter: official SDKs compare this header for equality.
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

/// Turns links to Uploadcare's API into links to us.
pub(crate) fn localise(value: &mut Value, call: &Call, address: &str) -> Result<(), Fault> {
    for name in ["next", "previous"] {
        if let Some(Value::String(link)) = value.get(name) {
            value[name] = Value::String(own_link(link, call, address)?);
        }
    }
    localise_object(value, address);
    Ok(())
}

/// A file and a group say where the API describes them; they lie in lists and within one another.
fn localise_object(value: &mut Value, address: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| localise_object(item, address)),
        Value::Object(members) => {
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            let file = text("uuid").and_then(|text| FileUuid::parse(text).ok()).map(Call::FileInfo);
            let group = text("id").and_then(|text| GroupId::parse(text).ok()).map(Call::GroupInfo);
            if let (Some(call), Some(url)) = (file.or(group), members.get_mut("url")) {
                *url = Value::String(format!("{address}{}", call.target()));
            }
            for name in ["results", "result", "files"] {
                if let Some(inner) = members.get_mut(name) {
                    localise_object(inner, address);
                }
            }
        }
        _ => {}
    }
}

/// The same list's page, asked of us.
fn own_link(link: &str, call: &Call, address: &str) -> Result<String, Fault> {
    linked(link, call).map(|page| format!("{address}{}", page.target())).ok_or_else(no_page)
}

/// The page that a list's link leads to. The link is read into typed values and written anew, so it cannot become
/// anything but a page of the same list.
pub(crate) fn linked(link: &str, call: &Call) -> Option<Call> {
    let uri: Uri = link.parse().ok()?;
    if uri.path() != call.id().row().path {
        return None;
    }
    let query = uri.query().unwrap_or_default();
    Some(match call {
        Call::FilesList(_) => Call::FilesList(operation::files_query(query).ok()?),
        Call::GroupsList(_) => Call::GroupsList(operation::groups_query(query).ok()?),
        Call::FilesSearch(search, _) => Call::FilesSearch(search.clone(), operation::search_page(query).ok()?),
        _ => return None,
    })
}

/// Takes out of an answer what its operation has to hide.
pub(crate) fn redact(value: &mut Value, what: Redaction) {
    let (name, nothing) = match what {
        Redaction::None => return,
        Redaction::Collaborators => ("collaborators", Value::Array(Vec::new())),
        Redaction::SigningSecret => ("signing_secret", Value::Null),
    };
    let objects = match value {
        Value::Array(items) => items.iter_mut().collect(),
        other => vec![other],
    };
    for object in objects {
        if let Some(member) = object.get_mut(name) {
            *member = nothing.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use updock_types::rest::FilesQuery;

    const OURS: &str = "https://signer.example.com/v1/uploadcare";
    const FILE: &str = "17be4678-dab7-4bc7-8753-28914a22960a";

    #[test]
    fn no_link_leads_out_of_the_gateway() {
        let mut page = json!({
            "next": "https://api.uploadcare.com/files/?limit=1&from=2026-08-04T10%3A00%3A00.123456%2B00%3A00&offset=0",
            "previous": null,
            "results": [{"uuid": FILE, "url": format!("https://api.uploadcare.com/files/{FILE}/"), "size": 1}],
        });
        localise(&mut page, &Call::FilesList(FilesQuery::default()), OURS).unwrap();
        assert_eq!(
            page,
            json!({
                "next": format!("{OURS}/files/?limit=1&from=2026-08-04T10%3A00%3A00.123456Z&offset=0"),
                "previous": null,
                "results": [{"uuid": FILE, "url": format!("{OURS}/files/{FILE}/"), "size": 1}],
            })
        );
        for link in ["https://api.uploadcare.com/project/", "//evil.test/files/?limit=x", "javascript:alert(1)", ""] {
            assert!(own_link(link, &Call::FilesList(FilesQuery::default()), OURS).is_err(), "{link}");
        }
    }

    #[test]
    fn files_and_groups_are_described_by_us_wherever_they_lie() {
        let url = "https://api.uploadcare.com/x/";
        let file = || json!({"uuid": FILE, "url": url, "metadata": {"url": url}});
        let ours = || json!({"uuid": FILE, "url": format!("{OURS}/files/{FILE}/"), "metadata": {"url": url}});
        let group = format!("{FILE}~1");
        for (mut given, expected) in [
            (
                json!({"status": "ok", "result": [file()], "problems": {}}),
                json!({"status": "ok", "result": [ours()], "problems": {}}),
            ),
            (json!({"type": "file", "result": file()}), json!({"type": "file", "result": ours()})),
            (
                json!({"id": group, "url": url, "files": [file(), null]}),
                json!({"id": group, "url": format!("{OURS}/groups/{group}/"), "files": [ours(), null]}),
            ),
            (json!({"type": "url", "result": "s3://bucket/x"}), json!({"type": "url", "result": "s3://bucket/x"})),
        ] {
            localise(&mut given, &Call::ProjectInfo, OURS).unwrap();
            assert_eq!(given, expected);
        }
    }

    #[test]
    fn collaborators_and_signing_secrets_are_hidden() {
        let project = json!({"name": "demo", "collaborators": [{"name": "Jane", "email": "jane@example.com"}]});
        let mut hidden = project.clone();
        redact(&mut hidden, Redaction::Collaborators);
        assert_eq!(hidden, json!({"name": "demo", "collaborators": []}));
        let mut shown = project.clone();
        redact(&mut shown, Redaction::None);
        assert_eq!(shown, project);
        let mut hooks = json!([{"id": 1, "signing_secret": "abc"}, {"id": 2, "signing_secret": null}]);
        redact(&mut hooks, Redaction::SigningSecret);
        assert_eq!(hooks, json!([{"id": 1, "signing_secret": null}, {"id": 2, "signing_secret": null}]));
    }
}
