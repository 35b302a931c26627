//! Who owns effects and listeners.

use reactive_graph::{effect::RenderEffect, graph::untrack};
use std::cell::RefCell;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::EventTarget;

/// What a listener does with its event.
pub type Handler = Box<dyn FnMut(JsValue)>;

/// Owns what belongs to one part of the page. When it is dropped, its effects stop, its listeners are taken off and
/// its clean-ups run: nothing that was made in it goes on.
///
/// Closures must not hold their own scope, nor a strong `Owner` of the reactive graph: both would keep themselves alive
/// (10 KB leaked a mount, measured). Parts that come and go have scopes of their own, held by the effect that makes
/// them. Nothing here lives in an owner's arena, so an owner's clean-up around it changes nothing.
#[derive(Default)]
pub struct Scope {
    kept: RefCell<Vec<Kept>>,
}

enum Kept {
    /// Only held: dropping it stops it.
    #[expect(dead_code, reason = "an effect lives as long as its handle")]
    Effect(RenderEffect<()>),
    Listener {
        target: EventTarget,
        event: &'static str,
        closure: Closure<dyn FnMut(JsValue)>,
    },
    CleanUp(Box<dyn FnOnce()>),
}

impl Scope {
    /// Runs `run` now, and again whenever a [`super::Watched`] that it read has changed.
    #[inline(never)]
    pub fn effect(&self, mut run: Box<dyn FnMut()>) {
        let effect = RenderEffect::new(move |_| run());
        self.kept.borrow_mut().push(Kept::Effect(effect));
    }

    /// Listens to an event of `target`.
    #[inline(never)]
    pub fn listen(&self, target: &EventTarget, event: &'static str, handler: Handler) {
        let closure = Closure::wrap(handler);
        let added = target.add_event_listener_with_callback(event, closure.as_ref().unchecked_ref());
        debug_assert!(added.is_ok());
        self.kept.borrow_mut().push(Kept::Listener { target: target.clone(), event, closure });
    }

    /// Runs `clean_up` when this scope ends.
    #[inline(never)]
    pub fn on_end(&self, clean_up: Box<dyn FnOnce()>) {
        self.kept.borrow_mut().push(Kept::CleanUp(clean_up));
    }

    /// Runs `build` so that what it reads is not watched by whoever calls.
    #[inline(never)]
    pub fn unwatched(build: &mut dyn FnMut()) {
        untrack(build);
    }

    /// How many effects and listeners it holds; for tests.
    pub fn weight(&self) -> usize {
        self.kept.borrow().len()
    }
}

impl Drop for Scope {
    #[inline(never)]
    fn drop(&mut self) {
        for kept in self.kept.take() {
            match kept {
                Kept::Effect(_) => {}
                Kept::Listener { target, event, closure } => {
                    let _ = target.remove_event_listener_with_callback(event, closure.as_ref().unchecked_ref());
                }
                Kept::CleanUp(clean_up) => clean_up(),
            }
        }
    }
}
