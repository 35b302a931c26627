-- Times are Unix milliseconds, in the audit log microseconds.

CREATE TABLE audit (
    node      TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    phase     TEXT NOT NULL,
    request   TEXT,
    caller    TEXT,
    operation TEXT,
    area      TEXT,
    verdict   TEXT,
    record    TEXT NOT NULL, -- what was hashed, byte for byte
    hash      TEXT NOT NULL,
    PRIMARY KEY (node, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_by_time ON audit (at, node, seq);

CREATE TABLE audit_marks (
    node      TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    hash      TEXT NOT NULL,
    at        INTEGER NOT NULL,
    signature TEXT NOT NULL,
    PRIMARY KEY (node, seq, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_keys (
    id         TEXT PRIMARY KEY,
    agent      TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    label      TEXT,
    parent     TEXT,
    narrowed   TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    used_at    INTEGER
) STRICT;

CREATE TABLE quotas (
    key      TEXT NOT NULL,
    period   INTEGER NOT NULL,
    used     INTEGER NOT NULL,
    PRIMARY KEY (key, period)
) STRICT, WITHOUT ROWID;

CREATE TABLE claims (
    key          TEXT PRIMARY KEY,
    fingerprint  TEXT NOT NULL,
    lease        INTEGER NOT NULL,
    keep         INTEGER NOT NULL,
    status       INTEGER, -- from here on: the answer, once there is one
    content_type TEXT,
    body         BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
    dedupe TEXT PRIMARY KEY,
    keep   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE hook_files (
    file    TEXT PRIMARY KEY,
    ended   INTEGER NOT NULL,
    version TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    event    TEXT NOT NULL,
    file     TEXT,
    body     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    late     INTEGER NOT NULL
) STRICT;

CREATE TABLE errands (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    target   TEXT NOT NULL,
    dedupe   TEXT NOT NULL,
    event    TEXT NOT NULL,
    body     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    next     INTEGER, -- NULL: dead
    attempts INTEGER NOT NULL,
    error    TEXT
) STRICT;
CREATE INDEX errands_due ON errands (next) WHERE next IS NOT NULL;

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
