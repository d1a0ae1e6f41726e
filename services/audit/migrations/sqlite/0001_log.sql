-- The log: its head, its records, the full tiles of its tree. Only grows; the triggers say so to whoever comes with a
-- shell. A record's sections may later be erased: the entry, which commits to them, stays.

CREATE TABLE head (
    only_row     INTEGER PRIMARY KEY CHECK (only_row = 1),
    origin       TEXT NOT NULL,
    verifier_key TEXT NOT NULL,
    shard_epoch  INTEGER NOT NULL,
    size         INTEGER NOT NULL,
    root         BLOB NOT NULL
) STRICT;

-- `sections`: for each of the eleven in order, 32 bytes of salt, four bytes of length (big-endian), the exact bytes.
CREATE TABLE record (
    entry_index    INTEGER PRIMARY KEY,
    record_id      BLOB NOT NULL UNIQUE,
    append_time_ms INTEGER NOT NULL,
    entry          BLOB NOT NULL,
    sections       BLOB NOT NULL
) STRICT;

CREATE TABLE tile (
    level      INTEGER NOT NULL,
    tile_index INTEGER NOT NULL,
    hashes     BLOB NOT NULL,
    PRIMARY KEY (level, tile_index)
) STRICT;

CREATE TRIGGER record_is_never_deleted BEFORE DELETE ON record
BEGIN SELECT RAISE(ABORT, 'a record is never deleted'); END;
CREATE TRIGGER record_is_never_changed BEFORE UPDATE OF entry_index, record_id, append_time_ms, entry ON record
BEGIN SELECT RAISE(ABORT, 'a record is never changed'); END;
CREATE TRIGGER tile_is_never_deleted BEFORE DELETE ON tile
BEGIN SELECT RAISE(ABORT, 'a tile is never deleted'); END;
CREATE TRIGGER tile_is_never_changed BEFORE UPDATE ON tile
BEGIN SELECT RAISE(ABORT, 'a tile is never changed'); END;
CREATE TRIGGER head_never_shrinks BEFORE UPDATE ON head WHEN new.size < old.size
BEGIN SELECT RAISE(ABORT, 'the log never shrinks'); END;
CREATE TRIGGER head_is_never_deleted BEFORE DELETE ON head
BEGIN SELECT RAISE(ABORT, 'the head is never deleted'); END;
