//! `updock convert`: documents and videos into other formats.

use super::Tally;
use crate::args::{ConvertArgs, ConvertCommand};
use crate::error::Failed;
use crate::output::Output;
use crate::project::Project;
use serde::Serialize;
use std::fmt::Write;
use updock_client::{Client, JobError, Polling};
use updock_types::rest::{Conversion, ConversionJob, ConversionResult, Converting};
use updock_types::{ConversionToken, FileUuid, GroupId};

/// Which of the two services.
#[derive(Clone, Copy)]
enum Kind {
    Document,
    Video,
}

#[derive(Serialize)]
struct Printed<'a> {
    source: &'a str,
    token: ConversionToken,
    uuid: FileUuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnails_group: Option<GroupId>,
    finished: bool,
}

pub(crate) async fn run(command: &ConvertCommand, project: &Project<'_>, output: &Output) -> Result<(), Failed> {
    match command {
        ConvertCommand::Formats { file } => {
            let info = project.client()?.document_info(*file).await?;
            output.result(&info, || match (&info.format, &info.error) {
                (Some(format), _) => {
                    let names: Vec<_> = format.conversion_formats.iter().map(|format| format.name.as_str()).collect();
                    format!("it is {}, and can become {}", format.name, names.join(", "))
                }
                (None, error) => error.clone().unwrap_or_else(|| "it is no document that can be converted".to_owned()),
            })
        }
        ConvertCommand::Document { args, to, page, group } => {
            let mut operations = format!("-/format/{to}/");
            if let Some(page) = page {
                let _ = write!(operations, "-/page/{page}/"); // into a String
            }
            convert(Kind::Document, args, "document", &operations, group.then_some("1"), project, output).await
        }
        ConvertCommand::Video { args, to, size, quality, cut, thumbs } => {
            let mut operations = format!("-/format/{to}/");
            for (name, value) in [("size", size), ("quality", quality), ("cut", cut)] {
                if let Some(value) = value {
                    let _ = write!(operations, "-/{name}/{value}/"); // into a String
                }
            }
            if let Some(thumbs) = thumbs {
                let _ = write!(operations, "-/thumbs~{thumbs}/"); // into a String
            }
            convert(Kind::Video, args, "video", &operations, None, project, output).await
        }
    }
}

async fn convert(
    kind: Kind,
    args: &ConvertArgs,
    word: &str,
    operations: &str,
    save_in_group: Option<&str>,
    project: &Project<'_>,
    output: &Output,
) -> Result<(), Failed> {
    let client = project.client()?;
    let conversion = Conversion {
        paths: args.files.iter().map(|file| format!("{file}/{word}/{operations}")).collect(),
        store: args.store.map(|store| if store.is_yes() { "1" } else { "0" }.to_owned()),
        save_in_group: save_in_group.map(str::to_owned),
    };
    let Converting { result, problems } = match kind {
        Kind::Document => client.document_convert(conversion).await?,
        Kind::Video => client.video_convert(conversion).await?,
    };
    let mut tally = Tally::new(output);
    for job in &result {
        let ended = if args.no_wait { Ok(None) } else { wait(kind, &client, job).await.map(Some) };
        match ended {
            Ok(done) => {
                tally.good();
                let printed = Printed {
                    source: &job.original_source,
                    token: job.token,
                    uuid: done.as_ref().map_or(job.uuid, |done| done.uuid),
                    thumbnails_group: done
                        .as_ref()
                        .and_then(|done| done.thumbnails_group_uuid)
                        .or(job.thumbnails_group_uuid),
                    finished: done.is_some(),
                };
                output.result(&printed, || {
                    let state =
                        if printed.finished { project.file_url(printed.uuid) } else { format!("job {}", job.token) };
                    let thumbs =
                        printed.thumbnails_group.map(|group| format!("  thumbnails {group}")).unwrap_or_default();
                    format!("{}  {state}{thumbs}", printed.uuid)
                })?;
            }
            Err(error) => tally.bad(Failed::from(error).about(&job.original_source)),
        }
    }
    for (path, problem) in problems {
        tally.bad(
            Failed::new(problem).about(path).hint("see what can be made of a document: updock convert formats UUID"),
        );
    }
    tally.end()
}

async fn wait(kind: Kind, client: &Client, job: &ConversionJob) -> Result<ConversionResult, JobError> {
    match kind {
        Kind::Document => client.document_wait(job.token, Polling::default()).await,
        Kind::Video => client.video_wait(job.token, Polling::default()).await,
    }
}
