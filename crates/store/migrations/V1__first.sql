-- Schema version 1. Never edit a released migration: refinery compares checksums and refuses.
-- Times are microseconds since 1970 in UTC. Ids are the 16 bytes of a UUIDv7.
PRAGMA application_id = 1330793300; -- 'ORKT', so that a foreign database is not taken for ours

-- One row: where the journal ends. `seq` is raised here, inside the commit, so that readers see no gap.
CREATE TABLE head (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    seq   INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    seal  BLOB    NOT NULL,
    floor INTEGER NOT NULL
) STRICT;
INSERT INTO head (one, seq, epoch, seal, floor) VALUES (1, 0, 1, zeroblob(32), 0);

CREATE TABLE event (
    seq     INTEGER PRIMARY KEY,
    id      BLOB    NOT NULL UNIQUE,
    node    BLOB    NOT NULL,
    at      INTEGER NOT NULL,
    kind    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    topic   TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    actor   TEXT    NOT NULL,
    cause   BLOB,
    chain   BLOB    NOT NULL,
    hop     INTEGER NOT NULL,
    body    TEXT,             -- the stored bytes; NULL when in a blob or erased
    blob    BLOB,             -- SHA-256 of the bytes in blobs/
    salt    BLOB,             -- goes with the body when it is erased, so that the digest tells nothing
    digest  BLOB    NOT NULL, -- SHA-256(salt || body)
    line    BLOB    NOT NULL  -- SHA-256(header || digest), what the seal is made of
) STRICT;
CREATE INDEX event_kind    ON event (kind, seq);
CREATE INDEX event_subject ON event (topic, subject, seq);
CREATE INDEX event_chain   ON event (chain, seq);
CREATE INDEX event_at      ON event (at);
CREATE INDEX event_blob    ON event (blob) WHERE blob IS NOT NULL;

CREATE TABLE seal (
    to_seq   INTEGER PRIMARY KEY,
    from_seq INTEGER NOT NULL,
    epoch    INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    prev     BLOB    NOT NULL,
    hash     BLOB    NOT NULL
) STRICT;

-- Blob files to unlink once the erasing is committed; rows survive a crash between the two.
CREATE TABLE blob_trash (blob BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE consumer (name TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE unit (
    name  TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    body  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE instance (
    id         BLOB PRIMARY KEY,
    owner_kind TEXT    NOT NULL CHECK (owner_kind IN ('unit', 'run')),
    owner      TEXT    NOT NULL,
    generation INTEGER NOT NULL,
    boot_id    TEXT    NOT NULL,
    pid        INTEGER,
    start_time INTEGER,
    state      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX instance_open  ON instance (created_at) WHERE ended_at IS NULL;
CREATE INDEX instance_owner ON instance (owner_kind, owner, created_at);

CREATE TABLE run (
    id            BLOB PRIMARY KEY,
    reversed      TEXT    NOT NULL, -- hexadecimal digits backwards: people type the end of an id
    agent         TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    prompt        TEXT    NOT NULL,
    target        TEXT,
    worktree      TEXT,
    session_id    TEXT,
    stream_offset INTEGER NOT NULL,
    body          TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    request_key   TEXT UNIQUE
) STRICT, WITHOUT ROWID;
CREATE INDEX run_reversed ON run (reversed);

-- What was already made into events from a run's raw stream.
CREATE TABLE stream_mark (
    run           BLOB    NOT NULL,
    attempt       INTEGER NOT NULL,
    stream_offset INTEGER NOT NULL,
    place         INTEGER NOT NULL,
    PRIMARY KEY (run, attempt, stream_offset, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage (
    id          INTEGER PRIMARY KEY,
    run         BLOB    NOT NULL,
    at          INTEGER NOT NULL,
    model       TEXT    NOT NULL,
    fresh_input INTEGER NOT NULL,
    cache_read  INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    output      INTEGER NOT NULL,
    cost_micros INTEGER -- NULL when the price is not known, which is not the same as free
) STRICT;
CREATE INDEX usage_run ON usage (run);
CREATE INDEX usage_at  ON usage (at);

CREATE TABLE effect (
    id         BLOB PRIMARY KEY,
    kind       TEXT    NOT NULL,
    key        TEXT    NOT NULL UNIQUE,
    body       TEXT    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('recorded', 'begun', 'done', 'failed', 'unknown')),
    owner      TEXT,
    fence      INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    detail     TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX effect_state ON effect (state, created_at);

CREATE TABLE login (
    id_hash    BLOB PRIMARY KEY,
    kind       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX login_expires ON login (expires_at);
