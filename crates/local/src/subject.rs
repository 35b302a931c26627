//! Which files a request is about, by UUID and by name, for faults that strike one file. Looked for only where a fault
//! asks, because it means looking into bodies.

use crate::{app::App, hindrance::Watched, routes::Place};
use http::{Method, request::Parts};
use std::{borrow::Cow, collections::BTreeSet, time::Duration};
use updock_types::FileUuid;

/// How much of a body is looked at: in what clients send, the first file's head comes early.
const LOOKED_AT: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(2);
/// A batch names a hundred, a group a thousand.
const MOST_FILES: usize = 1000;

/// UUIDs of the files that a request names, and the original names of those and of files that come with it.
pub(crate) async fn files(app: &App, place: &Place, parts: &Parts, body: &mut Watched) -> Vec<String> {
    let mut text = Vec::new();
    text.extend_from_slice(parts.uri.path().as_bytes());
    text.push(b' ');
    text.extend_from_slice(parts.uri.query().unwrap_or_default().as_bytes());
    text.push(b' ');
    // The bytes of a part are not text about it.
    let part = matches!(place, Place::Blob);
    if !part && !matches!(parts.method, Method::GET | Method::HEAD) {
        text.extend(body.peek(LOOKED_AT, PATIENCE).await);
    }
    let mut found = BTreeSet::new();
    for file in uuids(&text).into_iter().take(MOST_FILES) {
        found.insert(file.to_string());
        if let Ok(Some(upload)) = app.store.upload(file).await {
            found.insert(upload.original_filename);
        } else if let Ok(Some(row)) = app.store.file(file).await {
            found.insert(row.original_filename);
        }
    }
    found.extend(names(&String::from_utf8_lossy(&text)));
    found.into_iter().collect()
}

fn uuids(text: &[u8]) -> BTreeSet<FileUuid> {
    let hyphen = |window: &&[u8]| window[8] == b'-' && window[13] == b'-' && window[18] == b'-' && window[23] == b'-';
    let parse = |window: &[u8]| FileUuid::parse(std::str::from_utf8(window).ok()?).ok();
    text.windows(36).filter(hyphen).filter_map(parse).collect()
}

/// Names of files as forms write them: `filename="a b.txt"` of a part, `filename=a+b.txt` of a pair.
fn names(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, key) in text.match_indices("filename") {
        let rest = &text[at + key.len()..];
        if let Some(quoted) = rest.strip_prefix("=\"") {
            found.extend(quoted.split('"').next().map(str::to_owned));
        } else if let Some(value) = rest.strip_prefix('=') {
            let value = value.split(['&', ' ', '\r', '\n', ';']).next().unwrap_or_default();
            let pair = form_urlencoded::parse(value.as_bytes()).next();
            found.extend(pair.map(|(name, _): (Cow<'_, str>, _)| name.into_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_id_and_by_name() {
        let id = "17be4678-dab7-4bc7-8753-28914a22960a";
        let text = format!("/info/?file_id={id}&x=y [\"{id}\"] {id}~2 not-4678-dab7-4bc7-8753-28914a2296zz");
        assert_eq!(uuids(text.as_bytes()).into_iter().map(|id| id.to_string()).collect::<Vec<_>>(), [id]);
        let form = "size=1&filename=a+b%20%C3%A9.txt&x=y name=\"f\"; filename=\"c d.txt\"\r\n";
        assert_eq!(names(form), ["a b é.txt", "c d.txt"]);
    }
}
