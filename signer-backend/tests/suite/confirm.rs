//! Confirming: the file's truth counts, not the browser's word; and what happens when Uploadcare does not play along.

use crate::stage::{PNG, Setup, Stage, VISITORS, upload};
use serde_json::json;
use std::time::{Duration, Instant, SystemTime};
use updock_local::{Config, Effect, Fault};
use updock_types::{FileUuid, Timestamp};

const PICTURES: &str = "[uploads.policy]\nmax_file_size = 1000\naccept = [\"image/*\"]\n";

async fn is_stored(stage: &Stage, file: FileUuid) -> bool {
    let target = format!("/info/?pub_key=demopublickey&file_id={file}");
    let reply = crate::http_client::send(&stage.local.base_url(), "GET", &target, &[], "").await;
    reply.json()["is_stored"].as_bool().unwrap_or_default()
}

#[tokio::test]
async fn a_good_file_is_stored_and_its_truth_is_told() {
    let stage = Setup::new(format!("{VISITORS}{PICTURES}")).start().await;
    let file = stage.file("a.png", PNG).await;
    assert!(!is_stored(&stage, file).await);
    for _ in 0..2 {
        let confirmed = stage.confirm(file).await;
        assert_eq!(
            confirmed.json(),
            json!({"uuid": file, "size": PNG.len(), "mime_type": "image/png", "stored": true})
        );
    }
    assert!(is_stored(&stage, file).await);
    assert_eq!(
        stage.sentences().pop().unwrap(),
        format!(
            "File {file}, named by a visitor from http://127.0.0.1:4000, was confirmed: {} bytes, image/png. \
             It is stored.",
            PNG.len()
        )
    );
}

#[tokio::test]
async fn a_rule_may_leave_storing_to_the_application() {
    let stage = Setup::new(format!("{VISITORS}store = false\n")).start().await;
    let file = stage.file("a.png", PNG).await;
    assert_eq!(stage.confirm(file).await.json()["stored"], false);
    assert!(!is_stored(&stage, file).await);
}

#[tokio::test]
async fn what_the_bytes_are_counts_not_what_they_are_called() {
    let stage = Setup::new(format!("{VISITORS}{PICTURES}")).start().await;
    let large = [PNG, &[0; 1000]].concat();
    for (name, bytes, why) in [
        ("photo.png", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n".as_slice(), "application/pdf"),
        ("photo.png", &large, "at most 1.0 kB are allowed"),
    ] {
        let file = stage.file(name, bytes).await;
        let reply = stage.confirm(file).await;
        let problem = reply.problem();
        assert_eq!((problem.status, reply.kind().as_str()), (422, "policy-violation"));
        assert!(problem.detail.contains(why), "{}", problem.detail);
        assert!(!is_stored(&stage, file).await, "it was stored all the same");
        let last = stage.sentences().pop().unwrap();
        assert!(last.contains("was not confirmed: ") && last.contains(why), "{last}");
    }
}

#[tokio::test]
async fn of_one_address_no_more_files_are_confirmed_in_a_day_than_the_rule_says() {
    let stage = Setup::new(format!("{VISITORS}quota = \"3/day\"\n{PICTURES}")).start().await;
    // What breaks the policy is not counted.
    assert_eq!(stage.confirm(stage.file("a.pdf", b"%PDF-1.7\n").await).await.kind(), "policy-violation");
    let mut files = Vec::new();
    for _ in 0..4 {
        files.push(stage.file("a.png", PNG).await);
    }
    assert_eq!(stage.confirm(files[0]).await.status, 200);
    let several = json!({ "uuids": &files[1..] }).to_string();
    let reply = stage.visit("/v1/uploads/confirm", &several).await.json();
    let results = reply["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    assert!(results[..2].iter().all(|result| result["stored"] == true), "{results:?}");
    assert_eq!(results[2]["problem"]["status"], 422, "{results:?}");
    let refused = stage.confirm(files[3]).await;
    assert_eq!(refused.kind(), "policy-violation");
    assert_eq!(
        refused.problem().detail,
        "No more than 3 files a day are taken from one address; try again tomorrow (UTC)."
    );
    assert!(!is_stored(&stage, files[3]).await, "it was stored all the same");
    assert_eq!(stage.confirm(files[0]).await.status, 200, "what was counted is confirmed as often as it is asked");
}

#[tokio::test]
async fn what_came_to_nothing_is_not_counted_against_an_address() {
    let stage = Setup::new(format!("{VISITORS}quota = \"1/day\"\n")).start().await;
    let file = stage.file("a.png", PNG).await;
    let (operation, effect) = (Some("files.store".to_owned()), Effect { status: Some(500), ..Effect::default() });
    stage.local.set_faults(vec![Fault { operation, effect, ..Fault::default() }]);
    assert_ne!(stage.confirm(file).await.status, 200);
    stage.local.set_faults(Vec::new());
    let other = stage.file("b.png", PNG).await;
    assert_eq!(stage.confirm(other).await.status, 200);
    assert_eq!(stage.confirm(file).await.kind(), "policy-violation");
}

#[tokio::test]
async fn a_file_that_is_named_twice_is_given_back_to_its_quota_once() {
    let stage = Setup::new(format!("{VISITORS}quota = \"2/day\"\n")).start().await;
    let mut files = Vec::new();
    for _ in 0..4 {
        files.push(stage.file("a.png", PNG).await);
    }
    assert_eq!(stage.confirm(files[0]).await.status, 200);
    let (operation, effect) = (Some("files.store_batch".to_owned()), Effect { status: Some(500), ..Effect::default() });
    stage.local.set_faults(vec![Fault { operation, effect, ..Fault::default() }]);
    for result in confirm_several(&stage, &[files[1], files[1]]).await.as_array().unwrap() {
        assert_eq!(result["problem"]["type"], "urn:updock:problem:upstream-unavailable");
    }
    stage.local.set_faults(Vec::new());
    assert_eq!(stage.confirm(files[2]).await.status, 200);
    assert_eq!(stage.confirm(files[3]).await.kind(), "policy-violation");
}

#[tokio::test]
async fn a_policy_may_delete_what_breaks_it() {
    let rules = format!("[uploads]\nviolations = \"delete\"\n{VISITORS}{PICTURES}");
    let stage = Setup::new(rules).start().await;
    let file = stage.file("a.pdf", b"%PDF-1.7\n").await;
    assert_eq!(stage.confirm(file).await.status, 422);
    assert!(stage.sentences().pop().unwrap().ends_with("It was deleted."));
    assert_eq!(stage.confirm(file).await.kind(), "not-found");
}

#[tokio::test]
async fn a_stored_file_is_never_deleted_for_breaking_the_policy() {
    let rules = format!("[uploads]\nviolations = \"delete\"\n{VISITORS}{PICTURES}");
    let stage = Setup::new(rules).start().await;
    let reply = upload(&stage.local, &[("UPLOADCARE_STORE", "1")], &[], "theirs.pdf", b"%PDF-1.7\n").await;
    let file = FileUuid::parse(reply.json()["file"].as_str().unwrap()).unwrap();
    for _ in 0..2 {
        assert_eq!(stage.confirm(file).await.kind(), "policy-violation");
        let last = stage.sentences().pop().unwrap();
        assert!(last.contains("was not confirmed: ") && !last.contains("deleted"), "{last}");
        assert!(is_stored(&stage, file).await, "it was deleted");
    }
}

/// Answers an operation on that file with these facts, which cannot be made to happen here or take a day.
fn said(operation: &str, file: FileUuid, facts: &serde_json::Value) -> Fault {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros();
    let mut body = json!({
        "uuid": file, "size": 9, "is_ready": true, "mime_type": "application/pdf", "original_filename": "a.pdf",
        "datetime_uploaded": Timestamp::from_micros(now.try_into().unwrap()).unwrap(),
    });
    body.as_object_mut().unwrap().extend(facts.as_object().unwrap().clone());
    let effect = Effect { status: Some(200), body: Some(body.to_string()), ..Effect::default() };
    Fault { operation: Some(operation.to_owned()), effect, ..Fault::default() }
}

#[tokio::test]
async fn what_breaks_the_policy_is_deleted_only_while_it_is_fresh() {
    let rules = format!("[uploads]\nviolations = \"delete\"\n{VISITORS}{PICTURES}");
    let stage = Setup::new(rules).start().await;
    for (facts, deleted) in [
        (json!({}), true),
        (json!({ "datetime_uploaded": "2026-01-05T10:00:00Z" }), false),
        (json!({ "datetime_stored": "2026-01-05T10:00:00Z" }), false),
    ] {
        let file = stage.file("a.pdf", b"%PDF-1.7\n").await;
        stage.local.set_faults(vec![said("files.info", file, &facts)]);
        assert_eq!(stage.confirm(file).await.kind(), "policy-violation", "{facts}");
        stage.local.set_faults(Vec::new());
        assert_eq!(stage.confirm(file).await.kind() == "not-found", deleted, "{facts}");
    }
}

#[tokio::test]
async fn the_type_that_counts_is_the_detected_one_where_there_is_one() {
    let stage = Setup::new(format!("{VISITORS}store = false\n{PICTURES}")).start().await;
    let detected = |mime: &str| json!({ "mime": { "mime": mime, "type": "a", "subtype": "b" } });
    for (declared, content, told) in [
        ("image/png", json!(null), Some("image/png")),
        ("image/png", json!({ "mime": null }), Some("image/png")),
        ("image/png", detected("application/pdf"), None),
        ("application/pdf", detected("image/webp"), Some("image/webp")),
        ("application/pdf", json!({}), None),
    ] {
        let file = stage.file("a.png", PNG).await;
        let facts = json!({ "mime_type": declared, "content_info": content, "original_filename": "a.png" });
        stage.local.set_faults(vec![said("files.info", file, &facts)]);
        let reply = stage.confirm(file).await;
        match told {
            Some(told) => assert_eq!(reply.json()["mime_type"], told, "{facts}"),
            None => assert_eq!(reply.kind(), "policy-violation", "{facts}"),
        }
    }
}

#[tokio::test]
async fn a_removed_file_is_not_confirmed() {
    let stage = Setup::new(VISITORS).start().await;
    let file = stage.file("a.png", PNG).await;
    stage.local.set_faults(vec![said("files.info", file, &json!({ "datetime_removed": "2026-01-05T10:00:00Z" }))]);
    let reply = stage.confirm(file).await;
    assert_eq!((reply.status.as_u16(), reply.kind().as_str()), (404, "not-found"));
    assert_eq!(reply.problem().detail, format!("File {file} has been removed; upload it again."));
    assert_eq!(calls(&stage, "files.store"), 0);
}

#[tokio::test]
async fn a_file_that_is_not_stored_after_all_is_not_confirmed() {
    let stage = Setup::new(VISITORS).start().await;
    let files = [stage.file("a.png", PNG).await, stage.file("b.png", PNG).await];
    let unstored = json!({ "uuid": files[0], "datetime_stored": null });
    let batch = json!({ "status": "ok", "problems": {}, "result": [unstored] });
    stage.local.set_faults(vec![said("files.store", files[0], &unstored), said("files.store_batch", files[0], &batch)]);
    let alone = stage.confirm(files[0]).await.problem();
    let told: Vec<_> = confirm_several(&stage, &files).await.as_array().unwrap().clone();
    for (at, file) in files.iter().enumerate() {
        let expected = format!("Uploadcare did not store file {file}; try again.");
        assert_eq!((&told[at]["problem"]["status"], &told[at]["problem"]["detail"]), (&502.into(), &expected.into()));
    }
    assert_eq!((alone.status, alone.detail), (502, format!("Uploadcare did not store file {}; try again.", files[0])));
}

#[tokio::test]
async fn unknown_and_unreadable_files_are_refused() {
    let stage = Setup::new(VISITORS).start().await;
    assert_eq!(stage.confirm(FileUuid::from_random_bytes([7; 16])).await.kind(), "not-found");
    for body in [
        "",
        "{}",
        r#"{"uuid":"nope"}"#,
        r#"{"uuid":"../project"}"#,
        r#"{"uuid":5}"#,
        r#"["17be4678-dab7-4bc7-8753-28914a22960a"]"#,
        r#"{"uuids":[]}"#,
        r#"{"uuid":"17be4678-dab7-4bc7-8753-28914a22960a","uuids":["17be4678-dab7-4bc7-8753-28914a22960a"]}"#,
        &format!("{{\"uuids\":[{}]}}", vec![r#""17be4678-dab7-4bc7-8753-28914a22960a""#; 101].join(",")),
    ] {
        assert_eq!(stage.visit("/v1/uploads/confirm", body).await.problem().status, 400, "{body}");
    }
}

#[tokio::test]
async fn a_file_that_is_nearly_ready_is_waited_for() {
    let local = Config { ready_delay: Duration::from_millis(250), ..Config::default() };
    let stage = Setup { local, ..Setup::new(VISITORS) }.start().await;
    let file = stage.file("a.png", PNG).await;
    assert_eq!(stage.confirm(file).await.status, 200);
}

#[tokio::test]
async fn a_file_that_takes_long_is_asked_for_again() {
    let local = Config { ready_delay: Duration::from_mins(10), ..Config::default() };
    let stage = Setup { local, ..Setup::new(VISITORS) }.start().await;
    let file = stage.file("a.png", PNG).await;
    let start = Instant::now();
    let reply = stage.confirm(file).await;
    assert_eq!((reply.kind().as_str(), reply.header("retry-after")), ("unavailable", Some("2")));
    assert!(start.elapsed() < Duration::from_secs(8));
    // After 0.1, 0.3, 0.7, 1.5, 2.5, 3.5 and 4.5 s, and a busy machine leaves some of them out.
    let looks = calls(&stage, "files.info");
    assert!((4..=8).contains(&looks), "Uploadcare was asked {looks} times");
}

#[tokio::test]
async fn a_wrong_secret_is_named_in_the_answer_in_the_log_and_at_start() {
    const SENTENCE: &str = "Uploadcare refused the secret key of project demopublickey; \
                            uploads will be refused until it is corrected.";
    let stage = Setup { secret: "a wrong secret", ..Setup::new(VISITORS) }.start().await;
    stage.signer.check_key().await;
    assert_eq!(stage.sentences(), [SENTENCE]);
    let file = stage.file("a.png", PNG).await;
    let reply = stage.confirm(file).await;
    let problem = reply.problem();
    assert_eq!((problem.status, reply.kind().as_str(), problem.detail.as_str()), (502, "upstream-refused", SENTENCE));
    assert!(stage.sentences().pop().unwrap().ends_with(SENTENCE));
}

#[tokio::test]
async fn an_absent_or_silent_uploadcare_ends_in_bounded_time() {
    // Nothing listens on the port that was just given back.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stage = Setup { rest: Some(format!("http://{closed}")), ..Setup::new(VISITORS) }.start().await;
    let file = FileUuid::from_random_bytes([7; 16]);
    let start = Instant::now();
    let reply = stage.confirm(file).await;
    assert_eq!((reply.status.as_u16(), reply.kind().as_str()), (502, "upstream-unavailable"));

    let upstream_timeout = Duration::from_millis(200);
    let stage = Setup { upstream_timeout, ..Setup::new(VISITORS) }.start().await;
    let effect = Effect { delay: Some(Duration::from_secs(30)), ..Effect::default() };
    stage.local.set_faults(vec![Fault { effect, ..Fault::default() }]);
    let reply = stage.confirm(file).await;
    assert_eq!((reply.status.as_u16(), reply.kind().as_str()), (504, "upstream-timeout"));
    assert!(start.elapsed() < Duration::from_secs(5));
}

fn calls(stage: &Stage, operation: &str) -> usize {
    stage.local.requests().iter().filter(|request| request.operation == Some(operation)).count()
}

async fn confirm_several(stage: &Stage, files: &[FileUuid]) -> serde_json::Value {
    let body = json!({ "uuids": files }).to_string();
    let reply = stage.visit("/v1/uploads/confirm", &body).await;
    assert_eq!(reply.status, 200);
    reply.json()["results"].clone()
}

#[tokio::test]
async fn several_files_are_confirmed_at_once_and_each_has_its_own_result() {
    let stage = Setup::new(format!("{VISITORS}{PICTURES}")).start().await;
    let mut files = Vec::new();
    for at in 0..20 {
        files.push(stage.file(&format!("{at}.png"), PNG).await);
    }
    let bad = stage.file("a.pdf", b"%PDF-1.7\n").await;
    let gone = FileUuid::from_random_bytes([7; 16]);
    files.splice(3..3, [bad, gone]);
    let results = confirm_several(&stage, &files).await;
    for (at, file) in files.iter().enumerate() {
        let result = &results[at];
        assert_eq!(result["uuid"], file.to_string());
        let expected = match at {
            3 => "urn:updock:problem:policy-violation",
            4 => "urn:updock:problem:not-found",
            _ => {
                assert_eq!((&result["stored"], &result["size"]), (&true.into(), &PNG.len().into()));
                assert!(is_stored(&stage, *file).await);
                continue;
            }
        };
        assert_eq!(result["problem"]["type"], expected);
    }
    assert!(!is_stored(&stage, bad).await);
    assert_eq!((calls(&stage, "files.store_batch"), calls(&stage, "files.store")), (1, 0));
    let outcomes = stage.sentences().iter().filter(|text| text.contains("confirmed: ")).count();
    assert_eq!(outcomes, 22);
}

#[tokio::test]
async fn files_that_are_not_ready_do_not_add_up() {
    let local = Config { ready_delay: Duration::from_mins(10), ..Config::default() };
    let stage = Setup { local, ..Setup::new(VISITORS) }.start().await;
    let mut files = Vec::new();
    for at in 0..40 {
        files.push(stage.file(&format!("{at}.png"), PNG).await);
    }
    let start = Instant::now();
    let results = confirm_several(&stage, &files).await;
    assert!(results.as_array().unwrap().iter().all(|result| result["problem"]["status"] == 503));
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_store_that_fails_is_told_of_every_file_that_needed_it() {
    let stage = Setup::new(VISITORS).start().await;
    let files = [stage.file("a.png", PNG).await, stage.file("b.png", PNG).await];
    let effect = Effect { status: Some(500), ..Effect::default() };
    let operation = Some("files.store_batch".to_owned());
    stage.local.set_faults(vec![Fault { operation, effect, ..Fault::default() }]);
    for result in confirm_several(&stage, &files).await.as_array().unwrap() {
        assert_eq!(result["problem"]["type"], "urn:updock:problem:upstream-unavailable");
    }
    stage.local.set_faults(Vec::new());
    for result in confirm_several(&stage, &files).await.as_array().unwrap() {
        assert_eq!(result["stored"], true);
    }
}
