//! A value that effects can watch.

use reactive_graph::{
    signal::ArcTrigger,
    traits::{Notify, Track},
};
use std::{cell::RefCell, rc::Rc};

/// A value, and who must know when it changes. Cheap to clone; clones are the same value.
///
/// Leptos' trigger does the watching; the value stands beside it. A `RwSignal` for each type of value would bring the
/// reactive graph's code once more for each.
pub struct Watched<T>(Rc<Inner<T>>);

struct Inner<T> {
    value: RefCell<T>,
    trigger: ArcTrigger,
}

impl<T> Clone for Watched<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Watched<T> {
    /// Starts with this value.
    pub fn new(value: T) -> Self {
        Self(Rc::new(Inner { value: RefCell::new(value), trigger: ArcTrigger::new() }))
    }

    /// Replaces the value; effects that read it run again after the current task.
    pub fn set(&self, value: T) {
        self.0.value.replace(value);
        self.0.trigger.notify();
    }

    /// Reads without watching.
    pub fn peek<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.0.value.borrow())
    }
}

impl<T: Clone> Watched<T> {
    /// The value; the effect that asks runs again when it changes.
    pub fn get(&self) -> T {
        self.0.trigger.track();
        self.0.value.borrow().clone()
    }

    /// The value, without watching.
    pub fn now(&self) -> T {
        self.0.value.borrow().clone()
    }
}

impl<T: PartialEq> Watched<T> {
    /// Replaces the value if it is another one.
    pub fn update(&self, value: T) {
        if *self.0.value.borrow() != value {
            self.set(value);
        }
    }
}
