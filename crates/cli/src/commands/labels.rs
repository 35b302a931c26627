//! `updock meta` and `updock tags`: what people write on files.

use crate::args::{MetaCommand, TagsArgs};
use crate::error::Failed;
use crate::output::Output;
use crate::project::Project;
use serde_json::json;
use std::collections::BTreeMap;
use updock_types::rest::{Tags, TagsChanged};

pub(crate) async fn metadata(command: &MetaCommand, project: &Project<'_>, output: &Output) -> Result<(), Failed> {
    let client = project.client()?;
    match command {
        MetaCommand::Get { file, key: None } => {
            let all = client.metadata_list(*file).await?;
            output.result(&all, || lines(&all))
        }
        MetaCommand::Get { file, key: Some(key) } => {
            let value = client.metadata_get(*file, key.clone()).await?;
            output.result(&value, || value.clone())
        }
        MetaCommand::Set { file, pairs } => {
            let mut set = BTreeMap::new();
            for (key, value) in pairs {
                let now = client.metadata_put(*file, key.clone(), value.clone()).await;
                set.insert(key.to_string(), now.map_err(|error| Failed::from(error).about(key))?);
            }
            output.result(&set, || lines(&set))
        }
        MetaCommand::Rm { file, keys } => {
            for key in keys {
                let gone = client.metadata_delete(*file, key.clone()).await;
                gone.map_err(|error| Failed::from(error).about(key))?;
                output.result(&json!({ "removed": key }), || format!("{key} is removed"))?;
            }
            Ok(())
        }
    }
}

fn lines(pairs: &BTreeMap<String, String>) -> String {
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("\n")
}

pub(crate) async fn tags(args: &TagsArgs, project: &Project<'_>, output: &Output) -> Result<(), Failed> {
    let client = project.client()?;
    let changed = if args.clear || !args.set.is_empty() {
        client.file_tags_replace(args.file, &args.set).await?
    } else if args.add.is_empty() && args.rm.is_empty() {
        let tags = client.file_tags(args.file).await?;
        return output.result(&Tags { tags: tags.clone() }, || tags.join("\n"));
    } else {
        client.file_tags_update(args.file, &args.add, &args.rm).await?
    };
    output.result(&changed, || words(&changed))
}

fn words(changed: &TagsChanged) -> String {
    let list = |tags: &[String]| if tags.is_empty() { "none".to_owned() } else { tags.join(", ") };
    let (now, added, deleted) = (list(&changed.tags), list(&changed.added), list(&changed.deleted));
    format!("tags: {now}\nadded: {added}\nremoved: {deleted}")
}
