//! Who owns effects and ports.

use super::{Port, effect::Effect};
use reactive_graph::graph::untrack;
use std::cell::RefCell;

/// Owns what belongs to one part of the page. When it is dropped, its effects stop, its ports close and its clean-ups
/// run: nothing that was made in it goes on.
///
/// Closures must not hold their own scope, nor a strong `Owner` of the reactive graph: both would keep themselves alive
/// (10 KB leaked a mount, measured). Parts that come and go have scopes of their own, held by the effect that makes
/// them. Nothing here lives in an owner's arena, so an owner's clean-up around it changes nothing.
#[derive(Default)]
pub struct Scope {
    kept: RefCell<Vec<Kept>>,
}

enum Kept {
    #[expect(dead_code, reason = "an effect lives as long as its handle")]
    Effect(Effect),
    #[expect(dead_code, reason = "a port is open as long as its handle lives")]
    Port(Port),
    CleanUp(Box<dyn FnOnce()>),
}

impl Scope {
    /// Runs `run` now, and again whenever a [`super::Watched`] that it read has changed.
    #[inline(never)]
    pub fn effect(&self, run: Box<dyn FnMut()>) {
        let effect = Effect::new(run);
        self.kept.borrow_mut().push(Kept::Effect(effect));
    }

    /// Keeps a port open.
    #[inline(never)]
    pub fn keep(&self, port: Port) {
        self.kept.borrow_mut().push(Kept::Port(port));
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

    /// How many effects, ports and clean-ups it holds; for tests.
    pub fn weight(&self) -> usize {
        self.kept.borrow().len()
    }
}

impl Drop for Scope {
    #[inline(never)]
    fn drop(&mut self) {
        for kept in self.kept.take() {
            if let Kept::CleanUp(clean_up) = kept {
                clean_up();
            }
        }
    }
}
