-- Who signs in: people, service clients, those whom other issuers vouch for; their projects; the issuer's keys.

-- Scopes are names with blanks between them; see `chat::Scope`.
ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT 'chat documents assistants';
ALTER TABLE api_keys ADD COLUMN expires_at INTEGER;
-- To the minute.
ALTER TABLE api_keys ADD COLUMN last_used_at INTEGER;

-- Who an account is. An account that only keys belong to has none.
CREATE TABLE profiles (
    account         BLOB PRIMARY KEY REFERENCES accounts (id),
    -- person, service or foreign.
    kind            TEXT NOT NULL,
    -- Whom another issuer vouches for: its name for itself and for the account. NULL for our own.
    issuer          TEXT,
    subject         TEXT,
    username        TEXT NOT NULL,
    name            TEXT NOT NULL,
    email           TEXT NOT NULL,
    picture         TEXT,
    is_external     INTEGER NOT NULL,
    is_admin        INTEGER NOT NULL,
    is_developer    INTEGER NOT NULL,
    -- Names, one a line.
    knowledge_bases TEXT NOT NULL,
    -- argon2id, for people who sign in here.
    password        TEXT,
    -- Tokens that were issued before count no more.
    tokens_from     INTEGER NOT NULL,
    disabled_at     INTEGER,
    -- SHA-256 of the claims that were applied last, and when their token was issued.
    claims_hash     BLOB,
    claims_at       INTEGER
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX profiles_by_identity ON profiles (issuer, subject) WHERE issuer IS NOT NULL;
CREATE UNIQUE INDEX profiles_by_username ON profiles (username COLLATE NOCASE) WHERE issuer IS NULL;
CREATE UNIQUE INDEX profiles_by_email ON profiles (email COLLATE NOCASE) WHERE issuer IS NULL AND email <> '';

CREATE TABLE clients (
    id              TEXT PRIMARY KEY,
    -- The service account; NULL for a public client.
    account         BLOB REFERENCES accounts (id),
    -- SHA-256 of the secret; NULL for a public client.
    secret_hash     BLOB,
    password_grant  INTEGER NOT NULL,
    service_account INTEGER NOT NULL,
    token_exchange  INTEGER NOT NULL,
    may_impersonate INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    disabled_at     INTEGER
) STRICT, WITHOUT ROWID;

-- A sign-in that can be refreshed.
CREATE TABLE sign_ins (
    id         TEXT PRIMARY KEY,
    account    BLOB NOT NULL REFERENCES accounts (id),
    client     TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at   INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX sign_ins_by_account ON sign_ins (account);
CREATE INDEX sign_ins_by_end ON sign_ins (expires_at);

CREATE TABLE signing_keys (
    id              TEXT PRIMARY KEY,
    -- PKCS#8.
    private_key     BLOB NOT NULL,
    created_at      INTEGER NOT NULL,
    -- NULL: it signs. Else it only proves what it has signed, until then.
    published_until INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE projects (
    id         TEXT PRIMARY KEY,
    -- The account whose personal project it is; NULL for one that has members.
    owner      BLOB REFERENCES accounts (id),
    name       TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX projects_by_name ON projects (name) WHERE owner IS NULL;
CREATE UNIQUE INDEX projects_by_owner ON projects (owner) WHERE owner IS NOT NULL;

CREATE TABLE project_members (
    project  TEXT NOT NULL REFERENCES projects (id),
    account  BLOB NOT NULL REFERENCES accounts (id),
    -- By the claims of a token, which also take it back; else by an administrator.
    by_claim INTEGER NOT NULL,
    is_admin INTEGER NOT NULL,
    PRIMARY KEY (project, account, by_claim)
) STRICT, WITHOUT ROWID;

CREATE INDEX members_by_account ON project_members (account);
