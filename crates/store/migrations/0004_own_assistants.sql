-- Assistants that people make: their creators, projects and further fields. Until now there were only those that come
-- with the server.

ALTER TABLE assistants RENAME TO assistants_before;

CREATE TABLE assistants (
    id           TEXT PRIMARY KEY,
    -- Who made it; NULL: it came with the server.
    account      BLOB REFERENCES accounts (id),
    -- NULL: it came with the server, or its project is gone.
    project      TEXT REFERENCES projects (id) ON DELETE SET NULL,
    slug         TEXT NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    -- The name and the description in lower case, for searching.
    folded_name  TEXT NOT NULL,
    folded_description TEXT NOT NULL,
    -- The letters and digits of the name in lower case, for sorting.
    sort_name    TEXT NOT NULL,
    description  TEXT NOT NULL,
    instructions TEXT NOT NULL,
    model        TEXT,
    temperature  REAL,
    top_p        REAL,
    -- Lists: U+001F between their items.
    starters     TEXT NOT NULL,
    categories   TEXT NOT NULL,
    icon_url     TEXT,
    is_react     INTEGER NOT NULL,
    -- The members of its project may ask it.
    shared       INTEGER NOT NULL,
    -- Everyone who is signed in may ask it.
    is_global    INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT;

INSERT INTO assistants (id, account, project, slug, name, folded_name, folded_description, sort_name, description,
    instructions, model, temperature, top_p, starters, categories, icon_url, is_react, shared, is_global, created_at,
    updated_at)
SELECT id, account, NULL, slug, name, lower(name), lower(description), lower(name), description,
    instructions, model, temperature, NULL, '', '', NULL, 0, 0, for_everyone, created_at, created_at
FROM assistants_before;

DROP TABLE assistants_before;

CREATE INDEX assistants_by_account ON assistants (account);
CREATE INDEX assistants_by_project ON assistants (project);
