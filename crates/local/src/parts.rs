//! `PUT` of a part: what the storage behind the service does, in its words.
//!
//! A part that was acknowledged is never damaged by a later request for it that fails; see [`crate::store::Claims`].
//! Source: Upload API, Upload parts; Amazon S3, error responses.

use crate::{
    app::App,
    body::{BodyError, BodyReader},
    faults::Effect,
    part_url::{self, AddressError, PartAddress},
    store::{self, PartRow, Sink, Spool, StoreError, UploadRow},
    upload::form::content_length,
};
use axum::{body::Body, response::Response};
use http::{HeaderValue, StatusCode, header, request::Parts};
use std::sync::Arc;
use updock_types::upload::limits;

/// A refusal in the storage's words.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
}

const fn refused(status: StatusCode, code: &'static str, message: &'static str) -> Refused {
    Refused { status, code, message }
}

const NO_SUCH_UPLOAD: Refused = refused(
    StatusCode::NOT_FOUND,
    "NoSuchUpload",
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
);

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "could not take a part");
        refused(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            "We encountered an internal error. Please try again.",
        )
    }
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Self {
        StoreError::from(error).into()
    }
}

/// Takes a part.
pub(crate) async fn put(app: &App, parts: &Parts, body: Body, effect: &Effect) -> Response {
    let mut body = BodyReader::new(body, app.config.body_timeout);
    let result = take(app, parts, &mut body, effect).await;
    body.drain().await;
    match result {
        Ok(sum) => {
            let mut response = Response::new(Body::empty());
            let etag = format!("\"{}\"", crate::hex(&sum));
            let etag = HeaderValue::try_from(etag).expect("hexadecimal digits are a header value");
            response.headers_mut().insert(header::ETAG, etag);
            response
        }
        Err(refused) => refuse(&refused),
    }
}

/// Writes a refusal.
pub(crate) fn refuse(refused: &Refused) -> Response {
    let Refused { status, code, message } = refused;
    let request = crate::chance::hex::<8>().to_uppercase();
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
         <RequestId>{request}</RequestId><HostId>updock-local</HostId></Error>"
    );
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = *status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

async fn take(app: &App, parts: &Parts, body: &mut BodyReader, effect: &Effect) -> Result<[u8; 16], Refused> {
    let address = address(app, parts)?;
    let number = u16::try_from(address.number).ok().filter(|number| u64::from(*number) <= limits::MAX_PARTS);
    let number = number.filter(|number| *number > 0).ok_or(refused(
        StatusCode::BAD_REQUEST,
        "InvalidArgument",
        "Part number must be an integer between 1 and 10000, inclusive",
    ))?;
    let length = content_length(&parts.headers).ok_or(refused(
        StatusCode::LENGTH_REQUIRED,
        "MissingContentLength",
        "You must provide the Content-Length HTTP header.",
    ))?;
    if length > limits::PART_MAX_SIZE {
        return Err(refused(
            StatusCode::BAD_REQUEST,
            "EntityTooLarge",
            "Your proposed upload exceeds the maximum allowed size",
        ));
    }
    let upload = app.store.upload(address.file).await?;
    let upload = upload.filter(|upload| upload.upload_id == address.upload_id).ok_or(NO_SUCH_UPLOAD)?;

    let (mut sink, side) = open(app, &upload, number, length).await?;
    sink = sink.summing(app.config.part_etags).lose_after(effect.keep_bytes).full_after(effect.disk_full_after);
    let mut came = 0;
    loop {
        match body.next().await {
            Ok(Some(bytes)) => {
                came += bytes.len() as u64;
                sink.push(bytes).await?;
            }
            Ok(None) if came == length => break,
            Ok(None) | Err(BodyError::Broken | BodyError::TooLarge) => {
                return Err(refused(
                    StatusCode::BAD_REQUEST,
                    "IncompleteBody",
                    "You did not provide the number of bytes specified by the Content-Length HTTP header",
                ));
            }
            Err(BodyError::TimedOut) => {
                return Err(refused(
                    StatusCode::BAD_REQUEST,
                    "RequestTimeout",
                    "Your socket connection to the server was not read from or written to within the timeout period.",
                ));
            }
        }
    }
    let written = sink.finish().await?;
    let part = PartRow {
        number,
        size: written.size,
        md5: written.sum,
        side: side.as_ref().and_then(|spool| spool.path().file_name()?.to_str().map(str::to_owned)),
    };
    let store = app.store.clone();
    let committed = tokio::spawn(async move {
        let added = store.add_part(upload.uuid, &part).await;
        if let (Ok(true), Some(spool)) = (&added, side) {
            spool.keep();
        }
        drop(sink); // and with it the claim on the place, only now that the row is there
        added
    });
    if committed.await.map_err(std::io::Error::other)?? { Ok(written.sum) } else { Err(NO_SUCH_UPLOAD) }
}

fn address(app: &App, parts: &Parts) -> Result<PartAddress, Refused> {
    if parts.headers.contains_key(header::AUTHORIZATION) {
        return Err(refused(
            StatusCode::BAD_REQUEST,
            "InvalidArgument",
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
        ));
    }
    part_url::verify(&app.store.part_key, &parts.uri, store::now()).map_err(|error| match error {
        AddressError::Unsigned => refused(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied"),
        AddressError::Expired => refused(StatusCode::FORBIDDEN, "AccessDenied", "Request has expired"),
        AddressError::Mismatch => refused(
            StatusCode::FORBIDDEN,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
        ),
    })
}

/// Where the part may be written: in its place, or else in a file of its own.
async fn open(app: &App, upload: &UploadRow, number: u16, length: u64) -> Result<(Sink, Option<Spool>), Refused> {
    if let Some((offset, _)) = upload.place(number).filter(|(_, size)| *size == length)
        && let Some(claim) = app.store.claims.write(upload.uuid, number)
        // Looked for only under the claim: nobody can acknowledge the place from here on.
        && !app.store.has_part(upload.uuid, number).await?
    {
        return match Sink::at(&app.store.blobs.gathering(upload.uuid), offset, Arc::new(claim)) {
            Ok(sink) => Ok((sink, None)),
            // Completed since we looked.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(NO_SUCH_UPLOAD),
            Err(error) => Err(error.into()),
        };
    }
    let name = format!("{}.{number}.{}", upload.uuid, crate::chance::hex::<4>());
    let spool = Spool::new(app.store.blobs.incoming(&name));
    Ok((Sink::create(spool.path())?, Some(spool)))
}
