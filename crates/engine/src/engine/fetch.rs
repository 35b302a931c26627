//! Files that the service fetches from an address: asked for, looked at until they are there, and from then on like any
//! other. Their size is what the service says; nothing of them is sent from here.

use super::{Engine, Flight, MOST_RESTARTS};
use crate::{
    Cause, Failure, FileKey, Millis, NewFile, NewUrl, Start,
    file::{Fetching, File, Hold, HoldReason, Phase, Remote, Step, Work},
    judge::Verdict,
    story::Event,
};
use std::sync::Arc;
use updock_types::fields::{Fetch, FileFacts};

/// Between two looks: growing, within these, as long as nothing moves.
const LOOK: (Millis, Millis) = (Millis(500), Millis(5_000));
/// Looks without any news before it counts as stuck: about five minutes.
const MOST_QUIET: u32 = 60;
/// Looks in all: a source that sends a byte now and then must not keep a row for ever.
const MOST_LOOKS: u32 = 20_000;
/// Failures of a source or of the service that may pass. Source: Upload API, Errors.
const PASSING: &[&str] = &[
    "DownloadFileError",
    "DownloadFileHTTPNetworkError",
    "DownloadFileHTTPServerError",
    "DownloadFileInternalServerError",
    "DownloadFileTaskFailedError",
];

impl Engine {
    #[cfg_attr(not(feature = "full"), expect(dead_code, reason = "nobody gives addresses"))]
    pub(super) fn add_urls(&mut self, urls: Vec<NewUrl>) {
        let mut present = self.present();
        for NewUrl { url, name, options } in urls {
            let key = self.next_key();
            let shown = name.clone().unwrap_or_else(|| name_in(&url).to_owned());
            // Neither size nor type is known yet: both pass, and are judged once the file is there.
            let phase = match self.may_add(&shown, 1, "", present) {
                Err(refusal) => Phase::Rejected(refusal),
                Ok(()) => match self.config.start {
                    Start::AtOnce => Phase::Queued(Box::new(Work::new(Step::Fetch))),
                    Start::OnCommand => Phase::Ready,
                },
            };
            present += u32::from(!matches!(phase, Phase::Rejected(_)));
            let mut file = File::new(key, &NewFile { name: shown, ..NewFile::default() }, phase);
            file.options = options;
            file.remote = Some(Box::new(Remote { url, name }));
            self.enlist(key, file);
        }
    }

    /// What a file begins with.
    pub(super) fn first_work_of(&self, key: FileKey) -> Option<Box<Work>> {
        let file = self.file(key)?;
        Some(if file.remote.is_some() { Box::new(Work::new(Step::Fetch)) } else { self.first_work(file.size) })
    }

    /// The service has said something about a file that it fetches.
    pub(super) fn fetched(&mut self, now: Millis, key: FileKey, flight: &Flight, fetch: &Fetch) {
        let Some(work) = self.file_mut(key).and_then(File::work_mut) else { return };
        let hold = |until| Some(Hold { until, why: HoldReason::Fetching });
        match fetch {
            Fetch::There(facts) => {
                self.adopt(key, facts);
                self.inspected(now, key, facts);
            }
            Fetch::Taken(token) => {
                let restarted = work.restarted;
                work.advance(Step::Fetching(Box::new(Fetching { token: token.clone(), done: 0, looks: 0 })));
                (work.restarted, work.hold) = (restarted, hold(now.after(LOOK.0)));
            }
            Fetch::Going { done, total } => {
                let Step::Fetching(fetching) = &mut work.step else {
                    return self.apply(now, key, flight, Verdict::Again(Cause::Nonsense));
                };
                let news = *done > fetching.done;
                fetching.done = fetching.done.max(*done);
                fetching.looks += 1;
                work.looks = if news { 1 } else { work.looks + 1 };
                let stuck = work.looks > MOST_QUIET || fetching.looks > MOST_LOOKS;
                (work.failed, work.throttled) = (0, 0);
                work.hold = hold(now.after(Millis(LOOK.0.0 << work.looks.min(5)).min(LOOK.1)));
                if let (Some(total), Some(file)) = (total, self.file_mut(key)) {
                    file.size = file.size.max(*total);
                }
                if stuck {
                    self.fail(now, key, Failure::NotReady);
                }
            }
            Fetch::Failed { code, detail } if !PASSING.contains(&code.as_str()) => {
                self.fail(now, key, Failure::NotFetched { code: code.as_str().into(), detail: detail.as_str().into() });
            }
            Fetch::Failed { .. } | Fetch::Unknown if work.restarted < MOST_RESTARTS => {
                let restarted = work.restarted + 1;
                let wait = self.chance.wait(restarted);
                let Some(work) = self.file_mut(key).and_then(File::work_mut) else { return };
                work.advance(Step::Fetch);
                work.restarted = restarted;
                work.hold = Some(Hold { until: now.after(wait), why: HoldReason::Failed(Cause::Source) });
                self.tell(now, key, Event::Anew(Cause::Source));
            }
            Fetch::Failed { code, detail } => {
                self.fail(now, key, Failure::NotFetched { code: code.as_str().into(), detail: detail.as_str().into() });
            }
            Fetch::Unknown => self.fail(now, key, Failure::Lost),
        }
    }

    /// What the service has of a fetched file is what it is.
    fn adopt(&mut self, key: FileKey, facts: &FileFacts) {
        let Some(file) = self.file_mut(key) else { return };
        if file.remote.is_some() {
            file.size = facts.size;
            Arc::make_mut(&mut file.row).media_type = facts.mime_type.as_str().into();
        }
    }
}

/// What an address ends with; the address itself where that is nothing.
fn name_in(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let path = path.trim_end_matches('/');
    match path.rsplit('/').next() {
        Some(name) if !name.is_empty() => name,
        _ => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_called_what_its_address_ends_with() {
        for (url, name) in [
            ("https://example.com/a/b.png", "b.png"),
            ("https://example.com/a/b.png?c=/d#e", "b.png"),
            ("https://example.com/a/", "a"),
            ("https://example.com", "example.com"),
            ("?c", "?c"),
            ("///", "///"),
            ("", ""),
        ] {
            assert_eq!(name_in(url), name, "{url}");
        }
    }
}
