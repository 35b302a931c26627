//! What has an end: files that nobody stored, files that were removed, uploads that were never completed, tokens.
//!
//! A file that is not stored is removed after 24 hours, and a removed one is forgotten for good after 24 more; the
//! service publishes the first span only. All spans run on the scaled clock. Source: Upload API, Limits; REST API
//! v0.7, Files.

use crate::{
    app::App,
    events::Notice,
    store::{self, StoreError},
};
use std::{fs, time::Duration};
use updock_types::Event;

/// How long an unstored file lives, a removed one is remembered, an upload may take, and a token can be asked for.
const LIFE: Duration = Duration::from_hours(24);
/// How often to look, at the speed of real time; faster on a faster clock.
const LOOK_EVERY: Duration = Duration::from_mins(5);
/// However fast the clock runs.
const LOOK_AT_MOST: Duration = Duration::from_millis(10);
/// Tokens are good for this much longer than they say.
const LEEWAY_SECONDS: i64 = 60;

/// Ends what has an end, for ever.
pub(crate) async fn expire(app: App) {
    let pause = app.clock().real(LOOK_EVERY).max(LOOK_AT_MOST);
    loop {
        if let Err(error) = round(&app).await {
            tracing::error!(%error, "could not end what has expired");
        }
        tokio::time::sleep(pause).await;
    }
}

async fn round(app: &App) -> Result<(), StoreError> {
    let now = store::now();
    app.store.forget_tokens(now.as_seconds() - LEEWAY_SECONDS).await?;
    let Some(before) = now.as_micros().checked_sub(app.clock().real_micros(LIFE)).filter(|before| *before > 0) else {
        return Ok(()); // the clock stands still
    };
    // The removed ones first: what is removed in this round is not forgotten in it.
    for file in app.store.removed_before(before).await? {
        app.store.purge_file(file).await?;
    }
    for file in app.store.remove_unstored(before).await? {
        tracing::info!(%file, "removed a file that nobody stored");
        app.tell(Notice::by_system(Event::FileDeleted, file)).await;
    }
    for upload in app.store.uploads_before(before).await? {
        // One that is being completed just now has made it.
        let Some((_claim, _)) = app.store.claims.complete(upload) else { continue };
        for file in app.store.abandon_upload(upload).await? {
            // What is not there needs no removing; what cannot be removed is swept at the next start.
            let _ = fs::remove_file(app.store.blobs.incoming(&file));
        }
    }
    app.store.forget_url_uploads(before).await
}
