//! Rows of jobs: conversions, runs of add-ons, image derivatives.
//!
//! A job and the files it announces are one change, and so is its end and everything it found; so a crash leaves
//! either a job that is taken up again, or nothing. Leaves to [`crate::jobs`] what a job does.

use super::{Change, Charge, Making, Member, NewFile, Store, StoreError, now, timestamp, tokens};
use crate::jobs::Task;
use serde::{Deserialize, Serialize};
use sqlx::{Row, Sqlite, sqlite::SqliteRow};
use std::{collections::BTreeMap, time::Duration};
use updock_types::{
    AddonRequestId, ConversionToken, FileUuid, GroupId, Timestamp,
    rest::{Addon, Appdata, AppdataEntry},
};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobState {
    Pending,
    Processing,
    /// A derivative is made, and on its way to the files.
    Uploading,
    Finished,
    Failed,
}

impl JobState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Uploading => "uploading",
            Self::Finished => "finished",
            Self::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Self {
        let all = [Self::Pending, Self::Processing, Self::Uploading, Self::Finished];
        all.into_iter().find(|state| state.as_str() == text).unwrap_or(Self::Failed)
    }
}

/// Why a job failed, in words for whoever asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trouble {
    /// `unknown_foreground`, ...
    pub(crate) code: String,
    /// One sentence.
    pub(crate) title: String,
}

/// A job as it is remembered.
#[derive(Debug, Clone)]
pub(crate) struct JobRow {
    pub(crate) id: i64,
    pub(crate) request: AddonRequestId,
    /// Conversions only.
    pub(crate) token: Option<ConversionToken>,
    pub(crate) task: Task,
    pub(crate) state: JobState,
    pub(crate) trouble: Option<Trouble>,
    pub(crate) created_at: Timestamp,
}

/// What a job that succeeded leaves behind.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Results by canonical path, for the source to remember.
    pub(crate) variations: BTreeMap<String, FileUuid>,
    /// Pages as a group of their own, by format.
    pub(crate) pages: Option<(String, GroupId, Vec<Member>)>,
    /// What an add-on found, and its version.
    pub(crate) findings: Option<(Addon, serde_json::Value, &'static str)>,
    /// Results that stand for something that cannot be made here.
    pub(crate) placeholders: Vec<FileUuid>,
}

const COLUMNS: &str = "SELECT id, request, token, task, state, trouble, created_at FROM jobs";

fn read(row: &SqliteRow) -> Result<JobRow, StoreError> {
    let request: &str = row.try_get("request")?;
    let trouble: Option<&str> = row.try_get("trouble")?;
    Ok(JobRow {
        id: row.try_get("id")?,
        request: AddonRequestId::parse(request).map_err(|error| sqlx::Error::Decode(error.into()))?,
        token: row.try_get::<Option<i64>, _>("token")?.map(|token| ConversionToken(token.cast_unsigned())),
        task: serde_json::from_str(row.try_get("task")?)?,
        state: JobState::parse(row.try_get("state")?),
        trouble: trouble.map(serde_json::from_str).transpose()?,
        created_at: timestamp(row.try_get("created_at")?),
    })
}

impl Store {
    /// Remembers a job with the files it announces and the group that holds some of them, and books the token.
    /// `None`, and nothing is changed, where the same add-on runs on the same file already.
    pub(crate) async fn add_job(
        &self,
        task: &Task,
        announced: &[NewFile],
        group: Option<(GroupId, Vec<Member>)>,
        charge: Option<&Charge>,
    ) -> Result<Option<JobRow>, StoreError> {
        let request = AddonRequestId::from_random_bytes(crate::chance::bytes());
        // Half of them outgrow 32 bits, as those of the service do.
        let token = task.is_conversion().then(|| (u64::from_le_bytes(crate::chance::bytes()) >> 31).max(1));
        let mut change = self.change().await?;
        if let Some(charge) = charge {
            tokens::book(&mut change, charge, 1).await?;
        }
        let created_at = now();
        let added = sqlx::query(
            "INSERT INTO jobs (kind, request, token, target, task, state, created_at)
             VALUES (?, ?, ?, ?, ?, 'pending', ?) ON CONFLICT DO NOTHING",
        )
        .bind(task.kind())
        .bind(request.to_string())
        .bind(token.map(u64::cast_signed))
        .bind(task.exclusive_target().map(|file| file.to_string()))
        .bind(serde_json::to_string(task)?)
        .bind(created_at.as_micros())
        .execute(&mut *change)
        .await?;
        if added.rows_affected() == 0 {
            return Ok(None);
        }
        self.announce(&mut change, announced).await?;
        if let Some((id, members)) = group {
            self.insert_group(&mut change, id, &members).await?;
        }
        change.commit().await?;
        Ok(Some(JobRow {
            id: added.last_insert_rowid(),
            request,
            token: token.map(ConversionToken),
            task: task.clone(),
            state: JobState::Pending,
            trouble: None,
            created_at,
        }))
    }

    /// Announces more files of a job that is under way, and remembers them with it.
    pub(crate) async fn announce_for_job(&self, job: &JobRow, announced: &[NewFile]) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        self.announce(&mut change, announced).await?;
        sqlx::query("UPDATE jobs SET task = ? WHERE id = ?")
            .bind(serde_json::to_string(&job.task)?)
            .bind(job.id)
            .execute(&mut *change)
            .await?;
        Ok(change.commit().await?)
    }

    async fn announce(&self, change: &mut Change, files: &[NewFile]) -> Result<(), StoreError> {
        for file in files {
            self.insert(change, file).await?;
            sqlx::query("UPDATE files SET provisional = ? WHERE uuid = ?")
                .bind(Making::Conversion.as_str())
                .bind(file.uuid.to_string())
                .execute(&mut **change)
                .await?;
        }
        Ok(())
    }

    async fn insert_group(&self, change: &mut Change, id: GroupId, members: &[Member]) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO file_groups (id, created_at, members) VALUES (?, ?, ?)")
            .bind(id.to_string())
            .bind(self.tick())
            .bind(serde_json::to_string(members)?)
            .execute(&mut **change)
            .await?;
        Ok(())
    }

    /// The job of that token.
    pub(crate) async fn job_by_token(&self, token: ConversionToken) -> Result<Option<JobRow>, StoreError> {
        let Ok(token) = i64::try_from(token.0) else { return Ok(None) };
        self.job("token", token).await
    }

    /// The job of that request.
    pub(crate) async fn job_by_request(&self, request: AddonRequestId) -> Result<Option<JobRow>, StoreError> {
        self.job("request", request.to_string()).await
    }

    async fn job<'q, T>(&self, column: &'static str, value: T) -> Result<Option<JobRow>, StoreError>
    where
        T: sqlx::Encode<'q, Sqlite> + sqlx::Type<Sqlite> + Send + 'q,
    {
        let mut query = sqlx::QueryBuilder::<Sqlite>::new(COLUMNS);
        query.push(" WHERE ").push(column).push(" = ").push_bind(value);
        query.build().fetch_optional(&self.read).await?.as_ref().map(read).transpose()
    }

    /// The last jobs, newest first.
    pub(crate) async fn recent_jobs(&self, limit: u16) -> Result<Vec<JobRow>, StoreError> {
        let query = format!("{COLUMNS} ORDER BY id DESC LIMIT ?");
        let rows = sqlx::query(sqlx::AssertSqlSafe(query)).bind(limit).fetch_all(&self.read).await?;
        rows.iter().map(read).collect()
    }

    /// Jobs that have not ended, oldest first.
    pub(crate) async fn unfinished_jobs(&self) -> Result<Vec<JobRow>, StoreError> {
        let query = format!("{COLUMNS} WHERE state NOT IN ('finished', 'failed') ORDER BY id");
        let rows = sqlx::query(sqlx::AssertSqlSafe(query)).fetch_all(&self.write).await?;
        rows.iter().map(read).collect()
    }

    /// Moves a job on; `false` where it has ended or is forgotten.
    pub(crate) async fn advance_job(&self, job: i64, state: JobState) -> Result<bool, StoreError> {
        let moved = sqlx::query("UPDATE jobs SET state = ? WHERE id = ? AND state NOT IN ('finished', 'failed')")
            .bind(state.as_str())
            .bind(job);
        Ok(self.execute(moved).await?.rows_affected() == 1)
    }

    /// Ends a job well. What the add-ons had found before comes back where this one found something.
    pub(crate) async fn finish_job(
        &self,
        job: i64,
        source: Option<FileUuid>,
        outcome: &Outcome,
    ) -> Result<Option<Appdata>, StoreError> {
        let mut change = self.change().await?;
        let mut previous = None;
        if let Some(source) = source {
            if !outcome.variations.is_empty() {
                sqlx::query("UPDATE files SET variations = json_patch(variations, ?) WHERE uuid = ?")
                    .bind(serde_json::to_string(&outcome.variations)?)
                    .bind(source.to_string())
                    .execute(&mut *change)
                    .await?;
            }
            if let Some((format, id, members)) = &outcome.pages {
                self.insert_group(&mut change, *id, members).await?;
                sqlx::query("INSERT OR REPLACE INTO page_groups (file, format, group_id) VALUES (?, ?, ?)")
                    .bind(source.to_string())
                    .bind(format)
                    .bind(id.to_string())
                    .execute(&mut *change)
                    .await?;
            }
            if let Some((addon, data, version)) = &outcome.findings {
                previous = note(&mut change, source, *addon, data, version).await?;
            }
        }
        for file in &outcome.placeholders {
            sqlx::query("UPDATE files SET placeholder = 1 WHERE uuid = ?")
                .bind(file.to_string())
                .execute(&mut *change)
                .await?;
        }
        end(&mut change, job, JobState::Finished, None).await?;
        change.commit().await?;
        Ok(previous)
    }

    /// Ends a job badly. Files and the group that it announced go with it.
    pub(crate) async fn fail_job(
        &self,
        job: i64,
        trouble: &Trouble,
        announced: &[FileUuid],
        group: Option<GroupId>,
    ) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        for file in announced {
            sqlx::query("DELETE FROM files WHERE uuid = ? AND provisional <> ''")
                .bind(file.to_string())
                .execute(&mut *change)
                .await?;
        }
        if let Some(group) = group {
            sqlx::query("DELETE FROM file_groups WHERE id = ?").bind(group.to_string()).execute(&mut *change).await?;
        }
        end(&mut change, job, JobState::Failed, Some(serde_json::to_string(trouble)?)).await?;
        Ok(change.commit().await?)
    }

    /// Groups of pages that were made of a document, by format.
    pub(crate) async fn page_groups(&self, file: FileUuid) -> Result<BTreeMap<String, GroupId>, StoreError> {
        let rows = sqlx::query_as::<_, (String, String)>(
            "SELECT format, group_id FROM page_groups WHERE file = ? AND group_id IN (SELECT id FROM file_groups)",
        )
        .bind(file.to_string())
        .fetch_all(&self.read)
        .await?;
        rows.into_iter()
            .map(|(format, id)| {
                let id = GroupId::parse(&id).map_err(|error| sqlx::Error::Decode(error.into()))?;
                Ok((format, id))
            })
            .collect()
    }

    /// Keeps a file that is whole unready for so long.
    pub(crate) async fn unready_for(&self, file: FileUuid, time: Duration) -> Result<(), StoreError> {
        let ready_at = now().as_micros().saturating_add(i64::try_from(time.as_micros()).unwrap_or(i64::MAX));
        let unready = sqlx::query("UPDATE files SET ready_at = ? WHERE uuid = ?").bind(ready_at).bind(file.to_string());
        self.execute(unready).await?;
        Ok(())
    }
}

async fn end(change: &mut Change, job: i64, state: JobState, trouble: Option<String>) -> Result<(), StoreError> {
    sqlx::query("UPDATE jobs SET state = ?, trouble = ? WHERE id = ? AND state NOT IN ('finished', 'failed')")
        .bind(state.as_str())
        .bind(trouble)
        .bind(job)
        .execute(&mut **change)
        .await?;
    Ok(())
}

/// Writes what an add-on found; what all add-ons had found before comes back. The time of the first run stays.
async fn note(
    change: &mut Change,
    file: FileUuid,
    addon: Addon,
    data: &serde_json::Value,
    version: &str,
) -> Result<Option<Appdata>, StoreError> {
    let text: Option<String> = sqlx::query_scalar("SELECT appdata FROM files WHERE uuid = ?")
        .bind(file.to_string())
        .fetch_optional(&mut **change)
        .await?;
    let Some(text) = text else { return Ok(None) };
    let previous: Appdata = serde_json::from_str(&text)?;
    let mut appdata = previous.clone();
    let at = now();
    let entry = AppdataEntry {
        data: data.clone(),
        version: Some(version.to_owned()),
        datetime_created: previous.get(addon.as_str()).map_or(at, |entry| entry.datetime_created),
        datetime_updated: at,
    };
    appdata.insert(addon.as_str().to_owned(), entry);
    sqlx::query("UPDATE files SET appdata = ? WHERE uuid = ?")
        .bind(serde_json::to_string(&appdata)?)
        .bind(file.to_string())
        .execute(&mut **change)
        .await?;
    Ok(Some(previous))
}
