-- Accounts, API keys, conversations as trees of turns, idempotency, quota.
-- Times are milliseconds since 1970 (UTC), ids of 16 bytes are UUIDv7.

CREATE TABLE accounts (
    id            BLOB PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    -- Messages in a rolling window; NULL: no limit.
    message_limit INTEGER,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    seq        INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    account    BLOB NOT NULL REFERENCES accounts (id),
    label      TEXT NOT NULL,
    -- SHA-256 of the key.
    hash       BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

CREATE TABLE conversations (
    id         BLOB PRIMARY KEY,
    account    BLOB NOT NULL REFERENCES accounts (id),
    dialect    TEXT NOT NULL,
    name       TEXT NOT NULL,
    -- The last message of the selected path: a turn, and 0 for its question or 1 for its answer.
    tip_turn   BLOB,
    tip_side   INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (account, dialect, name)
) STRICT, WITHOUT ROWID;

-- One row a turn, from which its messages are read. An imported message is a row with one of the two.
CREATE TABLE turns (
    -- Commit order.
    seq               INTEGER PRIMARY KEY,
    id                BLOB NOT NULL UNIQUE,
    account           BLOB NOT NULL REFERENCES accounts (id),
    conversation      BLOB NOT NULL REFERENCES conversations (id),
    -- The public id; NULL for an imported message.
    name              TEXT,
    parent_turn       BLOB,
    parent_side       INTEGER,
    question_id       TEXT,
    question          TEXT,
    answer_id         TEXT,
    answer            TEXT NOT NULL DEFAULT '',
    reasoning         TEXT NOT NULL DEFAULT '',
    -- Where each event of the answer ends, as the core encodes it.
    pieces            BLOB NOT NULL DEFAULT x'',
    asked_provider    TEXT,
    asked_model       TEXT,
    answered_provider TEXT,
    answered_model    TEXT,
    -- NULL while the turn runs.
    outcome           TEXT,
    failure_kind      TEXT,
    failure_message   TEXT,
    prompt_tokens     INTEGER NOT NULL DEFAULT 0,
    completion_tokens INTEGER NOT NULL DEFAULT 0,
    cached_tokens     INTEGER,
    reasoning_tokens  INTEGER,
    tokens_estimated  INTEGER NOT NULL DEFAULT 0,
    opened_at         INTEGER NOT NULL,
    ended_at          INTEGER,
    -- The node that runs it.
    owner             TEXT,
    -- SHA-256 of the request's body.
    request_hash      BLOB
) STRICT;

CREATE UNIQUE INDEX turns_by_name ON turns (account, name) WHERE name IS NOT NULL;
CREATE UNIQUE INDEX turns_by_question ON turns (account, question_id) WHERE question_id IS NOT NULL;
CREATE UNIQUE INDEX turns_by_answer ON turns (account, answer_id) WHERE answer_id IS NOT NULL;
CREATE INDEX turns_by_parent ON turns (conversation, parent_turn);
CREATE INDEX turns_open ON turns (conversation) WHERE outcome IS NULL;

CREATE TABLE idempotency_keys (
    account      BLOB NOT NULL,
    route        TEXT NOT NULL,
    key          TEXT NOT NULL,
    request_hash BLOB NOT NULL,
    turn_name    TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (account, route, key)
) STRICT, WITHOUT ROWID;

-- Reserved when a turn opens, given back when nothing was produced; outlives the conversation.
CREATE TABLE quota_ledger (
    turn        BLOB PRIMARY KEY,
    account     BLOB NOT NULL,
    reserved_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX quota_by_account ON quota_ledger (account, reserved_at);
