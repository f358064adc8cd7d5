-- Every comment is told, not only somebody's first on a post: signals of comments are told apart by comment, 0 for
-- the others and for those that an older program writes.
ALTER TABLE notification_signals ADD COLUMN comment_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE notification_signals DROP CONSTRAINT notification_signals_pkey,
    ADD PRIMARY KEY (user_id, kind, post_id, actor_id, comment_id);
-- The latest comments that a notification tells of, the latest first. None in older rows, of which only actors are
-- known.
ALTER TABLE notifications ADD COLUMN comment_ids BIGINT[] NOT NULL DEFAULT '{}';
CREATE INDEX notifications_unread_by_time ON notifications (user_id, updated_at, id) WHERE NOT is_read;
