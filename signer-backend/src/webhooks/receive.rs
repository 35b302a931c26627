//! `POST /hooks/uploadcare/{slug}`: takes a delivery of Uploadcare's.
//!
//! Raw body, exactly one signature, verified before anything is read; then the dedupe, the event and the errands are
//! committed together, and only then it is answered. Whoever gets it wrong learns nothing but that.

use super::subscriptions::Own;
use crate::body;
use crate::log::Record;
use crate::problem::Fault;
use crate::sentence::{self, quoted};
use crate::signer::Signer;
use crate::signing::hex;
use crate::state::{Delivery, Received, now};
use axum::extract::{Path, Request, State};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use updock_sign::{SecretKey, WEBHOOK_HEADER, verify_webhook_signature};
use updock_types::signer::ProblemKind;
use updock_types::{FileUuid, PublicKey};

/// Largest body in bytes.
const LIMIT: usize = 256 * 1024;
/// How long a delivery is remembered. Uploadcare tries for 72 hours; a caught one may come later.
const KEPT: i64 = 30 * 86_400_000;

/// Of a delivery, what is looked at.
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    initiator: Initiator,
    hook: Hook,
    data: Data,
}

#[derive(Default, Deserialize)]
struct Initiator {
    #[serde(default)]
    detail: Detail,
}

#[derive(Default, Deserialize)]
struct Detail {
    request_id: Option<String>,
}

#[derive(Deserialize)]
struct Hook {
    id: u64,
    event: String,
    project_pub_key: PublicKey,
}

#[derive(Deserialize)]
struct Data {
    uuid: FileUuid,
    datetime_uploaded: Option<updock_types::Timestamp>,
    #[serde(default)]
    appdata: Option<serde_json::Map<String, serde_json::Value>>,
}

/// A delivery that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) dedupe: String,
    pub(super) event: String,
    pub(super) file: FileUuid,
    pub(super) version: Option<String>,
    /// Unix seconds of the file's upload.
    uploaded: Option<i64>,
}

/// Why a delivery is not taken; for the log, not for whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("its signature is missing, or there are several")]
    Unsigned,
    #[error("its signature is wrong")]
    Signature,
    #[error("it is no delivery that can be read")]
    Unreadable,
    #[error("it is about another project")]
    Project,
    #[error("it is older than what is remembered")]
    Stale,
}

/// Verifies, then reads. Pure.
pub(super) fn read(
    body: &[u8],
    headers: &HeaderMap,
    secrets: &[SecretKey],
    project: &PublicKey,
) -> Result<Read, Refused> {
    let mut signatures = headers.get_all(WEBHOOK_HEADER).iter();
    let (Some(signature), None) = (signatures.next(), signatures.next()) else { return Err(Refused::Unsigned) };
    let signature = signature.to_str().map_err(|_| Refused::Signature)?;
    if secrets.is_empty() || !verify_webhook_signature(secrets, body, signature) {
        return Err(Refused::Signature);
    }
    let read: Body = serde_json::from_slice(body).map_err(|_| Refused::Unreadable)?;
    if read.hook.project_pub_key != *project {
        return Err(Refused::Project);
    }
    // The request alone is not enough: one batch brings about a hundred events, and some have none.
    let mut digest = Sha256::new();
    for part in [
        read.hook.id.to_string().as_bytes(),
        read.hook.event.as_bytes(),
        read.data.uuid.to_string().as_bytes(),
        read.initiator.detail.request_id.as_deref().unwrap_or_default().as_bytes(),
        &Sha256::digest(body),
    ] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    // Text that sorts like the time it tells.
    let updated = read.data.appdata.iter().flatten().filter_map(|(_, data)| data.get("datetime_updated")?.as_str());
    Ok(Read {
        dedupe: hex(&digest.finalize()[..16]),
        version: updated.filter(|_| read.hook.event == "file.info_updated").max().map(str::to_owned),
        event: read.hook.event,
        file: read.data.uuid,
        uploaded: read.data.datetime_uploaded.map(updock_types::Timestamp::as_seconds),
    })
}

impl Read {
    /// What is no longer remembered cannot be told from a repeat. An upload that long before `now`, in milliseconds, is
    /// the sign of it.
    fn is_stale(&self, now: i64) -> bool {
        self.event == "file.uploaded" && self.uploaded.is_some_and(|at| at < (now - KEPT) / 1000)
    }
}

/// Takes a delivery.
pub(crate) async fn receive(
    State(signer): State<Signer>,
    Path(slug): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Result<StatusCode, Fault> {
    let nothing = || Fault::new(ProblemKind::NotFound, "There is nothing at this address.");
    let policy = signer.policy();
    let terms = policy.webhooks.as_ref().ok_or_else(nothing)?;
    let own = Own::cached(signer.state(), signer.hook_cache()).await.map_err(|error| unkept(&error))?;
    if slug != own.slug {
        return Err(nothing());
    }
    let body = body::read(request, LIMIT).await?;
    let secrets: Vec<SecretKey> = own.live(now()).chain(terms.secrets.iter().cloned()).collect();
    let read = read(&body, &headers, &secrets, &policy.public_key)
        .and_then(|read| if read.is_stale(now()) { Err(Refused::Stale) } else { Ok(read) });
    let read = match read {
        Ok(read) => read,
        Err(refused) => {
            signer.metrics().webhook("refused");
            let text = format!("Somebody sent a webhook that was not taken: {refused}.");
            let _ = signer.log().note(Record::event(text)).await;
            return Err(Fault::new(ProblemKind::BadRequest, "This is not taken."));
        }
    };
    let text =
        String::from_utf8(body.to_vec()).map_err(|_| Fault::new(ProblemKind::BadRequest, "This is not taken."))?;
    let at = now();
    let received = signer.state().receive(Delivery {
        dedupe: read.dedupe.clone(),
        event: read.event.clone(),
        file: Some(read.file.to_string()),
        terminal: read.event == "file.deleted",
        version: read.version,
        body: text,
        at,
        keep: at + KEPT,
        targets: terms.wanting(&read.event),
    });
    let received = received.await.map_err(|error| unkept(&error))?;
    signer.metrics().webhook(match received {
        Received::New { late: false, .. } => "new",
        Received::New { late: true, .. } => "late",
        Received::Seen => "seen",
    });
    if let Received::New { late, .. } = received {
        signer.heard();
        let what = quoted(&read.event);
        let text = sentence::reported(what.trim_matches('"'), read.file, &read.dedupe, late);
        // Safe before it is acknowledged: sent again, it would be one that is known, and not be written down.
        let _ = signer.log().record(Record { area: Some("webhooks"), ..Record::event(text) }).await;
    }
    // Not 204: any 2xx is good, and 200 is what everybody tests with.
    Ok(StatusCode::OK)
}

fn unkept(error: &crate::state::StateError) -> Fault {
    tracing::error!(%error, "a webhook cannot be kept");
    Fault::new(ProblemKind::Unavailable, "This cannot be kept right now; send it again.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use updock_sign::webhook_signature;

    const BODY: &str = r#"{"initiator":{"type":"api","detail":{"request_id":"r1","addon_name":null}},
        "hook":{"id":7,"event":"file.info_updated","project_pub_key":"demopublickey"},
        "data":{"uuid":"17be4678-dab7-4bc7-8753-28914a22960a",
        "appdata":{"a":{"datetime_updated":"2026-11-02T00:00:00Z"},"b":{"datetime_updated":"2026-11-03T00:00:00Z"}}}}"#;

    fn key(text: &str) -> SecretKey {
        SecretKey::parse(text).unwrap()
    }

    fn headers(values: &[&str]) -> HeaderMap {
        let value =
            |value: &&str| (http::HeaderName::from_static("x-uc-signature"), HeaderValue::from_str(value).unwrap());
        values.iter().map(value).collect()
    }

    fn try_read(body: &str, signatures: &[&str], secret: &str) -> Result<Read, Refused> {
        let project = PublicKey::parse("demopublickey").unwrap();
        read(body.as_bytes(), &headers(signatures), &[key("old"), key(secret)], &project)
    }

    #[test]
    fn a_signed_delivery_is_read() {
        let signature = webhook_signature(&key("s"), BODY.as_bytes());
        let read = try_read(BODY, &[&signature], "s").unwrap();
        assert_eq!((read.event.as_str(), read.version.as_deref()), ("file.info_updated", Some("2026-11-03T00:00:00Z")));
        assert_eq!(read.dedupe.len(), 32);
    }

    #[test]
    fn an_upload_is_news_for_thirty_days() {
        const DAY: i64 = 86_400;
        let now = 40 * DAY;
        for (event, uploaded, stale) in [
            ("file.uploaded", Some(now), false),
            ("file.uploaded", Some(now - 30 * DAY), false),
            ("file.uploaded", Some(now - 30 * DAY - 1), true),
            ("file.uploaded", Some(0), true),
            ("file.uploaded", None, false),
            // These tell of files that may be old.
            ("file.deleted", Some(0), false),
            ("file.info_updated", Some(0), false),
        ] {
            let signature = webhook_signature(&key("s"), BODY.as_bytes());
            let read = Read { event: event.to_owned(), uploaded, ..try_read(BODY, &[&signature], "s").unwrap() };
            assert_eq!(read.is_stale(now * 1000), stale, "{event} of a file uploaded at {uploaded:?}");
        }
    }

    #[test]
    fn a_forged_webhook_is_not_taken() {
        let good = webhook_signature(&key("s"), BODY.as_bytes());
        let upper = good.to_uppercase();
        for (signatures, refused) in [
            (vec![], Refused::Unsigned),
            (vec![good.as_str(), good.as_str()], Refused::Unsigned),
            (vec![""], Refused::Signature),
            (vec![upper.as_str()], Refused::Signature),
            (vec![&good[..good.len() - 1]], Refused::Signature),
            (vec![&good[1..]], Refused::Signature),
        ] {
            assert_eq!(try_read(BODY, &signatures, "s"), Err(refused), "{signatures:?}");
        }
        let longer = format!("{good}0");
        let other = good.replace("v1=", "v0=");
        for signature in [longer.as_str(), other.as_str()] {
            assert_eq!(try_read(BODY, &[signature], "s"), Err(Refused::Signature));
        }
        assert_eq!(try_read(BODY, &[&good], "other"), Err(Refused::Signature));
        assert_eq!(try_read(&format!("{BODY}\n"), &[&good], "s"), Err(Refused::Signature));
        let foreign = BODY.replace("demopublickey", "otherpublickey");
        let signature = webhook_signature(&key("s"), foreign.as_bytes());
        assert_eq!(try_read(&foreign, &[&signature], "s"), Err(Refused::Project));
        for body in ["", "{}", "[]", "null", r#"{"hook":5}"#] {
            let signature = webhook_signature(&key("s"), body.as_bytes());
            assert_eq!(try_read(body, &[&signature], "s"), Err(Refused::Unreadable));
        }
        let project = PublicKey::parse("demopublickey").unwrap();
        assert_eq!(read(BODY.as_bytes(), &headers(&[&good]), &[], &project), Err(Refused::Signature));
    }

    #[test]
    fn events_of_one_request_are_told_apart() {
        let dedupe = |body: &str| {
            let signature = webhook_signature(&key("s"), body.as_bytes());
            try_read(body, &[&signature], "s").unwrap().dedupe
        };
        let other_file = BODY.replace("17be4678", "27be4678");
        assert_ne!(dedupe(BODY), dedupe(&other_file));
        assert_ne!(dedupe(BODY), dedupe(&BODY.replace("\"id\":7", "\"id\":8")));
        assert_eq!(dedupe(BODY), dedupe(BODY));
    }
}
