//! Document and video conversion: what is asked for and how far it is. The work itself is in [`crate::jobs`].
//! Source: REST API v0.7, Conversion.

use super::{Call, Failure, input, json, plain_json};
use crate::{
    app::App,
    jobs::{Task, announced, document::DocumentTask, formats, video, video::VideoTask},
    store::{FileRow, JobRow, JobState, Making, Member},
    view,
};
use axum::response::Response;
use serde_json::Value;
use updock_types::{
    ConversionPath, ConversionPathError, ConversionTarget, ConversionToken, DocumentTarget, FileUuid, GroupId,
    VideoTarget,
    rest::{
        ConversionJob, ConversionResult, ConversionState, ConversionStatus, Converting, DocumentFormat, DocumentInfo,
        NamedFormat,
    },
};

/// Most paths in one request. The service's number is not published.
const MAX_PATHS: usize = 100;
/// Resolutions on offer. Not published; some of these were seen.
const DPI: &[u32] = &[72, 100, 150, 200, 300];
/// Qualities on offer. Not published; some of these were seen.
const QUALITY: &[u32] = &[50, 60, 70, 80, 90, 100];

/// `GET /convert/document/{uuid}/`
pub(super) async fn document_info(call: Call<'_>) -> Result<Response, Failure> {
    let file = call.file()?;
    let row = call.app.store.file(file).await?.filter(|row| row.removed_at.is_none());
    let row = row.ok_or_else(Failure::not_found)?;
    let Some(name) = formats::of(&row) else {
        return Ok(json(&DocumentInfo { error: Some("Unsupported document format.".to_owned()), format: None }));
    };
    let targets = formats::targets(name).into_iter().map(|name| NamedFormat { name: name.to_owned() });
    Ok(json(&DocumentInfo {
        error: None,
        format: Some(DocumentFormat {
            name: name.to_owned(),
            conversion_formats: targets.collect(),
            converted_groups: call.app.store.page_groups(file).await?,
        }),
    }))
}

/// `POST /convert/document/`
pub(super) async fn documents(call: Call<'_>) -> Result<Response, Failure> {
    let asked = Asked::parse(&call)?;
    let mut answer = Converting { result: Vec::new(), problems: std::collections::BTreeMap::new() };
    for path in &asked.paths {
        match document(call.app, path, &asked).await? {
            Ok(job) => answer.result.push(job),
            Err(problem) => _ = answer.problems.insert(path.clone(), problem),
        }
    }
    Ok(plain_json(&answer))
}

/// `POST /convert/video/`
pub(super) async fn videos(call: Call<'_>) -> Result<Response, Failure> {
    let asked = Asked::parse(&call)?;
    let mut answer = Converting { result: Vec::new(), problems: std::collections::BTreeMap::new() };
    for path in &asked.paths {
        match video(call.app, path, &asked).await? {
            Ok(job) => answer.result.push(job),
            Err(problem) => _ = answer.problems.insert(path.clone(), problem),
        }
    }
    Ok(plain_json(&answer))
}

/// `GET /convert/document/status/{token}/`
pub(super) async fn document_status(call: Call<'_>) -> Result<Response, Failure> {
    status(call, "document").await
}

/// `GET /convert/video/status/{token}/`
pub(super) async fn video_status(call: Call<'_>) -> Result<Response, Failure> {
    status(call, "video").await
}

async fn status(call: Call<'_>, kind: &str) -> Result<Response, Failure> {
    let token = ConversionToken::parse(call.parameters.first()).map_err(|_| Failure::not_found())?;
    let job = call.app.store.job_by_token(token).await?.filter(|job| job.task.kind() == kind);
    let job = job.ok_or_else(Failure::not_found)?;
    let result = match &job.task {
        Task::Document(task) => Some(ConversionResult { uuid: task.output, thumbnails_group_uuid: None }),
        Task::Video(task) => Some(ConversionResult { uuid: task.output, thumbnails_group_uuid: Some(task.group) }),
        Task::Addon(_) | Task::Derivative(_) => None,
    };
    let status = match job.state {
        JobState::Pending => ConversionState::Pending,
        JobState::Processing | JobState::Uploading => ConversionState::Processing,
        JobState::Finished => ConversionState::Finished,
        JobState::Failed => ConversionState::Failed,
    };
    Ok(json(&ConversionStatus {
        status,
        error: job.trouble.map(|trouble| trouble.title),
        // What was announced is gone when a job failed.
        result: result.filter(|_| job.state != JobState::Failed),
    }))
}

/// A body that makes sense as a whole.
struct Asked {
    paths: Vec<String>,
    store: bool,
    save_in_group: bool,
}

impl Asked {
    fn parse(call: &Call<'_>) -> Result<Self, Failure> {
        let Ok(Value::Object(body)) = serde_json::from_slice(call.body) else {
            return Err(Failure::bad("Expected JSON object."));
        };
        let required = || Failure::bad("“paths” parameter is required.");
        let paths = input::given(&body, "paths").and_then(Value::as_array).ok_or_else(required)?;
        let paths: Option<Vec<String>> = paths.iter().map(|path| path.as_str().map(str::to_owned)).collect();
        let paths = paths.filter(|paths| !paths.is_empty()).ok_or_else(required)?;
        if paths.len() > MAX_PATHS {
            return Err(Failure::bad(format!("Maximum paths per request is exceeded. The limit is {MAX_PATHS}")));
        }
        let flag = |name: &str, default| match input::given(&body, name) {
            None => Ok(default),
            Some(value) => {
                switch(value).ok_or_else(|| Failure::bad(format!("`{name}` parameter should be `true` or `false`.")))
            }
        };
        Ok(Self {
            paths,
            store: flag("store", call.app.config.autostore)?,
            save_in_group: flag("save_in_group", false)?,
        })
    }
}

/// Booleans as conversions take them: also `"1"`, `"0"`, `1` and `0`.
fn switch(value: &Value) -> Option<bool> {
    match value {
        Value::String(text) if text == "1" => Some(true),
        Value::String(text) if text == "0" => Some(false),
        Value::Number(number) => match number.as_u64() {
            Some(1) => Some(true),
            Some(0) => Some(false),
            _ => None,
        },
        other => input::flag(other),
    }
}

fn bad_path(path: &str) -> String {
    format!("Bad path \"{path}\". Use UUID or CDN URL")
}

/// A path and its source, or what is wrong with them.
async fn read(app: &App, text: &str) -> Result<Result<(ConversionPath, FileRow), String>, Failure> {
    let path = match ConversionPath::parse(text) {
        Ok(path) => path,
        Err(ConversionPathError::Shape) => return Ok(Err(bad_path(text))),
        Err(ConversionPathError::Operation { operation }) => {
            return Ok(Err(format!("CDN Path error: Unknown operation found while parsing \"{operation}\"")));
        }
        Err(ConversionPathError::Argument { argument, operation }) => {
            return Ok(Err(format!(
                "CDN Path error: Mandatory argument \"{argument}\" not found while parsing \"{operation}\""
            )));
        }
    };
    let row = app.store.file(path.file).await?.filter(|row| row.removed_at.is_none());
    Ok(match row {
        None => Err(bad_path(text)),
        Some(row) if row.making != Making::Whole || !view::is_ready(&row) => Err("File is not ready yet.".to_owned()),
        Some(row) => Ok((path, row)),
    })
}

async fn document(app: &App, text: &str, asked: &Asked) -> Result<Result<ConversionJob, String>, Failure> {
    let (path, row) = match read(app, text).await? {
        Ok(found) => found,
        Err(problem) => return Ok(Err(problem)),
    };
    let ConversionTarget::Document(target) = &path.target else { return Ok(Err(bad_path(text))) };
    let from = match offered(&row, target) {
        Ok(from) => from,
        Err(problem) => return Ok(Err(problem)),
    };
    let output = announced("", asked.store);
    let task = Task::Document(DocumentTask {
        source: row.uuid,
        path: path.to_string(),
        from: from.to_owned(),
        stored: asked.store,
        group_pages: asked.save_in_group && target.page.is_none(),
        output: output.uuid,
        pages: Vec::new(),
    });
    let uuid = output.uuid;
    let job = app.store.add_job(&task, &[output], None, None).await?;
    Ok(started(app, text, uuid, None, job))
}

/// The source's format, if what is asked for can be made of it.
fn offered(row: &FileRow, target: &DocumentTarget) -> Result<&'static str, String> {
    let name = formats::of(row);
    let from = name.filter(|name| formats::targets(name).contains(&target.format.as_str())).ok_or_else(|| {
        format!(
            "the target_format is not a supported 'to' format for this source file. {} -> {}",
            name.unwrap_or("unknown"),
            target.format
        )
    })?;
    if target.page.is_some() && !formats::is_image(&target.format) {
        return Err("CDN Path error: \"page\" is available for image formats only".to_owned());
    }
    for (name, value, offered) in [("dpi", target.dpi, DPI), ("quality", target.quality, QUALITY)] {
        let Some(value) = value else { continue };
        if formats::extension(&target.format) != "jpg" {
            return Err(format!("CDN Path error: \"{name}\" is available for the jpg format only"));
        }
        if !offered.contains(&value) {
            let list: Vec<_> = offered.iter().map(u32::to_string).collect();
            return Err(format!("CDN Path error: \"{name}\" must be one of {}", list.join(", ")));
        }
    }
    Ok(from)
}

async fn video(app: &App, text: &str, asked: &Asked) -> Result<Result<ConversionJob, String>, Failure> {
    let (path, row) = match read(app, text).await? {
        Ok(found) => found,
        Err(problem) => return Ok(Err(problem)),
    };
    let ConversionTarget::Video(target) = &path.target else { return Ok(Err(bad_path(text))) };
    let output = announced(&video::output_name(target), asked.store);
    let uuid = output.uuid;
    let (files, group, members) = thumbs(target, asked.store);
    let task = Task::Video(VideoTask {
        source: row.uuid,
        path: path.to_string(),
        output: uuid,
        thumbs: members.iter().map(|member| member.file).collect(),
        group,
    });
    let files: Vec<_> = [output].into_iter().chain(files).collect();
    let job = app.store.add_job(&task, &files, Some((group, members)), None).await?;
    Ok(started(app, text, uuid, Some(group), job))
}

fn thumbs(target: &VideoTarget, stored: bool) -> (Vec<crate::store::NewFile>, GroupId, Vec<Member>) {
    let files: Vec<_> = target.thumbs.wanted().map(|at| announced(&video::thumb_name(at), stored)).collect();
    let members: Vec<_> = files.iter().map(|file| Member { file: file.uuid, effects: String::new() }).collect();
    let count = u16::try_from(members.len()).unwrap_or(1);
    let group = GroupId::new(crate::chance::uuid(), count).expect("1 to 50 thumbnails");
    (files, group, members)
}

fn started(
    app: &App,
    text: &str,
    uuid: FileUuid,
    group: Option<GroupId>,
    job: Option<JobRow>,
) -> Result<ConversionJob, String> {
    // Two tokens that are equal, once in many lives.
    let job = job.ok_or("Conversion could not be started. Try again.")?;
    let token = job.token.ok_or("Conversion could not be started. Try again.")?;
    app.launch(job);
    Ok(ConversionJob { original_source: text.to_owned(), token, uuid, thumbnails_group_uuid: group })
}
