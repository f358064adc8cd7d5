-- Every comment is told, not only somebody's first on a post: signals of comments are told apart by comment, 0 for
-- the others and for those that were told before.
CREATE TABLE told_signals (
    user_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    post_id INTEGER NOT NULL,
    actor_id INTEGER NOT NULL,
    comment_id INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, kind, post_id, actor_id, comment_id)
) STRICT, WITHOUT ROWID;
INSERT INTO told_signals (user_id, kind, post_id, actor_id)
SELECT user_id, kind, post_id, actor_id FROM notification_signals ORDER BY user_id, kind, post_id, actor_id;
DROP TABLE notification_signals;
ALTER TABLE told_signals RENAME TO notification_signals;
-- The latest comments that a notification tells of, the latest first. None in older rows, of which only actors are
-- known.
ALTER TABLE notifications ADD COLUMN comment_ids TEXT NOT NULL DEFAULT '[]';
-- Ends in the notification's id.
CREATE INDEX notifications_unread_by_time ON notifications (user_id, updated_at) WHERE is_read = 0;
