//! Work that is done again when what it read has changed: a subscriber of Leptos' reactive graph.
//!
//! Leptos' own effects each spawn a future, hold an owner with its arena, and wake by a channel, and nothing here uses
//! owners or futures: with a subscriber of our own the executor need not be downloaded either. One microtask runs all
//! that are due, in the order in which they fell due.

use reactive_graph::graph::{AnySource, AnySubscriber, ReactiveNode, Source, Subscriber, WithObserver};
use std::{
    cell::RefCell,
    mem,
    rc::Rc,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/dom/dom.js")]
extern "C" {
    fn soon(told: &JsValue);
}

thread_local! {
    /// What runs, by slot: the graph wants nodes that could travel between threads, so closures stand beside them.
    static RUNS: RefCell<Vec<Option<Rc<Run>>>> = const { RefCell::new(Vec::new()) };
    static DUE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    static FLUSH: Closure<dyn Fn(u32, f64, JsValue)> = super::port::wrap(Box::new(|_, _, _| flush()));
}

struct Run {
    node: Arc<Node>,
    run: RefCell<Box<dyn FnMut()>>,
}

/// In the reactive graph.
struct Node {
    me: Weak<Node>,
    slot: usize,
    due: AtomicBool,
    sources: Mutex<Vec<AnySource>>,
}

/// Runs until it is dropped.
pub(super) struct Effect(usize);

impl Effect {
    /// Runs it for the first time, at once.
    pub(super) fn new(run: Box<dyn FnMut()>) -> Self {
        let run = RUNS.with_borrow_mut(|runs| {
            let slot = runs.iter().position(Option::is_none).unwrap_or_else(|| {
                runs.push(None);
                runs.len() - 1
            });
            let node = Arc::new_cyclic(|me| Node {
                me: Weak::clone(me),
                slot,
                due: AtomicBool::new(false),
                sources: Mutex::default(),
            });
            let run = Rc::new(Run { node, run: RefCell::new(run) });
            runs[slot] = Some(Rc::clone(&run));
            run
        });
        run.run();
        Self(run.node.slot)
    }
}

impl Drop for Effect {
    fn drop(&mut self) {
        // Dropped only after the table is free again: closures may hold effects of their own.
        let run = RUNS.with_borrow_mut(|runs| runs[self.0].take());
        if let Some(run) = run {
            run.node.clear_sources(&run.node.subscriber());
        }
    }
}

impl Run {
    #[inline(never)]
    fn run(&self) {
        let me = self.node.subscriber();
        self.node.due.store(false, Relaxed);
        self.node.clear_sources(&me);
        me.with_observer(|| (self.run.borrow_mut())());
    }
}

impl Node {
    fn subscriber(&self) -> AnySubscriber {
        AnySubscriber(std::ptr::from_ref(self).addr(), Weak::<Self>::clone(&self.me))
    }
}

impl ReactiveNode for Node {
    fn mark_dirty(&self) {
        if !self.due.swap(true, Relaxed) {
            let first = DUE.with_borrow_mut(|due| {
                due.push(self.slot);
                due.len() == 1
            });
            if first {
                FLUSH.with(|flush| soon(flush.as_ref()));
            }
        }
    }

    fn mark_check(&self) {
        self.mark_dirty();
    }

    fn mark_subscribers_check(&self) {}

    fn update_if_necessary(&self) -> bool {
        false
    }
}

impl Subscriber for Node {
    fn add_source(&self, source: AnySource) {
        if let Ok(mut sources) = self.sources.lock()
            && !sources.contains(&source)
        {
            sources.push(source);
        }
    }

    fn clear_sources(&self, subscriber: &AnySubscriber) {
        let sources = self.sources.lock().map(|mut sources| mem::take(&mut *sources)).unwrap_or_default();
        for source in sources {
            source.remove_subscriber(subscriber);
        }
    }
}

/// What falls due meanwhile runs in the next microtask.
fn flush() {
    for slot in DUE.take() {
        let run = RUNS.with_borrow(|runs| runs[slot].clone());
        // It may have ended meanwhile, and another one may have its slot.
        if let Some(run) = run.filter(|run| run.node.due.load(Relaxed)) {
            run.run();
        }
    }
}
