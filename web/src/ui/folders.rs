//! Dropped folders, read to the end: a browser gives at most a hundred entries at a time.

use super::{Shared, words};
use crate::dom::Watched;
use js_sys::{Array, Function, Promise, Reflect};
use std::rc::{Rc, Weak};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{DataTransfer, File};

/// Takes what was dropped: files at once, folders as they are read. `found` tells how far reading is.
pub(super) fn take(shared: &Rc<Shared>, transfer: &DataTransfer, found: &Watched<Option<u32>>) {
    let Some(list) = transfer.files() else { return };
    let dropped = Array::from(&list);
    let items = transfer.items();
    // Both lists hold the same things in the same order when only files are dragged. Asking each of ten thousand items
    // for its entry would take longer than all the rest, so only what may be a folder is asked: it has no type.
    let aligned = items.length() == dropped.length();
    let (files, mut folders) = (Array::new(), Vec::new());
    for index in 0..dropped.length() {
        let file: File = dropped.get(index).unchecked_into();
        let entry = (aligned && file.type_().is_empty())
            .then(|| items.get(index))
            .flatten()
            .and_then(|item| call(&item, "webkitGetAsEntry", &[]))
            .filter(|entry| flag(entry, "isDirectory"));
        match entry {
            Some(folder) => folders.push(folder),
            None => {
                files.push(&file);
            }
        }
    }
    shared.add(files);
    if !folders.is_empty() {
        found.set(Some(0));
        spawn_local(read(Rc::downgrade(shared), folders, found.clone()));
    }
}

async fn read(shared: Weak<Shared>, mut folders: Vec<JsValue>, found: Watched<Option<u32>>) {
    let (mut count, mut unreadable) = (0, 0);
    while let Some(folder) = folders.pop() {
        let Some(reader) = call(&folder, "createReader", &[]) else { continue };
        loop {
            // Until there are no more: one answer is never all.
            let Some(entries) = answer(&reader, "readEntries").await else {
                unreadable += 1;
                break;
            };
            let entries: Array = entries.unchecked_into();
            if entries.length() == 0 {
                break;
            }
            let files = Array::new();
            for entry in entries.iter() {
                if flag(&entry, "isDirectory") {
                    folders.push(entry);
                } else if let Some(file) = answer(&entry, "file").await {
                    files.push(&file);
                } else {
                    unreadable += 1;
                }
            }
            count += files.length();
            let Some(shared) = shared.upgrade() else { return };
            shared.add(files);
            found.set(Some(count));
        }
    }
    found.set(None);
    if unreadable > 0
        && let Some(shared) = shared.upgrade()
    {
        shared.announcer.warn(&words::join(&[&words::files(unreadable), " of the folder could not be read."]));
    }
}

fn flag(of: &JsValue, name: &str) -> bool {
    Reflect::get(of, &JsValue::from_str(name)).is_ok_and(|value| value.is_truthy())
}

/// Calls a method that has no typed binding; `None` if it is missing, throws or gives nothing.
#[inline(never)]
pub(super) fn call(of: &JsValue, name: &str, arguments: &[JsValue]) -> Option<JsValue> {
    let method: Function = Reflect::get(of, &JsValue::from_str(name)).ok()?.dyn_into().ok()?;
    let arguments: Array = arguments.iter().collect();
    method.apply(of, &arguments).ok().filter(|value| !value.is_null() && !value.is_undefined())
}

/// Calls a method that answers by callbacks.
async fn answer(of: &JsValue, name: &str) -> Option<JsValue> {
    let promise = Promise::new(&mut |resolve, reject| {
        call(of, name, &[resolve.into(), reject.into()]);
    });
    JsFuture::from(promise).await.ok()
}
