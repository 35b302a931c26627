//! Small answers read field by field, from any JSON reader.
//!
//! In the browser the page's own parser reads JSON and typed getters pick the few fields that matter; this costs a
//! tenth of what serde would add to the download (see ARCHITECTURE.md). Natively `serde_json` reads them. Both go
//! through [`Fields`], so the names of fields stand here once, and a test holds these readers against the serde types.

use crate::{
    ErrorCode, FileUuid, PublicKey, UploadApiError,
    policy::{AcceptRule, UploadPolicy},
    signer::{Confirmed, Credential, IssuedCredential},
    upload::MultipartStarted,
};
use serde_json::Value;

/// A JSON document that can be asked for single values by path. Nothing is guessed: a value of another type is absent.
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
    Some(FileFacts {
        uuid: file_uuid(fields, &["uuid"])?,
        size: whole(fields, &["size"])?,
        is_ready: fields.flag(&["is_ready"])?,
        is_stored: fields.flag(&["is_stored"])?,
        mime_type: fields
            .text(&["content_info", "mime", "mime"])
            .or_else(|| fields.text(&["mime_type"]))
            .unwrap_or_default(),
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

/// Answer of the signer's `POST /v1/uploads/confirm`.
pub fn confirmed(fields: &dyn Fields) -> Option<Confirmed> {
    Some(Confirmed {
        uuid: file_uuid(fields, &["uuid"])?,
        size: whole(fields, &["size"])?,
        mime_type: fields.text(&["mime_type"])?,
        stored: fields.flag(&["stored"])?,
        receipt: fields.text(&["receipt"]),
    })
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
    path.iter().try_fold(value, |value, key| value.get(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upload::UploadedFile;

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
        let text = r#"{"uuid":"94601461-1c80-4004-8884-a41530f5df36","parts":["http://a/1","http://a/2"]}"#;
        let whole: MultipartStarted = serde_json::from_str(text).unwrap();
        assert_eq!(multipart_started(&serde_json::from_str::<Value>(text).unwrap()).unwrap(), whole);
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
