-- What is done on a timetable, and the last times that each was done.

CREATE TABLE job (
    name  TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    body  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE job_run (
    job    TEXT    NOT NULL,
    number INTEGER NOT NULL,
    body   TEXT    NOT NULL,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;
