-- What an answer rests on; both NULL where no documents were asked.

ALTER TABLE turns ADD COLUMN refused INTEGER;
-- A JSON list.
ALTER TABLE turns ADD COLUMN citations TEXT;
