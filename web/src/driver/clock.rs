//! The page's time, one timer, and the next moment to paint.

use crate::dom::{Port, Told};
use updock_engine::Millis;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/driver/driver.js")]
extern "C" {
    #[wasm_bindgen(js_name = now)]
    fn page_now() -> f64;
    fn timer(told: &JsValue) -> JsValue;
    fn frame(told: &JsValue) -> JsValue;
}

/// Milliseconds since the page began, time asleep included; never runs backwards.
#[inline(never)]
pub fn now() -> Millis {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a page lives less than 2^53 ms")]
    Millis(page_now() as u64)
}

/// One timer: setting it anew replaces what was set.
pub struct Timer(Port);

impl Timer {
    /// A timer that is not set. `ring` may be called early, every four seconds at least: it must look at the clock.
    pub fn new(ring: Told) -> Self {
        Self(Port::new(ring, &timer))
    }

    /// Rings at `at`, or never.
    #[inline(never)]
    pub fn set(&self, at: Option<Millis>) {
        #[expect(clippy::cast_precision_loss, reason = "a page lives less than 2^53 ms")]
        self.0.tell(at.map_or(-1.0, |at| at.0 as f64));
    }
}

/// Asks for one painting, however often it is asked.
pub struct Frame(Port);

impl Frame {
    /// Calls `paint` when it is time.
    pub fn new(paint: Told) -> Self {
        Self(Port::new(paint, &frame))
    }

    /// Paints with the next frame, or soon if the page is hidden.
    pub fn ask(&self) {
        self.0.tell(1.0);
    }

    /// Paints within a quarter of a second. Each painting takes the page some two milliseconds.
    pub fn ask_in_time(&self) {
        self.0.tell(2.0);
    }

    /// The page was hidden or shown: what was asked for may never come otherwise.
    pub fn ask_again(&self) {
        self.0.tell(3.0);
    }
}
