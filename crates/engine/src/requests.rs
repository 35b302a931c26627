//! Requests, built from the operation table and the configuration.

use crate::{
    Body, Config, Expect, FULL, FileOptions, FormField, FormValue, Hears, Request, RequestId, Row, Secret, Store,
    file::Remote,
};
use std::{ops::Range, sync::Arc};
pub(crate) use updock_types::fields::decimal;
use updock_types::{FileUuid, Method, OperationId, pieces, signer::Credential};

/// The form field of a direct upload that holds the file, and its key in the answer.
const FILE_FIELD: &str = "file";
/// Most files one credential is asked for. The service's limit.
pub(crate) const MOST_OPERATIONS: u32 = 100_000;

fn text(name: &str, value: impl Into<String>) -> FormField {
    FormField { name: name.to_owned(), value: FormValue::Text(value.into()) }
}

/// What a request needs of a row of the operation table; read when compiled, so that the table itself stays out of the
/// browser's download.
struct Endpoint {
    method: Method,
    path: &'static str,
}

impl Endpoint {
    const fn of(operation: OperationId) -> Self {
        let row = operation.row();
        Self { method: row.method, path: row.path }
    }
}

const DIRECT: Endpoint = Endpoint::of(OperationId::UploadDirect);
const START: Endpoint = Endpoint::of(OperationId::MultipartStart);
const COMPLETE: Endpoint = Endpoint::of(OperationId::MultipartComplete);
const GROUP: Endpoint = Endpoint::of(OperationId::GroupCreate);
const FETCH: Endpoint = Endpoint::of(OperationId::FromUrl);
const FETCHING: Endpoint = Endpoint::of(OperationId::FromUrlStatus);
const INFO: Endpoint = Endpoint::of(OperationId::UploadInfo);

fn api(id: RequestId, config: &Config, Endpoint { method, path }: Endpoint, body: Body, expects: Expect) -> Request {
    let url = [config.upload_base.as_str(), path, "?jsonerrors=1"].concat();
    Request { id, method, url, bearer: None, body, expects, hears: Hears::Bytes }
}

/// The fields that direct uploads and starts share.
fn opening(config: &Config, options: Option<&FileOptions>) -> Vec<FormField> {
    let mut fields =
        vec![text("UPLOADCARE_PUB_KEY", config.public_key.as_str()), text("UPLOADCARE_STORE", store(config, options))];
    if let Some(options) = options.filter(|_| FULL) {
        fields.append(&mut options.labels());
    }
    fields
}

fn store(config: &Config, options: Option<&FileOptions>) -> &'static str {
    match options.map_or(config.store, |options| options.store) {
        Store::Auto => "auto",
        Store::Always => "1",
        Store::Never => "0",
    }
}

fn with_credential(mut request: Request, credential: Option<Credential>) -> Request {
    match (credential, &mut request.body) {
        (Some(Credential::Jwt { token }), _) => request.bearer = Some(Secret(token)),
        (Some(Credential::Signature { signature, expire }), Body::Form(fields)) => {
            let signature = FormField { name: "signature".to_owned(), value: FormValue::Secret(Secret(signature)) };
            // Before the file, so that a server can refuse early.
            fields.insert(1, text("expire", decimal(expire)));
            fields.insert(1, signature);
        }
        _ => {}
    }
    request
}

/// One file or several, each under a name of its own by which the answer tells its UUID.
pub(crate) fn direct(
    id: RequestId,
    config: &Config,
    rows: &[Arc<Row>],
    options: Option<&FileOptions>,
    credential: Option<Credential>,
) -> Request {
    let mut fields = opening(config, options);
    let alone = rows.len() == 1;
    let mut each = Vec::with_capacity(rows.len());
    for (at, row) in rows.iter().enumerate() {
        let name = if alone { FILE_FIELD.to_owned() } else { [FILE_FIELD, &decimal(at as u64)].concat() };
        each.push(Expect::Uploaded(name.clone()));
        fields.push(FormField {
            name,
            value: FormValue::File {
                file: row.key,
                name: String::from(&*row.name),
                media_type: String::from(&*row.media_type),
            },
        });
    }
    with_credential(api(id, config, DIRECT, Body::Form(fields), one_or_each(each)), credential)
}

fn one_or_each(mut each: Vec<Expect>) -> Expect {
    if each.len() > 1 { Expect::Each(each) } else { each.pop().unwrap_or(Expect::Each(each)) }
}

fn media_type(row: &Row) -> String {
    if row.media_type.is_empty() { "application/octet-stream".to_owned() } else { String::from(&*row.media_type) }
}

pub(crate) fn start(
    id: RequestId,
    config: &Config,
    row: &Row,
    options: Option<&FileOptions>,
    part_size: u64,
    credential: Option<Credential>,
) -> Request {
    let mut fields = opening(config, options);
    let name = if row.name.is_empty() { "original" } else { &*row.name };
    fields.push(text("filename", name));
    fields.push(text("size", decimal(row.size)));
    fields.push(text("content_type", media_type(row)));
    fields.push(text("part_size", decimal(part_size)));
    with_credential(api(id, config, START, Body::Form(fields), Expect::Started), credential)
}

pub(crate) fn fetch(
    id: RequestId,
    config: &Config,
    remote: &Remote,
    options: Option<&FileOptions>,
    credential: Option<Credential>,
) -> Request {
    let mut fields = vec![
        text("pub_key", config.public_key.as_str()),
        text("source_url", remote.url.as_str()),
        text("store", store(config, options)),
    ];
    fields.extend(remote.name.as_ref().map(|name| text("filename", name.as_str())));
    if let Some(options) = options {
        fields.append(&mut options.labels());
    }
    with_credential(api(id, config, FETCH, Body::Form(fields), Expect::Fetch), credential)
}

pub(crate) fn fetching(id: RequestId, config: &Config, token: &str) -> Request {
    let mut request = api(id, config, FETCHING, Body::Empty, Expect::Fetch);
    // A token that needs encoding was refused when it came.
    request.url.extend(["&token=", token]);
    request
}

pub(crate) fn group(id: RequestId, config: &Config, files: &[FileUuid], credential: Option<Credential>) -> Request {
    let mut fields = vec![text("pub_key", config.public_key.as_str())];
    let member = |(at, file): (usize, &FileUuid)| text(&["files[", &decimal(at as u64), "]"].concat(), file.to_text());
    fields.extend(files.iter().enumerate().map(member));
    with_credential(api(id, config, GROUP, Body::Form(fields), Expect::Group), credential)
}

/// A part goes straight to storage: no credential, no header but its type.
pub(crate) fn part(id: RequestId, row: &Row, url: &str, range: Range<u64>) -> Request {
    let body = Body::Bytes { file: row.key, range, media_type: media_type(row) };
    Request {
        id,
        method: Method::Put,
        url: url.to_owned(),
        bearer: None,
        body,
        expects: Expect::PartStored,
        hears: Hears::Bytes,
    }
}

/// Completion goes without a credential, so that one which expired on the way does not matter, unless the service
/// has asked for one.
pub(crate) fn complete(id: RequestId, config: &Config, uuid: FileUuid, credential: Option<Credential>) -> Request {
    let fields = vec![text("UPLOADCARE_PUB_KEY", config.public_key.as_str()), text("uuid", uuid.to_text())];
    let request = api(id, config, COMPLETE, Body::Form(fields), Expect::Facts);
    with_credential(request, credential)
}

pub(crate) fn info(id: RequestId, config: &Config, uuid: FileUuid) -> Request {
    let mut request = api(id, config, INFO, Body::Empty, Expect::Facts);
    // Keys and UUIDs need no encoding; their types say so.
    request.url = [&request.url, "&pub_key=", config.public_key.as_str(), "&file_id=", &uuid.to_text()].concat();
    request
}

pub(crate) fn credential(id: RequestId, url: &str, operations: u32) -> Request {
    let body = Body::Json(["{\"operations\":", &decimal(operations.into()), "}"].concat());
    Request {
        id,
        method: Method::Post,
        url: url.to_owned(),
        bearer: None,
        body,
        expects: Expect::Credential,
        hears: Hears::Nothing,
    }
}

/// One file or several.
pub(crate) fn confirm(id: RequestId, config: &Config, uuids: &[FileUuid]) -> Request {
    let (body, expects) = if let [uuid] = uuids {
        (["{\"uuid\":\"", &uuid.to_text(), "\"}"].concat(), Expect::Confirmed)
    } else {
        let list: Vec<_> = uuids.iter().map(|uuid| uuid.to_text()).collect();
        let list: Vec<&str> = list.iter().map(|text| &**text).collect();
        let each = (0..uuids.len()).map(Expect::ConfirmedAt).collect();
        (["{\"uuids\":[\"", &pieces::joined(&list, "\",\""), "\"]}"].concat(), Expect::Each(each))
    };
    let url = config.confirm_url.clone().unwrap_or_default();
    let (body, hears) = (Body::Json(body), Hears::Nothing);
    Request { id, method: Method::Post, url, bearer: None, body, expects, hears }
}

#[cfg(test)]
mod tests {
    use super::*;
    use updock_types::{
        PublicKey,
        signer::{ConfirmRequest, CredentialRequest},
    };

    #[test]
    fn each_kind_of_credential_has_its_place_in_a_request() {
        let form = || {
            let fields = vec![text("UPLOADCARE_PUB_KEY", "demopublickey"), text("file", "bytes")];
            Request { body: Body::Form(fields), ..credential(RequestId(1), "/base/", 1) }
        };
        let names = |request: &Request| {
            let Body::Form(fields) = &request.body else { panic!("no form") };
            fields.iter().map(|field| field.name.clone()).collect::<Vec<_>>()
        };
        let signature = Credential::Signature { signature: "ab".to_owned(), expire: 9 };
        let signed = with_credential(form(), Some(signature));
        assert_eq!(names(&signed), ["UPLOADCARE_PUB_KEY", "signature", "expire", "file"]);
        assert!(signed.bearer.is_none());
        let token = with_credential(form(), Some(Credential::Jwt { token: "t".to_owned() }));
        assert_eq!((names(&token).len(), token.bearer), (2, Some(Secret("t".to_owned()))));
        let open = with_credential(form(), None);
        assert_eq!((names(&open).len(), open.bearer), (2, None));
    }

    #[test]
    fn the_signer_can_read_what_it_is_sent() {
        let config = Config::new(PublicKey::parse("demopublickey").unwrap());
        let uuid = FileUuid::parse("17be4678-dab7-4bc7-8753-28914a22960a").unwrap();
        let Body::Json(body) = credential(RequestId(1), "/c", 7).body else { panic!("no JSON") };
        assert_eq!(serde_json::from_str::<CredentialRequest>(&body).unwrap().operations, Some(7));
        let Body::Json(body) = confirm(RequestId(1), &config, &[uuid]).body else { panic!("no JSON") };
        assert_eq!(serde_json::from_str::<ConfirmRequest>(&body).unwrap(), ConfirmRequest::One { uuid });
        let uuids = vec![uuid, uuid];
        let Body::Json(body) = confirm(RequestId(1), &config, &uuids).body else { panic!("no JSON") };
        assert_eq!(serde_json::from_str::<ConfirmRequest>(&body).unwrap(), ConfirmRequest::Several { uuids });
    }

    #[test]
    fn each_file_of_a_request_has_a_name_of_its_own_and_a_lone_one_the_services() {
        let config = Config::new(PublicKey::parse("demopublickey").unwrap());
        let row = |key| {
            let (name, media_type, state) = ("a".into(), "image/png".into(), crate::RowState::Uploading);
            Arc::new(Row { key: crate::FileKey(key), name, size: 9, media_type, sent: 0, same_as: None, state })
        };
        let uploaded = |name: &str| Expect::Uploaded(name.to_owned());
        for (rows, names, expects) in [
            (vec![row(0)], vec!["file"], uploaded("file")),
            (vec![row(0), row(1)], vec!["file0", "file1"], Expect::Each(vec![uploaded("file0"), uploaded("file1")])),
        ] {
            let request = direct(RequestId(1), &config, &rows, None, None);
            let Body::Form(fields) = &request.body else { panic!("no form") };
            let files = fields.iter().filter(|field| matches!(field.value, FormValue::File { .. }));
            assert_eq!(files.map(|field| field.name.as_str()).collect::<Vec<_>>(), names);
            assert_eq!(request.expects, expects);
        }
    }

    #[test]
    fn a_part_says_what_the_file_is_even_if_nobody_knows() {
        for (media_type, said) in [("image/png", "image/png"), ("", "application/octet-stream")] {
            let (key, name, media_type) = (crate::FileKey(0), "a".into(), media_type.into());
            let row = Row { key, name, size: 9, media_type, sent: 0, same_as: None, state: crate::RowState::Uploading };
            let Body::Bytes { media_type, .. } = part(RequestId(1), &row, "http://part", 0..9).body else {
                panic!("no bytes")
            };
            assert_eq!(media_type, said);
        }
    }
}
