-- The ledger. Ids are 64-bit numbers, times are Unix milliseconds, flags are 0 or 1.
--
-- A column named `position` is an INTEGER PRIMARY KEY (or counted by hand) and grows with time: lists
-- are paged by it. Foreign keys stand only where the insert is not on a hot path; likes, comments and
-- counters check the post themselves.

CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    bio TEXT NOT NULL DEFAULT '',
    password_hash TEXT NOT NULL,
    private INTEGER NOT NULL DEFAULT 0,
    celebrity INTEGER NOT NULL DEFAULT 0,
    celebrity_ended_at INTEGER,
    post_count INTEGER NOT NULL DEFAULT 0,
    follower_count INTEGER NOT NULL DEFAULT 0,
    following_count INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;

CREATE TABLE sessions (
    token_hash BLOB PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE saved_replies (
    scope TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    status INTEGER NOT NULL,
    body BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (scope, idempotency_key)
) STRICT;
CREATE INDEX saved_replies_by_age ON saved_replies (created_at);

-- Graph.

CREATE TABLE follows (
    position INTEGER PRIMARY KEY,
    follower_id INTEGER NOT NULL REFERENCES users (id),
    followee_id INTEGER NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    UNIQUE (follower_id, followee_id),
    CHECK (follower_id <> followee_id)
) STRICT;
-- Both end in the position, as every index ends in its row's key.
CREATE INDEX follows_by_follower ON follows (follower_id);
CREATE INDEX follows_by_followee ON follows (followee_id);

CREATE TABLE blocks (
    blocker_id INTEGER NOT NULL,
    blocked_id INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (blocker_id, blocked_id),
    CHECK (blocker_id <> blocked_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE mutes (
    muter_id INTEGER NOT NULL,
    muted_id INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (muter_id, muted_id),
    CHECK (muter_id <> muted_id)
) STRICT, WITHOUT ROWID;

-- Uploads, posts and the jobs between them.

CREATE TABLE uploads (
    id BLOB PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id),
    object_key TEXT NOT NULL,
    content_type TEXT NOT NULL,
    file_size_bytes INTEGER NOT NULL,
    status TEXT NOT NULL,
    caption TEXT NOT NULL,
    alt_text TEXT NOT NULL,
    error TEXT,
    post_id INTEGER,
    idempotency_key TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX uploads_by_key ON uploads (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX uploads_pending ON uploads (expires_at) WHERE status = 'pending';

CREATE TABLE upload_quota (
    user_id INTEGER NOT NULL,
    day INTEGER NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (user_id, day)
) STRICT, WITHOUT ROWID;

-- `due_at` says when a queued job may be claimed, and when a leased job's lease ends.
CREATE TABLE media_jobs (
    id INTEGER PRIMARY KEY,
    upload_id BLOB NOT NULL UNIQUE,
    user_id INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'leased', 'dead')),
    attempts INTEGER NOT NULL,
    lease_token INTEGER,
    due_at INTEGER NOT NULL,
    last_error TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX media_jobs_by_state ON media_jobs (state);

CREATE TABLE posts (
    id INTEGER PRIMARY KEY,
    author_id INTEGER NOT NULL REFERENCES users (id),
    upload_id BLOB NOT NULL UNIQUE,
    original_key TEXT NOT NULL,
    caption TEXT NOT NULL,
    alt_text TEXT NOT NULL,
    media_kind TEXT NOT NULL,
    blurhash TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    edited_at INTEGER
) STRICT;
-- Ends in the post's id: one author's posts by time, without touching the rows.
CREATE INDEX posts_by_author ON posts (author_id);

CREATE TABLE post_hashtags (
    post_id INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (post_id, ordinal)
) STRICT, WITHOUT ROWID;

-- Engagement. A like and a comment remember the counter shard that they were counted in.

CREATE TABLE likes (
    post_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    shard INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (post_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX likes_by_position ON likes (post_id, position);

CREATE TABLE comments (
    id INTEGER PRIMARY KEY,
    post_id INTEGER NOT NULL,
    author_id INTEGER NOT NULL,
    text TEXT NOT NULL,
    shard INTEGER NOT NULL,
    idempotency_key TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX comments_by_post ON comments (post_id);
CREATE UNIQUE INDEX comments_by_key ON comments (author_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE counters (
    post_id INTEGER NOT NULL,
    shard INTEGER NOT NULL,
    version INTEGER NOT NULL,
    likes INTEGER NOT NULL,
    comments INTEGER NOT NULL,
    PRIMARY KEY (post_id, shard)
) STRICT, WITHOUT ROWID;

-- Likes and comments by post and hour, moved with the counters: what a decayed window is filled from.
CREATE TABLE engagement_hours (
    hour INTEGER NOT NULL,
    post_id INTEGER NOT NULL,
    engagements INTEGER NOT NULL,
    PRIMARY KEY (hour, post_id)
) STRICT, WITHOUT ROWID;

-- Notifications. `post_id` is 0 where there is none.

CREATE TABLE notifications (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    post_id INTEGER NOT NULL,
    actor_ids TEXT NOT NULL,
    actor_count INTEGER NOT NULL,
    is_read INTEGER NOT NULL DEFAULT 0,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX notifications_by_time ON notifications (user_id, updated_at);
CREATE UNIQUE INDEX notifications_unread ON notifications (user_id, kind, post_id) WHERE is_read = 0;

CREATE TABLE notification_signals (
    user_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    post_id INTEGER NOT NULL,
    actor_id INTEGER NOT NULL,
    PRIMARY KEY (user_id, kind, post_id, actor_id)
) STRICT, WITHOUT ROWID;

-- The outbox. Its numbers are never used twice, so that consumers may remember them.

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    lease_token INTEGER,
    due_at INTEGER NOT NULL DEFAULT 0,
    is_dead INTEGER NOT NULL DEFAULT 0,
    last_error TEXT
) STRICT;
CREATE INDEX outbox_pending ON outbox (id) WHERE is_dead = 0;
CREATE INDEX outbox_dead ON outbox (id) WHERE is_dead = 1;

-- Timelines, advertisements, upkeep.

CREATE TABLE timeline_checkpoints (
    user_id INTEGER PRIMARY KEY,
    checkpoint BLOB NOT NULL
) STRICT;

CREATE TABLE ads (
    id INTEGER PRIMARY KEY,
    post_id INTEGER NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    daily_budget INTEGER NOT NULL,
    frequency_cap INTEGER NOT NULL
) STRICT;

CREATE TABLE ad_impressions (
    user_id INTEGER NOT NULL,
    day INTEGER NOT NULL,
    ad_id INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (user_id, day, ad_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE ad_days (
    ad_id INTEGER NOT NULL,
    day INTEGER NOT NULL,
    impressions INTEGER NOT NULL,
    PRIMARY KEY (ad_id, day)
) STRICT, WITHOUT ROWID;

-- The highest id that was ever deleted, so that the floor for new ids holds without its row.
CREATE TABLE deleted_id_watermark (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    id INTEGER NOT NULL
) STRICT;
INSERT INTO deleted_id_watermark (only_row, id) VALUES (1, 0);
