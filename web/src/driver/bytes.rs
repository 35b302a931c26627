//! Sending bytes of files: `XMLHttpRequest`, the only way that reports progress in every browser.
//!
//! A slice of a `Blob` is handed to the browser's network stack as it is; no byte enters wasm memory or the page's heap.

use super::{Inner, clock::Callback, json::Json};
use std::{
    cell::Cell,
    rc::{Rc, Weak},
};
use updock_engine::{Answer, Body, Expect, FileKey, FormField, FormValue, Reply, Request, RequestId, read_reply};
use updock_types::fields::{self, Fields};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, File, FormData, ProgressEvent, XmlHttpRequest, XmlHttpRequestResponseType};

/// A request under way. Dropping it breaks it off and leaves nothing behind.
pub(super) struct Transfer {
    xhr: XmlHttpRequest,
    /// Bytes as the browser last told, and whether the engine knows them.
    sent: Rc<Cell<(u64, bool)>>,
    #[expect(dead_code, reason = "held for the browser to call")]
    callbacks: [Callback; 2],
}

impl Transfer {
    /// Sends it. `None` if the browser will not even try.
    pub(super) fn start(inner: &Rc<Inner>, request: Request, files: &[Option<Blob>]) -> Option<Self> {
        let (file, body) = body(&request.body, files)?;
        let xhr = XmlHttpRequest::new().ok()?;
        xhr.open(request.method.as_str(), &request.url).ok()?;
        xhr.set_response_type(XmlHttpRequestResponseType::Text);
        if let Some(bearer) = &request.bearer {
            xhr.set_request_header("Authorization", &["Bearer ", &bearer.0].concat()).ok()?;
        }
        if let Body::Bytes { media_type, .. } = &request.body {
            xhr.set_request_header("Content-Type", media_type).ok()?;
        }

        let sent = Rc::new(Cell::new((0, true)));
        let progress = Callback::new({
            let (sent, inner) = (Rc::clone(&sent), Rc::downgrade(inner));
            Box::new(move |event| {
                // Only a note: the engine hears of it once a frame, however many events come.
                let event: ProgressEvent = event.unchecked_into();
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of bytes")]
                sent.set((event.loaded() as u64, false));
                if let Some(inner) = inner.upgrade() {
                    inner.frame_ask();
                }
            })
        });
        let ended = Callback::new({
            let (inner, xhr, id, expects) = (Rc::downgrade(inner), xhr.clone(), request.id, request.expects);
            let blob = files.get(file.0 as usize).cloned().flatten();
            Box::new(move |_| end(&inner, &xhr, id, &expects, blob.as_ref()))
        });
        if let Ok(upload) = xhr.upload() {
            upload.set_onprogress(Some(progress.function()));
        }
        xhr.set_onloadend(Some(ended.function()));
        let transfer = Self { xhr, sent, callbacks: [progress, ended] };
        match &body {
            Payload::Slice(slice) => transfer.xhr.send_with_opt_blob(Some(slice)),
            Payload::Form(form) => transfer.xhr.send_with_opt_form_data(Some(form)),
        }
        .ok()?;
        Some(transfer)
    }

    /// Bytes sent, if there is news since the last call.
    pub(super) fn news(&self) -> Option<u64> {
        let (sent, told) = self.sent.replace((self.sent.get().0, true));
        (!told).then_some(sent)
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if let Ok(upload) = self.xhr.upload() {
            upload.set_onprogress(None);
        }
        self.xhr.set_onloadend(None);
        let _ = self.xhr.abort();
    }
}

enum Payload {
    Slice(Blob),
    Form(FormData),
}

/// The body to send, and the file it holds bytes of.
fn body(body: &Body, files: &[Option<Blob>]) -> Option<(FileKey, Payload)> {
    let blob = |key: FileKey| files.get(key.0 as usize)?.as_ref();
    match body {
        Body::Bytes { file, range, .. } => {
            // Untyped, so that the browser sends no type of its own.
            #[expect(clippy::cast_precision_loss, reason = "files are far smaller than 2^53")]
            let slice = blob(*file)?.slice_with_f64_and_f64(range.start as f64, range.end as f64).ok()?;
            Some((*file, Payload::Slice(slice)))
        }
        Body::Form(fields) => {
            let file = fields.iter().find_map(|field| match field.value {
                FormValue::File { file, .. } => Some(file),
                FormValue::Text(_) | FormValue::Secret(_) => None,
            })?;
            Some((file, Payload::Form(form(fields, &blob)?)))
        }
        Body::Empty | Body::Json(_) => None,
    }
}

/// `multipart/form-data` as the browser builds it.
pub(super) fn form<'a>(fields: &[FormField], blob: &dyn Fn(FileKey) -> Option<&'a Blob>) -> Option<FormData> {
    let form = FormData::new().ok()?;
    for FormField { name, value } in fields {
        match value {
            FormValue::Text(text) => form.append_with_str(name, text).ok()?,
            FormValue::Secret(secret) => form.append_with_str(name, &secret.0).ok()?,
            FormValue::File { file, name: file_name, media_type } => {
                let blob = blob(*file)?;
                if blob.type_() == *media_type {
                    form.append_with_blob_and_filename(name, blob, file_name).ok()?;
                } else {
                    let typed = blob.slice_with_f64_and_f64_and_content_type(0.0, blob.size(), media_type).ok()?;
                    form.append_with_blob_and_filename(name, &typed, file_name).ok()?;
                }
            }
        }
    }
    Some(form)
}

fn end(inner: &Weak<Inner>, xhr: &XmlHttpRequest, id: RequestId, expects: &Expect, blob: Option<&Blob>) {
    let Some(inner) = inner.upgrade() else { return };
    let status = xhr.status().unwrap_or(0);
    if status != 0 {
        let body = xhr.response_text().ok().flatten().and_then(|text| Json::parse(&text));
        let body = body.as_ref().map(|body| body as &dyn Fields);
        let retry_after = retry_after(status, body, &|name| xhr.get_response_header(name).ok().flatten());
        inner.answered(id, read_reply(expects, &Reply { status, retry_after: retry_after.as_deref(), body }));
        return;
    }
    // No status: the network failed, or the file could not be read. The browser tells both alike, so ask the file.
    let (inner, blob) = (Rc::downgrade(&inner), blob.cloned());
    spawn_local(async move {
        let readable = match blob {
            Some(blob) => is_readable(&blob).await,
            None => true,
        };
        if let Some(inner) = inner.upgrade() {
            inner.answered(id, if readable { Answer::Unreachable } else { Answer::Unreadable });
        }
    });
}

/// Pages of other origins may only read this header where the server exposes it, and asking in vain is noted in the
/// console; so it is asked for only where it matters. With `jsonerrors=1` that status stands in the body of a 200.
pub(super) fn retry_after(
    status: u16,
    body: Option<&dyn Fields>,
    header: &dyn Fn(&str) -> Option<String>,
) -> Option<String> {
    let status = body.and_then(fields::upload_error).map_or(status, |error| error.status_code);
    matches!(status, 429 | 503).then(|| header("retry-after")).flatten()
}

/// Can the file still be read? One byte tells: a browser refuses a file that was moved, deleted or changed on disk.
pub async fn is_readable(blob: &Blob) -> bool {
    if blob.size() < 1.0 {
        return true;
    }
    // The last byte also tells of a file that was cut short.
    let Ok(byte) = blob.slice_with_f64_and_f64(blob.size() - 1.0, blob.size()) else { return false };
    JsFuture::from(byte.array_buffer())
        .await
        .is_ok_and(|buffer| buffer.dyn_ref::<js_sys::ArrayBuffer>().is_some_and(|buffer| buffer.byte_length() == 1))
}

/// A file's name; a bare blob has none.
pub fn name_of(blob: &Blob) -> String {
    blob.dyn_ref::<File>().map(File::name).unwrap_or_default()
}
