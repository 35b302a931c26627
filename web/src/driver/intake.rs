//! Many files at once: they go in by and by, so that the page never stands still.

use super::clock::{Timer, now};
use std::{cell::RefCell, collections::VecDeque, rc::Rc};
use wasm_bindgen::JsCast;
use web_sys::Blob;

/// No task takes much longer than this; a person notices from 50 on.
const SLICE_MS: u64 = 12;
/// Between two looks at the clock.
const BATCH: usize = 64;

/// What waits to be taken in. Dropping it forgets what still waits.
#[derive(Clone)]
pub struct Intake(Rc<Inner>);

struct Inner {
    waiting: RefCell<VecDeque<js_sys::Array>>,
    /// How many of the first array are in.
    taken: RefCell<u32>,
    add: Box<dyn Fn(Vec<Blob>)>,
    timer: RefCell<Option<Timer>>,
}

impl Intake {
    pub(super) fn new(add: Box<dyn Fn(Vec<Blob>)>) -> Self {
        let inner =
            Rc::new(Inner { waiting: RefCell::default(), taken: RefCell::new(0), add, timer: RefCell::new(None) });
        let weak = Rc::downgrade(&inner);
        inner.timer.replace(Some(Timer::new(Box::new(move |_| {
            if let Some(inner) = weak.upgrade() {
                inner.work();
            }
        }))));
        Self(inner)
    }

    /// Takes files in, in order; the first ones at once. What is no file is left out.
    pub fn take(&self, files: js_sys::Array) {
        let idle = self.0.waiting.borrow().is_empty();
        self.0.waiting.borrow_mut().push_back(files);
        if idle {
            self.0.work();
        }
    }

    /// Forgets what still waits.
    pub fn clear(&self) {
        self.0.waiting.borrow_mut().clear();
        self.0.taken.replace(0);
    }

    /// How many still wait.
    pub fn len(&self) -> u32 {
        self.0.waiting.borrow().iter().map(js_sys::Array::length).sum::<u32>() - *self.0.taken.borrow()
    }

    /// Does none wait?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Inner {
    fn work(&self) {
        let begun = now();
        while let Some(blobs) = self.batch() {
            if !blobs.is_empty() {
                (self.add)(blobs);
            }
            if now().since(begun).0 >= SLICE_MS {
                break;
            }
        }
        if !self.waiting.borrow().is_empty()
            && let Some(timer) = &*self.timer.borrow()
        {
            timer.set(Some(now()));
        }
    }

    fn batch(&self) -> Option<Vec<Blob>> {
        let mut waiting = self.waiting.borrow_mut();
        let files = waiting.front()?;
        let mut taken = self.taken.borrow_mut();
        let blobs = (*taken..files.length())
            .take(BATCH)
            .inspect(|index| *taken = index + 1)
            .filter_map(|index| files.get(index).dyn_into().ok())
            .collect();
        if *taken >= files.length() {
            waiting.pop_front();
            *taken = 0;
        }
        Some(blobs)
    }
}
