//! The driver in a real browser: it sends what the engine asks, reports what came of it, and really breaks off.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "tests; helpers of theirs are not known as such")]

mod wait;

use js_sys::Array;
use std::{cell::RefCell, rc::Rc, sync::Arc};
use updock::driver::{Driver, Intake, Json};
use updock_engine::{Cause, Command, Config, CredentialSource, Failure, FileKey, Row, RowState, WaitReason, Which};
use updock_types::{
    PublicKey,
    fields::{self, Fields},
};
use wasm_bindgen::{JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::File;

use wait::{eventually, found, pause};

wasm_bindgen_test_configure!(run_in_browser);

/// Browsers refuse this port themselves: a failure of the network without a network.
const NOWHERE: &str = "http://127.0.0.1:9";

fn file(name: &str, text: &str) -> JsValue {
    let parts = Array::of1(&JsValue::from_str(text));
    File::new_with_str_sequence(&parts, name).unwrap().into()
}

async fn is_readable(file: &JsValue) -> bool {
    JsFuture::from(updock::driver::readable(file)).await.unwrap().is_truthy()
}

type Seen = Rc<RefCell<Vec<Arc<Row>>>>;

fn driver(configure: impl FnOnce(&mut Config)) -> (Driver, Seen) {
    let mut config = Config::new(PublicKey::parse("demopublickey").unwrap());
    NOWHERE.clone_into(&mut config.upload_base);
    configure(&mut config);
    let seen = Seen::default();
    let note = Rc::clone(&seen);
    let driver = Driver::new(config, Box::new(move |rows, _| note.borrow_mut().extend(rows)));
    (driver, seen)
}

/// Waits until the file's row is as wanted.
async fn until(driver: &Driver, what: &str, wanted: impl Fn(&RowState) -> bool) -> RowState {
    found(what, || match driver.snapshot().rows.first().map(|row| row.state.clone()) {
        Some(state) if wanted(&state) => Ok(state),
        other => Err(other),
    })
    .await
}

/// Stands in for the page's network, for requests made by `fetch`. XHR stays real.
fn answer_fetch(status: u16, headers: &'static [(&str, &str)], body: &'static str) -> impl Drop {
    struct Restore(JsValue, #[expect(dead_code, reason = "held")] Closure<dyn Fn() -> js_sys::Promise>);
    impl Drop for Restore {
        fn drop(&mut self) {
            js_sys::Reflect::set(&js_sys::global(), &"fetch".into(), &self.0).unwrap();
        }
    }
    let was = js_sys::Reflect::get(&js_sys::global(), &"fetch".into()).unwrap();
    let fake = Closure::<dyn Fn() -> js_sys::Promise>::new(move || {
        let init = js_sys::Object::new();
        js_sys::Reflect::set(&init, &"status".into(), &status.into()).unwrap();
        let headers: Array =
            headers.iter().map(|(name, value)| Array::of2(&(*name).into(), &(*value).into())).collect();
        js_sys::Reflect::set(&init, &"headers".into(), &headers).unwrap();
        let make: js_sys::Function = js_sys::Reflect::get(&js_sys::global(), &"Response".into()).unwrap().into();
        let response = js_sys::Reflect::construct(&make, &Array::of2(&body.into(), &init)).unwrap();
        js_sys::Promise::resolve(&response)
    });
    js_sys::Reflect::set(&js_sys::global(), &"fetch".into(), fake.as_ref()).unwrap();
    Restore(was, fake)
}

/// From now on nothing that goes by XHR leaves, or comes to an end.
fn silent_xhr() -> impl Drop {
    struct Restore(JsValue, JsValue);
    impl Drop for Restore {
        fn drop(&mut self) {
            js_sys::Reflect::set(&self.0, &"send".into(), &self.1).unwrap();
        }
    }
    let class = js_sys::Reflect::get(&js_sys::global(), &"XMLHttpRequest".into()).unwrap();
    let methods = js_sys::Reflect::get(&class, &"prototype".into()).unwrap();
    let was = js_sys::Reflect::get(&methods, &"send".into()).unwrap();
    js_sys::Reflect::set(&methods, &"send".into(), &js_sys::Function::new_no_args("")).unwrap();
    Restore(methods, was)
}

#[wasm_bindgen_test]
async fn a_server_that_cannot_be_reached_is_a_network_failure_and_is_tried_again() {
    let (driver, _) = driver(|_| {});
    driver.add(&Array::of1(&file("a.txt", "hello")));
    let state = until(&driver, "retrying", |state| matches!(state, RowState::Retrying { .. })).await;
    // The wait before the second try may be over before it is looked at.
    assert!(matches!(state, RowState::Retrying { cause: Cause::Network, attempt: 2.., .. }), "{state:?}");
}

#[wasm_bindgen_test]
async fn changes_come_once_a_frame_and_end_with_how_it_is() {
    let (driver, seen) = driver(|config| config.start = updock_engine::Start::OnCommand);
    driver.add(&Array::of2(&file("a.txt", "hello"), &file("b.txt", "you")));
    assert!(seen.borrow().is_empty(), "nothing is painted within the task");
    eventually("painted", || !seen.borrow().is_empty()).await;
    let names: Vec<_> = seen.borrow().iter().map(|row| (row.name.to_string(), row.size)).collect();
    assert_eq!(names, [("a.txt".to_owned(), 5), ("b.txt".to_owned(), 3)]);
}

#[wasm_bindgen_test]
async fn a_cancelled_file_is_broken_off_and_nothing_is_sent_again() {
    let _network = silent_xhr();
    let (driver, _) = driver(|_| {});
    driver.add(&Array::of1(&file("a.txt", "hello")));
    // Its share of the origin's budget comes by a message.
    eventually("on its way", || driver.flights() > 0).await;
    assert_eq!(driver.flights(), 1);
    driver.command(Command::Cancel(Which::All));
    assert_eq!(driver.flights(), 0);
    pause(300).await;
    assert_eq!(driver.flights(), 0);
    assert_eq!(driver.snapshot().rows[0].state, RowState::Failed(Failure::Cancelled));
}

#[wasm_bindgen_test]
async fn a_dropped_driver_says_nothing_more() {
    let (driver, seen) = driver(|_| {});
    driver.add(&Array::of1(&file("a.txt", "hello")));
    pause(50).await;
    drop(driver);
    let told = seen.borrow().len();
    pause(1_500).await;
    assert_eq!(seen.borrow().len(), told);
}

#[wasm_bindgen_test]
async fn a_signer_that_answers_with_a_page_fails_the_file_as_unavailable() {
    let _network = answer_fetch(200, &[], "<!doctype html><title>Sign in</title>");
    let (driver, _) = driver(|config| config.credentials = CredentialSource::Url("/signer".into()));
    driver.add(&Array::of1(&file("a.txt", "hello")));
    let state = until(&driver, "a failure or a retry", |state| {
        matches!(state, RowState::Retrying { .. } | RowState::Failed(_) | RowState::Waiting(_))
    })
    .await;
    assert!(!matches!(state, RowState::Done { .. }), "{state:?}");
}

#[wasm_bindgen_test]
async fn throttling_that_comes_as_a_200_waits_as_long_as_its_header_says() {
    let _network = answer_fetch(
        200,
        &[("retry-after", "90")],
        r#"{"error":{"status_code":429,"content":"Request was throttled.","error_code":"RequestThrottledError"}}"#,
    );
    let (driver, _) = driver(|config| config.multipart_from = 0);
    // Large enough for parts, so that it starts with a small request.
    driver.add(&Array::of1(&file("a.bin", &"x".repeat(11 << 20))));
    let begun = updock::driver::now();
    let state = until(&driver, "throttled", |state| matches!(state, RowState::Waiting(_))).await;
    let RowState::Waiting(WaitReason::Throttled(at)) = state else { panic!("{state:?}") };
    assert!((89_000..95_000).contains(&at.since(begun).0), "{at:?} {begun:?}");
}

#[wasm_bindgen_test]
async fn the_pages_own_function_is_asked_once_and_its_credential_is_used() {
    let (driver, _) = driver(|config| config.credentials = CredentialSource::Page);
    let asked = Rc::new(RefCell::new(Vec::new()));
    let note = Rc::clone(&asked);
    let give = Closure::<dyn Fn(JsValue) -> JsValue>::new(move |request: JsValue| {
        note.borrow_mut().push(Json::new(request).number(&["operations"]));
        js_sys::JSON::parse(
            r#"{"kind":"jwt","token":"a.b.c","public_key":"demopublickey","expires_at":4000000000,"server_time":1,"policy":{}}"#,
        )
        .unwrap()
    });
    driver.set_credentials(give.as_ref().clone());
    driver.add(&Array::of2(&file("a.txt", "hello"), &file("b.txt", "you")));
    until(&driver, "past signing", |state| {
        matches!(state, RowState::Uploading | RowState::Retrying { .. } | RowState::Failed(_))
    })
    .await;
    assert_eq!(asked.borrow().len(), 1, "one credential for both");
}

#[wasm_bindgen_test]
async fn many_files_go_in_by_and_by_and_in_order() {
    let (driver, _) = driver(|config| config.start = updock_engine::Start::OnCommand);
    let driver = Rc::new(driver);
    let files: Array = (0..3_000).map(|number| file(&format!("f{number}"), "x")).collect();
    files.push(&JsValue::from_str("no file"));
    let adder = Rc::clone(&driver);
    let intake = Intake::new(Box::new(move |_, _, files| adder.add(&files)));
    intake.take(&files);
    assert_eq!((driver.snapshot().rows.len(), intake.len()), (0, 3_000), "none before it has begun");
    intake.begin();
    let at_once = driver.snapshot().rows.len();
    assert!((1..3_000).contains(&at_once), "the first come at once, not all: {at_once}");
    eventually("all in", || driver.snapshot().rows.len() == 3_000).await;
    let rows = driver.snapshot().rows;
    assert_eq!((rows.len(), intake.len()), (3_000, 0));
    assert!(rows.iter().enumerate().all(|(at, row)| *row.name == format!("f{at}")));
}

#[wasm_bindgen_test]
async fn a_file_that_can_be_read_is_told_from_one_that_cannot() {
    for (size, broken, readable) in [(5, false, true), (0, false, true), (5, true, false)] {
        let blob = js_sys::Object::new();
        let bytes: JsValue = js_sys::ArrayBuffer::new(u32::from(!broken)).into();
        let read = Closure::<dyn Fn() -> js_sys::Promise>::new(move || js_sys::Promise::resolve(&bytes));
        let refuse = Closure::<dyn Fn() -> js_sys::Promise>::new(|| js_sys::Promise::reject(&"moved".into()));
        let whole = blob.clone();
        let slice = Closure::<dyn Fn() -> JsValue>::new(move || whole.clone().into());
        let set = |name: &str, value: &JsValue| js_sys::Reflect::set(&blob, &name.into(), value).unwrap();
        set("size", &size.into());
        set("slice", slice.as_ref());
        set("arrayBuffer", if broken { refuse.as_ref() } else { read.as_ref() });
        assert_eq!(is_readable(&blob).await, readable, "{size} {broken}");
    }
    assert!(is_readable(&file("a.txt", "hello")).await);
}

#[wasm_bindgen_test]
async fn a_file_is_kept_until_it_is_forgotten() {
    let (driver, _) = driver(|config| config.start = updock_engine::Start::OnCommand);
    driver.add(&Array::of1(&file("a.txt", "hello")));
    assert!(driver.files().has(FileKey(0)));
    driver.forget(FileKey(0));
    assert!(!driver.files().has(FileKey(0)));
}

#[wasm_bindgen_test]
fn the_pages_parser_and_serde_read_the_same() {
    for text in [
        r#"{"uuid":"94601461-1c80-4004-8884-a41530f5df36","size":1290,"is_ready":true,"is_stored":false,"mime_type":"a/b","content_info":{"mime":{"mime":"image/jpeg"}}}"#,
        r#"{"uuid":"94601461-1c80-4004-8884-a41530f5df36","parts":["http://a/1","http://a/2"],"size":5,"mime_type":"a/b","stored":true,"receipt":"r"}"#,
        r#"{"kind":"jwt","token":"a.b.c","public_key":"demopublickey","expires_at":20,"server_time":10,"operations":3,"policy":{"max_file_size":9,"max_files":2,"accept":["image/*"]}}"#,
        r#"{"error":{"status_code":403,"content":"pub_key is invalid.","error_code":"ProjectPublicKeyInvalidError"}}"#,
        "null",
        "[]",
        "3",
        r#""text""#,
        "true",
        r#"{"error":"x"}"#,
        r#"{"parts":[1]}"#,
        r#"{"size":1e300}"#,
        r#"{"uuid":null}"#,
    ] {
        let (page, native) = (Json::parse(text).unwrap(), serde_json::from_str::<serde_json::Value>(text).unwrap());
        assert_eq!(fields::file_facts(&page), fields::file_facts(&native), "{text}");
        assert_eq!(fields::multipart_started(&page), fields::multipart_started(&native), "{text}");
        assert_eq!(fields::confirmed(&page), fields::confirmed(&native), "{text}");
        assert_eq!(fields::issued_credential(&page), fields::issued_credential(&native), "{text}");
        assert_eq!(fields::upload_error(&page), fields::upload_error(&native), "{text}");
    }
    assert!(Json::parse("<!doctype html>").is_none());
}
