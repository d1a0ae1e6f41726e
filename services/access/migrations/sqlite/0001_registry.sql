-- What access owns: the registry, the label dictionary, the policy epoch, and answers already given.

-- One row. Raised in the transaction of every change of rights.
CREATE TABLE policy_epoch (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    epoch INTEGER NOT NULL CHECK (epoch >= 1)
) STRICT;
INSERT INTO policy_epoch (one, epoch) VALUES (1, 1);

-- What each epoch changed: kind and id of the resource.
CREATE TABLE epoch_log (
    epoch       INTEGER PRIMARY KEY,
    kind        TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    time_ms     INTEGER NOT NULL
) STRICT;

CREATE TABLE realm (
    realm TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE partner (
    organization_id TEXT PRIMARY KEY,
    etag            TEXT NOT NULL,
    body            TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE subject (
    subject_id      TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES partner (organization_id),
    person          TEXT UNIQUE,
    etag            TEXT NOT NULL,
    body            TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE operation (
    operation_id         TEXT PRIMARY KEY,
    lead_organization_id TEXT NOT NULL REFERENCES partner (organization_id),
    etag                 TEXT NOT NULL,
    body                 TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The dictionary. A number is never reused and a line never changes: other services keep hashes for good.
CREATE TABLE label (
    label_no      INTEGER PRIMARY KEY AUTOINCREMENT,
    hash          BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    timeless_hash BLOB NOT NULL CHECK (length(timeless_hash) = 32),
    line          TEXT NOT NULL
) STRICT;
CREATE TRIGGER label_is_never_changed BEFORE UPDATE ON label
BEGIN SELECT RAISE(ABORT, 'the label dictionary is append-only'); END;
CREATE TRIGGER label_is_never_removed BEFORE DELETE ON label
BEGIN SELECT RAISE(ABORT, 'the label dictionary is append-only'); END;

-- First answers by request id, so that the same request again gives the same answer.
CREATE TABLE request_answer (
    subject_id     TEXT NOT NULL,
    request_id     TEXT NOT NULL,
    request_sha256 BLOB NOT NULL,
    answer         TEXT NOT NULL,
    epoch          INTEGER NOT NULL,
    time_ms        INTEGER NOT NULL,
    PRIMARY KEY (subject_id, request_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX request_answer_by_time ON request_answer (time_ms);
