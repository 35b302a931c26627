//! The parameters of an Upload API request: form fields, the query, and files on their way to disk.
//!
//! Files come before the public key in what SDKs send, so they are spooled before anything can be refused.
//! Source: Upload API, conventions.

use super::Failure;
use crate::{
    body::{BodyError, BodyReader, Hoard},
    store::{Blobs, Sink, Spool},
};
use http::{HeaderMap, header, request::Parts};
use updock_types::{ErrorCode, FileUuid, UploadApiError, upload::limits};

/// Most text fields in one request. The service's number is not published; a full group needs a thousand.
const MAX_FIELDS: usize = 2000;
/// Most files in one request. The service's number is not published.
const MAX_FILES: usize = 100;
/// Most bytes of all text fields, names included.
const MAX_TEXT: usize = 2_500_000;
/// What a direct upload's form may weigh besides its files.
const FORM_OVERHEAD: u64 = 4 * 1024 * 1024;

/// A request's parameters. Looked up in the body first, then in the query.
#[derive(Debug, Default)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
}

impl Params {
    /// Those of the query alone.
    pub(crate) fn of_query(parts: &Parts) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        Self { pairs: form_urlencoded::parse(query.as_bytes()).into_owned().collect() }
    }

    /// With one that came in another form and counts before the others of its name.
    pub(crate) fn with(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.pairs.insert(0, (name.to_owned(), value.to_owned()));
        }
        self
    }

    /// The first of that name, if it is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// All, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Refuses null characters anywhere.
    pub(crate) fn check_characters(&self) -> Result<(), UploadApiError> {
        let null = self.iter().any(|(name, value)| name.contains('\0') || value.contains('\0'));
        if null { Err(ErrorCode::NullCharactersForbiddenError.error(&[])) } else { Ok(()) }
    }
}

/// A file that came with a form, on disk and not yet acknowledged.
#[derive(Debug)]
pub(crate) struct SentFile {
    /// The form field it came in.
    pub(crate) field: String,
    pub(crate) uuid: FileUuid,
    pub(crate) name: String,
    pub(crate) mime_type: String,
    pub(crate) size: u64,
    pub(crate) md5: [u8; 16],
    pub(crate) spool: Spool,
}

/// Where to put files; without it, file parts are read past.
pub(crate) struct Spooling<'a> {
    pub(crate) blobs: &'a Blobs,
    pub(crate) lose_after: Option<u64>,
    pub(crate) full_after: Option<u64>,
}

/// Reads the form, whatever its coding. A body that is no form counts as an empty one.
pub(crate) async fn read(
    parts: &Parts,
    body: &mut BodyReader,
    spooling: Option<Spooling<'_>>,
) -> Result<(Params, Vec<SentFile>), Failure> {
    let content_type =
        parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut query = Params::of_query(parts).pairs;
    let (mut pairs, files) = if let Ok(boundary) = multer::parse_boundary(content_type) {
        let limit = limits::DIRECT_MAX_SIZE + FORM_OVERHEAD;
        if content_length(&parts.headers).is_some_and(|length| length > limit) {
            return Err(ErrorCode::RequestSizeLimitExceededError.error(&[]).into());
        }
        read_multipart(boundary, body, spooling).await?
    } else if content_type.starts_with("multipart/form-data") {
        return Err(ErrorCode::PostRequestParserFailedError.error(&[]).into()); // no boundary
    } else if content_type.starts_with("application/x-www-form-urlencoded")
        // One SDK was recorded with this label on an urlencoded body, and answered.
        || content_type.starts_with("application/json")
    {
        let bytes = body.collect(MAX_TEXT).await.map_err(body_failure)?;
        let pairs: Vec<_> = form_urlencoded::parse(&bytes).into_owned().take(MAX_FIELDS + 1).collect();
        (pairs, Vec::new())
    } else {
        body.drain().await;
        (Vec::new(), Vec::new())
    };
    if pairs.len() > MAX_FIELDS {
        return Err(ErrorCode::RequestFiledsNumberLimitExceededError.error(&[]).into());
    }
    pairs.append(&mut query);
    Ok((Params { pairs }, files))
}

pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn body_failure(error: BodyError) -> Failure {
    match error {
        BodyError::TooLarge => ErrorCode::RequestSizeLimitExceededError.error(&[]).into(),
        BodyError::TimedOut | BodyError::Broken => ErrorCode::PostRequestParserFailedError.error(&[]).into(),
    }
}

type Fields = (Vec<(String, String)>, Vec<SentFile>);

async fn read_multipart(
    boundary: String,
    body: &mut BodyReader,
    spooling: Option<Spooling<'_>>,
) -> Result<Fields, Failure> {
    // The stream borrows these; dropped in the reverse order, so it goes first.
    let hoard = Hoard::default();
    let parse_failed = |_: multer::Error| Failure::from(ErrorCode::PostRequestParserFailedError.error(&[]));
    let mut form = multer::Multipart::new(body.paced(&hoard), boundary);
    let (mut pairs, mut files, mut text_bytes) = (Vec::new(), Vec::new(), 0);
    while let Some(mut field) = form.next_field().await.map_err(parse_failed)? {
        hoard.progress();
        let disposition = Disposition::parse(field.headers());
        let mime_type = field.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let mime_type = mime_type.filter(|text| !text.is_empty()).unwrap_or("application/octet-stream").to_owned();
        if let Some(name) = disposition.file_name {
            // A browser sends a file input that was left empty as a part without name and bytes: that is no file.
            let Some(spooling) = spooling.as_ref().filter(|_| !name.is_empty()) else {
                while field.chunk().await.map_err(parse_failed)?.is_some() {
                    hoard.progress();
                }
                continue;
            };
            if files.len() == MAX_FILES {
                return Err(ErrorCode::RequestFileNumberLimitExceededError.error(&[]).into());
            }
            let uuid = crate::chance::uuid();
            let spool = Spool::new(spooling.blobs.gathering(uuid));
            let mut sink = Sink::create(spool.path())?;
            sink = sink.lose_after(spooling.lose_after).full_after(spooling.full_after);
            let mut came = 0;
            while let Some(bytes) = field.chunk().await.map_err(parse_failed)? {
                hoard.progress();
                came += bytes.len() as u64;
                if came > limits::DIRECT_MAX_SIZE {
                    return Err(ErrorCode::RequestSizeLimitExceededError.error(&[]).into());
                }
                sink.push(bytes).await?;
            }
            let written = sink.finish().await?;
            let field = disposition.name.unwrap_or_else(|| name.clone());
            files.push(SentFile { field, uuid, name, mime_type, size: written.size, md5: written.sum, spool });
        } else {
            let name = disposition.name.unwrap_or_default();
            let mut value = Vec::new();
            text_bytes += name.len();
            while let Some(bytes) = field.chunk().await.map_err(parse_failed)? {
                hoard.progress();
                text_bytes += bytes.len();
                if text_bytes > MAX_TEXT {
                    return Err(ErrorCode::RequestSizeLimitExceededError.error(&[]).into());
                }
                value.extend_from_slice(&bytes);
            }
            pairs.push((name, String::from_utf8_lossy(&value).into_owned()));
            if pairs.len() > MAX_FIELDS {
                return Err(ErrorCode::RequestFiledsNumberLimitExceededError.error(&[]).into());
            }
        }
    }
    Ok((pairs, files))
}

/// The file name in a `Content-Disposition` header, also in one of a server's answer.
pub(crate) fn file_name(headers: &HeaderMap) -> Option<String> {
    Disposition::parse(headers).file_name
}

/// The parameters of a part's `Content-Disposition` that count here. Source: RFC 7578, RFC 5987 (`filename*`, which
/// older Python clients send for names outside ASCII).
#[derive(Debug, Default, PartialEq, Eq)]
struct Disposition {
    name: Option<String>,
    file_name: Option<String>,
}

impl Disposition {
    fn parse(headers: &HeaderMap) -> Self {
        let value = headers.get(header::CONTENT_DISPOSITION).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let mut rest = value.as_deref().unwrap_or_default();
        let mut found = Self::default();
        let mut extended = None;
        rest = rest.split_once(';').map_or("", |(_, parameters)| parameters);
        while let Some((key, after)) = rest.split_once('=') {
            let key = key.trim_matches(|c: char| c == ';' || c.is_whitespace()).to_ascii_lowercase();
            let (text, after) = value_of(after.trim_start());
            match key.as_str() {
                "name" => found.name = Some(text),
                "filename" => found.file_name = Some(text),
                "filename*" => extended = decode_extended(&text),
                _ => {}
            }
            rest = after;
        }
        found.file_name = extended.or(found.file_name);
        found
    }
}

/// A parameter's value, quoted or not, and what follows. Inside quotes only `\"` and `\\` are escapes, because a
/// path of an old Windows client holds other backslashes.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return (text[..end].trim().to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match (character, characters.peek()) {
            ('"', _) => return (value, &quoted[at + 1..]),
            ('\\', Some((_, next @ ('"' | '\\')))) => {
                value.push(*next);
                characters.next();
            }
            _ => value.push(character),
        }
    }
    (value, "")
}

fn decode_extended(text: &str) -> Option<String> {
    let (charset, rest) = text.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    String::from_utf8(crate::percent::decode(encoded)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields_and_files_are_read_as_clients_write_them() {
        for (value, name, file_name) in [
            (r#"form-data; name="file"; filename="a.txt""#, Some("file"), Some("a.txt")),
            (r#"form-data; name="metadata[a=b]""#, Some("metadata[a=b]"), None),
            (r#"form-data; filename="a;b=c.txt"; name="file""#, Some("file"), Some("a;b=c.txt")),
            (r#"form-data; name="f"; filename="say \"hi\".txt""#, Some("f"), Some("say \"hi\".txt")),
            (r#"form-data; name="f"; filename="C:\new\t.txt""#, Some("f"), Some("C:\\new\\t.txt")),
            (r#"form-data; name="f"; filename="%22quoted%22%0D%0A.txt""#, Some("f"), Some("%22quoted%22%0D%0A.txt")),
            ("form-data; name=\"f\"; filename=\"Привет 😀.pdf\"", Some("f"), Some("Привет 😀.pdf")),
            ("form-data; name=f; filename*=utf-8''%D0%9F%20%F0%9F%98%80.pdf", Some("f"), Some("П 😀.pdf")),
            (r#"form-data; name="f"; filename="""#, Some("f"), Some("")),
            ("form-data; name=\"unclosed", Some("unclosed"), None),
            ("form-data", None, None),
            ("", None, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_DISPOSITION, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
            let expected = Disposition { name: name.map(str::to_owned), file_name: file_name.map(str::to_owned) };
            assert_eq!(Disposition::parse(&headers), expected, "{value}");
        }
    }
}
