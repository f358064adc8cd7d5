-- Hashtags and search. Words are lower case; the domain splits names into them. The collation "C" makes prefixes ranges.

CREATE TABLE post_hashtags (
    tag TEXT COLLATE "C" NOT NULL,
    post_id BIGINT NOT NULL,
    PRIMARY KEY (tag, post_id)
);
CREATE INDEX post_hashtags_by_post ON post_hashtags (post_id);
INSERT INTO post_hashtags (tag, post_id) SELECT DISTINCT tag, posts.id FROM posts, unnest(posts.hashtags) AS tag;

CREATE TABLE hashtag_follows (
    user_id BIGINT NOT NULL,
    tag TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, tag)
);

CREATE TABLE user_words (
    word TEXT COLLATE "C" NOT NULL,
    user_id BIGINT NOT NULL,
    PRIMARY KEY (word, user_id)
);
CREATE INDEX user_words_by_user ON user_words (user_id);

-- Accounts that are there already.
INSERT INTO user_words (word, user_id)
SELECT username, id FROM users
UNION
SELECT word, id FROM users, regexp_split_to_table(lower(username || ' ' || display_name), '[^[:alnum:]]+') AS word
WHERE word <> '';
