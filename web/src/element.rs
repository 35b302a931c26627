//! The wasm side of `<up-dock>`. The shell in `npm/src/updock.ts` is the element; it makes one of these once the module
//! is there, hands over attributes and files, and turns news into events. Only plain values cross the border.

use crate::{
    Density, Options,
    driver::Json,
    ui::{
        Dock, News,
        model::{Happened, level},
        words,
    },
};
use js_sys::{Array, Function, Object, Reflect};
use updock_engine::{Command, FileKey, Remedy, Row, RowState, Totals, Which};
use updock_types::{fields::Fields, policy::UploadPolicy};
use wasm_bindgen::prelude::*;

/// One widget. Freeing it breaks off what is under way.
#[wasm_bindgen]
pub struct DockElement {
    dock: Dock,
}

#[wasm_bindgen]
impl DockElement {
    /// Builds the widget into `root`. `emit(type, file, totals)` is called with each event.
    #[wasm_bindgen(constructor)]
    pub fn new(root: &web_sys::Node, options: JsValue, emit: Function) -> Self {
        let options = read_options(options);
        let cdn = options.cdn_base_url.clone();
        let dock = Dock::mount(root, options, Box::new(move |news| tell(&emit, news, &cdn)));
        Self { dock }
    }

    /// Attributes have changed.
    pub fn configure(&self, options: JsValue) {
        self.dock.configure(read_options(options));
    }

    /// The page's own function for credentials, or undefined.
    #[wasm_bindgen(js_name = setCredentials)]
    pub fn set_credentials(&self, function: JsValue) {
        self.dock.set_credentials(function.dyn_into().ok());
    }

    /// Takes files in.
    pub fn add(&self, files: Array) {
        self.dock.add(files);
    }

    /// `start`, `pause`, `resume`, `retry`, `cancel` or `remove`, for one file or, without `id`, for all.
    pub fn command(&self, name: &str, id: Option<u32>) {
        let which = id.map_or(Which::All, |id| Which::One(FileKey(id)));
        self.dock.command(match name {
            "start" => Command::Start(which),
            "pause" => Command::Pause(which),
            "resume" => Command::Resume(which),
            "retry" => Command::Retry(which),
            "cancel" => Command::Cancel(which),
            "remove" => Command::Remove(which),
            _ => return,
        });
    }

    /// Every file, as plain objects.
    pub fn files(&self, cdn: &str) -> Array {
        self.dock.rows().iter().map(|row| file(row, cdn)).collect()
    }

    /// What goes into a form: the receipt of each finished file, or its UUID where there is none.
    pub fn values(&self) -> Array {
        self.dock
            .rows()
            .iter()
            .filter_map(|row| match &row.state {
                RowState::Done { receipt: Some(receipt), .. } => Some(JsValue::from_str(receipt)),
                RowState::Done { uuid, .. } => Some(JsValue::from_str(&uuid.to_string())),
                _ => None,
            })
            .collect()
    }

    /// How many files are not final, also those that still wait to go in.
    pub fn unfinished(&self) -> u32 {
        self.dock.unfinished()
    }

    /// Opens the picker.
    pub fn choose(&self) {
        self.dock.choose();
    }

    /// Puts the focus on the button.
    pub fn focus(&self) {
        self.dock.focus();
    }
}

fn read_options(options: JsValue) -> Options {
    let json = Json::new(options);
    let text = |name| json.text(&[name]).unwrap_or_default();
    let flag = |name| json.flag(&[name]).unwrap_or(false);
    Options {
        public_key: text("public-key"),
        upload_base_url: text("upload-base-url"),
        cdn_base_url: text("cdn-base-url"),
        signer_url: text("signer-url"),
        credentials_url: text("credentials-url"),
        credentials_by_page: flag("credentials"),
        multiple: flag("multiple"),
        accept: text("accept"),
        max_file_size: text("max-file-size"),
        max_files: text("max-files").trim().parse().ok(),
        store: text("store"),
        confirm: text("confirm") == "true",
        disabled: flag("disabled"),
        density: if text("density") == "compact" { Density::Compact } else { Density::Comfortable },
    }
}

fn tell(emit: &Function, news: &News<'_>, cdn: &str) {
    let this = JsValue::NULL;
    for (happened, row) in news.files {
        let event = match happened {
            Happened::Added => "file-added",
            Happened::Started => "file-upload-start",
            Happened::Progressed => "file-upload-progress",
            Happened::Succeeded => "file-upload-success",
            Happened::Failed => "file-upload-failed",
            Happened::Removed => "file-removed",
        };
        let _ = emit.call2(&this, &event.into(), &file(row, cdn));
    }
    // The element's own `state` changes with every frame, the event comes only with what is worth an event.
    let event = if news.notable { "change" } else { "" };
    let _ = emit.call2(&this, &event.into(), &totals(&news.totals));
    if news.finished {
        let _ = emit.call2(&this, &"upload-done".into(), &totals(&news.totals));
    }
}

#[inline(never)]
fn set(object: &Object, name: &str, value: &JsValue) {
    let _ = Reflect::set(object, &JsValue::from_str(name), value);
}

#[inline(never)]
fn set_text(object: &Object, name: &str, text: &str) {
    set(object, name, &JsValue::from_str(text));
}

#[inline(never)]
fn set_number(object: &Object, name: &str, number: u64) {
    #[expect(clippy::cast_precision_loss, reason = "files are far smaller than 2^53")]
    set(object, name, &JsValue::from_f64(number as f64));
}

fn file(row: &Row, cdn: &str) -> JsValue {
    let object = Object::new();
    set_number(&object, "id", u64::from(row.key.0));
    set_text(&object, "name", &row.name);
    set_number(&object, "size", row.size);
    set_text(&object, "type", &row.media_type);
    set_number(&object, "sent", row.sent);
    set_number(&object, "progress", u64::from(level(row) / 10));
    set_text(&object, "state", words::state_name(&row.state));
    if let RowState::Done { uuid, stored, confirmed, receipt } = &row.state {
        let uuid = uuid.to_string();
        let root = if cdn.is_empty() { "https://ucarecdn.com" } else { cdn.trim_end_matches('/') };
        set_text(&object, "cdnUrl", &words::join(&[root, "/", &uuid, "/"]));
        set_text(&object, "uuid", &uuid);
        set(&object, "stored", &JsValue::from_bool(*stored));
        set(&object, "confirmed", &JsValue::from_bool(*confirmed));
        if let Some(receipt) = receipt {
            set_text(&object, "receipt", receipt);
        }
    }
    if let Some(code) = words::failure_code(&row.state) {
        let error = Object::new();
        set_text(&error, "code", code);
        let message = words::reason(row, &UploadPolicy::default(), crate::driver::now()).unwrap_or_default();
        set_text(&error, "message", &message);
        if let RowState::Failed(failure) = &row.state {
            let remedy = match failure.remedy() {
                Remedy::Retry => "retry",
                Remedy::Replace => "replace",
                Remedy::TellOwner => "tell-owner",
            };
            set_text(&error, "remedy", remedy);
        }
        if let Some(detail) = words::detail(&row.state) {
            set_text(&error, "detail", detail);
        }
        set(&object, "error", &Object::freeze(&error));
    }
    Object::freeze(&object).into()
}

fn totals(totals: &Totals) -> JsValue {
    let object = Object::new();
    let status = if totals.active > 0 {
        "uploading"
    } else if totals.paused > 0 {
        "paused"
    } else if totals.failed > 0 {
        "failed"
    } else if totals.done > 0 && totals.done + totals.rejected == totals.files {
        "done"
    } else {
        "idle"
    };
    set_text(&object, "status", status);
    for (name, count) in [
        ("files", totals.files),
        ("done", totals.done),
        ("failed", totals.failed),
        ("rejected", totals.rejected),
        ("paused", totals.paused),
        ("active", totals.active),
    ] {
        set_number(&object, name, u64::from(count));
    }
    set_number(&object, "bytes", totals.bytes);
    set_number(&object, "sent", totals.sent);
    Object::freeze(&object).into()
}
