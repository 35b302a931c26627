//! The Leptos component.

use crate::{
    Density, Options,
    ui::{Dock, News, model::Happened},
};
use js_sys::{Array, Function};
use leptos::{html, prelude::*, reactive::owner::LocalStorage};
use std::sync::Arc;
use updock_engine::{Row, Totals};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{ShadowRootInit, ShadowRootMode};

/// The look, as `<up-dock>` has it.
const STYLE: &str = include_str!("../npm/src/updock.css");

/// An upload widget.
///
/// It builds itself in a shadow root when it comes into a page, so a server renders only its place. The outer element
/// is a `div` of the class `up-dock`; tokens (`--ud-accent` and so on) set on it or above it give it another look.
///
/// ```no_run
/// use leptos::prelude::*;
/// use updock::UpDock;
///
/// #[component]
/// fn Photos() -> impl IntoView {
///     view! { <UpDock public_key="demopublickey" multiple=true accept="image/*" signer_url="/signer"/> }
/// }
/// ```
#[component]
pub fn UpDock(
    /// The project's public key.
    #[prop(into)]
    public_key: String,
    /// Root of an `updock-signer`: credentials and confirmations come from there.
    #[prop(optional, into)]
    signer_url: String,
    /// Where upload credentials come from, if not from the signer.
    #[prop(optional, into)]
    credentials_url: String,
    /// Root of the Upload API, if not Uploadcare's own.
    #[prop(optional, into)]
    upload_base_url: String,
    /// May several files be chosen?
    #[prop(optional)]
    multiple: bool,
    /// What types may come, as in HTML's `accept`.
    #[prop(optional, into)]
    accept: String,
    /// Largest file: bytes, or a number with `KB`, `MB` or `GB`.
    #[prop(optional, into)]
    max_file_size: String,
    /// Most files.
    #[prop(optional)]
    max_files: Option<u32>,
    /// Are files kept? `auto`, `true` or `false`.
    #[prop(optional, into)]
    store: String,
    /// Wait for a command before uploading?
    #[prop(optional)]
    confirm: bool,
    /// Nothing can be added.
    #[prop(optional, into)]
    disabled: Signal<bool>,
    /// How close rows stand.
    #[prop(optional)]
    density: Density,
    /// Which widget of its page this is, when there are several: each goes on with its own uploads after a reload.
    #[prop(into, default = "up-dock".into())]
    scope: String,
    /// Called when a file is on the server, or has failed.
    #[prop(optional)]
    on_file: Option<Callback<Arc<Row>>>,
    /// Called when sums change, once a frame at most.
    #[prop(optional)]
    on_change: Option<Callback<Totals>>,
) -> impl IntoView {
    let place = NodeRef::<html::Div>::new();
    let dock = StoredValue::<Option<Dock>, LocalStorage>::new_local(None);
    let options = Options {
        public_key,
        upload_base_url,
        cdn_base_url: String::new(),
        signer_url,
        credentials_url,
        credentials_by_page: false,
        multiple,
        accept,
        max_file_size,
        max_files,
        store,
        confirm,
        disabled: false,
        density,
        scope,
    };
    Effect::new(move || {
        let Some(place) = place.get() else { return };
        let options = Options { disabled: disabled.get(), ..options.clone() };
        dock.update_value(|dock| {
            if let Some(dock) = dock {
                dock.configure(options);
                return;
            }
            let Ok(root) = place.attach_shadow(&ShadowRootInit::new(ShadowRootMode::Open)) else { return };
            adopt_style(&root);
            *dock = Some(Dock::mount(&root, options, Box::new(move |news| tell(news, on_file, on_change))));
        });
    });
    on_cleanup(move || dock.dispose());
    html::div().class("up-dock").node_ref(place)
}

fn tell(news: &News<'_>, on_file: Option<Callback<Arc<Row>>>, on_change: Option<Callback<Totals>>) {
    if let Some(on_file) = on_file {
        for (happened, row) in news.files {
            if matches!(happened, Happened::Succeeded | Happened::Failed) {
                on_file.run(Arc::clone(row));
            }
        }
    }
    if let Some(on_change) = on_change {
        on_change.run(news.totals);
    }
}

/// A constructed style sheet: allowed under `style-src 'self'`, other than a `<style>` element.
fn adopt_style(root: &web_sys::ShadowRoot) {
    let window = js_sys::global();
    let Ok(make) = js_sys::Reflect::get(&window, &"CSSStyleSheet".into()) else { return };
    let Ok(sheet) = js_sys::Reflect::construct(make.unchecked_ref::<Function>(), &Array::new()) else { return };
    let replace = js_sys::Reflect::get(&sheet, &"replaceSync".into());
    if let Ok(replace) = replace.and_then(JsCast::dyn_into::<Function>) {
        let _ = replace.call1(&sheet, &JsValue::from_str(STYLE));
        let _ = js_sys::Reflect::set(root, &"adoptedStyleSheets".into(), &Array::of1(&sheet));
    }
}
