//! Forms as bytes: URL-encoded, and `multipart/form-data` with files that are read while they are sent.

use crate::http::Piece;
use form_urlencoded::Serializer;
use std::fmt::Write;
use updock_engine::{FileKey, FormField, FormValue, Secret};

/// The fields that are texts, as `application/x-www-form-urlencoded` and as a query.
pub(crate) fn urlencoded(fields: &[FormField]) -> String {
    let mut form = Serializer::new(String::new());
    for field in fields {
        if let FormValue::Text(value) | FormValue::Secret(Secret(value)) = &field.value {
            form.append_pair(&field.name, value);
        }
    }
    form.finish()
}

/// The value of `Content-Type`, and the body. Source: RFC 7578; names are escaped as browsers do.
pub(crate) fn multipart(fields: &[FormField], mut file: impl FnMut(FileKey) -> Piece) -> (String, Vec<Piece>) {
    let boundary = boundary();
    let mut pieces = Vec::new();
    let mut head = String::new();
    for field in fields {
        let name = escaped(&field.name);
        let _ = write!(head, "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\""); // into a String
        match &field.value {
            FormValue::Text(text) | FormValue::Secret(Secret(text)) => {
                head.extend(["\r\n\r\n", text, "\r\n"]);
            }
            FormValue::File { file: key, name, media_type } => {
                let media_type = if is_media_type(media_type) { media_type } else { "application/octet-stream" };
                let _ = write!(head, "; filename=\"{}\"\r\nContent-Type: {media_type}\r\n\r\n", escaped(name));
                pieces.push(Piece::Bytes(std::mem::take(&mut head).into()));
                pieces.push(file(*key));
                head.push_str("\r\n");
            }
        }
    }
    let _ = write!(head, "--{boundary}--\r\n");
    pieces.push(Piece::Bytes(head.into()));
    (format!("multipart/form-data; boundary={boundary}"), pieces)
}

/// 128 random bits: no file holds them by chance, or by intent.
fn boundary() -> String {
    let chance = getrandom::u64().unwrap_or_default();
    let more = getrandom::u64().unwrap_or_default();
    format!("updock-{chance:016x}{more:016x}")
}

fn escaped(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// Can it stand in a header? A file's type may come from anywhere.
fn is_media_type(text: &str) -> bool {
    text.contains('/') && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Payload;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn a_name_cannot_leave_its_field() {
        let file = FormValue::File {
            file: FileKey(7),
            name: "a\"\r\nX: y".to_owned(),
            media_type: "text/plain\r\nX: y".to_owned(),
        };
        let fields = [
            FormField { name: "pet".to_owned(), value: FormValue::Text("cat".to_owned()) },
            FormField { name: "file".to_owned(), value: file },
        ];
        let (content_type, pieces) = multipart(&fields, |key| {
            assert_eq!(key, FileKey(7));
            Piece::Bytes("BYTES".into())
        });
        let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
        let body = Payload::new(pieces).collect().await.unwrap().to_bytes();
        let expected = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"pet\"\r\n\r\ncat\r\n--{boundary}\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"a%22%0D%0AX: y\"\r\n\
             Content-Type: application/octet-stream\r\n\r\nBYTES\r\n--{boundary}--\r\n"
        );
        assert_eq!(std::str::from_utf8(&body).unwrap(), expected);
    }
}
