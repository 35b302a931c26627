//! Uploads against `updock-local`, over real sockets: what arrives, what is survived, and what is told.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should end where it stands")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use updock_client::{
    Base, Changes, Credentials, DirectUpload, Error, Failure, FileOptions, FromUrl, FromUrlStarted, MultipartStart,
    Source, Store, UploadError, UploadOptions, Uploaded, Uploader, UploaderBuilder,
};
use updock_local::{Config, Effect, Fault, LocalUploadcare, Reset};
use updock_sign::SecretKey;
use updock_types::{FileUuid, MetadataKey, MetadataValue, PublicKey, Tag};

const MIB: usize = 1024 * 1024;

fn uploader(local: &LocalUploadcare) -> UploaderBuilder {
    Uploader::builder(PublicKey::parse("demopublickey").unwrap()).base(Base::parse(&local.base_url()).unwrap())
}

fn secret() -> SecretKey {
    SecretKey::parse("demosecretkey").unwrap()
}

/// In parts as soon as the API allows.
fn in_parts() -> UploadOptions {
    UploadOptions { multipart_from: 0, ..UploadOptions::default() }
}

/// A file whose bytes differ from part to part.
fn file(folder: &tempfile::TempDir, name: &str, len: usize) -> (PathBuf, Vec<u8>) {
    let mut state = 7_u32;
    let bytes: Vec<u8> = (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .collect();
    let path = folder.path().join(name);
    std::fs::write(&path, &bytes).unwrap();
    (path, bytes)
}

/// What the CDN has of a file.
async fn served(local: &LocalUploadcare, file: FileUuid) -> Vec<u8> {
    let request = format!("GET /{file}/ HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", local.address());
    let mut stream = tokio::net::TcpStream::connect(local.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let body = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    answer.split_off(body)
}

fn sent(local: &LocalUploadcare, operation: &str) -> usize {
    local.requests().iter().filter(|request| request.operation == Some(operation)).count()
}

fn fault(operation: &str, count: u32, effect: Effect) -> Fault {
    Fault { operation: Some(operation.to_owned()), count: Some(count), effect, ..Fault::default() }
}

#[tokio::test]
async fn a_file_arrives_whole_directly_and_in_parts() {
    let local = LocalUploadcare::start().await.unwrap();
    let uploader = uploader(&local).build();
    let folder = tempfile::tempdir().unwrap();
    for (name, len, parts) in [("one.txt", 1, 0), ("small.bin", 300_000, 0), ("large.bin", 12 * MIB + 5, 3)] {
        let (path, bytes) = file(&folder, name, len);
        local.set_faults(Vec::new());
        let before = sent(&local, "part");
        let uploaded = uploader.upload_path(&path, &in_parts()).await.unwrap();
        assert_eq!((uploaded.name.as_str(), uploaded.size), (name, len as u64));
        assert!(served(&local, uploaded.file).await == bytes, "{name} arrived with other bytes");
        assert_eq!(sent(&local, "part") - before, parts, "{name}");
        let info = uploader.info(uploaded.file).await.unwrap();
        assert_eq!((info.size, info.original_filename.as_str()), (len as u64, name));
    }
}

#[tokio::test]
async fn many_files_go_at_once_and_each_has_its_own_end() {
    let local = LocalUploadcare::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut sources: Vec<_> =
        (0..40).map(|at| Source::path(file(&folder, &format!("{at}.bin"), 1000 + at).0)).collect();
    sources.insert(3, Source::path(folder.path().join("nothing")));
    sources.insert(5, Source::path(folder.path()));
    sources.push(Source::bytes("empty.txt", ""));
    sources.push(Source::bytes("hand.txt", "at hand").typed("text/x-hand"));
    let told = Arc::new(Mutex::new((0, 0)));
    let hear = {
        let told = Arc::clone(&told);
        move |changes: Changes<'_>| {
            let mut told = told.lock().unwrap();
            assert!(changes.totals.sent >= told.0, "progress fell");
            *told = (changes.totals.sent, changes.totals.bytes);
        }
    };
    let outcomes = uploader(&local).build().upload(sources, &UploadOptions::default(), hear).finish().await;
    assert_eq!(outcomes.len(), 44);
    assert!(matches!(&outcomes[3], Err(UploadError::Open(_))), "{:?}", outcomes[3]);
    assert!(matches!(&outcomes[5], Err(UploadError::Open(_))), "{:?}", outcomes[5]);
    assert!(matches!(&outcomes[42], Err(UploadError::Rejected(_))), "{:?}", outcomes[42]);
    assert_eq!(outcomes[43].as_ref().unwrap().media_type, "text/x-hand");
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 41);
    assert_eq!(outcomes[4].as_ref().unwrap().name, "3.bin");
    let (sent, bytes) = *told.lock().unwrap();
    assert_eq!(sent, bytes, "the end was not told");
}

#[tokio::test]
async fn faults_are_survived_without_sending_finished_parts_again() {
    let status = |status| Effect { status: Some(status), ..Effect::default() };
    let reset = |reset| Effect { reset: Some(reset), ..Effect::default() };
    let portal = || Effect { body: Some("<html>Please log in</html>".to_owned()), ..status(200) };
    for (what, fault, most_parts) in [
        ("a part fails twice", fault("part", 2, status(503)), 5),
        ("the connection breaks within a part", fault("part", 1, reset(Reset::MidBody)), 4),
        ("the answer of a part is lost", fault("part", 1, reset(Reset::BeforeAnswer)), 4),
        ("the answer of complete is lost", fault("uploads.multipart_complete", 1, reset(Reset::BeforeAnswer)), 3),
        ("a captive portal answers a part", fault("part", 1, portal()), 4),
        ("start fails", fault("uploads.multipart_start", 1, status(500)), 3),
        ("info fails", fault("uploads.info", 1, status(502)), 3),
    ] {
        let local = LocalUploadcare::with(Config { faults: vec![fault], ..Config::default() }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (path, bytes) = file(&folder, "large.bin", 11 * MIB);
        let uploaded = uploader(&local).build().upload_path(&path, &in_parts()).await;
        let uploaded = uploaded.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(served(&local, uploaded.file).await == bytes, "{what}: it arrived with other bytes");
        let parts = sent(&local, "part");
        assert!((3..=most_parts).contains(&parts), "{what}: {parts} parts were sent");
    }
}

#[tokio::test]
async fn a_service_that_asks_to_wait_is_waited_for() {
    let throttle = Effect { status: Some(429), retry_after: Some(2), ..Effect::default() };
    let config = Config { faults: vec![fault("uploads.direct", 1, throttle)], ..Config::default() };
    let local = LocalUploadcare::with(config).await.unwrap();
    let start = std::time::Instant::now();
    let sources = vec![Source::bytes("a.txt", "hello")];
    let outcomes = uploader(&local).build().upload(sources, &UploadOptions::default(), |_| {}).finish().await;
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
    assert!(start.elapsed() >= Duration::from_secs(2));
    assert_eq!(sent(&local, "uploads.direct"), 2);
}

#[tokio::test]
async fn a_cancelled_upload_sends_nothing_afterwards() {
    let slow = Effect { delay: Some(Duration::from_mins(1)), ..Effect::default() };
    let config = Config { faults: vec![fault("part", 100, slow)], ..Config::default() };
    let local = LocalUploadcare::with(config).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let sources = vec![Source::path(file(&folder, "large.bin", 40 * MIB).0)];
    let upload = uploader(&local).build().upload(sources, &in_parts(), |_| {});
    while sent(&local, "part") < 4 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    upload.control().cancel();
    let outcomes = tokio::time::timeout(Duration::from_secs(5), upload.finish()).await.expect("it ends at once");
    assert!(matches!(outcomes[0], Err(UploadError::Cancelled)), "{outcomes:?}");
    let before = local.requests().len();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(local.requests().len(), before);
}

#[tokio::test]
async fn a_file_that_changes_on_the_way_is_not_passed_off_as_whole() {
    let slow = Effect { delay: Some(Duration::from_millis(300)), ..Effect::default() };
    let config = Config { faults: vec![fault("part", 100, slow)], ..Config::default() };
    let local = LocalUploadcare::with(config).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (path, mut bytes) = file(&folder, "large.bin", 30 * MIB);
    let upload = uploader(&local).build().upload(vec![Source::path(&path)], &in_parts(), |_| {});
    while sent(&local, "part") < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bytes[0] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let outcomes = upload.finish().await;
    assert!(matches!(outcomes[0], Err(UploadError::Failed(Failure::Unreadable))), "{outcomes:?}");
}

#[tokio::test]
async fn each_credential_opens_a_project_that_wants_one() {
    let config = Config { signed_uploads: true, ..Config::default() };
    let local = LocalUploadcare::with(config).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let small = file(&folder, "small.txt", 10).0;
    let large = file(&folder, "large.bin", 11 * MIB).0;
    for credentials in [Credentials::Token(secret()), Credentials::Signature(secret())] {
        let uploader = uploader(&local).credentials(credentials.clone()).build();
        let sources = vec![Source::path(&small), Source::path(&large)];
        let outcomes = uploader.upload(sources, &in_parts(), |_| {}).finish().await;
        assert!(outcomes.iter().all(Result::is_ok), "{credentials:?}: {outcomes:?}");
        let file = uploader.direct(hello(FileOptions::default())).await.unwrap();
        let group = uploader.group_create(&[file.to_string()]).await.unwrap();
        assert_eq!(uploader.group_info(group.id).await.unwrap().files_count, 1);
    }
    let uploader = uploader(&local).build();
    let error = uploader.upload_path(&small, &UploadOptions::default()).await.unwrap_err();
    assert!(matches!(&error, UploadError::Failed(Failure::CredentialRefused { .. })), "{error:?}");
    let error = uploader.direct(hello(FileOptions::default())).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { code, .. } if code == "SignatureRequiredError"), "{error:?}");
}

fn hello(options: FileOptions) -> DirectUpload {
    DirectUpload { name: "a.txt".to_owned(), media_type: "text/plain".to_owned(), bytes: "hello".into(), options }
}

#[tokio::test]
async fn what_is_said_about_a_file_arrives_with_it() {
    let local = LocalUploadcare::start().await.unwrap();
    let uploader = uploader(&local).build();
    let options = FileOptions {
        store: Store::Never,
        metadata: vec![(MetadataKey::parse("pet").unwrap(), MetadataValue::parse("a cat").unwrap())],
        tags: vec![Tag::parse("cat").unwrap(), Tag::parse("dog").unwrap()],
    };
    let folder = tempfile::tempdir().unwrap();
    let (large, _) = file(&folder, "large.bin", 10 * MIB);
    let by_parts = UploadOptions { file: options.clone(), ..in_parts() };
    let mut files = vec![uploader.direct(hello(options.clone())).await.unwrap()];
    let sources = vec![Source::bytes("a.txt", "hello"), Source::path(large).named("other name.bin")];
    let plain = Source::bytes("b.txt", "hello").with(FileOptions::default());
    let plain = uploader.upload(vec![plain], &by_parts, |_| {}).finish().await.pop().unwrap().unwrap();
    for outcome in uploader.upload(sources, &by_parts, |_| {}).finish().await {
        files.push(outcome.unwrap().file);
    }
    let rest = updock_client::Client::builder(PublicKey::parse("demopublickey").unwrap(), secret())
        .rest(Base::parse(&local.base_url()).unwrap())
        .build();
    for file in &files {
        let info = rest.file_info(*file).await.unwrap();
        assert_eq!(info.metadata.get("pet").map(String::as_str), Some("a cat"), "{info:?}");
        assert_eq!(info.tags, ["cat", "dog"]);
        assert_eq!(info.datetime_stored, None);
    }
    let info = rest.file_info(plain.file).await.unwrap();
    assert!(info.metadata.is_empty() && info.tags.is_empty(), "{info:?}");
    assert_eq!(rest.file_info(files[2]).await.unwrap().original_filename, "other name.bin");
}

#[tokio::test]
async fn parts_can_be_sent_by_somebody_else() {
    let local = LocalUploadcare::start().await.unwrap();
    let uploader = uploader(&local).build();
    let start = MultipartStart {
        name: "large.bin".to_owned(),
        size: 10_000_000,
        media_type: "video/mp4".to_owned(),
        part_size: None,
        options: FileOptions::default(),
    };
    let started = uploader.multipart_start(start.clone()).await.unwrap();
    assert_eq!(started.parts.len(), 2);
    let error = uploader.multipart_complete(started.uuid).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { code, .. } if code == "MultipartUploadSizeTooSmallError"), "{error:?}");
    let error = uploader.multipart_start(MultipartStart { size: 100, ..start }).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { code, .. } if code == "MultipartFileSizeTooSmallError"), "{error:?}");
}

#[tokio::test]
async fn refusals_and_the_ends_of_attempts_are_told() {
    let local = LocalUploadcare::start().await.unwrap();
    let stranger =
        Uploader::builder(PublicKey::parse("stranger").unwrap()).base(Base::parse(&local.base_url()).unwrap()).build();
    let outcomes = stranger.upload(vec![Source::bytes("a", "b")], &UploadOptions::default(), |_| {}).finish().await;
    let Err(error) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert!(matches!(error, UploadError::Failed(Failure::KeyRefused { .. })), "{error:?}");
    assert_eq!(error.to_string(), "the public key is refused: UPLOADCARE_PUB_KEY is invalid.");
    let missing = FileUuid::from_random_bytes([7; 16]);
    let error = uploader(&local).build().info(missing).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { status: 404, code, .. } if code == "FileNotFoundError"), "{error:?}");
    let nobody = uploader(&local).build().group_create(&[missing.to_string()]).await.unwrap_err();
    assert!(matches!(&nobody, Error::Refused { code, .. } if code == "GroupFilesNotFoundError"), "{nobody:?}");
    let bad = uploader(&local).build().from_url(FromUrl { source_url: "nope".to_owned(), ..FromUrl::default() }).await;
    assert!(matches!(&bad, Err(Error::Refused { .. })) || matches!(&bad, Ok(FromUrlStarted::Token { .. })), "{bad:?}");
}

#[tokio::test]
async fn dropping_an_upload_breaks_it_off() {
    let slow = Effect { delay: Some(Duration::from_mins(1)), ..Effect::default() };
    let config = Config { faults: vec![fault("uploads.direct", 100, slow)], ..Config::default() };
    let local = LocalUploadcare::with(config).await.unwrap();
    let uploader = uploader(&local).build();
    let upload = uploader.upload(vec![Source::bytes("a.txt", "hello")], &UploadOptions::default(), |_| {});
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(upload);
    local.set_faults(Vec::new());
    let again =
        uploader.upload(vec![Source::bytes("b.txt", "hello")], &UploadOptions::default(), |_| {}).finish().await;
    assert!(matches!(&again[0], Ok(Uploaded { name, .. }) if name == "b.txt"), "{again:?}");
}

#[tokio::test]
async fn an_address_is_a_source_like_any_other() {
    let config = Config { signed_uploads: true, ..Config::default() };
    let local = LocalUploadcare::with(config).await.unwrap();
    let uploader = uploader(&local).credentials(Credentials::Token(secret())).build();
    let first = uploader.direct(hello(FileOptions::default())).await.unwrap();
    let sources = vec![
        Source::bytes("a.txt", "at hand"),
        Source::url(format!("{}/{first}/", local.base_url())).named("fetched.txt"),
        Source::url("nope://example.com/a"),
        Source::bytes("b.txt", "at hand too"),
    ];
    let outcomes = uploader.upload(sources, &UploadOptions::default(), |_| {}).finish().await;
    let fetched = outcomes[1].as_ref().unwrap();
    assert_eq!((fetched.name.as_str(), fetched.size), ("fetched.txt", 5));
    assert_eq!(served(&local, fetched.file).await, b"hello");
    assert!(matches!(&outcomes[2], Err(UploadError::Failed(Failure::Refused { .. }))), "{:?}", outcomes[2]);
    assert_eq!(outcomes[3].as_ref().unwrap().name, "b.txt");
    assert_eq!(served(&local, outcomes[3].as_ref().unwrap().file).await, b"at hand too");
}

/// Until so many parts are stored, and the uploader has heard of it: it asks for no more.
async fn until_stored(local: &LocalUploadcare, stored: usize) {
    let (mut count, mut since) = (0, std::time::Instant::now());
    while since.elapsed() < Duration::from_millis(300) {
        let requests = local.requests();
        let parts: Vec<_> = requests.iter().filter(|request| request.operation == Some("part")).collect();
        if parts.len() != count || parts.iter().filter(|part| part.status == Some(200)).count() < stored {
            (count, since) = (parts.len(), std::time::Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Bytes of all parts that were stored.
fn stored_bytes(local: &LocalUploadcare) -> u64 {
    let requests = local.requests();
    let stored = requests.iter().filter(|request| request.operation == Some("part") && request.status == Some(200));
    stored.map(|part| part.received).sum()
}

/// Four parts are stored, and the others never end.
async fn four_of_eight() -> LocalUploadcare {
    let slow = Effect { delay: Some(Duration::from_mins(1)), ..Effect::default() };
    let faults = vec![Fault { skip: 4, ..fault("part", 100, slow) }];
    LocalUploadcare::with(Config { faults, ..Config::default() }).await.unwrap()
}

#[tokio::test]
async fn an_upload_goes_on_in_the_next_process_unless_something_makes_it_another() {
    let tagged = FileOptions { tags: vec![Tag::parse("cat").unwrap()], ..FileOptions::default() };
    for (what, second, starts) in [
        ("the same", FileOptions::default(), 1),
        ("other tags", tagged, 2),
        ("another store", FileOptions { store: Store::Never, ..FileOptions::default() }, 2),
    ] {
        let local = four_of_eight().await;
        let folder = tempfile::tempdir().unwrap();
        let (path, bytes) = file(&folder, "large.bin", 40 * MIB);
        let options = UploadOptions { journal: Some(folder.path().join("journal")), ..in_parts() };
        let uploader = uploader(&local).build();
        let upload = uploader.upload(vec![Source::path(&path)], &options, |_| {});
        until_stored(&local, 4).await;
        upload.control().leave();
        let left = upload.finish().await;
        assert!(matches!(left[0], Err(UploadError::Interrupted { resumable: true })), "{left:?}");

        let before = stored_bytes(&local);

        local.set_faults(Vec::new());
        let resumed = Arc::new(Mutex::new(Vec::new()));
        let hear = {
            let resumed = Arc::clone(&resumed);
            move |changes: Changes<'_>| resumed.lock().unwrap().extend(changes.resumed.iter().map(|row| row.sent))
        };
        let options = UploadOptions { file: second, ..options };
        let sources = vec![Source::bytes("a.txt", "hello"), Source::path(&path)];
        let outcomes = uploader.upload(sources, &options, hear).finish().await;
        assert_eq!(outcomes[0].as_ref().unwrap().name, "a.txt", "{what}");
        assert!(served(&local, outcomes[1].as_ref().unwrap().file).await == bytes, "{what}: other bytes arrived");
        let again = if starts == 1 { 0 } else { before };
        assert_eq!(stored_bytes(&local), 40 * MIB as u64 + again, "{what}");
        assert_eq!(sent(&local, "uploads.multipart_start"), starts, "{what}");
        let expected: &[u64] = if starts == 1 { &[before] } else { &[] };
        assert_eq!(*resumed.lock().unwrap(), expected, "{what}");
    }
}

#[tokio::test]
async fn two_at_once_do_not_go_on_with_the_same_upload() {
    let local = four_of_eight().await;
    let folder = tempfile::tempdir().unwrap();
    let (path, bytes) = file(&folder, "large.bin", 40 * MIB);
    let options = UploadOptions { journal: Some(folder.path().join("journal")), ..in_parts() };
    let uploader = uploader(&local).build();
    let first = uploader.upload(vec![Source::path(&path)], &options, |_| {});
    until_stored(&local, 4).await;
    local.set_faults(Vec::new());
    let uploaded = uploader.upload_path(&path, &options).await.unwrap();
    assert!(served(&local, uploaded.file).await == bytes);
    assert_eq!(sent(&local, "uploads.multipart_start"), 2);
    first.control().leave();
    assert!(matches!(first.finish().await[0], Err(UploadError::Interrupted { .. })));
    let third = uploader.upload_path(&path, &options).await.unwrap();
    assert_ne!(third.file, uploaded.file);
    assert_eq!(sent(&local, "uploads.multipart_start"), 2, "the first upload is gone on with");
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_is_done_without() {
    let local = LocalUploadcare::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = file(&folder, "large.bin", 12 * MIB);
    let taken = folder.path().join("taken");
    std::fs::write(&taken, "a file, no folder").unwrap();
    let options = UploadOptions { journal: Some(taken), ..in_parts() };
    assert!(uploader(&local).build().upload_path(&path, &options).await.is_ok());
}

#[tokio::test]
async fn a_file_that_shrinks_grows_or_vanishes_between_its_parts_ends_in_a_state_with_its_reason() {
    /// Parts of it are read when the first has been answered, and others are not: it takes three rounds of them.
    const WHOLE: usize = 120 * MIB;
    let len = |path: &Path, len| std::fs::File::options().write(true).open(path).unwrap().set_len(len).unwrap();
    let change = |what, path: &Path| match what {
        "shrinks" => len(path, 7),
        "grows" => len(path, (WHOLE + MIB) as u64),
        "is replaced" => {
            std::fs::remove_file(path).unwrap();
            std::fs::write(path, vec![1; WHOLE]).unwrap();
        }
        _ => std::fs::remove_file(path).unwrap(),
    };
    for what in ["shrinks", "grows", "is replaced", "vanishes"] {
        let slow = Effect { delay: Some(Duration::from_millis(200)), ..Effect::default() };
        let config = Config { faults: vec![fault("part", 100, slow)], ..Config::default() };
        let local = LocalUploadcare::with(config).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (path, bytes) = file(&folder, "large.bin", WHOLE);
        let options = UploadOptions { journal: Some(folder.path().join("journal")), ..in_parts() };
        let upload = uploader(&local).build().upload(vec![Source::path(&path)], &options, |_| {});
        while !local.requests().iter().any(|part| part.operation == Some("part") && part.status == Some(200)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        change(what, &path);
        let outcome = upload.finish().await.pop().unwrap();
        match outcome {
            Err(UploadError::Failed(Failure::Unreadable)) => {}
            // Whoever holds a file open can read it after its name is gone.
            Ok(uploaded) if what == "is replaced" || what == "vanishes" => {
                assert!(served(&local, uploaded.file).await == bytes, "{what}: a mixture arrived");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}
