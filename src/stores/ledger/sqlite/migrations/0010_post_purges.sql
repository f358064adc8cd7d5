-- Posts that were deleted and have likes, comments or hours of engagement left. What is up to these keys is gone already.
CREATE TABLE post_purges (
    post_id INTEGER PRIMARY KEY,
    deleted_at INTEGER NOT NULL,
    likes_after INTEGER NOT NULL,
    comments_after INTEGER NOT NULL,
    hours_after INTEGER NOT NULL
) STRICT;
