//! One REST request with typed arguments. Method and path come from the operation table.

use form_urlencoded::Serializer;
use updock_types::rest::{FilesOrdering, FilesQuery};
use updock_types::{FileUuid, Method, OperationId};

/// What to ask of the REST API. Whatever is in here has been parsed, so its address can hold no surprise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// `GET /files/`.
    FilesList(FilesQuery),
    /// `GET /files/{uuid}/`.
    FileInfo(FileUuid),
    /// `PUT /files/{uuid}/storage/`.
    FileStore(FileUuid),
    /// `DELETE /files/{uuid}/storage/`.
    FileDelete(FileUuid),
    /// `GET /project/`.
    ProjectInfo,
}

impl Call {
    /// The row of the operation table.
    pub fn id(&self) -> OperationId {
        match self {
            Self::FilesList(_) => OperationId::FilesList,
            Self::FileInfo(_) => OperationId::FileInfo,
            Self::FileStore(_) => OperationId::FileStore,
            Self::FileDelete(_) => OperationId::FileDelete,
            Self::ProjectInfo => OperationId::ProjectInfo,
        }
    }

    /// The one file it is about, if it is about one.
    pub fn file(&self) -> Option<FileUuid> {
        match self {
            Self::FileInfo(file) | Self::FileStore(file) | Self::FileDelete(file) => Some(*file),
            Self::FilesList(_) | Self::ProjectInfo => None,
        }
    }

    /// The HTTP method.
    pub fn method(&self) -> Method {
        self.id().row().method
    }

    /// Path and query as they go onto the wire, and into the signature.
    pub fn target(&self) -> String {
        let mut target = self.id().row().path.to_owned();
        if let Some(file) = self.file() {
            target = target.replace("{uuid}", &file.to_string());
        }
        if let Self::FilesList(query) = self {
            let query = files_query(query);
            if !query.is_empty() {
                target.push('?');
                target.push_str(&query);
            }
        }
        target
    }
}

/// Only what differs from the service's own defaults.
fn files_query(query: &FilesQuery) -> String {
    let mut pairs = Serializer::new(String::new());
    let mut pair = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            pairs.append_pair(name, &value);
        }
    };
    pair("limit", query.limit.map(|limit| limit.to_string()));
    pair("ordering", (query.ordering == FilesOrdering::NewestFirst).then(|| "-datetime_uploaded".to_owned()));
    pair("from", query.from.map(|from| from.to_string()));
    pair("to", query.to.map(|to| to.to_string()));
    pair("offset", query.offset.map(|offset| offset.to_string()));
    pair("stored", query.stored.map(|stored| stored.to_string()));
    pair("removed", query.removed.then(|| "true".to_owned()));
    pairs.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use updock_types::{Api, OPERATIONS, Timestamp};

    #[test]
    fn requests_are_built_from_the_table() {
        let file = FileUuid::parse("17be4678-dab7-4bc7-8753-28914a22960a").unwrap();
        let everything = FilesQuery {
            limit: Some(2),
            ordering: FilesOrdering::NewestFirst,
            from: Timestamp::parse("2026-11-01T00:00:00Z").ok(),
            to: None,
            offset: Some(0),
            stored: Some(true),
            removed: true,
            appdata: false,
        };
        for (call, method, target) in [
            (Call::FilesList(FilesQuery::default()), "GET", "/files/"),
            (
                Call::FilesList(everything),
                "GET",
                "/files/?limit=2&ordering=-datetime_uploaded&from=2026-11-01T00%3A00%3A00.000000Z&offset=0&stored=true&removed=true",
            ),
            (Call::FileInfo(file), "GET", "/files/17be4678-dab7-4bc7-8753-28914a22960a/"),
            (Call::FileStore(file), "PUT", "/files/17be4678-dab7-4bc7-8753-28914a22960a/storage/"),
            (Call::FileDelete(file), "DELETE", "/files/17be4678-dab7-4bc7-8753-28914a22960a/storage/"),
            (Call::ProjectInfo, "GET", "/project/"),
        ] {
            assert_eq!((call.method().as_str(), call.target().as_str()), (method, target));
        }
    }

    #[test]
    fn every_rest_row_has_its_call() {
        let file = FileUuid::from_random_bytes([7; 16]);
        let calls = [
            Call::FilesList(FilesQuery::default()),
            Call::FileInfo(file),
            Call::FileStore(file),
            Call::FileDelete(file),
            Call::ProjectInfo,
        ];
        for row in OPERATIONS.iter().filter(|row| row.api == Api::Rest) {
            assert!(calls.iter().any(|call| call.id() == row.id), "{} has no call", row.id);
        }
    }
}
