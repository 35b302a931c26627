//! Rows of groups.

use super::{FileRow, Store, StoreError, timestamp};
use serde::{Deserialize, Serialize};
use sqlx::Row;
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
        let mut files = Vec::with_capacity(group.members.len());
        for member in &group.members {
            files.push(self.file(member.file).await?.filter(|file| file.removed_at.is_none()));
        }
        Ok(files)
    }
}
