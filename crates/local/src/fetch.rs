//! Fetches files from URLs, for uploads that were asked for and acknowledged before.
//!
//! Every hop of a redirect is checked like the first, and each connection goes to an address that was found public
//! ([`crate::outward`]). Memory does not grow with a file's size. An upload that was under way when the process died
//! starts anew. Leaves what is a good request to [`crate::upload`]. Source: Upload API, Upload from URL.

mod name;

use crate::{
    app::App,
    config::Config,
    content,
    events::Notice,
    outward::{self, HostRefused, Outward, USER_AGENT},
    store::{NewFile, Sink, Spool, UrlUpload},
};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinSet, spawn_blocking},
};
use updock_types::{ErrorCode, Event, FileUuid, UploadApiError};
use url::Url;

/// Uploads that are fetched at the same time; the others wait.
const AT_ONCE: usize = 8;
/// Most redirects that are followed; the service's number is not published.
const MAX_REDIRECTS: usize = 10;

/// Where uploads from URLs come from, and how far each is.
pub(crate) struct Sources {
    outward: Outward,
    asked: mpsc::UnboundedSender<UrlUpload>,
    progress: Mutex<HashMap<FileUuid, Progress>>,
}

/// How far one upload is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Progress {
    /// Bytes; not every source says.
    pub(crate) total: Option<u64>,
    pub(crate) done: u64,
}

/// What was asked for, on its way to [`fetch_all`].
pub(crate) type Asked = mpsc::UnboundedReceiver<UrlUpload>;

impl Sources {
    pub(crate) fn new(config: &Config) -> (Self, Asked) {
        let (asked, receiver) = mpsc::unbounded_channel();
        (Self { outward: Outward::new(config.private_urls), asked, progress: Mutex::default() }, receiver)
    }

    /// May this source be fetched?
    pub(crate) async fn check(&self, url: &Url) -> Result<(), HostRefused> {
        self.outward.check(url).await
    }

    /// Fetches it as soon as there is a place. It must be remembered already.
    pub(crate) fn fetch(&self, upload: UrlUpload) {
        // Whoever receives has ended only when everything ends; the row is there for the next start.
        let _ = self.asked.send(upload);
    }

    /// How far the upload of that token is; `None` while it waits.
    pub(crate) fn progress(&self, token: FileUuid) -> Option<Progress> {
        self.lock().get(&token).copied()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<FileUuid, Progress>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fetches what is asked for, and first what was under way at the last end, for ever.
pub(crate) async fn fetch_all(app: App, mut asked: Asked) {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut fetching = JoinSet::new();
    match app.store.url_uploads_under_way().await {
        Ok(uploads) => uploads.into_iter().for_each(|upload| app.sources.fetch(upload)),
        Err(error) => tracing::error!(%error, "could not look for uploads from URLs that were under way"),
    }
    loop {
        tokio::select! {
            Some(upload) = asked.recv() => {
                let (app, slots) = (app.clone(), slots.clone());
                fetching.spawn(async move {
                    if let Ok(_slot) = slots.acquire().await {
                        run(&app, upload).await;
                    }
                });
            }
            Some(ended) = fetching.join_next() => if let Err(error) = ended {
                tracing::error!(%error, "an upload from a URL failed badly");
            },
            else => return,
        }
    }
}

async fn run(app: &App, upload: UrlUpload) {
    let token = upload.token;
    app.sources.lock().insert(token, Progress::default());
    let time = app.config.from_url_timeout;
    let fetched = tokio::time::timeout(time, fetch(app, &upload)).await.unwrap_or_else(|_| {
        let seconds = time.as_secs().to_string();
        Err(ErrorCode::DownloadFileTimeLimitExceededError.error(&[&seconds]))
    });
    let ended = match fetched {
        Ok((file, spool)) => match app.store.finish_url_upload(&upload, &file).await {
            Ok(true) => {
                spool.keep();
                app.tell(Notice::by_request(Event::FileUploaded, file.uuid)).await;
                Ok(())
            }
            // A fresh start came in between.
            Ok(false) => Ok(()),
            Err(error) => Err(error),
        },
        Err(error) => {
            tracing::info!(%token, code = error.error_code, "an upload from a URL failed");
            app.store.fail_url_upload(token, &error).await
        }
    };
    if let Err(error) = ended {
        tracing::error!(%token, %error, "could not note the end of an upload from a URL");
    }
    app.sources.lock().remove(&token);
}

/// Fetches the file; its blob lies in the spool.
async fn fetch(app: &App, upload: &UrlUpload) -> Result<(NewFile, Spool), UploadApiError> {
    let first = Url::parse(&upload.source_url).map_err(|_| invalid("Failed to parse URL."))?;
    let response = answer(app, first.clone()).await?;
    let (parts, mut body) = response.into_parts();
    let total = parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let limit = app.config.max_file_size;
    if let Some(total) = total {
        within(total, limit)?;
    }
    let uuid = crate::chance::uuid();
    let spool = Spool::new(app.store.blobs.gathering(uuid));
    let mut sink = Sink::create(spool.path()).map_err(|error| internal(&error))?;
    let mut done = 0;
    app.sources.lock().insert(upload.token, Progress { total, done });
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| network("the connection ended before the file did"))?;
        let Ok(bytes) = frame.into_data() else { continue };
        done += bytes.len() as u64;
        within(done, limit)?;
        sink.push(bytes).await.map_err(|error| internal(&error))?;
        app.sources.lock().insert(upload.token, Progress { total, done });
    }
    let written = sink.finish().await.map_err(|error| internal(&error))?;
    let path = spool.path().to_owned();
    let found = spawn_blocking(move || content::look(&path)).await.map_err(io::Error::other).flatten();
    let content_info = found.map_err(|error| internal(&error))?;
    if app.config.forbids(&content_info) {
        let sentence = ErrorCode::FileTypeForbiddenError.error(&[]).content;
        return Err(ErrorCode::DownloadFileValidationFailedError.error(&[&sentence]));
    }
    let declared = media_type(&parts.headers);
    let detected = content_info.mime.as_ref().map(|mime| mime.mime.clone());
    let file = NewFile {
        uuid,
        original_filename: upload.filename.clone().unwrap_or_else(|| name::of(&first, &parts.headers)),
        mime_type: declared.or(detected).unwrap_or_else(|| "application/octet-stream".to_owned()),
        size: written.size,
        etag: crate::hex(&written.sum),
        stored: upload.stored,
        ready_after: app.config.ready_delay,
        is_image: content_info.image.is_some(),
        content_info,
        metadata: upload.metadata.clone(),
        tags: upload.tags.clone(),
    };
    Ok((file, spool))
}

/// The successful answer at the end of all redirects.
async fn answer(app: &App, first: Url) -> Result<Response<Incoming>, UploadApiError> {
    let mut url = first;
    for _ in 0..=MAX_REDIRECTS {
        app.sources.check(&url).await.map_err(refused)?;
        let request = Request::get(url.as_str())
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::ACCEPT, "*/*")
            // What is stored shall be the file, not a packed form of it.
            .header(header::ACCEPT_ENCODING, "identity");
        let request = request.body(Full::<Bytes>::default()).map_err(|_| invalid("Failed to parse URL."))?;
        let response = app.sources.outward.send(request).await.map_err(|error| match outward::refusal(&error) {
            Some(refusal) => refused(refusal),
            None if error.is_connect() => network("the host cannot be reached"),
            None => network("the host did not answer as it should"),
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let Some(next) = location(&url, status, response.headers()) else {
            let code = status.as_u16().to_string();
            let error = if status.is_server_error() {
                ErrorCode::DownloadFileHTTPServerError
            } else {
                ErrorCode::DownloadFileHTTPClientError
            };
            return Err(error.error(&[&code]));
        };
        url = next?;
    }
    Err(ErrorCode::URLRedirectsLimitExceededError.error(&[]))
}

/// Where a redirect leads; `None` where it is none.
fn location(from: &Url, status: StatusCode, headers: &HeaderMap) -> Option<Result<Url, UploadApiError>> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = headers.get(header::LOCATION)?;
    let next = std::str::from_utf8(location.as_bytes()).ok().and_then(|text| from.join(text).ok());
    Some(match next {
        None => Err(invalid("Failed to parse URL.")),
        Some(next) if !matches!(next.scheme(), "http" | "https") => Err(invalid("Invalid URL scheme.")),
        Some(next) => Ok(next),
    })
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let essence = headers.get(header::CONTENT_TYPE)?.to_str().ok()?.split(';').next()?.trim();
    essence.contains('/').then(|| essence.to_ascii_lowercase())
}

fn within(size: u64, limit: u64) -> Result<(), UploadApiError> {
    if size <= limit {
        return Ok(());
    }
    Err(ErrorCode::DownloadFileSizeLimitExceededError.error(&[&size.to_string(), &limit.to_string()]))
}

fn refused(refused: HostRefused) -> UploadApiError {
    match refused {
        HostRefused::Private => invalid("Only public IPs are allowed."),
        HostRefused::Unknown => network("the host does not exist"),
    }
}

fn invalid(sentence: &str) -> UploadApiError {
    // The sentence of this error ends in a dot of its own.
    ErrorCode::DownloadFileHTTPURLValidationError.error(&[sentence.trim_end_matches('.')])
}

fn network(words: &str) -> UploadApiError {
    ErrorCode::DownloadFileHTTPNetworkError.error(&[words])
}

fn internal(error: &io::Error) -> UploadApiError {
    tracing::error!(%error, "could not keep a file that was fetched");
    ErrorCode::DownloadFileInternalServerError.error(&[])
}
