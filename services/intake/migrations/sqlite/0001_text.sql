-- The text index, in a file of its own: made from the journal, lost without harm, committed without holding it up.

-- Row id = position. Words alone, no copy of the texts, no lengths: nothing is ever ranked.
CREATE VIRTUAL TABLE report_text USING fts5(
    body, content = '', columnsize = 0, detail = full, tokenize = 'unicode61 remove_diacritics 2'
);

-- Last position indexed; written in the transaction that indexes it.
CREATE TABLE progress (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    position INTEGER NOT NULL
) STRICT;
INSERT INTO progress (only_row, position) VALUES (1, 0);
