//! Metadata and tags that come with an upload. Source: Upload API, File metadata and File tags.

use super::form::Params;
use std::collections::BTreeMap;
use updock_types::{ErrorCode, MetadataKey, MetadataKeyError, MetadataValue, MetadataValueError, UploadApiError};

/// `metadata[<key>]` parameters as a map.
pub(super) fn metadata(params: &Params) -> Result<BTreeMap<String, String>, UploadApiError> {
    let mut metadata = BTreeMap::new();
    for (name, value) in params.iter() {
        let Some(key) = name.strip_prefix("metadata[").and_then(|rest| rest.strip_suffix(']')) else { continue };
        match MetadataKey::parse(key) {
            // The service takes `.` and `..`; only our own software does not.
            Ok(_) | Err(MetadataKeyError::DotSegment) => {}
            Err(MetadataKeyError::Length { bytes: 0 }) => return Err(ErrorCode::FileMetadataKeyEmptyError.error(&[])),
            Err(MetadataKeyError::Length { .. }) => {
                let limit = MetadataKey::MAX_LEN.to_string();
                return Err(ErrorCode::FileMetadataKeyLengthTooBigError.error(&[key, &limit]));
            }
            Err(MetadataKeyError::Character) => return Err(ErrorCode::FileMetadataKeyForbiddenError.error(&[key])),
        }
        match MetadataValue::parse(value) {
            Ok(_) => {}
            Err(MetadataValueError::Length { characters: 0 }) => {
                return Err(ErrorCode::FileMetadataValueEmptyError.error(&[key]));
            }
            Err(MetadataValueError::Length { .. }) => {
                let limit = MetadataValue::MAX_LEN.to_string();
                return Err(ErrorCode::FileMetadataValueLengthTooBigError.error(&[key, &limit]));
            }
            Err(MetadataValueError::Character) => {
                return Err(ErrorCode::FileMetadataValueForbiddenError.error(&[key]));
            }
        }
        if metadata.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(ErrorCode::FileMetadataKeyDuplicatedError.error(&[key]));
        }
    }
    if metadata.len() > MetadataKey::MAX_KEYS {
        let limit = MetadataKey::MAX_KEYS.to_string();
        return Err(ErrorCode::FileMetadataKeysNumberTooBigError.error(&[&limit]));
    }
    Ok(metadata)
}

const MAX_TAGS: usize = 50;
const MAX_TAG_LENGTH: usize = 100;

/// The `tags` parameter, normalised: lower case, without space around, empty ones and repeats dropped.
pub(super) fn tags(params: &Params) -> Result<Vec<String>, UploadApiError> {
    // The service answers all of these with its generic code; only the first sentence is published.
    let refused = |content: String| UploadApiError { content, ..ErrorCode::UploadViewsError.error(&[]) };
    let mut tags: Vec<String> = Vec::new();
    for tag in params.get("tags").unwrap_or_default().split(',') {
        let tag = tag.trim().to_lowercase();
        if !tag.is_empty() && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    if tags.len() > MAX_TAGS {
        return Err(refused(format!("Too many tags: {} (max {MAX_TAGS}).", tags.len())));
    }
    for tag in &tags {
        if tag.chars().count() > MAX_TAG_LENGTH {
            return Err(refused(format!("Tag is too long: {tag} (max {MAX_TAG_LENGTH}).")));
        }
        if !tag.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte)) {
            return Err(refused(format!("Tag contains forbidden characters: {tag}.")));
        }
    }
    Ok(tags)
}
