//! From a request to a typed [`Call`]: the only way into the REST front.
//!
//! The grammar of addresses is that of the operation table and nothing else. Nothing is decoded or folded: none of
//! these addresses needs an escape, so a path with `%`, a doubled slash or a dot segment is simply no address of ours.
//! Path, query and body become typed values here, and the upstream request is built afresh from those, so what is
//! decided on and what is sent cannot differ. Query parameters that we do not know are left out, as the service itself
//! ignores them; members of a body that we do not know are refused, for they might be meant to matter.

use crate::body::{Body, understood};
use crate::fields::Fields;
use crate::problem::Fault;
use http::Method;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use updock_client::Call;
use updock_types::rest::{
    Addon, AddonExecute, Conversion, FilesOrdering, FilesQuery, GroupsOrdering, GroupsQuery, LocalCopy, NewWebhook,
    RemoteCopy, Search, SearchPage, Tags, TagsChange, Unsubscribe, WebhookChange,
};
use updock_types::signer::ProblemKind;
use updock_types::{
    AddonRequestId, Api, ConversionToken, Event, FileUuid, GroupId, MetadataKey, MetadataValue, OPERATIONS, Operation,
    OperationId, Tag, Timestamp, WebhookId,
};

/// Most ids in one request to us; they go on in batches of [`Operation::batch_limit`].
pub(crate) const BATCH_MOST: usize = 5_000;
/// Longest text that is told back as no id, in characters.
const ID_MOST: usize = 100;
/// Most conversions in one request.
const PATHS_MOST: usize = 100;
/// Longest text that is passed on inside a body, in bytes: an address, a source, a path.
const TEXT_MOST: usize = 1_024;

/// The rows that are fronted: the whole REST API.
pub(crate) fn rows() -> impl Iterator<Item = &'static Operation> {
    OPERATIONS.iter().filter(|row| row.api == Api::Rest)
}

/// An address of the REST API with its typed parameters.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) row: &'static Operation,
    parameters: Parameters,
}

impl Address {
    /// Of an operation whose path has no parameters.
    pub(crate) fn of(row: &'static Operation) -> Self {
        Self { row, parameters: Parameters::default() }
    }
}

/// Reads method and path (below our prefix, as it came).
pub(crate) fn address(method: &Method, path: &str) -> Result<Address, Fault> {
    let mut allowed = Vec::new();
    for row in rows() {
        let Some(parameters) = matches(row, path) else { continue };
        if row.method.as_str() == method.as_str() {
            return Ok(Address { row, parameters });
        }
        allowed.push(row.method.as_str());
        if row.method == updock_types::Method::Get {
            allowed.push("HEAD");
        }
    }
    if allowed.is_empty() {
        let hint =
            if path.ends_with('/') { "GET /docs has the list of operations" } else { "addresses end with a slash" };
        Err(Fault::new(ProblemKind::NotFound, format!("There is no such operation; {hint}.")))
    } else {
        let sentence = format!("{method} is not possible here; the Allow header says what is.");
        Err(Fault::new(ProblemKind::MethodNotAllowed, sentence).allow(allowed.join(", ")))
    }
}

/// What the REST API has at the root of an address, as routes: `/files/{*path}` and the like.
pub(crate) fn roots() -> impl Iterator<Item = String> {
    let roots: BTreeSet<&str> = rows().filter_map(|row| row.path.split('/').nth(1)).collect();
    roots.into_iter().flat_map(|root| [format!("/{root}/"), format!("/{root}/{{*path}}")])
}

/// Does this operation read a body?
pub(crate) fn has_body(row: &Operation) -> bool {
    use OperationId as Id;
    matches!(
        row.id,
        Id::FilesSearch
            | Id::FilesStore
            | Id::FilesDelete
            | Id::FileLocalCopy
            | Id::FileRemoteCopy
            | Id::FileTagsReplace
            | Id::FileTagsUpdate
            | Id::MetadataPut
            | Id::DocumentConvert
            | Id::VideoConvert
            | Id::LabelsExecute
            | Id::ModerationExecute
            | Id::VirusScanExecute
            | Id::RemoveBgExecute
            | Id::WebhookCreate
            | Id::WebhookUnsubscribe
            | Id::WebhookUpdate
    )
}

/// The typed parameters of a path.
#[derive(Debug, Default)]
struct Parameters {
    file: Option<FileUuid>,
    key: Option<MetadataKey>,
    group: Option<GroupId>,
    number: Option<u64>,
}

/// The parameters of `path`, if it fits the row's template.
fn matches(row: &Operation, path: &str) -> Option<Parameters> {
    let (mut template, mut given) = (row.path.split('/'), path.split('/'));
    let mut parameters = Parameters::default();
    loop {
        match (template.next(), given.next()) {
            (None, None) => return Some(parameters),
            (Some("{uuid}"), Some(segment)) => parameters.file = Some(FileUuid::parse(segment).ok()?),
            (Some("{key}"), Some(segment)) => parameters.key = Some(MetadataKey::parse(segment).ok()?),
            (Some("{group}"), Some(segment)) => parameters.group = Some(GroupId::parse(segment).ok()?),
            (Some("{token}" | "{id}"), Some(segment)) => {
                parameters.number = Some(WebhookId::parse(segment).ok()?.0);
            }
            (Some(expected), Some(segment)) if expected == segment => {}
            _ => return None,
        }
    }
}

/// The texts of a batch that are no file ids. The service tells those one by one and does the rest, and so do we.
pub(crate) fn no_ids(row: &Operation, body: &Body<'_>) -> Vec<String> {
    let batch = matches!(row.id, OperationId::FilesStore | OperationId::FilesDelete);
    let texts: Vec<String> = if batch { body.json().unwrap_or_default() } else { Vec::new() };
    texts.into_iter().filter(|text| FileUuid::parse(text).is_err()).collect()
}

/// Gives the address its query and body.
pub(crate) fn call(address: Address, query: Option<&str>, body: &Body<'_>) -> Result<Call, Fault> {
    use OperationId as Id;
    let Address { row, parameters: Parameters { file, key, group, number } } = address;
    let query = query.unwrap_or_default();
    // Each template has exactly the parameters that its row asks for here; `None` is a table that changed.
    let gone = || Fault::new(ProblemKind::Internal, "This operation is not read correctly; the log knows more.");
    let file = || file.ok_or_else(gone);
    let token = || number.map(ConversionToken).ok_or_else(gone);
    let webhook = || number.map(WebhookId).ok_or_else(gone);
    Ok(match row.id {
        Id::FilesList => Call::FilesList(files_query(query)?),
        Id::FilesSearch => Call::FilesSearch(Box::new(search(body)?), search_page(query)?),
        Id::FileInfo if wants_appdata(query)? => Call::FileInfoWithAppdata(file()?),
        Id::FileInfo => Call::FileInfo(file()?),
        Id::FileStore => Call::FileStore(file()?),
        Id::FileDelete => Call::FileDelete(file()?),
        Id::FilesStore => Call::FilesStore(ids(body)?),
        Id::FilesDelete => Call::FilesDelete(ids(body)?),
        Id::FileLocalCopy => Call::FileLocalCopy(local_copy(body)?),
        Id::FileRemoteCopy => Call::FileRemoteCopy(remote_copy(body)?),
        Id::FileTags => Call::FileTags(file()?),
        Id::FileTagsReplace => {
            let mut fields = Fields::of(body)?;
            let tags = Tags { tags: tags(&mut fields, "tags")? };
            Call::FileTagsReplace(file()?, fields.end(tags)?)
        }
        Id::FileTagsUpdate => {
            let mut fields = Fields::of(body)?;
            let change = TagsChange { add: tags(&mut fields, "add")?, delete: tags(&mut fields, "delete")? };
            Call::FileTagsUpdate(file()?, fields.end(change)?)
        }
        Id::MetadataList => Call::MetadataList(file()?),
        Id::MetadataGet => Call::MetadataGet(file()?, key.ok_or_else(gone)?),
        Id::MetadataPut => Call::MetadataPut(file()?, key.ok_or_else(gone)?, metadata_value(body)?),
        Id::MetadataDelete => Call::MetadataDelete(file()?, key.ok_or_else(gone)?),
        Id::GroupsList => Call::GroupsList(groups_query(query)?),
        Id::GroupInfo => Call::GroupInfo(group.ok_or_else(gone)?),
        Id::GroupDelete => Call::GroupDelete(group.ok_or_else(gone)?),
        Id::DocumentInfo => Call::DocumentInfo(file()?),
        Id::DocumentConvert => Call::DocumentConvert(conversion(body, true)?),
        Id::DocumentStatus => Call::DocumentStatus(token()?),
        Id::VideoConvert => Call::VideoConvert(conversion(body, false)?),
        Id::VideoStatus => Call::VideoStatus(token()?),
        Id::LabelsExecute => Call::AddonExecute(Addon::Labels, execute(body)?),
        Id::LabelsStatus => Call::AddonStatus(Addon::Labels, request_id(query)?),
        Id::ModerationExecute => Call::AddonExecute(Addon::Moderation, execute(body)?),
        Id::ModerationStatus => Call::AddonStatus(Addon::Moderation, request_id(query)?),
        Id::VirusScanExecute => Call::AddonExecute(Addon::VirusScan, execute(body)?),
        Id::VirusScanStatus => Call::AddonStatus(Addon::VirusScan, request_id(query)?),
        Id::RemoveBgExecute => Call::AddonExecute(Addon::RemoveBg, execute(body)?),
        Id::RemoveBgStatus => Call::AddonStatus(Addon::RemoveBg, request_id(query)?),
        Id::WebhooksList => Call::WebhooksList,
        Id::WebhookCreate => Call::WebhookCreate(new_webhook(body)?),
        Id::WebhookUnsubscribe => {
            let mut fields = Fields::of(body)?;
            let target_url = fields.needed("target_url", |fields, name| fields.text(name, TEXT_MOST))?;
            Call::WebhookUnsubscribe(fields.end(Unsubscribe { target_url })?)
        }
        Id::WebhookInfo => Call::WebhookInfo(webhook()?),
        Id::WebhookUpdate => Call::WebhookUpdate(webhook()?, webhook_change(body)?),
        Id::WebhookDelete => Call::WebhookDelete(webhook()?),
        Id::ProjectInfo => Call::ProjectInfo,
        // The Upload API, which the public key opens: a browser or an SDK speaks to it directly.
        Id::UploadDirect
        | Id::MultipartStart
        | Id::MultipartComplete
        | Id::FromUrl
        | Id::FromUrlStatus
        | Id::UploadInfo
        | Id::GroupCreate
        | Id::UploadGroupInfo
        | Id::ImageGenerate
        | Id::ImageEdit
        | Id::DerivativeStatus => return Err(gone()),
    })
}

fn bad(sentence: impl Into<String>) -> Fault {
    Fault::new(ProblemKind::BadRequest, sentence)
}

/// The ids of a batch: a JSON list of them. What is none is left to [`no_ids`].
fn ids(body: &Body<'_>) -> Result<Vec<FileUuid>, Fault> {
    let texts: Vec<String> = body.json().map_err(|_| {
        bad("The body should be a list of file UUIDs, like [\"17be4678-dab7-4bc7-8753-28914a22960a\"].")
    })?;
    if texts.is_empty() || texts.len() > BATCH_MOST {
        return Err(bad(format!("A list of files has 1 to {BATCH_MOST} UUIDs.")));
    }
    if texts.iter().any(|text| text.chars().count() > ID_MOST) {
        return Err(bad("The list holds something that is no file UUID."));
    }
    Ok(texts.iter().filter_map(|text| FileUuid::parse(text).ok()).collect())
}

/// A file to copy: its UUID, `UUID/-/op/.../`, or its CDN address. Goes on as it came, in a JSON string.
fn source(fields: &mut Fields) -> Result<String, Fault> {
    let source = fields.needed("source", |fields, name| fields.text(name, TEXT_MOST))?;
    if source.contains("..") || !source.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(bad("`source` should be a file's UUID, or its CDN address."));
    }
    Ok(source)
}

fn local_copy(body: &Body<'_>) -> Result<LocalCopy, Fault> {
    let mut fields = Fields::of(body)?;
    let source = source(&mut fields)?;
    let store = fields.flag("store")?;
    let metadata = fields.parsed::<BTreeMap<String, String>>("metadata", "a map of texts")?;
    let metadata = metadata.unwrap_or_default();
    for (key, value) in &metadata {
        if MetadataKey::parse(key).is_err() || MetadataValue::parse(value).is_err() {
            return Err(bad("`metadata` holds a key or a value that the service does not take."));
        }
    }
    fields.end(LocalCopy { source, store, metadata })
}

fn remote_copy(body: &Body<'_>) -> Result<RemoteCopy, Fault> {
    let mut fields = Fields::of(body)?;
    let copy = RemoteCopy {
        source: source(&mut fields)?,
        target: fields.needed("target", |fields, name| fields.text(name, 64))?,
        // Said in any case: the service takes silence for a yes.
        make_public: Some(fields.flag("make_public")?.unwrap_or(false)),
        pattern: fields.text("pattern", TEXT_MOST)?,
    };
    fields.end(copy)
}

fn tags(fields: &mut Fields, name: &'static str) -> Result<Vec<String>, Fault> {
    let mut texts = fields.parsed::<Vec<String>>(name, "a list of texts")?.unwrap_or_default();
    // As the service does.
    texts.retain(|text| !text.trim().is_empty());
    if texts.iter().all(|text| Tag::parse(text).is_ok()) {
        Ok(texts)
    } else {
        Err(bad(format!("`{name}` holds something that is no tag.")))
    }
}

fn metadata_value(body: &Body<'_>) -> Result<MetadataValue, Fault> {
    let wrong = || bad("The body should be the value as a JSON text of 1 to 512 characters, like \"red\".");
    let text: String = body.json().map_err(|_| wrong())?;
    MetadataValue::parse(&text).map_err(|_| wrong())
}

fn conversion(body: &Body<'_>, document: bool) -> Result<Conversion, Fault> {
    let mut fields = Fields::of(body)?;
    let list = "a list of paths, like [\"<uuid>/document/-/format/pdf/\"]";
    let paths = fields.needed("paths", |fields, name| fields.parsed::<Vec<String>>(name, list))?;
    if paths.is_empty() || paths.len() > PATHS_MOST {
        return Err(bad(format!("`paths` should hold 1 to {PATHS_MOST} paths.")));
    }
    // What is no conversion the service says itself, path by path. They travel as JSON texts, so none is an address.
    let fits = |path: &String| path.len() <= TEXT_MOST && path.chars().all(|character| !character.is_control());
    if !paths.iter().all(fits) {
        return Err(bad("`paths` holds something that is no path."));
    }
    let word = |flag: bool| if flag { "1" } else { "0" }.to_owned();
    let store = match fields.flag_or("store", "auto")? {
        None => None,
        Some(Ok(flag)) => Some(word(flag)),
        Some(Err(auto)) => Some(auto.to_owned()),
    };
    let save_in_group = if document { fields.flag("save_in_group")?.map(word) } else { None };
    fields.end(Conversion { paths, store, save_in_group })
}

fn execute(body: &Body<'_>) -> Result<AddonExecute, Fault> {
    let mut fields = Fields::of(body)?;
    let target = fields.needed("target", |fields, name| fields.text(name, 36))?;
    let target = FileUuid::parse(&target).map_err(|_| bad("`target` should be a file's UUID."))?;
    let params = fields.parsed("params", "an object")?.unwrap_or_default();
    fields.end(AddonExecute { target, params })
}

fn event(text: &str) -> Result<Event, Fault> {
    let known = || Event::ALL.iter().map(|event| event.as_str()).collect::<Vec<_>>().join(", ");
    let event = Event::ALL.iter().copied().find(|event| event.as_str() == text);
    event.ok_or_else(|| bad(format!("`event` should be one of {}.", known())))
}

/// Where a webhook is sent. Whether it may be is decided later; here it only has to be an address.
fn target_url(text: &str) -> Result<String, Fault> {
    let wrong = || bad("`target_url` should be an address like https://hooks.example.com/uploadcare.");
    let uri: http::Uri = text.parse().map_err(|_| wrong())?;
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    let plain = !text.contains(['@', '\\', '#']) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if web && plain && uri.host().is_some() { Ok(text.to_owned()) } else { Err(wrong()) }
}

fn new_webhook(body: &Body<'_>) -> Result<NewWebhook, Fault> {
    let mut fields = Fields::of(body)?;
    let webhook = NewWebhook {
        target_url: target_url(&fields.needed("target_url", |fields, name| fields.text(name, 255))?)?,
        event: event(&fields.needed("event", |fields, name| fields.text(name, 64))?)?,
        is_active: fields.flag("is_active")?,
        signing_secret: fields.text("signing_secret", 32)?,
        version: fields.text("version", 8)?,
    };
    fields.end(webhook)
}

fn webhook_change(body: &Body<'_>) -> Result<WebhookChange, Fault> {
    let mut fields = Fields::of(body)?;
    let change = WebhookChange {
        target_url: fields.text("target_url", 255)?.map(|text| target_url(&text)).transpose()?,
        event: fields.text("event", 64)?.map(|text| event(&text)).transpose()?,
        is_active: fields.flag("is_active")?,
        signing_secret: fields.text("signing_secret", 32)?,
    };
    // Official SDKs send back the whole subscription; of it only these four can be changed.
    for fixed in ["id", "version", "project", "created", "updated"] {
        fields.drop(fixed);
    }
    fields.end(change)
}

/// A search. Its shape is deep, so it is held against what was understood of it.
fn search(body: &Body<'_>) -> Result<Search, Fault> {
    let given: Value = body.json()?;
    // serde would also read a struct from a list of its values.
    if !given.is_object() {
        return Err(bad("The search cannot be read: it should be a JSON object, in braces."));
    }
    let search: Search = understood(&given).map_err(|why| bad(format!("The search cannot be read: {why}.")))?;
    let taken = serde_json::to_value(&search).unwrap_or_default();
    match not_understood(&given, &taken) {
        None => Ok(search),
        Some(name) => Err(bad(format!("{} is not known in a search.", crate::sentence::quoted(&name)))),
    }
}

/// A member of `given` that is missing from `understood` and says something.
fn not_understood(given: &Value, understood: &Value) -> Option<String> {
    let Value::Object(given) = given else { return None };
    given.iter().find_map(|(name, value)| {
        let empty = value.is_null()
            || value.as_array().is_some_and(Vec::is_empty)
            || value.as_object().is_some_and(serde_json::Map::is_empty);
        match understood.get(name) {
            Some(understood) => not_understood(value, understood),
            None if empty => None,
            None => Some(name.clone()),
        }
    })
}

fn wants_appdata(query: &str) -> Result<bool, Fault> {
    Ok(pairs(query, &["include"])?.get("include").is_some_and(|value| value == "appdata"))
}

fn request_id(query: &str) -> Result<AddonRequestId, Fault> {
    let pairs = pairs(query, &["request_id"])?;
    let given =
        pairs.get("request_id").ok_or_else(|| bad("`request_id` is missing; the execution's answer names it."))?;
    AddonRequestId::parse(given).map_err(|_| bad("`request_id` should be the UUID that the execution's answer named."))
}

/// The named parameters of a query. Which of two values counts, readers disagree on; so neither does.
fn pairs(query: &str, names: &[&'static str]) -> Result<BTreeMap<&'static str, String>, Fault> {
    let mut read = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let Some(known) = names.iter().find(|known| **known == name) else { continue };
        if read.insert(*known, value.into_owned()).is_some() {
            return Err(bad(format!("`{name}` stands there twice; write it once.")));
        }
    }
    Ok(read)
}

/// Reads one value of a query, if it is there.
fn value<T>(
    pairs: &BTreeMap<&'static str, String>,
    name: &'static str,
    expected: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Fault> {
    let wrong = || bad(format!("`{name}` should be {expected}."));
    pairs.get(name).map(|text| read(text).ok_or_else(wrong)).transpose()
}

const MOMENT: &str = "a date and time, like 2026-09-21T12:44:02Z";

fn moment(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text).ok()
}

fn limit(most: u16) -> impl Fn(&str) -> Option<u16> {
    move |text| text.parse().ok().filter(|limit| (1..=most).contains(limit))
}

fn flag(text: &str) -> Option<bool> {
    match text {
        "true" | "True" => Some(true),
        "false" | "False" => Some(false),
        _ => None,
    }
}

/// Reads the query of `GET /files/`. Source: REST API v0.7, List of files.
pub(crate) fn files_query(query: &str) -> Result<FilesQuery, Fault> {
    let read = pairs(query, &["limit", "ordering", "from", "to", "offset", "stored", "removed", "include"])?;
    let ordering = value(&read, "ordering", "datetime_uploaded or -datetime_uploaded", |text| match text {
        "datetime_uploaded" => Some(FilesOrdering::OldestFirst),
        "-datetime_uploaded" => Some(FilesOrdering::NewestFirst),
        _ => None,
    })?;
    Ok(FilesQuery {
        limit: value(&read, "limit", "a number from 1 to 1000", limit(1000))?,
        ordering: ordering.unwrap_or_default(),
        from: value(&read, "from", MOMENT, moment)?,
        to: value(&read, "to", MOMENT, moment)?,
        offset: value(&read, "offset", "a number from 0", |text| text.parse().ok())?,
        stored: value(&read, "stored", "true or false", flag)?,
        removed: value(&read, "removed", "true or false", flag)?.unwrap_or(false),
        appdata: read.get("include").is_some_and(|value| value == "appdata"),
    })
}

/// Reads the query of `GET /groups/`. Source: REST API v0.7, List of groups.
pub(crate) fn groups_query(query: &str) -> Result<GroupsQuery, Fault> {
    let read = pairs(query, &["limit", "ordering", "from", "to", "offset"])?;
    let ordering = value(&read, "ordering", "datetime_created or -datetime_created", |text| match text {
        "datetime_created" => Some(GroupsOrdering::OldestFirst),
        "-datetime_created" => Some(GroupsOrdering::NewestFirst),
        _ => None,
    })?;
    Ok(GroupsQuery {
        limit: value(&read, "limit", "a number from 1 to 1000", limit(1000))?,
        ordering: ordering.unwrap_or_default(),
        from: value(&read, "from", MOMENT, moment)?,
        to: value(&read, "to", MOMENT, moment)?,
        offset: value(&read, "offset", "a number from 0", |text| text.parse().ok())?,
    })
}

/// Reads the query of `POST /files/search/`. Source: REST API v0.7, File search.
pub(crate) fn search_page(query: &str) -> Result<SearchPage, Fault> {
    let read = pairs(query, &["limit", "offset", "include"])?;
    Ok(SearchPage {
        limit: value(&read, "limit", "a number from 1 to 100", limit(100))?,
        offset: value(&read, "offset", "a number from 0", |text| text.parse().ok())?,
        appdata: read.get("include").is_some_and(|value| value == "appdata"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: &str = "17be4678-dab7-4bc7-8753-28914a22960a";

    fn parse(method: &Method, target: &str, body: &str) -> Result<Call, Fault> {
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        call(address(method, path)?, query, &Body::json_of(body.as_bytes()))
    }

    fn status(method: &Method, path: &str) -> u16 {
        use axum::response::IntoResponse;
        address(method, path).map_or_else(|fault| fault.into_response().status().as_u16(), |_| 200)
    }

    /// Requests as callers write them, and what goes on, of every row.
    fn requests() -> Vec<(Method, String, String, String)> {
        let of_file = |rest: &str| format!("/files/{FILE}/{rest}");
        let plain = |method: Method, target: String| (method, target, String::new(), String::new());
        let list = format!("[\"{FILE}\"]");
        let execute = format!(r#"{{"target":"{FILE}"}}"#);
        let mut all = vec![
            plain(Method::GET, "/files/".into()),
            plain(Method::GET, "/files/?limit=2&removed=true&include=appdata".into()),
            (
                Method::POST,
                "/files/search/?limit=2&offset=4&include=appdata".into(),
                r#"{"query":"cats","sort":[]}"#.into(),
                r#"{"query":"cats"}"#.into(),
            ),
            plain(Method::GET, of_file("")),
            plain(Method::GET, of_file("?include=appdata")),
            plain(Method::PUT, of_file("storage/")),
            plain(Method::DELETE, of_file("storage/")),
            (Method::PUT, "/files/storage/".into(), list.clone(), list.clone()),
            (Method::DELETE, "/files/storage/".into(), list.clone(), list),
            (
                Method::POST,
                "/files/local_copy/".into(),
                format!(r#"{{"source":"{FILE}","store":"true","metadata":null}}"#),
                format!(r#"{{"source":"{FILE}","store":true}}"#),
            ),
            (
                Method::POST,
                "/files/remote_copy/".into(),
                format!(r#"{{"source":"{FILE}","target":"s3"}}"#),
                format!(r#"{{"source":"{FILE}","target":"s3","make_public":false}}"#),
            ),
            plain(Method::GET, of_file("tags/")),
            (Method::PUT, of_file("tags/"), r#"{"tags":["cat"," "]}"#.into(), r#"{"tags":["cat"]}"#.into()),
            (Method::PATCH, of_file("tags/"), r#"{"add":["dog"]}"#.into(), r#"{"add":["dog"],"delete":[]}"#.into()),
            plain(Method::GET, of_file("metadata/")),
            plain(Method::GET, of_file("metadata/color/")),
            (Method::PUT, of_file("metadata/color/"), "\"red\"".into(), "\"red\"".into()),
            plain(Method::DELETE, of_file("metadata/color/")),
            plain(Method::GET, "/groups/?limit=5&ordering=-datetime_created".into()),
            plain(Method::GET, format!("/groups/{FILE}~2/")),
            plain(Method::DELETE, format!("/groups/{FILE}~2/")),
            plain(Method::GET, format!("/convert/document/{FILE}/")),
            (
                Method::POST,
                "/convert/document/".into(),
                r#"{"paths":["x"],"store":true,"save_in_group":"0"}"#.into(),
                r#"{"paths":["x"],"store":"1","save_in_group":"0"}"#.into(),
            ),
            plain(Method::GET, "/convert/document/status/42/".into()),
            (Method::POST, "/convert/video/".into(), r#"{"paths":["x"]}"#.into(), r#"{"paths":["x"]}"#.into()),
            plain(Method::GET, "/convert/video/status/42/".into()),
            plain(Method::GET, "/webhooks/".into()),
            (
                Method::POST,
                "/webhooks/".into(),
                r#"{"target_url":"https://a.test/h","event":"file.uploaded","is_active":"true"}"#.into(),
                r#"{"target_url":"https://a.test/h","event":"file.uploaded","is_active":true}"#.into(),
            ),
            (
                Method::DELETE,
                "/webhooks/unsubscribe/".into(),
                r#"{"target_url":"https://a.test/h"}"#.into(),
                r#"{"target_url":"https://a.test/h"}"#.into(),
            ),
            plain(Method::GET, "/webhooks/7/".into()),
            (
                Method::PUT,
                "/webhooks/7/".into(),
                r#"{"id":7,"is_active":false}"#.into(),
                r#"{"is_active":false}"#.into(),
            ),
            plain(Method::DELETE, "/webhooks/7/".into()),
            plain(Method::GET, "/project/".into()),
        ];
        for addon in Addon::ALL {
            let path = format!("/addons/{addon}/execute/");
            all.push(plain(Method::GET, format!("{path}status/?request_id={FILE}")));
            all.push((Method::POST, path, execute.clone(), execute.clone()));
        }
        all
    }

    #[test]
    fn every_row_is_read_and_goes_on_as_it_was_understood() {
        let mut seen = BTreeSet::new();
        for (method, target, body, sent) in requests() {
            let call =
                parse(&method, &target, &body).unwrap_or_else(|fault| panic!("{method} {target}: {}", fault.detail()));
            assert_eq!(call.target(), target, "{method}");
            assert_eq!(String::from_utf8(call.body()).unwrap(), sent, "{method} {target}");
            assert_eq!(has_body(call.id().row()), !body.is_empty(), "{method} {target}");
            seen.insert(call.id());
        }
        for row in rows() {
            assert!(seen.contains(&row.id), "{} is not read", row.id);
        }
    }

    #[test]
    fn every_sentence_names_what_its_request_is_about_and_no_value() {
        let value = "red";
        for (method, target, body, _) in requests() {
            let call = parse(&method, &target, &body).unwrap();
            let words = crate::sentence::call_words(&call);
            let path = target.split('?').next().unwrap_or_default();
            for (part, given) in call.id().row().path.split('/').zip(path.split('/')) {
                assert!(!part.starts_with('{') || words.contains(given), "{method} {target}: {words}");
            }
            if format!("{target}{body}").contains(FILE) {
                assert!(words.contains(FILE), "{method} {target} {body}: {words}");
            }
            assert!(!words.split_whitespace().any(|word| word.contains(value)), "{words}");
        }
        let path = format!("https://ucarecdn.com/{FILE}/document/-/format/pdf/?token=secret");
        let body = format!(r#"{{"paths":["{path}"]}}"#);
        let words = crate::sentence::call_words(&parse(&Method::POST, "/convert/document/", &body).unwrap());
        assert_eq!(words, format!("convert documents {FILE}"));
    }

    #[test]
    fn a_sentence_names_a_hundred_files_and_counts_the_others() {
        let files = vec![format!("\"{FILE}\""); 102].join(",");
        let call = parse(&Method::PUT, "/files/storage/", &format!("[{files}]")).unwrap();
        let words = crate::sentence::call_words(&call);
        assert_eq!(words.matches(FILE).count(), 100, "{words}");
        assert!(words.starts_with(&format!("store files {FILE}, {FILE}")) && words.ends_with(" and 2 more"), "{words}");
    }

    #[test]
    fn a_body_that_is_not_what_its_operation_takes_is_refused_in_one_sentence() {
        let tags = format!("/files/{FILE}/tags/");
        let value = format!("/files/{FILE}/metadata/color/");
        for (method, target, body, expected) in [
            (Method::PUT, "/files/storage/", "{}", "a list of file UUIDs"),
            (Method::PUT, "/files/storage/", "[]", "1 to 5000"),
            (Method::PUT, "/files/storage/", &format!("[\"{}\"]", "x".repeat(101)), "no file UUID"),
            (Method::PUT, "/files/storage/", "[1]", "a list of file UUIDs"),
            (Method::PUT, &tags, r#"{"tag":["a"]}"#, "`tag` is not known here"),
            (Method::PUT, &tags, r#"{"tags":"a"}"#, "`tags` should be a list of texts"),
            (Method::PUT, &value, "{}", "as a JSON text"),
            (Method::PUT, &value, "\"\"", "as a JSON text"),
            (Method::POST, "/files/local_copy/", "{}", "`source` is missing"),
            (Method::POST, "/files/local_copy/", r#"{"source":"a/../b"}"#, "`source` should be"),
            (
                Method::POST,
                "/files/local_copy/",
                r#"{"source":"a","store":"perhaps"}"#,
                "`store` should be true or false",
            ),
            (Method::POST, "/files/remote_copy/", r#"{"source":"a"}"#, "`target` is missing"),
            (
                Method::POST,
                "/convert/video/",
                r#"{"paths":["x"],"save_in_group":"1"}"#,
                "`save_in_group` is not known here",
            ),
            (Method::POST, "/convert/document/", r#"{"paths":[]}"#, "1 to 100 paths"),
            (
                Method::POST,
                "/webhooks/",
                r#"{"target_url":"ftp://a/","event":"file.uploaded"}"#,
                "`target_url` should be",
            ),
            (
                Method::POST,
                "/webhooks/",
                r#"{"target_url":"https://u:p@a/","event":"file.uploaded"}"#,
                "`target_url` should be",
            ),
            (Method::POST, "/webhooks/", r#"{"target_url":"https://a.test/","event":"x"}"#, "`event` should be one of"),
            (Method::POST, "/files/search/", r#"{"qurey":"cats"}"#, "\"qurey\" is not known"),
            (Method::POST, "/files/search/", r#"{"size":{"gtt":1}}"#, "\"gtt\" is not known"),
            (Method::POST, "/files/search/", "[]", "cannot be read"),
            (Method::POST, "/addons/remove_bg/execute/", r#"{"target":"x"}"#, "`target` should be a file's UUID"),
            (Method::GET, "/addons/remove_bg/execute/status/", "", "`request_id` is missing"),
            (Method::POST, "/webhooks/", "", "JSON object"),
        ] {
            let fault = parse(&method, target, body).expect_err(body);
            assert!(fault.detail().contains(expected), "{target} {body}: {}", fault.detail());
            assert!(fault.detail().ends_with('.'));
        }
    }

    #[test]
    fn what_a_body_may_hold_has_an_end_and_is_taken_up_to_it() {
        let many = |count: usize, one: &str| format!("[{}]", vec![format!("\"{one}\""); count].join(","));
        let paths = |paths: String| format!("{{\"paths\":{paths}}}");
        let copy = |key: &str, value: &str| format!(r#"{{"source":"{FILE}","metadata":{{"{key}":"{value}"}}}}"#);
        let (batch, convert, copies) = ("/files/storage/", "/convert/video/", "/files/local_copy/");
        for (method, target, taken, refused) in [
            (Method::PUT, batch, many(BATCH_MOST, FILE), many(BATCH_MOST + 1, FILE)),
            (Method::PUT, batch, many(1, &"x".repeat(ID_MOST)), many(1, &"x".repeat(ID_MOST + 1))),
            (Method::POST, convert, paths(many(PATHS_MOST, "x")), paths(many(PATHS_MOST + 1, "x"))),
            (Method::POST, convert, paths(many(1, &"x".repeat(TEXT_MOST))), paths(many(1, &"x".repeat(TEXT_MOST + 1)))),
            (Method::POST, convert, paths(many(1, "a b")), paths(many(1, "a\\nb"))),
            (Method::POST, copies, copy("color", "red"), copy("..", "red")),
            (Method::POST, copies, copy("color", &"x".repeat(512)), copy("color", &"x".repeat(513))),
        ] {
            assert!(parse(&method, target, &taken).is_ok(), "{target} {taken:.90}");
            assert!(parse(&method, target, &refused).is_err(), "{target} {refused:.90}");
        }
    }

    #[test]
    fn of_a_batch_what_is_no_id_is_told_apart() {
        let body = format!("[\"{FILE}\",\"x\",\"{FILE}\",\"../{FILE}\"]");
        let body = Body::json_of(body.as_bytes());
        let address = address(&Method::DELETE, "/files/storage/").unwrap();
        assert_eq!(no_ids(address.row, &body), ["x".to_owned(), format!("../{FILE}")]);
        let read = call(address, None, &body).unwrap();
        assert_eq!(read, Call::FilesDelete(vec![FileUuid::parse(FILE).unwrap(); 2]));
    }

    #[test]
    fn a_webhook_may_be_written_as_a_form_too() {
        let address = address(&Method::POST, "/webhooks/").unwrap();
        let body = Body::form_of(b"target_url=https%3A%2F%2Fa.test%2Fh&event=file.uploaded&is_active=True");
        let Call::WebhookCreate(webhook) = call(address, None, &body).unwrap() else { panic!("not a webhook") };
        assert_eq!((webhook.target_url.as_str(), webhook.is_active), ("https://a.test/h", Some(true)));
    }

    /// From advisories of Envoy, oauth2-proxy and others, and from what axum and `url` do with dots and slashes.
    #[test]
    fn no_spelling_of_a_path_walks_around_the_table() {
        for path in [
            "",
            "/",
            "files/",
            "/files",
            "//files/",
            "/files//",
            "/./files/",
            "/files/./",
            "/x/../files/",
            "/files/..",
            "/files/../project/",
            "/%66iles/",
            "/files%2f",
            "/files/%2e%2e/project/",
            "/files/.%2E/",
            "/files/%252e%252e/",
            "/files\\",
            "/files/..\\project/",
            "/files/;a=b/",
            "/files;/",
            "/files/\t/",
            "/files/ /",
            "/files/#/",
            "/FILES/",
            "/files/nonexistent/",
            "/files/{uuid}/",
            "/files/*/",
            "/files/．．/",
            "/files/%00/",
            "/files/17be4678-dab7-4bc7-8753-28914a22960a",
            "/files/17be4678-dab7-4bc7-8753-28914a22960a//storage/",
            "/files/17be4678-dab7-4bc7-8753-28914a22960a/%73torage/",
            "/files/17be4678-dab7-4bc7-8753-28914a22960a/../",
            "/files/17be4678-dab7-4bc7-8753-28914a22960a/storage",
            "/files/17be4678-dab7-4bc7-8753-28914a22960a%2f/",
            "/files/17be4678%2ddab7-4bc7-8753-28914a22960a/",
            "/files/17be4678-dab7-4bc7-8753-28914a22960a/metadata/../",
            "/files/17be4678-dab7-4bc7-8753-28914a22960a/metadata/%2e%2e/",
            "/webhooks",
            "/webhooks/0x7/",
            "/webhooks/7/7/",
            "/groups/17be4678-dab7-4bc7-8753-28914a22960a/",
            "/groups/17be4678-dab7-4bc7-8753-28914a22960a~0/",
            "/files/17be4678-dab7-4bc7-8753-28914a22960a/metadata/./",
            "/files/17be4678-dab7-4bc7-8753-28914a22960a/metadata/a b/",
            "/addons/other/execute/",
            "/convert/audio/",
            "/base/",
            "/project/?x",
            "/info/",
        ] {
            for method in [Method::GET, Method::PUT, Method::DELETE, Method::POST] {
                assert_eq!(status(&method, path), 404, "{method} {path}");
            }
        }
    }

    #[test]
    fn a_known_path_with_another_method_says_so() {
        let storage = format!("/files/{FILE}/storage/");
        for (method, path) in [
            (Method::POST, "/files/"),
            (Method::HEAD, "/files/"),
            (Method::PATCH, &format!("/files/{FILE}/")),
            (Method::DELETE, &format!("/files/{FILE}/")),
            (Method::GET, &storage),
            (Method::POST, "/project/"),
            (Method::OPTIONS, "/project/"),
        ] {
            assert_eq!(status(&method, path), 405, "{method} {path}");
        }
    }

    #[test]
    fn a_list_has_an_order_of_its_own_and_no_other() {
        use {FilesOrdering as Files, GroupsOrdering as Groups};
        for (query, files, groups) in [
            ("", Some(Files::default()), Some(Groups::default())),
            ("ordering=datetime_uploaded", Some(Files::OldestFirst), None),
            ("ordering=-datetime_uploaded", Some(Files::NewestFirst), None),
            ("ordering=datetime_created", None, Some(Groups::OldestFirst)),
            ("ordering=-datetime_created", None, Some(Groups::NewestFirst)),
        ] {
            assert_eq!(files_query(query).ok().map(|query| query.ordering), files, "files by {query}");
            assert_eq!(groups_query(query).ok().map(|query| query.ordering), groups, "groups by {query}");
        }
    }

    #[test]
    fn a_list_is_asked_in_the_service_s_own_words() {
        let query = "limit=2&ordering=-datetime_uploaded&from=2026-11-01T00%3A00%3A00%2B00%3A00&offset=0&stored=false&removed=true&query_parameters=%7B%7D";
        let read = files_query(query).unwrap();
        assert_eq!((read.limit, read.ordering, read.offset), (Some(2), FilesOrdering::NewestFirst, Some(0)));
        assert_eq!((read.stored, read.removed), (Some(false), true));
        assert_eq!(read.from, Timestamp::parse("2026-11-01T00:00:00Z").ok());
        for wrong in [
            "limit=0",
            "limit=1001",
            "limit=x",
            "limit=1&limit=2",
            "ordering=size",
            "from=invalid-date",
            "stored=1",
            "removed=",
            "offset=-1",
        ] {
            assert!(files_query(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        /// Whatever is read is an address of the table, and reads the same again.
        #[test]
        fn any_path_is_refused_or_means_one_thing(
            path in "(/|files|project|storage|metadata|groups|webhooks|7|convert|document|status|%2e|\\.\\.|;|17be4678-dab7-4bc7-8753-28914a22960a(~2)?|\\PC){0,8}/?",
            query in "((limit|from|to|offset|stored|ordering|include|x)=[0-9a-z:%T-]{0,24}&?){0,4}",
        ) {
            for method in [Method::GET, Method::PUT, Method::DELETE, Method::POST] {
                let Ok(read) = address(&method, &path) else { continue };
                if has_body(read.row) {
                    continue;
                }
                if let Ok(call) = call(read, Some(&query), &Body::NONE) {
                    let target = call.target();
                    prop_assert_eq!(parse(&method, &target, "").unwrap(), call.clone());
                    let uri: http::Uri = target.parse().unwrap();
                    prop_assert_eq!(uri.path(), target.split('?').next().unwrap());
                }
            }
        }

        /// Whatever stands in a body: it is refused in one sentence, or what goes on is JSON that means the same again.
        #[test]
        fn any_body_is_refused_or_goes_on_as_it_was_understood(
            at in 0..100usize, text in "\\PC{0,40}|[\\[{\",:}\\]a-z0-9]{0,60}", cut in 0..200usize, form: bool,
        ) {
            let all: Vec<_> = requests().into_iter().filter(|(_, _, body, _)| !body.is_empty()).collect();
            let (method, target, body, _) = &all[at % all.len()];
            let cut = (0..=cut.min(body.len())).rev().find(|cut| body.is_char_boundary(*cut)).unwrap();
            let mixed = format!("{}{text}{}", &body[..cut], &body[cut..]);
            let (path, query) = target.split_once('?').map_or((target.as_str(), None), |(path, query)| (path, Some(query)));
            let given = if form { Body::form_of(mixed.as_bytes()) } else { Body::json_of(mixed.as_bytes()) };
            match call(address(method, path).unwrap(), query, &given) {
                // A batch of nothing but what is no id is not sent.
                Ok(read) if read.body() == b"[]" => {}
                Ok(read) => {
                    let sent = read.body();
                    let again = call(address(method, path).unwrap(), query, &Body::json_of(&sent)).unwrap();
                    prop_assert_eq!(again.body(), sent);
                }
                Err(fault) => prop_assert_eq!(fault.detail().lines().count(), 1),
            }
        }

        #[test]
        fn any_file_is_read_back(bytes in any::<[u8; 16]>()) {
            let call = Call::FileStore(FileUuid::from_random_bytes(bytes));
            prop_assert_eq!(parse(&Method::PUT, &call.target(), "").unwrap(), call);
        }
    }
}
