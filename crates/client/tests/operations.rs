//! Every operation of the REST API and the jobs of the Upload API, through the client against `updock-local`: one
//! success each, and one refusal where the service has one to give.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should end where it stands")]

use futures_util::TryStreamExt;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use updock_client::{
    Base, Builder, Client, Derivative, DirectUpload, Error, FileOptions, FromUrl, FromUrlStarted, ImageSource,
    JobError, Polling, Retry, Store, Uploader,
};
use updock_local::{Config, Effect, Fault, LocalUploadcare, RemoteStorage};
use updock_sign::SecretKey;
use updock_types::rest::{
    Addon, AddonExecute, AddonState, Conversion, FilesOrdering, FilesQuery, GroupsQuery, LocalCopy, NewWebhook,
    RemoteCopy, Search, SearchPage, WebhookChange,
};
use updock_types::{
    AddonRequestId, Api, ConversionToken, Event, FileUuid, GroupId, MetadataKey, MetadataValue, OPERATIONS, PublicKey,
    Tag, WebhookId,
};

const EICAR: &str = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

struct Service {
    local: LocalUploadcare,
    client: Client,
    uploader: Uploader,
}

async fn service() -> Service {
    service_with(Config::default()).await
}

async fn service_with(config: Config) -> Service {
    // Jobs take no time here, and this machine may be fetched from.
    let config = Config { job_time: Duration::ZERO, private_urls: true, signed_derivatives: false, ..config };
    let local = LocalUploadcare::with(config).await.unwrap();
    let base = Base::parse(&local.base_url()).unwrap();
    let uploader = Uploader::builder(PublicKey::parse("demopublickey").unwrap()).base(base).build();
    Service { client: builder(&local).build(), uploader, local }
}

fn builder(local: &LocalUploadcare) -> Builder {
    let secret = SecretKey::parse("demosecretkey").unwrap();
    let key = PublicKey::parse("demopublickey").unwrap();
    Client::builder(key, secret).rest(Base::parse(&local.base_url()).unwrap())
}

impl Service {
    async fn upload(&self, name: &str, text: &str) -> FileUuid {
        let (name, media_type) = (name.to_owned(), "text/plain".to_owned());
        let options = FileOptions { store: Store::Never, ..FileOptions::default() };
        let upload = DirectUpload { name, media_type, bytes: text.to_owned().into(), options };
        self.uploader.direct(upload).await.unwrap()
    }
}

fn missing() -> FileUuid {
    FileUuid::from_random_bytes([7; 16])
}

/// The status of a refusal.
fn refused<T: std::fmt::Debug>(ended: Result<T, Error>) -> u16 {
    match ended.unwrap_err() {
        Error::Refused { status, .. } => status,
        error => panic!("another error: {error:?}"),
    }
}

fn soon() -> Polling {
    Polling { first: Duration::from_millis(20), within: Duration::from_mins(1), ..Polling::default() }
}

#[tokio::test]
async fn lists_are_streams_over_pages() {
    let service = service().await;
    let mut files = Vec::new();
    for at in 0..7 {
        files.push(service.upload(&format!("{at}.txt"), "hello").await);
    }
    let query = FilesQuery { limit: Some(3), ..FilesQuery::default() };
    let listed: Vec<_> = service.client.files(query.clone()).map_ok(|file| file.uuid).try_collect().await.unwrap();
    assert_eq!(listed, files);
    let newest = FilesQuery { ordering: FilesOrdering::NewestFirst, ..query };
    let mut listed: Vec<_> = service.client.files(newest).map_ok(|file| file.uuid).try_collect().await.unwrap();
    listed.reverse();
    assert_eq!(listed, files);

    let mut groups = Vec::new();
    for file in &files[..5] {
        groups.push(service.uploader.group_create(&[file.to_string()]).await.unwrap().id);
    }
    let query = GroupsQuery { limit: Some(2), ..GroupsQuery::default() };
    let listed: Vec<_> = service.client.groups(query.clone()).map_ok(|group| group.id).try_collect().await.unwrap();
    assert_eq!(listed, groups);
    assert_eq!(service.client.groups_list(query).await.unwrap().results.len(), 2);
    assert_eq!(refused(service.client.files_list(FilesQuery { limit: Some(0), ..FilesQuery::default() }).await), 400);
}

#[tokio::test]
async fn files_are_searched() {
    let service = service().await;
    let mut files = BTreeSet::new();
    for at in 0..3 {
        files.insert(service.upload(&format!("sunset-{at}.txt"), "hello").await);
    }
    service.upload("other.txt", "hello").await;
    let search = Search { query: Some("sunset".to_owned()), ..Search::default() };
    let found: BTreeSet<_> =
        service.client.search(search.clone()).map_ok(|found| found.file.uuid).try_collect().await.unwrap();
    assert_eq!(found, files);
    let page = SearchPage { limit: Some(2), ..SearchPage::default() };
    let first = service.client.files_search(search, page).await.unwrap();
    assert_eq!((first.results.len(), first.next.is_some()), (2, true));
    assert_eq!(refused(service.client.files_search(Search::default(), page).await), 400);
}

#[tokio::test]
async fn batches_of_any_size_are_split_and_merged() {
    let service = service().await;
    let one = service.upload("a.txt", "hello").await;
    let mut ids: Vec<_> = (0..150_u8).map(|at| FileUuid::from_random_bytes([at; 16])).collect();
    ids.push(one);
    let stored = service.client.files_store(&ids).await.unwrap();
    assert_eq!((stored.result.len(), stored.problems.len()), (1, 150));
    assert!(stored.result[0].datetime_stored.is_some());
    let removed = service.client.files_delete(&ids).await.unwrap();
    assert!(removed.result[0].datetime_removed.is_some());
    assert!(service.client.files_delete(&[]).await.unwrap().result.is_empty());
    let sent = service.local.requests();
    let batches = sent.iter().filter(|request| request.operation == Some("files.store_batch")).count();
    assert_eq!(batches, 2);
}

#[tokio::test]
async fn files_are_copied() {
    let folder = tempfile::tempdir().unwrap();
    let storage = RemoteStorage::parse(&format!("archive={}", folder.path().display())).unwrap();
    let service = service_with(Config { remote_storages: vec![storage], ..Config::default() }).await;
    let file = service.upload("a.txt", "hello").await;
    let copy = LocalCopy { source: file.to_string(), store: Some(true), metadata: BTreeMap::new() };
    let copied = service.client.file_local_copy(copy.clone()).await.unwrap();
    assert!(copied.uuid != file && copied.datetime_stored.is_some());
    assert_eq!(refused(service.client.file_local_copy(LocalCopy { source: "nope".to_owned(), ..copy }).await), 400);
    let out = RemoteCopy { source: file.to_string(), target: "archive".to_owned(), make_public: None, pattern: None };
    let url = service.client.file_remote_copy(out.clone()).await.unwrap().result;
    assert_eq!(url, format!("s3://archive/{file}/a.txt"));
    assert_eq!(refused(service.client.file_remote_copy(RemoteCopy { target: "nope".to_owned(), ..out }).await), 400);
}

#[tokio::test]
async fn tags_and_metadata_are_read_and_written() {
    let service = service().await;
    let Service { client, .. } = &service;
    let file = service.upload("a.txt", "hello").await;
    let tag = |text: &str| Tag::parse(text).unwrap();
    let changed = client.file_tags_replace(file, &[tag("cat"), tag("animal")]).await.unwrap();
    assert_eq!(changed.tags, ["cat", "animal"]);
    let changed = client.file_tags_update(file, &[tag("dog")], &[tag("animal")]).await.unwrap();
    assert_eq!((changed.added, changed.deleted), (vec!["dog".to_owned()], vec!["animal".to_owned()]));
    assert_eq!(client.file_tags(file).await.unwrap(), ["cat", "dog"]);
    assert_eq!(refused(client.file_tags(missing()).await), 404);

    let key = MetadataKey::parse("-:45az_").unwrap();
    let value = MetadataValue::parse("a \"cat\", кот").unwrap();
    assert_eq!(client.metadata_put(file, key.clone(), value.clone()).await.unwrap(), value.as_str());
    assert_eq!(client.metadata_get(file, key.clone()).await.unwrap(), value.as_str());
    let all = client.metadata_list(file).await.unwrap();
    assert_eq!(all, BTreeMap::from([(key.to_string(), value.to_string())]));
    client.metadata_delete(file, key.clone()).await.unwrap();
    assert_eq!(refused(client.metadata_delete(file, key.clone()).await), 404);
    assert_eq!(refused(client.metadata_get(file, key.clone()).await), 404);
    assert_eq!(refused(client.metadata_put(missing(), key, value).await), 404);
    assert_eq!(refused(client.metadata_list(missing()).await), 404);
}

#[tokio::test]
async fn groups_are_read_and_removed() {
    let service = service().await;
    let file = service.upload("a.txt", "hello").await;
    let group = service.uploader.group_create(&[file.to_string()]).await.unwrap().id;
    let info = service.client.group_info(group).await.unwrap();
    assert_eq!(info.files.unwrap()[0].as_ref().unwrap().file.uuid, file);
    service.client.group_delete(group).await.unwrap();
    assert_eq!(refused(service.client.group_delete(group).await), 404);
    assert_eq!(refused(service.client.group_info(GroupId::new(missing(), 2).unwrap()).await), 404);
}

#[tokio::test]
async fn conversions_are_started_and_waited_for() {
    let service = service().await;
    let Service { client, .. } = &service;
    let file = service.upload("a.txt", "hello").await;
    let formats = client.document_info(file).await.unwrap().format.unwrap();
    assert!(formats.conversion_formats.iter().any(|format| format.name == "pdf"), "{formats:?}");
    assert_eq!(refused(client.document_info(missing()).await), 404);
    let paths = vec![format!("{file}/document/-/format/pdf/"), "nope".to_owned()];
    let started = client.document_convert(Conversion { paths, ..Conversion::default() }).await.unwrap();
    assert_eq!((started.result.len(), started.problems.len()), (1, 1));
    let done = client.document_wait(started.result[0].token, soon()).await.unwrap();
    assert_eq!(done.uuid, started.result[0].uuid);
    assert_eq!(refused(client.document_convert(Conversion::default()).await), 400);
    assert_eq!(refused(client.document_status(ConversionToken(1)).await), 404);

    // Text is no video: what is refused at once or ends badly, in either form, is told.
    let paths = vec![format!("{file}/video/-/format/webm/")];
    let started = client.video_convert(Conversion { paths, ..Conversion::default() }).await.unwrap();
    for job in &started.result {
        assert!(client.video_status(job.token).await.is_ok());
        match client.video_wait(job.token, soon()).await {
            Ok(done) => assert_eq!(done.uuid, job.uuid),
            Err(error) => assert!(matches!(error, JobError::Failed { .. }), "{error:?}"),
        }
    }
    assert_eq!(refused(client.video_convert(Conversion::default()).await), 400);
    assert_eq!(refused(client.video_status(ConversionToken(1)).await), 404);
}

#[tokio::test]
async fn add_ons_are_run_and_waited_for() {
    let service = service().await;
    let Service { client, .. } = &service;
    let file = service.upload("eicar.txt", EICAR).await;
    let execute = || AddonExecute { target: file, params: serde_json::Map::new() };
    let request = client.addon_execute(Addon::VirusScan, execute()).await.unwrap();
    client.addon_wait(Addon::VirusScan, request, soon()).await.unwrap();
    let appdata = client.file_info_with_appdata(file).await.unwrap().appdata.unwrap();
    assert_eq!(appdata[Addon::VirusScan.as_str()].data["infected"], true);
    assert_eq!(client.file_info(file).await.unwrap().appdata, None);
    for addon in Addon::ALL {
        let nobody = AddonExecute { target: missing(), params: serde_json::Map::new() };
        assert_eq!(refused(client.addon_execute(*addon, nobody).await), 404, "{addon}");
        let unknown = AddonRequestId::from_random_bytes([7; 16]);
        assert_eq!(client.addon_status(*addon, unknown).await.unwrap().status, AddonState::Unknown);
    }
    let unknown = client.addon_wait(Addon::Labels, AddonRequestId::from_random_bytes([7; 16]), soon()).await;
    assert!(matches!(unknown, Err(JobError::Failed { .. })), "{unknown:?}");
}

#[tokio::test]
async fn webhooks_are_made_changed_and_removed() {
    let service = service().await;
    let Service { client, .. } = &service;
    let new = |event| NewWebhook {
        target_url: "http://127.0.0.1:9/hook".to_owned(),
        event,
        is_active: Some(false),
        signing_secret: Some("s3cr3t".to_owned()),
        version: Some("0.7".to_owned()),
    };
    let hook = client.webhook_create(new(Event::FileUploaded)).await.unwrap();
    assert_eq!(refused(client.webhook_create(new(Event::FileUploaded)).await), 400);
    assert_eq!(client.webhook_info(hook.id).await.unwrap(), hook);
    let change = WebhookChange { event: Some(Event::FileStored), ..WebhookChange::default() };
    assert_eq!(client.webhook_update(hook.id, change).await.unwrap().event, "file.stored");
    assert_eq!(client.webhooks_list().await.unwrap().len(), 1);
    client.webhook_delete(hook.id).await.unwrap();
    assert_eq!(refused(client.webhook_delete(hook.id).await), 404);
    assert_eq!(refused(client.webhook_info(WebhookId(7)).await), 404);
    assert_eq!(refused(client.webhook_update(WebhookId(7), WebhookChange::default()).await), 404);
    client.webhook_create(new(Event::FileDeleted)).await.unwrap();
    client.webhook_unsubscribe("http://127.0.0.1:9/hook").await.unwrap();
    assert!(client.webhooks_list().await.unwrap().is_empty());
    assert_eq!(refused(client.webhook_unsubscribe("").await), 400);
}

#[tokio::test]
async fn a_file_is_fetched_from_a_url() {
    let service = service().await;
    let Service { uploader, .. } = &service;
    let source = service.upload("a.txt", "hello").await;
    let from = |url: String| FromUrl { source_url: url, filename: Some("b.txt".to_owned()), ..FromUrl::default() };
    let started = uploader.from_url(from(format!("{}/{source}/", service.local.base_url()))).await.unwrap();
    let FromUrlStarted::Token { token } = started else { panic!("{started:?}") };
    let file = uploader.from_url_wait(&token, soon(), |_, _| {}).await.unwrap();
    assert_eq!((file.size, file.original_filename.as_str()), (5, "b.txt"));
    assert!(uploader.ready(file.uuid, soon()).await.unwrap().is_ready);
    let started = uploader.from_url(from(format!("{}/{}/", service.local.base_url(), missing()))).await.unwrap();
    let FromUrlStarted::Token { token } = started else { panic!("{started:?}") };
    let lost = uploader.from_url_wait(&token, soon(), |_, _| {}).await;
    assert!(matches!(&lost, Err(JobError::Failed { code, .. }) if code == "DownloadFileHTTPClientError"), "{lost:?}");
    assert_eq!(refused(uploader.from_url(from("nope".to_owned())).await), 400);
}

#[tokio::test]
async fn an_image_is_made_of_words() {
    let service = service().await;
    let derivative = |source| Derivative {
        prompt: "a cat".to_owned(),
        source,
        filename: "cat.png".to_owned(),
        options: FileOptions::default(),
    };
    let job = service.uploader.derivative(derivative(ImageSource::Nothing([4, 3]))).await.unwrap();
    let image = service.uploader.derivative_wait(&job, soon()).await.unwrap();
    assert_eq!(image.original_filename, "cat.png");
    assert_eq!(refused(service.uploader.derivative(derivative(ImageSource::Image(missing()))).await), 404);
    assert_eq!(refused(service.uploader.derivative_status("nope").await), 404);
}

#[tokio::test]
async fn a_patient_client_waits_out_a_throttle_and_repeats_what_is_safe() {
    let local = LocalUploadcare::start().await.unwrap();
    let client = builder(&local).retry(Retry::PATIENT).build();
    let throttle = Effect { status: Some(429), retry_after: Some(1), ..Effect::default() };
    let broken = Effect { status: Some(503), ..Effect::default() };
    let fault = |effect, count| Fault { effect, count: Some(count), ..Fault::default() };
    local.set_faults(vec![fault(throttle, 1), fault(broken.clone(), 1)]);
    assert!(client.project().await.is_ok());
    assert_eq!(local.requests().len(), 3);
    // What is not safe is not repeated after a fault of the server's.
    local.set_faults(vec![fault(broken, 1)]);
    let started = client.document_convert(Conversion { paths: vec!["x".to_owned()], ..Conversion::default() }).await;
    assert!(matches!(started, Err(Error::Unexpected { status: 503, .. })), "{started:?}");
    assert_eq!(local.requests().len(), 4);
}

/// What stands here is what the tests of this crate ask of a real socket; the table decides whether that is all.
#[test]
fn every_operation_is_called_in_some_test() {
    let tests = [include_str!("operations.rs"), include_str!("rest.rs"), include_str!("upload.rs")].concat();
    for row in OPERATIONS {
        let method = match (row.api, row.id.as_str()) {
            (Api::Upload, "uploads.direct") => "direct",
            (Api::Upload, "uploads.from_url_status") => "from_url_wait",
            (Api::Upload, "groups.upload_info") => "group_info",
            (Api::Upload, "groups.create") => "group_create",
            (_, "conversion.image_generate" | "conversion.image_edit") => "derivative",
            (_, "conversion.derivative_status") => "derivative_status",
            (Api::Upload, id) => id.split('.').nth(1).unwrap(),
            (_, "files.list") => "files_list",
            (_, "files.search") => "files_search",
            (_, "files.store_batch") => "files_store",
            (_, "files.delete_batch") => "files_delete",
            (_, "files.info") => "file_info",
            (_, "groups.list") => "groups_list",
            (_, "project.info") => "project",
            (_, "webhooks.list") => "webhooks_list",
            (_, "conversion.document") => "document_convert",
            (_, "conversion.video") => "video_convert",
            (_, id) if id.starts_with("addons.") => {
                if id.ends_with("_status") {
                    "addon_status"
                } else {
                    "addon_execute"
                }
            }
            (_, id) if id.starts_with("conversion.") => id.split('.').nth(1).unwrap(),
            (_, id) => {
                let (area, verb) = id.split_once('.').unwrap();
                let thing = if area == "metadata" { area } else { area.trim_end_matches('s') };
                let called = format!(".{thing}_{verb}(");
                assert!(tests.contains(&called), "{id}: no test calls {called}");
                continue;
            }
        };
        assert!(tests.contains(&format!(".{method}(")), "{}: no test calls {method}", row.id);
    }
}
