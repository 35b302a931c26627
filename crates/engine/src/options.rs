//! What can be said about a file besides its bytes.

use crate::{FormField, FormValue, Store};
use updock_types::{MetadataKey, MetadataValue, Tag};

/// What every way of uploading can say about a file. The service takes at most 50 metadata keys and 50 tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileOptions {
    /// Is it kept beyond 24 hours?
    pub store: Store,
    /// Metadata; 50 keys at most.
    pub metadata: Vec<(MetadataKey, MetadataValue)>,
    /// Tags; 50 at most.
    pub tags: Vec<Tag>,
}

impl FileOptions {
    /// Metadata and tags as form fields. Source: Upload API, File metadata, File tags.
    pub fn labels(&self) -> Vec<FormField> {
        let field = |name, value| FormField { name, value: FormValue::Text(value) };
        let metadata = |(key, value): &(MetadataKey, MetadataValue)| {
            field(["metadata[", key.as_str(), "]"].concat(), value.as_str().to_owned())
        };
        let mut fields: Vec<FormField> = self.metadata.iter().map(metadata).collect();
        if !self.tags.is_empty() {
            let tags: Vec<&str> = self.tags.iter().map(Tag::as_str).collect();
            fields.push(field("tags".to_owned(), tags.join(",")));
        }
        fields
    }
}
