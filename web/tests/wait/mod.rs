//! Waiting in a page, for tests: for what must come, however slow the machine is.

use js_sys::Promise;
use std::fmt::Debug;
use wasm_bindgen_futures::JsFuture;

/// Until `ms` milliseconds have passed.
pub(crate) async fn pause(ms: i32) {
    let promise = Promise::new(&mut |resolve, _| {
        web_sys::window().unwrap().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, ms).unwrap();
    });
    JsFuture::from(promise).await.unwrap();
}

/// Until it is so; `what` is said if it never is.
pub(crate) async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    found(what, || is_so().then_some(()).ok_or(())).await;
}

/// Until `look` finds it; if it never does, `what` is said and what was seen instead.
pub(crate) async fn found<T, E: Debug>(what: &str, look: impl Fn() -> Result<T, E>) -> T {
    let mut seen = None;
    for _ in 0..1_000 {
        match look() {
            Ok(found) => return found,
            Err(instead) => seen = Some(instead),
        }
        pause(10).await;
    }
    panic!("never {what}: {seen:?}");
}
