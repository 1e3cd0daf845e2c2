-- Work on projects that lasts, and the files that it brings in.

CREATE TABLE tasks (
    id            TEXT PRIMARY KEY,
    project       TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    -- What the caller called the project.
    project_name  TEXT NOT NULL,
    -- add-documents, generate-knowledge-base or analyze-project.
    type          TEXT NOT NULL,
    repository    TEXT,
    branch        TEXT,
    include_tests INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    started_at    INTEGER,
    ended_at      INTEGER,
    -- Of one that failed.
    error         TEXT,
    chunks        INTEGER,
    -- JSON.
    analysis      TEXT
) STRICT;

CREATE INDEX tasks_by_project ON tasks (project, created_at);
CREATE INDEX tasks_unfinished ON tasks (created_at) WHERE ended_at IS NULL;
CREATE INDEX tasks_by_end ON tasks (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE task_files (
    place      INTEGER PRIMARY KEY AUTOINCREMENT,
    task       TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    number     INTEGER NOT NULL,
    -- In the archive of this number; 0 is the file that came.
    entry      INTEGER NOT NULL,
    project    TEXT NOT NULL,
    path       TEXT NOT NULL,
    -- As in documents; by the file's text if there is none.
    type       TEXT,
    tags       TEXT NOT NULL,
    -- Its name among the received files.
    received   TEXT,
    address    TEXT,
    -- waiting, reading, ready or failed.
    state      TEXT NOT NULL,
    document   BLOB,
    error      TEXT,
    -- Its path was told of again since it failed.
    is_settled INTEGER NOT NULL DEFAULT 0,
    UNIQUE (task, number, entry)
) STRICT;

CREATE INDEX task_files_by_path ON task_files (project, path) WHERE state = 'failed' AND is_settled = 0;
CREATE INDEX task_files_unready ON task_files (project, place) WHERE state <> 'ready' AND is_settled = 0;

-- Tasks with how many of their files are in which state.
CREATE VIEW counted_tasks AS
SELECT t.*, t.rowid AS number,
    (SELECT count(*) FROM task_files f WHERE f.task = t.id AND f.state = 'waiting') AS waiting,
    (SELECT count(*) FROM task_files f WHERE f.task = t.id AND f.state = 'reading') AS reading,
    (SELECT count(*) FROM task_files f WHERE f.task = t.id AND f.state = 'ready') AS ready,
    (SELECT count(*) FROM task_files f WHERE f.task = t.id AND f.state = 'failed') AS failed
FROM tasks t;
