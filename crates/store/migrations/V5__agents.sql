-- Agents at work: who may be given work, what runs cost, what was asked, and what came from outside.

-- Whether an agent is held back, and why. No row: it is not.
CREATE TABLE agent_state (
    agent TEXT PRIMARY KEY,
    body  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The books: each row of usage also says who consumed it, on which day, and where its price is from.
-- A day is one of the zone that was configured when it was booked, so that a closed day stays closed.
ALTER TABLE usage ADD COLUMN agent   TEXT    NOT NULL DEFAULT '';
ALTER TABLE usage ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;
ALTER TABLE usage ADD COLUMN day     TEXT    NOT NULL DEFAULT '';
ALTER TABLE usage ADD COLUMN priced  TEXT    NOT NULL DEFAULT 'vendor'; -- vendor, table, unknown
UPDATE usage SET day = date(at / 1000000, 'unixepoch'),
    agent  = coalesce((SELECT run.agent FROM run WHERE run.id = usage.run), ''),
    priced = CASE WHEN cost_micros IS NULL THEN 'unknown' ELSE 'vendor' END;
CREATE INDEX usage_day   ON usage (day);
CREATE INDEX usage_agent ON usage (agent, at);
CREATE INDEX usage_model ON usage (model, at);

-- Every attempt of a run and every call of a model's API, once each.
CREATE TABLE agent_call (
    key    TEXT    PRIMARY KEY, -- the same call is booked once
    agent  TEXT    NOT NULL,
    run    BLOB    NOT NULL,
    at     INTEGER NOT NULL,    -- when it ended
    ms     INTEGER NOT NULL,
    ok     INTEGER NOT NULL,
    status TEXT    NOT NULL,    -- in one word: ok, failed, an HTTP status
    tokens INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_call_agent ON agent_call (agent, at);

-- Budgets that were set by hand; others are in the configuration, or belong to a run.
CREATE TABLE budget (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Which share of a budget was told in which window: once each.
CREATE TABLE budget_told (
    budget TEXT    NOT NULL,
    period TEXT    NOT NULL,
    share  INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (budget, period, share)
) STRICT, WITHOUT ROWID;

-- A person lets go on what a budget stops.
CREATE TABLE budget_override (
    budget TEXT PRIMARY KEY,
    body   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What is promised to calls that are under way; it is void when its time is over.
CREATE TABLE reservation (
    key        TEXT    PRIMARY KEY,
    run        BLOB    NOT NULL,
    agent      TEXT    NOT NULL,
    model      TEXT    NOT NULL,
    micros     INTEGER NOT NULL,
    tokens     INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX reservation_expires ON reservation (expires_at);

-- Issues of a tracker that became, or did not become, runs.
CREATE TABLE issue (
    key        TEXT    PRIMARY KEY, -- github:OWNER/REPO#NUMBER
    state      TEXT    NOT NULL,
    run        BLOB,
    body       TEXT    NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX issue_state ON issue (state, updated_at);
-- Approvals: one row for each question to a person, from asking to its end.
CREATE TABLE approval (
    id         BLOB    PRIMARY KEY,
    reversed   TEXT    NOT NULL,
    run        BLOB    NOT NULL,
    agent      TEXT    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN
        ('pending', 'approved', 'used', 'denied', 'expired', 'withdrawn')),
    alike      TEXT    NOT NULL,
    head       TEXT    NOT NULL,
    rule       TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    asked_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX approval_reversed ON approval (reversed);
CREATE INDEX approval_run      ON approval (run);
CREATE INDEX approval_state    ON approval (state, id);
CREATE INDEX approval_alike    ON approval (alike, id);
CREATE INDEX approval_head     ON approval (rule, head, id);

-- Rules that a person made with a wider answer. A row that is gone is over; the journal has it.
CREATE TABLE gate_rule (
    id       BLOB    PRIMARY KEY,
    scope    TEXT    NOT NULL CHECK (scope IN ('task', 'agent', 'rule')),
    run      BLOB,
    agent    TEXT,
    until_at INTEGER,
    body     TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
