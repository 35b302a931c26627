//! `updock group`.

use super::Tally;
use super::files::group_facts;
use crate::args::GroupCommand;
use crate::error::Failed;
use crate::output::Output;
use crate::project::Project;
use futures_util::{StreamExt, TryStreamExt};
use serde_json::json;
use std::pin::pin;
use updock_types::rest::{GroupsOrdering, GroupsQuery};

pub(crate) async fn run(command: &GroupCommand, project: &Project<'_>, output: &Output) -> Result<(), Failed> {
    match command {
        GroupCommand::Create { files } => {
            let group = project.uploader(1).await?.group_create(files).await?;
            output.result(&group, || format!("{}  {}", group.id, project.group_url(group.id)))
        }
        GroupCommand::Ls { limit, newest } => {
            let client = project.client()?;
            let query = GroupsQuery {
                limit: Some(u16::try_from(*limit).unwrap_or(1000).clamp(1, 1000)),
                ordering: if *newest { GroupsOrdering::NewestFirst } else { GroupsOrdering::OldestFirst },
                ..GroupsQuery::default()
            };
            let mut groups = pin!(client.groups(query).take(*limit));
            while let Some(group) = groups.try_next().await? {
                output.result(&group, || {
                    format!("{}  {:>4} files  {}", group.id, group.files_count, group.datetime_created)
                })?;
            }
            Ok(())
        }
        GroupCommand::Info { groups } => {
            let client = project.client()?;
            let mut tally = Tally::new(output);
            for id in groups {
                match client.group_info(*id).await {
                    Ok(group) => {
                        tally.good();
                        output.result(&group, || group_facts(&group))?;
                    }
                    Err(error) => tally.bad(Failed::from(error).about(id)),
                }
            }
            tally.end()
        }
        GroupCommand::Rm { groups } => {
            let client = project.client()?;
            let mut tally = Tally::new(output);
            for id in groups {
                match client.group_delete(*id).await {
                    Ok(()) => {
                        tally.good();
                        output.result(&json!({ "removed": id }), || format!("{id} is removed; its files are not"))?;
                    }
                    Err(error) => tally.bad(Failed::from(error).about(id)),
                }
            }
            tally.end()
        }
    }
}
