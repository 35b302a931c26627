-- Conversions, runs of add-ons and image derivatives: what was asked for, and how far it is. A job that is pending or
-- processing when the process dies is taken up again at the next start.
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    request TEXT NOT NULL UNIQUE,
    token INTEGER UNIQUE,
    -- The file an add-on runs on; null for all other jobs.
    target TEXT,
    task TEXT NOT NULL,
    state TEXT NOT NULL,
    trouble TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX jobs_unfinished ON jobs (id) WHERE state NOT IN ('finished', 'failed');
-- One run of an add-on on a file at a time.
CREATE UNIQUE INDEX jobs_one_addon_a_file ON jobs (kind, target)
    WHERE target IS NOT NULL AND state NOT IN ('finished', 'failed');

-- Groups of pages that were made of a document, the last for each format.
CREATE TABLE page_groups (
    file TEXT NOT NULL,
    format TEXT NOT NULL,
    group_id TEXT NOT NULL,
    PRIMARY KEY (file, format)
) STRICT, WITHOUT ROWID;

-- Was the file made in the place of something that cannot be made on one machine?
ALTER TABLE files ADD COLUMN placeholder INTEGER NOT NULL DEFAULT 0;
