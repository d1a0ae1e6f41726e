-- Interests, alerts, cursors and acknowledgements. The realm is part of every key: exercise and real never mix.

CREATE TABLE interest (
    interest_seq   INTEGER PRIMARY KEY AUTOINCREMENT,
    interest_id    TEXT NOT NULL UNIQUE,
    realm          TEXT NOT NULL,
    subject_id     TEXT NOT NULL,
    purpose        TEXT NOT NULL,
    aal            INTEGER NOT NULL,
    display_name   TEXT NOT NULL,
    terms          TEXT NOT NULL,
    create_time_ms INTEGER NOT NULL,
    delete_time_ms INTEGER,
    request_id     TEXT NOT NULL,
    request_sha256 BLOB NOT NULL,
    UNIQUE (subject_id, request_id)
) STRICT;
CREATE INDEX interest_by_subject ON interest (realm, subject_id, interest_seq) WHERE delete_time_ms IS NULL;

-- Last journal position worked on; written in the transaction that stores its alerts.
CREATE TABLE progress (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    position INTEGER NOT NULL
) STRICT;
INSERT INTO progress (only_row, position) VALUES (1, 0);

-- One match for one holder. `body` is what does not decide anything: JSON of the alert's content.
CREATE TABLE alert (
    alert_seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    alert_id      TEXT NOT NULL UNIQUE,
    realm         TEXT NOT NULL,
    subject_id    TEXT NOT NULL,
    not_after_day INTEGER,
    match_time_ms INTEGER NOT NULL,
    body          TEXT NOT NULL
) STRICT;
CREATE INDEX alert_by_subject ON alert (realm, subject_id, alert_seq);

-- Matches under embargo: they become alerts on the day they may be read.
CREATE TABLE held_alert (
    alert_id       TEXT PRIMARY KEY,
    realm          TEXT NOT NULL,
    subject_id     TEXT NOT NULL,
    not_before_day INTEGER NOT NULL,
    not_after_day  INTEGER,
    match_time_ms  INTEGER NOT NULL,
    body           TEXT NOT NULL
) STRICT;
CREATE INDEX held_alert_by_day ON held_alert (not_before_day);

-- A named cursor of a holder. Numbers are given in delivery order, so that withheld alerts leave no gap.
CREATE TABLE consumer (
    realm              TEXT NOT NULL,
    subject_id         TEXT NOT NULL,
    consumer           TEXT NOT NULL,
    received_alert_seq INTEGER NOT NULL,
    received_number    INTEGER NOT NULL,
    sent_alert_seq     INTEGER NOT NULL,
    PRIMARY KEY (realm, subject_id, consumer)
) STRICT, WITHOUT ROWID;

CREATE TABLE acknowledgement (
    alert_id            TEXT PRIMARY KEY,
    subject_id          TEXT NOT NULL,
    note                TEXT NOT NULL,
    acknowledge_time_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
