//! `updock scan` and `updock addon`.

use super::Tally;
use crate::args::{AddonCommand, ScanArgs};
use crate::error::Failed;
use crate::output::Output;
use crate::project::Project;
use serde::Serialize;
use serde_json::{Map, Value, json};
use updock_client::{Client, Polling};
use updock_types::rest::{Addon, AddonExecute, AddonState, AddonStatus};
use updock_types::{AddonRequestId, FileUuid};

#[derive(Serialize)]
struct Scanned {
    uuid: FileUuid,
    infected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    infected_with: Option<String>,
}

pub(crate) async fn scan(args: &ScanArgs, project: &Project<'_>, output: &Output) -> Result<(), Failed> {
    let client = project.client()?;
    let params = if args.purge { Map::from_iter([("purge_infected".to_owned(), true.into())]) } else { Map::new() };
    let mut tally = Tally::new(output);
    for file in &args.files {
        match scan_one(&client, *file, params.clone()).await {
            Ok(scanned) => {
                output.result(&scanned, || match &scanned.infected_with {
                    Some(virus) => format!("{file}  infected with {virus}"),
                    None if scanned.infected => format!("{file}  infected"),
                    None => format!("{file}  clean"),
                })?;
                if scanned.infected {
                    let hint = if args.purge { "it is removed" } else { "remove it: updock rm, or scan with --purge" };
                    tally.bad(Failed::new("it is infected").about(file).hint(hint));
                } else {
                    tally.good();
                }
            }
            Err(failed) => tally.bad(failed.about(file)),
        }
    }
    tally.end()
}

async fn scan_one(client: &Client, file: FileUuid, params: Map<String, Value>) -> Result<Scanned, Failed> {
    let request = client.addon_execute(Addon::VirusScan, AddonExecute { target: file, params }).await?;
    client.addon_wait(Addon::VirusScan, request, Polling::default()).await?;
    let data = findings(client, Addon::VirusScan, file).await?;
    let infected = data.get("infected").and_then(Value::as_bool);
    Ok(Scanned {
        uuid: file,
        // Without a word about it, nobody may take it for clean.
        infected: infected
            .ok_or_else(|| Failed::new("the service does not say what the scan found").hint("try again"))?,
        infected_with: data.get("infected_with").and_then(Value::as_str).map(str::to_owned),
    })
}

/// What an add-on wrote to a file's application data.
async fn findings(client: &Client, addon: Addon, file: FileUuid) -> Result<Value, Failed> {
    let info = client.file_info_with_appdata(file).await?;
    let entry = info.appdata.and_then(|mut appdata| appdata.remove(addon.as_str()));
    Ok(entry.map_or(Value::Null, |entry| entry.data))
}

pub(crate) async fn run(command: &AddonCommand, project: &Project<'_>, output: &Output) -> Result<(), Failed> {
    let client = project.client()?;
    match command {
        AddonCommand::Run { addon, file, params, no_wait } => {
            let addon = Addon::from(*addon);
            let execute = AddonExecute { target: *file, params: params.clone().unwrap_or_default() };
            let request = client.addon_execute(addon, execute).await?;
            if *no_wait {
                let started = json!({ "addon": addon, "uuid": file, "request_id": request });
                return output.result(&started, || format!("{request}  started"));
            }
            let done = client.addon_wait(addon, request, Polling::default()).await?;
            finished(&client, project, output, (addon, *file, request), done).await
        }
        AddonCommand::Status { addon, request } => {
            let status = client.addon_status(Addon::from(*addon), *request).await?;
            output.result(&status, || {
                let words = match status.status {
                    AddonState::InProgress => "in progress",
                    AddonState::Done => "done",
                    AddonState::Error => "failed",
                    AddonState::Unknown => "unknown: it never was, or is long over",
                };
                let made = status.result.as_ref().map(|made| format!("  {}", made.file_id)).unwrap_or_default();
                format!("{words}{made}")
            })
        }
    }
}

async fn finished(
    client: &Client,
    project: &Project<'_>,
    output: &Output,
    (addon, file, request): (Addon, FileUuid, AddonRequestId),
    done: AddonStatus,
) -> Result<(), Failed> {
    let made = done.result.map(|made| made.file_id);
    let found = findings(client, addon, file).await?;
    let printed = json!({ "addon": addon, "uuid": file, "request_id": request, "found": found, "file": made });
    output.result(&printed, || match made {
        Some(made) => format!("{made}  {}", project.file_url(made)),
        None => format!("{file}  {found}"),
    })
}
