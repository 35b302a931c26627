//! Thumbnails: decoded small, one at a time, only for rows in view, and a bounded number kept.
//!
//! A picture becomes a bitmap of the row's height and nothing else stays: no object URL to revoke, no full-size decode
//! held by an `img`, nothing that a page's policy on images must allow.

use super::{Shared, folders::call, icons};
use crate::dom::{El, Scope};
use js_sys::{Object, Reflect};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::{Rc, Weak},
};
use updock_engine::{FileKey, Row};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// Larger pictures keep their icon: decoding one could take hundreds of megabytes.
const LARGEST: u64 = 32_000_000;
/// Height in device pixels: 44 CSS pixels on a sharp screen.
const HEIGHT: u32 = 88;
/// How many are kept for rows that have gone out of view; some 5 MB.
const KEPT: usize = 128;

/// Makes and keeps them.
#[derive(Default)]
pub(super) struct Thumbs {
    made: RefCell<VecDeque<(FileKey, El)>>,
    waiting: RefCell<VecDeque<(FileKey, El)>>,
    busy: Cell<bool>,
}

impl Thumbs {
    /// A row's thumbnail: its type's icon, and the picture once it is there.
    pub(super) fn build(&self, cx: &Scope, shared: &Rc<Shared>, row: &Row) -> El {
        let thumb = El::classed("div", "thumb");
        thumb.attr("part", "thumbnail");
        let made = self.made.borrow().iter().find(|(key, _)| *key == row.key).map(|(_, canvas)| canvas.clone());
        if let Some(canvas) = made {
            thumb.child(&canvas);
            return thumb;
        }
        thumb.child(&icons::icon(icons::for_type(&row.media_type)));
        if row.media_type.starts_with("image/") && row.size > 0 && row.size <= LARGEST {
            self.waiting.borrow_mut().push_back((row.key, thumb.clone()));
            let (weak, key) = (Rc::downgrade(shared), row.key);
            // Scrolled past before its turn: not worth decoding.
            cx.on_end(Box::new(move || {
                if let Some(shared) = weak.upgrade() {
                    shared.thumbs.waiting.borrow_mut().retain(|(waiting, _)| *waiting != key);
                }
            }));
            if !self.busy.replace(true) {
                spawn_local(work(Rc::downgrade(shared)));
            }
        }
        thumb
    }

    /// The row is gone.
    pub(super) fn forget(&self, key: FileKey) {
        self.made.borrow_mut().retain(|(have, _)| *have != key);
    }
}

async fn work(weak: Weak<Shared>) {
    loop {
        let next = {
            let Some(shared) = weak.upgrade() else { return };
            let next = shared.thumbs.waiting.borrow_mut().pop_front();
            let Some((key, place)) = next else {
                shared.thumbs.busy.set(false);
                return;
            };
            let blob = shared.driver.borrow().as_ref().and_then(|driver| driver.file(key));
            blob.map(|blob| (key, place, blob))
        };
        let Some((key, place, blob)) = next else { continue };
        let Some(canvas) = decode(&blob).await else { continue };
        place.text("");
        place.child(&canvas);
        if let Some(shared) = weak.upgrade() {
            let mut made = shared.thumbs.made.borrow_mut();
            made.push_back((key, canvas));
            if made.len() > KEPT {
                made.pop_front();
            }
        }
    }
}

/// A canvas with the picture in it; `None` if the browser cannot show it.
async fn decode(blob: &web_sys::Blob) -> Option<El> {
    let options = Object::new();
    let _ = Reflect::set(&options, &"resizeHeight".into(), &HEIGHT.into());
    let _ = Reflect::set(&options, &"resizeQuality".into(), &"medium".into());
    let window: JsValue = crate::driver::window().into();
    let promise = call(&window, "createImageBitmap", &[blob.into(), options.into()])?;
    let bitmap = JsFuture::from(promise.dyn_into::<js_sys::Promise>().ok()?).await.ok()?;
    let canvas = El::new("canvas");
    for name in ["width", "height"] {
        canvas.prop(name, &Reflect::get(&bitmap, &name.into()).ok()?);
    }
    let context = call(canvas.raw(), "getContext", &["bitmaprenderer".into()])?;
    call(&context, "transferFromImageBitmap", &[bitmap]);
    Some(canvas)
}
