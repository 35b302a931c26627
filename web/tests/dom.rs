//! The DOM layer in a real page: what it shows follows what it watches, and nothing outlives its scope.
#![cfg(target_arch = "wasm32")]

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use updock::dom::{El, Scope, Watched};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

fn start() {
    let _ = any_spawner::Executor::init_wasm_bindgen();
}

/// Effects run after the current task.
async fn turn() {
    for _ in 0..3 {
        JsFuture::from(js_sys::Promise::resolve(&JsValue::NULL)).await.unwrap();
    }
}

#[wasm_bindgen_test]
async fn text_and_attributes_follow_what_they_watch() {
    start();
    let scope = Scope::default();
    let name = Watched::new("one".to_owned());
    let el = El::new("p");
    let (text, title) = (name.clone(), name.clone());
    el.live_text(&scope, Box::new(move || text.get()));
    el.live_attr(&scope, "title", Box::new(move || Some(title.get()).filter(|title| !title.is_empty())));
    assert_eq!(el.raw().outer_html(), r#"<p title="one">one</p>"#, "at once, without a turn");
    name.set(String::new());
    turn().await;
    assert_eq!(el.raw().outer_html(), "<p></p>");
}

#[wasm_bindgen_test]
async fn markup_in_a_text_stays_text() {
    start();
    let el = El::new("p");
    el.text("<img src=x onerror=alert(1)>");
    assert_eq!(el.raw().child_element_count(), 0);
}

#[wasm_bindgen_test]
async fn nothing_runs_after_the_scope_has_ended() {
    start();
    let (runs, clicks, ended) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
    let value = Watched::new(0);
    let button = El::new("button");
    let scope = Scope::default();
    let (count, watched) = (Rc::clone(&runs), value.clone());
    scope.effect(Box::new(move || {
        watched.get();
        count.set(count.get() + 1);
    }));
    let count = Rc::clone(&clicks);
    button.on(&scope, "click", Box::new(move |_| count.set(count.get() + 1)));
    let end = Rc::clone(&ended);
    scope.on_end(Box::new(move || end.set(true)));

    button.html().click();
    value.set(1);
    turn().await;
    assert_eq!((runs.get(), clicks.get()), (2, 1));

    // Set off, but not run yet: ending the scope must stop it too.
    value.set(2);
    drop(scope);
    button.html().click();
    turn().await;
    value.set(3);
    turn().await;
    assert_eq!((runs.get(), clicks.get(), ended.get()), (2, 1, true));
    assert_eq!(Rc::strong_count(&runs), 1, "the effect's closure is freed");
    assert_eq!(Rc::strong_count(&clicks), 1, "the listener's closure is freed");
}

#[wasm_bindgen_test]
async fn a_list_keeps_what_stays_and_ends_what_goes() {
    start();
    let scope = Scope::default();
    let keys = Watched::new(vec![1, 2, 3]);
    let (made, ended) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(Vec::new())));
    let list = El::new("ul");
    let (wanted, makes, ends) = (keys.clone(), Rc::clone(&made), Rc::clone(&ended));
    list.each(
        &scope,
        Box::new(move || wanted.get()),
        Box::new(move |scope, key| {
            makes.borrow_mut().push(key);
            let ends = Rc::clone(&ends);
            scope.on_end(Box::new(move || ends.borrow_mut().push(key)));
            let item = El::new("li");
            item.text(&key.to_string());
            item
        }),
    );
    let text = || list.raw().text_content().unwrap();
    assert_eq!(text(), "123");
    for (wanted, shown) in
        [(vec![3, 1, 4], "314"), (vec![4], "4"), (vec![], ""), (vec![9, 4, 1], "941"), (vec![1, 4, 9], "149")]
    {
        keys.set(wanted);
        turn().await;
        assert_eq!(text(), shown);
    }
    assert_eq!(*made.borrow(), [1, 2, 3, 4, 9, 4, 1]);
    assert_eq!(ended.borrow().len(), 4);
    drop(scope);
    turn().await;
    assert_eq!(ended.borrow().len(), 7, "the list's end is its items' end");
}

#[wasm_bindgen_test]
async fn what_an_item_reads_while_it_is_made_does_not_make_the_list_anew() {
    start();
    let scope = Scope::default();
    let (value, makes) = (Watched::new(0), Rc::new(Cell::new(0)));
    let place = El::new("div");
    let (read, count) = (value.clone(), Rc::clone(&makes));
    place.when(
        &scope,
        Box::new(|| true),
        Box::new(move |_| {
            read.get();
            count.set(count.get() + 1);
            El::new("b")
        }),
    );
    value.set(1);
    turn().await;
    assert_eq!(makes.get(), 1);
}
