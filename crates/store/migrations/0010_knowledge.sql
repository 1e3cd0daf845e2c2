-- Documents of projects, the chunks that they are searched by, and the vectors of chunks.

CREATE TABLE documents (
    id      BLOB PRIMARY KEY,
    project TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    path    TEXT NOT NULL,
    -- What its owner says it is: code, doc, architecture, remark or summary.
    type    TEXT NOT NULL,
    -- A JSON list of words of its owner's.
    tags    TEXT NOT NULL,
    title   TEXT,
    -- Bytes of its text.
    bytes   INTEGER NOT NULL,
    -- SHA-256 of all that its chunks were made from.
    key     BLOB NOT NULL,
    UNIQUE (project, path)
) STRICT, WITHOUT ROWID;

CREATE INDEX documents_by_project ON documents (project, id);

-- A document's UTF-8 text in pieces of 64 KiB, so that a passage is read without the rest.
CREATE TABLE document_texts (
    document BLOB NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    number   INTEGER NOT NULL,
    piece    BLOB NOT NULL,
    PRIMARY KEY (document, number)
) STRICT;

CREATE TABLE chunks (
    document     BLOB NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    number       INTEGER NOT NULL,
    -- Bytes of the document's text.
    span_start   INTEGER NOT NULL,
    span_end     INTEGER NOT NULL,
    page         INTEGER,
    line         INTEGER NOT NULL,
    -- A JSON list of the headings that lead to it.
    headings     TEXT NOT NULL,
    header_start INTEGER,
    header_end   INTEGER,
    context      TEXT NOT NULL,
    terms        BLOB NOT NULL,
    -- SHA-256 of what its vector is made from.
    key          BLOB NOT NULL,
    PRIMARY KEY (document, number)
) STRICT;

CREATE INDEX chunks_by_key ON chunks (key);

-- Goes with the last chunk of the project that has its key.
CREATE TABLE vectors (
    project TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    key     BLOB NOT NULL,
    model   TEXT NOT NULL,
    vector  BLOB NOT NULL,
    PRIMARY KEY (project, key, model)
) STRICT, WITHOUT ROWID;

-- How often a project's documents have changed; an index that has seen fewer changes is behind.
ALTER TABLE projects ADD COLUMN documents_version INTEGER NOT NULL DEFAULT 0;
