//! `updock upload`: files in, with progress.

use super::Tally;
use crate::args::UploadArgs;
use crate::error::{Failed, exit};
use crate::output::{Output, plain, size};
use crate::project::Project;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;
use updock_client::{
    Changes, Control, FileKey, Row, RowState, Source, UploadError, UploadOptions, WaitReason, state_folder,
};
use updock_types::FileUuid;

/// Most files that have a bar of their own at a time.
const MOST_BARS: usize = 8;

#[derive(Serialize)]
struct Printed<'a> {
    uuid: FileUuid,
    name: &'a str,
    size: u64,
    media_type: &'a str,
    stored: bool,
    url: String,
}

pub(crate) async fn run(args: &UploadArgs, project: &Project<'_>, output: &Output) -> Result<(), Failed> {
    let uploader = project.uploader(args.files.len()).await?;
    let journal = if args.no_resume { None } else { args.state_dir.clone().or_else(state_folder) };
    let options = UploadOptions {
        file: args.new.options(),
        multipart_from: args.multipart_threshold,
        budget: args.parallel,
        journal,
    };
    let sources = args.files.iter().map(|file| source(file)).collect();
    let mut bars = (output.draws() && !args.quiet).then(|| Bars::new(args.files.len()));
    let (notes, quiet) = (output.clone(), args.quiet);
    let upload = uploader.upload(sources, &options, move |changes| {
        for row in changes.resumed.iter().filter(|_| !quiet) {
            let note =
                format!("{} goes on where it stopped: {} of {} are there", row.name, size(row.sent), size(row.size));
            match &bars {
                Some(bars) => bars.above(&note),
                None => notes.note(&note),
            }
        }
        if let Some(bars) = &mut bars {
            bars.show(changes);
        }
    });
    let interrupted = interrupt(upload.control());
    let outcomes = upload.finish().await;
    interrupted.abort();

    let mut tally = Tally::new(output);
    let mut cancelled = false;
    for (path, outcome) in args.files.iter().zip(outcomes) {
        match outcome {
            Ok(uploaded) => {
                tally.good();
                let url = project.file_url(uploaded.file);
                let printed = Printed {
                    uuid: uploaded.file,
                    name: &uploaded.name,
                    size: uploaded.size,
                    media_type: &uploaded.media_type,
                    stored: uploaded.stored,
                    url,
                };
                output.result(&printed, || {
                    let temporary = if uploaded.stored { "" } else { "  (gone in 24 hours unless stored)" };
                    format!("{}  {}  {}{temporary}", uploaded.file, uploaded.name, printed.url)
                })?;
            }
            Err(error) => {
                cancelled |= matches!(error, UploadError::Cancelled | UploadError::Interrupted { .. });
                tally.bad(Failed::from(error).about(path.display()));
            }
        }
    }
    let ended = tally.end();
    if cancelled { ended.map_err(|failed| failed.exiting(exit::INTERRUPTED)) } else { ended }
}

/// A file of this machine, or the address of one that the service is to fetch.
fn source(file: &Path) -> Source {
    match file.to_str() {
        Some(url) if url.starts_with("https://") || url.starts_with("http://") => Source::url(url),
        _ => Source::path(file),
    }
}

/// Ctrl-C ends in good order: what is done is printed, the rest is broken off and can be gone on with.
fn interrupt(control: Control) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            control.leave();
        }
    })
}

/// A bar for the whole, and one for each file under way.
struct Bars {
    screen: MultiProgress,
    whole: Option<ProgressBar>,
    files: HashMap<FileKey, ProgressBar>,
}

impl Bars {
    fn new(files: usize) -> Self {
        let screen = MultiProgress::new();
        let whole = (files > 1).then(|| {
            let bar = screen.add(ProgressBar::no_length());
            bar.set_style(style("{msg:.bold} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}"));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self { screen, whole, files: HashMap::new() }
    }

    /// A line that stays.
    fn above(&self, line: &str) {
        // A screen that is gone shows nothing.
        let _ = self.screen.println(format!("updock: {}", plain(line)));
    }

    fn show(&mut self, changes: Changes<'_>) {
        if let Some(whole) = &self.whole {
            let totals = changes.totals;
            whole.set_length(totals.bytes);
            whole.set_position(totals.sent);
            whole.set_message(format!("{} of {} files", totals.done, totals.files));
            if totals.active == 0 {
                whole.finish_and_clear();
            }
        }
        for row in changes.rows {
            self.show_file(row);
        }
    }

    fn show_file(&mut self, row: &Row) {
        if row.state.is_final() {
            if let Some(bar) = self.files.remove(&row.key) {
                bar.finish_and_clear();
                self.screen.remove(&bar);
            }
            return;
        }
        let waits = matches!(row.state, RowState::Queued | RowState::Ready | RowState::Reading | RowState::Checking);
        if !self.files.contains_key(&row.key) && (waits || self.files.len() >= MOST_BARS) {
            return;
        }
        let bar = self.files.entry(row.key).or_insert_with(|| {
            let bar = self.screen.add(ProgressBar::new(row.size));
            bar.set_style(style("  {prefix:30!} {bar:30} {percent:>3}% {bytes_per_sec} {msg}"));
            bar.set_prefix(plain(&row.name));
            bar
        });
        bar.set_position(row.sent);
        bar.set_message(says(row));
    }
}

fn says(row: &Row) -> String {
    match &row.state {
        RowState::Uploading => format!("of {}", size(row.size)),
        RowState::Processing => "sent, being processed".to_owned(),
        RowState::Retrying { attempt, .. } => format!("failed, attempt {attempt} follows"),
        RowState::Waiting(WaitReason::Throttled(_)) => "the service asks to wait".to_owned(),
        RowState::Waiting(WaitReason::Offline) => "waits for the network".to_owned(),
        RowState::Waiting(WaitReason::Signing) => "waits for a credential".to_owned(),
        RowState::Paused => "paused".to_owned(),
        _ => String::new(),
    }
}

fn style(template: &str) -> ProgressStyle {
    // A template that cannot be read would be a slip in this file; the plain bar does then.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bars_templates_can_be_read() {
        for template in [
            "{msg:.bold} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            "  {prefix:30!} {bar:30} {percent:>3}% {bytes_per_sec} {msg}",
        ] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
