//! From a request line to a typed [`Call`]: the only way into the REST front.
//!
//! The grammar is that of the operation table and nothing else. Nothing is decoded or folded: none of these
//! addresses needs an escape, so a path with `%`, a doubled slash or a dot segment is simply no address of ours. The
//! upstream request is built afresh from the typed values, so what is decided on and what is sent cannot differ.
//! Query parameters that we do not know are left out, as the service itself ignores them.

use crate::problem::Fault;
use http::Method;
use updock_client::Call;
use updock_types::rest::{FilesOrdering, FilesQuery};
use updock_types::signer::ProblemKind;
use updock_types::{FileUuid, Operation, OperationId, Timestamp};

/// The rows of the REST API that are fronted so far; every other address does not exist here.
pub const FRONTED: &[OperationId] = &[
    OperationId::FilesList,
    OperationId::FileInfo,
    OperationId::FileStore,
    OperationId::FileDelete,
    OperationId::ProjectInfo,
];

/// Reads method, path (below our prefix, as it came) and query.
pub(crate) fn parse(method: &Method, path: &str, query: Option<&str>) -> Result<Call, Fault> {
    let mut known = false;
    for row in FRONTED.iter().map(|id| id.row()) {
        let Some(Parameters { file }) = matches(row, path) else { continue };
        known = true;
        if row.method.as_str() == method.as_str() {
            return call(row, file, query);
        }
    }
    if known {
        let sentence = format!("{method} is not possible here; the Allow header says what is.");
        Err(Fault::new(ProblemKind::MethodNotAllowed, sentence).allow(methods(path)))
    } else {
        let hint = if path.ends_with('/') { "see the list of operations" } else { "addresses end with a slash" };
        Err(Fault::new(ProblemKind::NotFound, format!("There is no such operation; {hint}.")))
    }
}

/// The typed parameters of a path.
#[derive(Default)]
struct Parameters {
    file: Option<FileUuid>,
}

/// The parameters of `path`, if it fits the row's template.
fn matches(row: &Operation, path: &str) -> Option<Parameters> {
    let (mut template, mut given) = (row.path.split('/'), path.split('/'));
    let mut parameters = Parameters::default();
    loop {
        match (template.next(), given.next()) {
            (None, None) => return Some(parameters),
            (Some("{uuid}"), Some(segment)) => parameters.file = Some(FileUuid::parse(segment).ok()?),
            (Some(expected), Some(segment)) if expected == segment => {}
            _ => return None,
        }
    }
}

/// Which methods a known path has. Static, because it goes into a header as it is.
fn methods(path: &str) -> &'static str {
    if path.ends_with("/storage/") { "PUT, DELETE" } else { "GET" }
}

fn call(row: &Operation, file: Option<FileUuid>, query: Option<&str>) -> Result<Call, Fault> {
    match (row.id, file) {
        (OperationId::FilesList, None) => files_query(query.unwrap_or_default()).map(Call::FilesList),
        (OperationId::FileInfo, Some(file)) => Ok(Call::FileInfo(file)),
        (OperationId::FileStore, Some(file)) => Ok(Call::FileStore(file)),
        (OperationId::FileDelete, Some(file)) => Ok(Call::FileDelete(file)),
        (OperationId::ProjectInfo, None) => Ok(Call::ProjectInfo),
        _ => Err(Fault::new(ProblemKind::NotFound, "There is no such operation; see the list of operations.")),
    }
}

/// Reads the query of `GET /files/`. Source: REST API v0.7, List of files.
pub(crate) fn files_query(query: &str) -> Result<FilesQuery, Fault> {
    let mut read = FilesQuery::default();
    let mut seen = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let wrong = |expected: &str| Fault::new(ProblemKind::BadRequest, format!("`{name}` should be {expected}."));
        let flag = || match value.as_ref() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(wrong("true or false")),
        };
        let time = || Timestamp::parse(&value).map_err(|_| wrong("a date and time, like 2026-09-21T12:44:02Z"));
        match name.as_ref() {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=1000).contains(limit));
                read.limit = Some(limit.ok_or_else(|| wrong("a number from 1 to 1000"))?);
            }
            "ordering" => {
                read.ordering = match value.as_ref() {
                    "datetime_uploaded" => FilesOrdering::OldestFirst,
                    "-datetime_uploaded" => FilesOrdering::NewestFirst,
                    _ => return Err(wrong("datetime_uploaded or -datetime_uploaded")),
                }
            }
            "from" => read.from = Some(time()?),
            "to" => read.to = Some(time()?),
            "offset" => read.offset = Some(value.parse().map_err(|_| wrong("a number from 0"))?),
            "stored" => read.stored = Some(flag()?),
            "removed" => read.removed = flag()?,
            _ => continue,
        }
        // Which of two values counts, readers disagree on; so neither does.
        if seen.contains(&name) {
            return Err(Fault::new(ProblemKind::BadRequest, format!("`{name}` stands there twice; write it once.")));
        }
        seen.push(name);
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: &str = "17be4678-dab7-4bc7-8753-28914a22960a";

    fn status(method: &Method, path: &str) -> u16 {
        use axum::response::IntoResponse;
        parse(method, path, None).map_or_else(|fault| fault.into_response().status().as_u16(), |_| 200)
    }

    #[test]
    fn what_the_table_lists_is_read() {
        let file = FileUuid::parse(FILE).unwrap();
        for (method, path, expected) in [
            (Method::GET, "/files/".to_owned(), Call::FilesList(FilesQuery::default())),
            (Method::GET, format!("/files/{FILE}/"), Call::FileInfo(file)),
            (Method::GET, format!("/files/{}/", FILE.to_uppercase()), Call::FileInfo(file)),
            (Method::PUT, format!("/files/{FILE}/storage/"), Call::FileStore(file)),
            (Method::DELETE, format!("/files/{FILE}/storage/"), Call::FileDelete(file)),
            (Method::GET, "/project/".to_owned(), Call::ProjectInfo),
        ] {
            assert_eq!(parse(&method, &path, None).unwrap(), expected);
        }
    }

    /// From advisories of Envoy, oauth2-proxy and others, and from what axum and `url` do with dots and slashes.
    #[test]
    fn no_spelling_of_a_path_walks_around_the_table() {
        for path in [
            "",
            "/",
            "files/",
            "/files",
            "//files/",
            "/files//",
            "/./files/",
            "/files/./",
            "/x/../files/",
            "/files/..",
            "/files/../project/",
            "/%66iles/",
            "/files%2f",
            "/files/%2e%2e/project/",
            "/files/.%2E/",
            "/files/%252e%252e/",
            "/files\\",
            "/files/..\\project/",
            "/files/;a=b/",
            "/files;/",
            "/files/\t/",
            "/files/ /",
            "/files/#/",
            "/FILES/",
            "/files/nonexistent/",
            "/files/{uuid}/",
            "/files/*/",
            "/files/．．/",
            "/files/%00/",
            "/files/17be4678-dab7-4bc7-8753-28914a22960a",
            "/files/17be4678-dab7-4bc7-8753-28914a22960a//storage/",
            "/files/17be4678-dab7-4bc7-8753-28914a22960a/%73torage/",
            "/files/17be4678-dab7-4bc7-8753-28914a22960a/../",
            "/files/17be4678-dab7-4bc7-8753-28914a22960a/storage",
            "/files/17be4678-dab7-4bc7-8753-28914a22960a%2f/",
            "/files/17be4678%2ddab7-4bc7-8753-28914a22960a/",
            "/files/17be4678-dab7-4bc7-8753-28914a22960a/metadata/../",
            "/files/17be4678-dab7-4bc7-8753-28914a22960a/metadata/%2e%2e/",
            "/webhooks/",
            "/base/",
            "/project/?x",
            "/info/",
        ] {
            for method in [Method::GET, Method::PUT, Method::DELETE, Method::POST] {
                assert_eq!(status(&method, path), 404, "{method} {path}");
            }
        }
    }

    #[test]
    fn a_known_path_with_another_method_says_so() {
        let storage = format!("/files/{FILE}/storage/");
        for (method, path) in [
            (Method::POST, "/files/"),
            (Method::HEAD, "/files/"),
            (Method::PATCH, &format!("/files/{FILE}/")),
            (Method::DELETE, &format!("/files/{FILE}/")),
            (Method::GET, &storage),
            (Method::POST, "/project/"),
            (Method::OPTIONS, "/project/"),
        ] {
            assert_eq!(status(&method, path), 405, "{method} {path}");
        }
    }

    #[test]
    fn a_list_is_asked_in_the_service_s_own_words() {
        let query = "limit=2&ordering=-datetime_uploaded&from=2026-11-01T00%3A00%3A00%2B00%3A00&offset=0&stored=false&removed=true&query_parameters=%7B%7D";
        let read = files_query(query).unwrap();
        assert_eq!((read.limit, read.ordering, read.offset), (Some(2), FilesOrdering::NewestFirst, Some(0)));
        assert_eq!((read.stored, read.removed), (Some(false), true));
        assert_eq!(read.from, Timestamp::parse("2026-11-01T00:00:00Z").ok());
        for wrong in [
            "limit=0",
            "limit=1001",
            "limit=x",
            "limit=1&limit=2",
            "ordering=size",
            "from=invalid-date",
            "stored=1",
            "removed=",
            "offset=-1",
        ] {
            assert!(files_query(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        /// Whatever is read is an address of the table, and reads the same again.
        #[test]
        fn any_path_is_refused_or_means_one_thing(
            path in "(/|files|project|storage|%2e|\\.\\.|;|17be4678-dab7-4bc7-8753-28914a22960a|\\PC){0,8}/?",
            query in "((limit|from|to|offset|stored|ordering|x)=[0-9a-z:%T-]{0,24}&?){0,4}",
        ) {
            for method in [Method::GET, Method::PUT, Method::DELETE] {
                if let Ok(call) = parse(&method, &path, Some(&query)) {
                    let target = call.target();
                    let (path, query) = target.split_once('?').map_or((target.as_str(), None), |(path, query)| (path, Some(query)));
                    prop_assert_eq!(parse(&method, path, query).unwrap(), call.clone());
                    let uri: http::Uri = target.parse().unwrap();
                    prop_assert_eq!(uri.path(), path);
                }
            }
        }

        #[test]
        fn any_file_is_read_back(bytes in any::<[u8; 16]>()) {
            let call = Call::FileStore(FileUuid::from_random_bytes(bytes));
            prop_assert_eq!(parse(&Method::PUT, &call.target(), None).unwrap(), call);
        }
    }
}
