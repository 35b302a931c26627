//! `updock from-url`: the service fetches a file.

use crate::args::FromUrlArgs;
use crate::error::Failed;
use crate::output::{Output, size};
use crate::project::Project;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use updock_client::{FromUrl, FromUrlStarted, Polling};
use updock_types::upload::UploadedFile;

pub(crate) async fn run(args: &FromUrlArgs, project: &Project<'_>, output: &Output) -> Result<(), Failed> {
    let uploader = project.uploader(1).await?;
    let from = FromUrl {
        source_url: args.url.clone(),
        filename: args.name.clone(),
        check_duplicates: args.reuse,
        save_duplicates: None,
        options: args.new.options(),
    };
    let token = match uploader.from_url(from).await? {
        FromUrlStarted::FileInfo(file) => return print(&file, project, output),
        FromUrlStarted::Token { token } => token,
    };
    if args.no_wait {
        return output.result(&json!({ "token": token }), || format!("job {token}"));
    }
    let bar = if output.draws() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{spinner} {bytes} {msg} {bytes_per_sec}") {
        bar.set_style(style);
    }
    let fetched = uploader
        .from_url_wait(&token, Polling::default(), |done, total| {
            bar.set_position(done);
            bar.set_message(total.map(|total| format!("of {}", size(total))).unwrap_or_default());
        })
        .await;
    bar.finish_and_clear();
    print(&fetched?, project, output)
}

fn print(file: &UploadedFile, project: &Project<'_>, output: &Output) -> Result<(), Failed> {
    output.result(file, || {
        let temporary = if file.is_stored { "" } else { "  (gone in 24 hours unless stored)" };
        format!("{}  {}  {}{temporary}", file.uuid, file.original_filename, project.file_url(file.uuid))
    })
}
