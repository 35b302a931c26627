//! The REST front: one allowed [`Call`] out, its answer back in our own terms.
//!
//! Invariant: an answer holds no link to Uploadcare's API (a caller would follow it with a key that is none there),
//! and nothing that the decision wants hidden. Of the answer's headers none is passed on; its status is.

use crate::decision::Allowed;
use crate::policy::Policy;
use crate::problem::Fault;
use crate::{operation, upstream};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, Uri, header};
use serde_json::Value;
use updock_client::{Answer, Call, Client, Error};
use updock_types::rest::MEDIA_TYPE;
use updock_types::signer::ProblemKind;
use updock_types::{FileUuid, Redaction};

/// Sends an allowed call and gives its answer in our terms. `address` is where our REST front is reached.
pub(crate) async fn forward(
    client: &Client,
    policy: &Policy,
    address: &str,
    allowed: &Allowed<Call>,
) -> Result<Response, Fault> {
    let answer = client.send(allowed.what()).await.map_err(|error| failed(&error, policy))?;
    match answer.status {
        status if status.is_success() => {
            let mut value: Value = answer.read().map_err(|error| failed(&error, policy))?;
            localise(&mut value, allowed.what(), address)?;
            redact(&mut value, allowed.decision().redact);
            Ok(json(status, &value))
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
            Err(refused(&answer, policy))
        }
        // The service's own words about this very request, in its own shape.
        status if status.is_client_error() => match serde_json::from_slice::<Value>(&answer.body) {
            Ok(value) => Ok(json(status, &value)),
            Err(_) => Err(refused(&answer, policy)),
        },
        _ => Err(refused(&answer, policy)),
    }
}

fn failed(error: &Error, policy: &Policy) -> Fault {
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
    let mut response = (status, value.to_string()).into_response();
    // Without a parameter: official SDKs compare this header for equality.
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

/// Turns links to Uploadcare's API into links to us.
fn localise(value: &mut Value, call: &Call, address: &str) -> Result<(), Fault> {
    match call {
        Call::FilesList(_) => {
            for name in ["next", "previous"] {
                if let Some(Value::String(link)) = value.get(name) {
                    value[name] = Value::String(own_link(link, address)?);
                }
            }
            for file in value.get_mut("results").and_then(Value::as_array_mut).into_iter().flatten() {
                localise_file(file, address);
            }
        }
        Call::FileInfo(_) | Call::FileStore(_) | Call::FileDelete(_) => localise_file(value, address),
        Call::ProjectInfo => {}
        // Until it is known where its links are, an answer does not go out.
        _ => {
            return Err(Fault::new(ProblemKind::NotFound, "There is no such operation; see the list of operations."));
        }
    }
    Ok(())
}

fn localise_file(file: &mut Value, address: &str) {
    let uuid = file.get("uuid").and_then(Value::as_str).and_then(|text| FileUuid::parse(text).ok());
    if let (Some(uuid), Some(url)) = (uuid, file.get_mut("url")) {
        *url = Value::String(format!("{address}{}", Call::FileInfo(uuid).target()));
    }
}

/// The same page, asked of us. The link is read into typed values and written anew, so it cannot become anything
/// but the address of a page.
fn own_link(link: &str, address: &str) -> Result<String, Fault> {
    let foreign = || {
        tracing::warn!("a page of Uploadcare links to something that is no page");
        Fault::new(ProblemKind::UpstreamUnavailable, "Uploadcare answered something unexpected; try again.")
    };
    let uri: Uri = link.parse().map_err(|_| foreign())?;
    match operation::parse(&Method::GET, uri.path(), uri.query()) {
        Ok(call @ Call::FilesList(_)) => Ok(format!("{address}{}", call.target())),
        _ => Err(foreign()),
    }
}

fn redact(value: &mut Value, what: Redaction) {
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
            assert!(own_link(link, OURS).is_err(), "{link}");
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
