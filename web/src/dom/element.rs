//! One element.

use super::{Handler, Scope};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{CssStyleDeclaration, Document, Element, HtmlElement};

/// An element handle. Cheap to clone; clones are the same element.
///
/// Methods without a [`Scope`] set something once; those with one keep it up to date as long as the scope lives.
#[derive(Clone)]
pub struct El(Element);

thread_local! {
    static DOCUMENT: Document = web_sys::window().and_then(|window| window.document()).expect("runs in a page");
}

impl El {
    /// A new HTML element.
    #[inline(never)]
    pub fn new(tag: &str) -> Self {
        Self(DOCUMENT.with(|document| document.create_element(tag)).expect("a valid tag name"))
    }

    /// A new HTML element with a class.
    #[inline(never)]
    pub fn classed(tag: &str, class: &str) -> Self {
        let el = Self::new(tag);
        el.attr("class", class);
        el
    }

    /// A new SVG element.
    #[inline(never)]
    pub fn svg(tag: &str) -> Self {
        let namespace = Some("http://www.w3.org/2000/svg");
        Self(DOCUMENT.with(|document| document.create_element_ns(namespace, tag)).expect("a valid tag name"))
    }

    /// An element that is already there.
    pub fn from_element(element: Element) -> Self {
        Self(element)
    }

    /// The element itself.
    pub fn raw(&self) -> &Element {
        &self.0
    }

    /// As an HTML element, for what only such have.
    pub fn html(&self) -> &HtmlElement {
        self.0.unchecked_ref()
    }

    /// Sets an attribute.
    #[inline(never)]
    pub fn attr(&self, name: &str, value: &str) -> &Self {
        let _ = self.0.set_attribute(name, value);
        self
    }

    /// Sets an attribute, or takes it away.
    #[inline(never)]
    pub fn set_attr(&self, name: &str, value: Option<&str>) -> &Self {
        let _ = match value {
            Some(value) => self.0.set_attribute(name, value),
            None => self.0.remove_attribute(name),
        };
        self
    }

    /// Sets a property.
    #[inline(never)]
    pub fn prop(&self, name: &str, value: &JsValue) -> &Self {
        let _ = js_sys::Reflect::set(&self.0, &JsValue::from_str(name), value);
        self
    }

    /// Sets a CSS property of the element. Allowed under a strict policy, other than a `style` attribute.
    #[inline(never)]
    pub fn style(&self, name: &str, value: &str) -> &Self {
        let style: CssStyleDeclaration = self.html().style();
        let _ = style.set_property(name, value);
        self
    }

    /// Sets the text, in place of all children.
    #[inline(never)]
    pub fn text(&self, text: &str) -> &Self {
        self.0.set_text_content(Some(text));
        self
    }

    /// Appends a child.
    #[inline(never)]
    pub fn child(&self, child: &Self) -> &Self {
        let _ = self.0.append_child(&child.0);
        self
    }

    /// Takes the element out of the page.
    #[inline(never)]
    pub fn remove(&self) {
        self.0.remove();
    }

    /// Listens to an event.
    #[inline(never)]
    pub fn on(&self, cx: &Scope, event: &'static str, handler: Handler) -> &Self {
        cx.listen(&self.0, event, handler);
        self
    }

    /// Keeps an attribute up to date; `None` takes it away. Writes only what differs from last time.
    #[inline(never)]
    pub fn live_attr(&self, cx: &Scope, name: &'static str, mut value: Box<dyn FnMut() -> Option<String>>) -> &Self {
        let el = self.clone();
        let mut was = None;
        cx.effect(Box::new(move || {
            let value = value();
            if value != was {
                el.set_attr(name, value.as_deref());
                was = value;
            }
        }));
        self
    }

    /// Keeps the text up to date. Writes only what differs from last time.
    #[inline(never)]
    pub fn live_text(&self, cx: &Scope, mut value: Box<dyn FnMut() -> String>) -> &Self {
        let el = self.clone();
        let mut was = None;
        cx.effect(Box::new(move || {
            let value = value();
            if was.as_ref() != Some(&value) {
                el.text(&value);
                was = Some(value);
            }
        }));
        self
    }
}
