-- What Cody's dialect stores: short ids, conversations with an assistant of their own, the right to read one turn.

ALTER TABLE assistants ADD COLUMN short_id TEXT NOT NULL DEFAULT '';
-- How their ids begin. One that meets another's by chance is made up.
UPDATE assistants SET short_id = substr(replace(id, '-', ''), 1, 12);
UPDATE assistants SET short_id = lower(hex(randomblob(6)))
WHERE EXISTS (SELECT 1 FROM assistants a WHERE a.short_id = assistants.short_id AND a.id < assistants.id);
CREATE UNIQUE INDEX assistants_by_short_id ON assistants (short_id);

-- The short id of the assistant that answers in it; NULL where each question names one.
ALTER TABLE conversations ADD COLUMN bot TEXT;
-- The title in lower case, for searching; empty where nobody searches.
ALTER TABLE conversations ADD COLUMN folded_title TEXT NOT NULL DEFAULT '';

-- Every account begins with this one.
INSERT INTO conversations (id, account, dialect, name, title, folded_title, bot, created_at, updated_at)
SELECT id, id, 'cody', 'string', 'First conversation', 'first conversation', '0595933806de',
    created_at, created_at
FROM accounts;

CREATE TABLE tickets (
    -- SHA-256 of the ticket.
    hash         BLOB PRIMARY KEY,
    account      BLOB NOT NULL,
    -- The turn's public id.
    turn         TEXT NOT NULL,
    -- The public id of the key that it was got by; NULL: by a token.
    key          TEXT,
    issued_at    INTEGER NOT NULL,
    -- When somebody had been given all of it.
    delivered_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX tickets_by_issue ON tickets (issued_at);
