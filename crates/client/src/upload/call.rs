//! One request of the Upload API with typed arguments, and what it answers. Method and path come from the operation
//! table. Source: Upload API reference.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use updock_engine::{FileOptions, FormField, FormValue, Store};
use updock_types::upload::UploadedFile;
use updock_types::{FileUuid, GroupId, Method, OperationId, PublicKey};

use bytes::Bytes;

/// A small file that is at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectUpload {
    /// Its name.
    pub name: String,
    /// Its media type; may be empty.
    pub media_type: String,
    /// Its bytes; less than 100 MB.
    pub bytes: Bytes,
    /// What else to say about it.
    pub options: FileOptions,
}

/// A file that will come in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultipartStart {
    /// Its name.
    pub name: String,
    /// Bytes; at least 10 000 000.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
    /// Bytes of each part but the last; 5 MiB when absent.
    pub part_size: Option<u64>,
    /// What else to say about it.
    pub options: FileOptions,
}

/// A file that the service fetches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FromUrl {
    /// Where it is: `http` or `https`.
    pub source_url: String,
    /// Its name; taken from the answer or the URL when absent.
    pub filename: Option<String>,
    /// Answer with the file that came from this URL before, if one was remembered.
    pub check_duplicates: bool,
    /// Remember this URL; as `check_duplicates` when absent.
    pub save_duplicates: Option<bool>,
    /// What else to say about it.
    pub options: FileOptions,
}

/// An image to be generated from words, or edited by words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derivative {
    /// The words.
    pub prompt: String,
    /// What to start from.
    pub source: ImageSource,
    /// The name of the result.
    pub filename: String,
    /// What else to say about the result; tags are not taken here.
    pub options: FileOptions,
}

/// What a derivative starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageSource {
    /// Nothing, in this ratio of width to height.
    Nothing([u32; 2]),
    /// An image of the project.
    Image(FileUuid),
}

/// What to ask of the Upload API: a variant for each row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadCall {
    /// `POST /base/`.
    Direct(DirectUpload),
    /// `POST /multipart/start/`.
    MultipartStart(MultipartStart),
    /// `POST /multipart/complete/`.
    MultipartComplete(FileUuid),
    /// `POST /from_url/`.
    FromUrl(FromUrl),
    /// `GET /from_url/status/`.
    FromUrlStatus(String),
    /// `GET /info/`.
    Info(FileUuid),
    /// `POST /group/`: files, as UUIDs or CDN URLs with operations.
    GroupCreate(Vec<String>),
    /// `GET /group/info/`.
    GroupInfo(GroupId),
    /// `POST /derivative/image/generate/` or `/derivative/image/edit/`, by its source.
    Derivative(Derivative),
    /// `GET /derivative/status/`.
    DerivativeStatus(String),
}

/// How the arguments of a call travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Arguments {
    /// In the query.
    Query(Vec<FormField>),
    /// As `application/x-www-form-urlencoded`.
    Fields(Vec<FormField>),
    /// As `multipart/form-data`, with the bytes of the file in it.
    File(Vec<FormField>, DirectUpload),
    /// As JSON.
    Json(serde_json::Value),
}

impl UploadCall {
    /// The row of the operation table.
    pub fn id(&self) -> OperationId {
        match self {
            Self::Direct(_) => OperationId::UploadDirect,
            Self::MultipartStart(_) => OperationId::MultipartStart,
            Self::MultipartComplete(_) => OperationId::MultipartComplete,
            Self::FromUrl(_) => OperationId::FromUrl,
            Self::FromUrlStatus(_) => OperationId::FromUrlStatus,
            Self::Info(_) => OperationId::UploadInfo,
            Self::GroupCreate(_) => OperationId::GroupCreate,
            Self::GroupInfo(_) => OperationId::UploadGroupInfo,
            Self::Derivative(Derivative { source: ImageSource::Nothing(_), .. }) => OperationId::ImageGenerate,
            Self::Derivative(Derivative { source: ImageSource::Image(_), .. }) => OperationId::ImageEdit,
            Self::DerivativeStatus(_) => OperationId::DerivativeStatus,
        }
    }

    /// The HTTP method.
    pub fn method(&self) -> Method {
        self.id().row().method
    }

    /// Does it carry a credential, where the project wants one? Source: Upload API, Authentication.
    pub(crate) fn is_signed(&self) -> bool {
        matches!(
            self,
            Self::Direct(_) | Self::MultipartStart(_) | Self::FromUrl(_) | Self::GroupCreate(_) | Self::Derivative(_)
        )
    }

    pub(crate) fn arguments(&self, key: &PublicKey) -> Arguments {
        let form_key = || text("UPLOADCARE_PUB_KEY", key.as_str());
        let query_key = || text("pub_key", key.as_str());
        match self {
            Self::Direct(upload) => {
                let mut fields = vec![form_key(), text("UPLOADCARE_STORE", store(upload.options.store))];
                fields.extend(upload.options.labels());
                Arguments::File(fields, upload.clone())
            }
            Self::MultipartStart(start) => {
                let mut fields = vec![
                    form_key(),
                    text("UPLOADCARE_STORE", store(start.options.store)),
                    text("filename", &start.name),
                    text("size", start.size.to_string()),
                    text("content_type", &start.media_type),
                ];
                fields.extend(start.part_size.map(|size| text("part_size", size.to_string())));
                fields.extend(start.options.labels());
                Arguments::Fields(fields)
            }
            Self::MultipartComplete(file) => Arguments::Fields(vec![form_key(), text("uuid", file.to_string())]),
            Self::FromUrl(from) => {
                let mut fields = vec![
                    query_key(),
                    text("source_url", &from.source_url),
                    text("store", store(from.options.store)),
                    text("check_URL_duplicates", flag(from.check_duplicates)),
                ];
                fields.extend(from.save_duplicates.map(|save| text("save_URL_duplicates", flag(save))));
                fields.extend(from.filename.as_ref().map(|name| text("filename", name)));
                fields.extend(from.options.labels());
                Arguments::Fields(fields)
            }
            Self::FromUrlStatus(token) => Arguments::Query(vec![text("token", token)]),
            Self::Info(file) => Arguments::Query(vec![query_key(), text("file_id", file.to_string())]),
            Self::GroupCreate(files) => {
                let members = files.iter().enumerate().map(|(at, file)| text(&format!("files[{at}]"), file));
                Arguments::Fields(std::iter::once(query_key()).chain(members).collect())
            }
            Self::GroupInfo(group) => Arguments::Query(vec![query_key(), text("group_id", group.to_string())]),
            Self::Derivative(derivative) => Arguments::Json(derivative.body(key)),
            Self::DerivativeStatus(job) => Arguments::Query(vec![query_key(), text("job_id", job)]),
        }
    }
}

impl Derivative {
    fn body(&self, key: &PublicKey) -> serde_json::Value {
        let mut body = json!({ "pub_key": key, "prompt": self.prompt, "filename": self.filename });
        match self.source {
            ImageSource::Nothing(ratio) => body["aspect_ratio"] = json!(ratio),
            ImageSource::Image(file) => body["source"] = json!(file),
        }
        body["store"] = match self.options.store {
            Store::Auto => json!("auto"),
            Store::Always => json!(true),
            Store::Never => json!(false),
        };
        for (name, value) in &self.options.metadata {
            body["metadata"][name.as_str()] = json!(value);
        }
        body
    }
}

pub(crate) fn text(name: &str, value: impl Into<String>) -> FormField {
    FormField { name: name.to_owned(), value: FormValue::Text(value.into()) }
}

fn store(store: Store) -> &'static str {
    match store {
        Store::Auto => "auto",
        Store::Always => "1",
        Store::Never => "0",
    }
}

fn flag(flag: bool) -> &'static str {
    if flag { "1" } else { "0" }
}

/// Answer of `POST /from_url/`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromUrlStarted {
    /// The service fetches it.
    Token {
        /// Names the job; no file.
        token: String,
    },
    /// It was fetched before.
    FileInfo(Box<UploadedFile>),
}

/// Answer of `GET /from_url/status/`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum FromUrlStatus {
    /// Not begun.
    Waiting,
    /// Under way.
    Progress {
        /// Bytes fetched.
        #[serde(default)]
        done: u64,
        /// Bytes in all, where the source tells.
        #[serde(default, deserialize_with = "known")]
        total: Option<u64>,
    },
    /// It is there; it may not be ready yet.
    Success(Box<UploadedFile>),
    /// It came to nothing.
    Error {
        /// One English sentence.
        #[serde(default)]
        error: String,
        /// A code of the catalogue.
        #[serde(default)]
        error_code: String,
    },
    /// No such job, or it has expired.
    Unknown,
}

/// A number; null, absent and words ("unknown") are none.
fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(serde_json::Value::deserialize(deserializer)?.as_u64())
}

/// Answer of `POST /derivative/image/...`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct DerivativeStarted {
    /// Names the job.
    pub job_id: String,
}

/// Answer of `GET /derivative/status/`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum DerivativeStatus {
    /// The image is being made.
    Processing,
    /// It is made and on its way in.
    Uploading,
    /// It is there; it may not be ready yet.
    Success(Box<UploadedFile>),
    /// It came to nothing.
    Error {
        /// One English sentence.
        #[serde(default)]
        error: String,
        /// `content_moderated`, ...
        #[serde(default)]
        error_code: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use updock_types::{Api, MetadataKey, MetadataValue, OPERATIONS, Tag};

    const FILE: &str = "17be4678-dab7-4bc7-8753-28914a22960a";

    fn options() -> FileOptions {
        FileOptions {
            store: Store::Never,
            metadata: vec![(MetadataKey::parse("pet").unwrap(), MetadataValue::parse("cat").unwrap())],
            tags: vec![Tag::parse("a").unwrap(), Tag::parse("b").unwrap()],
        }
    }

    fn calls() -> Vec<UploadCall> {
        let file = FileUuid::parse(FILE).unwrap();
        let derivative = |source| {
            let (prompt, filename) = ("a cat".to_owned(), "cat.png".to_owned());
            UploadCall::Derivative(Derivative { prompt, source, filename, options: options() })
        };
        let (name, media_type) = ("a".to_owned(), "text/plain".to_owned());
        vec![
            UploadCall::Direct(DirectUpload {
                name: name.clone(),
                media_type: media_type.clone(),
                bytes: "x".into(),
                options: options(),
            }),
            UploadCall::MultipartStart(MultipartStart {
                name,
                size: 10_000_000,
                media_type,
                part_size: None,
                options: options(),
            }),
            UploadCall::MultipartComplete(file),
            UploadCall::FromUrl(FromUrl { source_url: "https://a.example/?x=1&y".to_owned(), ..FromUrl::default() }),
            UploadCall::FromUrlStatus(FILE.to_owned()),
            UploadCall::Info(file),
            UploadCall::GroupCreate(vec![FILE.to_owned()]),
            UploadCall::GroupInfo(GroupId::new(file, 2).unwrap()),
            derivative(ImageSource::Nothing([16, 9])),
            derivative(ImageSource::Image(file)),
            UploadCall::DerivativeStatus(FILE.to_owned()),
        ]
    }

    #[test]
    fn every_upload_row_has_its_call() {
        let calls = calls();
        let rows: Vec<_> = OPERATIONS.iter().filter(|row| row.api == Api::Upload).collect();
        assert_eq!(rows.len(), 11);
        for row in rows {
            assert!(calls.iter().any(|call| call.id() == row.id), "{} has no call", row.id);
        }
    }

    #[test]
    fn the_key_goes_where_each_endpoint_looks_for_it() {
        let key = PublicKey::parse("demopublickey").unwrap();
        for call in calls() {
            let names: Vec<String> = match call.arguments(&key) {
                Arguments::Query(fields) | Arguments::Fields(fields) | Arguments::File(fields, _) => {
                    fields.into_iter().map(|field| field.name).collect()
                }
                Arguments::Json(body) => body.as_object().unwrap().keys().cloned().collect(),
            };
            let has = |name: &str| names.iter().any(|have| have == name);
            let expected = match call {
                UploadCall::Direct(_) | UploadCall::MultipartStart(_) | UploadCall::MultipartComplete(_) => {
                    (true, false)
                }
                UploadCall::FromUrlStatus(_) => (false, false),
                _ => (false, true),
            };
            assert_eq!((has("UPLOADCARE_PUB_KEY"), has("pub_key")), expected, "{call:?}");
        }
    }

    #[test]
    fn every_status_of_a_job_is_read() {
        for (text, expected) in [
            (r#"{"status":"waiting"}"#, FromUrlStatus::Waiting),
            (r#"{"status":"progress","total":9,"done":4}"#, FromUrlStatus::Progress { done: 4, total: Some(9) }),
            (r#"{"status":"progress","total":"unknown","done":4}"#, FromUrlStatus::Progress { done: 4, total: None }),
            (r#"{"status":"progress","done":4}"#, FromUrlStatus::Progress { done: 4, total: None }),
            (r#"{"status":"unknown"}"#, FromUrlStatus::Unknown),
            (
                r#"{"status":"error","error":"HTTP client error: 404."}"#,
                FromUrlStatus::Error { error: "HTTP client error: 404.".to_owned(), error_code: String::new() },
            ),
        ] {
            assert_eq!(serde_json::from_str::<FromUrlStatus>(text).unwrap(), expected, "{text}");
        }
    }
}
