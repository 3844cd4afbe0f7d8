-- Work divided: tasks, sessions, reviews and votes. Rows keep what is looked for; the rest is in the body.

ALTER TABLE run ADD COLUMN task    BLOB;
ALTER TABLE run ADD COLUMN session BLOB;
CREATE INDEX run_task    ON run (task, id)    WHERE task    IS NOT NULL;
CREATE INDEX run_session ON run (session, id) WHERE session IS NOT NULL;

-- Reviews: what others say of an agent's work. `due_at` is when time alone brings something.
CREATE TABLE review (
    id         BLOB    PRIMARY KEY,
    reversed   TEXT    NOT NULL,
    key        TEXT    NOT NULL UNIQUE,
    state      TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    run        BLOB    NOT NULL,
    task       BLOB,
    session    BLOB,
    due_at     INTEGER,
    body       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX review_reversed ON review (reversed);
CREATE INDEX review_state    ON review (state, id)   WHERE state <> 'closed';
CREATE INDEX review_run      ON review (run, id);
CREATE INDEX review_task     ON review (task, id)    WHERE task    IS NOT NULL;
CREATE INDEX review_session  ON review (session, id) WHERE session IS NOT NULL;

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
-- What agents know and are told: notes of their own, and notices that go into their next prompt.
CREATE TABLE agent_note (
    agent      TEXT PRIMARY KEY,
    body       TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE notice (
    id       INTEGER PRIMARY KEY,
    agent    TEXT NOT NULL,
    at       INTEGER NOT NULL,
    title    TEXT NOT NULL,
    message  TEXT NOT NULL,
    priority TEXT NOT NULL,
    read_at  INTEGER,
    read_by  TEXT
) STRICT;
CREATE INDEX notice_agent  ON notice (agent, id);
CREATE INDEX notice_unread ON notice (agent, id) WHERE read_at IS NULL;

-- Errors of tasks' runs by class, what was done about them, and whether that helped.
CREATE TABLE healing (
    id         INTEGER PRIMARY KEY,
    task       BLOB NOT NULL,
    run        BLOB NOT NULL UNIQUE,
    class      TEXT NOT NULL,
    strategy   TEXT NOT NULL,
    step       TEXT NOT NULL,
    text       TEXT NOT NULL,
    at         INTEGER NOT NULL,
    outcome    TEXT
) STRICT;
CREATE INDEX healing_task ON healing (task, id);
CREATE INDEX healing_open ON healing (task) WHERE outcome IS NULL;

-- The rows of the work at one time; the journal is no part of it.
CREATE TABLE snapshot (
    id       BLOB PRIMARY KEY,
    reversed TEXT NOT NULL,
    at       INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    made_by  TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    row_count INTEGER NOT NULL,
    digest   TEXT NOT NULL,
    counts   TEXT NOT NULL,
    body     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX snapshot_reversed ON snapshot (reversed);

-- Votes. A ballot is written once: no code replaces or removes one.
CREATE TABLE vote (
    id          BLOB    PRIMARY KEY,
    reversed    TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    outcome     TEXT,
    decided     INTEGER NOT NULL,
    asks        INTEGER NOT NULL,
    request_key TEXT    UNIQUE,
    task        BLOB,
    session     BLOB,
    body        TEXT    NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX vote_reversed ON vote (reversed);
CREATE INDEX vote_open     ON vote (id)          WHERE state <> 'closed';
CREATE INDEX vote_asks     ON vote (id)          WHERE asks = 1;
CREATE INDEX vote_decided  ON vote (id)          WHERE decided = 1;
CREATE INDEX vote_task     ON vote (task, id)    WHERE task    IS NOT NULL;
CREATE INDEX vote_session  ON vote (session, id) WHERE session IS NOT NULL;

CREATE TABLE ballot (
    vote   BLOB    NOT NULL REFERENCES vote (id),
    number INTEGER NOT NULL,
    round  INTEGER NOT NULL,
    voter  TEXT    NOT NULL,
    hash   TEXT    NOT NULL,
    body   TEXT    NOT NULL,
    PRIMARY KEY (vote, number),
    UNIQUE (vote, round, voter)
) STRICT, WITHOUT ROWID;

-- Tasks. `rank` is the priority, `assigned` the agent that has to do it (or nothing). `due_at` is when a
-- task has to be looked at by itself; what may be claimed now has none.
CREATE TABLE task (
    id          BLOB PRIMARY KEY,
    reversed    TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    rank        INTEGER NOT NULL,
    session     BLOB,
    parent      BLOB,
    pattern     BLOB,
    assigned    TEXT    NOT NULL DEFAULT '',
    due_at      INTEGER,
    request_key TEXT UNIQUE,
    body        TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX task_reversed ON task (reversed);
CREATE INDEX task_state    ON task (state, id);
CREATE INDEX task_queue    ON task (assigned, rank DESC, id) WHERE state = 'ready' AND due_at IS NULL;
CREATE INDEX task_due      ON task (due_at)      WHERE due_at  IS NOT NULL;
CREATE INDEX task_session  ON task (session, id) WHERE session IS NOT NULL;
CREATE INDEX task_parent   ON task (parent, id)  WHERE parent  IS NOT NULL;
CREATE INDEX task_pattern  ON task (pattern, id) WHERE pattern IS NOT NULL;

-- Both directions: what a task depends on, and what depends on it.
CREATE TABLE task_dependency (
    task     BLOB NOT NULL,
    on_task  BLOB NOT NULL,
    kind     TEXT NOT NULL,
    PRIMARY KEY (task, on_task)
) STRICT, WITHOUT ROWID;
CREATE INDEX task_dependency_on ON task_dependency (on_task, task);

-- A decision that depends on a set of rows names a guard: on a back end with several writers two such
-- decisions wait for each other here.
CREATE TABLE guard (
    name TEXT PRIMARY KEY,
    turn INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Work that is put into a branch.
CREATE TABLE merge (
    id         BLOB    PRIMARY KEY,
    reversed   TEXT    NOT NULL,
    run        BLOB,
    task       BLOB,
    session    BLOB,
    target     TEXT    NOT NULL,
    branch     TEXT    NOT NULL, -- into which
    state      TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX merge_reversed ON merge (reversed);
CREATE INDEX merge_state    ON merge (state, id);
CREATE INDEX merge_run      ON merge (run, id)     WHERE run     IS NOT NULL;
CREATE INDEX merge_task     ON merge (task, id)    WHERE task    IS NOT NULL;
CREATE INDEX merge_session  ON merge (session, id) WHERE session IS NOT NULL;

-- Runs whose work meets in a file while it is not merged yet; the one that began first is `one`.
CREATE TABLE overlap (
    one        BLOB    NOT NULL,
    other      BLOB    NOT NULL,
    level      TEXT    NOT NULL, -- soft: the same file, hot: the same lines
    body       TEXT    NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (one, other)
) STRICT, WITHOUT ROWID;

-- One goal for several agents, and the projects that goals belong to.
CREATE TABLE session (
    id          BLOB PRIMARY KEY,
    reversed    TEXT NOT NULL,
    state       TEXT NOT NULL,
    project     TEXT,
    request_key TEXT UNIQUE,
    body        TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_reversed ON session (reversed);
CREATE INDEX session_state    ON session (state, id);
CREATE INDEX session_project  ON session (project, id) WHERE project IS NOT NULL;

CREATE TABLE project (
    name       TEXT PRIMARY KEY,
    body       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
