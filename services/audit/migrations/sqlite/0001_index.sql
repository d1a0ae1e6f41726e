-- What can be found: the search index over the log, made from it and erasable, and the spans received over OTLP.

-- Number of records indexed: everything below is in `term`, and the log is never smaller.
CREATE TABLE progress (
    only_row     INTEGER PRIMARY KEY CHECK (only_row = 1),
    indexed      INTEGER NOT NULL,
    looked_at    INTEGER NOT NULL
) STRICT;
INSERT INTO progress (only_row, indexed, looked_at) VALUES (1, 0, 0);

-- Who may find records: the auditors of an organization in a realm, or a subject its own.
CREATE TABLE reader (
    reader_id INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE
) STRICT;

-- A record by something its reader may know of it. Every search is one range of this table, so neither its answer nor its
-- cost depends on records that are not the reader's.
CREATE TABLE term (
    reader_id   INTEGER NOT NULL,
    kind        INTEGER NOT NULL,
    value       BLOB NOT NULL,
    entry_index INTEGER NOT NULL,
    PRIMARY KEY (reader_id, kind, value, entry_index)
) STRICT, WITHOUT ROWID;

-- Traces of which a record tells: their spans are kept.
CREATE TABLE audited_trace (
    trace_id BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE span (
    span_seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    trace_id        BLOB NOT NULL,
    span_id         BLOB NOT NULL,
    parent_span_id  BLOB NOT NULL,
    name            TEXT NOT NULL,
    service_name    TEXT NOT NULL,
    start_ns        INTEGER NOT NULL,
    end_ns          INTEGER NOT NULL,
    error           INTEGER NOT NULL,
    attributes      TEXT NOT NULL,
    receive_time_ms INTEGER NOT NULL,
    UNIQUE (trace_id, span_id)
) STRICT;
