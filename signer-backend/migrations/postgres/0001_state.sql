-- Times are Unix milliseconds, in the audit log and for rates microseconds.

CREATE TABLE audit (
    node      TEXT NOT NULL,
    seq       BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    phase     TEXT NOT NULL,
    request   TEXT,
    caller    TEXT,
    operation TEXT,
    area      TEXT,
    verdict   TEXT,
    record    TEXT NOT NULL, -- what was hashed, byte for byte; not JSON, which would be rewritten
    hash      TEXT NOT NULL,
    PRIMARY KEY (node, seq)
);
CREATE INDEX audit_by_time ON audit (at, node COLLATE "C", seq);

CREATE TABLE audit_marks (
    node      TEXT NOT NULL,
    seq       BIGINT NOT NULL,
    kind      TEXT NOT NULL,
    hash      TEXT NOT NULL,
    at        BIGINT NOT NULL,
    signature TEXT NOT NULL,
    PRIMARY KEY (node, seq, kind)
);

CREATE TABLE agent_keys (
    id         TEXT PRIMARY KEY,
    agent      TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    label      TEXT,
    parent     TEXT,
    narrowed   TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    used_at    BIGINT
);

-- What a crash loses here is an allowance: not worth a disk's wait for each call.
CREATE UNLOGGED TABLE rates (
    key TEXT PRIMARY KEY,
    tat BIGINT NOT NULL
);

CREATE TABLE quotas (
    key    TEXT NOT NULL,
    period BIGINT NOT NULL,
    used   BIGINT NOT NULL,
    PRIMARY KEY (key, period)
);

CREATE TABLE claims (
    key          TEXT PRIMARY KEY,
    fingerprint  TEXT NOT NULL,
    lease        BIGINT NOT NULL,
    keep         BIGINT NOT NULL,
    status       INTEGER, -- from here on: the answer, once there is one
    content_type TEXT,
    body         BYTEA
);

CREATE TABLE deliveries (
    dedupe TEXT PRIMARY KEY,
    keep   BIGINT NOT NULL
);

CREATE TABLE hook_files (
    file    TEXT PRIMARY KEY,
    ended   BOOLEAN NOT NULL,
    version TEXT COLLATE "C"
);

-- The position is the transaction's number (each event is one transaction of its own): below the oldest transaction
-- that still runs, nothing can appear any more, so whoever reads up to there in order misses nothing. A sequence does
-- not promise that: 6 may be committed before 5.
CREATE TABLE events (
    position BIGINT PRIMARY KEY DEFAULT (pg_current_xact_id()::text::bigint),
    event    TEXT NOT NULL,
    file     TEXT,
    body     TEXT NOT NULL,
    at       BIGINT NOT NULL,
    late     BOOLEAN NOT NULL
);

CREATE TABLE errands (
    id       BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    target   TEXT NOT NULL,
    dedupe   TEXT NOT NULL,
    event    TEXT NOT NULL,
    body     TEXT NOT NULL,
    at       BIGINT NOT NULL,
    next     BIGINT, -- NULL: dead
    attempts INTEGER NOT NULL,
    error    TEXT
);
CREATE INDEX errands_due ON errands (next) WHERE next IS NOT NULL;

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value BYTEA NOT NULL
);
