//! One REST request with typed arguments. Method and path come from the operation table.
//!
//! Whatever is in a [`Call`] has been parsed, so its address can hold no surprise: ids and keys are made of characters
//! that need no escape, and everything else travels in the query or in the body.

use form_urlencoded::Serializer;
use serde::Serialize;
use updock_types::rest::{
    Addon, AddonExecute, Conversion, FilesOrdering, FilesQuery, GroupsOrdering, GroupsQuery, Ids, LocalCopy,
    NewWebhook, RemoteCopy, Search, SearchPage, Tags, TagsChange, Unsubscribe, WebhookChange,
};
use updock_types::{
    AddonRequestId, ConversionToken, FileUuid, GroupId, MetadataKey, MetadataValue, Method, OperationId, WebhookId,
};

/// What to ask of the REST API: a variant for each row of the table (add-ons have one variant for four rows each).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// `GET /files/`.
    FilesList(FilesQuery),
    /// `POST /files/search/`.
    FilesSearch(Box<Search>, SearchPage),
    /// `GET /files/{uuid}/`.
    FileInfo(FileUuid),
    /// `GET /files/{uuid}/?include=appdata`: also what add-ons found.
    FileInfoWithAppdata(FileUuid),
    /// `PUT /files/{uuid}/storage/`.
    FileStore(FileUuid),
    /// `DELETE /files/{uuid}/storage/`.
    FileDelete(FileUuid),
    /// `PUT /files/storage/`; at most 100.
    FilesStore(Ids),
    /// `DELETE /files/storage/`; at most 100.
    FilesDelete(Ids),
    /// `POST /files/local_copy/`.
    FileLocalCopy(LocalCopy),
    /// `POST /files/remote_copy/`.
    FileRemoteCopy(RemoteCopy),
    /// `GET /files/{uuid}/tags/`.
    FileTags(FileUuid),
    /// `PUT /files/{uuid}/tags/`.
    FileTagsReplace(FileUuid, Tags),
    /// `PATCH /files/{uuid}/tags/`.
    FileTagsUpdate(FileUuid, TagsChange),
    /// `GET /files/{uuid}/metadata/`.
    MetadataList(FileUuid),
    /// `GET /files/{uuid}/metadata/{key}/`.
    MetadataGet(FileUuid, MetadataKey),
    /// `PUT /files/{uuid}/metadata/{key}/`.
    MetadataPut(FileUuid, MetadataKey, MetadataValue),
    /// `DELETE /files/{uuid}/metadata/{key}/`.
    MetadataDelete(FileUuid, MetadataKey),
    /// `GET /groups/`.
    GroupsList(GroupsQuery),
    /// `GET /groups/{group}/`.
    GroupInfo(GroupId),
    /// `DELETE /groups/{group}/`.
    GroupDelete(GroupId),
    /// `GET /convert/document/{uuid}/`.
    DocumentInfo(FileUuid),
    /// `POST /convert/document/`.
    DocumentConvert(Conversion),
    /// `GET /convert/document/status/{token}/`.
    DocumentStatus(ConversionToken),
    /// `POST /convert/video/`.
    VideoConvert(Conversion),
    /// `GET /convert/video/status/{token}/`.
    VideoStatus(ConversionToken),
    /// `POST /addons/{name}/execute/`.
    AddonExecute(Addon, AddonExecute),
    /// `GET /addons/{name}/execute/status/`.
    AddonStatus(Addon, AddonRequestId),
    /// `GET /webhooks/`.
    WebhooksList,
    /// `POST /webhooks/`.
    WebhookCreate(NewWebhook),
    /// `DELETE /webhooks/unsubscribe/`.
    WebhookUnsubscribe(Unsubscribe),
    /// `GET /webhooks/{id}/`.
    WebhookInfo(WebhookId),
    /// `PUT /webhooks/{id}/`.
    WebhookUpdate(WebhookId, WebhookChange),
    /// `DELETE /webhooks/{id}/`.
    WebhookDelete(WebhookId),
    /// `GET /project/`.
    ProjectInfo,
}

impl Call {
    /// The row of the operation table.
    pub fn id(&self) -> OperationId {
        match self {
            Self::FilesList(_) => OperationId::FilesList,
            Self::FilesSearch(..) => OperationId::FilesSearch,
            Self::FileInfo(_) | Self::FileInfoWithAppdata(_) => OperationId::FileInfo,
            Self::FileStore(_) => OperationId::FileStore,
            Self::FileDelete(_) => OperationId::FileDelete,
            Self::FilesStore(_) => OperationId::FilesStore,
            Self::FilesDelete(_) => OperationId::FilesDelete,
            Self::FileLocalCopy(_) => OperationId::FileLocalCopy,
            Self::FileRemoteCopy(_) => OperationId::FileRemoteCopy,
            Self::FileTags(_) => OperationId::FileTags,
            Self::FileTagsReplace(..) => OperationId::FileTagsReplace,
            Self::FileTagsUpdate(..) => OperationId::FileTagsUpdate,
            Self::MetadataList(_) => OperationId::MetadataList,
            Self::MetadataGet(..) => OperationId::MetadataGet,
            Self::MetadataPut(..) => OperationId::MetadataPut,
            Self::MetadataDelete(..) => OperationId::MetadataDelete,
            Self::GroupsList(_) => OperationId::GroupsList,
            Self::GroupInfo(_) => OperationId::GroupInfo,
            Self::GroupDelete(_) => OperationId::GroupDelete,
            Self::DocumentInfo(_) => OperationId::DocumentInfo,
            Self::DocumentConvert(_) => OperationId::DocumentConvert,
            Self::DocumentStatus(_) => OperationId::DocumentStatus,
            Self::VideoConvert(_) => OperationId::VideoConvert,
            Self::VideoStatus(_) => OperationId::VideoStatus,
            Self::AddonExecute(addon, _) => match addon {
                Addon::Labels => OperationId::LabelsExecute,
                Addon::Moderation => OperationId::ModerationExecute,
                Addon::VirusScan => OperationId::VirusScanExecute,
                Addon::RemoveBg => OperationId::RemoveBgExecute,
            },
            Self::AddonStatus(addon, _) => match addon {
                Addon::Labels => OperationId::LabelsStatus,
                Addon::Moderation => OperationId::ModerationStatus,
                Addon::VirusScan => OperationId::VirusScanStatus,
                Addon::RemoveBg => OperationId::RemoveBgStatus,
            },
            Self::WebhooksList => OperationId::WebhooksList,
            Self::WebhookCreate(_) => OperationId::WebhookCreate,
            Self::WebhookUnsubscribe(_) => OperationId::WebhookUnsubscribe,
            Self::WebhookInfo(_) => OperationId::WebhookInfo,
            Self::WebhookUpdate(..) => OperationId::WebhookUpdate,
            Self::WebhookDelete(_) => OperationId::WebhookDelete,
            Self::ProjectInfo => OperationId::ProjectInfo,
        }
    }

    /// The one file it is about, if it is about one.
    pub fn file(&self) -> Option<FileUuid> {
        match self {
            Self::FileInfo(file)
            | Self::FileInfoWithAppdata(file)
            | Self::FileStore(file)
            | Self::FileDelete(file)
            | Self::FileTags(file)
            | Self::FileTagsReplace(file, _)
            | Self::FileTagsUpdate(file, _)
            | Self::MetadataList(file)
            | Self::MetadataGet(file, _)
            | Self::MetadataPut(file, ..)
            | Self::MetadataDelete(file, _)
            | Self::DocumentInfo(file) => Some(*file),
            Self::AddonExecute(_, execute) => Some(execute.target),
            _ => None,
        }
    }

    /// The HTTP method.
    pub fn method(&self) -> Method {
        self.id().row().method
    }

    /// Path and query as they go onto the wire, and into the signature.
    pub fn target(&self) -> String {
        let mut target = self.path();
        let query = self.query();
        if !query.is_empty() {
            target.push('?');
            target.push_str(&query);
        }
        target
    }

    fn path(&self) -> String {
        let template = self.id().row().path;
        match self {
            Self::MetadataGet(file, key) | Self::MetadataPut(file, key, _) | Self::MetadataDelete(file, key) => {
                template.replace("{uuid}", &file.to_string()).replace("{key}", key.as_str())
            }
            Self::GroupInfo(group) | Self::GroupDelete(group) => template.replace("{group}", &group.to_string()),
            Self::DocumentStatus(token) | Self::VideoStatus(token) => template.replace("{token}", &token.to_string()),
            Self::WebhookInfo(id) | Self::WebhookUpdate(id, _) | Self::WebhookDelete(id) => {
                template.replace("{id}", &id.to_string())
            }
            _ => match self.file() {
                Some(file) => template.replace("{uuid}", &file.to_string()),
                None => template.to_owned(),
            },
        }
    }

    /// Only what differs from the service's own defaults.
    fn query(&self) -> String {
        let mut pairs = Pairs(Serializer::new(String::new()));
        match self {
            Self::FilesList(query) => {
                pairs.add("limit", query.limit);
                let newest = query.ordering == FilesOrdering::NewestFirst;
                pairs.add("ordering", newest.then_some("-datetime_uploaded"));
                pairs.add("from", query.from);
                pairs.add("to", query.to);
                pairs.add("offset", query.offset);
                pairs.add("stored", query.stored);
                pairs.add("removed", query.removed.then_some(true));
                pairs.add("include", query.appdata.then_some("appdata"));
            }
            Self::FilesSearch(_, page) => {
                pairs.add("limit", page.limit);
                pairs.add("offset", page.offset);
                pairs.add("include", page.appdata.then_some("appdata"));
            }
            Self::FileInfoWithAppdata(_) => pairs.add("include", Some("appdata")),
            Self::GroupsList(query) => {
                pairs.add("limit", query.limit);
                let newest = query.ordering == GroupsOrdering::NewestFirst;
                pairs.add("ordering", newest.then_some("-datetime_created"));
                pairs.add("from", query.from);
                pairs.add("to", query.to);
                pairs.add("offset", query.offset);
            }
            Self::AddonStatus(_, request) => pairs.add("request_id", Some(request)),
            _ => {}
        }
        pairs.0.finish()
    }

    /// The JSON body, exactly as it is signed and sent; empty when there is none.
    pub fn body(&self) -> Vec<u8> {
        match self {
            Self::FilesSearch(search, _) => json(search),
            Self::FilesStore(files) | Self::FilesDelete(files) => json(files),
            Self::FileLocalCopy(copy) => json(copy),
            Self::FileRemoteCopy(copy) => json(copy),
            Self::FileTagsReplace(_, tags) => json(tags),
            Self::FileTagsUpdate(_, change) => json(change),
            Self::MetadataPut(_, _, value) => json(value.as_str()),
            Self::DocumentConvert(conversion) | Self::VideoConvert(conversion) => json(conversion),
            Self::AddonExecute(_, execute) => json(execute),
            Self::WebhookCreate(webhook) => json(webhook),
            Self::WebhookUnsubscribe(target) => json(target),
            Self::WebhookUpdate(_, change) => json(change),
            _ => Vec::new(),
        }
    }
}

struct Pairs(Serializer<'static, String>);

impl Pairs {
    fn add(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.0.append_pair(name, &value.to_string());
        }
    }
}

fn json<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("bodies are made of texts, numbers, lists and maps with text keys")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, Value};
    use updock_types::{Api, Event, OPERATIONS, Timestamp};

    const FILE: &str = "17be4678-dab7-4bc7-8753-28914a22960a";

    /// A call of each kind, with what goes onto the wire.
    fn calls() -> Vec<(Call, &'static str, String, &'static str)> {
        let file = FileUuid::parse(FILE).unwrap();
        let at = Timestamp::parse("2026-11-01T00:00:00Z").ok();
        let key = MetadataKey::parse("-:45az_").unwrap();
        let value = MetadataValue::parse("any \"string\"").unwrap();
        let group = GroupId::new(file, 2).unwrap();
        let request = AddonRequestId::parse(FILE).unwrap();
        let token = ConversionToken(9_441_362_260_001);
        let conversion = Conversion {
            paths: vec![format!("{FILE}/document/-/format/pdf/")],
            store: Some("1".to_owned()),
            save_in_group: None,
        };
        let execute =
            AddonExecute { target: file, params: Map::from_iter([("purge_infected".into(), Value::Bool(true))]) };
        let webhook = NewWebhook {
            target_url: "https://example.com/hook".to_owned(),
            event: Event::FileUploaded,
            is_active: None,
            signing_secret: None,
            version: Some("0.7".to_owned()),
        };
        let files = FilesQuery {
            limit: Some(2),
            ordering: FilesOrdering::NewestFirst,
            from: at,
            to: None,
            offset: Some(0),
            stored: Some(true),
            removed: true,
            appdata: true,
        };
        let groups =
            GroupsQuery { limit: Some(5), ordering: GroupsOrdering::NewestFirst, from: at, ..GroupsQuery::default() };
        let search = Search { is_image: Some(true), ..Search::default() };
        let tags = Tags { tags: vec!["cat".to_owned()] };
        let change = TagsChange { add: vec!["dog".to_owned()], delete: vec![] };
        let local =
            LocalCopy { source: FILE.to_owned(), store: Some(true), metadata: std::collections::BTreeMap::new() };
        let remote = RemoteCopy { source: FILE.to_owned(), target: "s3".to_owned(), make_public: None, pattern: None };
        let target = Unsubscribe { target_url: "https://example.com/hook".to_owned() };
        let inactive = WebhookChange { is_active: Some(false), ..WebhookChange::default() };
        let of_file = |rest: &str| format!("/files/{FILE}/{rest}");
        let metadata = || of_file("metadata/-:45az_/");
        let ids = r#"["17be4678-dab7-4bc7-8753-28914a22960a"]"#;
        let converts = r#"{"paths":["17be4678-dab7-4bc7-8753-28914a22960a/document/-/format/pdf/"],"store":"1"}"#;
        let executes = r#"{"target":"17be4678-dab7-4bc7-8753-28914a22960a","params":{"purge_infected":true}}"#;
        let mut calls = vec![
            (Call::FilesList(FilesQuery::default()), "GET", "/files/".to_owned(), ""),
            (Call::FilesList(files), "GET", "/files/?limit=2&ordering=-datetime_uploaded&from=2026-11-01T00%3A00%3A00.000000Z&offset=0&stored=true&removed=true&include=appdata".to_owned(), ""),
            (Call::FilesSearch(Box::new(search), SearchPage { limit: Some(2), offset: Some(4), appdata: true }), "POST", "/files/search/?limit=2&offset=4&include=appdata".to_owned(), r#"{"is_image":true}"#),
            (Call::FileInfo(file), "GET", of_file(""), ""),
            (Call::FileInfoWithAppdata(file), "GET", of_file("?include=appdata"), ""),
            (Call::FileStore(file), "PUT", of_file("storage/"), ""),
            (Call::FileDelete(file), "DELETE", of_file("storage/"), ""),
            (Call::FilesStore(vec![file]), "PUT", "/files/storage/".to_owned(), ids),
            (Call::FilesDelete(vec![file]), "DELETE", "/files/storage/".to_owned(), ids),
            (Call::FileLocalCopy(local), "POST", "/files/local_copy/".to_owned(), r#"{"source":"17be4678-dab7-4bc7-8753-28914a22960a","store":true}"#),
            (Call::FileRemoteCopy(remote), "POST", "/files/remote_copy/".to_owned(), r#"{"source":"17be4678-dab7-4bc7-8753-28914a22960a","target":"s3"}"#),
            (Call::FileTags(file), "GET", of_file("tags/"), ""),
            (Call::FileTagsReplace(file, tags), "PUT", of_file("tags/"), r#"{"tags":["cat"]}"#),
            (Call::FileTagsUpdate(file, change), "PATCH", of_file("tags/"), r#"{"add":["dog"],"delete":[]}"#),
            (Call::MetadataList(file), "GET", of_file("metadata/"), ""),
            (Call::MetadataGet(file, key.clone()), "GET", metadata(), ""),
            (Call::MetadataPut(file, key.clone(), value), "PUT", metadata(), r#""any \"string\"""#),
            (Call::MetadataDelete(file, key), "DELETE", metadata(), ""),
            (Call::GroupsList(groups), "GET", "/groups/?limit=5&ordering=-datetime_created&from=2026-11-01T00%3A00%3A00.000000Z".to_owned(), ""),
            (Call::GroupInfo(group), "GET", format!("/groups/{FILE}~2/"), ""),
            (Call::GroupDelete(group), "DELETE", format!("/groups/{FILE}~2/"), ""),
            (Call::DocumentInfo(file), "GET", format!("/convert/document/{FILE}/"), ""),
            (Call::DocumentConvert(conversion.clone()), "POST", "/convert/document/".to_owned(), converts),
            (Call::DocumentStatus(token), "GET", "/convert/document/status/9441362260001/".to_owned(), ""),
            (Call::VideoConvert(conversion), "POST", "/convert/video/".to_owned(), converts),
            (Call::VideoStatus(token), "GET", "/convert/video/status/9441362260001/".to_owned(), ""),
            (Call::WebhooksList, "GET", "/webhooks/".to_owned(), ""),
            (Call::WebhookCreate(webhook), "POST", "/webhooks/".to_owned(), r#"{"target_url":"https://example.com/hook","event":"file.uploaded","version":"0.7"}"#),
            (Call::WebhookUnsubscribe(target), "DELETE", "/webhooks/unsubscribe/".to_owned(), r#"{"target_url":"https://example.com/hook"}"#),
            (Call::WebhookInfo(WebhookId(7)), "GET", "/webhooks/7/".to_owned(), ""),
            (Call::WebhookUpdate(WebhookId(7), inactive), "PUT", "/webhooks/7/".to_owned(), r#"{"is_active":false}"#),
            (Call::WebhookDelete(WebhookId(7)), "DELETE", "/webhooks/7/".to_owned(), ""),
            (Call::ProjectInfo, "GET", "/project/".to_owned(), ""),
        ];
        for addon in Addon::ALL {
            let path = format!("/addons/{addon}/execute/");
            calls.push((Call::AddonExecute(*addon, execute.clone()), "POST", path.clone(), executes));
            let status = format!("{path}status/?request_id={FILE}");
            calls.push((Call::AddonStatus(*addon, request), "GET", status, ""));
        }
        calls
    }

    #[test]
    fn requests_are_built_from_the_table() {
        for (call, method, target, body) in calls() {
            assert_eq!((call.method().as_str(), call.target()), (method, target), "{call:?}");
            assert_eq!(String::from_utf8(call.body()).unwrap(), body, "{call:?}");
            assert!(!call.target().contains('{'), "{call:?} leaves a parameter open");
        }
    }

    #[test]
    fn every_rest_row_has_its_call() {
        let calls = calls();
        let rows: Vec<_> = OPERATIONS.iter().filter(|row| row.api == Api::Rest).collect();
        assert_eq!(rows.len(), 39);
        for row in rows {
            assert!(calls.iter().any(|(call, ..)| call.id() == row.id), "{} has no call", row.id);
        }
    }

    #[test]
    fn a_webhooks_secret_is_not_shown() {
        let change = WebhookChange { signing_secret: Some("s3cr3t".to_owned()), ..WebhookChange::default() };
        let call = Call::WebhookUpdate(WebhookId(7), change);
        assert!(!format!("{call:?}").contains("s3cr3t"));
        assert!(String::from_utf8(call.body()).unwrap().contains("s3cr3t"));
    }
}
