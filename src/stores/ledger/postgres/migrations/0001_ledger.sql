-- The ledger. Ids are 64-bit numbers and times Unix milliseconds, as in the embedded one.
--
-- A column named `position` comes from a sequence and grows with time: lists are paged by it. Foreign keys
-- stand only where the insert is not on a hot path; likes, comments, counters and follows lock the rows that
-- they depend on themselves. Rows that are updated often leave room on their page, so that no index is touched.

CREATE TABLE users (
    id BIGINT PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    bio TEXT NOT NULL DEFAULT '',
    password_hash TEXT NOT NULL,
    private BOOLEAN NOT NULL DEFAULT false,
    celebrity BOOLEAN NOT NULL DEFAULT false,
    celebrity_ended_at BIGINT,
    post_count BIGINT NOT NULL DEFAULT 0,
    follower_count BIGINT NOT NULL DEFAULT 0,
    following_count BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT
) WITH (fillfactor = 85);

CREATE TABLE sessions (
    token_hash BYTEA PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE saved_replies (
    scope TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    status INTEGER NOT NULL,
    body BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (scope, idempotency_key)
);
CREATE INDEX saved_replies_by_age ON saved_replies (created_at);

-- Graph.

CREATE TABLE follows (
    position BIGINT GENERATED ALWAYS AS IDENTITY,
    follower_id BIGINT NOT NULL,
    followee_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (follower_id, followee_id),
    CHECK (follower_id <> followee_id)
);
CREATE INDEX follows_by_follower ON follows (follower_id, position) INCLUDE (followee_id);
CREATE INDEX follows_by_followee ON follows (followee_id, position) INCLUDE (follower_id);

CREATE TABLE blocks (
    blocker_id BIGINT NOT NULL,
    blocked_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (blocker_id, blocked_id),
    CHECK (blocker_id <> blocked_id)
);

CREATE TABLE mutes (
    muter_id BIGINT NOT NULL,
    muted_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (muter_id, muted_id),
    CHECK (muter_id <> muted_id)
);

-- Uploads, posts and the jobs between them.

CREATE TABLE uploads (
    id BYTEA PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id),
    object_key TEXT NOT NULL,
    content_type TEXT NOT NULL,
    file_size_bytes BIGINT NOT NULL,
    status TEXT NOT NULL,
    caption TEXT NOT NULL,
    alt_text TEXT NOT NULL,
    error TEXT,
    post_id BIGINT,
    idempotency_key TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX uploads_by_key ON uploads (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX uploads_pending ON uploads (expires_at) WHERE status = 'pending';

CREATE TABLE upload_quota (
    user_id BIGINT NOT NULL,
    day BIGINT NOT NULL,
    used BIGINT NOT NULL,
    PRIMARY KEY (user_id, day)
);
CREATE INDEX upload_quota_by_day ON upload_quota (day);

-- `due_at` says when a queued job may be claimed, and when a leased job's lease ends. The high bits of a lease
-- token are the number of the node that holds it, here and in the outbox.
CREATE TABLE media_jobs (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    upload_id BYTEA NOT NULL UNIQUE,
    user_id BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'leased', 'dead')),
    attempts BIGINT NOT NULL,
    lease_token BIGINT,
    due_at BIGINT NOT NULL,
    last_error TEXT,
    created_at BIGINT NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
CREATE INDEX media_jobs_by_state ON media_jobs (state);

CREATE TABLE posts (
    id BIGINT PRIMARY KEY,
    author_id BIGINT NOT NULL REFERENCES users (id),
    upload_id BYTEA NOT NULL UNIQUE,
    original_key TEXT NOT NULL,
    caption TEXT NOT NULL,
    alt_text TEXT NOT NULL,
    hashtags TEXT[] NOT NULL,
    media_kind TEXT NOT NULL,
    blurhash TEXT NOT NULL,
    width BIGINT NOT NULL,
    height BIGINT NOT NULL,
    edited_at BIGINT
);
CREATE INDEX posts_by_author ON posts (author_id, id);

-- Engagement. A like and a comment remember the counter shard that they were counted in.

CREATE SEQUENCE like_positions;

CREATE TABLE likes (
    post_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    shard INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (post_id, user_id)
) PARTITION BY HASH (post_id);
CREATE INDEX likes_by_position ON likes (post_id, position);
DO $$
BEGIN
    FOR remainder IN 0..15 LOOP
        EXECUTE format('CREATE TABLE likes_%s PARTITION OF likes FOR VALUES WITH (MODULUS 16, REMAINDER %s)',
                       remainder, remainder);
    END LOOP;
END $$;

CREATE TABLE comments (
    id BIGINT PRIMARY KEY,
    post_id BIGINT NOT NULL,
    author_id BIGINT NOT NULL,
    text TEXT NOT NULL,
    shard INTEGER NOT NULL,
    idempotency_key TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX comments_by_post ON comments (post_id, id);
CREATE UNIQUE INDEX comments_by_key ON comments (author_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE counters (
    post_id BIGINT NOT NULL,
    shard INTEGER NOT NULL,
    version BIGINT NOT NULL,
    likes BIGINT NOT NULL,
    comments BIGINT NOT NULL,
    PRIMARY KEY (post_id, shard)
) WITH (fillfactor = 70);

-- Likes and comments by post and hour, moved with the counters: what a decayed window is filled from. Spread by
-- shard as the counters are, so that the shards of one hot post do not wait for each other; one shard's number
-- means nothing by itself and may be negative.
CREATE TABLE engagement_hours (
    hour BIGINT NOT NULL,
    post_id BIGINT NOT NULL,
    shard INTEGER NOT NULL,
    engagements BIGINT NOT NULL,
    PRIMARY KEY (hour, post_id, shard)
) WITH (fillfactor = 70);

-- Notifications. `post_id` is 0 where there is none.

CREATE TABLE notifications (
    id BIGINT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    post_id BIGINT NOT NULL,
    actor_ids BIGINT[] NOT NULL,
    actor_count BIGINT NOT NULL,
    is_read BOOLEAN NOT NULL DEFAULT false,
    updated_at BIGINT NOT NULL
);
CREATE INDEX notifications_by_time ON notifications (user_id, updated_at, id);
CREATE UNIQUE INDEX notifications_unread ON notifications (user_id, kind, post_id) WHERE NOT is_read;

CREATE TABLE notification_signals (
    user_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    post_id BIGINT NOT NULL,
    actor_id BIGINT NOT NULL,
    PRIMARY KEY (user_id, kind, post_id, actor_id)
);

-- The outbox. Its rows live for milliseconds, so it is vacuumed often.

CREATE TABLE outbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event TEXT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    lease_token BIGINT,
    due_at BIGINT NOT NULL DEFAULT 0,
    is_dead BOOLEAN NOT NULL DEFAULT false,
    last_error TEXT
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX outbox_dead ON outbox (id) WHERE is_dead;

-- Timelines, advertisements, upkeep.

CREATE TABLE timeline_checkpoints (
    user_id BIGINT PRIMARY KEY,
    checkpoint BYTEA NOT NULL
);

CREATE TABLE ads (
    id BIGINT PRIMARY KEY,
    post_id BIGINT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    daily_budget BIGINT NOT NULL,
    frequency_cap BIGINT NOT NULL
);

CREATE TABLE ad_impressions (
    user_id BIGINT NOT NULL,
    day BIGINT NOT NULL,
    ad_id BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (user_id, day, ad_id)
);
CREATE INDEX ad_impressions_by_day ON ad_impressions (day);

CREATE TABLE ad_days (
    ad_id BIGINT NOT NULL,
    day BIGINT NOT NULL,
    impressions BIGINT NOT NULL,
    PRIMARY KEY (ad_id, day)
);

-- The highest id that was ever deleted, so that the floor for new ids holds without its row.
CREATE TABLE deleted_id_watermark (
    only_row BOOLEAN PRIMARY KEY DEFAULT true CHECK (only_row),
    id BIGINT NOT NULL
);
INSERT INTO deleted_id_watermark (id) VALUES (0);
