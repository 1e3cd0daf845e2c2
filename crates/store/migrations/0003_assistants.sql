-- Assistants.

CREATE TABLE assistants (
    id           TEXT PRIMARY KEY,
    -- Whose it is; NULL: it came with the server.
    account      BLOB REFERENCES accounts (id),
    slug         TEXT NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    description  TEXT NOT NULL,
    project      TEXT NOT NULL,
    instructions TEXT NOT NULL,
    model        TEXT,
    temperature  REAL,
    -- Everyone who is signed in may ask it.
    for_everyone INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
