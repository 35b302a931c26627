//! `updock copy`: within the project, or out of it.

use crate::args::CopyCommand;
use crate::error::Failed;
use crate::output::Output;
use crate::project::Project;
use updock_types::rest::{LocalCopy, RemoteCopy};

pub(crate) async fn run(command: &CopyCommand, project: &Project<'_>, output: &Output) -> Result<(), Failed> {
    let client = project.client()?;
    match command {
        CopyCommand::Local { source, store, metadata } => {
            let metadata = metadata.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
            let copy = LocalCopy { source: source.clone(), store: Some(*store), metadata };
            let file = client.file_local_copy(copy).await?;
            output.result(&file, || {
                let temporary = if *store { "" } else { "  (gone in 24 hours unless stored)" };
                format!("{}  {}{temporary}", file.uuid, project.file_url(file.uuid))
            })
        }
        CopyCommand::Remote { source, target, pattern, private } => {
            let copy = RemoteCopy {
                source: source.clone(),
                target: target.clone(),
                make_public: private.then_some(false),
                pattern: pattern.clone(),
            };
            let copied = client.file_remote_copy(copy).await?;
            output.result(&copied, || copied.result.clone())
        }
    }
}
