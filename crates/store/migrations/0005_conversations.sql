-- Conversations as a whole: what they are called, who answers in them.

ALTER TABLE conversations ADD COLUMN title TEXT NOT NULL DEFAULT '';
ALTER TABLE conversations ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;

-- What those are called that were opened before there were titles: the beginning of their first question.
UPDATE conversations SET title = coalesce(
    (SELECT CASE WHEN length(t.question) > 50 THEN substr(t.question, 1, 50) || '...' ELSE t.question END
     FROM turns t WHERE t.conversation = conversations.id AND t.question IS NOT NULL ORDER BY t.seq LIMIT 1), '');

CREATE INDEX conversations_by_change ON conversations (account, dialect, updated_at);

-- The id of the assistant that was asked.
ALTER TABLE turns ADD COLUMN assistant TEXT;
-- The question with its markup, as the client showed it.
ALTER TABLE turns ADD COLUMN markup TEXT;

CREATE INDEX turns_by_assistant ON turns (conversation, assistant) WHERE assistant IS NOT NULL;
