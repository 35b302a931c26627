//! `updock ls`, `search`, `info`, `store`, `rm` and `project`.

use super::Tally;
use crate::args::{FileOrGroup, FilesArgs, InfoArgs, ListArgs, SearchArgs, YesNo};
use crate::error::{Failed, exit};
use crate::output::{Output, size};
use crate::project::Project;
use futures_util::{StreamExt, TryStreamExt};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::pin::pin;
use updock_types::FileUuid;
use updock_types::rest::{Batch, Between, File, FilesOrdering, FilesQuery, Group, Search, SearchTags};

/// Largest page of a list; fewer requests, and well below the client's limit of an answer.
const PAGE: u16 = 1000;

pub(crate) async fn list(args: &ListArgs, project: &Project<'_>, output: &Output) -> Result<(), Failed> {
    let client = project.client()?;
    let limit = if args.all { usize::MAX } else { args.limit };
    let query = FilesQuery {
        limit: Some(u16::try_from(limit).unwrap_or(PAGE).clamp(1, PAGE)),
        ordering: if args.newest { FilesOrdering::NewestFirst } else { FilesOrdering::OldestFirst },
        from: args.from,
        stored: args.stored.map(YesNo::is_yes),
        removed: args.removed,
        ..FilesQuery::default()
    };
    let mut files = pin!(client.files(query).take(limit));
    while let Some(file) = files.try_next().await? {
        output.result(&file, || line(&file))?;
    }
    Ok(())
}

pub(crate) async fn search(args: &SearchArgs, project: &Project<'_>, output: &Output) -> Result<(), Failed> {
    let search = asked(args);
    if (Search { fuzziness: None, sort: Vec::new(), ..search.clone() }) == Search::default() {
        return Err(Failed::new("what to search for?")
            .hint("give words, or a condition: updock search --help")
            .exiting(2));
    }
    let client = project.client()?;
    let mut found = pin!(client.search(search).take(args.limit));
    while let Some(found) = found.try_next().await? {
        output.result(&found, || line(&found.file))?;
    }
    Ok(())
}

fn asked(args: &SearchArgs) -> Search {
    let texts = |tags: &[updock_types::Tag]| tags.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut exact = BTreeMap::new();
    let mut add = |field: String, values: Vec<String>| {
        if !values.is_empty() {
            exact.entry(field).or_insert_with(Vec::new).extend(values);
        }
    };
    add("original_filename".to_owned(), args.name.clone());
    add("detected_mime_type".to_owned(), args.media_type.clone());
    for (key, value) in &args.r#where {
        add(format!("metadata[{key}]"), vec![value.to_string()]);
    }
    let tags = SearchTags { any: Vec::new(), all: texts(&args.tag), none: texts(&args.without_tag) };
    let uploaded = Between { gt: None, gte: args.after, lt: args.before, lte: None };
    let bytes = Between { gt: None, gte: args.larger, lt: None, lte: args.smaller };
    Search {
        query: args.query.clone(),
        exact,
        datetime_uploaded: (args.after.is_some() || args.before.is_some()).then_some(uploaded),
        size: (args.larger.is_some() || args.smaller.is_some()).then_some(bytes),
        is_image: args.image.map(YesNo::is_yes),
        tags: (tags != SearchTags::default()).then_some(tags),
        fuzziness: args.fuzzy.then_some(true),
        sort: args.sort.clone(),
        ..Search::default()
    }
}

/// A file in a list.
fn line(file: &File) -> String {
    let state = match (file.datetime_removed, file.datetime_stored) {
        (Some(_), _) => "removed",
        (None, Some(_)) => "stored",
        (None, None) => "temporary",
    };
    let at = file.datetime_uploaded.to_string();
    let at = at.get(..16).unwrap_or(&at).replace('T', " ");
    format!("{}  {:>9}  {at}  {state:9}  {}", file.uuid, size(file.size), file.original_filename)
}

pub(crate) async fn info(args: &InfoArgs, project: &Project<'_>, output: &Output) -> Result<(), Failed> {
    let client = project.client()?;
    let mut tally = Tally::new(output);
    for id in &args.ids {
        let printed = match id {
            FileOrGroup::File(file) => {
                let asked = if args.appdata {
                    client.file_info_with_appdata(*file).await
                } else {
                    client.file_info(*file).await
                };
                asked.map(|file| output.result(&file, || facts(&file)))
            }
            FileOrGroup::Group(group) => {
                client.group_info(*group).await.map(|group| output.result(&group, || group_facts(&group)))
            }
        };
        match printed {
            Ok(printed) => {
                printed?;
                tally.good();
            }
            Err(error) => tally.bad(Failed::from(error).about(match id {
                FileOrGroup::File(file) => file.to_string(),
                FileOrGroup::Group(group) => group.to_string(),
            })),
        }
    }
    tally.end()
}

fn facts(file: &File) -> String {
    let mut text = format!("{}  {}\n", file.uuid, file.original_filename);
    let mut add = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:9} {value}"); // into a String
    };
    let detected = file.content_info.as_ref().and_then(|info| info.mime.as_ref()).map(|mime| mime.mime.as_str());
    add("size", format!("{} ({} bytes)", size(file.size), file.size));
    add("type", detected.unwrap_or(&file.mime_type).to_owned());
    if let Some(image) = file.content_info.as_ref().and_then(|info| info.image.as_ref()) {
        add("image", format!("{} {} x {}", image.format, image.width, image.height));
    }
    add("uploaded", file.datetime_uploaded.to_string());
    match (file.datetime_removed, file.datetime_stored) {
        (Some(at), _) => add("removed", at.to_string()),
        (None, Some(at)) => add("stored", at.to_string()),
        (None, None) => add("stored", "no: it is gone 24 hours after its upload".to_owned()),
    }
    if !file.is_ready {
        add("ready", "not yet".to_owned());
    }
    if let Some(url) = &file.original_file_url {
        add("url", url.clone());
    }
    if !file.tags.is_empty() {
        add("tags", file.tags.join(", "));
    }
    for (key, value) in &file.metadata {
        add("metadata", format!("{key} = {value}"));
    }
    for (addon, entry) in file.appdata.iter().flatten() {
        add("found", format!("{addon}: {}", entry.data));
    }
    text.truncate(text.trim_end().len());
    text
}

pub(crate) fn group_facts(group: &Group) -> String {
    let mut text = format!("{}  {} files  {}", group.id, group.files_count, group.cdn_url);
    for member in group.files.iter().flatten() {
        text.push_str("\n  ");
        match member {
            Some(member) => text.push_str(&line(&member.file)),
            None => text.push_str("(gone)"),
        }
    }
    text
}

pub(crate) async fn store(args: &FilesArgs, project: &Project<'_>, output: &Output) -> Result<(), Failed> {
    let files = distinct(&args.files);
    let batch = project.client()?.files_store(&files).await?;
    batched(&files, batch, output)
}

pub(crate) async fn remove(args: &FilesArgs, project: &Project<'_>, output: &Output) -> Result<(), Failed> {
    let files = distinct(&args.files);
    let batch = project.client()?.files_delete(&files).await?;
    batched(&files, batch, output)
}

fn distinct(files: &[FileUuid]) -> Vec<FileUuid> {
    let mut seen = BTreeSet::new();
    files.iter().copied().filter(|file| seen.insert(*file)).collect()
}

fn batched(files: &[FileUuid], batch: Batch, output: &Output) -> Result<(), Failed> {
    let mut tally = Tally::new(output);
    for file in &batch.result {
        tally.good();
        output.result(file, || line(file))?;
    }
    for (id, problem) in batch.problems {
        tally.bad(
            Failed::new(problem)
                .about(id)
                .hint("check the id, and that the keys are of the project it belongs to")
                .exiting(exit::NOT_FOUND),
        );
    }
    if tally.count() < files.len() {
        tally.bad(Failed::new("the service left some files out of its answer").hint("try again"));
    }
    tally.end()
}

pub(crate) async fn project(project: &Project<'_>, output: &Output) -> Result<(), Failed> {
    let facts = project.client()?.project().await?;
    output.result(&facts, || {
        let stores = if facts.autostore_enabled { "stored" } else { "gone after 24 hours unless stored" };
        let mut text = format!("{}  {}\n  uploads are {stores}", facts.pub_key, facts.name);
        for person in facts.collaborators.iter().flatten() {
            let _ = write!(text, "\n  {} <{}>", person.name, person.email); // into a String
        }
        text
    })
}
