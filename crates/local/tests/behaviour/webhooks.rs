//! Webhooks: subscriptions, and what is delivered to them. Numbers are those of the protocol's conformance cases.

use crate::{
    client::*,
    crash::Process,
    outside::{Outside, answer, eventually},
    rest_api::{ask, ask_raw, detail, get, send},
};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use updock_local::Config;
use updock_sign::{SecretKey, verify_webhook_signature};
use updock_types::rest::MEDIA_TYPE;

const SECRET_OF_HOOK: &str = "7kMVZivndx0ErgvhRKAr";

async fn form(service: &Service, method: Method, target: &str, label: &str, pairs: &[(&str, &str)]) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let authorization = format!("Uploadcare.Simple {KEY}:{SECRET}");
    let headers = [("accept", MEDIA_TYPE), ("authorization", &*authorization), ("content-type", label)];
    service.send(method, target, &headers, body).await
}

async fn subscribe(service: &Service, target: &str, event: &str) -> Value {
    let body = json!({"target_url": target, "event": event, "signing_secret": SECRET_OF_HOOK});
    let answer = ask(service, Method::POST, "/webhooks/", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

async fn log(service: &Service) -> Value {
    service.get("/_local/webhooks").await.json()
}

/// Time runs so fast that a minute takes six milliseconds.
fn fast() -> Config {
    Config { clock_speed: 10_000.0, ..Config::default() }
}

#[tokio::test]
async fn case_54_webhooks_are_created_by_form_and_by_json() {
    let service = service().await;
    let pairs = [
        ("target_url", "http://127.0.0.1:9/hook"),
        ("event", "file.uploaded"),
        ("is_active", "true"),
        ("version", "0.7"),
        ("signing_secret", "s3cr3t"),
    ];
    let first = form(&service, Method::POST, "/webhooks/", "application/x-www-form-urlencoded", &pairs).await;
    assert_eq!((first.status.as_u16(), first.header("content-type")), (201, MEDIA_TYPE), "{}", first.text());
    let body = json!({"target_url": "http://127.0.0.1:9/hook", "event": "file.stored", "is_active": "false",
                      "signing_secret": null, "id": 5});
    let second = ask(&service, Method::POST, "/webhooks/", body).await.json();
    // A form that is labelled as JSON, as one SDK sends it.
    let pairs = [("target_url", "https://127.0.0.1/a?b=c"), ("event", "file.deleted")];
    let third = form(&service, Method::POST, "/webhooks/", "application/json", &pairs).await.json();
    let first = first.json();
    assert_eq!(
        (&first["signing_secret"], &first["is_active"], &first["project"]),
        (&json!("s3cr3t"), &json!(true), &json!(1))
    );
    assert_eq!((&first["created"], &first["version"]), (&first["updated"], &json!("0.7")));
    assert_eq!((&second["signing_secret"], &second["is_active"]), (&Value::Null, &json!(false)));
    assert_eq!(third["target_url"], "https://127.0.0.1/a?b=c");
    let listed = get(&service, "/webhooks/").await;
    assert_eq!((listed.header("content-type"), listed.json()), (MEDIA_TYPE, json!([third, second, first])));
    let id = first["id"].as_u64().unwrap();
    assert_eq!(get(&service, &format!("/webhooks/{id}/")).await.json(), first);
    for unknown in ["/webhooks/99/", "/webhooks/nope/", "/webhooks/-1/", "/webhooks/18446744073709551615/"] {
        assert_eq!(detail(&get(&service, unknown).await), (404, "Not found.".to_owned()), "{unknown}");
    }
}

#[tokio::test]
async fn cases_55_and_56_what_cannot_be_subscribed_to_is_refused() {
    let service = service().await;
    subscribe(&service, "http://127.0.0.1:9/hook", "file.uploaded").await;
    let taken = json!({"non_field_errors": ["This project is already subscribed on this event"]});
    let (url, event) = ("http://127.0.0.1:9/other", "file.uploaded");
    let missing = json!({"detail": "`target_url` is missing."});
    for (body, expected) in [
        (json!({"target_url": "http://127.0.0.1:9/hook", "event": "file.uploaded"}), taken),
        (json!({"event": event}), missing.clone()),
        (json!({"target_url": "", "event": event}), missing.clone()),
        (json!({"target_url": null, "event": event}), missing),
        (json!({"target_url": url}), json!({"event": ["This field is required."]})),
        (json!({"target_url": url, "event": "file.x"}), json!({"event": ["\"file.x\" is not a valid choice."]})),
        (json!({"target_url": url, "event": event, "version": "0.6"}), json!({"detail": "Invalid version"})),
        (json!({"target_url": "nope", "event": event}), json!({"target_url": ["Enter a valid URL."]})),
        (json!({"target_url": "ftp://a.test/", "event": event}), json!({"target_url": ["Enter a valid URL."]})),
        (json!({"target_url": "http://", "event": event}), json!({"target_url": ["Enter a valid URL."]})),
        (json!({"target_url": 5, "event": event}), json!({"target_url": ["Not a valid string."]})),
        (
            json!({"target_url": format!("http://127.0.0.1/{}", "a".repeat(240)), "event": event}),
            json!({"target_url": ["Ensure this field has no more than 255 characters."]}),
        ),
        (
            json!({"target_url": url, "event": event, "signing_secret": "s".repeat(33)}),
            json!({"signing_secret": ["Ensure this field has no more than 32 characters."]}),
        ),
        (
            json!({"target_url": url, "event": event, "is_active": "perhaps"}),
            json!({"is_active": ["Must be a valid boolean."]}),
        ),
        (json!([]), json!({"detail": "Expected JSON object."})),
    ] {
        let answer = ask(&service, Method::POST, "/webhooks/", body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (400, expected), "{body}");
    }
    assert_eq!(ask_raw(&service, Method::POST, "/webhooks/", "{").await.status, 400);
    assert_eq!(get(&service, "/webhooks/").await.json().as_array().unwrap().len(), 1);

    let strict = service_with(Config { private_webhooks: false, ..Config::default() }).await;
    for target in ["http://127.0.0.1/", "http://localhost:3000/hook", "http://[::1]/", "http://169.254.169.254/latest"]
    {
        let answer = ask(&strict, Method::POST, "/webhooks/", json!({"target_url": target, "event": event})).await;
        let expected = json!({"target_url": ["Only public IPs are allowed."]});
        assert_eq!((answer.status.as_u16(), answer.json()), (400, expected), "{target}");
    }
    let without = service_with(Config { webhooks: false, ..Config::default() }).await;
    assert_eq!(detail(&get(&without, "/webhooks/").await), (403, "You can't use webhooks".to_owned()));
}

#[tokio::test]
async fn case_57_an_update_changes_what_it_names() {
    let service = service().await;
    let before = subscribe(&service, "http://127.0.0.1:9/a", "file.uploaded").await;
    let other = subscribe(&service, "http://127.0.0.1:9/b", "file.uploaded").await;
    let target = format!("/webhooks/{}/", before["id"]);
    let after = ask(&service, Method::PUT, &target, json!({"is_active": false, "signing_secret": null})).await.json();
    let mut expected = before.clone();
    (expected["is_active"], expected["updated"]) = (json!(false), after["updated"].clone());
    assert_eq!(after, expected);
    assert!(after["updated"].as_str() > before["updated"].as_str());

    let version = ask(&service, Method::PUT, &target, json!({"version": "0.6"})).await;
    assert_eq!(detail(&version), (400, "WebHook version updates are not allowed.".to_owned()));
    assert_eq!(ask(&service, Method::PUT, &target, json!({"version": "0.7"})).await.status, 200);
    let taken = ask(&service, Method::PUT, &target, json!({"target_url": other["target_url"]})).await;
    assert_eq!((taken.status.as_u16(), taken.json()["non_field_errors"].is_array()), (400, true));
    let pairs = [("event", "file.infected"), ("signing_secret", ""), ("is_active", "true")];
    let changed = form(&service, Method::PUT, &target, "application/x-www-form-urlencoded", &pairs).await.json();
    assert_eq!((&changed["event"], &changed["signing_secret"]), (&json!("file.infected"), &Value::Null));
    assert_eq!((&changed["is_active"], &changed["target_url"]), (&json!(true), &before["target_url"]));
    let foreign = ask(&service, Method::PUT, "/webhooks/77/", json!({"is_active": false})).await;
    assert_eq!(detail(&foreign), (404, "Not found.".to_owned()));
}

#[tokio::test]
async fn cases_58_and_59_a_target_goes_with_all_its_events_and_an_id_alone() {
    let service = service().await;
    for event in ["file.uploaded", "file.stored"] {
        subscribe(&service, "http://127.0.0.1:9/a", event).await;
    }
    let kept = subscribe(&service, "http://127.0.0.1:9/b", "file.uploaded").await;
    let gone = subscribe(&service, "http://127.0.0.1:9/b", "file.stored").await;
    for _ in 0..2 {
        let body = json!({"target_url": "http://127.0.0.1:9/a"});
        let answer = ask(&service, Method::DELETE, "/webhooks/unsubscribe/", body).await;
        assert_eq!((answer.status.as_u16(), answer.text(), answer.header("content-type")), (204, "", ""));
    }
    for body in [json!({}), json!({"target_url": ""})] {
        let answer = ask(&service, Method::DELETE, "/webhooks/unsubscribe/", body).await;
        assert_eq!(detail(&answer), (400, "`target_url` is missing.".to_owned()));
    }
    let target = format!("/webhooks/{}/", gone["id"]);
    assert_eq!(send(&service, Method::DELETE, &target).await.status, 204);
    assert_eq!(send(&service, Method::DELETE, &target).await.status, 404);
    assert_eq!(get(&service, "/webhooks/").await.json(), json!([kept]));
}

#[tokio::test]
async fn case_60_a_delivery_is_signed_over_the_bytes_it_has() {
    let service = service().await;
    let outside = Outside::answering(204).await;
    let hook = subscribe(&service, &outside.url("/hook?a=b"), "file.uploaded").await;
    let form = Form::new().field("metadata[pet]", "кот").field("tags", "cat").field("UPLOADCARE_STORE", "0").file(
        "file",
        "кот.txt",
        "text/plain",
        b"meow",
    );
    let uuid = service.form("/base/", form).await.uuid("file");
    let came = outside.until(1).await.remove(0);
    assert_eq!((&came.method, came.target.as_str()), (&Method::POST, "/hook?a=b"));
    assert_eq!(came.header("content-type"), "application/json");
    let key = [SecretKey::parse(SECRET_OF_HOOK).unwrap()];
    assert!(verify_webhook_signature(&key, &came.body, came.header("x-uc-signature")));
    assert!(!verify_webhook_signature(&key, &came.body[1..], came.header("x-uc-signature")));

    let delivery = came.json();
    let mut file = get(&service, &format!("/files/{uuid}/?include=appdata")).await.json();
    assert_eq!(delivery["data"], file);
    assert_eq!(delivery["file"], file["original_file_url"].take());
    assert_eq!(delivery["initiator"], json!({"type": "api", "detail": {"request_id": null, "addon_name": null}}));
    assert_eq!(
        delivery["hook"],
        json!({"id": hook["id"], "project_id": 1, "project_pub_key": KEY, "target": hook["target_url"],
               "event": "file.uploaded", "is_active": true, "version": "0.7", "created_at": hook["created"],
               "updated_at": hook["updated"]})
    );
    assert!(delivery.get("previous_values").is_none() && !came.body.windows(4).any(|bytes| bytes == b"7kMV"));
    let told = eventually("the delivery is noted", || async {
        let log = log(&service).await;
        (log[0]["deliveries"][0]["state"] == "delivered").then(|| log[0].clone())
    });
    let told = told.await;
    let record = &told["deliveries"][0];
    assert_eq!((&record["file"], &record["attempts"], &record["status"]), (&json!(uuid), &json!(1), &json!(204)));
    assert_eq!((&record["next_attempt"], &told["is_signed"]), (&Value::Null, &json!(true)));
    assert!(told.get("signing_secret").is_none());
}

#[tokio::test]
async fn each_event_is_told_once_for_each_real_change_and_only_to_its_subscribers() {
    let service = service().await;
    let outside = Outside::answering(200).await;
    for event in ["file.uploaded", "file.stored", "file.deleted", "file.info_updated"] {
        subscribe(&service, &outside.url(&format!("/{event}")), event).await;
    }
    let form = Form::new().field("UPLOADCARE_STORE", "0").file("file", "a.txt", "text/plain", b"a");
    let uuid = service.form("/base/", form).await.uuid("file");
    let storage = format!("/files/{uuid}/storage/");
    for method in [Method::PUT, Method::PUT, Method::DELETE, Method::DELETE] {
        assert_eq!(send(&service, method, &storage).await.status, 200);
    }
    let mut came = outside.until(3).await;
    came.sort_by_key(|came| came.target.clone());
    let told: Vec<_> = came.iter().map(|came| (came.target.as_str(), came.json())).collect();
    let targets: Vec<_> = told.iter().map(|(target, _)| *target).collect();
    assert_eq!(targets, ["/file.deleted", "/file.stored", "/file.uploaded"]);
    assert_eq!((&told[0].1["file"], told[0].1["data"]["datetime_removed"].is_string()), (&Value::Null, true));
    assert!(told[1].1["data"]["datetime_stored"].is_string());

    let key = format!("/files/{uuid}/metadata/pet/");
    for value in ["cat", "cat", "dog"] {
        ask(&service, Method::PUT, &key, json!(value)).await;
    }
    let came = outside.until(5).await;
    let previous: Vec<_> = came[3..].iter().map(|came| came.json()["previous_values"].clone()).collect();
    assert!(previous.contains(&json!({"metadata": null})), "{previous:?}");
    assert!(previous.contains(&json!({"metadata": {"pet": "cat"}})), "{previous:?}");
    let events = service.get("/_local/events").await.json();
    let events: Vec<_> = events.as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap()).collect();
    let expected = ["file.uploaded", "file.stored", "file.deleted", "file.info_updated", "file.info_updated"];
    assert_eq!((events, outside.came().len()), (expected.to_vec(), 5));
}

#[tokio::test]
async fn a_multipart_upload_is_told_once_it_is_complete() {
    let service = service().await;
    let outside = Outside::answering(200).await;
    subscribe(&service, &outside.url("/"), "file.uploaded").await;
    let whole = bytes(11_000_000, 5);
    let (uuid, urls) = service.start(whole.len(), &[]).await;
    for (url, part) in urls.iter().zip(whole.chunks(5 * MIB)) {
        service.put(url, part.to_vec()).await;
    }
    assert!(outside.came().is_empty());
    service.complete(&uuid).await;
    assert_eq!(outside.until(1).await[0].json()["data"]["size"], whole.len());
}

/// One minute, two, four: six milliseconds, twelve, twenty-four. Never sooner; how much later is up to the machine.
#[tokio::test]
async fn what_fails_is_repeated_with_growing_delays_until_it_arrives() {
    let service = service_with(fast()).await;
    let outside = Outside::start(|_, before| match before {
        0 => answer(500, ""),
        1 => answer(404, ""),
        2 => answer(301, ""),
        3 => answer(429, ""),
        _ => answer(202, ""),
    });
    let outside = outside.await;
    subscribe(&service, &outside.url("/"), "file.uploaded").await;
    service.upload("a.txt", "text/plain", b"a").await;
    let came = outside.until(5).await;
    let waits: Vec<_> = came.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    for (wait, minutes) in waits.iter().zip([1, 2, 4, 8]) {
        assert!(*wait >= Duration::from_millis(6) * minutes, "{waits:?}");
    }
    assert!(came.iter().all(|one| one.body == came[0].body), "every attempt has the same body");
    let record = eventually("the delivery is noted", || async {
        let record = log(&service).await[0]["deliveries"][0].clone();
        (record["state"] == "delivered").then_some(record)
    });
    let record = record.await;
    assert_eq!((&record["attempts"], &record["status"], &record["trouble"]), (&json!(5), &json!(202), &Value::Null));
}

/// 72 hours take a quarter of a second.
#[tokio::test]
async fn a_target_that_never_takes_anything_is_switched_off_and_can_be_switched_on_again() {
    let service = service_with(Config { clock_speed: 1_000_000.0, ..Config::default() }).await;
    let outside = Outside::start(|_, _| answer(503, "")).await;
    let hook = subscribe(&service, &outside.url("/"), "file.uploaded").await;
    service.upload("a.txt", "text/plain", b"a").await;
    let told = eventually("the subscription is switched off", || async {
        let log = log(&service).await;
        (log[0]["is_active"] == false).then(|| log[0].clone())
    });
    let told = told.await;
    let record = &told["deliveries"][0];
    assert_eq!((&record["state"], &record["trouble"]), (&json!("failed"), &json!("the target answered 503")));
    // Ten delays that double to 8.5 hours, then every twelve: some sixteen attempts. A busy machine makes fewer.
    let attempts = record["attempts"].as_u64().unwrap();
    assert!((5..=17).contains(&attempts), "{attempts}");
    assert_eq!(attempts, outside.came().len() as u64);

    service.upload("b.txt", "text/plain", b"b").await;
    assert_eq!(log(&service).await[0]["deliveries"].as_array().unwrap().len(), 1, "an inactive one gets nothing");
    let target = format!("/webhooks/{}/", hook["id"]);
    ask(&service, Method::PUT, &target, json!({"is_active": true})).await;
    let uuid = service.upload("c.txt", "text/plain", b"c").await;
    let came = outside.until(usize::try_from(attempts).unwrap() + 1).await;
    assert_eq!(came.last().unwrap().json()["data"]["uuid"], uuid, "what was missed is not replayed");
}

#[tokio::test]
async fn a_target_that_hangs_holds_up_no_other_and_is_given_up_in_time() {
    let config = Config { webhook_timeout: Duration::from_millis(100), ..fast() };
    let service = service_with(config).await;
    // Accepts connections and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    subscribe(&service, &format!("http://{}/", silent.local_addr().unwrap()), "file.uploaded").await;
    let outside = Outside::answering(200).await;
    subscribe(&service, &outside.url("/"), "file.uploaded").await;
    for _ in 0..12 {
        service.upload("a.txt", "text/plain", b"a").await;
    }
    outside.until(12).await;
    eventually("the silent one is given up", || async {
        let log = log(&service).await;
        let record = &log[1]["deliveries"][11];
        (record["trouble"] == "the target did not answer in time").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_subscription_that_is_switched_off_or_deleted_takes_its_outbox_with_it() {
    let service = service().await;
    let outside = Outside::answering(500).await;
    let hook = subscribe(&service, &outside.url("/"), "file.uploaded").await;
    service.upload("a.txt", "text/plain", b"a").await;
    outside.until(1).await;
    let target = format!("/webhooks/{}/", hook["id"]);
    ask(&service, Method::PUT, &target, json!({"is_active": false})).await;
    let record = log(&service).await[0]["deliveries"][0].clone();
    assert_eq!((&record["state"], &record["next_attempt"]), (&json!("dropped"), &Value::Null));
    assert_eq!(send(&service, Method::DELETE, &target).await.status, 204);
    assert_eq!(log(&service).await, json!([]));
}

/// The target is down, the process dies, both come back: what was in the outbox arrives.
#[tokio::test]
async fn kill_9_between_event_and_delivery_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let down = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = down.local_addr().unwrap();
    drop(down);
    let process = Process::start_with(directory.path(), &["--clock-speed", "3000"]);
    let headers = |authorization: &str| {
        vec![("accept".to_owned(), MEDIA_TYPE.to_owned()), ("authorization".to_owned(), authorization.to_owned())]
    };
    let headers = headers(&format!("Uploadcare.Simple {KEY}:{SECRET}"));
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let body = json!({"target_url": format!("http://{target}/"), "event": "file.uploaded", "signing_secret": "s"});
    assert_eq!(process.http.send(Method::POST, "/webhooks/", &headers, body.to_string()).await.status, 201);
    let mut wanted = Vec::new();
    for _ in 0..5 {
        wanted.push(process.http.upload("a.txt", "text/plain", b"a").await);
    }
    process.kill();

    let outside = Outside::at(target, |_, _| answer(200, "")).await;
    let process = Process::start_with(directory.path(), &["--clock-speed", "3000"]);
    let came = outside.until(5).await;
    let mut told: Vec<_> = came.iter().map(|came| came.json()["data"]["uuid"].as_str().unwrap().to_owned()).collect();
    told.sort();
    told.dedup();
    wanted.sort();
    assert_eq!(told, wanted);
    let key = [SecretKey::parse("s").unwrap()];
    assert!(came.iter().all(|came| verify_webhook_signature(&key, &came.body, came.header("x-uc-signature"))));
    eventually("all are noted as delivered", || async {
        let log = process.http.get("/_local/webhooks").await.json();
        let states = log[0]["deliveries"].as_array().unwrap().iter().filter(|one| one["state"] == "delivered").count();
        (states == 5).then_some(())
    })
    .await;
}
