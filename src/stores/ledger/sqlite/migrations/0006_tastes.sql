-- What somebody liked lately.
CREATE INDEX likes_by_user ON likes (user_id, created_at, post_id);
