//! Storages of the customer's that copies go out to: a directory, or a bucket that speaks S3.
//!
//! An object that is there already is left as it is. Leaves naming objects to the caller ([`crate::rest`]).

use crate::{body, store::Blobs};
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use secrecy::{ExposeSecret, SecretString};
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Duration,
};
use updock_types::FileUuid;
use url::Url;

/// A custom storage of the project's, by the name that requests call it.
#[derive(Debug, Clone)]
pub struct RemoteStorage {
    /// What `target` names.
    pub name: String,
    /// Where objects go.
    pub place: RemotePlace,
    /// How objects are named where the request does not say; `${default}` when absent.
    pub pattern: Option<String>,
}

/// Where copies go.
#[derive(Debug, Clone)]
pub enum RemotePlace {
    /// A directory of this machine.
    Directory(PathBuf),
    /// A bucket that speaks S3.
    S3(S3Bucket),
}

/// A bucket and who may write into it.
#[derive(Debug, Clone)]
pub struct S3Bucket {
    /// Where it is served, like `http://127.0.0.1:9000`.
    pub endpoint: Url,
    /// Its name.
    pub bucket: String,
    /// Its region; any text where the endpoint has none.
    pub region: String,
    /// Names who writes.
    pub access_key: String,
    /// Proves who writes.
    pub secret_key: SecretString,
}

/// Why a storage cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected NAME=DIRECTORY, or NAME=s3+http://ACCESS_KEY:SECRET_KEY@HOST/BUCKET?region=REGION (or s3+https), {0}"
)]
pub struct RemoteStorageError(&'static str);

impl RemoteStorage {
    /// Reads `NAME=DIRECTORY` or `NAME=s3+https://ACCESS_KEY:SECRET_KEY@HOST/BUCKET`.
    pub fn parse(text: &str) -> Result<Self, RemoteStorageError> {
        let (name, place) = text.split_once('=').ok_or(RemoteStorageError("and there is no `=`"))?;
        if name.is_empty() || place.is_empty() {
            return Err(RemoteStorageError("and one side of `=` is empty"));
        }
        let place = match place.strip_prefix("s3+") {
            Some(url) => RemotePlace::S3(S3Bucket::parse(url)?),
            None => RemotePlace::Directory(place.into()),
        };
        Ok(Self { name: name.to_owned(), place, pattern: None })
    }
}

impl S3Bucket {
    fn parse(text: &str) -> Result<Self, RemoteStorageError> {
        let url = Url::parse(text).map_err(|_| RemoteStorageError("and what follows `s3+` is no URL"))?;
        let decoded = |text: &str| String::from_utf8(crate::percent::decode(text)).unwrap_or_default();
        let bucket = url.path().trim_matches('/').to_owned();
        let secret = url.password().ok_or(RemoteStorageError("and the keys are missing"))?;
        if !matches!(url.scheme(), "http" | "https") || bucket.is_empty() || bucket.contains('/') {
            return Err(RemoteStorageError("and the address of the bucket is none"));
        }
        let region = url.query_pairs().find(|(name, _)| name == "region");
        let region = region.map_or_else(|| "us-east-1".to_owned(), |(_, region)| region.into_owned());
        let mut endpoint = url.clone();
        endpoint.set_path("/");
        endpoint.set_query(None);
        // Only what has no host refuses these, and that was refused before.
        let _ = endpoint.set_username("");
        let _ = endpoint.set_password(None);
        Ok(Self { endpoint, bucket, region, access_key: decoded(url.username()), secret_key: decoded(secret).into() })
    }
}

/// Why a copy did not reach its storage. For the log: it names no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoteError {
    #[error("a file could not be read or written: {0}")]
    Io(#[from] io::Error),
    #[error("the bucket's address is none")]
    Bucket,
    #[error("the bucket could not be reached: {0}")]
    Unreachable(#[from] hyper_util::client::legacy::Error),
    #[error("the bucket answered {0}")]
    Refused(StatusCode),
}

/// The bytes of an object.
#[derive(Debug)]
pub(crate) enum Content {
    /// Those of a file, so many.
    Blob(Blobs, FileUuid, u64),
    Bytes(Bytes),
}

impl Content {
    fn size(&self) -> u64 {
        match self {
            Self::Blob(_, _, size) => *size,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }
}

/// An object to be made of a file of the project's.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    pub(crate) content: Content,
    pub(crate) mime_type: &'a str,
    /// A relative path of plain segments.
    pub(crate) key: &'a str,
    pub(crate) public: bool,
}

impl RemoteStorage {
    /// Copies out; `false` where an object of that name is there already.
    pub(crate) async fn put(&self, object: Object<'_>) -> Result<bool, RemoteError> {
        match &self.place {
            RemotePlace::Directory(directory) => {
                let (path, content) = (directory.join(object.key), object.content);
                let copied = tokio::task::spawn_blocking(move || copy(&content, &path)).await;
                Ok(copied.map_err(io::Error::other)??)
            }
            RemotePlace::S3(bucket) => bucket.put(object).await,
        }
    }

    /// How an object is called in answers.
    pub(crate) fn url(&self, key: &str) -> String {
        let bucket = match &self.place {
            RemotePlace::Directory(_) => &self.name,
            RemotePlace::S3(bucket) => &bucket.bucket,
        };
        format!("s3://{bucket}/{key}")
    }
}

/// Whole or not at all, and never over what is there.
fn copy(from: &Content, to: &Path) -> io::Result<bool> {
    if to.try_exists()? {
        return Ok(false);
    }
    let directory = to.parent().unwrap_or(to);
    fs::create_dir_all(directory)?;
    let mut beside = tempfile::Builder::new().prefix(".updock-").tempfile_in(directory)?;
    match from {
        Content::Blob(blobs, file, _) => _ = io::copy(&mut blobs.read(*file)?, beside.as_file_mut())?,
        Content::Bytes(bytes) => beside.write_all(bytes)?,
    }
    match beside.persist_noclobber(to) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error),
    }
}

type Http = Client<HttpsConnector<HttpConnector>, Body>;

static HTTP: LazyLock<Http> = LazyLock::new(|| {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(Duration::from_secs(10)));
    let tls = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
        .expect("ring knows the protocol versions that rustls asks for");
    // A connection is never kept: this client outlives the runtimes that drive them.
    Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build(tls.https_or_http().enable_http1().wrap_connector(tcp))
});

/// How long a signed address is good for.
const SIGNED_FOR: Duration = Duration::from_mins(15);

impl S3Bucket {
    async fn put(&self, object: Object<'_>) -> Result<bool, RemoteError> {
        let bucket = Bucket::new(self.endpoint.clone(), UrlStyle::Path, self.bucket.clone(), self.region.clone());
        let bucket = bucket.map_err(|_| RemoteError::Bucket)?;
        let credentials = Credentials::new(self.access_key.clone(), self.secret_key.expose_secret());

        let url = bucket.head_object(Some(&credentials), object.key).sign(SIGNED_FOR);
        let request = Request::head(url.as_str()).body(Body::empty()).map_err(|_| RemoteError::Bucket)?;
        match HTTP.request(request).await?.status() {
            StatusCode::OK => return Ok(false),
            // Who may write but not list is told 403 about what is not there.
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => {}
            status => return Err(RemoteError::Refused(status)),
        }

        let mut put = bucket.put_object(Some(&credentials), object.key);
        if object.public {
            put.headers_mut().insert("x-amz-acl", "public-read");
        }
        let url = put.sign(SIGNED_FOR);
        // A declared type is the client's word and may be no header value at all.
        let mime_type = HeaderValue::try_from(object.mime_type);
        let mime_type = mime_type.unwrap_or(HeaderValue::from_static("application/octet-stream"));
        let mut request = Request::put(url.as_str())
            .header(header::CONTENT_LENGTH, object.content.size())
            .header(header::CONTENT_TYPE, mime_type);
        if object.public {
            request = request.header("x-amz-acl", "public-read");
        }
        let body = match object.content {
            Content::Blob(blobs, file, size) => body::of_file(blobs.read(file)?, size),
            Content::Bytes(bytes) => bytes.into(),
        };
        let status = HTTP.request(request.body(body).map_err(|_| RemoteError::Bucket)?).await?.status();
        if status.is_success() { Ok(true) } else { Err(RemoteError::Refused(status)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storage_is_read_from_one_text() {
        let storage = RemoteStorage::parse("archive=/srv/archive").unwrap();
        assert!(matches!(&storage.place, RemotePlace::Directory(path) if path == Path::new("/srv/archive")));
        assert_eq!((storage.name.as_str(), storage.url("a/b.jpg").as_str()), ("archive", "s3://archive/a/b.jpg"));

        let storage = RemoteStorage::parse("out=s3+http://key:s%2Fcret@127.0.0.1:9000/pictures?region=eu").unwrap();
        let RemotePlace::S3(bucket) = &storage.place else { panic!("{storage:?}") };
        assert_eq!(bucket.endpoint.as_str(), "http://127.0.0.1:9000/");
        assert_eq!((bucket.bucket.as_str(), bucket.region.as_str()), ("pictures", "eu"));
        assert_eq!((bucket.access_key.as_str(), bucket.secret_key.expose_secret()), ("key", "s/cret"));
        assert!(!format!("{storage:?}").contains("cret@") && !format!("{storage:?}").contains("s/cret"));

        for text in
            ["", "a", "=b", "a=", "a=s3+x", "a=s3+http://host/bucket", "a=s3+http://k:s@host/", "a=s3+ftp://k:s@h/b"]
        {
            assert!(RemoteStorage::parse(text).is_err(), "{text}");
        }
    }
}
