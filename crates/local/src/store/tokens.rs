//! How many uploads were made with each token.

use super::{Change, Store, StoreError};

/// Uploads to book on a token, in the same change as the files they made: a refused upload costs nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Charge {
    /// SHA-256 of the token.
    pub(crate) fingerprint: [u8; 32],
    /// How many it is good for.
    pub(crate) limit: u32,
    /// When it ends, Unix seconds.
    pub(crate) expires_at: u64,
}

impl Store {
    /// Are `operations` more left on the token?
    pub(crate) async fn affords(&self, charge: &Charge, operations: usize) -> Result<bool, StoreError> {
        let used: Option<i64> = sqlx::query_scalar("SELECT used FROM token_operations WHERE fingerprint = ?")
            .bind(&charge.fingerprint[..])
            .fetch_optional(&self.read)
            .await?;
        Ok(used.unwrap_or(0) + signed(operations) <= i64::from(charge.limit))
    }
}

/// Books `operations`; fails with [`StoreError::TokenSpent`] where fewer are left.
pub(super) async fn book(change: &mut Change, charge: &Charge, operations: usize) -> Result<(), StoreError> {
    let booked = sqlx::query(
        "INSERT INTO token_operations SELECT ?1, ?2, ?3 WHERE ?2 <= ?4
         ON CONFLICT DO UPDATE SET used = used + ?2 WHERE used + ?2 <= ?4",
    )
    .bind(&charge.fingerprint[..])
    .bind(signed(operations))
    .bind(i64::try_from(charge.expires_at).unwrap_or(i64::MAX))
    .bind(i64::from(charge.limit))
    .execute(&mut **change)
    .await?;
    if booked.rows_affected() == 1 { Ok(()) } else { Err(StoreError::TokenSpent) }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
