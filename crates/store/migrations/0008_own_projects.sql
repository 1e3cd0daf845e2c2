-- Projects of an account's own beside the personal one: they come into being when something is put into them.

ALTER TABLE projects ADD COLUMN is_personal INTEGER NOT NULL DEFAULT 0;
UPDATE projects SET is_personal = 1 WHERE owner IS NOT NULL;

DROP INDEX projects_by_owner;
CREATE UNIQUE INDEX projects_personal ON projects (owner) WHERE is_personal;
CREATE UNIQUE INDEX projects_own ON projects (owner, name) WHERE owner IS NOT NULL AND NOT is_personal;
