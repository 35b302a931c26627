//! A method with a typed answer for each operation of the Upload API.

use super::call::{
    Arguments, Derivative, DerivativeStarted, DerivativeStatus, DirectUpload, FromUrl, FromUrlStarted, FromUrlStatus,
    MultipartStart, UploadCall, text,
};
use super::form::{multipart, urlencoded};
use super::{Inner, Uploader};
use crate::answer::{Answer, receive};
use crate::http::{Payload, Piece, USER_AGENT};
use crate::jobs::{Look, Polling};
use crate::{Error, JobError};
use bytes::Bytes;
use http::{HeaderValue, Request, header};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::time::Duration;
use updock_engine::{FormField, FormValue, Secret};
use updock_types::signer::Credential;
use updock_types::upload::{MultipartStarted, UploadedFile, UploadedGroup};
use updock_types::{FileUuid, GroupId, OperationId};

/// The form field of a direct upload that holds the file, and its key in the answer.
const FILE_FIELD: &str = "file";

impl Uploader {
    /// Uploads bytes that are at hand, in one request. Each call makes another file.
    pub async fn direct(&self, upload: DirectUpload) -> Result<FileUuid, Error> {
        let files: BTreeMap<String, FileUuid> = self.ask(&UploadCall::Direct(upload)).await?;
        files
            .get(FILE_FIELD)
            .copied()
            .ok_or_else(|| Error::Unexpected { status: 200, what: "the uploaded file is not in the answer".to_owned() })
    }

    /// Starts an upload in parts, which somebody else sends. Each call starts another; [`Uploader::upload`] does it
    /// all.
    pub async fn multipart_start(&self, start: MultipartStart) -> Result<MultipartStarted, Error> {
        self.ask(&UploadCall::MultipartStart(start)).await
    }

    /// Completes an upload in parts. The second time it is refused: ask [`Uploader::info`] then.
    pub async fn multipart_complete(&self, file: FileUuid) -> Result<UploadedFile, Error> {
        self.ask(&UploadCall::MultipartComplete(file)).await
    }

    /// Lets the service fetch a file. [`Uploader::from_url_wait`] waits for it.
    pub async fn from_url(&self, from: FromUrl) -> Result<FromUrlStarted, Error> {
        self.ask(&UploadCall::FromUrl(from)).await
    }

    /// How far the service is with fetching a file.
    pub async fn from_url_status(&self, token: &str) -> Result<FromUrlStatus, Error> {
        self.ask(&UploadCall::FromUrlStatus(token.to_owned())).await
    }

    /// Waits until the service has fetched a file; `on_progress` hears of bytes, and of how many in all.
    pub async fn from_url_wait(
        &self,
        token: &str,
        polling: Polling,
        on_progress: impl Fn(u64, Option<u64>),
    ) -> Result<UploadedFile, JobError> {
        let (what, on_progress) = (OperationId::FromUrlStatus, &on_progress);
        let look = || async move {
            Ok(match self.from_url_status(token).await? {
                FromUrlStatus::Waiting => Look::Going,
                FromUrlStatus::Progress { done, total } => {
                    on_progress(done, total);
                    Look::Going
                }
                FromUrlStatus::Success(file) => Look::Done(*file),
                FromUrlStatus::Unknown => Look::Unknown,
                FromUrlStatus::Error { error, error_code } => {
                    return Err(JobError::Failed { what, detail: error, code: error_code });
                }
            })
        };
        polling.until_done(what, look).await
    }

    /// A file's facts.
    pub async fn info(&self, file: FileUuid) -> Result<UploadedFile, Error> {
        self.ask(&UploadCall::Info(file)).await
    }

    /// Waits until a file is ready to be served.
    pub async fn ready(&self, file: FileUuid, polling: Polling) -> Result<UploadedFile, JobError> {
        let look = || async {
            let info = self.info(file).await?;
            Ok(if info.is_ready { Look::Done(info) } else { Look::Going })
        };
        polling.until_done(OperationId::UploadInfo, look).await
    }

    /// Makes a group of files: UUIDs, or CDN URLs with operations. Each call makes another.
    pub async fn group_create(&self, files: &[String]) -> Result<UploadedGroup, Error> {
        self.ask(&UploadCall::GroupCreate(files.to_vec())).await
    }

    /// A group with its files.
    pub async fn group_info(&self, group: GroupId) -> Result<UploadedGroup, Error> {
        self.ask(&UploadCall::GroupInfo(group)).await
    }

    /// Lets the service generate or edit an image; the job's id. Each call starts another, and costs.
    pub async fn derivative(&self, derivative: Derivative) -> Result<String, Error> {
        let started: DerivativeStarted = self.ask(&UploadCall::Derivative(derivative)).await?;
        Ok(started.job_id)
    }

    /// How far an image is.
    pub async fn derivative_status(&self, job: &str) -> Result<DerivativeStatus, Error> {
        self.ask(&UploadCall::DerivativeStatus(job.to_owned())).await
    }

    /// Waits until an image is made.
    pub async fn derivative_wait(&self, job: &str, polling: Polling) -> Result<UploadedFile, JobError> {
        let what = OperationId::DerivativeStatus;
        let look = || async move {
            Ok(match self.derivative_status(job).await? {
                DerivativeStatus::Processing | DerivativeStatus::Uploading => Look::Going,
                DerivativeStatus::Success(file) => Look::Done(*file),
                DerivativeStatus::Error { error, error_code } => {
                    return Err(JobError::Failed { what, detail: error, code: error_code });
                }
            })
        };
        polling.until_done(what, look).await
    }

    /// Makes a call and reads its answer as `T`.
    pub async fn ask<T: DeserializeOwned>(&self, call: &UploadCall) -> Result<T, Error> {
        self.send(call).await?.read_upload()
    }

    /// Makes a call and gives the answer as it came. Errors of the service come as status 200 with an envelope.
    pub async fn send(&self, call: &UploadCall) -> Result<Answer, Error> {
        let settings = &self.0.settings;
        // Bytes at hand take their time on a slow line.
        let patience = match call {
            UploadCall::Direct(upload) => Duration::from_secs(upload.bytes.len() as u64 / 50_000),
            _ => Duration::ZERO,
        };
        let within = settings.answer_timeout + patience;
        let attempt = || async {
            let request = self.0.request(call).map_err(|error| Error::Unexpected {
                status: 0,
                what: format!("the request cannot be built: {error}"),
            })?;
            receive(&self.0.http, request, within, settings.answer_limit).await
        };
        settings.retry.run(call.id().row().repeat, attempt).await
    }
}

impl Inner {
    fn request(&self, call: &UploadCall) -> Result<Request<Payload>, http::Error> {
        let settings = &self.settings;
        let row = call.id().row();
        let issued =
            if call.is_signed() { settings.credentials.issue(&settings.public_key, 1, &[row.path]) } else { None };
        let credential = issued.map(|issued| issued.credential);
        let mut target = format!("{}?jsonerrors=1", row.path);
        let (content_type, body) = match call.arguments(&settings.public_key) {
            Arguments::Query(fields) => {
                target.push('&');
                target.push_str(&urlencoded(&fields));
                (None, Payload::whole(Bytes::new()))
            }
            Arguments::Fields(mut fields) => {
                fields.extend(pair(credential.as_ref()));
                let body = Payload::whole(urlencoded(&fields));
                (Some("application/x-www-form-urlencoded".to_owned()), body)
            }
            Arguments::File(mut fields, upload) => {
                // Before the file, so that a server can refuse early.
                fields.extend(pair(credential.as_ref()));
                let file = FormValue::File {
                    file: updock_engine::FileKey(0),
                    name: upload.name.clone(),
                    media_type: upload.media_type.clone(),
                };
                fields.push(FormField { name: FILE_FIELD.to_owned(), value: file });
                let (content_type, pieces) = multipart(&fields, |_| Piece::Bytes(upload.bytes.clone()));
                (Some(content_type), Payload::new(pieces))
            }
            Arguments::Json(body) => (Some("application/json".to_owned()), Payload::whole(body.to_string())),
        };
        let mut request = Request::builder()
            .method(row.method.as_str())
            .uri(settings.base.uri(&target)?)
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, USER_AGENT);
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        if let Some(Credential::Jwt { token }) = &credential {
            request = request.header(header::AUTHORIZATION, bearer(token)?);
        }
        request.body(body)
    }
}

pub(crate) fn bearer(token: &str) -> Result<HeaderValue, http::Error> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The fields of a signature pair.
fn pair(credential: Option<&Credential>) -> Vec<FormField> {
    match credential {
        Some(Credential::Signature { signature, expire }) => {
            let signature =
                FormField { name: "signature".to_owned(), value: FormValue::Secret(Secret(signature.clone())) };
            vec![signature, text("expire", expire.to_string())]
        }
        Some(Credential::Jwt { .. }) | None => Vec::new(),
    }
}
