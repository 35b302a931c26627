//! JSON by the page's own parser.
//!
//! The few fields that matter are read by path. This costs a tenth of what serde would add to the download; the names
//! of the fields stand in `updock-types`, once for every reader.

use updock_types::{fields::Fields, pieces};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/driver/driver.js")]
extern "C" {
    fn parse(text: &str) -> JsValue;
    fn text(value: &JsValue, path: &str) -> Option<String>;
    fn number(value: &JsValue, path: &str) -> f64;
    fn flag(value: &JsValue, path: &str) -> u32;
    fn texts(value: &JsValue, path: &str) -> Option<String>;
}

/// A parsed document, or any object of the page.
pub struct Json(JsValue);

impl Json {
    /// Parses a text; `None` if it is no JSON.
    pub fn parse(text: &str) -> Option<Self> {
        let value = parse(text);
        (!value.is_undefined()).then_some(Self(value))
    }

    /// The value itself.
    pub fn raw(&self) -> &JsValue {
        &self.0
    }

    /// Any value of the page.
    pub fn new(value: JsValue) -> Self {
        Self(value)
    }
}

/// No field that is read has a dot in its name.
#[inline(never)]
fn joined(path: &[&str]) -> String {
    pieces::joined(path, ".")
}

impl Fields for Json {
    fn text(&self, path: &[&str]) -> Option<String> {
        text(&self.0, &joined(path))
    }

    fn number(&self, path: &[&str]) -> Option<f64> {
        Some(number(&self.0, &joined(path))).filter(|number| !number.is_nan())
    }

    fn flag(&self, path: &[&str]) -> Option<bool> {
        match flag(&self.0, &joined(path)) {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn texts(&self, path: &[&str]) -> Option<Vec<String>> {
        let texts = texts(&self.0, &joined(path))?;
        // A list of none, and a list of one empty text, are the same here; neither is of use to anybody.
        Some(pieces::pieces(&texts, b'\n').filter(|text| !text.is_empty()).map(str::to_owned).collect())
    }
}
