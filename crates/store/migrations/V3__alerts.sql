-- Alerts: one row from the first word of a trouble to its end. Of one key at most one is not over.
CREATE TABLE alert (
    id       BLOB    PRIMARY KEY,
    key      TEXT    NOT NULL,
    state    TEXT    NOT NULL CHECK (state IN ('open', 'settled', 'resolved')),
    level    TEXT    NOT NULL,
    body     TEXT    NOT NULL,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX alert_alive ON alert (key) WHERE state IN ('open', 'settled');
CREATE INDEX alert_key   ON alert (key, first_at);
CREATE INDEX alert_state ON alert (state, last_at);
