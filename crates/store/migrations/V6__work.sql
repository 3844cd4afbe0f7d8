-- Work divided: tasks, sessions, reviews and votes. Rows keep what is looked for; the rest is in the body.

ALTER TABLE run ADD COLUMN task    BLOB;
ALTER TABLE run ADD COLUMN session BLOB;
CREATE INDEX run_task    ON run (task, id)    WHERE task    IS NOT NULL;
CREATE INDEX run_session ON run (session, id) WHERE session IS NOT NULL;

-- Routing: breakers of agents, how their runs at tasks ended, who was chosen and why, and the
-- milestones of sessions that were announced.
CREATE TABLE breaker (agent TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE track (
    run     BLOB PRIMARY KEY,
    agent   TEXT NOT NULL,
    kind    TEXT NOT NULL,
    outcome TEXT NOT NULL,
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX track_time ON track (at, agent);
CREATE TABLE track_sum (
    agent    TEXT NOT NULL,
    kind     TEXT NOT NULL,
    verified INTEGER NOT NULL,
    refuted  INTEGER NOT NULL,
    failed   INTEGER NOT NULL,
    PRIMARY KEY (agent, kind)
) STRICT, WITHOUT ROWID;
CREATE TABLE choice (
    task  BLOB NOT NULL,
    fence INTEGER NOT NULL,
    agent TEXT,
    body  TEXT NOT NULL,
    at    INTEGER NOT NULL,
    PRIMARY KEY (task, fence)
) STRICT, WITHOUT ROWID;
CREATE TABLE milestone (
    session BLOB NOT NULL,
    percent INTEGER NOT NULL,
    PRIMARY KEY (session, percent)
) STRICT, WITHOUT ROWID;
