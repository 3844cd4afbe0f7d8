-- Work divided: tasks, sessions, reviews and votes. Rows keep what is looked for; the rest is in the body.

ALTER TABLE run ADD COLUMN task    BLOB;
ALTER TABLE run ADD COLUMN session BLOB;
CREATE INDEX run_task    ON run (task, id)    WHERE task    IS NOT NULL;
CREATE INDEX run_session ON run (session, id) WHERE session IS NOT NULL;
