-- Hashtags and search. Words are lower case; the domain splits names into them.

CREATE INDEX post_hashtags_by_tag ON post_hashtags (tag, post_id);

CREATE TABLE hashtag_follows (
    user_id INTEGER NOT NULL REFERENCES users (id),
    tag TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, tag)
) STRICT, WITHOUT ROWID;

CREATE TABLE user_words (
    word TEXT NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id),
    PRIMARY KEY (word, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_words_by_user ON user_words (user_id);

-- Accounts that are there already: their names, split at spaces, full stops and underscores.
INSERT INTO user_words (word, user_id)
WITH RECURSIVE split (user_id, word, rest) AS (
    SELECT id, username, replace(replace(username, '.', ' '), '_', ' ') || ' ' || lower(display_name) || ' ' FROM users
    UNION ALL
    SELECT user_id, substr(rest, 1, instr(rest, ' ') - 1), substr(rest, instr(rest, ' ') + 1)
    FROM split WHERE rest <> '')
SELECT DISTINCT word, user_id FROM split WHERE word <> '';
