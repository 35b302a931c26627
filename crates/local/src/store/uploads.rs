//! Rows of multipart uploads and their parts, and who may write where.
//!
//! Part `n` goes straight to its place in the upload's blob, once: when it has the expected length, was never
//! acknowledged, and nobody else is writing it. Every other write goes to a file of its own, so that bytes which were
//! acknowledged are never touched by a request that may yet fail.

use super::{Charge, NewFile, Store, StoreError, tokens};
use sqlx::Row;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use updock_types::FileUuid;

/// A multipart upload under way.
#[derive(Debug, Clone)]
pub(crate) struct UploadRow {
    /// The file that will be.
    pub(crate) uuid: FileUuid,
    /// Names the upload in part URLs.
    pub(crate) upload_id: String,
    pub(crate) original_filename: String,
    pub(crate) mime_type: String,
    pub(crate) size: u64,
    pub(crate) part_size: u64,
    pub(crate) stored: bool,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) tags: Vec<String>,
}

/// A part that was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartRow {
    pub(crate) number: u16,
    pub(crate) size: u64,
    pub(crate) md5: [u8; 16],
    /// The file it lies in, unless in its place.
    pub(crate) side: Option<String>,
}

impl UploadRow {
    /// How many parts were announced.
    pub(crate) fn parts(&self) -> u64 {
        self.size.div_ceil(self.part_size)
    }

    /// Where part `number` has its place, and how long it should be; `None` beyond the last.
    pub(crate) fn place(&self, number: u16) -> Option<(u64, u64)> {
        let offset = u64::from(number).checked_sub(1)? * self.part_size;
        (offset < self.size).then(|| (offset, self.part_size.min(self.size - offset)))
    }
}

impl Store {
    /// Remembers a started upload and books the token.
    pub(crate) async fn start_upload(&self, upload: &UploadRow, charge: Option<&Charge>) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        if let Some(charge) = charge {
            tokens::book(&mut change, charge, 1).await?;
        }
        sqlx::query(
            "INSERT INTO uploads (uuid, upload_id, original_filename, mime_type, size, part_size, stored, metadata,
                                  tags, started_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(upload.uuid.to_string())
        .bind(&upload.upload_id)
        .bind(&upload.original_filename)
        .bind(&upload.mime_type)
        .bind(upload.size.cast_signed())
        .bind(upload.part_size.cast_signed())
        .bind(upload.stored)
        .bind(serde_json::to_string(&upload.metadata)?)
        .bind(serde_json::to_string(&upload.tags)?)
        .bind(super::now().as_micros())
        .execute(&mut *change)
        .await?;
        Ok(change.commit().await?)
    }

    /// The upload under way that will be `file`.
    pub(crate) async fn upload(&self, file: FileUuid) -> Result<Option<UploadRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM uploads WHERE uuid = ?")
            .bind(file.to_string())
            .fetch_optional(&self.read)
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(UploadRow {
            uuid: file,
            upload_id: row.try_get("upload_id")?,
            original_filename: row.try_get("original_filename")?,
            mime_type: row.try_get("mime_type")?,
            size: row.try_get::<i64, _>("size")?.cast_unsigned(),
            part_size: row.try_get::<i64, _>("part_size")?.cast_unsigned(),
            stored: row.try_get("stored")?,
            metadata: serde_json::from_str(row.try_get("metadata")?)?,
            tags: serde_json::from_str(row.try_get("tags")?)?,
        }))
    }

    /// The acknowledged parts, by number.
    pub(crate) async fn parts(&self, file: FileUuid) -> Result<Vec<PartRow>, StoreError> {
        let rows = sqlx::query("SELECT number, size, md5, side FROM parts WHERE upload = ? ORDER BY number")
            .bind(file.to_string())
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(part).collect()
    }

    /// Was this part acknowledged before?
    pub(crate) async fn has_part(&self, file: FileUuid, number: u16) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM parts WHERE upload = ? AND number = ?)")
            .bind(file.to_string())
            .bind(number)
            .fetch_one(&self.read)
            .await?)
    }

    /// Remembers a part whose bytes are written, in the place of an earlier one. False where the upload is gone.
    pub(crate) async fn add_part(&self, file: FileUuid, part: &PartRow) -> Result<bool, StoreError> {
        let mut change = self.change().await?;
        let open: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM uploads WHERE uuid = ?)")
            .bind(file.to_string())
            .fetch_one(&mut *change)
            .await?;
        if !open {
            return Ok(false);
        }
        let earlier: Option<Option<String>> =
            sqlx::query_scalar("SELECT side FROM parts WHERE upload = ? AND number = ?")
                .bind(file.to_string())
                .bind(part.number)
                .fetch_optional(&mut *change)
                .await?;
        sqlx::query("INSERT OR REPLACE INTO parts (upload, number, size, md5, side) VALUES (?, ?, ?, ?, ?)")
            .bind(file.to_string())
            .bind(part.number)
            .bind(part.size.cast_signed())
            .bind(&part.md5[..])
            .bind(&part.side)
            .execute(&mut *change)
            .await?;
        change.commit().await?;
        if let Some(side) = earlier.flatten() {
            // Nothing points to it any more; if it stays, the next start sweeps it.
            let _ = std::fs::remove_file(self.blobs.incoming(&side));
        }
        Ok(true)
    }

    /// Turns an upload whose blob is whole into a file. False where the upload is gone.
    pub(crate) async fn finish_upload(&self, file: &NewFile) -> Result<bool, StoreError> {
        let mut change = self.change().await?;
        let sides: Vec<String> = sqlx::query_scalar("SELECT side FROM parts WHERE upload = ? AND side IS NOT NULL")
            .bind(file.uuid.to_string())
            .fetch_all(&mut *change)
            .await?;
        let gone = sqlx::query("DELETE FROM uploads WHERE uuid = ?")
            .bind(file.uuid.to_string())
            .execute(&mut *change)
            .await?
            .rows_affected();
        if gone == 0 {
            return Ok(false);
        }
        self.insert(&mut change, file).await?;
        change.commit().await?;
        self.publish(file.uuid);
        for side in sides {
            let _ = std::fs::remove_file(self.blobs.incoming(&side));
        }
        Ok(true)
    }
}

fn part(row: &sqlx::sqlite::SqliteRow) -> Result<PartRow, StoreError> {
    let md5: Vec<u8> = row.try_get("md5")?;
    Ok(PartRow {
        number: row.try_get("number")?,
        size: row.try_get::<i64, _>("size")?.cast_unsigned(),
        md5: md5.try_into().map_err(|_| sqlx::Error::Decode("an MD5 has 16 bytes".into()))?,
        side: row.try_get("side")?,
    })
}

/// Who is writing what in place right now.
#[derive(Debug, Default)]
pub(crate) struct Claims(Mutex<HashMap<FileUuid, Claimed>>);

#[derive(Debug, Default)]
struct Claimed {
    writers: HashSet<u16>,
    completing: bool,
}

impl Claims {
    fn lock(&self) -> MutexGuard<'_, HashMap<FileUuid, Claimed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to write part `number` in its place, if nobody has it and nobody completes the upload.
    pub(crate) fn write(self: &Arc<Self>, file: FileUuid, number: u16) -> Option<Claim> {
        let mut claims = self.lock();
        let claimed = claims.entry(file).or_default();
        let free = !claimed.completing && claimed.writers.insert(number);
        free.then(|| Claim { claims: self.clone(), file, what: What::Part(number) })
    }

    /// The right to complete an upload, with the word whether somebody still writes in place; `None` if another
    /// request completes it.
    pub(crate) fn complete(self: &Arc<Self>, file: FileUuid) -> Option<(Claim, bool)> {
        let mut claims = self.lock();
        let claimed = claims.entry(file).or_default();
        if std::mem::replace(&mut claimed.completing, true) {
            return None;
        }
        Some((Claim { claims: self.clone(), file, what: What::Completion }, !claimed.writers.is_empty()))
    }
}

/// A right that ends when this goes.
#[derive(Debug)]
pub(crate) struct Claim {
    claims: Arc<Claims>,
    file: FileUuid,
    what: What,
}

#[derive(Debug)]
enum What {
    Part(u16),
    Completion,
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claims = self.claims.lock();
        let Some(claimed) = claims.get_mut(&self.file) else { return };
        match self.what {
            What::Part(number) => _ = claimed.writers.remove(&number),
            What::Completion => claimed.completing = false,
        }
        if claimed.writers.is_empty() && !claimed.completing {
            claims.remove(&self.file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_writer_has_a_part_and_none_while_the_upload_is_completed() {
        let claims = Arc::new(Claims::default());
        let file = FileUuid::from_random_bytes([7; 16]);
        let first = claims.write(file, 1).unwrap();
        assert!(claims.write(file, 1).is_none());
        assert!(claims.write(file, 2).is_some());
        let (completion, busy) = claims.complete(file).unwrap();
        assert!(busy && claims.complete(file).is_none() && claims.write(file, 3).is_none());
        drop((first, completion));
        assert!(claims.lock().is_empty());
        assert!(!claims.complete(file).unwrap().1);
    }
}
