//! Elements.

use super::{Scope, Told, port};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/dom/dom.js")]
extern "C" {
    fn tree(markup: &str, told: &JsValue) -> JsValue;
    fn set(parts: &JsValue, part: u32, name: &str, value: Option<&str>);
    fn place(parts: &JsValue, part: u32, child: &JsValue, index: u32);
    fn mount(root: &JsValue, parts: &JsValue);
    fn end(parts: &JsValue);
    fn focus(parts: &JsValue, part: u32);
    fn click(parts: &JsValue, part: u32);
    fn focused(parts: &JsValue, part: u32) -> bool;
}

/// A tree of elements, its parts numbered by their lines in the markup. Dropping it takes it out of the page.
///
/// A line of the markup is an element: its depth in leading spaces, `tag.class`, then attributes as `|name=value`.
/// `|@event=code` listens to an event. `svg` is an icon, whose path is its attribute `d`; `text` is the text.
pub struct Tree {
    parts: JsValue,
    #[expect(dead_code, reason = "held for the page to call")]
    told: Closure<dyn Fn(u32, f64, JsValue)>,
}

impl Tree {
    /// Builds it. `told` is called with an event's code, and the event.
    #[inline(never)]
    pub fn new(markup: &str, told: Told) -> Self {
        let told = port::wrap(told);
        Self { parts: tree(markup, told.as_ref()), told }
    }

    /// The elements, as the page has them.
    pub fn parts(&self) -> &JsValue {
        &self.parts
    }

    /// Sets an attribute; or the text, under the name `text`; or a CSS property, under `:` and its name. Only what
    /// differs is written.
    #[inline(never)]
    pub fn set(&self, part: u32, name: &str, value: &str) {
        set(&self.parts, part, name, Some(value));
    }

    /// Takes an attribute away.
    #[inline(never)]
    pub fn unset(&self, part: u32, name: &str) {
        set(&self.parts, part, name, None);
    }

    /// Has the attribute, empty, or has it not.
    #[inline(never)]
    pub fn mark(&self, part: u32, name: &str, is: bool) {
        set(&self.parts, part, name, is.then_some(""));
    }

    /// Shows the part or hides it.
    pub fn show(&self, part: u32, is: bool) {
        self.mark(part, "hidden", !is);
    }

    /// Sets the text, in place of all children.
    pub fn text(&self, part: u32, text: &str) {
        self.set(part, "text", text);
    }

    /// Puts the whole at the end of `root`.
    pub fn mount(&self, root: &JsValue) {
        mount(root, &self.parts);
    }

    /// Makes `child` the child number `index` of a part.
    pub fn put(&self, part: u32, child: &Self, index: u32) {
        place(&self.parts, part, &child.parts, index);
    }

    /// Takes the whole out of the page; it says nothing more.
    pub fn leave(&self) {
        end(&self.parts);
    }

    /// Gives a part the focus.
    pub fn focus(&self, part: u32) {
        focus(&self.parts, part);
    }

    /// Clicks on a part as a script does.
    pub fn click(&self, part: u32) {
        click(&self.parts, part);
    }

    /// Has the part the focus?
    pub fn focused(&self, part: u32) -> bool {
        focused(&self.parts, part)
    }
}

impl Drop for Tree {
    #[inline(never)]
    fn drop(&mut self) {
        self.leave();
    }
}

/// Makes what stands for a key, in a scope of its own.
type Make = Box<dyn Fn(&Scope, u32) -> Rc<Tree>>;

/// Children that come and go.
pub struct Each {
    parent: Rc<Tree>,
    part: u32,
    make: Make,
    items: Vec<(u32, Rc<Tree>, Scope)>,
}

impl Each {
    /// None so far. `part` of `parent` has no other children.
    pub fn new(parent: Rc<Tree>, part: u32, make: Make) -> Self {
        Self { parent, part, make, items: Vec::new() }
    }

    /// Keeps the children equal to `keys`, in their order. What stays is not made anew. Keys must differ from each other.
    #[inline(never)]
    pub fn show(&mut self, keys: &[u32]) {
        self.items.retain(|item| keys.contains(&item.0));
        for (index, key) in (0..).zip(keys) {
            let found = self.items.iter().position(|item| item.0 == *key).unwrap_or_else(|| {
                let scope = Scope::default();
                let mut made = None;
                Scope::unwatched(&mut || made = Some((self.make)(&scope, *key)));
                self.items.extend(made.map(|made| (*key, made, scope)));
                self.items.len() - 1
            });
            if let Some((_, tree, _)) = self.items.get(found) {
                self.parent.put(self.part, tree, index);
            }
        }
    }
}
