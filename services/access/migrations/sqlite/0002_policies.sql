-- The deployment's policies: every set that was ever in force, by the epoch it began at. The last one is in force.
CREATE TABLE policy_set (
    version INTEGER PRIMARY KEY,
    etag    TEXT NOT NULL,
    body    TEXT NOT NULL
) STRICT;
CREATE TRIGGER policy_set_is_never_changed BEFORE UPDATE ON policy_set
BEGIN SELECT RAISE(ABORT, 'policy sets are append-only'); END;
CREATE TRIGGER policy_set_is_never_removed BEFORE DELETE ON policy_set
BEGIN SELECT RAISE(ABORT, 'policy sets are append-only'); END;
