-- What the client says the file's SHA-256 is, and the object store's name of an upload that comes in parts.
ALTER TABLE uploads ADD COLUMN checksum_sha256 TEXT;
ALTER TABLE uploads ADD COLUMN multipart_id TEXT;
-- How many of a user's uploads are pending.
CREATE INDEX uploads_pending_by_user ON uploads (user_id) WHERE status = 'pending';
