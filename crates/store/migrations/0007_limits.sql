-- Limits of keys beside those of accounts, and what turns cost, which outlives their conversations.

-- Messages in a rolling window; NULL: no limit.
ALTER TABLE api_keys ADD COLUMN message_limit INTEGER;

-- The public id of the API key that was used; NULL: another way to sign in.
ALTER TABLE quota_ledger ADD COLUMN key TEXT;
-- What answered, for turns that have no row: those of deleted conversations, and those that are not kept.
ALTER TABLE quota_ledger ADD COLUMN provider TEXT;
ALTER TABLE quota_ledger ADD COLUMN model TEXT;
-- What such a turn cost, once it has ended. From then on it is not given back.
ALTER TABLE quota_ledger ADD COLUMN prompt_tokens INTEGER;
ALTER TABLE quota_ledger ADD COLUMN completion_tokens INTEGER;

CREATE INDEX quota_by_key ON quota_ledger (key, reserved_at) WHERE key IS NOT NULL;
