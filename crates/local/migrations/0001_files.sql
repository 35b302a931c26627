-- The whole state of the stand-in but the bytes, which lie beside it as blobs. Times are microseconds since 1970.

CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;

-- uploaded_at is unique: the lists' cursor is a point in time, and no two files may share one.
CREATE TABLE files (
    uuid TEXT PRIMARY KEY,
    original_filename TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    uploaded_at INTEGER NOT NULL UNIQUE,
    stored_at INTEGER,
    removed_at INTEGER,
    ready_at INTEGER NOT NULL,
    is_image INTEGER NOT NULL,
    content_info TEXT NOT NULL,
    metadata TEXT NOT NULL,
    tags TEXT NOT NULL,
    state TEXT NOT NULL GENERATED ALWAYS AS (
        CASE WHEN removed_at IS NOT NULL THEN 'removed' WHEN stored_at IS NOT NULL THEN 'stored' ELSE 'unstored' END
    ) VIRTUAL
) STRICT;
CREATE INDEX files_by_state ON files (state, uploaded_at);
CREATE INDEX files_alive ON files (uploaded_at) WHERE removed_at IS NULL;

-- Totals of the project, kept by triggers so that a page costs the same however many files there are.
CREATE TABLE totals (state TEXT PRIMARY KEY, files INTEGER NOT NULL) STRICT;
INSERT INTO totals VALUES ('removed', 0), ('stored', 0), ('unstored', 0);
CREATE TRIGGER files_counted AFTER INSERT ON files BEGIN
    UPDATE totals SET files = files + 1 WHERE state = NEW.state;
END;
CREATE TRIGGER files_recounted AFTER UPDATE OF stored_at, removed_at ON files BEGIN
    UPDATE totals SET files = files - 1 WHERE state = OLD.state;
    UPDATE totals SET files = files + 1 WHERE state = NEW.state;
END;
CREATE TRIGGER files_discounted AFTER DELETE ON files BEGIN
    UPDATE totals SET files = files - 1 WHERE state = OLD.state;
END;

-- Multipart uploads under way; a row goes when its file comes.
CREATE TABLE uploads (
    uuid TEXT PRIMARY KEY,
    upload_id TEXT NOT NULL,
    original_filename TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    part_size INTEGER NOT NULL,
    stored INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    tags TEXT NOT NULL,
    started_at INTEGER NOT NULL
) STRICT;

-- Parts that were acknowledged. `side` names the file a part lies in when it is not in its place in the blob.
CREATE TABLE parts (
    upload TEXT NOT NULL REFERENCES uploads (uuid) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    size INTEGER NOT NULL,
    md5 BLOB NOT NULL,
    side TEXT,
    PRIMARY KEY (upload, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE file_groups (
    id TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL UNIQUE,
    members TEXT NOT NULL
) STRICT;

-- Uploads made with each token, by its SHA-256.
CREATE TABLE token_operations (
    fingerprint BLOB PRIMARY KEY,
    used INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
