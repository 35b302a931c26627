//! The files that were taken in, as handles of the page's, by their keys; and how many at once go in.

use crate::dom::{Port, Told};
use updock_engine::{FileKey, NewFile};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/driver/driver.js")]
extern "C" {
    fn keep(files: &JsValue, more: &JsValue);
    fn text_of(files: &JsValue, key: u32, name: &str) -> String;
    fn number_of(files: &JsValue, key: u32, name: &str) -> f64;
    fn adopt(files: &JsValue, file: u32, row: u32);
    fn release(files: &JsValue, key: u32, gone: bool);
    fn intake(told: &JsValue) -> JsValue;
    #[wasm_bindgen(js_name = readable)]
    fn can_read(file: &JsValue) -> js_sys::Promise;
}

/// Handles by key. Their bytes stay with the browser.
pub struct Files(js_sys::Array);

impl Default for Files {
    fn default() -> Self {
        Self(js_sys::Array::new())
    }
}

impl Files {
    /// As the page has them.
    pub fn raw(&self) -> &JsValue {
        &self.0
    }

    /// Takes more in, and gives their facts. Keys are given in order, so the places of handles are known before the
    /// engine has heard of them.
    pub(super) fn take(&self, more: &JsValue) -> Vec<NewFile> {
        let first = self.0.length();
        keep(&self.0, more);
        (first..self.0.length()).map(|key| self.facts(FileKey(key))).collect()
    }

    /// What is known of a file without reading it.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes and milliseconds")]
    pub(super) fn facts(&self, key: FileKey) -> NewFile {
        NewFile {
            name: text_of(&self.0, key.0, "name"),
            size: number_of(&self.0, key.0, "size") as u64,
            media_type: text_of(&self.0, key.0, "type"),
            modified: number_of(&self.0, key.0, "lastModified") as u64,
            options: None,
        }
    }

    /// A key without a file so far.
    pub(super) fn skip(&self) {
        self.0.push(&JsValue::UNDEFINED);
    }

    /// The file that was added as `file` is the one of `row`.
    pub(super) fn adopt(&self, file: FileKey, row: FileKey) {
        adopt(&self.0, file.0, row.0);
    }

    /// The first of `chosen` is the one of `row`, for all we know.
    pub(super) fn put(&self, row: FileKey, chosen: &JsValue) {
        self.0.set(row.0, chosen.clone());
    }

    /// Nobody needs the bytes again; a picture's handle stays for its thumbnail until its row is `gone`.
    pub(super) fn release(&self, key: FileKey, gone: bool) {
        release(&self.0, key.0, gone);
    }

    /// Is the handle still there? For tests.
    pub fn has(&self, key: FileKey) -> bool {
        !self.0.get(key.0).is_undefined()
    }
}

/// A promise of whether the file can still be read. A request that ends without a status asks the same.
pub fn readable(file: &JsValue) -> js_sys::Promise {
    can_read(file)
}

/// Many files at once: they go in by and by, so that the page never stands still. Dropping it forgets what still waits.
pub struct Intake(Port);

impl Intake {
    /// `add` is called with arrays of a few files as the value, in order, once it has begun.
    pub fn new(add: Told) -> Self {
        Self(Port::new(add, &intake))
    }

    /// From now on files go in.
    pub fn begin(&self) {
        self.0.tell(1.0);
    }

    /// Takes files in, in order; the first ones at once. What is no file is left out.
    pub fn take(&self, files: &JsValue) {
        self.0.give(2.0, files);
    }

    /// How many still wait.
    pub fn len(&self) -> u32 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let waiting = self.0.tell(3.0) as u32;
        waiting
    }

    /// Does none wait?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets what still waits.
    pub fn clear(&self) {
        self.0.tell(0.0);
    }
}
