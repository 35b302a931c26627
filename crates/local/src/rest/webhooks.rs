//! `/webhooks/`: subscriptions. Source: REST API v0.7, Webhooks.
//!
//! Bodies come as forms or as JSON, and one SDK labels a form as JSON, so a body is taken for what it looks like.
//! Texts of refusals that are not published are those of the framework that the service shows in its other answers.

use super::{Call, Failure, input, json, no_content};
use crate::{
    app::App,
    events::PROJECT,
    outward::HostRefused,
    store::{WebhookRow, Wish, Written, event_named},
};
use axum::response::Response;
use http::{StatusCode, header};
use serde_json::{Map, Value};
use updock_sign::SecretKey;
use updock_types::{Event, WebhookId, rest::Webhook};
use url::Url;

const TARGET_LENGTH: usize = 255;
const SECRET_LENGTH: usize = 32;
/// The only version that can be subscribed to.
const VERSION: &str = "0.7";

pub(super) async fn list(call: Call<'_>) -> Result<Response, Failure> {
    allowed(call.app)?;
    let rows = call.app.store.webhooks().await?;
    Ok(json(&rows.iter().map(view).collect::<Vec<_>>()))
}

pub(super) async fn info(call: Call<'_>) -> Result<Response, Failure> {
    allowed(call.app)?;
    let row = call.app.store.webhook(webhook(&call)?).await?.ok_or_else(Failure::not_found)?;
    Ok(json(&view(&row)))
}

pub(super) async fn create(call: Call<'_>) -> Result<Response, Failure> {
    allowed(call.app)?;
    let fields = fields(&call)?;
    let target_url = target(call.app, given(&fields, "target_url").ok_or_else(no_target)?).await?;
    let event = given(&fields, "event").ok_or_else(|| Failure::field("event", "This field is required."))?;
    let (event, is_active) = (parse_event(event)?, active(&fields)?.unwrap_or(true));
    let signing_secret = secret(&fields)?.unwrap_or_default();
    if given(&fields, "version").is_some_and(|version| version != VERSION) {
        return Err(Failure::bad("Invalid version"));
    }
    let wish = Wish { event, target_url, is_active, signing_secret };
    let row = written(call.app.store.add_webhook(&wish, VERSION).await?)?;
    let mut response = json(&view(&row));
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

pub(super) async fn update(call: Call<'_>) -> Result<Response, Failure> {
    allowed(call.app)?;
    let webhook = webhook(&call)?;
    let known = call.app.store.webhook(webhook).await?.ok_or_else(Failure::not_found)?;
    let fields = fields(&call)?;
    if given(&fields, "version").is_some_and(|version| version != known.version.as_str()) {
        return Err(Failure::bad("WebHook version updates are not allowed."));
    }
    let target_url = match given(&fields, "target_url") {
        Some(url) => Some(target(call.app, url).await?),
        None => None,
    };
    let event = given(&fields, "event").map(parse_event).transpose()?;
    let (is_active, signing_secret) = (active(&fields)?, secret(&fields)?);
    let changed = call.app.store.change_webhook(webhook, |wish| {
        wish.target_url = target_url.unwrap_or_else(|| std::mem::take(&mut wish.target_url));
        wish.event = event.unwrap_or(wish.event);
        wish.is_active = is_active.unwrap_or(wish.is_active);
        wish.signing_secret = signing_secret.unwrap_or_else(|| wish.signing_secret.take());
    });
    Ok(json(&view(&written(changed.await?)?)))
}

pub(super) async fn delete(call: Call<'_>) -> Result<Response, Failure> {
    allowed(call.app)?;
    if call.app.store.delete_webhook(webhook(&call)?).await? { Ok(no_content()) } else { Err(Failure::not_found()) }
}

/// Every subscription of a target; that there is none is a success too.
pub(super) async fn unsubscribe(call: Call<'_>) -> Result<Response, Failure> {
    allowed(call.app)?;
    let fields = fields(&call)?;
    let target_url = given(&fields, "target_url").and_then(Value::as_str).map(str::trim);
    let target_url = target_url.filter(|url| !url.is_empty()).ok_or_else(no_target)?;
    call.app.store.unsubscribe(target_url).await?;
    Ok(no_content())
}

fn allowed(app: &App) -> Result<(), Failure> {
    if app.config.webhooks { Ok(()) } else { Err(Failure::new(StatusCode::FORBIDDEN, "You can't use webhooks")) }
}

fn webhook(call: &Call<'_>) -> Result<WebhookId, Failure> {
    WebhookId::parse(call.parameters.first()).map_err(|_| Failure::not_found())
}

fn written(written: Written) -> Result<WebhookRow, Failure> {
    match written {
        Written::Done(row) => Ok(row),
        Written::Taken => Err(Failure::whole("This project is already subscribed on this event")),
        Written::Unknown => Err(Failure::not_found()),
    }
}

fn no_target() -> Failure {
    Failure::bad("`target_url` is missing.")
}

/// The body's fields.
fn fields(call: &Call<'_>) -> Result<Map<String, Value>, Failure> {
    let body = call.body.trim_ascii();
    let label = call.parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let form = label.starts_with("application/x-www-form-urlencoded") || body.contains(&b'=');
    if form && !body.starts_with(b"{") && !body.starts_with(b"[") {
        let pairs = form_urlencoded::parse(body).into_owned();
        return Ok(pairs.map(|(name, value)| (name, Value::String(value))).collect());
    }
    input::object(call)
}

/// A field that says something; an empty text only says something about a secret.
fn given<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    input::given(fields, name).filter(|value| *value != "")
}

async fn target(app: &App, value: &Value) -> Result<String, Failure> {
    let refused = |text: &str| Failure::field("target_url", text);
    let text = value.as_str().ok_or_else(|| refused("Not a valid string."))?.trim();
    if text.is_empty() {
        return Err(no_target());
    }
    if text.chars().count() > TARGET_LENGTH {
        return Err(refused("Ensure this field has no more than 255 characters."));
    }
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.filter(|_| !text.contains(|c: char| c.is_control() || c.is_whitespace()));
    let url = url.ok_or_else(|| refused("Enter a valid URL."))?;
    match app.events.check_target(&url).await {
        Ok(()) => Ok(text.to_owned()),
        Err(HostRefused::Private) => Err(refused("Only public IPs are allowed.")),
        Err(HostRefused::Unknown) => Err(refused("Host does not exist.")),
    }
}

fn parse_event(value: &Value) -> Result<Event, Failure> {
    let name = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    event_named(&name).ok_or_else(|| Failure::field("event", format!("\"{name}\" is not a valid choice.")))
}

fn active(fields: &Map<String, Value>) -> Result<Option<bool>, Failure> {
    let flag = given(fields, "is_active").map(|value| input::flag(value).ok_or(()));
    flag.transpose().map_err(|()| Failure::field("is_active", "Must be a valid boolean."))
}

/// Nothing where none is spoken of, an inner nothing where an empty one takes it away.
#[expect(clippy::option_option, reason = "absent and empty mean different things on this wire")]
fn secret(fields: &Map<String, Value>) -> Result<Option<Option<SecretKey>>, Failure> {
    let Some(value) = input::given(fields, "signing_secret") else { return Ok(None) };
    let refused = |text: &str| Failure::field("signing_secret", text);
    let text = value.as_str().ok_or_else(|| refused("Not a valid string."))?.trim();
    if text.chars().count() > SECRET_LENGTH {
        return Err(refused("Ensure this field has no more than 32 characters."));
    }
    Ok(Some(SecretKey::parse(text).ok()))
}

/// As this API writes it, with the secret in clear.
fn view(row: &WebhookRow) -> Webhook {
    Webhook {
        id: row.id,
        created: row.created_at,
        updated: row.updated_at,
        event: row.wish.event.as_str().to_owned(),
        target_url: row.wish.target_url.clone(),
        project: PROJECT,
        is_active: row.wish.is_active,
        version: row.version.clone(),
        signing_secret: row.wish.signing_secret.as_ref().map(|secret| secret.expose().to_owned()),
    }
}
