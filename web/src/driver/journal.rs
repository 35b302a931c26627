//! The journal that outlives the page: hands records to `journal.js`, and what that finds to the engine.

use super::{Inner, files::Files};
use crate::dom::{Port, Told};
use js_sys::Array;
use std::rc::Weak;
use updock_engine::{Digest, FileKey, Fingerprint, Input, Millis, Reach, Recovered};
use updock_types::{FileUuid, pieces::pieces};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/driver/journal.js")]
extern "C" {
    #[wasm_bindgen(js_name = journal)]
    fn open(told: &JsValue, files: &JsValue, scope: &str) -> JsValue;
}

/// What the script is asked for, by its codes.
#[derive(Clone, Copy)]
pub(super) enum Task {
    /// A new list for a file.
    Begin = 0,
    /// One more record.
    Append = 1,
    /// The list is of no use any more.
    End = 2,
    /// It is somebody else's.
    Leave = 3,
    /// Open the file that was kept with it.
    Open = 4,
    /// Take a file's fingerprint.
    Fingerprint = 5,
}

/// The journal of one driver. Dropping it lets go of the uploads it is at; what is written stays.
pub(super) struct Journal(Port);

impl Journal {
    /// Opens the journal of the widget at `scope`, its place in the page; without one, nothing is written or found.
    /// `ready` is called once all that could be found has been told.
    pub(super) fn open(inner: &Weak<Inner>, files: &Files, scope: &str, ready: Box<dyn Fn()>) -> Self {
        let inner = Weak::clone(inner);
        let told: Told = Box::new(move |code, number, value| {
            if code == 1 {
                return ready();
            }
            let Some(inner) = inner.upgrade() else { return };
            if let Some(input) = read(&inner.files, code, number, &value) {
                inner.feed(input);
            }
        });
        Self(Port::new(told, &|told| open(told, files.raw(), scope)))
    }

    /// Asks the script for something.
    #[inline(never)]
    pub(super) fn ask(&self, task: Task, file: FileKey, upload: Option<FileUuid>, record: &str) {
        let upload = upload.map_or(JsValue::UNDEFINED, |upload| upload.to_text().into());
        let task = Array::of4(&(task as u32).into(), &file.0.into(), &upload, &record.into());
        self.0.give(0.0, &task);
    }
}

/// What the script tells, for the engine.
fn read(files: &Files, code: u32, number: f64, value: &JsValue) -> Option<Input> {
    let text = value.as_string();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a key, or an age in milliseconds")]
    let (key, age) = (FileKey(number as u32), Millis(number as u64));
    Some(match code {
        0 => {
            let text = text?;
            let mut pieces = pieces(&text, 0);
            let upload = FileUuid::parse(pieces.next()?).ok()?;
            let reach = if pieces.next() == Some("1") { Reach::Handle } else { Reach::Choose };
            // It takes a key, as any file does.
            files.skip();
            Input::Recovered(vec![Recovered { upload, age, records: pieces.map(str::to_owned).collect(), reach }])
        }
        2 => Input::JournalFailed(FileUuid::parse(&text?).ok()?),
        3 => Input::Chosen { row: key, file: files.facts(key) },
        4 => Input::NotOpened(key),
        _ => {
            let digest = text.as_deref().and_then(Digest::parse);
            let fingerprint = digest.map_or(Fingerprint::Unavailable, Fingerprint::Known);
            Input::Fingerprinted { file: key, fingerprint }
        }
    })
}
