//! Small answers read field by field, from any JSON reader.
//!
//! In the browser the page's own parser reads JSON and typed getters pick the few fields that matter; this costs a
//! tenth of what serde would add to the download (see ARCHITECTURE.md). Natively `serde_json` reads them. Both go
//! through [`Fields`], so the names of fields stand here once, and a test holds these readers against the serde types.

use crate::{
    ErrorCode, FileUuid, GroupId, PublicKey, UploadApiError,
    policy::{AcceptRule, UploadPolicy},
    signer::{Confirmed, Credential, IssuedCredential},
    upload::MultipartStarted,
};
use serde_json::Value;

/// A JSON document that can be asked for single values by path, in which numbers lead into lists. Nothing is guessed: a value of another type is absent.
pub trait Fields {
    /// A string.
    fn text(&self, path: &[&str]) -> Option<String>;
    /// A number. Whole numbers are exact up to 2^53, far above any file's size.
    fn number(&self, path: &[&str]) -> Option<f64>;
    /// True or false.
    fn flag(&self, path: &[&str]) -> Option<bool>;
    /// A list of strings; absent if one item is none.
    fn texts(&self, path: &[&str]) -> Option<Vec<String>>;
}

/// What the engine needs to know of a file. Part of [`crate::upload::UploadedFile`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// The file.
    pub uuid: FileUuid,
    /// Bytes that the service has.
    pub size: u64,
    /// Can the CDN serve it yet?
    pub is_ready: bool,
    /// Is it kept beyond 24 hours?
    pub is_stored: bool,
    /// The detected media type where told, else the declared one.
    pub mime_type: String,
}

fn whole(fields: &dyn Fields, path: &[&str]) -> Option<u64> {
    let number = fields.number(path)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole and in range")]
    ((0.0..=9_007_199_254_740_992.0).contains(&number) && number % 1.0 == 0.0).then_some(number as u64)
}

fn small(fields: &dyn Fields, path: &[&str]) -> Option<u32> {
    whole(fields, path)?.try_into().ok()
}

fn file_uuid(fields: &dyn Fields, path: &[&str]) -> Option<FileUuid> {
    FileUuid::parse(&fields.text(path)?).ok()
}

/// The error inside an envelope. Source: Upload API, Errors.
pub fn upload_error(fields: &dyn Fields) -> Option<UploadApiError> {
    Some(UploadApiError {
        status_code: whole(fields, &["error", "status_code"])?.try_into().ok()?,
        content: fields.text(&["error", "content"]).unwrap_or_default(),
        error_code: fields
            .text(&["error", "error_code"])
            .unwrap_or_else(|| ErrorCode::UploadViewsError.name().to_owned()),
    })
}

/// What the service says about a file that it fetches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetch {
    /// It will; ask after it by this token, which may stand in an address as it is.
    Taken(String),
    /// It is at it.
    Going {
        /// Bytes it has.
        done: u64,
        /// Of so many, if the source tells.
        total: Option<u64>,
    },
    /// The file is there.
    There(FileFacts),
    /// It came to nothing.
    Failed {
        /// A code of the catalogue, or empty.
        code: String,
        /// One English sentence, or empty.
        detail: String,
    },
    /// There is no such job, or not any more.
    Unknown,
}

/// Answer of `POST /from_url/` and of `GET /from_url/status/`.
pub fn fetch(fields: &dyn Fields) -> Option<Fetch> {
    if let Some(kind) = fields.text(&["type"]) {
        return match kind.as_str() {
            "token" => {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
                let token = fields.text(&["token"])?;
                (!token.is_empty() && token.bytes().all(plain)).then_some(Fetch::Taken(token))
            }
            "file_info" => file_facts(fields).map(Fetch::There),
            _ => None,
        };
    }
    match fields.text(&["status"])?.as_str() {
        "waiting" => Some(Fetch::Going { done: 0, total: None }),
        "progress" => {
            Some(Fetch::Going { done: whole(fields, &["done"]).unwrap_or(0), total: whole(fields, &["total"]) })
        }
        "success" => file_facts(fields).map(Fetch::There),
        "error" => {
            let text = |name| fields.text(&[name]).unwrap_or_default();
            Some(Fetch::Failed { code: text("error_code"), detail: text("error") })
        }
        "unknown" => Some(Fetch::Unknown),
        _ => None,
    }
}

/// The UUID of the file sent in form field `name`. Source: Upload API, Direct upload.
pub fn uploaded_uuid(fields: &dyn Fields, name: &str) -> Option<FileUuid> {
    file_uuid(fields, &[name])
}

/// Answer of `POST /multipart/start/`.
pub fn multipart_started(fields: &dyn Fields) -> Option<MultipartStarted> {
    Some(MultipartStarted { uuid: file_uuid(fields, &["uuid"])?, parts: fields.texts(&["parts"])? })
}

/// Answer of `GET /info/` and `POST /multipart/complete/`.
pub fn file_facts(fields: &dyn Fields) -> Option<FileFacts> {
    facts_within(fields, &[])
}

fn facts_within(fields: &dyn Fields, place: &[&str]) -> Option<FileFacts> {
    let path = |name| [place, &[name]].concat();
    let detected = [place, &["content_info", "mime", "mime"]].concat();
    Some(FileFacts {
        uuid: file_uuid(fields, &path("uuid"))?,
        size: whole(fields, &path("size"))?,
        is_ready: fields.flag(&path("is_ready"))?,
        is_stored: fields.flag(&path("is_stored"))?,
        mime_type: fields.text(&detected).or_else(|| fields.text(&path("mime_type"))).unwrap_or_default(),
    })
}

/// What the engine needs to know of a group. Part of [`crate::upload::UploadedGroup`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouped {
    /// The group.
    pub id: GroupId,
    /// Where the CDN serves it.
    pub cdn_url: String,
    /// Its files, in their order; those that are gone are left out.
    pub files: Vec<FileFacts>,
}

/// Answer of `POST /group/`.
pub fn grouped(fields: &dyn Fields) -> Option<Grouped> {
    let count = small(fields, &["files_count"])?;
    let file = |at| facts_within(fields, &["files", &decimal(at)]);
    Some(Grouped {
        id: GroupId::parse(&fields.text(&["id"])?).ok()?,
        cdn_url: fields.text(&["cdn_url"])?,
        // A group has a thousand at most.
        files: (0..u64::from(count.min(1_000))).filter_map(file).collect(),
    })
}

/// Answer of the signer's `POST /v1/upload-credentials`.
pub fn issued_credential(fields: &dyn Fields) -> Option<IssuedCredential> {
    let credential = match fields.text(&["kind"])?.as_str() {
        "jwt" => Credential::Jwt { token: fields.text(&["token"])? },
        "signature" => {
            Credential::Signature { signature: fields.text(&["signature"])?, expire: whole(fields, &["expire"])? }
        }
        _ => return None,
    };
    Some(IssuedCredential {
        credential,
        public_key: PublicKey::parse(&fields.text(&["public_key"])?).ok()?,
        expires_at: whole(fields, &["expires_at"])?,
        server_time: whole(fields, &["server_time"])?,
        operations: small(fields, &["operations"]),
        policy: UploadPolicy {
            max_file_size: whole(fields, &["policy", "max_file_size"]),
            max_files: small(fields, &["policy", "max_files"]),
            accept: fields
                .texts(&["policy", "accept"])
                .unwrap_or_default()
                .iter()
                .filter_map(|rule| AcceptRule::parse(rule).ok())
                .collect(),
        },
    })
}

/// Answer of the signer's `POST /v1/uploads/confirm` for one file.
pub fn confirmed(fields: &dyn Fields) -> Option<Confirmed> {
    confirmed_within(fields, &[])
}

fn confirmed_within(fields: &dyn Fields, place: &[&str]) -> Option<Confirmed> {
    let path = |name| [place, &[name]].concat();
    Some(Confirmed {
        uuid: file_uuid(fields, &path("uuid"))?,
        size: whole(fields, &path("size"))?,
        mime_type: fields.text(&path("mime_type"))?,
        stored: fields.flag(&path("stored"))?,
        receipt: fields.text(&path("receipt")),
    })
}

/// What a problem document says. Source: RFC 9457.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// The `type`.
    pub kind: String,
    /// One sentence.
    pub detail: String,
}

/// What the answer of `POST /v1/uploads/confirm` for several files says about the one at this place, from 0.
pub fn confirmed_at(fields: &dyn Fields, place: usize) -> Option<Result<Confirmed, Refused>> {
    let place = decimal(place as u64);
    if let Some(confirmed) = confirmed_within(fields, &["results", &place]) {
        return Some(Ok(confirmed));
    }
    let path = |name| ["results", &place, "problem", name];
    let status = whole(fields, &path("status"))?.try_into().ok()?;
    let text = |name| fields.text(&path(name)).unwrap_or_default();
    Some(Err(Refused { status, kind: text("type"), detail: text("detail") }))
}

/// A whole number as text, without the formatting machinery: in a browser that would be downloaded for this alone.
pub fn decimal(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from(b'0' + u8::try_from(number % 10).unwrap_or(0)));
        number /= 10;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

/// Type and sentence of a problem document; either may be empty. Source: RFC 9457.
pub fn problem(fields: &dyn Fields) -> (String, String) {
    (fields.text(&["type"]).unwrap_or_default(), fields.text(&["detail"]).unwrap_or_default())
}

/// For native code and tests; the browser reads with its own parser.
impl Fields for Value {
    fn text(&self, path: &[&str]) -> Option<String> {
        at(self, path)?.as_str().map(str::to_owned)
    }

    fn number(&self, path: &[&str]) -> Option<f64> {
        at(self, path)?.as_f64()
    }

    fn flag(&self, path: &[&str]) -> Option<bool> {
        at(self, path)?.as_bool()
    }

    fn texts(&self, path: &[&str]) -> Option<Vec<String>> {
        at(self, path)?.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
    }
}

fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| match value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        value => value.get(key),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signer::{Confirmation, Confirmations, Problem, ProblemKind};
    use crate::upload::{UploadedFile, UploadedGroup};

    const INFO: &str = r#"{"size":1290,"total":1290,"done":1290,"uuid":"94601461-1c80-4004-8884-a41530f5df36","file_id":"94601461-1c80-4004-8884-a41530f5df36","original_filename":"kitten.jpeg","is_image":true,"is_stored":true,"image_info":{"dpi":[96,96],"width":50,"format":"JPEG","height":50,"sequence":false,"color_mode":"RGB","orientation":null,"geo_location":null,"datetime_original":null},"video_info":null,"content_info":{"mime":{"mime":"image/jpeg","type":"image","subtype":"jpeg"},"image":{"dpi":[96,96],"width":50,"format":"JPEG","height":50,"sequence":false,"color_mode":"RGB","orientation":null,"geo_location":null,"datetime_original":null}},"is_ready":true,"filename":"kitten.jpeg","mime_type":"application/octet-stream","metadata":{}}"#;

    #[test]
    fn both_readers_see_the_same_file() {
        let whole: UploadedFile = serde_json::from_str(INFO).unwrap();
        let part = file_facts(&serde_json::from_str::<Value>(INFO).unwrap()).unwrap();
        assert_eq!(
            (whole.uuid, whole.size, whole.is_ready, whole.is_stored),
            (part.uuid, part.size, part.is_ready, part.is_stored)
        );
        assert_eq!(part.mime_type, "image/jpeg");
    }

    #[test]
    fn both_readers_see_the_same_credential() {
        for text in [
            r#"{"kind":"jwt","token":"a.b.c","public_key":"demopublickey","expires_at":20,"server_time":10,"operations":3,"policy":{"max_file_size":9,"max_files":2,"accept":["image/*"]}}"#,
            r#"{"kind":"signature","signature":"00","expire":20,"public_key":"demopublickey","expires_at":20,"server_time":10,"policy":{}}"#,
        ] {
            let whole: IssuedCredential = serde_json::from_str(text).unwrap();
            assert_eq!(issued_credential(&serde_json::from_str::<Value>(text).unwrap()).unwrap(), whole);
        }
    }

    #[test]
    fn both_readers_see_the_same_confirmation_and_start() {
        let text =
            r#"{"uuid":"94601461-1c80-4004-8884-a41530f5df36","size":5,"mime_type":"a/b","stored":true,"receipt":"r"}"#;
        let whole: Confirmed = serde_json::from_str(text).unwrap();
        assert_eq!(confirmed(&serde_json::from_str::<Value>(text).unwrap()).unwrap(), whole);
        let problem = Problem::new(ProblemKind::NotFound, "It is gone.");
        let several = Confirmations {
            results: vec![
                Confirmation::Confirmed(whole.clone()),
                Confirmation::Refused { uuid: whole.uuid, problem: problem.clone() },
            ],
        };
        let json = serde_json::to_value(&several).unwrap();
        assert_eq!(serde_json::from_value::<Confirmations>(json.clone()).unwrap(), several);
        assert_eq!(confirmed_at(&json, 0), Some(Ok(whole)));
        let refused = Refused { status: 404, kind: problem.kind, detail: problem.detail };
        assert_eq!(confirmed_at(&json, 1), Some(Err(refused)));
        assert_eq!(confirmed_at(&json, 2), None);
        let text = r#"{"uuid":"94601461-1c80-4004-8884-a41530f5df36","parts":["http://a/1","http://a/2"]}"#;
        let whole: MultipartStarted = serde_json::from_str(text).unwrap();
        assert_eq!(multipart_started(&serde_json::from_str::<Value>(text).unwrap()).unwrap(), whole);
    }

    #[test]
    fn a_group_tells_of_its_files() {
        let text = [
            r#"{"id":"3b21f286-ce6e-4623-8128-155c504c110c~2","datetime_created":"2026-02-08T06:32:45.535046Z","#,
            r#""datetime_stored":null,"files_count":2,"cdn_url":"https://ucarecdn.com/x~2/","url":"u","files":["#,
            INFO,
            ",null]}",
        ]
        .concat();
        let whole: UploadedGroup = serde_json::from_str(&text).unwrap();
        let part = grouped(&serde_json::from_str::<Value>(&text).unwrap()).unwrap();
        assert_eq!((whole.id, whole.cdn_url), (part.id, part.cdn_url));
        assert_eq!(part.files, [file_facts(&serde_json::from_str::<Value>(INFO).unwrap()).unwrap()]);
    }

    #[test]
    fn each_state_of_a_fetch_is_read() {
        let failed = |code: &str, detail: &str| Fetch::Failed { code: code.into(), detail: detail.into() };
        for (text, expected) in [
            (r#"{"type":"token","token":"945ebb27-1fd6"}"#, Some(Fetch::Taken("945ebb27-1fd6".into()))),
            (r#"{"type":"token","token":"a&b=c"}"#, None),
            (r#"{"status":"waiting"}"#, Some(Fetch::Going { done: 0, total: None })),
            (r#"{"status":"progress","total":9,"done":4}"#, Some(Fetch::Going { done: 4, total: Some(9) })),
            (r#"{"status":"progress","total":"unknown","done":4}"#, Some(Fetch::Going { done: 4, total: None })),
            (r#"{"status":"error","error":"E.","error_code":"C"}"#, Some(failed("C", "E."))),
            (r#"{"status":"error","error":"E."}"#, Some(failed("", "E."))),
            (r#"{"status":"unknown"}"#, Some(Fetch::Unknown)),
            (r#"{"status":"success"}"#, None),
            ("{}", None),
        ] {
            assert_eq!(fetch(&serde_json::from_str::<Value>(text).unwrap()), expected, "{text}");
        }
        let there = INFO.replacen('{', r#"{"status":"success","#, 1);
        assert!(matches!(fetch(&serde_json::from_str::<Value>(&there).unwrap()), Some(Fetch::There(_))));
    }

    #[test]
    fn nonsense_is_absent_and_never_a_panic() {
        for text in [
            "null",
            "[]",
            "{}",
            "3",
            r#"{"error":"x"}"#,
            r#"{"size":-1,"uuid":3}"#,
            r#"{"size":1e300}"#,
            r#"{"parts":[1]}"#,
        ] {
            let json: Value = serde_json::from_str(text).unwrap();
            assert_eq!(upload_error(&json), None, "{text}");
            assert_eq!(file_facts(&json), None, "{text}");
            assert_eq!(multipart_started(&json), None, "{text}");
            assert_eq!(issued_credential(&json), None, "{text}");
            assert_eq!(confirmed(&json), None, "{text}");
        }
    }
}
