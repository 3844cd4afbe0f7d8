-- What units used, by the minute; measurements without events, kept for a day.
CREATE TABLE sample (
    unit        TEXT    NOT NULL,
    at          INTEGER NOT NULL, -- when the minute began
    cpu_avg     REAL    NOT NULL, -- percent of one core
    cpu_max     REAL    NOT NULL,
    rss_avg     INTEGER NOT NULL, -- bytes
    rss_max     INTEGER NOT NULL,
    processes   INTEGER NOT NULL,
    descriptors INTEGER,
    PRIMARY KEY (unit, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX sample_at ON sample (at);
