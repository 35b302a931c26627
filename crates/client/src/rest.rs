//! A method with a typed answer for each operation of the REST API. What each may be repeated for is in the operation
//! table; where a method says nothing, it may.

use crate::{Call, Client, Error};
use std::collections::BTreeMap;
use updock_types::rest::{
    Addon, AddonExecute, AddonStarted, AddonStatus, BATCH_LIMIT, Batch, Conversion, ConversionStatus, Converting,
    DocumentInfo, File, FilesQuery, Found, Group, GroupsQuery, LocalCopied, LocalCopy, NewWebhook, Page, Project,
    RemoteCopied, RemoteCopy, Search, SearchPage, Tags, TagsChange, TagsChanged, Unsubscribe, Webhook, WebhookChange,
};
use updock_types::{AddonRequestId, ConversionToken, FileUuid, GroupId, MetadataKey, MetadataValue, Tag, WebhookId};

impl Client {
    // Files

    /// One page of files; all of them with [`Client::files`].
    pub async fn files_list(&self, query: FilesQuery) -> Result<Page<File>, Error> {
        self.ask(&Call::FilesList(query)).await
    }

    /// One page of what a search finds; all of it with [`Client::search`]. New files take some seconds to be found.
    pub async fn files_search(&self, search: Search, page: SearchPage) -> Result<Page<Found>, Error> {
        self.ask(&Call::FilesSearch(Box::new(search), page)).await
    }

    /// A file's facts; also those of a removed one.
    pub async fn file_info(&self, file: FileUuid) -> Result<File, Error> {
        self.ask(&Call::FileInfo(file)).await
    }

    /// A file's facts with what add-ons found in it.
    pub async fn file_info_with_appdata(&self, file: FileUuid) -> Result<File, Error> {
        self.ask(&Call::FileInfoWithAppdata(file)).await
    }

    /// Keeps a file beyond 24 hours.
    pub async fn file_store(&self, file: FileUuid) -> Result<File, Error> {
        self.ask(&Call::FileStore(file)).await
    }

    /// Removes a file.
    pub async fn file_delete(&self, file: FileUuid) -> Result<File, Error> {
        self.ask(&Call::FileDelete(file)).await
    }

    /// Keeps any number of files, a hundred a request. What could not be done is among the answer's problems. After an
    /// error some may be kept; the call may be repeated.
    pub async fn files_store(&self, files: &[FileUuid]) -> Result<Batch, Error> {
        self.batch(files, Call::FilesStore).await
    }

    /// Removes any number of files, as [`Client::files_store`] keeps them.
    pub async fn files_delete(&self, files: &[FileUuid]) -> Result<Batch, Error> {
        self.batch(files, Call::FilesDelete).await
    }

    async fn batch(&self, files: &[FileUuid], call: impl Fn(Vec<FileUuid>) -> Call) -> Result<Batch, Error> {
        let mut all = Batch { status: "ok".to_owned(), result: Vec::new(), problems: BTreeMap::new() };
        for some in files.chunks(BATCH_LIMIT) {
            let batch: Batch = self.ask(&call(some.to_vec())).await?;
            all.result.extend(batch.result);
            all.problems.extend(batch.problems);
        }
        Ok(all)
    }

    /// Copies a file, or a version of it, within the project. Each call makes another copy; its size is 0 until it is
    /// made.
    pub async fn file_local_copy(&self, copy: LocalCopy) -> Result<File, Error> {
        let copied: LocalCopied = self.ask(&Call::FileLocalCopy(copy)).await?;
        Ok(copied.result)
    }

    /// Copies a file, or a version of it, to a custom storage of the project.
    pub async fn file_remote_copy(&self, copy: RemoteCopy) -> Result<RemoteCopied, Error> {
        self.ask(&Call::FileRemoteCopy(copy)).await
    }

    /// A file's tags, in the order they were added.
    pub async fn file_tags(&self, file: FileUuid) -> Result<Vec<String>, Error> {
        let tags: Tags = self.ask(&Call::FileTags(file)).await?;
        Ok(tags.tags)
    }

    /// Gives a file exactly these tags.
    pub async fn file_tags_replace(&self, file: FileUuid, tags: &[Tag]) -> Result<TagsChanged, Error> {
        self.ask(&Call::FileTagsReplace(file, Tags { tags: texts(tags) })).await
    }

    /// Takes tags away, then appends others.
    pub async fn file_tags_update(&self, file: FileUuid, add: &[Tag], delete: &[Tag]) -> Result<TagsChanged, Error> {
        let change = TagsChange { add: texts(add), delete: texts(delete) };
        self.ask(&Call::FileTagsUpdate(file, change)).await
    }

    // Metadata

    /// All metadata of a file.
    pub async fn metadata_list(&self, file: FileUuid) -> Result<BTreeMap<String, String>, Error> {
        self.ask(&Call::MetadataList(file)).await
    }

    /// One metadata value.
    pub async fn metadata_get(&self, file: FileUuid, key: MetadataKey) -> Result<String, Error> {
        self.ask(&Call::MetadataGet(file, key)).await
    }

    /// Sets a metadata value; the value as it is now.
    pub async fn metadata_put(&self, file: FileUuid, key: MetadataKey, value: MetadataValue) -> Result<String, Error> {
        self.ask(&Call::MetadataPut(file, key, value)).await
    }

    /// Takes a metadata value away; refused with 404 if there is none.
    pub async fn metadata_delete(&self, file: FileUuid, key: MetadataKey) -> Result<(), Error> {
        self.tell(&Call::MetadataDelete(file, key)).await
    }

    // Groups

    /// One page of groups; all of them with [`Client::groups`].
    pub async fn groups_list(&self, query: GroupsQuery) -> Result<Page<Group>, Error> {
        self.ask(&Call::GroupsList(query)).await
    }

    /// A group with its files.
    pub async fn group_info(&self, group: GroupId) -> Result<Group, Error> {
        self.ask(&Call::GroupInfo(group)).await
    }

    /// Removes a group, not its files; refused with 404 if it is gone.
    pub async fn group_delete(&self, group: GroupId) -> Result<(), Error> {
        self.tell(&Call::GroupDelete(group)).await
    }

    // Conversion

    /// What a document is and what can be made of it.
    pub async fn document_info(&self, file: FileUuid) -> Result<DocumentInfo, Error> {
        self.ask(&Call::DocumentInfo(file)).await
    }

    /// Starts conversions of documents; each call starts new ones. [`Client::document_wait`] waits for one.
    pub async fn document_convert(&self, conversion: Conversion) -> Result<Converting, Error> {
        self.ask(&Call::DocumentConvert(conversion)).await
    }

    /// How far a conversion of a document is.
    pub async fn document_status(&self, token: ConversionToken) -> Result<ConversionStatus, Error> {
        self.ask(&Call::DocumentStatus(token)).await
    }

    /// Starts conversions of videos; each call starts new ones. [`Client::video_wait`] waits for one.
    pub async fn video_convert(&self, conversion: Conversion) -> Result<Converting, Error> {
        self.ask(&Call::VideoConvert(conversion)).await
    }

    /// How far a conversion of a video is.
    pub async fn video_status(&self, token: ConversionToken) -> Result<ConversionStatus, Error> {
        self.ask(&Call::VideoStatus(token)).await
    }

    // Add-ons

    /// Starts an add-on on a file; refused with 409 while one runs there. [`Client::addon_wait`] waits for it.
    pub async fn addon_execute(&self, addon: Addon, execute: AddonExecute) -> Result<AddonRequestId, Error> {
        let started: AddonStarted = self.ask(&Call::AddonExecute(addon, execute)).await?;
        Ok(started.request_id)
    }

    /// How far a run of an add-on is. `Unknown` may come right after the start.
    pub async fn addon_status(&self, addon: Addon, request: AddonRequestId) -> Result<AddonStatus, Error> {
        self.ask(&Call::AddonStatus(addon, request)).await
    }

    // Webhooks

    /// All subscriptions.
    pub async fn webhooks_list(&self) -> Result<Vec<Webhook>, Error> {
        self.ask(&Call::WebhooksList).await
    }

    /// Makes a subscription; refused with 400 if there is one of the same event and target.
    pub async fn webhook_create(&self, webhook: NewWebhook) -> Result<Webhook, Error> {
        self.ask(&Call::WebhookCreate(webhook)).await
    }

    /// One subscription. Served, not published, by the service.
    pub async fn webhook_info(&self, id: WebhookId) -> Result<Webhook, Error> {
        self.ask(&Call::WebhookInfo(id)).await
    }

    /// Changes what is given and leaves the rest.
    pub async fn webhook_update(&self, id: WebhookId, change: WebhookChange) -> Result<Webhook, Error> {
        self.ask(&Call::WebhookUpdate(id, change)).await
    }

    /// Removes one subscription; refused with 404 if it is gone. Served, not published, by the service.
    pub async fn webhook_delete(&self, id: WebhookId) -> Result<(), Error> {
        self.tell(&Call::WebhookDelete(id)).await
    }

    /// Removes every subscription of a target, whatever its event.
    pub async fn webhook_unsubscribe(&self, target_url: &str) -> Result<(), Error> {
        self.tell(&Call::WebhookUnsubscribe(Unsubscribe { target_url: target_url.to_owned() })).await
    }

    // Project

    /// The project's facts.
    pub async fn project(&self) -> Result<Project, Error> {
        self.ask(&Call::ProjectInfo).await
    }

    /// Makes a call whose answer says nothing.
    async fn tell(&self, call: &Call) -> Result<(), Error> {
        self.send(call).await?.done()
    }
}

fn texts(tags: &[Tag]) -> Vec<String> {
    tags.iter().map(ToString::to_string).collect()
}
