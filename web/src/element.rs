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
use js_sys::Array;
use updock_engine::{Command, FileKey, Remedy, Row, RowState, Totals, Which};
use updock_types::{fields::Fields, pieces, policy::UploadPolicy};
use wasm_bindgen::prelude::*;

/// A third of the code of the standard library's own allocator. Only where this crate is the whole module: what others
/// build with the component is theirs to choose.
#[cfg(all(target_arch = "wasm32", not(target_feature = "atomics")))]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

#[wasm_bindgen(module = "/src/element.js")]
extern "C" {
    #[wasm_bindgen(js_name = file)]
    fn page_file(
        id: u32,
        name: &str,
        size: f64,
        media_type: &str,
        sent: f64,
        progress: u32,
        state: &str,
        uuid: Option<&str>,
        cdn_url: Option<&str>,
        stored: bool,
        confirmed: bool,
        receipt: Option<&str>,
        code: Option<&str>,
        message: Option<&str>,
        remedy: Option<&str>,
        detail: Option<&str>,
    ) -> JsValue;
    #[wasm_bindgen(js_name = totals)]
    fn page_totals(
        status: &str,
        files: u32,
        done: u32,
        failed: u32,
        rejected: u32,
        paused: u32,
        active: u32,
        needs_file: u32,
        bytes: f64,
        sent: f64,
    ) -> JsValue;
    fn emit(told: &JsValue, event: &str, detail: &JsValue);
}

/// One widget. Freeing it breaks off what is under way.
#[wasm_bindgen]
pub struct DockElement {
    dock: Dock,
}

#[wasm_bindgen]
impl DockElement {
    /// Builds the widget into `root`. `emit(type, file, totals)` is called with each event.
    #[wasm_bindgen(constructor)]
    pub fn new(root: &JsValue, options: JsValue, emit: JsValue) -> Self {
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
        self.dock.set_credentials(function);
    }

    /// Takes files in.
    pub fn add(&self, files: &JsValue) {
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
                RowState::Done { uuid, .. } => Some(JsValue::from_str(&uuid.to_text())),
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
        max_files: text("max-files").trim_ascii().parse().ok(),
        store: text("store"),
        confirm: text("confirm") == "true",
        disabled: flag("disabled"),
        scope: text("scope"),
        density: if text("density") == "compact" { Density::Compact } else { Density::Comfortable },
    }
}

fn tell(told: &JsValue, news: &News<'_>, cdn: &str) {
    for (happened, row) in news.files {
        let event = match happened {
            Happened::Added => "file-added",
            Happened::Started => "file-upload-start",
            Happened::Progressed => "file-upload-progress",
            Happened::Succeeded => "file-upload-success",
            Happened::Failed => "file-upload-failed",
            Happened::Removed => "file-removed",
            Happened::Mistaken => continue,
        };
        emit(told, event, &file(row, cdn));
    }
    // The element's own `state` changes with every frame, the event comes only with what is worth an event.
    let totals = totals(&news.totals);
    emit(told, if news.notable { "change" } else { "" }, &totals);
    if news.finished {
        emit(told, "upload-done", &totals);
    }
}

#[expect(clippy::cast_precision_loss, reason = "files are far smaller than 2^53")]
fn file(row: &Row, cdn: &str) -> JsValue {
    let (mut id, mut url, mut kept, mut sure, mut ticket) = (None, None, false, false, None);
    if let RowState::Done { uuid, stored, confirmed, receipt } = &row.state {
        let uuid = uuid.to_text();
        let root = if cdn.is_empty() { "https://ucarecdn.com" } else { pieces::without_end(cdn, b'/') };
        url = Some(words::join(&[root, "/", &uuid, "/"]));
        (id, kept, sure, ticket) = (Some(uuid), *stored, *confirmed, receipt.as_deref());
    }
    let code = words::failure_code(&row.state);
    let message = code.and_then(|_| words::reason(row, &UploadPolicy::default(), crate::driver::now()));
    let remedy = match &row.state {
        RowState::Failed(failure) => Some(match failure.remedy() {
            Remedy::Retry => "retry",
            Remedy::Replace => "replace",
            Remedy::TellOwner => "tell-owner",
        }),
        _ => None,
    };
    page_file(
        row.key.0,
        &row.name,
        row.size as f64,
        &row.media_type,
        row.sent as f64,
        level(row) / 10,
        words::state_name(&row.state),
        id.as_deref(),
        url.as_deref(),
        kept,
        sure,
        ticket,
        code,
        message.as_deref(),
        remedy,
        words::detail(&row.state),
    )
}

#[expect(clippy::cast_precision_loss, reason = "files are far smaller than 2^53")]
fn totals(totals: &Totals) -> JsValue {
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
    let Totals { files, done, failed, rejected, paused, needs_file, active, bytes, sent } = *totals;
    page_totals(status, files, done, failed, rejected, paused, active, needs_file, bytes as f64, sent as f64)
}
