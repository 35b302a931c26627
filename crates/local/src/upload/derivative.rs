//! `POST /derivative/image/generate/`, `POST /derivative/image/edit/`, `GET /derivative/status/`. JSON in, JSON out.
//! The pictures are made in [`crate::jobs`]. Source: Upload API, AI image derivatives.

use super::{Call, Failure, check_key, credential, form::Params, json};
use crate::{
    body::BodyError,
    jobs::{Task, derivative::DerivativeTask},
    store::{JobState, Making},
    view,
};
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value, json as value};
use std::collections::BTreeMap;
use updock_types::{
    AddonRequestId, ErrorCode, FileUuid, MetadataKey, MetadataKeyError, MetadataValue, OperationId, UploadApiError,
    upload::UploadedFile,
};

/// Largest body, bytes; ours.
const MAX_BODY: usize = 256 * 1024;
/// Longest prompt and file name in characters; ours.
const MAX_PROMPT: usize = 10_000;
const MAX_FILENAME: usize = 255;

fn refused(status_code: u16, code: &str, content: &str) -> Failure {
    UploadApiError { status_code, error_code: code.to_owned(), content: content.to_owned() }.into()
}

fn invalid(content: &str) -> Failure {
    refused(400, "invalid_request", content)
}

/// A picture from words.
pub(super) async fn generate(call: Call<'_>) -> Result<Response, Failure> {
    start(call, OperationId::ImageGenerate).await
}

/// A picture changed by words.
pub(super) async fn edit(call: Call<'_>) -> Result<Response, Failure> {
    start(call, OperationId::ImageEdit).await
}

async fn start(call: Call<'_>, operation: OperationId) -> Result<Response, Failure> {
    let app = call.app;
    let bytes = call.body.collect(MAX_BODY).await.map_err(|error| match error {
        BodyError::TooLarge => Failure::from(ErrorCode::RequestSizeLimitExceededError.error(&[])),
        BodyError::TimedOut | BodyError::Broken => ErrorCode::PostRequestParserFailedError.error(&[]).into(),
    })?;
    let body = match serde_json::from_slice(&bytes) {
        Ok(Value::Object(body)) => Some(body),
        _ => None,
    };
    // A body that cannot be read may still have its key beside it.
    let key = body.as_ref().and_then(|body| body.get("pub_key")).and_then(Value::as_str);
    let params = Params::of_query(call.parts).with("pub_key", key);
    check_key(app, &params, "pub_key")?;
    let charge = credential::check_derivative(app, call.parts, operation.row().path).await?;
    let body = body.ok_or_else(|| invalid("Request body is invalid."))?;
    let task = read(&body, operation == OperationId::ImageEdit, app.config.autostore)?;
    if let Some(source) = task.source {
        let row = app.store.file(source).await?;
        let row = row.filter(|row| row.removed_at.is_none() && row.making == Making::Whole);
        let row = row.ok_or_else(|| refused(404, "source_not_found", "Source file is not found."))?;
        if !row.is_image {
            return Err(refused(400, "source_not_image", "Source file is not an image."));
        }
    }
    let job = app.store.add_job(&Task::Derivative(task), &[], None, charge.as_ref()).await?;
    let job = job.ok_or_else(|| Failure::from(ErrorCode::UploadAPIError.error(&[])))?;
    let answer = value!({ "type": "job", "job_id": job.request });
    app.launch(job);
    Ok(json(&answer))
}

fn read(body: &Map<String, Value>, edits: bool, autostore: bool) -> Result<DerivativeTask, Failure> {
    let given = |name: &str| body.get(name).filter(|value| !value.is_null());
    let text = |name: &str| given(name).and_then(Value::as_str);
    let contains_null = |text: &str| text.contains('\0');
    let prompt = text("prompt").filter(|prompt| !prompt.is_empty()).ok_or_else(|| invalid("`prompt` is required."))?;
    let filename = text("filename").ok_or_else(|| invalid("`filename` is required."))?;
    if contains_null(prompt) || contains_null(filename) {
        return Err(ErrorCode::NullCharactersForbiddenError.error(&[]).into());
    }
    if prompt.chars().count() > MAX_PROMPT {
        return Err(invalid("`prompt` is too long."));
    }
    if filename.chars().count() > MAX_FILENAME {
        return Err(invalid("`filename` is too long."));
    }
    let aspect_ratio = match given("aspect_ratio") {
        None if edits => None,
        None => return Err(invalid("`aspect_ratio` is required.")),
        Some(ratio) => Some(
            aspect_ratio(ratio)
                .ok_or_else(|| refused(400, "invalid_aspect_ratio", "`aspect_ratio` must be two positive integers."))?,
        ),
    };
    let source = match text("source").filter(|source| edits && !source.is_empty()) {
        None if edits => return Err(invalid("`source` is required.")),
        None => None,
        Some(text) => {
            Some(FileUuid::parse(text).map_err(|_| refused(400, "invalid_source", "`source` must be a valid UUID."))?)
        }
    };
    let stored = match given("store") {
        None => autostore,
        Some(Value::Bool(stored)) => *stored,
        Some(Value::String(text)) if text == "auto" => autostore,
        Some(_) => return Err(invalid("`store` must be \"auto\", true or false.")),
    };
    Ok(DerivativeTask {
        prompt: prompt.to_owned(),
        source,
        aspect_ratio,
        filename: filename.to_owned(),
        stored,
        metadata: metadata(given("metadata"))?,
        output: None,
    })
}

fn aspect_ratio(value: &Value) -> Option<(u32, u32)> {
    let side = |value: &Value| u32::try_from(value.as_u64()?).ok().filter(|side| *side > 0);
    match value.as_array()?.as_slice() {
        [width, height] => Some((side(width)?, side(height)?)),
        _ => None,
    }
}

fn metadata(value: Option<&Value>) -> Result<BTreeMap<String, String>, Failure> {
    let wrong = || invalid("`metadata` is invalid.");
    let Some(value) = value else { return Ok(BTreeMap::new()) };
    let map = value.as_object().filter(|map| map.len() <= MetadataKey::MAX_KEYS).ok_or_else(wrong)?;
    let pair = |(key, value): (&String, &Value)| {
        // The service takes `.` and `..`; only our own software does not.
        let known = matches!(MetadataKey::parse(key), Ok(_) | Err(MetadataKeyError::DotSegment));
        let value = value.as_str().filter(|value| known && MetadataValue::parse(value).is_ok());
        Some((key.clone(), value?.to_owned()))
    };
    map.iter().map(pair).collect::<Option<_>>().ok_or_else(wrong)
}

/// A success: the file, named so before anything else.
#[derive(Serialize)]
struct Success {
    status: &'static str,
    #[serde(flatten)]
    file: UploadedFile,
}

/// How far it is.
pub(super) async fn status(call: Call<'_>) -> Result<Response, Failure> {
    let app = call.app;
    let params = Params::of_query(call.parts);
    check_key(app, &params, "pub_key")?;
    params.check_characters()?;
    let unknown = || refused(404, "job_not_found", "Derivative job is not found.");
    let id = params.get("job_id").ok_or_else(|| refused(400, "job_id_required", "job_id is required."))?;
    let id = AddonRequestId::parse(id).map_err(|_| unknown())?;
    let job = app.store.job_by_request(id).await?.ok_or_else(unknown)?;
    let Task::Derivative(task) = job.task else { return Err(unknown()) };
    let frame = |status: &str| Ok(json(&value!({ "type": "job", "status": status })));
    match job.state {
        JobState::Pending | JobState::Processing => frame("processing"),
        JobState::Uploading => frame("uploading"),
        JobState::Failed => {
            let trouble =
                job.trouble.unwrap_or_else(|| crate::store::Trouble::new("internal_error", "Internal error."));
            Ok(json(&value!({
                "type": "job",
                "status": "error",
                "error_source": "ai_gateway",
                "error_code": trouble.code,
                "error": trouble.title,
            })))
        }
        JobState::Finished => {
            let row = match task.output {
                Some(file) => app.store.file(file).await?,
                None => None,
            };
            let row = row.ok_or_else(unknown)?;
            Ok(json(&Success { status: "success", file: view::uploaded(&row) }))
        }
    }
}
