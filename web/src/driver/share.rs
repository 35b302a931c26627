//! How many requests may be in flight: one budget for all widgets of the origin, in this page and in other tabs.

use crate::dom::{Port, Told};
use std::cell::Cell;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/driver/share.js")]
extern "C" {
    fn share(told: &JsValue, slots: u32) -> JsValue;
}

/// `share.js` calls it "no work".
const IDLE: f64 = -2.0;

/// A part of the origin's budget. It takes only while there is work, and gives back when dropped.
pub(super) struct Share {
    port: Port,
    last: Cell<f64>,
    guards: Cell<bool>,
}

impl Share {
    /// `told` is called with the number of requests that may be in flight from now on, out of `slots` for the origin.
    pub(super) fn new(slots: u8, told: Told) -> Self {
        let port = Port::new(told, &|told| share(told, u32::from(slots)));
        Self { port, last: Cell::new(IDLE), guards: Cell::default() }
    }

    /// Is there anybody to share with? Then nothing may be sent before it has been told how much. Else the engine's own
    /// budget is all there is.
    pub(super) fn is_shared(&self) -> bool {
        self.port.tell(self.last.get()) > 0.0
    }

    /// So many requests are in flight; `None` when there is no work at all.
    pub(super) fn note(&self, flights: Option<usize>) {
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        let now = flights.map_or(IDLE, |flights| flights as f64);
        if self.last.replace(now).to_bits() != now.to_bits() {
            self.port.tell(now);
        }
    }

    /// Has the browser ask before the page is left, or not.
    pub(super) fn guard(&self, loses: bool) {
        if self.guards.replace(loses) != loses {
            self.port.tell(if loses { -3.0 } else { -4.0 });
        }
    }
}
