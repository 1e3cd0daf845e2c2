-- The projects whose documents an assistant's answers rest on.

CREATE TABLE assistant_knowledge (
    assistant TEXT NOT NULL REFERENCES assistants (id) ON DELETE CASCADE,
    project   TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    PRIMARY KEY (assistant, project)
) STRICT, WITHOUT ROWID;

CREATE INDEX assistant_knowledge_by_project ON assistant_knowledge (project);
