//! The one way by which the page calls in.

use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/driver/driver.js")]
extern "C" {
    fn tell(handle: &JsValue, number: f64, value: &JsValue) -> f64;
}

/// What the page calls: a code, a number and a value, each as the maker of the port says. It may be called while it runs.
pub type Told = Box<dyn Fn(u32, f64, JsValue)>;

/// Wraps `told` for the page.
#[inline(never)]
pub(super) fn wrap(told: Told) -> Closure<dyn Fn(u32, f64, JsValue)> {
    Closure::wrap(told)
}

/// Something of the page that calls in and can be told a number: a timer, a request, a set of listeners. Dropping it
/// ends it; then it calls no more.
pub struct Port {
    handle: JsValue,
    #[expect(dead_code, reason = "held for the page to call")]
    told: Closure<dyn Fn(u32, f64, JsValue)>,
}

impl Port {
    /// Has `make` set it up with the function to call.
    #[inline(never)]
    pub fn new(told: Told, make: &dyn Fn(&JsValue) -> JsValue) -> Self {
        let told = wrap(told);
        Self { handle: make(told.as_ref()), told }
    }

    /// Tells it a number; what that means, and what comes back, its maker says.
    #[inline(never)]
    pub fn tell(&self, number: f64) -> f64 {
        self.give(number, &JsValue::UNDEFINED)
    }

    /// The same with a value.
    pub fn give(&self, number: f64, value: &JsValue) -> f64 {
        tell(&self.handle, number, value)
    }
}

impl Drop for Port {
    #[inline(never)]
    fn drop(&mut self) {
        self.tell(-1.0);
    }
}
