//! JSON by the page's own parser.
//!
//! The few fields that matter are read by path. This costs a tenth of what serde would add to the download; the names
//! of the fields stand in `updock-types`, once for every reader.

use js_sys::{Array, JSON, Reflect};
use updock_types::fields::Fields;
use wasm_bindgen::{JsCast, JsValue};

/// A parsed document, or any object of the page.
pub struct Json(JsValue);

impl Json {
    /// Parses a text; `None` if it is no JSON.
    pub fn parse(text: &str) -> Option<Self> {
        JSON::parse(text).ok().map(Self)
    }

    /// Any value of the page.
    pub fn new(value: JsValue) -> Self {
        Self(value)
    }

    #[inline(never)]
    fn at(&self, path: &[&str]) -> Option<JsValue> {
        let mut value = self.0.clone();
        for key in path {
            // Reflect refuses what is no object.
            value = Reflect::get(&value, &JsValue::from_str(key)).ok()?;
        }
        Some(value)
    }
}

impl Fields for Json {
    fn text(&self, path: &[&str]) -> Option<String> {
        self.at(path)?.as_string()
    }

    fn number(&self, path: &[&str]) -> Option<f64> {
        self.at(path)?.as_f64()
    }

    fn flag(&self, path: &[&str]) -> Option<bool> {
        self.at(path)?.as_bool()
    }

    fn texts(&self, path: &[&str]) -> Option<Vec<String>> {
        self.at(path)?.dyn_into::<Array>().ok()?.iter().map(|item| item.as_string()).collect()
    }
}
