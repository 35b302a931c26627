//! The DOM layer in a real page: what it shows follows what it watches, and nothing outlives its scope.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "tests; helpers of theirs are not known as such")]

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use updock::dom::{Each, Scope, Tree, Watched};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{Element, HtmlElement};

wasm_bindgen_test_configure!(run_in_browser);

/// Effects run after the current task.
async fn turn() {
    for _ in 0..3 {
        JsFuture::from(js_sys::Promise::resolve(&JsValue::NULL)).await.unwrap();
    }
}

fn still(markup: &str) -> Rc<Tree> {
    Rc::new(Tree::new(markup, Box::new(|_, _, _| {})))
}

fn part(tree: &Tree, part: u32) -> HtmlElement {
    tree.parts().unchecked_ref::<js_sys::Array>().get(part).unchecked_into()
}

fn html(tree: &Tree) -> String {
    part(tree, 0).unchecked_into::<Element>().outer_html()
}

#[wasm_bindgen_test]
async fn text_and_attributes_follow_what_they_watch() {
    let scope = Scope::default();
    let name = Watched::new("one".to_owned());
    let tree = still("p");
    let (watched, shown) = (name.clone(), Rc::clone(&tree));
    scope.effect(Box::new(move || {
        let name = watched.get();
        shown.text(0, &name);
        if name.is_empty() { shown.unset(0, "title") } else { shown.set(0, "title", &name) }
    }));
    assert_eq!(html(&tree), r#"<p title="one">one</p>"#, "at once, without a turn");
    name.set(String::new());
    turn().await;
    assert_eq!(html(&tree), "<p></p>");
}

#[wasm_bindgen_test]
fn a_tree_is_as_its_markup_says() {
    let tree = still("li.row|part=file\n div|role=x\n  b|text=Bold words\n p.last|hidden\n svg|d=M1 2");
    assert_eq!(
        html(&tree),
        "<li class=\"row\" part=\"file\"><div role=\"x\"><b>Bold words</b></div><p class=\"last\" hidden=\"\"></p>\
         <svg class=\"icon\" viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"M1 2\"></path></svg></li>"
    );
    tree.set(4, "d", "M3 4");
    tree.show(3, true);
    tree.set(1, ":inline-size", "5px");
    assert!(html(&tree).contains("M3 4") && !html(&tree).contains(" hidden="), "{}", html(&tree));
    assert_eq!(part(&tree, 1).get_attribute("style").as_deref(), Some("inline-size: 5px;"));
}

#[wasm_bindgen_test]
async fn markup_in_a_text_stays_text() {
    let tree = still("p");
    tree.text(0, "<img src=x onerror=alert(1)>");
    assert_eq!(part(&tree, 0).child_element_count(), 0);
}

#[wasm_bindgen_test]
async fn what_changes_several_times_in_a_task_runs_once() {
    let scope = Scope::default();
    let (one, two, runs) = (Watched::new(0), Watched::new(0), Rc::new(Cell::new(0)));
    let (first, second, count) = (one.clone(), two.clone(), Rc::clone(&runs));
    scope.effect(Box::new(move || {
        first.get();
        first.get();
        if first.now() < 5 {
            second.get();
        }
        count.set(count.get() + 1);
    }));
    one.set(1);
    two.set(1);
    one.set(2);
    turn().await;
    assert_eq!(runs.get(), 2);
    one.set(5);
    turn().await;
    two.set(2);
    turn().await;
    assert_eq!(runs.get(), 3, "what it did not read the last time does not wake it");
}

#[wasm_bindgen_test]
async fn nothing_runs_after_the_scope_has_ended() {
    let (runs, clicks, ended) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
    let value = Watched::new(0);
    let scope = Scope::default();
    let (count, watched) = (Rc::clone(&runs), value.clone());
    scope.effect(Box::new(move || {
        watched.get();
        count.set(count.get() + 1);
    }));
    let count = Rc::clone(&clicks);
    let tree = Tree::new("button|@click=7", Box::new(move |code, _, _| count.set(count.get() + code)));
    let button = part(&tree, 0);
    let end = Rc::clone(&ended);
    scope.on_end(Box::new(move || end.set(true)));

    button.click();
    value.set(1);
    turn().await;
    assert_eq!((runs.get(), clicks.get()), (2, 7));

    // Set off, but not run yet: ending the scope must stop it too.
    value.set(2);
    drop((scope, tree));
    button.click();
    turn().await;
    value.set(3);
    turn().await;
    assert_eq!((runs.get(), clicks.get(), ended.get()), (2, 7, true));
    assert_eq!(Rc::strong_count(&runs), 1, "the effect's closure is freed");
    assert_eq!(Rc::strong_count(&clicks), 1, "the listener's closure is freed");
}

#[wasm_bindgen_test]
async fn a_list_keeps_what_stays_and_ends_what_goes() {
    let scope = Scope::default();
    let keys = Watched::new(vec![1, 2, 3]);
    let (made, ended) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(Vec::new())));
    let list = still("ul");
    let (wanted, makes, ends) = (keys.clone(), Rc::clone(&made), Rc::clone(&ended));
    let mut each = Each::new(
        Rc::clone(&list),
        0,
        Box::new(move |scope, key| {
            makes.borrow_mut().push(key);
            let ends = Rc::clone(&ends);
            scope.on_end(Box::new(move || ends.borrow_mut().push(key)));
            let item = still("li");
            item.text(0, &key.to_string());
            item
        }),
    );
    scope.effect(Box::new(move || each.show(&wanted.get())));
    let text = || part(&list, 0).text_content().unwrap();
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
    let scope = Scope::default();
    let (value, makes) = (Watched::new(0), Rc::new(Cell::new(0)));
    let (read, count) = (value.clone(), Rc::clone(&makes));
    let mut each = Each::new(
        still("div"),
        0,
        Box::new(move |_, _| {
            read.get();
            count.set(count.get() + 1);
            still("b")
        }),
    );
    scope.effect(Box::new(move || each.show(&[1])));
    value.set(1);
    turn().await;
    assert_eq!(makes.get(), 1);
}
