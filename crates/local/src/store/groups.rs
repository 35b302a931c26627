//! Rows of groups.

use super::{FileRow, Store, StoreError, Stretch, Window, timestamp};
use serde::{Deserialize, Serialize};
use sqlx::{Row, sqlite::SqliteRow};
use std::collections::HashMap;
use updock_types::{FileUuid, GroupId, Timestamp};

/// One file of a group, with the CDN operations frozen at grouping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) file: FileUuid,
    /// `resize/x800/`, or nothing.
    pub(crate) effects: String,
}

/// A group.
#[derive(Debug)]
pub(crate) struct GroupRow {
    pub(crate) id: GroupId,
    pub(crate) created_at: Timestamp,
    pub(crate) members: Vec<Member>,
}

impl Store {
    /// Adds a group; `None` unless every member is a file of the project.
    pub(crate) async fn add_group(&self, id: GroupId, members: Vec<Member>) -> Result<Option<GroupRow>, StoreError> {
        let mut change = self.change().await?;
        for member in &members {
            let known: bool =
                sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM files WHERE uuid = ? AND removed_at IS NULL)")
                    .bind(member.file.to_string())
                    .fetch_one(&mut *change)
                    .await?;
            if !known {
                return Ok(None);
            }
        }
        let created_at = self.tick();
        sqlx::query("INSERT INTO file_groups (id, created_at, members) VALUES (?, ?, ?)")
            .bind(id.to_string())
            .bind(created_at)
            .bind(serde_json::to_string(&members)?)
            .execute(&mut *change)
            .await?;
        change.commit().await?;
        Ok(Some(GroupRow { id, created_at: timestamp(created_at), members }))
    }

    /// The group of that id.
    pub(crate) async fn group(&self, id: GroupId) -> Result<Option<GroupRow>, StoreError> {
        let row = sqlx::query("SELECT created_at, members FROM file_groups WHERE id = ?")
            .bind(id.to_string())
            .fetch_optional(&self.read)
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(GroupRow {
            id,
            created_at: timestamp(row.try_get("created_at")?),
            members: serde_json::from_str(row.try_get("members")?)?,
        }))
    }

    /// The files of a group in order; `None` in the place of one that is gone.
    pub(crate) async fn members(&self, group: &GroupRow) -> Result<Vec<Option<FileRow>>, StoreError> {
        let members = self.all_members(group).await?;
        Ok(members.into_iter().map(|row| row.filter(|row| row.removed_at.is_none())).collect())
    }

    /// The files of a group in order, removed or not; `None` in the place of one that was purged.
    pub(crate) async fn all_members(&self, group: &GroupRow) -> Result<Vec<Option<FileRow>>, StoreError> {
        let uuids: Vec<FileUuid> = group.members.iter().map(|member| member.file).collect();
        let files: HashMap<FileUuid, FileRow> =
            self.files(&uuids).await?.into_iter().map(|row| (row.uuid, row)).collect();
        Ok(uuids.iter().map(|uuid| files.get(uuid).cloned()).collect())
    }

    /// One page of groups, without their members, and how many groups there are. Costs the same however deep it lies.
    pub(crate) async fn list_groups(&self, window: &Window) -> Result<(Stretch<GroupRow>, i64), StoreError> {
        let rows = window.select("SELECT id, created_at", GROUPS).build().fetch_all(&self.read).await?;
        let group = |row: &SqliteRow| -> Result<GroupRow, StoreError> {
            let id: &str = row.try_get("id")?;
            let id = GroupId::parse(id).map_err(|error| sqlx::Error::Decode(error.into()))?;
            Ok(GroupRow { id, created_at: timestamp(row.try_get("created_at")?), members: Vec::new() })
        };
        let groups = rows.iter().map(group).collect::<Result<_, _>>()?;
        let stretch = window.stretch(groups, |group: &GroupRow| group.created_at, GROUPS, &self.read).await?;
        let total = sqlx::query_scalar("SELECT files FROM totals WHERE state = 'groups'").fetch_one(&self.read).await?;
        Ok((stretch, total))
    }

    /// Forgets a group; its files stay. `false` where there is no such group.
    pub(crate) async fn delete_group(&self, id: GroupId) -> Result<bool, StoreError> {
        let mut change = self.change().await?;
        let deleted =
            sqlx::query("DELETE FROM file_groups WHERE id = ?").bind(id.to_string()).execute(&mut *change).await?;
        change.commit().await?;
        Ok(deleted.rows_affected() > 0)
    }
}

/// Every group, as a [`Window`] wants it.
pub(super) const GROUPS: &str = "FROM file_groups WHERE true";
