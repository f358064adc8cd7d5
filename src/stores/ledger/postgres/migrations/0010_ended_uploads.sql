-- When the objects of an upload that ended without a post, or whose post was deleted, are to be deleted once more: nothing
-- can be written under their keys then. A job that was given up may be tried again for thirty days.
ALTER TABLE uploads ADD COLUMN objects_due_at BIGINT;
UPDATE uploads SET objects_due_at = expires_at + 2592000000 WHERE status = 'failed';
CREATE INDEX uploads_ended ON uploads (objects_due_at) WHERE objects_due_at IS NOT NULL;
