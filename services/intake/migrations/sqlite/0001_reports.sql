-- Reports: words and labels told once, versions in journal order with their bytes, the batches they were signed in.
-- Nothing here is ever updated but `version.sibling`, and nothing but `request` is deleted. Each index is written with
-- each submission, so there are few.

-- Realms, types, originators, operations, submitters.
CREATE TABLE word (
    word_no INTEGER PRIMARY KEY,
    text    TEXT NOT NULL UNIQUE
) STRICT;

-- Distinct labels without dates, each decided once per profile.
CREATE TABLE label (
    label_no      INTEGER PRIMARY KEY,
    hash          BLOB NOT NULL UNIQUE,
    line          TEXT NOT NULL,
    realm_no      INTEGER NOT NULL,
    names_persons INTEGER NOT NULL
) STRICT;

-- Distinct labels as submitted, dates included.
CREATE TABLE dated_label (
    dated_label_no INTEGER PRIMARY KEY,
    hash           BLOB NOT NULL UNIQUE,
    line           TEXT NOT NULL,
    label_no       INTEGER NOT NULL,
    not_before     INTEGER,
    not_after      INTEGER,
    review_by      INTEGER
) STRICT;

-- Keys that signed batches.
CREATE TABLE signing_key (
    key_no        INTEGER PRIMARY KEY,
    key_id        TEXT NOT NULL UNIQUE,
    originator_no INTEGER NOT NULL,
    public_key    BLOB NOT NULL
) STRICT;

-- Versions accepted together under one signature: positions from `first_position` on, one per leaf of 32 bytes.
-- `add_time_ms` never falls as positions rise: a span of time is a span of positions, found by halving, without index.
CREATE TABLE batch (
    first_position INTEGER PRIMARY KEY,
    add_time_ms    INTEGER NOT NULL,
    submitter_no   INTEGER NOT NULL,
    severity       INTEGER NOT NULL,
    key_no         INTEGER NOT NULL,
    signature      BLOB NOT NULL,
    leaves         BLOB NOT NULL,
    traceparent    TEXT NOT NULL
) STRICT;

-- The journal. `report_key` is 64 bits of SHA-256 over realm and report id: narrow in the index, compared in full in the
-- row. Version times order versions; a report without any has 0 and -1. `sibling` is 1 once the report has several
-- versions of this originator.
CREATE TABLE version (
    position        INTEGER PRIMARY KEY,
    label_no        INTEGER NOT NULL,
    not_before      INTEGER,
    not_after       INTEGER,
    type_no         INTEGER NOT NULL,
    originator_no   INTEGER NOT NULL,
    operation_no    INTEGER NOT NULL,
    sibling         INTEGER NOT NULL,
    report_key      INTEGER NOT NULL,
    realm_no        INTEGER NOT NULL,
    version_seconds INTEGER NOT NULL,
    version_nanos   INTEGER NOT NULL,
    dated_label_no  INTEGER NOT NULL,
    report_id       TEXT NOT NULL,
    version         TEXT NOT NULL,
    title           TEXT NOT NULL
) STRICT;
CREATE INDEX version_by_report ON version (report_key, originator_no, version_seconds, version_nanos);
CREATE INDEX version_by_label ON version (label_no, position);

-- Bytes exactly as received; apart from the rows, so that filters read little.
CREATE TABLE content (
    position INTEGER PRIMARY KEY,
    body     BLOB NOT NULL
) STRICT;

-- Answers of unary submissions, one byte per item, for a day.
CREATE TABLE request (
    submitter_no   INTEGER NOT NULL,
    request_id     BLOB NOT NULL,
    request_sha256 BLOB NOT NULL,
    outcomes       BLOB NOT NULL,
    add_time_ms    INTEGER NOT NULL,
    PRIMARY KEY (submitter_no, request_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX request_by_time ON request (add_time_ms);
