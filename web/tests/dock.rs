//! The whole widget in a real page, without a server.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "tests; helpers of theirs are not known as such")]

mod wait;

use js_sys::Array;
use updock::{Options, ui::Dock};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{Element, File, HtmlElement};

use wait::{eventually, found, pause};

wasm_bindgen_test_configure!(run_in_browser);

fn place() -> Element {
    let document = web_sys::window().unwrap().document().unwrap();
    let place = document.create_element("div").unwrap();
    document.document_element().unwrap().append_child(&place).unwrap();
    place
}

fn options() -> Options {
    Options { public_key: "demopublickey".into(), multiple: true, confirm: true, ..Options::default() }
}

fn files(names: &[&str]) -> Array {
    let text = Array::of1(&JsValue::from_str("hello"));
    names.iter().map(|name| JsValue::from(File::new_with_str_sequence(&text, name).unwrap())).collect()
}

fn texts(place: &Element, selector: &str) -> Vec<String> {
    let found = place.query_selector_all(selector).unwrap();
    (0..found.length()).filter_map(|at| found.get(at)?.text_content()).collect()
}

/// Waits until the rows have these names.
async fn named(place: &Element, names: &[&str]) {
    found(&format!("named {names:?}"), || match texts(place, "li .name") {
        seen if seen == names => Ok(()),
        other => Err(other),
    })
    .await;
}

fn button(place: &Element, label: &str) -> HtmlElement {
    place.query_selector(&format!("[aria-label=\"{label}\"]")).unwrap().expect(label).unchecked_into()
}

#[wasm_bindgen_test]
async fn files_become_rows_and_leave_by_their_own_button() {
    let place = place();
    let dock = Dock::mount(&place, options(), Box::new(|_| {}));
    dock.add(&files(&["a.txt", "<b>.txt"]));
    named(&place, &["a.txt", "<b>.txt"]).await;
    assert_eq!(texts(&place, "li .state"), ["Ready", "Ready"]);
    assert_eq!(texts(&place, "li .facts"), ["5 B", "5 B"]);
    button(&place, "Remove a.txt").click();
    named(&place, &["<b>.txt"]).await;
    drop(dock);
    assert_eq!(place.child_element_count(), 0);
    place.remove();
}

#[wasm_bindgen_test]
async fn ten_thousand_files_are_a_few_rows_in_the_page() {
    let place = place();
    let dock = Dock::mount(&place, options(), Box::new(|_| {}));
    let names: Vec<String> = (0..10_001).map(|number| format!("f{number}.txt")).collect();
    dock.add(&files(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    eventually("all in", || dock.rows().len() == 10_001).await;
    // Painted, and painted once more if it would be.
    eventually("painted", || !texts(&place, "li").is_empty()).await;
    pause(100).await;
    let rows = texts(&place, "li").len();
    assert!((1..100).contains(&rows), "{rows}");
    let first = place.query_selector("li").unwrap().unwrap();
    assert_eq!(first.get_attribute("aria-setsize").as_deref(), Some("10001"));
    drop(dock);
    place.remove();
}

#[wasm_bindgen_test]
async fn a_page_without_a_key_says_so_and_takes_it_later() {
    let place = place();
    let dock = Dock::mount(&place, Options { public_key: String::new(), ..options() }, Box::new(|_| {}));
    let notice = || texts(&place, ".notice");
    eventually("told", || notice().iter().any(|text| text.contains("no public key"))).await;
    dock.configure(options());
    eventually("taken back", || notice().is_empty()).await;
    dock.add(&files(&["a.txt"]));
    named(&place, &["a.txt"]).await;
    drop(dock);
    place.remove();
}

#[wasm_bindgen_test]
async fn files_that_come_before_the_key_wait_for_it() {
    let place = place();
    let dock = Dock::mount(&place, Options { public_key: String::new(), ..options() }, Box::new(|_| {}));
    dock.add(&files(&["a.txt", "b.txt"]));
    pause(50).await;
    assert_eq!((dock.rows().len(), dock.unfinished()), (0, 2), "told as unfinished, so that no form goes without them");
    dock.configure(options());
    named(&place, &["a.txt", "b.txt"]).await;
    assert_eq!(dock.unfinished(), 2);
    drop(dock);
    place.remove();
}

#[wasm_bindgen_test]
async fn mounting_two_hundred_times_leaves_nothing_behind() {
    let place = place();
    let round = async || {
        let dock = Dock::mount(&place, options(), Box::new(|_| {}));
        dock.add(&files(&["a.txt", "b.txt", "c.txt"]));
        pause(20).await;
        drop(dock);
        pause(0).await;
    };
    // The first ones grow the heap to its working size.
    for _ in 0..40 {
        round().await;
    }
    let before = memory();
    for _ in 0..200 {
        round().await;
    }
    let grown = memory() - before;
    assert!(grown <= 65_536, "wasm memory grew by {grown} bytes");
    assert_eq!(place.child_element_count(), 0);
    place.remove();
}

fn memory() -> u32 {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    memory.buffer().unchecked_into::<js_sys::ArrayBuffer>().byte_length()
}
