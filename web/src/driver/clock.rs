//! The page's time, one timer, and the next moment to paint.

use js_sys::Function;
use std::cell::{Cell, RefCell};
use updock_engine::Millis;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::Window;

/// While the page is hidden, no frames come; then progress is taken up this often.
const HIDDEN_PAINT_MS: i32 = 500;

/// The browser's longest timer.
const LONGEST_MS: u64 = i32::MAX as u64;

/// A closure that the page keeps calling; made once.
pub struct Callback(Closure<dyn FnMut(JsValue)>);

impl Callback {
    /// Wraps `run`.
    pub fn new(run: Box<dyn FnMut(JsValue)>) -> Self {
        Self(Closure::wrap(run))
    }

    /// As the page sees it.
    pub fn function(&self) -> &Function {
        self.0.as_ref().unchecked_ref()
    }
}

/// The window; the driver runs in a page only.
pub fn window() -> Window {
    web_sys::window().expect("runs in a page")
}

/// Milliseconds since the page began; never runs backwards.
pub fn now() -> Millis {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a page lives less than 2^53 ms")]
    Millis(window().performance().map_or(0, |performance| performance.now() as u64))
}

/// Is the page out of sight?
pub fn hidden() -> bool {
    window().document().is_some_and(|document| document.hidden())
}

/// One timer: setting it anew replaces what was set.
pub struct Timer {
    ring: Callback,
    set: Cell<Option<(i32, Millis)>>,
}

impl Timer {
    /// A timer that is not set. `ring` may be called a little early; it must look at the clock.
    pub fn new(ring: Box<dyn FnMut(JsValue)>) -> Self {
        Self { ring: Callback::new(ring), set: Cell::new(None) }
    }

    /// Rings at `at`, or never.
    #[inline(never)]
    pub fn set(&self, at: Option<Millis>) {
        let now = now();
        // One that has rung stays here with its past time; it must not stop a new one.
        if let Some((handle, was)) = self.set.get() {
            if at == Some(was) && was > now {
                return;
            }
            window().clear_timeout_with_handle(handle);
            self.set.set(None);
        }
        if let Some(at) = at {
            let wait = i32::try_from(at.since(now).0.min(LONGEST_MS)).unwrap_or(i32::MAX);
            let handle =
                window().set_timeout_with_callback_and_timeout_and_arguments_0(self.ring.function(), wait).unwrap_or(0);
            self.set.set(Some((handle, at)));
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.set(None);
    }
}

/// Asks for one painting, however often it is asked.
pub struct Frame {
    paint: Callback,
    asked: RefCell<Option<Asked>>,
}

enum Asked {
    Frame(i32),
    Timer(i32),
}

impl Frame {
    /// `paint` must call [`Frame::begun`] first.
    pub fn new(paint: Box<dyn FnMut(JsValue)>) -> Self {
        Self { paint: Callback::new(paint), asked: RefCell::new(None) }
    }

    /// Paints with the next frame, or soon if the page is hidden.
    #[inline(never)]
    pub fn ask(&self) {
        let mut asked = self.asked.borrow_mut();
        if asked.is_some() {
            return;
        }
        let paint = self.paint.function();
        *asked = if hidden() {
            window()
                .set_timeout_with_callback_and_timeout_and_arguments_0(paint, HIDDEN_PAINT_MS)
                .ok()
                .map(Asked::Timer)
        } else {
            window().request_animation_frame(paint).ok().map(Asked::Frame)
        };
    }

    /// A painting has begun: the next one may be asked for.
    pub fn begun(&self) {
        self.asked.take();
    }

    /// The page was hidden or shown: what was asked for may never come otherwise.
    pub fn ask_again(&self) {
        if self.cancel() {
            self.ask();
        }
    }

    fn cancel(&self) -> bool {
        match self.asked.take() {
            Some(Asked::Frame(handle)) => {
                let _ = window().cancel_animation_frame(handle);
                true
            }
            Some(Asked::Timer(handle)) => {
                window().clear_timeout_with_handle(handle);
                true
            }
            None => false,
        }
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.cancel();
    }
}
