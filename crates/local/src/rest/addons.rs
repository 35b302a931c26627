//! Add-ons: starting a run, and how far it is. The work itself is in [`crate::jobs`].
//! Source: REST API v0.7, Add-ons.

use super::{Call, Failure, input, plain_json};
use crate::{
    jobs::{
        Task,
        addon::{AddonParams, AddonTask},
    },
    store::{self, JobRow, JobState, Making},
};
use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value};
use updock_types::{
    AddonRequestId, FileUuid,
    rest::{Addon, AddonResult, AddonStarted, AddonState, AddonStatus, AddonTrouble},
};

/// How long a run is remembered, seconds.
const MEMORY: i64 = 24 * 60 * 60;

/// `POST /addons/{name}/execute/`
pub(super) async fn execute(call: Call<'_>, addon: Addon) -> Result<Response, Failure> {
    let body = input::object(&call)?;
    let target = match input::given(&body, "target") {
        None => return Err(Failure::field("target", "This field is required.")),
        Some(Value::String(text)) => FileUuid::parse(text).ok(),
        Some(_) => None,
    };
    let target = target.ok_or_else(|| Failure::field("target", "Must be a valid UUID."))?;
    // One SDK sends the parameters beside the target.
    let params = match input::given(&body, "params") {
        None => &body,
        Some(Value::Object(params)) => params,
        Some(_) => return Err(Failure::field("params", "Must be an object.")),
    };
    let params = params_of(addon, params)?;
    let row = call.app.store.file(target).await?;
    row.filter(|row| row.removed_at.is_none() && row.making == Making::Whole).ok_or_else(Failure::not_found)?;
    let task = Task::Addon(AddonTask { addon, target, params, output: None });
    let job = call.app.store.add_job(&task, &[], None, None).await?;
    let job = job.ok_or_else(|| Failure::new(StatusCode::CONFLICT, "Concurrent call attempted"))?;
    let request_id = job.request;
    call.app.launch(job);
    Ok(plain_json(&AddonStarted { request_id }))
}

/// `GET /addons/{name}/execute/status/`; the name takes no part in looking for the run.
pub(super) async fn status(call: Call<'_>) -> Result<Response, Failure> {
    let given = call.query().find(|(name, value)| name == "request_id" && !value.is_empty());
    let (_, given) = given.ok_or_else(|| Failure::field("request_id", "This field is required."))?;
    let request = AddonRequestId::parse(&given).map_err(|_| Failure::field("request_id", "Must be a valid UUID."))?;
    let job = call.app.store.job_by_request(request).await?;
    let fresh = |job: &JobRow| store::now().as_seconds() - job.created_at.as_seconds() < MEMORY;
    let Some((job, task)) = job.filter(fresh).and_then(|job| match job.task.clone() {
        Task::Addon(task) => Some((job, task)),
        _ => None,
    }) else {
        return Ok(plain_json(&AddonStatus { status: AddonState::Unknown, result: None, details: None }));
    };
    let status = match job.state {
        JobState::Pending | JobState::Processing | JobState::Uploading => AddonState::InProgress,
        JobState::Finished => AddonState::Done,
        JobState::Failed => AddonState::Error,
    };
    let result = task.output.filter(|_| status == AddonState::Done).map(|file_id| AddonResult { file_id });
    let details = job.trouble.map(|trouble| AddonTrouble { code: trouble.code, title: trouble.title });
    Ok(plain_json(&AddonStatus { status, result, details }))
}

/// What is known is checked, what is unknown is dropped.
fn params_of(addon: Addon, params: &Map<String, Value>) -> Result<AddonParams, Failure> {
    let flag = |name: &str| match input::given(params, name) {
        None => Ok(false),
        Some(value) => input::flag(value).ok_or_else(|| Failure::nested("params", name, "Must be a valid boolean.")),
    };
    let choice = |name: &str, choices: &[&str]| match input::given(params, name) {
        None => Ok(None),
        Some(Value::String(text)) if choices.contains(&text.as_str()) => Ok(Some(text.clone())),
        Some(_) => Err(Failure::nested("params", name, format!("Must be one of: {}.", choices.join(", ")))),
    };
    match addon {
        Addon::Labels | Addon::Moderation => Ok(AddonParams::default()),
        Addon::VirusScan => Ok(AddonParams { purge_infected: flag("purge_infected")?, ..AddonParams::default() }),
        Addon::RemoveBg => {
            for name in ["add_shadow", "semitransparency"] {
                flag(name)?;
            }
            for name in ["crop_margin", "scale", "roi", "position"] {
                if input::given(params, name).is_some_and(|value| !value.is_string()) {
                    return Err(Failure::nested("params", name, "Must be a string."));
                }
            }
            let kind = choice("type", &["auto", "person", "product", "car"])?;
            let level = choice("type_level", &["none", "1", "2", "latest"])?;
            let named = level.is_some_and(|level| level != "none");
            // What there is to see is not looked at: it is what the caller says it is.
            let kind = kind.filter(|kind| kind != "auto").unwrap_or_else(|| "other".to_owned());
            Ok(AddonParams {
                purge_infected: false,
                crop: flag("crop")?,
                alpha_only: choice("channels", &["rgba", "alpha"])?.is_some_and(|channels| channels == "alpha"),
                foreground_type: named.then_some(kind),
            })
        }
    }
}
