-- Posts that were deleted and have likes, comments or hours of engagement left. What is up to these keys is gone already:
-- the next step begins behind them and does not walk over the rows that earlier ones left dead.
CREATE TABLE post_purges (
    post_id BIGINT PRIMARY KEY,
    deleted_at BIGINT NOT NULL,
    likes_after BIGINT NOT NULL,
    comments_after BIGINT NOT NULL,
    hours_after BIGINT NOT NULL
) WITH (fillfactor = 50);
