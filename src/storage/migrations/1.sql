-- One row per session: what a list of sessions shows. Kept in step with the facts by every append.
CREATE TABLE session (
    id      TEXT PRIMARY KEY,
    title   TEXT NOT NULL,
    -- 1 once a title or a first message gave the title
    titled  INTEGER NOT NULL,
    -- JSON; NULL only when the session's first fact did not name a project
    project TEXT,
    model   TEXT,
    created TEXT NOT NULL,
    updated TEXT NOT NULL,
    -- number of facts, equal to the number of the newest one
    facts   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE fact (
    session TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    seq     INTEGER NOT NULL,
    at      TEXT NOT NULL,
    body    TEXT NOT NULL,
    PRIMARY KEY (session, seq)
) STRICT, WITHOUT ROWID;

-- Contents of files before and after changes, each once.
CREATE TABLE blob (
    hash  TEXT PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;

-- Which session's facts name which blob, so that removing a session frees what no other needs.
CREATE TABLE session_blob (
    session TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    hash    TEXT NOT NULL,
    PRIMARY KEY (session, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_blob_by_hash ON session_blob (hash);
