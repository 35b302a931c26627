-- Subscriptions, what is to be delivered to them, and uploads from URLs. Times are microseconds since 1970.

-- AUTOINCREMENT: the number of a deleted subscription is never given again.
CREATE TABLE webhooks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    event TEXT NOT NULL,
    target_url TEXT NOT NULL,
    is_active INTEGER NOT NULL,
    version TEXT NOT NULL,
    signing_secret TEXT,
    UNIQUE (event, target_url)
) STRICT;

-- The outbox and its log. `next_attempt_at` is set exactly while there is something left to do.
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook INTEGER NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event TEXT NOT NULL,
    file TEXT NOT NULL,
    body BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',
    attempts INTEGER NOT NULL DEFAULT 0,
    status INTEGER,
    trouble TEXT,
    attempted_at INTEGER,
    next_attempt_at INTEGER
) STRICT;
CREATE INDEX deliveries_due ON deliveries (webhook, next_attempt_at, id) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX deliveries_of_webhook ON deliveries (webhook, id);

-- Uploads from URLs by token: under way while `file` and `trouble` are both null.
CREATE TABLE url_uploads (
    token TEXT PRIMARY KEY,
    source_url TEXT NOT NULL,
    filename TEXT,
    stored INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    tags TEXT NOT NULL,
    remember INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    file TEXT,
    trouble TEXT
) STRICT;
CREATE INDEX url_uploads_by_age ON url_uploads (created_at);

-- The file that each remembered URL became.
CREATE TABLE url_files (source_url TEXT PRIMARY KEY, file TEXT NOT NULL) STRICT, WITHOUT ROWID;
